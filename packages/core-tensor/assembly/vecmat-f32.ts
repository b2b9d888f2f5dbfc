/** Few rows times a matrix of 32-bit floats. */
import { axpyRows as axpyRowsOf, dotRows as dotRowsOf } from "./vecmat";

export function axpyRows(x: usize, matrix: usize, rowStride: i32, y: usize, m: i32, n: i32, k: i32): void {
  axpyRowsOf<f32>(x, matrix, rowStride, y, m, n, k);
}

export function dotRows(x: usize, matrix: usize, colStride: i32, y: usize, m: i32, n: i32, k: i32): void {
  dotRowsOf<f32>(x, matrix, colStride, y, m, n, k);
}
