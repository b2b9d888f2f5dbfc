/**
 * Sine and cosine, always in 64-bit arithmetic. x = n π/2 + y with |y| ≤ π/4, where π/2 stands in four parts of which the products with
 * n are exact but for the last; then the sine or the cosine of y by a polynomial, chosen and signed by n modulo 4. Lanes too large
 * for that, infinities and NaN take the scalar functions, which know π/2 to a thousand bits.
 *
 * Constants and polynomials are those of Sun's fdlibm: `rem_pio2`, `k_sin`, `k_cos`.
 */
import { cosTail, half, halfPi0, halfPi1, halfPi2, halfPi3, magic, one, quadrantBound, sign, sinTail, twoOverPi } from "./tables";

/** The rounding error of s = a − b. */
@inline
function lost(a: v128, b: v128, s: v128): v128 {
  const c = f64x2.sub(s, a);
  return f64x2.sub(f64x2.sub(a, f64x2.sub(s, c)), f64x2.add(b, c));
}

/** sin (y + rest) with z = y². */
@inline
function sinNear(y: v128, rest: v128, z: v128): v128 {
  const correction = f64x2.sub(rest, f64x2.mul(f64x2.mul(z, half<f64>()), rest));
  return f64x2.add(y, f64x2.add(correction, f64x2.mul(f64x2.mul(z, y), sinTail<f64>(z))));
}

/** cos (y + rest) with z = y². */
@inline
function cosNear(y: v128, rest: v128, z: v128): v128 {
  const square = f64x2.mul(z, half<f64>());
  const w = f64x2.sub(one<f64>(), square);
  const tail = f64x2.sub(f64x2.mul(f64x2.mul(z, z), cosTail<f64>(z)), f64x2.mul(y, rest));
  return f64x2.add(w, f64x2.add(f64x2.sub(f64x2.sub(one<f64>(), w), square), tail));
}

/** sin (x + quarters π/2) where |x| is within the bound. */
@inline
function near(x: v128, quarters: v128): v128 {
  const shifted = f64x2.add(f64x2.mul(x, twoOverPi<f64>()), magic<f64>());
  const n = f64x2.sub(shifted, magic<f64>());
  const a = f64x2.sub(x, f64x2.mul(n, halfPi0<f64>()));
  const p = f64x2.mul(n, halfPi1<f64>());
  const b = f64x2.sub(a, p);
  const q = f64x2.mul(n, halfPi2<f64>());
  const c = f64x2.sub(b, q);
  const low = f64x2.sub(f64x2.add(lost(a, p, b), lost(b, q, c)), f64x2.mul(n, halfPi3<f64>()));
  const y = f64x2.add(c, low);
  const rest = f64x2.add(f64x2.sub(c, y), low);
  const z = f64x2.mul(y, y);
  const quadrant = i64x2.add(shifted, quarters);
  const isOdd = i64x2.shr_s(i64x2.shl(quadrant, 63), 63);
  // a zero keeps its sign
  const sine = v128.bitselect(x, sinNear(y, rest, z), f64x2.eq(x, i64x2.splat(0)));
  const value = v128.bitselect(cosNear(y, rest, z), sine, isOdd);
  return v128.xor(value, v128.and(i64x2.shl(quadrant, 62), sign<f64>()));
}

@inline
function scalar(x: f64, cosine: bool): f64 {
  return cosine ? NativeMath.cos(x) : NativeMath.sin(x);
}

function far(x: v128, cosine: bool): v128 {
  return f64x2.replace_lane(f64x2.splat(scalar(f64x2.extract_lane(x, 0), cosine)), 1, scalar(f64x2.extract_lane(x, 1), cosine));
}

/** Whether the quick way is right for all lanes. */
@inline
function isNear(x: v128): bool {
  return i64x2.all_true(f64x2.le(f64x2.abs(x), quadrantBound<f64>()));
}

/** In place on the pairs of 64-bit vectors from `at` up to `end`: two at once, of which one computes while the other waits. */
@inline
export function trigonometric<T>(at: usize, end: usize, cosine: bool): void {
  const quarters = i64x2.splat(i64(cosine));
  for (; at < end; at += sizeof<T>() == 8 ? 32 : 16) {
    const v = v128.load(at);
    let x: v128, y: v128;
    if (sizeof<T>() == 8) {
      x = v;
      y = v128.load(at, 16);
    } else {
      x = f64x2.promote_low_f32x4(v);
      y = f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 0, 1));
    }
    if (isNear(x) && isNear(y)) {
      x = near(x, quarters);
      y = near(y, quarters);
    } else {
      x = far(x, cosine);
      y = far(y, cosine);
    }
    if (sizeof<T>() == 8) {
      v128.store(at, x);
      v128.store(at, y, 16);
    } else v128.store(at, v128.shuffle<i32>(f32x4.demote_f64x2_zero(x), f32x4.demote_f64x2_zero(y), 0, 1, 4, 5));
  }
}
