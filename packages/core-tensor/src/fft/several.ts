/** Fourier transforms along several axes. */
import {
  NONE,
  type Schema,
  anyNumber,
  checkOptions,
  listOf,
  show,
  wholeNumber,
  within,
} from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { normalizeAxis } from "../array/shape.js";
import { AxisError, ShapeError } from "../errors.js";
import type { ArrayInput } from "../trace/input.js";
import { type Complex, type ComplexInput, toComplex } from "./complex.js";
import {
  type FftNorm,
  inverseRealAxis,
  norm,
  realAxis,
  realOf,
  transformAxis,
} from "./transforms.js";

/**
 * Options of transforms along several axes.
 * @category Fourier
 */
export interface FftnOptions {
  /** Length of the transform along each axis; default the extents. */
  readonly shape?: readonly number[];
  /** The axes; default all, or the last ones when `shape` is given, or the last two for the functions of the plane. */
  readonly axes?: readonly number[];
  /** Where the factor goes; default `backward`. */
  readonly norm?: FftNorm;
}

const FFTN: Schema<FftnOptions> = {
  shape: listOf(wholeNumber(1)),
  axes: listOf(anyNumber),
  norm,
};

interface Several {
  readonly axes: readonly number[];
  readonly shape: readonly number[] | undefined;
  readonly rule: FftNorm;
}

/** The axes, checked, each with its length. */
function several(fn: string, options: FftnOptions, rank: number, plane: boolean): Several {
  const { shape, axes, norm: rule = "backward" } = checkOptions(fn, options, FFTN);
  const count = shape?.length ?? (plane ? 2 : rank);
  if (axes === undefined && count > rank)
    throw new ShapeError(`${fn}: x must have at least ${count} axes, it has ${rank}`);
  const named = axes ?? Array.from({ length: count }, (_, i) => rank - count + i);
  const list = named.map((axis) => normalizeAxis(fn, axis, rank));
  if (new Set(list).size !== list.length)
    throw new AxisError(`${fn}: axes must differ, got ${show(named)}`);
  if (shape !== undefined && shape.length !== list.length)
    throw new ShapeError(`${fn}: shape has ${shape.length} lengths for ${list.length} axes`);
  return { axes: list, shape, rule };
}

function complexAxes(
  fn: string,
  x: Complex,
  { axes, shape, rule }: Several,
  inverse: boolean,
): Complex {
  return axes.reduceRight((y, axis, i) => transformAxis(fn, y, axis, shape?.[i], rule, inverse), x);
}

/** The axes but the last, and the last with its length. */
function apart(
  fn: string,
  { axes, shape, rule }: Several,
): { others: Several; last: number; n: number | undefined } {
  const last = axes.at(-1);
  if (last === undefined) throw new AxisError(`${fn}: axes must name at least one axis`);
  return {
    others: { axes: axes.slice(0, -1), shape: shape?.slice(0, -1), rule },
    last,
    n: shape?.at(-1),
  };
}

/**
 * The Fourier transform along the last two axes, one after the other.
 *
 * @param x - a real array, or `{ re, im }`
 * @param options - see {@link FftnOptions}
 * @returns real and imaginary part
 * @throws `AxisError` when an axis is out of range or named twice
 * @throws `ShapeError` when an axis is empty, or there are not as many lengths as axes
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { fft2 } from "@provably/core-tensor/fft";
 *
 * toNested(fft2([[1, 2], [3, 4]], { axes: [0, 1] }).re); // => [[10, -2], [-4, 0]]
 * ```
 * @category Fourier
 */
export function fft2(x: ComplexInput, options: FftnOptions = NONE): Complex {
  const pair = toComplex("fft2", x);
  const axes = several("fft2", options, pair.re.shape.length, true);
  return within("fft2", () => complexAxes("fft2", pair, axes, false));
}

/**
 * The inverse Fourier transform along the last two axes, one after the other.
 *
 * @param x - a real array, or `{ re, im }`
 * @param options - see {@link FftnOptions}
 * @returns real and imaginary part
 * @throws `AxisError` when an axis is out of range or named twice
 * @throws `ShapeError` when an axis is empty, or there are not as many lengths as axes
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { ifft2 } from "@provably/core-tensor/fft";
 *
 * toNested(ifft2([[1, 2], [3, 4]], { axes: [0, 1] }).re); // => [[2.5, -0.5], [-1, 0]]
 * ```
 * @category Fourier
 */
export function ifft2(x: ComplexInput, options: FftnOptions = NONE): Complex {
  const pair = toComplex("ifft2", x);
  const axes = several("ifft2", options, pair.re.shape.length, true);
  return within("ifft2", () => complexAxes("ifft2", pair, axes, true));
}

/**
 * The Fourier transform of a real array along the last two axes: along the last of them only the frequencies that are not negative.
 *
 * @param x - a real array
 * @param options - see {@link FftnOptions}
 * @returns real and imaginary part
 * @throws `AxisError` when an axis is out of range or named twice
 * @throws `ShapeError` when an axis is empty, or there are not as many lengths as axes
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { rfft2 } from "@provably/core-tensor/fft";
 *
 * rfft2(zeros([4, 6]), { norm: "ortho" }).re.shape; // => [4, 4]
 * ```
 * @category Fourier
 */
export function rfft2(x: ArrayInput, options: FftnOptions = NONE): Complex {
  const a = realOf("rfft2", x);
  const axes = several("rfft2", options, a.shape.length, true);
  return within("rfft2", () => {
    const { others, last, n } = apart("rfft2", axes);
    return complexAxes("rfft2", realAxis("rfft2", a, last, n, axes.rule), others, false);
  });
}

/**
 * The inverse of {@link rfft2}: the real array with the given frequencies.
 *
 * @param x - `{ re, im }` or a real array
 * @param options - see {@link FftnOptions}; the length along the last axis is $2(m - 1)$ for m frequencies unless `shape` says otherwise
 * @returns real array
 * @throws `AxisError` when an axis is out of range or named twice
 * @throws `ShapeError` when an axis is empty, or there are not as many lengths as axes
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { irfft2, rfft2 } from "@provably/core-tensor/fft";
 *
 * toNested(irfft2(rfft2([[1, 2], [3, 4]]), { norm: "backward" })); // => [[1, 2], [3, 4]]
 * ```
 * @category Fourier
 */
export function irfft2(x: ComplexInput, options: FftnOptions = NONE): NdArray {
  const pair = toComplex("irfft2", x);
  const axes = several("irfft2", options, pair.re.shape.length, true);
  return within("irfft2", () => {
    const { others, last, n } = apart("irfft2", axes);
    return inverseRealAxis("irfft2", complexAxes("irfft2", pair, others, true), last, n, axes.rule);
  });
}

/**
 * The Fourier transform along several axes, one after the other.
 *
 * @param x - a real array, or `{ re, im }`
 * @param options - see {@link FftnOptions}
 * @returns real and imaginary part
 * @throws `AxisError` when an axis is out of range or named twice
 * @throws `ShapeError` when an axis is empty, or there are not as many lengths as axes
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { fftn } from "@provably/core-tensor/fft";
 *
 * toNested(fftn([[1, 2], [3, 4]], { axes: [0, 1] }).re); // => [[10, -2], [-4, 0]]
 * ```
 * @category Fourier
 */
export function fftn(x: ComplexInput, options: FftnOptions = NONE): Complex {
  const pair = toComplex("fftn", x);
  const axes = several("fftn", options, pair.re.shape.length, false);
  return within("fftn", () => complexAxes("fftn", pair, axes, false));
}

/**
 * The inverse Fourier transform along several axes, one after the other.
 *
 * @param x - a real array, or `{ re, im }`
 * @param options - see {@link FftnOptions}
 * @returns real and imaginary part
 * @throws `AxisError` when an axis is out of range or named twice
 * @throws `ShapeError` when an axis is empty, or there are not as many lengths as axes
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { ifftn } from "@provably/core-tensor/fft";
 *
 * toNested(ifftn([[1, 2], [3, 4]], { axes: [0, 1] }).re); // => [[2.5, -0.5], [-1, 0]]
 * ```
 * @category Fourier
 */
export function ifftn(x: ComplexInput, options: FftnOptions = NONE): Complex {
  const pair = toComplex("ifftn", x);
  const axes = several("ifftn", options, pair.re.shape.length, false);
  return within("ifftn", () => complexAxes("ifftn", pair, axes, true));
}

/**
 * The Fourier transform of a real array along several axes: along the last of them only the frequencies that are not negative.
 *
 * @param x - a real array
 * @param options - see {@link FftnOptions}
 * @returns real and imaginary part
 * @throws `AxisError` when an axis is out of range or named twice
 * @throws `ShapeError` when an axis is empty, or there are not as many lengths as axes
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { rfftn } from "@provably/core-tensor/fft";
 *
 * rfftn(zeros([4, 6]), { norm: "ortho" }).re.shape; // => [4, 4]
 * ```
 * @category Fourier
 */
export function rfftn(x: ArrayInput, options: FftnOptions = NONE): Complex {
  const a = realOf("rfftn", x);
  const axes = several("rfftn", options, a.shape.length, false);
  return within("rfftn", () => {
    const { others, last, n } = apart("rfftn", axes);
    return complexAxes("rfftn", realAxis("rfftn", a, last, n, axes.rule), others, false);
  });
}

/**
 * The inverse of {@link rfftn}: the real array with the given frequencies.
 *
 * @param x - `{ re, im }` or a real array
 * @param options - see {@link FftnOptions}; the length along the last axis is $2(m - 1)$ for m frequencies unless `shape` says otherwise
 * @returns real array
 * @throws `AxisError` when an axis is out of range or named twice
 * @throws `ShapeError` when an axis is empty, or there are not as many lengths as axes
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { irfftn, rfftn } from "@provably/core-tensor/fft";
 *
 * toNested(irfftn(rfftn([[1, 2], [3, 4]]), { norm: "backward" })); // => [[1, 2], [3, 4]]
 * ```
 * @category Fourier
 */
export function irfftn(x: ComplexInput, options: FftnOptions = NONE): NdArray {
  const pair = toComplex("irfftn", x);
  const axes = several("irfftn", options, pair.re.shape.length, false);
  return within("irfftn", () => {
    const { others, last, n } = apart("irfftn", axes);
    return inverseRealAxis("irfftn", complexAxes("irfftn", pair, others, true), last, n, axes.rule);
  });
}
