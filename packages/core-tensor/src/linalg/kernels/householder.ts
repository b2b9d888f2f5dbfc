/** Householder reflections `H = I − β v vᵀ`, the building block of QR, tridiagonal and bidiagonal forms. */

/**
 * Turns the `n` numbers at `x[at], x[at + step], …` into the vector `v` (first entry 1) of the reflection that maps them to a multiple of the
 * first unit vector; returns β and that multiple. β is 0 when nothing needs to be reflected.
 */
export function reflector(
  x: Float64Array,
  at: number,
  step: number,
  n: number,
): { readonly beta: number; readonly alpha: number } {
  const head = x[at]!;
  let scale = 0;
  for (let i = 1; i < n; i++) scale = Math.max(scale, Math.abs(x[at + i * step]!));
  if (!(scale > 0)) {
    x[at] = 1;
    return { beta: Number.isNaN(scale) ? NaN : 0, alpha: head };
  }
  scale = Math.max(scale, Math.abs(head));
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (x[at + i * step]! / scale) ** 2;
  const norm = scale * Math.sqrt(squares);
  const alpha = head > 0 ? -norm : norm;
  const divisor = head - alpha;
  for (let i = 1; i < n; i++) x[at + i * step]! /= divisor;
  x[at] = 1;
  return { beta: -divisor / alpha, alpha };
}
