/** Products with resident matrices of 32-bit floats. */
import { combine as combineOf, dots as dotsOf } from "./resident";

export function dots(x: usize, matrix: usize, rowBytes: i32, rows: usize, y: usize, m: i32, n: i32, k: i32): void {
  dotsOf<f32>(x, matrix, rowBytes, rows, y, m, n, k);
}

export function combine(x: usize, matrix: usize, rowBytes: i32, rows: usize, y: usize, n: i32, k: i32): void {
  combineOf<f32>(x, matrix, rowBytes, rows, y, n, k);
}
