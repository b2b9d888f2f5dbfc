/**
 * Softmax and its relatives over the rows of a matrix. Input and output are different buffers and the rows go in order: the last
 * vector of a row may stick out into the next one, whose own turn comes later.
 */
import { infinity, log2e, magicBias, softmaxLow } from "./tables";
import { expm1Reduced, reduced } from "./exponential";
import { laneSum, lanes, madd, toExponent } from "./lane";

/** e^x for x ≤ 0, with results below the normal range flushed to zero: one scale factor, no slow denormals. */
@inline
function expNegative<T>(x: v128): v128 {
  const bounded = v128.pmax<T>(x, softmaxLow<T>());
  const biased = madd<T>(bounded, log2e<T>(), magicBias<T>());
  const t = reduced<T>(bounded, v128.sub<T>(biased, magicBias<T>()));
  const scale = toExponent<T>(biased);
  return v128.andnot(madd<T>(scale, expm1Reduced<T>(t), scale), v128.lt<T>(x, softmaxLow<T>()));
}

/** Bytes of a row whose exponentials are summed before the sum joins the total, a double. */
const BLOCK: usize = 4096;

/** All ones in the first `count` lanes. */
@inline
function firstLanes<T>(count: i32): v128 {
  const index = sizeof<T>() == 4 ? f32x4(0, 1, 2, 3) : f64x2(0, 1);
  return v128.lt<T>(index, v128.splat<T>(<T>count));
}

@inline
function laneMax<T>(x: v128): T {
  const pair = v128.pmax<T>(x, v128.shuffle<i64>(x, x, 1, 0));
  if (sizeof<T>() == 8) return v128.extract_lane<T>(pair, 0);
  return v128.extract_lane<T>(v128.pmax<T>(pair, v128.shuffle<i32>(pair, pair, 1, 0, 1, 0)), 0);
}

/** Largest element of a row; NaN may be passed over, the sum finds it. */
@inline
function rowMax<T>(x: usize, whole: usize, tail: v128): T {
  const low = v128.neg<T>(infinity<T>());
  let a = low, b = low;
  let p = x;
  for (; p + 32 <= whole; p += 32) {
    a = v128.pmax<T>(a, v128.load(p));
    b = v128.pmax<T>(b, v128.load(p, 16));
  }
  if (p < whole) {
    a = v128.pmax<T>(a, v128.load(p));
    p += 16;
  }
  b = v128.pmax<T>(b, v128.bitselect(v128.load(p), low, tail));
  return laneMax<T>(v128.pmax<T>(a, b));
}

/** Stores the first lanes of a vector, `bytes` of them, and nothing behind. */
function storeFirst<T>(out: usize, x: v128, bytes: usize): void {
  if ((bytes & 8) != 0) {
    v128.store64_lane(out, x, 0);
    if ((bytes & 4) != 0) v128.store32_lane(out, x, 2, 8);
  } else v128.store32_lane(out, x, 0);
}

/** `[rows, cols]` at `x` to their softmax at `out`. */
export function softmax<T>(x: usize, out: usize, rows: i32, cols: i32): void {
  const bytes: usize = cols * sizeof<T>();
  const vectors: usize = bytes & ~15;
  const tail = firstLanes<T>(cols & (lanes<T>() - 1));
  for (let i = 0; i < rows; i++, x += bytes, out += bytes) {
    const shift = v128.splat<T>(rowMax<T>(x, x + vectors, tail));
    let total: f64 = 0;
    let at: usize = 0;
    let last = shift;
    while (at < vectors) {
      let sum = v128.splat<T>(<T>0);
      const end = min(at + BLOCK, vectors);
      for (; at + 16 < end; at += 32) {
        const e = expNegative<T>(v128.sub<T>(v128.load(x + at), shift));
        const f = expNegative<T>(v128.sub<T>(v128.load(x + at, 16), shift));
        v128.store(out + at, e);
        v128.store(out + at, f, 16);
        sum = v128.add<T>(sum, v128.add<T>(e, f));
      }
      if (at < end) {
        const e = expNegative<T>(v128.sub<T>(v128.load(x + at), shift));
        v128.store(out + at, e);
        sum = v128.add<T>(sum, e);
        at += 16;
      }
      total += <f64>laneSum<T>(sum);
    }
    if (at < bytes) {
      last = expNegative<T>(v128.sub<T>(v128.load(x + at), shift));
      total += <f64>laneSum<T>(v128.and(last, tail));
    }
    const scale = v128.splat<T>(<T>(1 / total));
    for (at = 0; at < vectors; at += 16) v128.store(out + at, v128.mul<T>(v128.load(out + at), scale));
    if (at < bytes) storeFirst<T>(out + at, v128.mul<T>(last, scale), bytes - at);
  }
}

/**
 * Shift and Σ e^(x − shift) of each row, as doubles. The shift is the largest element; when `finite`, 0 replaces an infinite one,
 * so that the sum itself is 0 or infinite.
 */
export function sums<T>(x: usize, rows: i32, cols: i32, shifts: usize, totals: usize, finite: bool): void {
  const bytes: usize = cols * sizeof<T>();
  const vectors: usize = bytes & ~15;
  const tail = firstLanes<T>(cols & (lanes<T>() - 1));
  for (let i = 0; i < rows; i++, x += bytes, shifts += 8, totals += 8) {
    let top = rowMax<T>(x, x + vectors, tail);
    let total: f64;
    if (finite && abs<T>(top) == <T>Infinity) {
      // Any +∞ makes the sum infinite, any NaN makes it NaN; −∞ alone leaves 0.
      total = 0;
      for (let p = x; p < x + bytes; p += sizeof<T>()) {
        const value = load<T>(p);
        if (value != <T>-Infinity) total += value == <T>Infinity ? <f64>Infinity : value != value ? <f64>NaN : 1;
      }
      top = <T>0;
    } else {
      const shift = v128.splat<T>(top);
      let at: usize = 0;
      total = 0;
      while (at < vectors) {
        let sum = v128.splat<T>(<T>0);
        for (const end = min(at + BLOCK, vectors); at < end; at += 16) {
          sum = v128.add<T>(sum, expNegative<T>(v128.sub<T>(v128.load(x + at), shift)));
        }
        total += <f64>laneSum<T>(sum);
      }
      if (at < bytes) total += <f64>laneSum<T>(v128.and(expNegative<T>(v128.sub<T>(v128.load(x + at), shift)), tail));
    }
    store<f64>(shifts, <f64>top);
    store<f64>(totals, total);
  }
}

/** `out` = (x − shift) − log total of each row. */
export function subtract<T>(x: usize, out: usize, rows: i32, cols: i32, shifts: usize, logs: usize): void {
  const bytes: usize = cols * sizeof<T>();
  const vectors: usize = bytes & ~15;
  for (let i = 0; i < rows; i++, x += bytes, out += bytes, shifts += 8, logs += 8) {
    const shift = v128.splat<T>(<T>load<f64>(shifts));
    const log = v128.splat<T>(<T>load<f64>(logs));
    let at: usize = 0;
    for (; at < vectors; at += 16) v128.store(out + at, v128.sub<T>(v128.sub<T>(v128.load(x + at), shift), log));
    if (at < bytes) storeFirst<T>(out + at, v128.sub<T>(v128.sub<T>(v128.load(x + at), shift), log), bytes - at);
  }
}
