/** Reading arrays as plain float64 numbers. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  toTypedArray,
} from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";

/** Row-major numbers of a float64 array; the array's own where it lies like that. To be read only. */
export function numbers(x: NdArray): Float64Array {
  let run = 1;
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    if (x.shape[axis] !== 1 && x.stride[axis] !== run) return toTypedArray(x) as Float64Array;
    run *= x.shape[axis]!;
  }
  return (x.data as Float64Array).subarray(x.offset, x.offset + x.size);
}

/** Finite float64 numbers of an argument, of a given shape when one is given. */
export function finite(
  fn: string,
  name: string,
  input: ArrayInput,
  shape?: readonly number[],
): Float64Array {
  const x = array(input, { dtype: "float64" });
  if (shape !== undefined && x.shape.join() !== shape.join())
    throw new ShapeError(
      `${fn}: ${name} must have shape [${shape.join(", ")}], got [${x.shape.join(", ")}]`,
    );
  const data = numbers(x);
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]))
      throw new DomainError(`${fn}: ${name} must be finite, got ${data[i]} at flat index ${i}`);
  return data;
}

/** Rows that are distributions within 1e-9. */
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
    if (!(Math.abs(sum - 1) <= 1e-9))
      throw new DomainError(`${fn}: ${name} must sum to 1, got ${sum} in row ${row}`);
  }
  return data;
}

export function positive(fn: string, name: string, x: number): number {
  if (!(Number.isFinite(x) && x > 0))
    throw new DomainError(`${fn}: ${name} must be positive and finite, got ${show(x)}`);
  return x;
}

export function atLeast(fn: string, name: string, x: number, low: number, high = Infinity): number {
  if (!(Number.isFinite(x) && x >= low && x <= high))
    throw new DomainError(`${fn}: ${name} must lie in [${low}, ${high}], got ${show(x)}`);
  return x;
}

/** An array whose storage is `data`, which nobody writes to any more. */
export function wrap(data: Float64Array, shape?: readonly number[]): NdArray<"float64"> {
  return array<"float64">(data, shape === undefined ? { copy: false } : { shape, copy: false });
}
