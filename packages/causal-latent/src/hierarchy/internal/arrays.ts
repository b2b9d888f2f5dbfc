/** Between arrays of the core and the flat float64 numbers that the loops here work on. */
import { type ArrayInput, type NdArray, array, toTypedArray } from "@provably/core-tensor";

/** A row-major copy of the elements as float64. */
export function float64Of(x: ArrayInput): {
  readonly data: Float64Array;
  readonly shape: readonly number[];
} {
  const a = array<"float64">(x, { dtype: "float64" });
  return { data: toTypedArray(a), shape: a.shape };
}

/** Float64 numbers as an array of a shape. */
export function toArray(data: Float64Array, shape: readonly number[]): NdArray<"float64"> {
  return array<"float64">(data, { shape: [...shape], dtype: "float64" });
}

/** Whole numbers as an array of a shape. */
export function toInts(data: Int32Array, shape: readonly number[]): NdArray<"int32"> {
  return array<"int32">(data, { shape: [...shape], dtype: "int32" });
}

export function product(x: readonly number[]): number {
  return x.reduce((a, b) => a * b, 1);
}

export function sumOf(x: ArrayLike<number>): number {
  let s = 0;
  for (let i = 0; i < x.length; i++) s += x[i]!;
  return s;
}
