/**
 * e^x and what is made of it. x = n log 2 + t with |t| ≤ ½ log 2; e^t by a polynomial; 2ⁿ by writing n into the exponent, in two
 * factors where n may leave the range of one.
 *
 * Clamping uses `pmin(x, bound)`: a NaN in the first operand stays.
 */
import { madd, nmadd, toExponent } from "./lane";
import {
  expHigh, expLow, expTail, expm1Low, geluTanhFirst, geluTanhSecond, half, ln2High, ln2Low, log2e, magic, magicBias,
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

/** e^t 2ⁿ; overflows to infinity and underflows gradually. */
@inline
export function scaled<T>(t: v128, n: v128): v128 {
  const p = v128.add<T>(one<T>(), madd<T>(v128.mul<T>(t, t), expTail<T>(t), t));
  const first = madd<T>(n, half<T>(), magicBias<T>());
  const rest = v128.sub<T>(n, v128.sub<T>(first, magicBias<T>()));
  return v128.mul<T>(v128.mul<T>(p, toExponent<T>(first)), toExponent<T>(v128.add<T>(rest, magicBias<T>())));
}

@inline
export function clampedExponent<T>(x: v128): v128 {
  return v128.pmax<T>(v128.pmin<T>(x, expHigh<T>()), expLow<T>());
}

@inline
export function expOf<T>(x: v128): v128 {
  const bounded = clampedExponent<T>(x);
  const n = exponentOf<T>(bounded);
  return scaled<T>(reduced<T>(bounded, n), n);
}

/** e^x − 1, but +0 for −0. With h = 2ⁿ⁻¹ it is 2 (h (e^t − 1) + (h − ½)), which cannot overflow early. */
@inline
export function expm1Of<T>(x: v128): v128 {
  const bounded = v128.pmax<T>(v128.pmin<T>(x, expHigh<T>()), expm1Low<T>());
  const biased = madd<T>(bounded, log2e<T>(), magicBiasLess<T>());
  const t = reduced<T>(bounded, v128.sub<T>(biased, magicBiasLess<T>()));
  const h = toExponent<T>(biased);
  const r = madd<T>(h, madd<T>(v128.mul<T>(t, t), expTail<T>(t), t), v128.sub<T>(h, half<T>()));
  return v128.add<T>(r, r);
}

/** With e = e^(−|x|): 1 / (1 + e) for x ≥ 0, e / (1 + e) for x < 0. */
@inline
export function sigmoidOf<T>(x: v128): v128 {
  const e = expOf<T>(v128.or(x, sign<T>()));
  const numerator = v128.bitselect(e, one<T>(), v128.lt<T>(x, v128.splat<T>(<T>0)));
  return v128.div<T>(numerator, v128.add<T>(one<T>(), e));
}

/** With e = e^(−2|x|) − 1: |tanh x| = |e| / (2 + e), exact near zero too. */
@inline
export function tanhOf<T>(x: v128): v128 {
  const e = expm1Of<T>(v128.mul<T>(v128.abs<T>(x), minusTwo<T>()));
  const size = v128.div<T>(v128.abs<T>(e), v128.add<T>(two<T>(), e));
  return v128.or(size, v128.and(x, sign<T>()));
}

export function exp<T>(at: usize, end: usize): void {
  for (; at < end; at += 16) v128.store(at, expOf<T>(v128.load(at)));
}

export function expm1<T>(at: usize, end: usize): void {
  for (; at < end; at += 16) {
    const x = v128.load(at);
    v128.store(at, v128.or(expm1Of<T>(x), v128.and(x, sign<T>())));
  }
}

export function tanh<T>(at: usize, end: usize): void {
  for (; at < end; at += 16) v128.store(at, tanhOf<T>(v128.load(at)));
}

export function sigmoid<T>(at: usize, end: usize): void {
  for (; at < end; at += 16) v128.store(at, sigmoidOf<T>(v128.load(at)));
}

export function silu<T>(at: usize, end: usize): void {
  for (; at < end; at += 16) {
    const x = v128.load(at);
    v128.store(at, v128.mul<T>(x, sigmoidOf<T>(x)));
  }
}

export function geluTanh<T>(at: usize, end: usize): void {
  for (; at < end; at += 16) {
    const x = v128.load(at);
    const slope = madd<T>(v128.mul<T>(x, x), geluTanhSecond<T>(), geluTanhFirst<T>());
    v128.store(at, v128.mul<T>(x, sigmoidOf<T>(v128.mul<T>(x, slope))));
  }
}
