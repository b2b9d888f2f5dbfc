/** Reductions: one number from all elements along some axes. */
import { floatDType } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { type Axis, normalizeAxes } from "../array/shape.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { div } from "./arithmetic.js";
import { sumOver } from "./broadcast.js";
import { reshape } from "./reshape.js";

/**
 * Options of reductions.
 * @category Reductions
 */
export interface ReduceOptions {
  /** Axes to reduce over, negative ones counted from the end; default all. */
  readonly axis?: Axis;
  /** Keep reduced axes with extent 1; default false. */
  readonly keepDims?: boolean;
}

/** Splits the work common to reductions: axes checked, result reshaped when they are to be kept. */
export function reduceWith(fn: string, input: ArrayInput, options: ReduceOptions, reduce: (x: NdArray, axes: readonly number[]) => NdArray): NdArray {
  const x = toArray(fn, input);
  const axes = normalizeAxes(fn, options.axis, x.shape.length);
  const y = reduce(x, axes);
  return options.keepDims ? reshape(y, x.shape.map((extent, i) => (axes.includes(i) ? 1 : extent))) : y;
}

/**
 * The sum $\sum_i x_i$ over the given axes; 0 for an empty axis.
 *
 * Long sums are formed pairwise, so the rounding error grows like $\log n$. Booleans and bytes are counted in int32.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, sum, toNested } from "@provably/core-tensor";
 *
 * item(sum([[1, 2], [3, 4]])); // => 10
 * toNested(sum([[1, 2], [3, 4]], { axis: 0 })); // => [4, 6]
 * ```
 * @see Higham (1993), "The accuracy of floating point summation"
 * @category Reductions
 */
export function sum(x: ArrayInput, options: ReduceOptions = {}): NdArray {
  return reduceWith("sum", x, options, sumOver);
}

/**
 * The arithmetic mean $\frac1n \sum_i x_i$ over the given axes; NaN for an empty axis.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns float array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, mean } from "@provably/core-tensor";
 *
 * item(mean([1, 2, 6])); // => 3
 * ```
 * @category Reductions
 */
export function mean(x: ArrayInput, options: ReduceOptions = {}): NdArray {
  return reduceWith("mean", x, options, (a, axes) => {
    const count = axes.reduce((n, axis) => n * a.shape[axis]!, 1);
    return div(sumOver(convert(a, floatDType(a.dtype)), axes), count);
  });
}
