/** Products with resident matrices of 32-bit floats. */
import { laneSum, madd } from "./lane";
import { rowAt } from "./resident";

/** Columns of one block of `combine`: its outputs stay in the first-level cache. */
const BLOCK: i32 = 4096;

/** Y `[m, n]`: products of the `n` rows with each of the `m` vectors of length `k`. */
export function dots(x: usize, matrix: usize, rowBytes: i32, rows: usize, y: usize, m: i32, n: i32, k: i32): void {
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
        const at: usize = <usize>p * 4, next: usize = at + 4 * 4;
        const u = v128.load(xi + (<usize>p << 2)), v = v128.load(xi + (<usize>p << 2), 16);
        s0 = madd<f32>(u, v128.load(b0 + at), s0);
        t0 = madd<f32>(v, v128.load(b0 + next), t0);
        s1 = madd<f32>(u, v128.load(b1 + at), s1);
        t1 = madd<f32>(v, v128.load(b1 + next), t1);
        s2 = madd<f32>(u, v128.load(b2 + at), s2);
        t2 = madd<f32>(v, v128.load(b2 + next), t2);
        s3 = madd<f32>(u, v128.load(b3 + at), s3);
        t3 = madd<f32>(v, v128.load(b3 + next), t3);
      }
      let r0 = laneSum<f32>(v128.add<f32>(s0, t0)), r1 = laneSum<f32>(v128.add<f32>(s1, t1));
      let r2 = laneSum<f32>(v128.add<f32>(s2, t2)), r3 = laneSum<f32>(v128.add<f32>(s3, t3));
      for (; p < k; p++) {
        const u = load<f32>(xi + (<usize>p << 2));
        const at: usize = <usize>p * 4;
        r0 += u * load<f32>(b0 + at);
        r1 += u * load<f32>(b1 + at);
        r2 += u * load<f32>(b2 + at);
        r3 += u * load<f32>(b3 + at);
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
export function combine(x: usize, matrix: usize, rowBytes: i32, rows: usize, y: usize, n: i32, k: i32): void {
  memory.fill(y, 0, <usize>n << 2);
  for (let c = 0; c < n; c += BLOCK) {
    const width = min(BLOCK, n - c), whole = width & ~3;
    const from = matrix + <usize>c * 4;
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
        const at: usize = <usize>p * 4, to = yc + (<usize>p << 2);
        let s = madd<f32>(x0, v128.load(b0 + at), v128.load(to));
        let t = v128.mul<f32>(x1, v128.load(b1 + at));
        s = madd<f32>(x2, v128.load(b2 + at), s);
        t = madd<f32>(x3, v128.load(b3 + at), t);
        s = madd<f32>(x4, v128.load(b4 + at), s);
        t = madd<f32>(x5, v128.load(b5 + at), t);
        s = madd<f32>(x6, v128.load(b6 + at), s);
        t = madd<f32>(x7, v128.load(b7 + at), t);
        v128.store(to, v128.add<f32>(s, t));
      }
    }
    const singles = j;
    for (; j < k; j++) {
      const xj = v128.load_splat<f32>(x + (<usize>j << 2));
      const b = rowAt(from, rowBytes, rows, j);
      for (let p = 0; p < whole; p += 4) {
        const to = yc + (<usize>p << 2);
        v128.store(to, madd<f32>(xj, v128.load(b + <usize>p * 4), v128.load(to)));
      }
    }
    for (let p = whole; p < width; p++) {
      let sum: f32 = 0;
      for (j = 0; j < k; j++) sum += load<f32>(x + (<usize>j << 2)) * load<f32>(rowAt(from, rowBytes, rows, j) + <usize>p * 4);
      store<f32>(yc + (<usize>p << 2), sum);
    }
  }
}
