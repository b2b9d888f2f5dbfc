/** Arrays of numbers as callers bring them, read with errors that name the function and the argument. */
import {
  type ArrayInput,
  CoreTensorError,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { flatNumbers } from "@provably/core-tensor/internal";

/** A float64 array of what was passed. */
export function float64(fn: string, name: string, x: ArrayInput): NdArray<"float64"> {
  try {
    return array<"float64">(x, { dtype: "float64" });
  } catch (error) {
    if (!(error instanceof CoreTensorError)) throw error;
    const Kind = error instanceof ShapeError ? ShapeError : DomainError;
    throw new Kind(`${fn}: ${name} must be numbers: ${error.message.replace(/^\w+: /, "")}`);
  }
}

/** The numbers of an array that must have the given shape. */
export function shaped(
  fn: string,
  name: string,
  x: ArrayInput,
  shape: readonly number[],
): Float64Array {
  const read = float64(fn, name, x);
  if (read.shape.join() !== shape.join())
    throw new ShapeError(
      `${fn}: ${name} must have shape [${shape.join(", ")}], got [${read.shape.join(", ")}]`,
    );
  return flatNumbers(read);
}

/** Indices of a row within the leading axes. */
export function placeOf(row: number, leading: readonly number[]): number[] {
  const place: number[] = [];
  for (let axis = leading.length - 1; axis >= 0; axis--) {
    place.unshift(row % leading[axis]!);
    row = Math.floor(row / leading[axis]!);
  }
  return place;
}

/** The largest number of many, and the smallest: a call with that many arguments would not fit on the stack. */
export function largest(x: ArrayLike<number>): number {
  let best = -Infinity;
  for (let i = 0; i < x.length; i++) if (!(x[i]! <= best)) best = x[i]!;
  return best;
}

export function smallest(x: ArrayLike<number>): number {
  let best = Infinity;
  for (let i = 0; i < x.length; i++) if (!(x[i]! >= best)) best = x[i]!;
  return best;
}
