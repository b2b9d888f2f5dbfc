/** Reference softmax kernels over the rows of a contiguous matrix. */
import type { TypedArray } from "../../array/dtype.js";

function rowMax(x: TypedArray, at: number, cols: number): number {
  let best = -Infinity;
  for (let j = 0; j < cols; j++) {
    const v = x[at + j]!;
    if (v > best) best = v;
    else if (v !== v) return NaN;
  }
  return best;
}

/** exp(x − max) / Σ exp(x − max) of each row. */
export function softmaxRows(x: TypedArray, rows: number, cols: number, out: TypedArray): void {
  const e = new Float64Array(cols);
  for (let r = 0, at = 0; r < rows; r++, at += cols) {
    const m = rowMax(x, at, cols);
    let total = 0;
    for (let j = 0; j < cols; j++) total += e[j] = Math.exp(x[at + j]! - m);
    for (let j = 0; j < cols; j++) out[at + j] = e[j]! / total;
  }
}

/** log Σ exp(x) of one row; −∞ for a row of −∞. */
function rowLogSum(x: TypedArray, at: number, cols: number): number {
  const m = rowMax(x, at, cols);
  if (!Number.isFinite(m)) return m;
  let total = 0;
  for (let j = 0; j < cols; j++) total += Math.exp(x[at + j]! - m);
  return m + Math.log(total);
}

export function logSumExpRows(x: TypedArray, rows: number, cols: number, out: TypedArray): void {
  for (let r = 0; r < rows; r++) out[r] = rowLogSum(x, r * cols, cols);
}

export function logSoftmaxRows(x: TypedArray, rows: number, cols: number, out: TypedArray): void {
  for (let r = 0, at = 0; r < rows; r++, at += cols) {
    const total = rowLogSum(x, at, cols);
    for (let j = 0; j < cols; j++) out[at + j] = x[at + j]! - total;
  }
}
