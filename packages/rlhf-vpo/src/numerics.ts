/** Logarithms of probabilities without overflow or loss of digits. */

/** ln(1 + eˣ). */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** 1 / (1 + e⁻ˣ). */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** ln σ(x). */
export function logSigmoid(x: number): number {
  return -softplus(-x);
}

/** ln(1 − eˣ) for x < 0. */
export function log1mexp(x: number): number {
  return x > -Math.LN2 ? Math.log(-Math.expm1(x)) : Math.log1p(-Math.exp(x));
}

/** ln Σ e^{x[from … from + n − 1]}; −∞ for all −∞. */
export function logSumExp(x: Float64Array, from: number, n: number): number {
  let top = -Infinity;
  for (let i = from; i < from + n; i++) if (x[i]! > top) top = x[i]!;
  if (top === -Infinity) return top;
  let sum = 0;
  for (let i = from; i < from + n; i++) sum += Math.exp(x[i]! - top);
  return top + Math.log(sum);
}
