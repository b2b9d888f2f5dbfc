/** Rotations and reflections of 64-bit matrices in place: the inner loops of eigenvalue and singular value iterations. Addresses in bytes. */

const STRIP: i32 = 128;

@inline
function axpy(scale: f64, x: usize, y: usize, n: i32): void {
  const s = f64x2.splat(scale);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4, x += 32, y += 32) {
    v128.store(y, f64x2.add(v128.load(y), f64x2.mul(s, v128.load(x))));
    v128.store(y, f64x2.add(v128.load(y, 16), f64x2.mul(s, v128.load(x, 16))), 16);
  }
  for (; i < n; i++, x += 8, y += 8) store<f64>(y, load<f64>(y) + scale * load<f64>(x));
}

@inline
function dot(x: usize, y: usize, n: i32): f64 {
  let a = f64x2.splat(0);
  let b = f64x2.splat(0);
  let i: i32 = 0;
  for (; i + 4 <= n; i += 4, x += 32, y += 32) {
    a = f64x2.add(a, f64x2.mul(v128.load(x), v128.load(y)));
    b = f64x2.add(b, f64x2.mul(v128.load(x, 16), v128.load(y, 16)));
  }
  a = f64x2.add(a, b);
  let total = f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
  for (; i < n; i++, x += 8, y += 8) total += load<f64>(x) * load<f64>(y);
  return total;
}

@inline
function turn(p: usize, q: usize, n: i32, c: f64, s: f64): void {
  const cc = f64x2.splat(c);
  const ss = f64x2.splat(s);
  let i: i32 = 0;
  for (; i + 2 <= n; i += 2, p += 16, q += 16) {
    const x = v128.load(p);
    const y = v128.load(q);
    v128.store(q, f64x2.add(f64x2.mul(ss, x), f64x2.mul(cc, y)));
    v128.store(p, f64x2.sub(f64x2.mul(cc, x), f64x2.mul(ss, y)));
  }
  for (; i < n; i++, p += 8, q += 8) {
    const x = load<f64>(p);
    const y = load<f64>(q);
    store<f64>(q, s * x + c * y);
    store<f64>(p, c * x - s * y);
  }
}

/** Turns rows i and i + 1 by (c, s): downwards for i = m − 1 … l, or upwards for i = l … m − 1 with the sine negated. */
export function rotate(a: usize, width: i32, l: i32, m: i32, cosines: usize, sines: usize, upwards: i32): void {
  const rowBytes = <usize>width << 3;
  for (let from: i32 = 0; from < width; from += STRIP) {
    const n = min(STRIP, width - from);
    const column = a + (<usize>from << 3);
    for (let k: i32 = 0; k < m - l; k++) {
      const i = upwards ? l + k : m - 1 - k;
      const s = load<f64>(sines + (<usize>i << 3));
      if (s == 0) continue;
      const p = column + <usize>i * rowBytes;
      turn(p, p + rowBytes, n, load<f64>(cosines + (<usize>i << 3)), upwards ? -s : s);
    }
  }
}

/** `I − β v vᵀ` from the left on `n` rows of `cols` numbers from `a` on; `w` is room for `cols` numbers. */
export function reflectRows(a: usize, width: i32, cols: i32, v: usize, n: i32, beta: f64, w: usize): void {
  const rowBytes = <usize>width << 3;
  memory.fill(w, 0, <usize>cols << 3);
  for (let i: i32 = 0; i < n; i++) axpy(load<f64>(v + (<usize>i << 3)), a + <usize>i * rowBytes, w, cols);
  for (let i: i32 = 0; i < n; i++) axpy(-beta * load<f64>(v + (<usize>i << 3)), w, a + <usize>i * rowBytes, cols);
}

/** `I − β v vᵀ` from the right on `rows` rows from `a` on, of which `n` numbers are touched. */
export function reflectColumns(a: usize, width: i32, rows: i32, v: usize, n: i32, beta: f64): void {
  const rowBytes = <usize>width << 3;
  for (let i: i32 = 0; i < rows; i++, a += rowBytes) axpy(-beta * dot(a, v, n), v, a, n);
}

/** `H B H` of the symmetric m × m block at `a`, of which the lower triangle is kept; `p` is room for m numbers. */
export function rankTwo(a: usize, width: i32, v: usize, m: i32, beta: f64, p: usize): void {
  const rowBytes = <usize>width << 3;
  memory.fill(p, 0, <usize>m << 3);
  for (let i: i32 = 0; i < m; i++) {
    const row = a + <usize>i * rowBytes;
    const vi = load<f64>(v + (<usize>i << 3));
    const s = dot(row, v, i) + load<f64>(row + (<usize>i << 3)) * vi;
    axpy(vi, row, p, i);
    const at = p + (<usize>i << 3);
    store<f64>(at, load<f64>(at) + s);
  }
  const shift = beta * beta * dot(p, v, m) * 0.5;
  for (let i: i32 = 0; i < m; i++) {
    const at = p + (<usize>i << 3);
    store<f64>(at, beta * load<f64>(at) - shift * load<f64>(v + (<usize>i << 3)));
  }
  for (let i: i32 = 0; i < m; i++) {
    const row = a + <usize>i * rowBytes;
    axpy(-load<f64>(v + (<usize>i << 3)), p, row, i + 1);
    axpy(-load<f64>(p + (<usize>i << 3)), v, row, i + 1);
  }
}
