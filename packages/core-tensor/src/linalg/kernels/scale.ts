/** Scaling by powers of two, which costs no digits. */

/** A power of two near the greatest magnitude, so that squares of scaled numbers neither overflow nor vanish; 1 for zeros and non-finite input. */
export function powerOfTwoNear(a: Float64Array): number {
  let top = 0;
  for (const x of a) top = Math.max(top, Math.abs(x));
  return top > 0 && Number.isFinite(top)
    ? 2 ** Math.min(1000, Math.max(-1000, Math.round(Math.log2(top))))
    : 1;
}
