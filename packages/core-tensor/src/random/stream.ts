/// <reference path="./seedrandom-alea.d.ts" />
/** The stream behind every draw: seedrandom's Alea, seeded with the key. Never outlives a call. */
import { type Schema, anything, show } from "../check/index.js";
import alea from "seedrandom/lib/alea.js";
import { type DType, type TypedArrayOf, allocate } from "../array/dtype.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { type Shape, checkShape, sizeOf } from "../array/shape.js";
import { DTypeError } from "../errors.js";
import { type RngKey, unpack } from "./key.js";
import { type Bits, ziggurat } from "./ziggurat.js";

/**
 * Options of draws of real numbers.
 * @category Draws
 */
export interface DrawOptions {
  /** Element type; float32 draws are the float64 draws, rounded. Default `float32`. */
  readonly dtype?: "float32" | "float64";
}

/** What one key gives, in the order in which it is asked for. */
export interface Stream {
  /** A number in [0, 1) with 53 random bits. */
  uniform(): number;
  /** A standard normal. */
  normal(): number;
}

export function stream(fn: string, key: RngKey): Stream {
  const next = seeded(fn, key);
  const bits = wordsOf(next);
  return { uniform: next.double, normal: () => ziggurat(bits) };
}

/** The same stream as bits, for the one loop that is hot enough to want them bare. */
export function streamBits(fn: string, key: RngKey): Bits {
  return wordsOf(seeded(fn, key));
}

function seeded(fn: string, key: RngKey): ReturnType<typeof alea> {
  unpack(fn, key); // checks the key
  return alea(key);
}

function wordsOf(next: () => number): Bits {
  const words = new Int32Array(2);
  return {
    words,
    next() {
      words[0] = next() * 2 ** 32;
      words[1] = next() * 2 ** 32;
    },
  };
}

/** An array of draws in row-major order. */
export function draw<D extends DType>(
  fn: string,
  key: RngKey,
  shape: Shape,
  dtype: D,
  next: (stream: Stream) => number,
): NdArray<D> {
  checkShape(fn, shape);
  const source = stream(fn, key);
  const data: TypedArrayOf[D] = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = next(source);
  return dense(data, dtype, [...shape]);
}

/** The type has an error of its own. */
export const DRAW: Schema<DrawOptions> = { dtype: anything };

export function floatOption(fn: string, { dtype = "float32" }: DrawOptions): "float32" | "float64" {
  if (dtype !== "float32" && dtype !== "float64")
    throw new DTypeError(`${fn}: dtype must be float32 or float64, got ${show(dtype)}`);
  return dtype;
}
