/** The frequencies of transforms, and their order. */
import {
  NONE,
  type Schema,
  anything,
  check,
  checkOptions,
  oneOf,
  satisfying,
  wholeNumber,
} from "../check/index.js";
import type { DType } from "../array/dtype.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { type Axis, normalizeAxes } from "../array/shape.js";
import { asType } from "../ops/create.js";
import { roll } from "../ops/join.js";
import { type ArrayInput, toArray } from "../trace/input.js";

/**
 * Options of {@link fftfreq} and {@link rfftfreq}.
 * @category Fourier
 */
export interface FrequencyOptions {
  /** Time, or length, between samples; default 1. */
  readonly spacing?: number;
  /** Element type; default `float32`. */
  readonly dtype?: "float32" | "float64";
}

const FREQUENCY: Schema<FrequencyOptions> = {
  spacing: satisfying("finite and not 0", (x) => Number.isFinite(x) && x !== 0),
  dtype: oneOf("float32", "float64"),
};

/** Whole numbers over n · spacing. */
function frequencies(
  fn: string,
  n: number,
  options: FrequencyOptions,
  wholes: (n: number) => { length: number; at: (k: number) => number },
): NdArray {
  check(fn, "n", n, wholeNumber(1));
  const { spacing = 1, dtype = "float32" } = checkOptions(fn, options, FREQUENCY);
  const { length, at } = wholes(n);
  const values = Float64Array.from({ length }, (_, k) => at(k) / (n * spacing));
  return asType(dense<DType>(values, "float64", [length]), dtype);
}

/**
 * The frequencies of `fft` of length n in its order: 0, 1, …, then the negative ones, over $n \cdot$ spacing.
 *
 * @param n - length of the transform
 * @param options - see {@link FrequencyOptions}
 * @returns float array of shape `[n]`
 * @throws `DomainError` when `n` is not an integer ≥ 1 or the spacing is 0
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { fftfreq } from "@provably/core-tensor/fft";
 *
 * toNested(fftfreq(4, { spacing: 0.5 })); // => [0, 0.5, -1, -0.5]
 * ```
 * @category Fourier
 */
export function fftfreq(n: number, options: FrequencyOptions = NONE): NdArray {
  return frequencies("fftfreq", n, options, (length) => ({
    length,
    at: (k) => (k < Math.ceil(length / 2) ? k : k - length),
  }));
}

/**
 * The frequencies of `rfft` of length n: 0, 1, …, ⌊n/2⌋ over $n \cdot$ spacing.
 *
 * @param n - length of the transform
 * @param options - see {@link FrequencyOptions}
 * @returns float array of shape `[⌊n/2⌋ + 1]`
 * @throws `DomainError` when `n` is not an integer ≥ 1 or the spacing is 0
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { rfftfreq } from "@provably/core-tensor/fft";
 *
 * toNested(rfftfreq(4, { spacing: 0.5 })); // => [0, 0.5, 1]
 * ```
 * @category Fourier
 */
export function rfftfreq(n: number, options: FrequencyOptions = NONE): NdArray {
  return frequencies("rfftfreq", n, options, (size) => ({ length: (size >> 1) + 1, at: (k) => k }));
}

const SHIFT: Schema<{ readonly axes?: Axis }> = { axes: anything };

function shifted(
  fn: string,
  x: ArrayInput,
  options: { readonly axes?: Axis },
  back: boolean,
): NdArray {
  const { axes } = checkOptions(fn, options, SHIFT);
  const a = toArray(fn, x);
  const list = normalizeAxes(fn, axes, a.shape.length);
  const by = list.map((axis) => {
    const half = a.shape[axis]! >> 1;
    return back ? -half : half;
  });
  return list.length === 0 ? a : roll(a, by, list);
}

/**
 * The array with frequency 0 moved to the middle of the given axes.
 *
 * @param x - any shape
 * @param options - `axes`; default all
 * @returns array of the shape of `x`
 * @throws `AxisError` when an axis is out of range or named twice
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { fftshift } from "@provably/core-tensor/fft";
 *
 * toNested(fftshift([0, 1, 2, -2, -1], { axes: 0 })); // => [-2, -1, 0, 1, 2]
 * ```
 * @category Fourier
 */
export function fftshift(x: ArrayInput, options: { readonly axes?: Axis } = NONE): NdArray {
  return shifted("fftshift", x, options, false);
}

/**
 * The inverse of {@link fftshift}: frequency 0 moved from the middle to the front.
 *
 * @param x - any shape
 * @param options - `axes`; default all
 * @returns array of the shape of `x`
 * @throws `AxisError` when an axis is out of range or named twice
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { ifftshift } from "@provably/core-tensor/fft";
 *
 * toNested(ifftshift([-2, -1, 0, 1, 2], { axes: 0 })); // => [0, 1, 2, -2, -1]
 * ```
 * @category Fourier
 */
export function ifftshift(x: ArrayInput, options: { readonly axes?: Axis } = NONE): NdArray {
  return shifted("ifftshift", x, options, true);
}
