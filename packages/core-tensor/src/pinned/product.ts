/** Products of pinned matrices with vectors. Typed arrays in and out: a loop over tokens calls these thousands of times a second. */
import { type Schema, anything, checkOptions } from "../check/index.js";
import { ShapeError } from "../errors.js";
import { layout } from "../exec/wasm/resident.js";
import { type Pinned, type PinnedMatrix, checkFloats, checkRows, contentsOf } from "./matrix.js";
import { combineInJs, dotsInJs, productInJs } from "./product-js.js";

/**
 * Options of products with pinned matrices.
 * @category Pinned matrices
 */
export interface PinnedProductOptions {
  /** Rows that take part, in order; default all. */
  readonly rows?: Int32Array;
}

const PRODUCT: Schema<PinnedProductOptions> = { rows: anything };

/** From this many vectors on, packing the weights for a blocked product pays. */
const MANY = 5;

/** Weights that are widened to 32-bit floats at a time. */
const WIDE = 1 << 20;

/**
 * Inner products of rows of a pinned matrix with vectors, $y_{ti} = \sum_j x_{tj} W_{r_i j}$: with all rows $xW^\top$, the linear layer of stored weights `[out, in]`.
 *
 * One vector reads the weights once, at the speed of memory. Weights in whole numbers meet vectors rounded to 16 bits, an error of $2^{-16}$ of the largest entry.
 *
 * @param w - see {@link PinnedMatrix}, `[n, m]`
 * @param x - `t` vectors of length `m`, one after another
 * @param options - see {@link PinnedProductOptions}; `k` rows
 * @returns `t` vectors of length `n`, or `k`
 * @throws `ShapeError` when `x` does not hold whole vectors; `IndexError` when a row does not exist
 * @example
 * ```ts
 * import { dotRows, pinMatrix } from "@provably/core-tensor/pinned";
 *
 * dotRows(pinMatrix([[1, 2], [3, 4]]), Float32Array.of(1, 1), { rows: Int32Array.of(1) }); // => Float32Array.of(7)
 * ```
 * @category Pinned matrices
 */
export function dotRows(
  w: PinnedMatrix,
  x: Float32Array,
  options: PinnedProductOptions = {},
): Float32Array<ArrayBuffer> {
  const { rows } = checkOptions("dotRows", options, PRODUCT);
  checkFloats("dotRows", "x", x);
  const pinned = contentsOf("dotRows", w);
  const [all, m] = w.shape;
  if (x.length % m !== 0)
    throw new ShapeError(`dotRows: x must hold vectors of length ${m}, got ${x.length} numbers`);
  if (rows) checkRows("dotRows", w, rows);
  const count = x.length / m;
  const n = rows?.length ?? all;
  if (count >= MANY) return blocked(w, x, count, n, m, rows, true);
  return few(w, pinned, x, count, n, m, rows) ?? dotsInJs(w, pinned, x, count, n, m, rows);
}

/**
 * Sums of rows of a pinned matrix weighted by vectors, $y_{tj} = \sum_i x_{ti} W_{r_i j}$: with all rows $xW$.
 *
 * @param w - see {@link PinnedMatrix}, `[n, m]`
 * @param x - `t` vectors of length `n`, or `k`, one after another
 * @param options - see {@link PinnedProductOptions}; `k` rows
 * @returns `t` vectors of length `m`
 * @throws `ShapeError` when `x` does not hold whole vectors; `IndexError` when a row does not exist
 * @example
 * ```ts
 * import { combineRows, pinMatrix } from "@provably/core-tensor/pinned";
 *
 * combineRows(pinMatrix([[1, 2], [3, 4]]), Float32Array.of(1, 10)); // => Float32Array.of(31, 42)
 * ```
 * @category Pinned matrices
 */
export function combineRows(
  w: PinnedMatrix,
  x: Float32Array,
  options: PinnedProductOptions = {},
): Float32Array<ArrayBuffer> {
  const { rows } = checkOptions("combineRows", options, PRODUCT);
  checkFloats("combineRows", "x", x);
  const pinned = contentsOf("combineRows", w);
  const [all, m] = w.shape;
  const n = rows?.length ?? all;
  if (n === 0 ? x.length > 0 : x.length % n !== 0)
    throw new ShapeError(
      `combineRows: x must hold vectors of length ${n}, got ${x.length} numbers`,
    );
  if (rows) checkRows("combineRows", w, rows);
  if (n === 0) return new Float32Array(m);
  const count = x.length / n;
  if (count >= MANY) return blocked(w, x, count, n, m, rows, false);
  if (count === 1)
    return combineOne(w, pinned, x, n, m, rows) ?? combineInJs(w, pinned, x, n, m, rows);
  const out = new Float32Array(count * m);
  for (let t = 0; t < count; t++) {
    const part = x.subarray(t * n, (t + 1) * n);
    out.set(
      combineOne(w, pinned, part, n, m, rows) ?? combineInJs(w, pinned, part, n, m, rows),
      t * m,
    );
  }
  return out;
}

function few(
  w: PinnedMatrix,
  { store, block, rowBytes, scalesAt }: Pinned,
  x: Float32Array,
  count: number,
  n: number,
  m: number,
  rows?: Int32Array,
): Float32Array<ArrayBuffer> | undefined {
  const places = store && layout(x.length * 4, count * n * 4, (rows?.length ?? 0) * 4);
  if (!store || !block || !places) return undefined;
  const [xAt, yAt, rowsAt] = places as [number, number, number];
  if (rows) store.i32.set(rows, rowsAt / 4);
  const list = rows ? rowsAt : 0;
  if (w.dtype !== "float32") {
    for (let t = 0; t < count; t++) {
      const step = writeShorts(store.i16, xAt / 2, x, t * m, m);
      store[w.dtype].dots(
        xAt,
        step,
        block.address,
        rowBytes,
        scalesAt,
        list,
        yAt + t * n * 4,
        n,
        m,
      );
    }
  } else {
    store.f32.set(x, xAt / 4);
    store.float32.dots(xAt, block.address, rowBytes, list, yAt, count, n, m);
  }
  return store.f32.slice(yAt / 4, yAt / 4 + count * n);
}

function combineOne(
  w: PinnedMatrix,
  { store, block, rowBytes, scalesAt }: Pinned,
  x: Float32Array,
  n: number,
  m: number,
  rows?: Int32Array,
): Float32Array<ArrayBuffer> | undefined {
  const places = store && layout((n + 8) * 4, m * 4, n * 4);
  if (!store || !block || !places) return undefined;
  const [xAt, yAt, rowsAt] = places as [number, number, number];
  if (rows) store.i32.set(rows, rowsAt / 4);
  const list = rows ? rowsAt : 0;
  if (w.dtype !== "float32") {
    const scaled = new Float32Array(n);
    for (let i = 0; i < n; i++) scaled[i] = x[i]! * store.f32[scalesAt / 4 + (rows?.[i] ?? i)]!;
    const step = writeShorts(store.i16, xAt / 2, scaled, 0, n);
    const padded = (n + 7) & ~7;
    store.i16.fill(0, xAt / 2 + n, xAt / 2 + padded);
    store[w.dtype].combine(xAt, step, block.address, rowBytes, list, yAt, m, padded, n - 1);
  } else {
    store.f32.set(x, xAt / 4);
    store.float32.combine(xAt, block.address, rowBytes, list, yAt, m, n);
  }
  return store.f32.slice(yAt / 4, yAt / 4 + m);
}

/** Rounds `count` numbers to 16 bits; returns the step between neighbouring values. */
function writeShorts(
  to: Int16Array,
  at: number,
  x: Float32Array,
  from: number,
  count: number,
): number {
  let peak = 0;
  for (let i = from; i < from + count; i++) {
    const size = Math.abs(x[i]!);
    if (!(size <= peak)) peak = size; // NaN stays
  }
  if (peak === 0) to.fill(0, at, at + count);
  const factor = 32767 / peak;
  // the store cuts fractions off: half a step away from zero rounds
  if (peak > 0)
    for (let i = 0; i < count; i++) {
      const value = x[from + i]! * factor;
      to[at + i] = value < 0 ? value - 0.5 : value + 0.5;
    }
  return peak / 32767;
}

/** Products with many vectors: rows are widened to floats, some at a time, and multiplied in blocks. */
function blocked(
  w: PinnedMatrix,
  x: Float32Array,
  count: number,
  n: number,
  m: number,
  rows: Int32Array | undefined,
  transposed: boolean,
): Float32Array<ArrayBuffer> {
  // rows that take part, as a matrix of floats
  const step = Math.max(8, Math.floor(WIDE / m));
  const out = new Float32Array(count * (transposed ? n : m));
  for (let t = 0; t < count; t += 256) {
    const some = Math.min(256, count - t);
    for (let i = 0; i < n; i += step) {
      const stop = Math.min(n, i + step);
      if (transposed)
        scatter(
          out,
          product(w, x.subarray(t * m, (t + some) * m), some, m, i, stop, rows, true),
          t,
          some,
          n,
          i,
          stop - i,
        );
      else
        accumulate(
          out,
          product(w, columns(x, t, some, n, i, stop), some, m, i, stop, rows, false),
          t * m,
        );
    }
  }
  return out;
}

/** Product of `count` vectors with rows `from` to `to` of those that take part: `[count, to − from]` when transposed, else `[count, m]`. */
function product(
  w: PinnedMatrix,
  x: Float32Array,
  count: number,
  m: number,
  from: number,
  to: number,
  rows: Int32Array | undefined,
  transposed: boolean,
): Float32Array {
  const { store, block, rowBytes, scalesAt } = contentsOf("product", w);
  const n = to - from;
  const width = transposed ? n : m;
  const depth = transposed ? m : n;
  const inPlace = w.dtype === "float32" && !rows;
  const places =
    store &&
    layout(
      count * depth * 4,
      count * width * 4,
      inPlace ? 0 : n * m * 4,
      store.product.workBytes(width, depth),
    );
  if (!store || !block || !places) return productInJs(w, x, count, m, from, to, rows, transposed);
  const [xAt, yAt, wideAt, workAt] = places as [number, number, number, number];
  store.f32.set(x, xAt / 4);
  let b = wideAt;
  if (inPlace) b = block.address + from * rowBytes;
  else
    for (let i = 0; i < n; i++) {
      const row = rows?.[from + i] ?? from + i;
      const [source, target] = [block.address + row * rowBytes, wideAt + i * m * 4];
      if (w.dtype === "float32") store.f32.copyWithin(target / 4, source / 4, source / 4 + m);
      else store[w.dtype].widen(source, store.f32[scalesAt / 4 + row]!, target, m);
    }
  store.product.gemm(
    xAt,
    depth * 4,
    4,
    b,
    transposed ? 4 : m * 4,
    transposed ? m * 4 : 4,
    yAt,
    count,
    width,
    depth,
    workAt,
  );
  return store.f32.subarray(yAt / 4, yAt / 4 + count * width);
}

/** Columns `from` to `to` of rows `t` to `t + count` of a matrix with `n` columns. */
function columns(
  x: Float32Array,
  t: number,
  count: number,
  n: number,
  from: number,
  to: number,
): Float32Array {
  if (from === 0 && to === n) return x.subarray(t * n, (t + count) * n);
  const out = new Float32Array(count * (to - from));
  for (let i = 0; i < count; i++)
    out.set(x.subarray((t + i) * n + from, (t + i) * n + to), i * (to - from));
  return out;
}

function scatter(
  out: Float32Array,
  part: Float32Array,
  t: number,
  count: number,
  n: number,
  from: number,
  width: number,
): void {
  for (let i = 0; i < count; i++)
    out.set(part.subarray(i * width, (i + 1) * width), (t + i) * n + from);
}

function accumulate(out: Float32Array, part: Float32Array, at: number): void {
  for (let i = 0; i < part.length; i++) out[at + i]! += part[i]!;
}
