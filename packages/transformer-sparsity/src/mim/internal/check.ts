/** Checks of arguments; each names the function and the argument. */
import { DomainError, type NdArray, ShapeError, toTypedArray } from "@provably/core-tensor";

export function checkInteger(fn: string, name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) throw new DomainError(`${fn}: ${name} must be an integer ≥ ${least}, got ${value}`);
}

export function checkPositive(fn: string, name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value))) throw new DomainError(`${fn}: ${name} must be positive and finite, got ${value}`);
}

/** A copy of the elements as float64, after a check of the shape and of every element. */
export function finiteCopy(fn: string, name: string, x: NdArray, shape: readonly number[]): Float64Array {
  if (x.shape.length !== shape.length || x.shape.some((extent, i) => extent !== shape[i]))
    throw new ShapeError(`${fn}: ${name} must have shape [${shape.join(", ")}], got [${x.shape.join(", ")}]`);
  const data = Float64Array.from(toTypedArray(x));
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new DomainError(`${fn}: ${name} must be finite, element ${bad} is ${data[bad]!}`);
  return data;
}
