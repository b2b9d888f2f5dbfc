/** Reductions that pass over NaN. */
import { NONE, type Schema, checkOptions, finiteNumber, within, extended } from "../check/index.js";
import { floatDType, isFloat } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { axisOf } from "../array/shape.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { div, square, sub } from "./arithmetic.js";
import { greater, isNan, logicalNot, where } from "./comparison.js";
import { cumsum } from "./cumulative.js";
import { sqrt } from "./exponential.js";
import { type ArgOptions, argmax, argmin, max, min } from "./extremum.js";
import type { AxisOptions } from "./join.js";
import type { VarianceOptions } from "./moments.js";
import { REDUCE, type ReduceOptions, all, prod, reduceOver, reduceWith, sum } from "./reduce.js";

const filled = (x: NdArray, value: number): NdArray =>
  isFloat(x.dtype) ? where(isNan(x), value, x) : x;

/** How many elements are numbers, as floats. */
function countOf(x: NdArray, axis: readonly number[], keepDims = false): NdArray {
  return sum(convert(logicalNot(isNan(x)), x.dtype), { axis, keepDims });
}

/**
 * The sum over the given axes without NaN; 0 where there is nothing else.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { nanSum, toNested } from "@provably/core-tensor";
 *
 * toNested(nanSum([[1, NaN], [2, 3]], { axis: 0 })); // => [3, 3]
 * ```
 * @category Reductions
 */
export function nanSum(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("nanSum", x, options, (a, axis) => sum(filled(a, 0), { axis }));
}

/**
 * The product over the given axes without NaN; 1 where there is nothing else.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { nanProd, toNested } from "@provably/core-tensor";
 *
 * toNested(nanProd([[2, NaN], [2, 3]], { axis: 0 })); // => [4, 3]
 * ```
 * @category Reductions
 */
export function nanProd(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("nanProd", x, options, (a, axis) => prod(filled(a, 1), { axis }));
}

/**
 * The mean over the given axes without NaN; NaN where there is nothing else.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns float array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { nanMean, toNested } from "@provably/core-tensor";
 *
 * toNested(nanMean([[1, NaN], [2, 3]], { axis: 0 })); // => [1.5, 3]
 * ```
 * @category Reductions
 */
export function nanMean(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("nanMean", x, options, (given, axis) => {
    const a = convert(given, floatDType(given.dtype));
    return div(sum(filled(a, 0), { axis }), countOf(a, axis));
  });
}

const VARIANCE: Schema<VarianceOptions> = /* @__PURE__ */ extended(REDUCE, {
  correction: finiteNumber,
});

function nanVarianceWith(fn: string, x: ArrayInput, options: VarianceOptions): NdArray {
  const { correction = 0 } = checkOptions(fn, options, VARIANCE);
  return reduceOver(fn, x, options, (given, axis) => {
    const a = convert(given, floatDType(given.dtype));
    const mean = div(sum(filled(a, 0), { axis, keepDims: true }), countOf(a, axis, true));
    // filled before anything is computed with them: NaN times 0 would come back as a derivative
    const centred = where(isNan(a), 0, sub(filled(a, 0), mean));
    const squares = sum(square(centred), { axis });
    const divisor = sub(countOf(a, axis), correction);
    return where(greater(divisor, 0), div(squares, divisor), NaN);
  });
}

/**
 * The variance over the given axes without NaN; NaN where nothing is left to divide by.
 *
 * @param x - any shape
 * @param options - see {@link VarianceOptions}
 * @returns float array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { nanVariance, toNested } from "@provably/core-tensor";
 *
 * toNested(nanVariance([[1, NaN], [3, 3]], { axis: 0 })); // => [1, 0]
 * ```
 * @category Reductions
 */
export function nanVariance(x: ArrayInput, options: VarianceOptions = NONE): NdArray {
  return nanVarianceWith("nanVariance", x, options);
}

/**
 * The standard deviation over the given axes without NaN: the square root of the {@link nanVariance}.
 *
 * @param x - any shape
 * @param options - see {@link VarianceOptions}
 * @returns float array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { nanStd, toNested } from "@provably/core-tensor";
 *
 * toNested(nanStd([[1, NaN], [3, 3]], { axis: 0 })); // => [1, 0]
 * ```
 * @category Reductions
 */
export function nanStd(x: ArrayInput, options: VarianceOptions = NONE): NdArray {
  return sqrt(nanVarianceWith("nanStd", x, options));
}

/**
 * The greatest number over the given axes, NaN passed over; NaN where there is nothing else.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { nanMax, toNested } from "@provably/core-tensor";
 *
 * toNested(nanMax([[1, NaN], [2, 3]], { axis: 0 })); // => [2, 3]
 * ```
 * @category Reductions
 */
export function nanMax(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("nanMax", x, options, (a, axis) =>
    within("nanMax", () => whereAny(a, axis, max(filled(a, -Infinity), { axis }))),
  );
}

/**
 * The smallest number over the given axes, NaN passed over; NaN where there is nothing else.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { nanMin, toNested } from "@provably/core-tensor";
 *
 * toNested(nanMin([[1, NaN], [2, 3]], { axis: 0 })); // => [1, 3]
 * ```
 * @category Reductions
 */
export function nanMin(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("nanMin", x, options, (a, axis) =>
    within("nanMin", () => whereAny(a, axis, min(filled(a, Infinity), { axis }))),
  );
}

/** `value` where there is a number, else NaN. */
function whereAny(x: NdArray, axis: readonly number[], value: NdArray): NdArray {
  return isFloat(x.dtype) ? where(all(isNan(x), { axis }), NaN, value) : value;
}

/** The place, or −1 in lines without a number. */
function placed(
  fn: string,
  x: ArrayInput,
  options: ArgOptions,
  fill: number,
  place: (x: NdArray, options: ArgOptions) => NdArray,
): NdArray {
  return within(fn, () => {
    const a = toArray(fn, x);
    const at = place(filled(a, fill), options);
    return isFloat(a.dtype) ? where(all(isNan(a), options), -1, at) : at;
  });
}

/**
 * The place of the first greatest number along an axis, NaN passed over; −1 where there is nothing else.
 *
 * @param x - any shape with at least one element along the axis
 * @param options - see {@link ArgOptions}
 * @returns int32 array without the axis
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { nanArgmax, toNested } from "@provably/core-tensor";
 *
 * toNested(nanArgmax([[1, NaN, 3], [NaN, NaN, NaN]], { axis: 1 })); // => [2, -1]
 * ```
 * @category Reductions
 */
export function nanArgmax(x: ArrayInput, options: ArgOptions = NONE): NdArray {
  return placed("nanArgmax", x, options, -Infinity, argmax);
}

/**
 * The place of the first smallest number along an axis, NaN passed over; −1 where there is nothing else.
 *
 * @param x - any shape with at least one element along the axis
 * @param options - see {@link ArgOptions}
 * @returns int32 array without the axis
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { nanArgmin, toNested } from "@provably/core-tensor";
 *
 * toNested(nanArgmin([[NaN, 1, 3]], { axis: 1 })); // => [1]
 * ```
 * @category Reductions
 */
export function nanArgmin(x: ArrayInput, options: ArgOptions = NONE): NdArray {
  return placed("nanArgmin", x, options, Infinity, argmin);
}

/**
 * The running sum along an axis with NaN counted as 0.
 *
 * @param x - any shape with at least one axis
 * @param options - `axis`; default 0
 * @returns array of the shape of `x`
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { nanCumsum, toNested } from "@provably/core-tensor";
 *
 * toNested(nanCumsum([1, NaN, 2], { axis: 0 })); // => [1, 1, 3]
 * ```
 * @category Reductions
 */
export function nanCumsum(x: ArrayInput, options: AxisOptions = NONE): NdArray {
  const a = toArray("nanCumsum", x);
  return cumsum(filled(a, 0), { axis: axisOf("nanCumsum", options, 0, a.shape.length) });
}
