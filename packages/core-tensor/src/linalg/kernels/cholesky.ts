/** Cholesky factorisation. Row-major float64; reads the lower triangle. */

/** Lower factor `L` with `A = LLᵀ`, and the order of the first leading minor that is not positive, or 0. */
export function choleskyFactor(
  a: Float64Array,
  n: number,
): { readonly factor: Float64Array; readonly failedAt: number } {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j <= i; j++) {
      const other = j * n;
      let s = a[row + j]!;
      for (let k = 0; k < j; k++) s -= l[row + k]! * l[other + k]!;
      if (j < i) l[row + j] = s / l[other + j]!;
      else if (s > 0 && s < Infinity) l[row + i] = Math.sqrt(s);
      else return { factor: l, failedAt: i + 1 };
    }
  }
  return { factor: l, failedAt: 0 };
}
