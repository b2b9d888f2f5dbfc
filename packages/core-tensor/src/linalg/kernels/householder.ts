/** Householder reflections `H = I − β v vᵀ`, the building block of QR, tridiagonal and bidiagonal forms. */

/**
 * Turns the `n` numbers at `x[at], x[at + step], …` into the vector `v` (first entry 1) of the reflection that maps them to a multiple of the
 * first unit vector; returns β and that multiple. β is 0 when nothing needs to be reflected.
 */
export function reflector(x: Float64Array, at: number, step: number, n: number): { readonly beta: number; readonly alpha: number } {
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

/** Applies `I − β v vᵀ` from the left to rows `r0 …` and columns `c0 … c1` of a matrix with rows of `width`; `v` has `n` entries. */
export function reflectRows(a: Float64Array, width: number, r0: number, c0: number, c1: number, v: Float64Array, n: number, beta: number): void {
  const w = new Float64Array(c1 - c0);
  for (let i = 0; i < n; i++) {
    const vi = v[i]!;
    for (let j = 0, p = (r0 + i) * width + c0; j < w.length; j++, p++) w[j]! += vi * a[p]!;
  }
  for (let i = 0; i < n; i++) {
    const f = beta * v[i]!;
    for (let j = 0, p = (r0 + i) * width + c0; j < w.length; j++, p++) a[p]! -= f * w[j]!;
  }
}

/** Applies `I − β v vᵀ` from the right to rows `r0 … r1` and columns `c0 …` of a matrix with rows of `width`; `v` has `n` entries. */
export function reflectColumns(a: Float64Array, width: number, r0: number, r1: number, c0: number, v: Float64Array, n: number, beta: number): void {
  for (let i = r0; i < r1; i++) {
    const p = i * width + c0;
    let s = 0;
    for (let j = 0; j < n; j++) s += a[p + j]! * v[j]!;
    s *= beta;
    for (let j = 0; j < n; j++) a[p + j]! -= s * v[j]!;
  }
}
