/** Reading arrays as plain float64 numbers. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { type Guard, flatNumbers, satisfying, within } from "@provably/core-tensor/internal";

/** An argument as a float64 array. */
export function read(fn: string, name: string, input: ArrayInput): NdArray<"float64"> {
  return within(`${fn}: ${name}`, () => array<"float64">(input, { dtype: "float64" }));
}

/** Float64 numbers of an argument, of a given shape when one is given. */
export function sized(
  fn: string,
  name: string,
  input: ArrayInput,
  shape?: readonly number[],
): Float64Array {
  const x = read(fn, name, input);
  if (shape !== undefined && x.shape.join() !== shape.join())
    throw new ShapeError(
      `${fn}: ${name} must have shape [${shape.join(", ")}], got [${x.shape.join(", ")}]`,
    );
  return flatNumbers(x);
}

/** The same, all of them finite. */
export function finite(
  fn: string,
  name: string,
  input: ArrayInput,
  shape?: readonly number[],
): Float64Array {
  const data = sized(fn, name, input, shape);
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]))
      throw new DomainError(`${fn}: ${name} must be finite, got ${data[i]} at flat index ${i}`);
  return data;
}

/** How far the sum of probabilities may be from 1: float32 tables come as their softmax left them. */
const slack = (input: ArrayInput): number =>
  (input as Partial<NdArray> | null)?.dtype === "float32" || input instanceof Float32Array
    ? 1e-5
    : 1e-9;

/** Rows that are distributions. */
export function distributions(
  fn: string,
  name: string,
  input: ArrayInput,
  shape: readonly number[],
): Float64Array {
  const data = finite(fn, name, input, shape);
  const n = shape[shape.length - 1]!;
  for (let row = 0; row * n < data.length; row++) {
    let sum = 0;
    for (let k = 0; k < n; k++) {
      const p = data[row * n + k]!;
      if (p < 0) throw new DomainError(`${fn}: ${name} must be ≥ 0, got ${p} in row ${row}`);
      sum += p;
    }
    if (!(Math.abs(sum - 1) <= slack(input)))
      throw new DomainError(`${fn}: ${name} must sum to 1, got ${sum} in row ${row}`);
  }
  return data;
}

/** Rows that are logarithms of distributions, all finite. */
export function logDistributions(
  fn: string,
  name: string,
  input: ArrayInput,
  shape: readonly number[],
): Float64Array {
  const data = finite(fn, name, input, shape);
  const n = shape[shape.length - 1]!;
  for (let at = 0; at < data.length; at += n) {
    const row = data.subarray(at, at + n);
    const total = row.reduce((sum, l) => sum + Math.exp(l), 0);
    if (Math.abs(total - 1) <= slack(input)) continue;
    const plain = Math.abs(row.reduce((a, b) => a + b, 0) - 1) < 1e-6 && row.every((p) => p >= 0);
    throw new DomainError(
      `${fn}: ${name} must be logarithms of distributions; ${plain ? "take the logarithm of probabilities" : `the probabilities of row ${at / n} sum to ${total}`}`,
    );
  }
  return data;
}

/** A share of wrong labels, in [0, 1). */
export const share: Guard<number> = satisfying(
  "in [0, 1)",
  (x) => typeof x === "number" && x >= 0 && x < 1,
);

/** An array whose storage is `data`, which nobody writes to any more. */
export function wrap(data: Float64Array, shape?: readonly number[]): NdArray<"float64"> {
  return array<"float64">(data, shape === undefined ? { copy: false } : { shape, copy: false });
}
