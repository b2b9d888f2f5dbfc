/** Checks of arguments; each names the function and the argument. */
import { DomainError, type NdArray, ShapeError, toTypedArray } from "@provably/core-tensor";
import { check, show, tensor, wholeNumber } from "@provably/core-tensor/internal";

export function checkInteger(fn: string, name: string, value: number, least: number): void {
  check(fn, name, value, wholeNumber(least));
}

export function checkPositive(fn: string, name: string, value: number): void {
  if (!Number.isFinite(value) || value <= 0)
    throw new DomainError(`${fn}: ${name} must be positive and finite, got ${show(value)}`);
}

export function checkNotNegative(fn: string, name: string, value: number): void {
  if (!Number.isFinite(value) || value < 0)
    throw new DomainError(`${fn}: ${name} must be finite and ≥ 0, got ${show(value)}`);
}

/** A copy of the elements as float64, after a check of the shape and of every element. */
export function finiteCopy(
  fn: string,
  name: string,
  x: NdArray,
  shape: readonly number[],
): Float64Array {
  check(fn, name, x, tensor);
  if (x.shape.length !== shape.length || x.shape.some((extent, i) => extent !== shape[i]))
    throw new ShapeError(
      `${fn}: ${name} must have shape [${shape.join(", ")}], got [${x.shape.join(", ")}]`,
    );
  const data = Float64Array.from(toTypedArray(x));
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new DomainError(`${fn}: ${name} must be finite, element ${bad} is ${data[bad]!}`);
  return data;
}
