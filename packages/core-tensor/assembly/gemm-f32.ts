/** Matrix product of 32-bit floats. */
import { gemm as gemmOf, workBytes as workBytesOf } from "./gemm";

export function gemm(
  a: usize, aRow: i32, aCol: i32, b: usize, bRow: i32, bCol: i32, c: usize, m: i32, n: i32, k: i32, work: usize,
): void {
  gemmOf<f32>(a, aRow, aCol, b, bRow, bCol, c, m, n, k, work);
}

export function workBytes(n: i32, k: i32): i32 {
  return workBytesOf<f32>(n, k);
}
