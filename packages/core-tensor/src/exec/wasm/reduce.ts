/**
 * Sums and extrema over rows or columns of contiguous arrays, and the dot product, tile by tile through the scratch memory. The order of additions depends on
 * how many numbers are added, never on how many sums are taken: a batch in parts gets the same bits as in one piece.
 */
import type { TypedArray } from "../../array/dtype.js";
import { reduceF32, reduceF64 } from "./binaries/reduce.js";
import {
  type FloatArray,
  SCRATCH_START,
  align,
  freshLike,
  kernel,
  reserve,
  scratchF64,
  scratchLike,
} from "./runtime.js";

/** Vectors shorter than this are faster in plain JavaScript. */
export const DOT_MIN_SIZE = 256;

/** What is reduced. NaN propagates through `max` and `min`. */
export type ReduceKind = "sum" | "max" | "min" | "sumSquares";

/** Each row reduced to one double at `out`. */
type Rows = (x: number, rows: number, cols: number, out: number) => void;

/** The rows reduced into the row `part`, which then joins the row `out`, or becomes it when `first`. */
type Columns = (
  x: number,
  rows: number,
  cols: number,
  part: number,
  out: number,
  first: number,
) => void;

/** Exports of `assembly/reduce-f32.ts` and `reduce-f64.ts`. */
interface ReduceKernel
  extends
    Readonly<Record<`${ReduceKind}Rows`, Rows>>,
    Readonly<Record<`${ReduceKind}Columns`, Columns>> {
  dot(x: number, y: number, n: number): number;
}

const reduce32 = /* @__PURE__ */ kernel<ReduceKernel>(reduceF32);
const reduce64 = /* @__PURE__ */ kernel<ReduceKernel>(reduceF64);

/** Bytes of input in scratch at a time: half of a second-level cache. */
const TILE_BYTES = 1 << 17;

const combine: Record<ReduceKind, (a: number, b: number) => number> = {
  sum: (a, b) => a + b,
  sumSquares: (a, b) => a + b,
  max: Math.max,
  min: Math.min,
};

/** Reduction of each row of `x` `[rows, cols]`: `[rows]`. `max` and `min` need `cols ≥ 1`. */
export function reduceRows<T extends FloatArray>(
  kind: ReduceKind,
  x: T,
  rows: number,
  cols: number,
): T | undefined {
  if (rows * cols === 0) return undefined;
  const run = (x instanceof Float32Array ? reduce32 : reduce64)()?.[`${kind}Rows`];
  const bytes = x.BYTES_PER_ELEMENT;
  const tile = TILE_BYTES / bytes;
  const height = Math.max(1, Math.min(rows, Math.floor(tile / cols)));
  const width = Math.min(cols, tile);
  const xAt = SCRATCH_START + align(height * 8);
  if (!run || !reserve(align(height * 8) + height * width * bytes)) return undefined;
  const scratch = scratchLike(x);
  const results = scratchF64;
  const out = freshLike(x, rows);
  for (let i = 0; i < rows; i += height) {
    const count = Math.min(height, rows - i);
    if (width === cols) {
      scratch.set(x.subarray(i * cols, (i + count) * cols), xAt / bytes);
      run(xAt, count, cols, SCRATCH_START);
      for (let r = 0; r < count; r++) out[i + r] = results[SCRATCH_START / 8 + r]!;
      continue;
    }
    // A row longer than a tile: its parts meet here, as doubles.
    let total: number | undefined;
    for (let j = 0; j < cols; j += width) {
      const length = Math.min(width, cols - j);
      scratch.set(x.subarray(i * cols + j, i * cols + j + length), xAt / bytes);
      run(xAt, 1, length, SCRATCH_START);
      const part = results[SCRATCH_START / 8]!;
      total = total === undefined ? part : combine[kind](total, part);
    }
    out[i] = total!;
  }
  return out;
}

/** Rows whose partial result joins the total. */
const BLOCK_ROWS = 256;

/** The same for sums of 32-bit floats, whose totals are kept as doubles. */
const WIDE_BLOCK_ROWS = 32;

/** Bytes of such a block in scratch: wide arrays are taken in strips of columns. */
const BLOCK_BYTES = 1 << 20;

/** Reduction of the middle axis of `x` `[outer, rows, cols]`: `[outer, cols]`. `max` and `min` need `rows ≥ 1`. */
export function reduceColumns<T extends FloatArray>(
  kind: ReduceKind,
  x: T,
  outer: number,
  rows: number,
  cols: number,
): T | undefined {
  if (outer * rows * cols === 0) return undefined;
  const run = (x instanceof Float32Array ? reduce32 : reduce64)()?.[`${kind}Columns`];
  const bytes = x.BYTES_PER_ELEMENT;
  const wide = x instanceof Float32Array && (kind === "sum" || kind === "sumSquares");
  const height = Math.min(rows, wide ? WIDE_BLOCK_ROWS : BLOCK_ROWS);
  const strip = Math.min(cols, Math.floor(BLOCK_BYTES / bytes / height));
  const partAt = SCRATCH_START + align(strip * bytes);
  const xAt = partAt + align(strip * bytes);
  if (!run || !reserve(xAt + height * strip * bytes - SCRATCH_START)) return undefined;
  const scratch = scratchLike(x);
  const out = freshLike(x, outer * cols);
  for (let p = 0; p < outer; p++)
    for (let j = 0; j < cols; j += strip) {
      const count = Math.min(strip, cols - j);
      const totals = wide && rows > height ? new Float64Array(count) : undefined;
      const at = SCRATCH_START / bytes;
      for (let i = 0; i < rows; i += height) {
        const block = Math.min(height, rows - i);
        const from = (p * rows + i) * cols + j;
        if (count === cols) scratch.set(x.subarray(from, from + block * cols), xAt / bytes);
        else
          for (let r = 0; r < block; r++)
            scratch.set(
              x.subarray(from + r * cols, from + r * cols + count),
              xAt / bytes + r * count,
            );
        run(xAt, block, count, partAt, SCRATCH_START, i === 0 || totals ? 1 : 0);
        if (totals) for (let c = 0; c < count; c++) totals[c]! += scratch[at + c]!;
      }
      out.set(totals ?? scratch.subarray(at, at + count), p * cols + j);
    }
  return out;
}

/** Inner product of two contiguous vectors of one length. */
export function dot<T extends FloatArray>(x: T, y: T): number | undefined {
  const size = x.length;
  if (size < DOT_MIN_SIZE) return undefined;
  const run = (x instanceof Float32Array ? reduce32 : reduce64)();
  const bytes = x.BYTES_PER_ELEMENT;
  const tile = Math.min(size, TILE_BYTES / 2 / bytes);
  const yAt = SCRATCH_START + align(tile * bytes);
  if (!run || !reserve(yAt + tile * bytes - SCRATCH_START)) return undefined;
  const scratch = scratchLike(x);
  let total = 0;
  for (let at = 0; at < size; at += tile) {
    const end = Math.min(at + tile, size);
    scratch.set(x.subarray(at, end), SCRATCH_START / bytes);
    scratch.set(y.subarray(at, end), yAt / bytes);
    total += run.dot(SCRATCH_START, yAt, end - at);
  }
  return total;
}

/** Reduction of `x`, row-major of `shape`, over `axes`, when these are adjacent (extents of 1 aside). */
export function reduceAxes(
  kind: ReduceKind,
  x: TypedArray,
  shape: readonly number[],
  axes: readonly number[],
): FloatArray | undefined {
  if (!(x instanceof Float32Array || x instanceof Float64Array)) return undefined;
  let outer = 1;
  let rows = 1;
  let cols = 1;
  for (const [axis, extent] of shape.entries()) {
    if (extent === 1) continue;
    if (!axes.includes(axis)) cols *= extent;
    else if (cols === 1) rows *= extent;
    else if (rows === 1) [outer, rows, cols] = [cols, extent, 1];
    else return undefined;
  }
  if (cols === 1) return reduceRows(kind, x, outer, rows);
  return reduceColumns(kind, x, outer, rows, cols);
}

/** Sum of `x` over `axes`; see {@link reduceAxes}. */
export function reduceSum(
  x: TypedArray,
  shape: readonly number[],
  axes: readonly number[],
): FloatArray | undefined {
  return reduceAxes("sum", x, shape, axes);
}
