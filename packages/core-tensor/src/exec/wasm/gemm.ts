/** Matrix products $C = AB$ on strided operands, single and batched. */
import type { FloatArray } from "./runtime.js";

/** Products `m·n·k` below this are faster in plain JavaScript. */
export const GEMM_MIN_WORK = 512;

/**
 * Row-major product `[m, n]` of `a` `[m, k]` and `b` `[k, n]`, or `undefined` when the caller must compute it.
 *
 * Element `(i, j)` of `a` is `a[aOffset + i * aRowStride + j * aColStride]`; strides may be negative or zero. Both operands
 * have the same element type, which the result shares.
 */
export function gemm<T extends FloatArray>(
  a: T, aOffset: number, aRowStride: number, aColStride: number,
  b: T, bOffset: number, bRowStride: number, bColStride: number,
  m: number, n: number, k: number,
): T | undefined {
  return undefined;
}

/**
 * Stack `[batch, m, n]` of products; product `p` reads its matrices at `aOffsets[p]` and `bOffsets[p]`, so that a broadcast
 * operand repeats its offset.
 */
export function gemmBatched<T extends FloatArray>(
  a: T, aOffsets: ArrayLike<number>, aRowStride: number, aColStride: number,
  b: T, bOffsets: ArrayLike<number>, bRowStride: number, bColStride: number,
  m: number, n: number, k: number,
): T | undefined {
  return undefined;
}
