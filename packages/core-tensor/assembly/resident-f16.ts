/** Products with resident matrices of 16-bit floats; vectors come multiplied by 2¹¹². */
import { combine as combineOf, dots as dotsOf, one } from "./resident";

export function dots(x: usize, matrix: usize, rowBytes: i32, rows: usize, y: usize, m: i32, n: i32, k: i32): void {
  dotsOf<i16>(x, matrix, rowBytes, rows, y, m, n, k);
}

export function combine(x: usize, matrix: usize, rowBytes: i32, rows: usize, y: usize, n: i32, k: i32): void {
  combineOf<i16>(x, matrix, rowBytes, rows, y, n, k);
}

/** `n` weights as 32-bit floats. */
export function widen(from: usize, to: usize, n: i32): void {
  const lift = reinterpret<f32>(239 << 23); // 2¹¹²
  for (let p = 0; p < n; p++, from += 2, to += 4) store<f32>(to, one<i16>(from) * lift);
}
