/**
 * Products with matrices that stay in memory, rows contiguous, of 32-bit or 16-bit floats. `rows` lists the rows that take part,
 * or is zero for all of them. Strides are in bytes.
 *
 * 16-bit floats become 32-bit ones by moving their bits. The exponent is then off by 112, which the vector makes good beforehand.
 */
import { laneSum, madd } from "./lane";

/** Sign, exponent and fraction of a 16-bit float at their places in a 32-bit one. */
const HALF_BITS: i32 = 0x8fffe000;

/** Columns of one block of `combine`: its outputs stay in the first-level cache. */
const BLOCK: i32 = 4096;

/** Address of the j-th row that takes part. */
@inline
export function rowAt(matrix: usize, rowBytes: i32, rows: usize, j: i32): usize {
  return matrix + <usize>(rows ? load<i32>(rows + (<usize>j << 2)) : j) * <usize>rowBytes;
}

/** Four neighbouring weights as 32-bit floats; of 16-bit ones only their bits. */
@inline
export function four<W>(at: usize): v128 {
  if (sizeof<W>() == 4) return v128.load(at);
  return v128.and(v128.shl<i32>(v128.load_ext<i16>(at), 13), v128.splat<i32>(HALF_BITS));
}

/** One weight. */
@inline
export function one<W>(at: usize): f32 {
  if (sizeof<W>() == 4) return load<f32>(at);
  return reinterpret<f32>((<i32>load<i16>(at) << 13) & HALF_BITS);
}

/** Y `[m, n]`: products of the `n` rows with each of the `m` vectors of length `k`. */
export function dots<W>(x: usize, matrix: usize, rowBytes: i32, rows: usize, y: usize, m: i32, n: i32, k: i32): void {
  const pair = k & ~7;
  const xBytes = <usize>k << 2;
  for (let j = 0; j < n; j += 4) {
    const left = n - j;
    // Missing rows repeat the first one; their sums are not stored.
    const b0 = rowAt(matrix, rowBytes, rows, j);
    const b1 = left > 1 ? rowAt(matrix, rowBytes, rows, j + 1) : b0;
    const b2 = left > 2 ? rowAt(matrix, rowBytes, rows, j + 2) : b0;
    const b3 = left > 3 ? rowAt(matrix, rowBytes, rows, j + 3) : b0;
    for (let i = 0; i < m; i++) {
      const xi = x + i * xBytes;
      let s0 = v128.splat<f32>(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
      let p = 0;
      for (; p < pair; p += 8) {
        const at: usize = <usize>p * sizeof<W>(), next: usize = at + 4 * sizeof<W>();
        const u = v128.load(xi + (<usize>p << 2)), v = v128.load(xi + (<usize>p << 2), 16);
        s0 = madd<f32>(u, four<W>(b0 + at), s0);
        t0 = madd<f32>(v, four<W>(b0 + next), t0);
        s1 = madd<f32>(u, four<W>(b1 + at), s1);
        t1 = madd<f32>(v, four<W>(b1 + next), t1);
        s2 = madd<f32>(u, four<W>(b2 + at), s2);
        t2 = madd<f32>(v, four<W>(b2 + next), t2);
        s3 = madd<f32>(u, four<W>(b3 + at), s3);
        t3 = madd<f32>(v, four<W>(b3 + next), t3);
      }
      let r0 = laneSum<f32>(v128.add<f32>(s0, t0)), r1 = laneSum<f32>(v128.add<f32>(s1, t1));
      let r2 = laneSum<f32>(v128.add<f32>(s2, t2)), r3 = laneSum<f32>(v128.add<f32>(s3, t3));
      for (; p < k; p++) {
        const u = load<f32>(xi + (<usize>p << 2));
        const at: usize = <usize>p * sizeof<W>();
        r0 += u * one<W>(b0 + at);
        r1 += u * one<W>(b1 + at);
        r2 += u * one<W>(b2 + at);
        r3 += u * one<W>(b3 + at);
      }
      const yi = y + ((<usize>(i * n + j)) << 2);
      store<f32>(yi, r0);
      if (left > 1) store<f32>(yi, r1, 4);
      if (left > 2) store<f32>(yi, r2, 8);
      if (left > 3) store<f32>(yi, r3, 12);
    }
  }
}

/** y `[n]`: sum of the `k` rows, each times its entry of x. */
export function combine<W>(x: usize, matrix: usize, rowBytes: i32, rows: usize, y: usize, n: i32, k: i32): void {
  memory.fill(y, 0, <usize>n << 2);
  for (let c = 0; c < n; c += BLOCK) {
    const width = min(BLOCK, n - c), whole = width & ~3;
    const from = matrix + <usize>c * sizeof<W>();
    const yc = y + (<usize>c << 2);
    let j = 0;
    for (; j + 8 <= k; j += 8) {
      const xj = x + (<usize>j << 2);
      const x0 = v128.load_splat<f32>(xj), x1 = v128.load_splat<f32>(xj, 4), x2 = v128.load_splat<f32>(xj, 8), x3 = v128.load_splat<f32>(xj, 12);
      const x4 = v128.load_splat<f32>(xj, 16), x5 = v128.load_splat<f32>(xj, 20), x6 = v128.load_splat<f32>(xj, 24), x7 = v128.load_splat<f32>(xj, 28);
      const b0 = rowAt(from, rowBytes, rows, j), b1 = rowAt(from, rowBytes, rows, j + 1), b2 = rowAt(from, rowBytes, rows, j + 2), b3 = rowAt(from, rowBytes, rows, j + 3);
      const b4 = rowAt(from, rowBytes, rows, j + 4), b5 = rowAt(from, rowBytes, rows, j + 5), b6 = rowAt(from, rowBytes, rows, j + 6), b7 = rowAt(from, rowBytes, rows, j + 7);
      let p = 0;
      for (; p < whole; p += 4) {
        const at: usize = <usize>p * sizeof<W>(), to = yc + (<usize>p << 2);
        let s = madd<f32>(x0, four<W>(b0 + at), v128.load(to));
        let t = v128.mul<f32>(x1, four<W>(b1 + at));
        s = madd<f32>(x2, four<W>(b2 + at), s);
        t = madd<f32>(x3, four<W>(b3 + at), t);
        s = madd<f32>(x4, four<W>(b4 + at), s);
        t = madd<f32>(x5, four<W>(b5 + at), t);
        s = madd<f32>(x6, four<W>(b6 + at), s);
        t = madd<f32>(x7, four<W>(b7 + at), t);
        v128.store(to, v128.add<f32>(s, t));
      }
    }
    const singles = j;
    for (; j < k; j++) {
      const xj = v128.load_splat<f32>(x + (<usize>j << 2));
      const b = rowAt(from, rowBytes, rows, j);
      for (let p = 0; p < whole; p += 4) {
        const to = yc + (<usize>p << 2);
        v128.store(to, madd<f32>(xj, four<W>(b + <usize>p * sizeof<W>()), v128.load(to)));
      }
    }
    for (let p = whole; p < width; p++) {
      let sum: f32 = 0;
      for (j = 0; j < k; j++) sum += load<f32>(x + (<usize>j << 2)) * one<W>(rowAt(from, rowBytes, rows, j) + <usize>p * sizeof<W>());
      store<f32>(yc + (<usize>p << 2), sum);
    }
  }
}
