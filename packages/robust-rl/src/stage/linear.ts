/** Small dense linear systems, without allocation of arrays that the caller does not see. */

/** Factors with partial pivoting; undefined when the matrix is singular. */
export function lu(
  matrix: Float64Array,
  n: number,
): { readonly factors: Float64Array; readonly order: Int32Array } | undefined {
  const a = Float64Array.from(matrix);
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let c = 0; c < n; c++) {
    let pivot = c;
    for (let r = c + 1; r < n; r++)
      if (Math.abs(a[r * n + c]!) > Math.abs(a[pivot * n + c]!)) pivot = r;
    if (!(Math.abs(a[pivot * n + c]!) > 1e-12)) return undefined;
    if (pivot !== c) {
      for (let j = 0; j < n; j++)
        [a[c * n + j], a[pivot * n + j]] = [a[pivot * n + j]!, a[c * n + j]!];
      [order[c], order[pivot]] = [order[pivot]!, order[c]!];
    }
    for (let r = c + 1; r < n; r++) {
      const factor = (a[r * n + c]! /= a[c * n + c]!);
      if (factor !== 0) for (let j = c + 1; j < n; j++) a[r * n + j]! -= factor * a[c * n + j]!;
    }
  }
  return { factors: a, order };
}

export function luSolve(
  { factors, order }: { readonly factors: Float64Array; readonly order: Int32Array },
  right: Float64Array,
  n: number,
): Float64Array {
  const x = Float64Array.from(order, (i) => right[i]!);
  for (let r = 1; r < n; r++) for (let j = 0; j < r; j++) x[r]! -= factors[r * n + j]! * x[j]!;
  for (let r = n - 1; r >= 0; r--) {
    for (let j = r + 1; j < n; j++) x[r]! -= factors[r * n + j]! * x[j]!;
    x[r]! /= factors[r * n + r]!;
  }
  return x;
}
