/**
 * log x and what is made of it. x = 2ᵏ (1 + f) with 1 + f in [√½, √2); log(1 + f) from s = f / (2 + f) by an odd series, arranged
 * so that the leading term f enters unrounded.
 */
import { expFull, expNear, isFar } from "./exponential";
import { addBits, fromExponent, madd, subBits } from "./lane";
import {
  exponent, exponentBase, half, infinity, ln2High, ln2Low, logShift, logTail, mantissaBits, one, oneBits, sign, smallestNormal,
  twoToMantissa, two,
} from "./tables";

/** Bits of x moved so that its exponent field counts from √½. */
@inline
function shifted<T>(x: v128): v128 {
  return addBits<T>(x, logShift<T>());
}

/** k as a float. */
@inline
function exponentFloat<T>(moved: v128): v128 {
  return v128.sub<T>(v128.or(fromExponent<T>(moved), twoToMantissa<T>()), exponentBase<T>());
}

/** f. */
@inline
function fraction<T>(x: v128, moved: v128): v128 {
  return v128.sub<T>(addBits<T>(subBits<T>(x, v128.and(moved, exponent<T>())), oneBits<T>()), one<T>());
}

/** k log 2 + log(1 + f) + c. */
@inline
function assembled<T>(k: v128, f: v128, c: v128): v128 {
  const s = v128.div<T>(f, v128.add<T>(two<T>(), f));
  const z = v128.mul<T>(s, s);
  const square = v128.mul<T>(v128.mul<T>(f, f), half<T>());
  const tail = v128.mul<T>(s, madd<T>(z, logTail<T>(z), square));
  const low = v128.add<T>(tail, madd<T>(k, ln2Low<T>(), c));
  return v128.sub<T>(v128.mul<T>(k, ln2High<T>()), v128.sub<T>(v128.sub<T>(square, low), f));
}

/** `r`, or the values that log takes where its argument is zero, negative, NaN or infinite. */
@inline
function withLimits<T>(r: v128, x: v128): v128 {
  const zero = v128.splat<T>(<T>0);
  r = v128.or(r, v128.not(v128.ge<T>(x, zero)));
  r = v128.bitselect(v128.neg<T>(infinity<T>()), r, v128.eq<T>(x, zero));
  return v128.bitselect(x, r, v128.eq<T>(x, infinity<T>()));
}

/** log(1 + x) for finite x > −1. The rounding error of u = 1 + x comes back as c = (x − (u − 1)) / u. */
@inline
export function log1pOf<T>(x: v128): v128 {
  const u = v128.add<T>(one<T>(), x);
  const c = v128.div<T>(v128.sub<T>(x, v128.sub<T>(u, one<T>())), u);
  const moved = shifted<T>(u);
  const k = exponentFloat<T>(moved);
  const near = v128.eq<T>(k, v128.splat<T>(<T>0));
  return assembled<T>(k, v128.bitselect(x, fraction<T>(u, moved), near), v128.andnot(c, near));
}

@inline
function logVector<T>(x: v128): v128 {
  const small = v128.lt<T>(x, smallestNormal<T>());
  const normal = v128.bitselect(v128.mul<T>(x, twoToMantissa<T>()), x, small);
  const moved = shifted<T>(normal);
  const k = v128.sub<T>(exponentFloat<T>(moved), v128.and(small, mantissaBits<T>()));
  return withLimits<T>(assembled<T>(k, fraction<T>(normal, moved), v128.splat<T>(<T>0)), x);
}

@inline
function log1pVector<T>(x: v128): v128 {
  return withLimits<T>(v128.or(log1pOf<T>(x), v128.and(x, sign<T>())), v128.add<T>(one<T>(), x));
}

/** max(x, 0) + log(1 + e) with e = e^(−|x|). */
@inline
function softplusFrom<T>(x: v128, e: v128): v128 {
  return v128.add<T>(v128.pmax<T>(x, v128.splat<T>(<T>0)), log1pCall<T>(e));
}

/** `log1pOf`, not inlined: two more copies of it would make the module too large. */
function log1pCall<T>(x: v128): v128 {
  return log1pOf<T>(x);
}

export function log<T>(at: usize, end: usize): void {
  for (; at < end; at += 32) {
    const x = v128.load(at), y = v128.load(at, 16);
    const u = logVector<T>(x), v = logVector<T>(y);
    v128.store(at, u);
    v128.store(at, v, 16);
  }
}

export function log1p<T>(at: usize, end: usize): void {
  for (; at < end; at += 32) {
    const x = v128.load(at), y = v128.load(at, 16);
    const u = log1pVector<T>(x), v = log1pVector<T>(y);
    v128.store(at, u);
    v128.store(at, v, 16);
  }
}

export function softplus<T>(at: usize, end: usize): void {
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
    const u = softplusFrom<T>(x, e), v = softplusFrom<T>(y, f);
    v128.store(at, u);
    v128.store(at, v, 16);
  }
}
