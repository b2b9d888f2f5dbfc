/** Complex arrays as pairs, and the transform of their last axis as a primitive. */
import { type DType, type TypedArray, allocate, floatDType } from "../array/dtype.js";
import { type DenseArray, type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { formatShape, sameShape } from "../array/shape.js";
import { show } from "../check/index.js";
import { DomainError, ShapeError } from "../errors.js";
import { mul } from "../ops/arithmetic.js";
import { zerosLike } from "../ops/arrange.js";
import { bind } from "../trace/bind.js";
import { convert, promote } from "../trace/elementwise.js";
import { type ArrayInput, isNdArray, toArray } from "../trace/input.js";
import type { Primitive, Sparse } from "../trace/primitive.js";
import { lineTransform } from "./kernel.js";

/**
 * A complex array: real and imaginary parts, of one shape and type.
 * @category Fourier
 */
export interface Complex {
  /** Real part. */
  readonly re: NdArray;
  /** Imaginary part. */
  readonly im: NdArray;
}

/**
 * What transforms take: a real array, or real and imaginary parts.
 * @category Fourier
 */
export type ComplexInput = ArrayInput | { readonly re: ArrayInput; readonly im: ArrayInput };

/** The parts of what was given, as float arrays of one shape. */
export function toComplex(fn: string, input: ComplexInput): Complex {
  const pair = typeof input === "object" && input !== null && !isNdArray(input) && "re" in input;
  if (!pair) {
    const x = toArray(fn, input);
    const re = convert(x, floatDType(x.dtype));
    return { re, im: zerosLike(re) };
  }
  const given = input;
  if (!("im" in given) || given.im === undefined)
    throw new DomainError(`${fn}: x must have re and im, got ${show(input)}`);
  const [re, im] = promote(fn, given.re, given.im, true, ["x.re", "x.im"]);
  if (!sameShape(re.shape, im.shape))
    throw new ShapeError(
      `${fn}: x.re and x.im must have one shape, got ${formatShape(re.shape)} and ${formatShape(im.shape)}`,
    );
  return { re, im };
}

interface Direction {
  readonly inverse: boolean;
}

const primitive: Primitive<Direction> = {
  name: "fft",
  shape: ([re, im]) => [re!, im!],
  evaluate([re, im], { inverse }, [out]) {
    const n = re!.shape.at(-1)!;
    const [real, imaginary] = [allocate(out!.dtype, re!.size), allocate(out!.dtype, re!.size)];
    transformLines(rowMajorData(re!), rowMajorData(im!), n, inverse, real, imaginary);
    const made = (data: TypedArray): DenseArray => dense<DType>(data, out!.dtype, out!.shape);
    return [made(real), made(imaginary)];
  },
  derivative: {
    kind: "rules",
    jvp: ({ inputs, tangents, attrs }) => along(inputs, tangents, attrs),
    // the adjoint of the sum is the sum with the other sign
    vjp: ({ inputs, cotangents, attrs }) => along(inputs, cotangents, { inverse: !attrs.inverse }),
  },
  batching: { kind: "leading" },
};

function transformLines(
  re: TypedArray,
  im: TypedArray,
  n: number,
  inverse: boolean,
  outRe: TypedArray,
  outIm: TypedArray,
): void {
  const line = lineTransform(n);
  for (let at = 0; at < re.length; at += n) {
    line.re.set(re.subarray(at, at + n));
    line.im.set(im.subarray(at, at + n));
    line.run(inverse);
    outRe.set(line.re, at);
    outIm.set(line.im, at);
  }
}

function along(inputs: readonly NdArray[], parts: Sparse, attrs: Direction): Sparse {
  const [re, im] = parts;
  if (re === undefined && im === undefined) return [undefined, undefined];
  return bind(primitive, [re ?? zerosLike(inputs[0]!), im ?? zerosLike(inputs[1]!)], attrs);
}

/** $\sum_j x_j e^{∓2πijk/n}$ along the last axis, times a factor. */
export function sumsOf({ re, im }: Complex, inverse: boolean, factor: number): Complex {
  const [a, b] = bind(primitive, [re, im], { inverse });
  return factor === 1 ? { re: a!, im: b! } : { re: mul(a!, factor), im: mul(b!, factor) };
}
