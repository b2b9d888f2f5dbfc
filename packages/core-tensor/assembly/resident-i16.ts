/**
 * Products with resident matrices of 16-bit whole numbers below 2¹⁴, one scale a row. They meet vectors of 16-bit whole numbers with a
 * scale of their own. The engine multiplies and sums neighbours in one instruction; such a pair fits 32 bits, but two of them do not.
 */
import { laneSum } from "./lane";
import { rowAt, rowScale } from "./resident";

/** Eight weights times eight numbers, summed in pairs. */
@inline
function dot8(u: v128, at: usize): v128 {
  return v128.convert<i32>(v128.dot<i16>(u, v128.load(at)));
}

/** y `[n]`: products of rows with one vector, times `scale` and the row's own scale. */
export function dots(x: usize, scale: f32, matrix: usize, rowBytes: i32, scales: usize, rows: usize, y: usize, n: i32, k: i32): void {
  const whole: usize = (k & ~15) << 1, stop: usize = k << 1;
  for (let j = 0; j < n; j += 4) {
    const left = n - j;
    const b0 = rowAt(matrix, rowBytes, rows, j);
    const b1 = left > 1 ? rowAt(matrix, rowBytes, rows, j + 1) : b0;
    const b2 = left > 2 ? rowAt(matrix, rowBytes, rows, j + 2) : b0;
    const b3 = left > 3 ? rowAt(matrix, rowBytes, rows, j + 3) : b0;
    let s0 = v128.splat<f32>(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
    let p: usize = 0;
    for (; p < whole; p += 32) {
      const u = v128.load(x + p), v = v128.load(x + p, 16);
      s0 = v128.add<f32>(s0, dot8(u, b0 + p));
      t0 = v128.add<f32>(t0, dot8(v, b0 + p + 16));
      s1 = v128.add<f32>(s1, dot8(u, b1 + p));
      t1 = v128.add<f32>(t1, dot8(v, b1 + p + 16));
      s2 = v128.add<f32>(s2, dot8(u, b2 + p));
      t2 = v128.add<f32>(t2, dot8(v, b2 + p + 16));
      s3 = v128.add<f32>(s3, dot8(u, b3 + p));
      t3 = v128.add<f32>(t3, dot8(v, b3 + p + 16));
    }
    let f0 = laneSum<f32>(v128.add<f32>(s0, t0)), f1 = laneSum<f32>(v128.add<f32>(s1, t1));
    let f2 = laneSum<f32>(v128.add<f32>(s2, t2)), f3 = laneSum<f32>(v128.add<f32>(s3, t3));
    for (; p < stop; p += 2) {
      const u = <f32>load<i16>(x + p);
      f0 += u * <f32>load<i16>(b0 + p);
      f1 += u * <f32>load<i16>(b1 + p);
      f2 += u * <f32>load<i16>(b2 + p);
      f3 += u * <f32>load<i16>(b3 + p);
    }
    const yi = y + (<usize>j << 2);
    store<f32>(yi, f0 * scale * rowScale(scales, rows, j));
    if (left > 1) store<f32>(yi, f1 * scale * rowScale(scales, rows, j + 1), 4);
    if (left > 2) store<f32>(yi, f2 * scale * rowScale(scales, rows, j + 2), 8);
    if (left > 3) store<f32>(yi, f3 * scale * rowScale(scales, rows, j + 3), 12);
  }
}

/** Sums of two rows at the first four of eight places, each row times its 16-bit factor (`x` holds the pair in every lane). */
@inline
function pairLow(x: v128, a: v128, b: v128): v128 {
  return v128.convert<i32>(v128.dot<i16>(x, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11)));
}

@inline
function pairHigh(x: v128, a: v128, b: v128): v128 {
  return v128.convert<i32>(v128.dot<i16>(x, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15)));
}

/**
 * y `[n]`: `scale` times the sum of rows, each times its 16-bit entry of x. `k` is a multiple of 4: the vector ends in zeros, which
 * meet the row at place `last` of the list again.
 */
export function combine(x: usize, scale: f32, matrix: usize, rowBytes: i32, rows: usize, y: usize, n: i32, k: i32, last: i32): void {
  memory.fill(y, 0, <usize>n << 2);
  const whole = n & ~7;
  for (let j = 0; j < k; j += 4) {
    const xj = x + (<usize>j << 1);
    const x0 = v128.load_splat<i32>(xj), x1 = v128.load_splat<i32>(xj, 4);
    const b0 = rowAt(matrix, rowBytes, rows, min(j, last)), b1 = rowAt(matrix, rowBytes, rows, min(j + 1, last));
    const b2 = rowAt(matrix, rowBytes, rows, min(j + 2, last)), b3 = rowAt(matrix, rowBytes, rows, min(j + 3, last));
    let p = 0;
    for (; p < whole; p += 8) {
      const at: usize = <usize>p << 1, to = y + (<usize>p << 2);
      const r0 = v128.load(b0 + at), r1 = v128.load(b1 + at), r2 = v128.load(b2 + at), r3 = v128.load(b3 + at);
      v128.store(to, v128.add<f32>(v128.load(to), v128.add<f32>(pairLow(x0, r0, r1), pairLow(x1, r2, r3))));
      v128.store(to, v128.add<f32>(v128.load(to, 16), v128.add<f32>(pairHigh(x0, r0, r1), pairHigh(x1, r2, r3))), 16);
    }
    for (; p < n; p++) {
      const at: usize = <usize>p << 1, to = y + (<usize>p << 2);
      const sum = <f32>load<i16>(xj) * <f32>load<i16>(b0 + at) + <f32>load<i16>(xj, 2) * <f32>load<i16>(b1 + at)
        + <f32>load<i16>(xj, 4) * <f32>load<i16>(b2 + at) + <f32>load<i16>(xj, 6) * <f32>load<i16>(b3 + at);
      store<f32>(to, load<f32>(to) + sum);
    }
  }
  for (let p = 0; p < n; p++) {
    const to = y + (<usize>p << 2);
    store<f32>(to, load<f32>(to) * scale);
  }
}

/** `n` weights times `scale`, as 32-bit floats. */
export function widen(from: usize, scale: f32, to: usize, n: i32): void {
  for (let p = 0; p < n; p++, from += 2, to += 4) store<f32>(to, <f32>load<i16>(from) * scale);
}
