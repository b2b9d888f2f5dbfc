/** Mean, variance and standard deviation along axes. */
import { NONE, type Schema, checkOptions, finiteNumber, extended } from "../check/index.js";
import { floatDType } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { convert } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { div, square, sub } from "./arithmetic.js";
import { sumOver } from "./broadcast.js";
import { sqrt } from "./exponential.js";
import { REDUCE, type ReduceOptions, reduceOver, reduceWith } from "./reduce.js";

function countOver(shape: readonly number[], axes: readonly number[]): number {
  return axes.reduce((n, axis) => n * shape[axis]!, 1);
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
export function mean(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("mean", x, options, (a, axes) =>
    div(sumOver(convert(a, floatDType(a.dtype)), axes), countOver(a.shape, axes)),
  );
}

/**
 * Options of {@link variance} and {@link std}.
 * @category Reductions
 */
export interface VarianceOptions extends ReduceOptions {
  /** Subtracted from the count in the divisor: 0 for the population (the default), 1 for the unbiased estimate. */
  readonly correction?: number;
}

/**
 * The variance $\frac{1}{n - c}\sum_i (x_i - \bar x)^2$ over the given axes, in two passes.
 *
 * @param x - any shape
 * @param options - see {@link VarianceOptions}
 * @returns float array without the reduced axes; NaN where nothing is left to divide by
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, variance } from "@provably/core-tensor";
 *
 * item(variance([1, 2, 3, 4])); // => 1.25
 * ```
 * @category Reductions
 */
export function variance(x: ArrayInput, options: VarianceOptions = NONE): NdArray {
  return varianceWith("variance", x, options);
}

const VARIANCE: Schema<VarianceOptions> = /* @__PURE__ */ extended(REDUCE, {
  correction: finiteNumber,
});

function varianceWith(fn: string, x: ArrayInput, options: VarianceOptions): NdArray {
  const { correction = 0 } = checkOptions(fn, options, VARIANCE);
  return reduceOver(fn, x, options, (a, axes) => {
    const centred = sub(a, mean(a, { axis: axes, keepDims: true }));
    return div(sumOver(square(centred), axes), countOver(a.shape, axes) - correction);
  });
}

/**
 * The standard deviation: the square root of the {@link variance}.
 *
 * @param x - any shape
 * @param options - see {@link VarianceOptions}
 * @returns float array without the reduced axes; NaN where nothing is left to divide by
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, std } from "@provably/core-tensor";
 *
 * item(std([1, 3])); // => 1
 * ```
 * @category Reductions
 */
export function std(x: ArrayInput, options: VarianceOptions = NONE): NdArray {
  return sqrt(varianceWith("std", x, options));
}
