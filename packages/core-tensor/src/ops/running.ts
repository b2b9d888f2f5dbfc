/** Running extrema along an axis. */
import { NONE } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { axisOf } from "../array/shape.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { maximum, minimum } from "./bounds.js";
import { type AxisOptions, concat } from "./join.js";
import { sliceAxis } from "./slice.js";

/** Inclusive scan by doubling: after step s each place has seen the 2^s places up to it. */
function running(
  fn: string,
  x: ArrayInput,
  options: AxisOptions,
  combine: (a: ArrayInput, b: ArrayInput) => NdArray,
): NdArray {
  let y = toArray(fn, x);
  const axis = axisOf(fn, options, 0, y.shape.length);
  const n = y.shape[axis]!;
  for (let shift = 1; shift < n; shift *= 2) {
    const later = combine(sliceAxis(y, axis, shift, n), sliceAxis(y, axis, 0, n - shift));
    y = concat([sliceAxis(y, axis, 0, shift), later], { axis });
  }
  return y;
}

/**
 * The greatest element so far along an axis; NaN from the first NaN on.
 *
 * @param x - any shape with at least one axis
 * @param options - `axis`; default 0
 * @returns array of the shape of `x`
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { cumMax, toNested } from "@provably/core-tensor";
 *
 * toNested(cumMax([1, 3, 2], { axis: 0 })); // => [1, 3, 3]
 * ```
 * @category Reductions
 */
export function cumMax(x: ArrayInput, options: AxisOptions = NONE): NdArray {
  return running("cumMax", x, options, maximum);
}

/**
 * The smallest element so far along an axis; NaN from the first NaN on.
 *
 * @param x - any shape with at least one axis
 * @param options - `axis`; default 0
 * @returns array of the shape of `x`
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { cumMin, toNested } from "@provably/core-tensor";
 *
 * toNested(cumMin([3, 1, 2], { axis: 0 })); // => [3, 1, 1]
 * ```
 * @category Reductions
 */
export function cumMin(x: ArrayInput, options: AxisOptions = NONE): NdArray {
  return running("cumMin", x, options, minimum);
}
