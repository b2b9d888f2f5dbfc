/**
 * Products with resident matrices of bytes, one scale a row. They meet vectors of 16-bit whole numbers with a scale of their own;
 * the engine multiplies and sums neighbours in one instruction.
 */
import { laneSum } from "./lane";
import { rowAt, rowScale } from "./resident";

/** Steps whose products of bytes and 16-bit numbers a 32-bit lane can sum: below 2³¹ / (2 · 127 · 32767). */
const SAFE_STEPS: i32 = 128;

/** Eight bytes times eight 16-bit numbers, in pairs. */
@inline
function dot8(u: v128, at: usize): v128 {
  return v128.dot<i16>(u, v128.load_ext<i8>(at));
}

/** y `[n]`: products of rows of bytes with one vector of 16-bit numbers, times `scale` and the row's own scale. */
export function dots(x: usize, scale: f32, matrix: usize, rowBytes: i32, scales: usize, rows: usize, y: usize, n: i32, k: i32): void {
  const whole = k & ~15;
  for (let j = 0; j < n; j += 4) {
    const left = n - j;
    const b0 = rowAt(matrix, rowBytes, rows, j);
    const b1 = left > 1 ? rowAt(matrix, rowBytes, rows, j + 1) : b0;
    const b2 = left > 2 ? rowAt(matrix, rowBytes, rows, j + 2) : b0;
    const b3 = left > 3 ? rowAt(matrix, rowBytes, rows, j + 3) : b0;
    let f0: f32 = 0, f1: f32 = 0, f2: f32 = 0, f3: f32 = 0;
    let p = 0;
    while (p < whole) {
      const stop = min(whole, p + 16 * SAFE_STEPS);
      let s0 = v128.splat<i32>(0), s1 = s0, s2 = s0, s3 = s0;
      let t0 = s0, t1 = s0, t2 = s0, t3 = s0;
      for (; p < stop; p += 16) {
        const u = v128.load(x + (<usize>p << 1)), v = v128.load(x + (<usize>p << 1), 16);
        s0 = v128.add<i32>(s0, dot8(u, b0 + p));
        t0 = v128.add<i32>(t0, dot8(v, b0 + p + 8));
        s1 = v128.add<i32>(s1, dot8(u, b1 + p));
        t1 = v128.add<i32>(t1, dot8(v, b1 + p + 8));
        s2 = v128.add<i32>(s2, dot8(u, b2 + p));
        t2 = v128.add<i32>(t2, dot8(v, b2 + p + 8));
        s3 = v128.add<i32>(s3, dot8(u, b3 + p));
        t3 = v128.add<i32>(t3, dot8(v, b3 + p + 8));
      }
      f0 += floatSum(s0, t0);
      f1 += floatSum(s1, t1);
      f2 += floatSum(s2, t2);
      f3 += floatSum(s3, t3);
    }
    for (; p < k; p++) {
      const u = <f32>load<i16>(x + (<usize>p << 1));
      f0 += u * <f32>load<i8>(b0 + p);
      f1 += u * <f32>load<i8>(b1 + p);
      f2 += u * <f32>load<i8>(b2 + p);
      f3 += u * <f32>load<i8>(b3 + p);
    }
    const yi = y + (<usize>j << 2);
    store<f32>(yi, f0 * scale * rowScale(scales, rows, j));
    if (left > 1) store<f32>(yi, f1 * scale * rowScale(scales, rows, j + 1), 4);
    if (left > 2) store<f32>(yi, f2 * scale * rowScale(scales, rows, j + 2), 8);
    if (left > 3) store<f32>(yi, f3 * scale * rowScale(scales, rows, j + 3), 12);
  }
}

@inline
function floatSum(s: v128, t: v128): f32 {
  return laneSum<f32>(v128.add<f32>(v128.convert<i32>(s), v128.convert<i32>(t)));
}

/** Sums of two rows' bytes at eight places, each row times its 16-bit factor (`x` holds the pair in every lane). */
@inline
function pairLow(x: v128, a: v128, b: v128): v128 {
  return v128.dot<i16>(x, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
}

@inline
function pairHigh(x: v128, a: v128, b: v128): v128 {
  return v128.dot<i16>(x, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15));
}

/**
 * y `[n]`: `scale` times the sum of rows of bytes, each times its 16-bit entry of x. `k` is a multiple of 8: the vector ends in
 * zeros, which meet the row at place `last` of the list again.
 */
export function combine(x: usize, scale: f32, matrix: usize, rowBytes: i32, rows: usize, y: usize, n: i32, k: i32, last: i32): void {
  memory.fill(y, 0, <usize>n << 2);
  const whole = n & ~7;
  for (let j = 0; j < k; j += 8) {
    const xj = x + (<usize>j << 1);
    const x0 = v128.load_splat<i32>(xj), x1 = v128.load_splat<i32>(xj, 4), x2 = v128.load_splat<i32>(xj, 8), x3 = v128.load_splat<i32>(xj, 12);
    const b0 = rowAt(matrix, rowBytes, rows, min(j, last)), b1 = rowAt(matrix, rowBytes, rows, min(j + 1, last));
    const b2 = rowAt(matrix, rowBytes, rows, min(j + 2, last)), b3 = rowAt(matrix, rowBytes, rows, min(j + 3, last));
    const b4 = rowAt(matrix, rowBytes, rows, min(j + 4, last)), b5 = rowAt(matrix, rowBytes, rows, min(j + 5, last));
    const b6 = rowAt(matrix, rowBytes, rows, min(j + 6, last)), b7 = rowAt(matrix, rowBytes, rows, min(j + 7, last));
    let p = 0;
    for (; p < whole; p += 8) {
      const r0 = v128.load_ext<i8>(b0 + p), r1 = v128.load_ext<i8>(b1 + p), r2 = v128.load_ext<i8>(b2 + p), r3 = v128.load_ext<i8>(b3 + p);
      const r4 = v128.load_ext<i8>(b4 + p), r5 = v128.load_ext<i8>(b5 + p), r6 = v128.load_ext<i8>(b6 + p), r7 = v128.load_ext<i8>(b7 + p);
      const low = v128.add<i32>(v128.add<i32>(pairLow(x0, r0, r1), pairLow(x1, r2, r3)), v128.add<i32>(pairLow(x2, r4, r5), pairLow(x3, r6, r7)));
      const high = v128.add<i32>(v128.add<i32>(pairHigh(x0, r0, r1), pairHigh(x1, r2, r3)), v128.add<i32>(pairHigh(x2, r4, r5), pairHigh(x3, r6, r7)));
      const to = y + (<usize>p << 2);
      v128.store(to, v128.add<f32>(v128.load(to), v128.convert<i32>(low)));
      v128.store(to, v128.add<f32>(v128.load(to, 16), v128.convert<i32>(high)), 16);
    }
    for (; p < n; p++) {
      const to = y + (<usize>p << 2);
      const sum = <i32>load<i16>(xj) * <i32>load<i8>(b0 + p) + <i32>load<i16>(xj, 2) * <i32>load<i8>(b1 + p)
        + <i32>load<i16>(xj, 4) * <i32>load<i8>(b2 + p) + <i32>load<i16>(xj, 6) * <i32>load<i8>(b3 + p)
        + <i32>load<i16>(xj, 8) * <i32>load<i8>(b4 + p) + <i32>load<i16>(xj, 10) * <i32>load<i8>(b5 + p)
        + <i32>load<i16>(xj, 12) * <i32>load<i8>(b6 + p) + <i32>load<i16>(xj, 14) * <i32>load<i8>(b7 + p);
      store<f32>(to, load<f32>(to) + <f32>sum);
    }
  }
  for (let p = 0; p < n; p++) {
    const to = y + (<usize>p << 2);
    store<f32>(to, load<f32>(to) * scale);
  }
}

/** `n` bytes times `scale`, as 32-bit floats. */
export function widen(from: usize, scale: f32, to: usize, n: i32): void {
  for (let p = 0; p < n; p++, from++, to += 4) store<f32>(to, <f32>load<i8>(from) * scale);
}
