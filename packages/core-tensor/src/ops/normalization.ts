/** Normalising layers. */
import { anyRecord, check, show } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add, mul, square, sub } from "./arithmetic.js";
import { rsqrt } from "./exponential.js";
import { mean } from "./moments.js";
import { reshape } from "./reshape.js";

/**
 * Options of {@link layerNorm}, {@link rmsNorm} and {@link groupNorm}.
 * @category Networks
 */
export interface NormalizationOptions {
  /** Factor for each feature (or channel); default 1. */
  readonly scale?: ArrayInput;
  /** Added to each feature (or channel); default 0. */
  readonly shift?: ArrayInput;
  /** Added to the variance, so that constant inputs do not divide by zero; default 1e-5. */
  readonly epsilon?: number;
}

function standardize(x: NdArray, axis: number | readonly number[], epsilon: number): NdArray {
  const centred = sub(x, mean(x, { axis, keepDims: true }));
  return mul(centred, rsqrt(add(mean(square(centred), { axis, keepDims: true }), epsilon)));
}

function scaleAndShift(
  y: NdArray,
  { scale, shift }: NormalizationOptions,
  shape?: readonly number[],
): NdArray {
  const fit = (input: ArrayInput): NdArray => {
    const a = toArray("normalization", input);
    return shape === undefined ? a : reshape(a, shape);
  };
  const scaled = scale === undefined ? y : mul(y, fit(scale));
  return shift === undefined ? scaled : add(scaled, fit(shift));
}

/**
 * Each row of features with mean 0 and variance 1, $\frac{x - \bar x}{\sqrt{\operatorname{var}(x) + \varepsilon}}\,g + b$ over the last axis.
 *
 * @param x - shape `[…, d]`
 * @param options - see {@link NormalizationOptions}; `scale` and `shift` of shape `[d]`
 * @returns array of the shape of `x`; NaN where an `epsilon` of 0 leaves 0 / 0
 * @throws {@link ShapeError} when `scale` or `shift` do not fit
 * @example
 * ```ts
 * import { array, layerNorm, toNested } from "@provably/core-tensor";
 *
 * toNested(layerNorm([1, 3], { epsilon: 0 })); // => [-1, 1]
 * ```
 * @see Ba, Kiros, Hinton (2016), "Layer normalization"
 * @category Networks
 */
export function layerNorm(x: ArrayInput, options: NormalizationOptions = {}): NdArray {
  return scaleAndShift(
    standardize(
      toArray("layerNorm", x),
      -1,
      check("layerNorm", "options", options, anyRecord).epsilon ?? 1e-5,
    ),
    options,
  );
}

/**
 * Each row of features with root mean square 1, $\frac{x}{\sqrt{\overline{x^2} + \varepsilon}}\,g$ over the last axis.
 *
 * @param x - shape `[…, d]`
 * @param options - see {@link NormalizationOptions}; `scale` and `shift` of shape `[d]`
 * @returns array of the shape of `x`; NaN where an `epsilon` of 0 leaves 0 / 0
 * @throws {@link ShapeError} when `scale` or `shift` do not fit
 * @example
 * ```ts
 * import { rmsNorm, toNested } from "@provably/core-tensor";
 *
 * toNested(rmsNorm([2, -2], { epsilon: 0 })); // => [1, -1]
 * ```
 * @see Zhang, Sennrich (2019), "Root mean square layer normalization"
 * @category Networks
 */
export function rmsNorm(x: ArrayInput, options: NormalizationOptions = {}): NdArray {
  const a = toArray("rmsNorm", x);
  return scaleAndShift(
    mul(
      a,
      rsqrt(
        add(
          mean(square(a), { axis: -1, keepDims: true }),
          check("rmsNorm", "options", options, anyRecord).epsilon ?? 1e-5,
        ),
      ),
    ),
    options,
  );
}

/**
 * Each group of channels with mean 0 and variance 1 over its channels and all places.
 *
 * @param x - shape `[N, C, …]`
 * @param numGroups - a divisor of `C`
 * @param options - see {@link NormalizationOptions}; `scale` and `shift` of shape `[C]`
 * @returns array of the shape of `x`; NaN where an `epsilon` of 0 leaves 0 / 0
 * @throws {@link DomainError} when `numGroups` does not divide `C`
 * @throws {@link ShapeError} when `x` has fewer than two axes
 * @example
 * ```ts
 * import { groupNorm, ones } from "@provably/core-tensor";
 *
 * groupNorm(ones([2, 4, 3]), 2).shape; // => [2, 4, 3]
 * ```
 * @see Wu, He (2018), "Group normalization"
 * @category Networks
 */
export function groupNorm(
  x: ArrayInput,
  numGroups: number,
  options: NormalizationOptions = {},
): NdArray {
  const a = toArray("groupNorm", x);
  const [n, channels, ...places] = a.shape;
  if (n === undefined || channels === undefined)
    throw new ShapeError(`groupNorm: x must be [N, C, …], got ${formatShape(a.shape)}`);
  if (!Number.isInteger(numGroups) || numGroups < 1 || channels % numGroups !== 0)
    throw new DomainError(
      `groupNorm: numGroups must divide the ${channels} channels, got ${show(numGroups)}`,
    );
  const grouped = reshape(a, [n, numGroups, a.size === 0 ? 0 : a.size / (n * numGroups)]);
  const y = reshape(
    standardize(grouped, -1, check("groupNorm", "options", options, anyRecord).epsilon ?? 1e-5),
    a.shape,
  );
  return scaleAndShift(y, options, [channels, ...places.map(() => 1)]);
}
