/** Reference kernels for reading and adding at listed places of one axis. Layout `[outer, n, inner]`, row-major. */
import type { TypedArray } from "../../array/dtype.js";

/** `out[o, k, :] = x[o, indices[k], :]`. */
export function takeRows(
  x: TypedArray,
  outer: number,
  n: number,
  inner: number,
  indices: ArrayLike<number>,
  out: TypedArray,
): void {
  for (let o = 0, to = 0; o < outer; o++)
    for (let k = 0; k < indices.length; k++, to += inner) {
      const from = (o * n + indices[k]!) * inner;
      if (inner > 16) out.set(x.subarray(from, from + inner), to);
      else for (let j = 0; j < inner; j++) out[to + j] = x[from + j]!;
    }
}

/** `out[o, indices[k], :] += x[o, k, :]`. */
export function addRows(
  x: TypedArray,
  outer: number,
  n: number,
  inner: number,
  indices: ArrayLike<number>,
  out: TypedArray,
): void {
  for (let o = 0, from = 0; o < outer; o++)
    for (let k = 0; k < indices.length; k++, from += inner) {
      const to = (o * n + indices[k]!) * inner;
      for (let j = 0; j < inner; j++) out[to + j]! += x[from + j]!;
    }
}

/** `out[o, k, i] = x[o, indices[o, k, i], i]` with `m` places on the axis of the indices. */
export function takeEach(
  x: TypedArray,
  outer: number,
  n: number,
  inner: number,
  indices: ArrayLike<number>,
  m: number,
  out: TypedArray,
): void {
  for (let o = 0, at = 0; o < outer; o++)
    for (let k = 0; k < m; k++)
      for (let i = 0; i < inner; i++, at++) out[at] = x[(o * n + indices[at]!) * inner + i]!;
}

/** `out[o, indices[o, k, i], i] += x[o, k, i]`. */
export function addEach(
  x: TypedArray,
  outer: number,
  n: number,
  inner: number,
  indices: ArrayLike<number>,
  m: number,
  out: TypedArray,
): void {
  for (let o = 0, at = 0; o < outer; o++)
    for (let k = 0; k < m; k++)
      for (let i = 0; i < inner; i++, at++) out[(o * n + indices[at]!) * inner + i]! += x[at]!;
}
