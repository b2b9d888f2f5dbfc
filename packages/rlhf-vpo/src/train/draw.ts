/** Drawing indices from distributions by recorded uniform numbers. */

/** The smallest index whose running sum exceeds u; the last possible one where rounding leaves none. */
export function drawIndex(probability: (k: number) => number, n: number, u: number): number {
  let sum = 0;
  let last = 0;
  for (let k = 0; k < n; k++) {
    const p = probability(k);
    if (p > 0) last = k;
    sum += p;
    if (u < sum) return k;
  }
  return last;
}

/** The second response: from a distribution, or from what is left of it without the first. */
export function drawSecond(
  probability: (k: number) => number,
  n: number,
  u: number,
  without: number | undefined,
): number {
  if (without === undefined) return drawIndex(probability, n, u);
  let left = 0;
  for (let k = 0; k < n; k++) if (k !== without) left += probability(k);
  // where rounding has left nothing, every other response is as good
  return left > 0
    ? drawIndex((k) => (k === without ? 0 : probability(k) / left), n, u)
    : drawIndex((k) => (k === without ? 0 : 1 / (n - 1)), n, u);
}
