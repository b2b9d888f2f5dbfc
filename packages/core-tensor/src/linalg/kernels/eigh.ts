/**
 * Eigenvalues and eigenvectors of a symmetric matrix: Householder reduction to tridiagonal form, then implicit QL with Wilkinson's shift.
 * Row-major float64; reads the lower triangle. Eigenvectors are kept as rows, so that every rotation works on two contiguous rows.
 * Golub, Van Loan (2013), "Matrix Computations", 8.3.
 */
import type { Orthogonal } from "../../exec/wasm/index.js";
import { reflector } from "./householder.js";
import { orthogonal } from "./orthogonal.js";
import { powerOfTwoNear } from "./scale.js";

/** Eigenvalues in ascending order, and the eigenvectors as rows in the same order; undefined when the iteration does not converge. */
export function eighFactor(
  a: Float64Array,
  n: number,
): { readonly values: Float64Array; readonly rows: Float64Array } | undefined {
  const scale = powerOfTwoNear(a);
  const kernels = orthogonal(2 * n * n, n);
  const { diagonal, off, rows } = tridiagonalize(a, scale, n, kernels);
  if (!implicitQl(diagonal, off, rows, n, kernels)) return undefined;
  const order = Array.from(diagonal.keys()).sort((i, j) => diagonal[i]! - diagonal[j]!);
  const sorted = new Float64Array(n * n);
  order.forEach((from, to) => sorted.set(rows.subarray(from * n, from * n + n), to * n));
  return { values: Float64Array.from(order, (i) => diagonal[i]! * scale), rows: sorted };
}

/** `A / scale = Zᵀ T Z` with T tridiagonal (`diagonal`, `off`) and the rows of Z orthonormal. */
function tridiagonalize(
  a: Float64Array,
  scale: number,
  n: number,
  kernels: Orthogonal,
): { diagonal: Float64Array; off: Float64Array; rows: Float64Array } {
  const w = kernels.zeros(n * n);
  for (let i = 0; i < w.length; i++) w[i] = a[i]! / scale;
  const diagonal = new Float64Array(n);
  const off = new Float64Array(n);
  const vectors: Float64Array[] = [];
  const betas: number[] = [];
  for (let k = 0; k < n - 1; k++) {
    const m = n - k - 1;
    const v = Float64Array.from({ length: m }, (_, i) => w[(k + 1 + i) * n + k]!);
    const { beta, alpha } = reflector(v, 0, 1, m);
    diagonal[k] = w[k * n + k]!;
    off[k] = alpha;
    if (beta !== 0) kernels.rankTwo(w, n, k + 1, v, beta);
    vectors.push(v);
    betas.push(beta);
  }
  if (n > 0) diagonal[n - 1] = w[n * n - 1]!;
  const rows = kernels.zeros(n * n);
  for (let i = 0; i < n; i++) rows[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--)
    if (betas[k] !== 0) kernels.reflectColumns(rows, n, k + 1, n, k + 1, vectors[k]!, betas[k]!);
  return { diagonal, off, rows };
}

const MAX_SWEEPS = 60;
/** After so many sweeps an eigenvalue is taken for what rounding of the greatest ones leaves of a zero, and off-diagonals are held against those. */
const PATIENCE = 30;

/** Diagonalises T in place, turning `rows` along; false when an eigenvalue does not settle. */
function implicitQl(
  d: Float64Array,
  e: Float64Array,
  rows: Float64Array,
  n: number,
  kernels: Orthogonal,
): boolean {
  const cosines = new Float64Array(n);
  const sines = new Float64Array(n);
  const norm = d.reduce((most, value, i) => Math.max(most, Math.abs(value), Math.abs(e[i]!)), 0);
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      const floor = sweep < PATIENCE ? 0 : norm;
      let m = l;
      for (; m < n - 1; m++) {
        const scale = Math.max(floor, Math.abs(d[m]!) + Math.abs(d[m + 1]!));
        if (!(Math.abs(e[m]!) > Number.EPSILON * scale) && Number.isFinite(scale)) break;
      }
      if (m === l) break;
      if (sweep >= MAX_SWEEPS || !Number.isFinite(d[l]!)) return false;
      qlSweep(d, e, l, m, cosines, sines);
      kernels.rotate(rows, n, l, m, cosines, sines, false);
    }
  }
  return d.every(Number.isFinite);
}

/** One implicit QL sweep from m down to l; leaves the rotation of rows i and i + 1 in `cosines[i]`, `sines[i]`. */
function qlSweep(
  d: Float64Array,
  e: Float64Array,
  l: number,
  m: number,
  cosines: Float64Array,
  sines: Float64Array,
): void {
  let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  let r = Math.hypot(g, 1);
  g = d[m]! - d[l]! + e[l]! / (g + (g >= 0 ? r : -r));
  let [s, c, p] = [1, 1, 0];
  cosines.fill(1, l, m);
  sines.fill(0, l, m);
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      // the off-diagonal vanished on the way: the block has split
      d[i + 1]! -= p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1]! - p;
    r = (d[i]! - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
    cosines[i] = c;
    sines[i] = s;
  }
  d[l]! -= p;
  e[l] = g;
  e[m] = 0;
}
