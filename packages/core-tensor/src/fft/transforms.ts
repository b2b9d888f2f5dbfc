/** Fourier transforms along one axis. */
import {
  type Guard,
  NONE,
  type Schema,
  anything,
  checkOptions,
  oneOf,
  wholeNumber,
  within,
} from "../check/index.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { type DType, floatDType, isFloat } from "../array/dtype.js";
import { normalizeAxis } from "../array/shape.js";
import { DTypeError, ShapeError } from "../errors.js";
import { neg } from "../ops/arithmetic.js";
import { where } from "../ops/comparison.js";
import { concat } from "../ops/join.js";
import { moveAxis } from "../ops/reshape.js";
import { flip, pad, sliceAxis } from "../ops/slice.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, isNdArray, toArray } from "../trace/input.js";
import { type Complex, type ComplexInput, sumsOf, toComplex } from "./complex.js";

/**
 * Where the factor $1/n$ goes: into the inverse (`backward`), into the transform (`forward`), or its root into both (`ortho`).
 * @category Fourier
 */
export type FftNorm = "backward" | "ortho" | "forward";

/**
 * Options of transforms along one axis.
 * @category Fourier
 */
export interface FftOptions {
  /** Length of the transform: longer lines are cut, shorter ones filled up with zeros; default that of the axis. */
  readonly n?: number;
  /** The axis; default the last. */
  readonly axis?: number;
  /** Where the factor goes; default `backward`. */
  readonly norm?: FftNorm;
}

export const norm: Guard<FftNorm> = oneOf("backward", "ortho", "forward");
export const length: Guard<number> = wholeNumber(1);
const FFT: Schema<FftOptions> = { n: length, axis: anything, norm };

/** The factor of a transform of length n. */
export function factorOf(rule: FftNorm, n: number, inverse: boolean): number {
  if (rule === "ortho") return 1 / Math.sqrt(n);
  return inverse === (rule === "backward") ? 1 / n : 1;
}

/** The last axis cut, or filled up with zeros. */
export function fitted(x: NdArray, n: number): NdArray {
  const at = x.shape.length - 1;
  const extent = x.shape[at]!;
  if (extent === n) return x;
  if (extent > n) return sliceAxis(x, at, 0, n);
  return pad(
    x,
    x.shape.map((_, i) => (i === at ? [0, n - extent] : [0, 0])),
  );
}

const both = (x: Complex, f: (part: NdArray) => NdArray): Complex => ({ re: f(x.re), im: f(x.im) });

/** The transform along one axis of a pair. */
export function transformAxis(
  fn: string,
  x: Complex,
  axis: number,
  n: number | undefined,
  rule: FftNorm,
  inverse: boolean,
): Complex {
  const size = n ?? x.re.shape[axis]!;
  if (size < 1 || x.re.shape[axis]! < 1)
    throw new ShapeError(`${fn}: axis ${axis} must not be empty`);
  const lines = both(x, (part) => fitted(moveAxis(part, axis, -1), size));
  const y = sumsOf(lines, inverse, factorOf(rule, size, inverse));
  return both(y, (part) => moveAxis(part, -1, axis));
}

function oneAxis(fn: string, input: ComplexInput, options: FftOptions, inverse: boolean): Complex {
  const { n, axis = -1, norm: rule = "backward" } = checkOptions(fn, options, FFT);
  const x = toComplex(fn, input);
  const at = normalizeAxis(fn, axis, x.re.shape.length);
  return within(fn, () => transformAxis(fn, x, at, n, rule, inverse));
}

/** A real array as floats; a pair is refused by name. */
export function realOf(fn: string, input: ArrayInput): NdArray {
  if (typeof input === "object" && input !== null && !isNdArray(input) && "re" in input)
    throw new DTypeError(`${fn}: x must be real, got a complex pair; use ${fn.slice(1)}`);
  const x = toArray(fn, input);
  return isFloat(x.dtype) ? x : convert(x, floatDType(x.dtype));
}

/** The transform of real lines along one axis: the frequencies that are not negative. */
export function realAxis(
  fn: string,
  x: NdArray,
  axis: number,
  n: number | undefined,
  rule: FftNorm,
): Complex {
  const full = transformAxis(fn, toComplex(fn, x), axis, n, rule, false);
  const size = full.re.shape[axis]!;
  return both(full, (part) => sliceAxis(part, axis, 0, (size >> 1) + 1));
}

/** The real lines that have the given frequencies, the others being their conjugates. */
export function inverseRealAxis(
  fn: string,
  x: Complex,
  axis: number,
  n: number | undefined,
  rule: FftNorm,
): NdArray {
  const size = n ?? 2 * (x.re.shape[axis]! - 1);
  if (size < 1)
    throw new ShapeError(
      `${fn}: axis ${axis} has ${x.re.shape[axis]} frequency, so the length n must be given`,
    );
  const kept = (size >> 1) + 1;
  const { re, im } = both(x, (part) => fitted(moveAxis(part, axis, -1), kept));
  const at = re.shape.length - 1;
  // the imaginary parts at frequency 0 and at half the length belong to no real line
  const alone = dense<DType>(
    Uint8Array.from({ length: kept }, (_, k) => Number(k === 0 || 2 * k === size)),
    "bool",
    [kept],
  );
  const imaginary = where(alone, 0, im);
  const mirror = (part: NdArray): NdArray => flip(sliceAxis(part, at, 1, size - kept + 1), at);
  const full = {
    re: concat([re, mirror(re)], { axis: at }),
    im: concat([imaginary, neg(mirror(imaginary))], { axis: at }),
  };
  return moveAxis(sumsOf(full, true, factorOf(rule, size, true)).re, -1, axis);
}

/**
 * The discrete Fourier transform along an axis, $y_k = \sum_j x_j e^{-2\pi i jk/n}$.
 *
 * Any length in $O(n \log n)$: stages of radix 4, 2, 3, 5, 7, 11 and 13, and Bluestein's convolution for other prime factors. Computed
 * in double precision. Linear, so derivatives are transforms themselves.
 *
 * @param x - a real array, or `{ re, im }`, any shape with at least one axis
 * @param options - see {@link FftOptions}
 * @returns real and imaginary part, with `n` in place of the axis's extent
 * @throws `AxisError` when the axis is out of range
 * @throws `ShapeError` when the axis is empty
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { fft } from "@provably/core-tensor/fft";
 *
 * const { re, im } = fft([1, 2, 3, 4], { norm: "backward" });
 * [toNested(re), toNested(im)]; // => [[10, -2, -2, -2], [0, 2, 0, -2]]
 * ```
 * @see Cooley, Tukey (1965), "An algorithm for the machine calculation of complex Fourier series"; Bluestein (1970), "A linear filtering
 * approach to the computation of discrete Fourier transform"
 * @category Fourier
 */
export function fft(x: ComplexInput, options: FftOptions = NONE): Complex {
  return oneAxis("fft", x, options, false);
}

/**
 * The inverse of {@link fft} along an axis, $x_j = \frac1n \sum_k y_k e^{2\pi i jk/n}$.
 *
 * @param x - a real array, or `{ re, im }`, any shape with at least one axis
 * @param options - see {@link FftOptions}
 * @returns real and imaginary part, with `n` in place of the axis's extent
 * @throws `AxisError` when the axis is out of range
 * @throws `ShapeError` when the axis is empty
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { fft, ifft } from "@provably/core-tensor/fft";
 *
 * toNested(ifft(fft([1, 2, 3, 4]), { axis: -1 }).re); // => [1, 2, 3, 4]
 * ```
 * @category Fourier
 */
export function ifft(x: ComplexInput, options: FftOptions = NONE): Complex {
  return oneAxis("ifft", x, options, true);
}

/**
 * The Fourier transform of real lines: frequencies 0 to n/2, of which the others are the conjugates.
 *
 * @param x - a real array with at least one axis
 * @param options - see {@link FftOptions}
 * @returns real and imaginary part, with $\lfloor n/2 \rfloor + 1$ in place of the axis's extent
 * @throws `DTypeError` for a complex pair
 * @throws `ShapeError` when the axis is empty
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { rfft } from "@provably/core-tensor/fft";
 *
 * toNested(rfft([1, 2, 3, 4], { norm: "backward" }).re); // => [10, -2, -2]
 * ```
 * @category Fourier
 */
export function rfft(x: ArrayInput, options: FftOptions = NONE): Complex {
  const { n, axis = -1, norm: rule = "backward" } = checkOptions("rfft", options, FFT);
  const real = realOf("rfft", x);
  const at = normalizeAxis("rfft", axis, real.shape.length);
  return within("rfft", () => realAxis("rfft", real, at, n, rule));
}

/**
 * The inverse of {@link rfft}: the real lines with the given frequencies. Imaginary parts at frequency 0, and at n/2 for even n, have no
 * meaning and are not looked at.
 *
 * @param x - `{ re, im }` or a real array, frequencies 0 to n/2 along an axis
 * @param options - see {@link FftOptions}; `n` is the length of the result, default $2(m - 1)$ for m frequencies
 * @returns real array, with `n` in place of the axis's extent
 * @throws `ShapeError` when the axis is empty, or has one frequency and `n` is not given
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { irfft, rfft } from "@provably/core-tensor/fft";
 *
 * toNested(irfft(rfft([1, 2, 3, 4]), { n: 4 })); // => [1, 2, 3, 4]
 * ```
 * @category Fourier
 */
export function irfft(x: ComplexInput, options: FftOptions = NONE): NdArray {
  const { n, axis = -1, norm: rule = "backward" } = checkOptions("irfft", options, FFT);
  const pair = toComplex("irfft", x);
  const at = normalizeAxis("irfft", axis, pair.re.shape.length);
  return within("irfft", () => inverseRealAxis("irfft", pair, at, n, rule));
}
