/** Draws in rows that stand for themselves, with parameters that may differ from row to row. */
import { type Schema, show, wholeNumber } from "../check/index.js";
import { type DType, type TypedArrayOf, allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import {
  type Shape,
  broadcastShapes,
  checkShape,
  checkSize,
  formatShape,
  sameShape,
  sizeOf,
} from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { broadcastTo } from "../ops/broadcast.js";
import { type ArrayInput, type Nested, fromNested, scalar, toConcrete } from "../trace/input.js";
import type { RngKey } from "./key.js";
import type { DrawOptions, Stream } from "./stream.js";
import { threefry2x32, threefryKey } from "./threefry.js";
import { type Bits, ziggurat } from "./ziggurat.js";

/**
 * Options of draws in rows.
 * @category Draws
 */
export interface RowOptions {
  /**
   * Number of the first row, an integer ≥ 0; default 0. A row along the first axis depends on the key, on its number and on its parameters
   * alone, so that a batch may be drawn in parts.
   */
  readonly firstRow?: number;
}

/**
 * Options of draws of real numbers in rows.
 * @category Draws
 */
export interface RealRowOptions extends DrawOptions, RowOptions {}

export const ROW: Schema<RowOptions> = { firstRow: wholeNumber(0, 2 ** 32) };

/** A parameter as float64 numbers; lists keep all digits of their numbers. */
export function parameter(fn: string, name: string, input: ArrayInput): NdArray {
  if (typeof input === "number") return scalar(input, "float64");
  if (Array.isArray(input)) return fromNested(fn, input as readonly Nested[], name, "float64");
  return toConcrete(fn, input, name);
}

/** A parameter of which every number must satisfy `fits`. */
export function checkedParameter(
  fn: string,
  name: string,
  input: ArrayInput,
  expected: string,
  fits: (x: number) => boolean,
): NdArray {
  const x = parameter(fn, name, input);
  const wrong = rowMajorData(x as never).find((v) => !fits(v));
  if (wrong !== undefined)
    throw new DomainError(`${fn}: ${name} must be ${expected}, got ${wrong}`);
  return x;
}

/** The numbers of a parameter, broadcast to `shape`. */
export function spread(fn: string, name: string, x: NdArray, shape: Shape): ArrayLike<number> {
  const joint = x.shape.length <= shape.length ? broadcastShapes(fn, [x.shape, shape]) : x.shape;
  if (!sameShape(joint, shape))
    throw new ShapeError(
      `${fn}: ${name} of shape ${formatShape(x.shape)} does not broadcast to shape ${formatShape(shape)}`,
    );
  return rowMajorData(broadcastTo(x, shape) as never);
}

/** One list of draws for every place of `shape`, `width` numbers each. */
export function drawRows<D extends DType>(
  fn: string,
  key: RngKey,
  { shape, tail = [], firstRow = 0 }: { shape: Shape; tail?: Shape; firstRow?: number },
  dtype: D,
  next: (source: Stream, at: number, out: TypedArrayOf[D]) => void,
): NdArray<D> {
  const all = [...shape, ...tail];
  checkSize(fn, all);
  const rows = shape[0] ?? 1;
  if (firstRow + rows > 2 ** 32)
    throw new DomainError(
      `${fn}: firstRow: the last row must be below 2^32, got ${show(firstRow)}`,
    );
  const data: TypedArrayOf[DType] = allocate(dtype, sizeOf(all));
  const perRow = sizeOf(shape.slice(1));
  const begin = rowStreams(fn, key);
  for (let r = 0, at = 0; r < rows; r++) {
    const source = begin(firstRow + r);
    for (let j = 0; j < perRow; j++) next(source, at++, data as TypedArrayOf[D]);
  }
  return dense(data as TypedArrayOf[D], dtype, all);
}

/** Draws of one number for every place of `shape`. */
export function drawEach<D extends DType>(
  fn: string,
  key: RngKey,
  rows: { shape: Shape; firstRow?: number },
  dtype: D,
  next: (source: Stream, at: number) => number,
): NdArray<D> {
  checkShape(fn, rows.shape);
  return drawRows(fn, key, rows, dtype, (source, at, out) => {
    out[at] = next(source, at);
  });
}

/** The streams of the rows: block `c` of row `r` is the encryption of (r, c) under the key and the name of the distribution. */
function rowStreams(fn: string, key: RngKey): (row: number) => Stream {
  const [k0, k1] = threefryKey(fn, key);
  const tag = tagOf(fn);
  return (row) => {
    const words = new Int32Array(2);
    let block = 0;
    const bits: Bits = {
      words,
      next() {
        words[0] = row;
        words[1] = block++;
        threefry2x32(k0, k1 ^ tag, words);
      },
    };
    return {
      uniform() {
        bits.next();
        return ((words[0]! >>> 5) * 2 ** 26 + (words[1]! >>> 6)) * 2 ** -53;
      },
      normal: () => ziggurat(bits),
    };
  };
}

function tagOf(fn: string): number {
  let tag = 0x70617261;
  for (let i = 0; i < fn.length; i++) tag = Math.imul(tag ^ fn.charCodeAt(i), 0x01000193);
  return tag;
}
