/** Sums and extrema over rows or columns of contiguous arrays, and the dot product. */
import type { TypedArray } from "../../array/dtype.js";
import type { FloatArray } from "./runtime.js";

/** Arrays shorter than this are faster in plain JavaScript. */
export const REDUCE_MIN_SIZE = 256;

/** What is reduced. NaN propagates through `max` and `min`. */
export type ReduceKind = "sum" | "max" | "min" | "sumSquares";

/** Reduction of each row of `x` `[rows, cols]`: `[rows]`. `max` and `min` need `cols ≥ 1`. */
export function reduceRows<T extends FloatArray>(kind: ReduceKind, x: T, rows: number, cols: number): T | undefined {
  return undefined;
}

/** Reduction of the middle axis of `x` `[outer, rows, cols]`: `[outer, cols]`. `max` and `min` need `rows ≥ 1`. */
export function reduceColumns<T extends FloatArray>(
  kind: ReduceKind, x: T, outer: number, rows: number, cols: number,
): T | undefined {
  return undefined;
}

/** Inner product of two contiguous vectors of one length. */
export function dot<T extends FloatArray>(x: T, y: T): number | undefined {
  return undefined;
}

/** Reduction of `x`, row-major of `shape`, over `axes`, when these are adjacent (extents of 1 aside). */
export function reduceAxes(
  kind: ReduceKind, x: TypedArray, shape: readonly number[], axes: readonly number[],
): FloatArray | undefined {
  if (!(x instanceof Float32Array || x instanceof Float64Array)) return undefined;
  let outer = 1;
  let rows = 1;
  let cols = 1;
  for (const [axis, extent] of shape.entries()) {
    if (extent === 1) continue;
    if (!axes.includes(axis)) cols *= extent;
    else if (cols === 1) rows *= extent;
    else if (rows === 1) [outer, rows, cols] = [cols, extent, 1];
    else return undefined;
  }
  if (cols === 1) return reduceRows(kind, x, outer, rows);
  return reduceColumns(kind, x, outer, rows, cols);
}

/** Sum of `x` over `axes`; see {@link reduceAxes}. */
export function reduceSum(x: TypedArray, shape: readonly number[], axes: readonly number[]): FloatArray | undefined {
  return reduceAxes("sum", x, shape, axes);
}
