/**
 * e^x and what is made of it. x = n log 2 + t with |t| ≤ ½ log 2; e^t by a polynomial; 2ⁿ by writing n into the exponent, in two
 * factors where n may leave the range of one.
 *
 * The loops take two vectors at a time, which share the loads of the constants, and check once whether either needs the full
 * range. Clamping uses `pmin(x, bound)`: a NaN in the first operand stays.
 */
import { madd, nmadd, signMask, toExponent } from "./lane";
import {
  expHigh, expLow, expPlain, expTail, expm1Low, half, ln2High, ln2Low, log2e, magic, magicBias,
  magicBiasLess, minusTwo, one, sign, two,
} from "./tables";

/** Nearest integer to x / log 2, as a float. */
@inline
export function exponentOf<T>(x: v128): v128 {
  return v128.sub<T>(madd<T>(x, log2e<T>(), magic<T>()), magic<T>());
}

/** x − n log 2. */
@inline
export function reduced<T>(x: v128, n: v128): v128 {
  return nmadd<T>(n, ln2Low<T>(), nmadd<T>(n, ln2High<T>(), x));
}

/** e^t − 1 for a reduced t. */
@inline
export function expm1Reduced<T>(t: v128): v128 {
  return madd<T>(v128.mul<T>(t, t), expTail<T>(t), t);
}

/** e^t 2ⁿ; overflows to infinity and underflows gradually. */
@inline
export function scaled<T>(t: v128, n: v128): v128 {
  const p = v128.add<T>(one<T>(), expm1Reduced<T>(t));
  const first = madd<T>(n, half<T>(), magicBias<T>());
  const rest = v128.sub<T>(n, v128.sub<T>(first, magicBias<T>()));
  return v128.mul<T>(v128.mul<T>(p, toExponent<T>(first)), toExponent<T>(v128.add<T>(rest, magicBias<T>())));
}

@inline
export function clampedExponent<T>(x: v128): v128 {
  return v128.pmax<T>(v128.pmin<T>(x, expHigh<T>()), expLow<T>());
}

/** e^x on its full range. Not inlined: loops call it for the rare vectors that need it. */
export function expFull<T>(x: v128): v128 {
  const bounded = clampedExponent<T>(x);
  const n = exponentOf<T>(bounded);
  return scaled<T>(reduced<T>(bounded, n), n);
}

/** e^x for |x| ≤ `expPlain`, or NaN. */
@inline
export function expNear<T>(x: v128): v128 {
  const biased = madd<T>(x, log2e<T>(), magicBias<T>());
  const t = reduced<T>(x, v128.sub<T>(biased, magicBias<T>()));
  const scale = toExponent<T>(biased);
  return madd<T>(scale, expm1Reduced<T>(t), scale);
}

/** |x|; one instruction, where the engine's own takes three to build its mask. */
@inline
export function magnitude<T>(x: v128): v128 {
  return v128.andnot(x, sign<T>());
}

/** Whether an element of either vector is beyond `expPlain`. */
@inline
export function isFar<T>(x: v128, y: v128): bool {
  const limit = expPlain<T>();
  return v128.any_true(v128.or(v128.gt<T>(magnitude<T>(x), limit), v128.gt<T>(magnitude<T>(y), limit)));
}

/** e^x − 1, but +0 for −0. With h = 2ⁿ⁻¹ it is 2 (h (e^t − 1) + (h − ½)), which cannot overflow early. */
@inline
export function expm1Of<T>(x: v128): v128 {
  const bounded = v128.pmax<T>(v128.pmin<T>(x, expHigh<T>()), expm1Low<T>());
  const biased = madd<T>(bounded, log2e<T>(), magicBiasLess<T>());
  const t = reduced<T>(bounded, v128.sub<T>(biased, magicBiasLess<T>()));
  const h = toExponent<T>(biased);
  const r = madd<T>(h, expm1Reduced<T>(t), v128.sub<T>(h, half<T>()));
  return v128.add<T>(r, r);
}

/** Sigmoid of x from e = e^(−|x|): 1 / (1 + e) for x ≥ 0, e / (1 + e) for x < 0. */
@inline
export function sigmoidFrom<T>(x: v128, e: v128): v128 {
  const numerator = v128.bitselect(e, one<T>(), signMask<T>(x));
  return v128.div<T>(numerator, v128.add<T>(one<T>(), e));
}

@inline
function expm1Vector<T>(x: v128): v128 {
  return v128.or(expm1Of<T>(x), v128.and(x, sign<T>()));
}

/** With e = e^(−2|x|) − 1: |tanh x| = |e| / (2 + e), exact near zero too. */
@inline
function tanhVector<T>(x: v128): v128 {
  const e = expm1Of<T>(v128.mul<T>(magnitude<T>(x), minusTwo<T>()));
  const size = v128.div<T>(magnitude<T>(e), v128.add<T>(two<T>(), e));
  return v128.or(size, v128.and(x, sign<T>()));
}

export function exp<T>(at: usize, end: usize): void {
  for (; at < end; at += 32) {
    const x = v128.load(at), y = v128.load(at, 16);
    if (isFar<T>(x, y)) {
      v128.store(at, expFull<T>(x));
      v128.store(at, expFull<T>(y), 16);
    } else {
      const u = expNear<T>(x), v = expNear<T>(y);
      v128.store(at, u);
      v128.store(at, v, 16);
    }
  }
}

export function expm1<T>(at: usize, end: usize): void {
  for (; at < end; at += 32) {
    const x = v128.load(at), y = v128.load(at, 16);
    const u = expm1Vector<T>(x), v = expm1Vector<T>(y);
    v128.store(at, u);
    v128.store(at, v, 16);
  }
}

export function tanh<T>(at: usize, end: usize): void {
  for (; at < end; at += 32) {
    const x = v128.load(at), y = v128.load(at, 16);
    const u = tanhVector<T>(x), v = tanhVector<T>(y);
    v128.store(at, u);
    v128.store(at, v, 16);
  }
}

/** Sigmoids of the elements; with `gated`, times the elements. */
export function gate<T>(at: usize, end: usize, gated: bool): void {
  for (; at < end; at += 32) {
    const x = v128.load(at), y = v128.load(at, 16);
    const s = v128.or(x, sign<T>()), t = v128.or(y, sign<T>());
    let e: v128, f: v128;
    if (isFar<T>(x, y)) {
      e = expFull<T>(s);
      f = expFull<T>(t);
    } else {
      e = expNear<T>(s);
      f = expNear<T>(t);
    }
    let u = sigmoidFrom<T>(x, e), v = sigmoidFrom<T>(y, f);
    if (gated) {
      u = v128.mul<T>(u, x);
      v = v128.mul<T>(v, y);
    }
    v128.store(at, u);
    v128.store(at, v, 16);
  }
}
