/** Sums and extrema of rows and columns. The kind is a constant at every call, so that each form is compiled by itself. */
import { laneSum, lanes, madd } from "./lane";

export const SUM: i32 = 0;
export const MAX: i32 = 1;
export const MIN: i32 = 2;
export const SQUARES: i32 = 3;

/** Elements summed before the partial sum joins the total. */
const BLOCK: i32 = 1024;

/** `acc` joined by the elements `x`. `max` and `min` propagate NaN. */
@inline
function join<T>(kind: i32, acc: v128, x: v128): v128 {
  if (kind == MAX) return v128.max<T>(acc, x);
  if (kind == MIN) return v128.min<T>(acc, x);
  if (kind == SQUARES) return madd<T>(x, x, acc);
  return v128.add<T>(acc, x);
}

@inline
function joinScalar<T>(kind: i32, acc: T, x: T): T {
  if (kind == MAX) return max<T>(acc, x);
  if (kind == MIN) return min<T>(acc, x);
  if (kind == SQUARES) return acc + x * x;
  return acc + x;
}

@inline
function neutral<T>(kind: i32): T {
  if (kind == MAX) return <T>-Infinity;
  if (kind == MIN) return <T>Infinity;
  return <T>0;
}

/** Two partial results as one. */
@inline
function merge<T>(kind: i32, x: v128, y: v128): v128 {
  return join<T>(kind == SQUARES ? SUM : kind, x, y);
}

@inline
function acrossLanes<T>(kind: i32, x: v128): T {
  if (kind == SUM || kind == SQUARES) return laneSum<T>(x);
  let r = joinScalar<T>(kind, v128.extract_lane<T>(x, 0), v128.extract_lane<T>(x, 1));
  if (sizeof<T>() == 4) {
    r = joinScalar<T>(kind, r, v128.extract_lane<T>(x, 2));
    r = joinScalar<T>(kind, r, v128.extract_lane<T>(x, 3));
  }
  return r;
}

/** The sum of two 32-bit floats, or of their squares, in each lane. */
@inline
function wide(kind: i32, acc: v128, x: v128): v128 {
  const y = f64x2.promote_low_f32x4(x);
  return f64x2.add(acc, kind == SQUARES ? f64x2.mul(y, y) : y);
}

/** Sums of rows of 32-bit floats, as doubles from the first element on. */
@inline
function wideRows(kind: i32, x: usize, rows: i32, cols: i32, out: usize): void {
  for (let i = 0; i < rows; i++, out += 8) {
    let a = f64x2.splat(0), b = a;
    let j = 0;
    for (; j + 4 <= cols; j += 4, x += 16) {
      const v = v128.load(x);
      a = wide(kind, a, v);
      b = wide(kind, b, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
    }
    let total = laneSum<f64>(f64x2.add(a, b));
    for (; j < cols; j++, x += 4) {
      const v = <f64>load<f32>(x);
      total += kind == SQUARES ? v * v : v;
    }
    store<f64>(out, total);
  }
}

/** Each row of `[rows, cols]` reduced to one double at `out`. Sums are taken in blocks whose partial sums are added as doubles. */
@inline
export function rows<T>(kind: i32, x: usize, rows: i32, cols: i32, out: usize): void {
  if (sizeof<T>() == 4 && (kind == SUM || kind == SQUARES)) {
    wideRows(kind, x, rows, cols, out);
    return;
  }
  for (let i = 0; i < rows; i++, out += 8) {
    let total: f64 = neutral<f64>(kind);
    for (let left = cols; left > 0; left -= BLOCK) {
      const count = min(BLOCK, left);
      let a = v128.splat<T>(neutral<T>(kind)), b = a, c = a, d = a;
      let j = 0;
      for (; j + 4 * lanes<T>() <= count; j += 4 * lanes<T>(), x += 64) {
        a = join<T>(kind, a, v128.load(x));
        b = join<T>(kind, b, v128.load(x, 16));
        c = join<T>(kind, c, v128.load(x, 32));
        d = join<T>(kind, d, v128.load(x, 48));
      }
      let part = acrossLanes<T>(kind, merge<T>(kind, merge<T>(kind, a, b), merge<T>(kind, c, d)));
      for (; j < count; j++, x += sizeof<T>()) part = joinScalar<T>(kind, part, load<T>(x));
      total = joinScalar<f64>(kind == SQUARES ? SUM : kind, total, <f64>part);
    }
    store<f64>(out, total);
  }
}

/** The rows of `[rows, cols]` reduced into the row `part`, which then joins the row `out`, or becomes it when `first`. */
@inline
export function columns<T>(kind: i32, x: usize, rows: i32, cols: i32, part: usize, out: usize, first: bool): void {
  const bytes: usize = cols * sizeof<T>();
  const vectors: usize = bytes & ~15;
  const fill = neutral<T>(kind);
  for (let at: usize = 0; at < bytes; at += sizeof<T>()) store<T>(part + at, fill);
  let i = 0;
  for (; i + 4 <= rows; i += 4, x += 4 * bytes) {
    const x1 = x + bytes, x2 = x1 + bytes, x3 = x2 + bytes;
    let at: usize = 0;
    for (; at < vectors; at += 16) {
      let s = join<T>(kind, v128.load(part + at), v128.load(x + at));
      s = join<T>(kind, s, v128.load(x1 + at));
      s = join<T>(kind, s, v128.load(x2 + at));
      v128.store(part + at, join<T>(kind, s, v128.load(x3 + at)));
    }
    for (; at < bytes; at += sizeof<T>()) {
      let s = joinScalar<T>(kind, load<T>(part + at), load<T>(x + at));
      s = joinScalar<T>(kind, s, load<T>(x1 + at));
      s = joinScalar<T>(kind, s, load<T>(x2 + at));
      store<T>(part + at, joinScalar<T>(kind, s, load<T>(x3 + at)));
    }
  }
  for (; i < rows; i++, x += bytes) {
    for (let at: usize = 0; at < bytes; at += sizeof<T>()) store<T>(part + at, joinScalar<T>(kind, load<T>(part + at), load<T>(x + at)));
  }
  for (let at: usize = 0; at < bytes; at += sizeof<T>()) {
    const p = load<T>(part + at);
    store<T>(out + at, first ? p : joinScalar<T>(kind == SQUARES ? SUM : kind, load<T>(out + at), p));
  }
}

/** Inner product of `n` elements. */
export function dot<T>(x: usize, y: usize, n: i32): f64 {
  let total: f64 = 0;
  for (let left = n; left > 0; left -= BLOCK) {
    const count = min(BLOCK, left);
    let a = v128.splat<T>(<T>0), b = a, c = a, d = a;
    let j = 0;
    for (; j + 4 * lanes<T>() <= count; j += 4 * lanes<T>(), x += 64, y += 64) {
      a = madd<T>(v128.load(x), v128.load(y), a);
      b = madd<T>(v128.load(x, 16), v128.load(y, 16), b);
      c = madd<T>(v128.load(x, 32), v128.load(y, 32), c);
      d = madd<T>(v128.load(x, 48), v128.load(y, 48), d);
    }
    let part = laneSum<T>(v128.add<T>(v128.add<T>(a, b), v128.add<T>(c, d)));
    for (; j < count; j++, x += sizeof<T>(), y += sizeof<T>()) part += load<T>(x) * load<T>(y);
    total += <f64>part;
  }
  return total;
}
