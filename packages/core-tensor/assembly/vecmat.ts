/**
 * Products of one or few vectors with a matrix, where packing would cost more than multiplying. Both forms read the matrix once.
 */
import { laneSum, lanes, madd } from "./lane";

/**
 * Columns of one block: the outputs of a block stay in the first-level cache while the rows of the matrix stream through. Long runs of
 * each row keep the prefetcher going: 4096 is a tenth to a quarter faster than 1024 on matrices of 4000 columns.
 */
const BLOCK: i32 = 4096;

/**
 * Bytes from which on a matrix lies in no cache, and one vector reads it as a single stream: the prefetcher follows that best. Measured at
 * 4096² of 32-bit floats: rows 18 → 22 GB/s, columns 18 → 22; below, several at a time save loads of the vector or of the outputs.
 */
const STREAM: i64 = 1 << 25;

/** Adds the scaled rows of a block of eight (or, at the end, of one) to `width` outputs. */
@inline
function axpy8<T>(x: usize, b: usize, stride: i32, y: usize, width: i32): void {
  const x0 = v128.load_splat<T>(x), x1 = v128.load_splat<T>(x, sizeof<T>());
  const x2 = v128.load_splat<T>(x, 2 * sizeof<T>()), x3 = v128.load_splat<T>(x, 3 * sizeof<T>());
  const x4 = v128.load_splat<T>(x, 4 * sizeof<T>()), x5 = v128.load_splat<T>(x, 5 * sizeof<T>());
  const x6 = v128.load_splat<T>(x, 6 * sizeof<T>()), x7 = v128.load_splat<T>(x, 7 * sizeof<T>());
  const b1 = b + stride, b2 = b1 + stride, b3 = b2 + stride, b4 = b3 + stride, b5 = b4 + stride, b6 = b5 + stride, b7 = b6 + stride;
  const end = (width & ~(lanes<T>() - 1)) * sizeof<T>();
  let at = 0;
  for (; at < end; at += 16) {
    let s = madd<T>(x0, v128.load(b + at), v128.load(y + at));
    let t = v128.mul<T>(x1, v128.load(b1 + at));
    s = madd<T>(x2, v128.load(b2 + at), s);
    t = madd<T>(x3, v128.load(b3 + at), t);
    s = madd<T>(x4, v128.load(b4 + at), s);
    t = madd<T>(x5, v128.load(b5 + at), t);
    s = madd<T>(x6, v128.load(b6 + at), s);
    t = madd<T>(x7, v128.load(b7 + at), t);
    v128.store(y + at, v128.add<T>(s, t));
  }
  for (const stop = <i32>(width * sizeof<T>()); at < stop; at += sizeof<T>()) {
    let sum = load<T>(y + at);
    let q = b + at;
    for (let r = 0; r < 8; r++, q += stride) sum += load<T>(x + r * sizeof<T>()) * load<T>(q);
    store<T>(y + at, sum);
  }
}

/** The same for four rows, added one after the other: the bits are those of four single rows. */
@inline
function axpy4<T>(x: usize, b: usize, stride: i32, y: usize, width: i32): void {
  const x0 = v128.load_splat<T>(x), x1 = v128.load_splat<T>(x, sizeof<T>());
  const x2 = v128.load_splat<T>(x, 2 * sizeof<T>()), x3 = v128.load_splat<T>(x, 3 * sizeof<T>());
  const b1 = b + stride, b2 = b1 + stride, b3 = b2 + stride;
  const end = (width & ~(lanes<T>() - 1)) * sizeof<T>();
  let at = 0;
  for (; at < end; at += 16) {
    let s = madd<T>(x0, v128.load(b + at), v128.load(y + at));
    s = madd<T>(x1, v128.load(b1 + at), s);
    s = madd<T>(x2, v128.load(b2 + at), s);
    s = madd<T>(x3, v128.load(b3 + at), s);
    v128.store(y + at, s);
  }
  for (const stop = <i32>(width * sizeof<T>()); at < stop; at += sizeof<T>()) {
    let sum = load<T>(y + at);
    let q = b + at;
    for (let r = 0; r < 4; r++, q += stride) sum += load<T>(x + r * sizeof<T>()) * load<T>(q);
    store<T>(y + at, sum);
  }
}

function axpy1<T>(x: usize, b: usize, y: usize, width: i32): void {
  const x0 = v128.load_splat<T>(x);
  const scalar = load<T>(x);
  const end = (width & ~(lanes<T>() - 1)) * sizeof<T>();
  let at = 0;
  for (; at + 64 <= end; at += 64) {
    const p = b + at, q = y + at;
    const s0 = madd<T>(x0, v128.load(p), v128.load(q)), s1 = madd<T>(x0, v128.load(p, 16), v128.load(q, 16));
    const s2 = madd<T>(x0, v128.load(p, 32), v128.load(q, 32)), s3 = madd<T>(x0, v128.load(p, 48), v128.load(q, 48));
    v128.store(q, s0);
    v128.store(q, s1, 16);
    v128.store(q, s2, 32);
    v128.store(q, s3, 48);
  }
  for (; at < end; at += 16) v128.store(y + at, madd<T>(x0, v128.load(b + at), v128.load(y + at)));
  for (const stop = <i32>(width * sizeof<T>()); at < stop; at += sizeof<T>()) store<T>(y + at, load<T>(y + at) + scalar * load<T>(b + at));
}

/** Y `[m, n]` = X `[m, k]` times a matrix with contiguous rows. */
export function axpyRows<T>(x: usize, matrix: usize, rowStride: i32, y: usize, m: i32, n: i32, k: i32): void {
  memory.fill(y, 0, m * n * sizeof<T>());
  // rows a multiple of 4096 bytes apart share their places in the cache: eight of them and the outputs would drive each other out
  const large = <i64>rowStride * k >= STREAM;
  const most = large ? (m == 1 ? 1 : 4) : (rowStride & 4095) ? 8 : 4;
  for (let j = 0; j < n; j += BLOCK) {
    const width = min(BLOCK, n - j);
    let b = matrix + j * sizeof<T>();
    for (let p = 0; p < k; ) {
      const step = k - p >= most ? most : 1;
      for (let i = 0; i < m; i++) {
        const xi = x + (i * k + p) * sizeof<T>();
        const yi = y + (i * n + j) * sizeof<T>();
        if (step == 8) axpy8<T>(xi, b, rowStride, yi, width);
        else if (step == 4) axpy4<T>(xi, b, rowStride, yi, width);
        else axpy1<T>(xi, b, yi, width);
      }
      b += step * rowStride;
      p += step;
    }
  }
}

/** One column, with the same sums as {@link dotRows} has for each of four. */
function dotColumn<T>(x: usize, b: usize, y: usize, stop: usize): void {
  const pair = stop & ~31;
  let s = v128.splat<T>(<T>0), t = s;
  let at: usize = 0;
  for (; at < pair; at += 32) {
    s = madd<T>(v128.load(x + at), v128.load(b + at), s);
    t = madd<T>(v128.load(x + at, 16), v128.load(b + at, 16), t);
  }
  let r = laneSum<T>(v128.add<T>(s, t));
  for (; at < stop; at += sizeof<T>()) r += load<T>(x + at) * load<T>(b + at);
  store<T>(y, r);
}

/** Y `[m, n]` = X `[m, k]` times a matrix with contiguous columns: four columns at a time, two sums each. */
export function dotRows<T>(x: usize, matrix: usize, colStride: i32, y: usize, m: i32, n: i32, k: i32): void {
  const stop: usize = k * sizeof<T>();
  if (m == 1 && <i64>colStride * n >= STREAM) {
    for (let j = 0; j < n; j++) dotColumn<T>(x, matrix + j * colStride, y + j * sizeof<T>(), stop);
    return;
  }
  const pair = stop & ~31;
  for (let j = 0; j < n; j += 4) {
    const left = n - j;
    // Missing columns repeat the last one; their sums are not stored.
    const b0 = matrix + j * colStride;
    const b1 = left > 1 ? b0 + colStride : b0;
    const b2 = left > 2 ? b1 + colStride : b1;
    const b3 = left > 3 ? b2 + colStride : b2;
    for (let i = 0; i < m; i++) {
      const xi = x + i * stop;
      let s0 = v128.splat<T>(<T>0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
      let at: usize = 0;
      for (; at < pair; at += 32) {
        const u = v128.load(xi + at), v = v128.load(xi + at, 16);
        s0 = madd<T>(u, v128.load(b0 + at), s0);
        t0 = madd<T>(v, v128.load(b0 + at, 16), t0);
        s1 = madd<T>(u, v128.load(b1 + at), s1);
        t1 = madd<T>(v, v128.load(b1 + at, 16), t1);
        s2 = madd<T>(u, v128.load(b2 + at), s2);
        t2 = madd<T>(v, v128.load(b2 + at, 16), t2);
        s3 = madd<T>(u, v128.load(b3 + at), s3);
        t3 = madd<T>(v, v128.load(b3 + at, 16), t3);
      }
      let r0 = laneSum<T>(v128.add<T>(s0, t0)), r1 = laneSum<T>(v128.add<T>(s1, t1));
      let r2 = laneSum<T>(v128.add<T>(s2, t2)), r3 = laneSum<T>(v128.add<T>(s3, t3));
      for (; at < stop; at += sizeof<T>()) {
        const u = load<T>(xi + at);
        r0 += u * load<T>(b0 + at);
        r1 += u * load<T>(b1 + at);
        r2 += u * load<T>(b2 + at);
        r3 += u * load<T>(b3 + at);
      }
      const yi = y + (i * n + j) * sizeof<T>();
      store<T>(yi, r0);
      if (left > 1) store<T>(yi, r1, sizeof<T>());
      if (left > 2) store<T>(yi, r2, 2 * sizeof<T>());
      if (left > 3) store<T>(yi, r3, 3 * sizeof<T>());
    }
  }
}
