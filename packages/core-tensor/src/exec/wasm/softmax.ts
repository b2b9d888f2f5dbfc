/** Softmax, its logarithm and its normaliser over the rows of a contiguous matrix `[rows, cols]`. A row's bits do not depend on how many others there are. */
import { softmaxF32, softmaxF64 } from "./binaries/softmax.js";
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

/** Bytes of input in scratch at a time; rows are never split. */
const TILE_BYTES = 1 << 15;

/** Vectors may stick out of the last row by less than this. */
const SLACK_BYTES = 16;

/** Exports of `assembly/softmax-f32.ts` and `softmax-f64.ts`. */
interface SoftmaxKernel {
  softmax(x: number, out: number, rows: number, cols: number): void;
  sums(x: number, rows: number, cols: number, shifts: number, totals: number, finite: number): void;
  subtract(x: number, out: number, rows: number, cols: number, shifts: number, logs: number): void;
}

const softmax32 = /* @__PURE__ */ kernel<SoftmaxKernel>(softmaxF32);
const softmax64 = /* @__PURE__ */ kernel<SoftmaxKernel>(softmaxF64);

/** Scratch layout of one tile of rows: shift and sum of each row, the input, the output. */
interface Tile {
  readonly run: SoftmaxKernel;
  readonly height: number;
  readonly totalsAt: number;
  readonly xAt: number;
  readonly outAt: number;
}

function tileOf(x: FloatArray, rows: number, cols: number): Tile | undefined {
  if (rows * cols === 0) return undefined;
  const run = (x instanceof Float32Array ? softmax32 : softmax64)();
  const bytes = x.BYTES_PER_ELEMENT;
  const height = Math.max(1, Math.min(rows, Math.floor(TILE_BYTES / bytes / cols)));
  const totalsAt = SCRATCH_START + align(height * 8);
  const xAt = totalsAt + align(height * 8);
  const outAt = xAt + align(height * cols * bytes) + SLACK_BYTES;
  const end = outAt + align(height * cols * bytes) + SLACK_BYTES;
  return run && reserve(end - SCRATCH_START) ? { run, height, totalsAt, xAt, outAt } : undefined;
}

/** Runs `visit(first row, rows)` with each tile of `x` in place. */
function eachTile(
  x: FloatArray,
  rows: number,
  cols: number,
  tile: Tile,
  visit: (row: number, count: number) => void,
): void {
  const scratch = scratchLike(x);
  for (let i = 0; i < rows; i += tile.height) {
    const count = Math.min(tile.height, rows - i);
    scratch.set(x.subarray(i * cols, (i + count) * cols), tile.xAt / x.BYTES_PER_ELEMENT);
    visit(i, count);
  }
}

/** Copies `count` rows of the tile's output to row `row` of `out`. */
function copyRows<T extends FloatArray>(
  out: T,
  row: number,
  count: number,
  cols: number,
  tile: Tile,
): void {
  const from = tile.outAt / out.BYTES_PER_ELEMENT;
  out.set(scratchLike(out).subarray(from, from + count * cols), row * cols);
}

/** `exp(x - max) / Σ exp(x - max)` of each row: `[rows, cols]`. Quotients below the normal range may come out as 0. */
export function softmaxRows<T extends FloatArray>(x: T, rows: number, cols: number): T | undefined {
  const tile = tileOf(x, rows, cols);
  if (!tile) return undefined;
  const out = freshLike(x, rows * cols);
  eachTile(x, rows, cols, tile, (row, count) => {
    tile.run.softmax(tile.xAt, tile.outAt, count, cols);
    copyRows(out, row, count, cols, tile);
  });
  return out;
}

/** `x - logSumExp(x)` of each row: `[rows, cols]`. */
export function logSoftmaxRows<T extends FloatArray>(
  x: T,
  rows: number,
  cols: number,
): T | undefined {
  const tile = tileOf(x, rows, cols);
  if (!tile) return undefined;
  const out = freshLike(x, rows * cols);
  const totals = tile.totalsAt / 8;
  eachTile(x, rows, cols, tile, (row, count) => {
    tile.run.sums(tile.xAt, count, cols, SCRATCH_START, tile.totalsAt, 0);
    for (let r = 0; r < count; r++) scratchF64[totals + r] = Math.log(scratchF64[totals + r]!);
    tile.run.subtract(tile.xAt, tile.outAt, count, cols, SCRATCH_START, tile.totalsAt);
    copyRows(out, row, count, cols, tile);
  });
  return out;
}

/** `log Σ exp(x)` of each row: `[rows]`. A row of −∞ gives −∞; a row with +∞ gives +∞. */
export function logSumExpRows<T extends FloatArray>(
  x: T,
  rows: number,
  cols: number,
): T | undefined {
  const tile = tileOf(x, rows, cols);
  if (!tile) return undefined;
  const out = freshLike(x, rows);
  const shifts = SCRATCH_START / 8;
  const totals = tile.totalsAt / 8;
  eachTile(x, rows, cols, tile, (row, count) => {
    tile.run.sums(tile.xAt, count, cols, SCRATCH_START, tile.totalsAt, 1);
    for (let r = 0; r < count; r++)
      out[row + r] = scratchF64[shifts + r]! + Math.log(scratchF64[totals + r]!);
  });
  return out;
}
