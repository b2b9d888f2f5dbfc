/** The error function and the Gaussian linear unit, from erfc a = e^(−a²) w(a) with a smooth factor w. */
import { clampedExponent, exponentOf, magnitude, reduced, scaled } from "./exponential";
import { madd, signMask } from "./lane";
import {
  erfNear, erfNearEdge, erfTop, erfcCentre, erfcScaled, geluTop, half, one, sign, splitMask, sqrtHalf, two,
} from "./tables";

/** e^(a²) erfc a for a ≥ 0. One division serves the polynomial's variable and the factor 1 / (1 + 2a). */
@inline
function factor<T>(a: v128): v128 {
  const slope = madd<T>(two<T>(), a, one<T>());
  const sum = v128.add<T>(a, erfcCentre<T>());
  const r = v128.div<T>(one<T>(), v128.mul<T>(sum, slope));
  const u = v128.mul<T>(v128.mul<T>(v128.sub<T>(a, erfcCentre<T>()), slope), r);
  return v128.mul<T>(erfcScaled<T>(u), v128.mul<T>(sum, r));
}

/** e^(−y²), or e^(−y²/2) when `halved`. The square is split: e^(−high²) e^(−(y − high)(y + high)), the first square exact. */
@inline
function bell<T>(y: v128, halved: bool): v128 {
  const high = v128.and(y, splitMask<T>());
  let square = v128.mul<T>(high, high);
  let rest = v128.mul<T>(v128.sub<T>(y, high), v128.add<T>(y, high));
  if (halved) {
    square = v128.mul<T>(square, half<T>());
    rest = v128.mul<T>(rest, half<T>());
  }
  const x = clampedExponent<T>(v128.neg<T>(square));
  const n = exponentOf<T>(x);
  return scaled<T>(v128.sub<T>(reduced<T>(x, n), rest), n);
}

/** erf x, or erfc x as the complement. */
@inline
function erfVector<T>(x: v128, complement: bool): v128 {
  const a = v128.pmin<T>(magnitude<T>(x), erfTop<T>());
  const tail = v128.mul<T>(bell<T>(a, false), factor<T>(a));
  const near = madd<T>(a, erfNear<T>(v128.mul<T>(a, a)), a);
  const isNear = v128.lt<T>(a, erfNearEdge<T>());
  const size = v128.bitselect(near, v128.sub<T>(one<T>(), tail), isNear);
  const erf = v128.or(size, v128.and(x, sign<T>()));
  if (!complement) return erf;
  return v128.bitselect(tail, v128.sub<T>(one<T>(), erf), v128.andnot(v128.not(signMask<T>(x)), isNear));
}

/** Φ(x), or x Φ(x) when gated, with Φ(−|x|) = ½ erfc(|x| / √2) kept relatively accurate. */
@inline
function massVector<T>(x: v128, gated: bool): v128 {
  const y = v128.pmin<T>(magnitude<T>(x), geluTop<T>());
  const tail = v128.mul<T>(v128.mul<T>(bell<T>(y, true), half<T>()), factor<T>(v128.mul<T>(y, sqrtHalf<T>())));
  const mass = v128.bitselect(tail, v128.sub<T>(one<T>(), tail), signMask<T>(x));
  return gated ? v128.mul<T>(x, mass) : mass;
}

/** One loop for erf and erfc: its choice is the same every time round. */
export function error<T>(at: usize, end: usize, complement: bool): void {
  for (; at < end; at += 16) v128.store(at, erfVector<T>(v128.load(at), complement));
}

/** One loop for gelu, which is gated, and the normal distribution function. */
export function mass<T>(at: usize, end: usize, gated: bool): void {
  for (; at < end; at += 16) v128.store(at, massVector<T>(v128.load(at), gated));
}
