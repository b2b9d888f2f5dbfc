/** Reference matrix product on strided operands, accumulated in double precision. */
import type { TypedArray } from "../../array/dtype.js";

/** One matrix of a stack: element (i, j) is `data[offset + i·rowStride + j·colStride]`. */
export interface MatrixView {
  readonly data: TypedArray;
  readonly offset: number;
  readonly rowStride: number;
  readonly colStride: number;
}

/** `out[at + i·n + j] = Σ_p a[i, p] b[p, j]`. */
export function multiply(
  a: MatrixView,
  b: MatrixView,
  m: number,
  n: number,
  k: number,
  out: TypedArray,
  at: number,
): void {
  if (out instanceof Int32Array) {
    multiplyIntegers(a, b, m, n, k, out, at);
    return;
  }
  const row = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    row.fill(0);
    for (let p = 0; p < k; p++) {
      const v = a.data[a.offset + i * a.rowStride + p * a.colStride]!;
      for (let j = 0, q = b.offset + p * b.rowStride; j < n; j++, q += b.colStride)
        row[j]! += v * b.data[q]!;
    }
    out.set(row, at + i * n);
  }
}

/** The same modulo 2³²: a double does not hold the low bits of large products. */
function multiplyIntegers(
  a: MatrixView,
  b: MatrixView,
  m: number,
  n: number,
  k: number,
  out: Int32Array,
  at: number,
): void {
  for (let i = 0; i < m; i++, at += n)
    for (let p = 0; p < k; p++) {
      const v = a.data[a.offset + i * a.rowStride + p * a.colStride]!;
      for (let j = 0, q = b.offset + p * b.rowStride; j < n; j++, q += b.colStride)
        out[at + j]! += Math.imul(v, b.data[q]!);
    }
}
