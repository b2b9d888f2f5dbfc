/// <reference path="./seedrandom-alea.d.ts" />
/** The stream behind every draw: uniform numbers of 53 bits from seedrandom's Alea, seeded with the key. Never outlives a call. */
import alea from "seedrandom/lib/alea.js";
import { type DType, type TypedArrayOf, allocate } from "../array/dtype.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { type Shape, checkShape, sizeOf } from "../array/shape.js";
import { DTypeError } from "../errors.js";
import { type RngKey, unpack } from "./key.js";

/**
 * Options of draws of real numbers.
 * @category Draws
 */
export interface DrawOptions {
  /** Element type; float32 draws are the float64 draws, rounded. Default `float32`. */
  readonly dtype?: "float32" | "float64";
}

/** Uniform numbers in [0, 1). */
export function stream(fn: string, key: RngKey): () => number {
  unpack(fn, key); // checks the key
  return alea(key).double;
}

/** An array of draws in row-major order. */
export function draw<D extends DType = "float32">(
  fn: string,
  key: RngKey,
  shape: Shape,
  dtype: D | undefined,
  next: (uniform: () => number) => number,
): NdArray<D> {
  checkShape(fn, shape);
  const type = dtype ?? ("float32" as D);
  const uniform = stream(fn, key);
  const data: TypedArrayOf[D] = allocate(type, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = next(uniform);
  return dense(data, type, [...shape]);
}

export function floatOption(fn: string, options: DrawOptions): "float32" | "float64" {
  const { dtype = "float32" } = options;
  if (dtype !== "float32" && dtype !== "float64") throw new DTypeError(`${fn}: dtype must be float32 or float64, got ${String(dtype)}`);
  return dtype;
}
