/** Small symmetric matrices in row-major order. */
import { eigh } from "@provably/core-tensor/linalg";
import { float64Of, toArray } from "../internal/arrays.js";

/** Lower triangle L with A = L Lᵀ; a pivot below the least is lifted to it. */
export function factorOf(a: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      l[i * n + j] = i === j ? Math.sqrt(Math.max(sum, 1e-10)) : sum / l[j * n + j]!;
    }
  return l;
}

/** Inverse of a positive definite matrix. */
export function inverseOf(a: Float64Array, n: number): Float64Array {
  const l = factorOf(a, n);
  const inverse = new Float64Array(n * n);
  for (let c = 0; c < n; c++) {
    const x = new Float64Array(n);
    for (let i = c; i < n; i++) {
      let sum = i === c ? 1 : 0;
      for (let k = c; k < i; k++) sum -= l[i * n + k]! * x[k]!;
      x[i] = sum / l[i * n + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = x[i]!;
      for (let k = i + 1; k < n; k++) sum -= l[k * n + i]! * x[k]!;
      x[i] = sum / l[i * n + i]!;
      inverse[i * n + c] = x[i]!;
    }
  }
  return inverse;
}

/** Logarithm of the determinant of a positive definite matrix. */
export function logDeterminantOf(a: Float64Array, n: number): number {
  const l = factorOf(a, n);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += 2 * Math.log(l[i * n + i]!);
  return sum;
}

/** Eigenvalues, greatest first, and the eigenvectors as columns. */
export function eigenOf(
  a: Float64Array,
  n: number,
): { readonly values: Float64Array; readonly vectors: Float64Array } {
  const { eigenvalues, eigenvectors } = eigh(toArray(a, [n, n]));
  const [up, v] = [float64Of(eigenvalues).data, float64Of(eigenvectors).data];
  return {
    values: up.slice().reverse(),
    vectors: Float64Array.from(v, (_, at) => v[at - (at % n) + (n - 1 - (at % n))]!),
  };
}

/** The nearest correlation matrix whose eigenvalues are at least `least`, by lifting those below; and how far the smallest one was lifted. */
export function positiveDefinite(
  a: Float64Array,
  n: number,
  least: number,
): { readonly matrix: Float64Array; readonly lifted: number } {
  const { values, vectors } = eigenOf(a, n);
  const smallest = values[n - 1]!;
  if (smallest >= least) return { matrix: a, lifted: 0 };
  const kept = values.map((x) => Math.max(x, least));
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let e = 0; e < n; e++) sum += vectors[i * n + e]! * kept[e]! * vectors[j * n + e]!;
      out[i * n + j] = out[j * n + i] = sum;
    }
  const scale = Float64Array.from({ length: n }, (_, i) => Math.sqrt(out[i * n + i]!));
  return {
    matrix: out.map((x, at) =>
      Math.floor(at / n) === at % n ? 1 : x / (scale[Math.floor(at / n)]! * scale[at % n]!),
    ),
    lifted: least - smallest,
  };
}
