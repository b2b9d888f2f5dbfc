/** Softmax, its logarithm and its normaliser over the rows of a contiguous matrix `[rows, cols]`. */
import type { FloatArray } from "./runtime.js";

/** Matrices with fewer elements than this are faster in plain JavaScript. */
export const SOFTMAX_MIN_SIZE = 64;

/** `exp(x - max) / Σ exp(x - max)` of each row: `[rows, cols]`. */
export function softmaxRows<T extends FloatArray>(x: T, rows: number, cols: number): T | undefined {
  return undefined;
}

/** `x - logsumexp(x)` of each row: `[rows, cols]`. */
export function logSoftmaxRows<T extends FloatArray>(x: T, rows: number, cols: number): T | undefined {
  return undefined;
}

/** `log Σ exp(x)` of each row: `[rows]`. A row of −∞ gives −∞; a row with +∞ gives +∞. */
export function logsumexpRows<T extends FloatArray>(x: T, rows: number, cols: number): T | undefined {
  return undefined;
}
