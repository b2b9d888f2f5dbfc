/** Normalising layers. */
import {
  NONE,
  type Schema,
  anything,
  checkOptions,
  nonNegativeNumber,
  show,
  within,
} from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add, mul, square, sub } from "./arithmetic.js";
import { rsqrt } from "./exponential.js";
import { mean } from "./moments.js";
import { reshape } from "./reshape.js";

/**
 * Options of {@link layerNorm}, {@link rmsNorm}, {@link groupNorm} and `batchNorm`.
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

export const NORMALIZATION: Schema<NormalizationOptions> = {
  scale: anything,
  shift: anything,
  epsilon: nonNegativeNumber,
};

const LAST = { axis: -1, keepDims: true } as const;

/** Last axis divided by the root of its mean square. */
function unitSquare(x: NdArray, epsilon: number): NdArray {
  return mul(x, rsqrt(add(mean(square(x), LAST), epsilon)));
}

function standardize(x: NdArray, epsilon: number): NdArray {
  return unitSquare(sub(x, mean(x, LAST)), epsilon);
}

/** Factors and shifts for `count` features; `shape` lines them up with `y` where they are not on its last axis. */
export function scaleAndShift(
  fn: string,
  y: NdArray,
  { scale, shift }: NormalizationOptions,
  count: number,
  shape: readonly number[] = [count],
): NdArray {
  const fit = (name: string, input: ArrayInput): NdArray => {
    const a = toArray(fn, input, name);
    // one number for all features is no list of them
    if (a.size !== 1 && (a.shape.length !== 1 || a.shape[0] !== count))
      throw new ShapeError(
        `${fn}: ${name} must have shape [${count}], got ${formatShape(a.shape)}`,
      );
    return a.size === 1 ? reshape(a, []) : reshape(a, shape);
  };
  const scaled = scale === undefined ? y : mul(y, fit("scale", scale));
  return shift === undefined ? scaled : add(scaled, fit("shift", shift));
}

/** Rows of features. */
function toRows(fn: string, x: ArrayInput): NdArray {
  const a = toArray(fn, x);
  if (a.shape.length === 0)
    throw new ShapeError(`${fn}: x must be rows of features […, d], got a single number`);
  return a;
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
export function layerNorm(x: ArrayInput, options: NormalizationOptions = NONE): NdArray {
  const { epsilon = 1e-5 } = checkOptions("layerNorm", options, NORMALIZATION);
  const a = toRows("layerNorm", x);
  return within("layerNorm", () =>
    scaleAndShift("layerNorm", standardize(a, epsilon), options, a.shape[a.shape.length - 1]!),
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
export function rmsNorm(x: ArrayInput, options: NormalizationOptions = NONE): NdArray {
  const { epsilon = 1e-5 } = checkOptions("rmsNorm", options, NORMALIZATION);
  const a = toRows("rmsNorm", x);
  return within("rmsNorm", () =>
    scaleAndShift("rmsNorm", unitSquare(a, epsilon), options, a.shape[a.shape.length - 1]!),
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
  options: NormalizationOptions = NONE,
): NdArray {
  const { epsilon = 1e-5 } = checkOptions("groupNorm", options, NORMALIZATION);
  const a = toArray("groupNorm", x);
  const [n, channels, ...places] = a.shape;
  if (n === undefined || channels === undefined)
    throw new ShapeError(`groupNorm: x must be [N, C, …], got ${formatShape(a.shape)}`);
  if (!Number.isInteger(numGroups) || numGroups < 1 || channels % numGroups !== 0)
    throw new DomainError(
      `groupNorm: numGroups must divide the ${channels} channels, got ${show(numGroups)}`,
    );
  return within("groupNorm", () => {
    const grouped = reshape(a, [n, numGroups, a.size === 0 ? 0 : a.size / (n * numGroups)]);
    const y = reshape(standardize(grouped, epsilon), a.shape);
    const shape = [channels, ...places.map(() => 1)];
    return scaleAndShift("groupNorm", y, options, channels, shape);
  });
}
