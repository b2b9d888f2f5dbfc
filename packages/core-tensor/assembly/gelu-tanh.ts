/**
 * The Gaussian linear unit in its tanh form, x σ(a) with a = x (first + second x²). Roundings of a are kept, because the exponential
 * would magnify them.
 */
import { expFull, magnitude, sigmoidFrom } from "./exponential";
import { madd, nmadd } from "./lane";
import {
  geluTanhFirst, geluTanhFirstLow, geluTanhSecond, geluTanhSecondLow, geluTanhTop, splitMask,
} from "./tables";

/** The rounding error of p = x·y, from halves of the factors whose products are exact (Dekker). */
function productError<T>(x: v128, y: v128, p: v128): v128 {
  const a = v128.and(x, splitMask<T>()), b = v128.and(y, splitMask<T>());
  const c = v128.sub<T>(x, a), d = v128.sub<T>(y, b);
  const cross = v128.add<T>(v128.mul<T>(a, d), v128.mul<T>(c, b));
  return v128.add<T>(v128.add<T>(v128.sub<T>(v128.mul<T>(a, b), p), cross), v128.mul<T>(c, d));
}

/** e^(−|a|) of gelu's argument a, times 1 − δ for what rounding took from |a|. */
@inline
function geluTail<T>(x: v128): v128 {
  const size = v128.pmin<T>(magnitude<T>(x), geluTanhTop<T>());
  const square = v128.mul<T>(size, size);
  const term = v128.mul<T>(geluTanhSecond<T>(), square);
  const slope = v128.add<T>(geluTanhFirst<T>(), term);
  const a = v128.mul<T>(size, slope);
  const back = v128.sub<T>(slope, geluTanhFirst<T>());
  let lost = v128.add<T>(v128.sub<T>(geluTanhFirst<T>(), v128.sub<T>(slope, back)), v128.sub<T>(term, back));
  lost = v128.add<T>(v128.add<T>(lost, geluTanhFirstLow<T>()), productError<T>(geluTanhSecond<T>(), square, term));
  lost = madd<T>(geluTanhSecond<T>(), productError<T>(size, size, square), lost);
  // of no weight in 64 bits
  if (sizeof<T>() == 4) lost = madd<T>(geluTanhSecondLow<T>(), square, lost);
  lost = madd<T>(size, lost, productError<T>(size, slope, a));
  const e = expFull<T>(v128.neg<T>(a));
  return nmadd<T>(lost, e, e);
}

/** x σ(a) with gelu's argument a, whose sign is that of x. */
export function geluTanh<T>(at: usize, end: usize): void {
  for (; at < end; at += 16) {
    const x = v128.load(at);
    v128.store(at, v128.mul<T>(sigmoidFrom<T>(x, geluTail<T>(x)), x));
  }
}
