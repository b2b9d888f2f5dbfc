/** One p-value from several. */

/** Bonferroni: the smallest, times their number. Valid whatever their dependence. */
export function combinedPValue(pValues: readonly number[]): number {
  return pValues.length === 0 ? 1 : Math.min(1, pValues.length * Math.min(...pValues));
}
