/** LU factorisation with partial pivoting, and what follows from it. Row-major float64. */

/** Factors of a square matrix: `L` below the diagonal (ones on it left out), `U` on and above it, rows permuted. */
export interface Lu {
  readonly factors: Float64Array;
  /** Row `permutation[i]` of the matrix is row i of `LU`. */
  readonly permutation: Int32Array;
  /** +1 or −1: sign of the permutation. */
  readonly sign: number;
  /** First pivot that is 0, or −1. */
  readonly zeroPivot: number;
}

export function luFactor(a: Float64Array, n: number): Lu {
  const lu = a.slice();
  const permutation = Int32Array.from({ length: n }, (_, i) => i);
  let sign = 1;
  let zeroPivot = -1;
  for (let k = 0; k < n; k++) {
    let p = k;
    let best = Math.abs(lu[k * n + k]!);
    for (let i = k + 1; i < n; i++) {
      const v = Math.abs(lu[i * n + k]!);
      // NaN is taken as the pivot, so that it reaches every result
      if (v > best || v !== v) [best, p] = [v, i];
    }
    if (p !== k) {
      const row = lu.slice(k * n, k * n + n);
      lu.copyWithin(k * n, p * n, p * n + n);
      lu.set(row, p * n);
      [permutation[k], permutation[p]] = [permutation[p]!, permutation[k]!];
      sign = -sign;
    }
    const pivot = lu[k * n + k]!;
    if (pivot === 0 && zeroPivot < 0) zeroPivot = k;
    for (let i = k + 1; i < n; i++) {
      // below a pivot of 0 all is 0, and 0 times NaN or infinity is still to be seen
      const factor = pivot === 0 ? 0 : lu[i * n + k]! / pivot;
      lu[i * n + k] = factor;
      for (let j = k + 1, q = i * n + k + 1, r = k * n + k + 1; j < n; j++, q++, r++)
        lu[q]! -= factor * lu[r]!;
    }
  }
  return { factors: lu, permutation, sign, zeroPivot };
}

/** Solves `A X = B` for `B` of `m` columns from the factors of `A`. */
export function luSolve(
  { factors, permutation }: Lu,
  n: number,
  b: Float64Array,
  m: number,
): Float64Array {
  const x = new Float64Array(n * m);
  for (let i = 0; i < n; i++)
    x.set(b.subarray(permutation[i]! * m, permutation[i]! * m + m), i * m);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < i; k++) addRow(x, i * m, -factors[i * n + k]!, k * m, m);
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) addRow(x, i * m, -factors[i * n + k]!, k * m, m);
    const pivot = factors[i * n + i]!;
    for (let j = i * m; j < i * m + m; j++) x[j]! /= pivot;
  }
  return x;
}

/** `x[to…] += factor · x[from…]` over `m` numbers. */
function addRow(x: Float64Array, to: number, factor: number, from: number, m: number): void {
  for (let j = 0; j < m; j++) x[to + j]! += factor * x[from + j]!;
}

/** Solves `T X = B` for a triangular `T`; its other triangle is not read. */
export function triangularSolve(
  t: Float64Array,
  n: number,
  b: Float64Array,
  m: number,
  lower: boolean,
): Float64Array {
  const x = b.slice();
  for (let step = 0; step < n; step++) {
    const i = lower ? step : n - 1 - step;
    const [from, to] = lower ? [0, i] : [i + 1, n];
    for (let k = from; k < to; k++) addRow(x, i * m, -t[i * n + k]!, k * m, m);
    const pivot = t[i * n + i]!;
    for (let j = i * m; j < i * m + m; j++) x[j]! /= pivot;
  }
  return x;
}
