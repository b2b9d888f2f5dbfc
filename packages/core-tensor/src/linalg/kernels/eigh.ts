/**
 * Eigenvalues and eigenvectors of a symmetric matrix: Householder reduction to tridiagonal form, then implicit QL with Wilkinson's shift.
 * Row-major float64; reads the lower triangle. Eigenvectors are kept as rows, so that every rotation works on two contiguous rows.
 * Golub, Van Loan (2013), "Matrix Computations", 8.3.
 */
import { reflectColumns, reflector } from "./householder.js";
import { rotateRows } from "./rotation.js";
import { powerOfTwoNear } from "./scale.js";

/** Eigenvalues in ascending order, and the eigenvectors as rows in the same order; undefined when the iteration does not converge. */
export function eighFactor(a: Float64Array, n: number): { readonly values: Float64Array; readonly rows: Float64Array } | undefined {
  const scale = powerOfTwoNear(a);
  const { diagonal, off, rows } = tridiagonalize(
    a.map((x) => x / scale),
    n,
  );
  if (!implicitQl(diagonal, off, rows, n)) return undefined;
  const order = Array.from(diagonal.keys()).sort((i, j) => diagonal[i]! - diagonal[j]!);
  const sorted = new Float64Array(n * n);
  order.forEach((from, to) => sorted.set(rows.subarray(from * n, from * n + n), to * n));
  return { values: Float64Array.from(order, (i) => diagonal[i]! * scale), rows: sorted };
}

/** `W = Zᵀ T Z`, overwriting `w`, with T tridiagonal (`diagonal`, `off`) and the rows of Z orthonormal. */
function tridiagonalize(w: Float64Array, n: number): { diagonal: Float64Array; off: Float64Array; rows: Float64Array } {
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
    if (beta !== 0) rankTwoUpdate(w, n, k + 1, v, m, beta);
    vectors.push(v);
    betas.push(beta);
  }
  if (n > 0) diagonal[n - 1] = w[n * n - 1]!;
  const rows = new Float64Array(n * n);
  for (let i = 0; i < n; i++) rows[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--) if (betas[k] !== 0) reflectColumns(rows, n, k + 1, n, k + 1, vectors[k]!, n - k - 1, betas[k]!);
  return { diagonal, off, rows };
}

/** Replaces the trailing block B (lower triangle) by HBH, H = I − β v vᵀ, as B − v pᵀ − p vᵀ. */
function rankTwoUpdate(w: Float64Array, n: number, from: number, v: Float64Array, m: number, beta: number): void {
  const p = new Float64Array(m);
  for (let i = 0; i < m; i++) {
    const row = (from + i) * n + from;
    const vi = v[i]!;
    let s = 0;
    for (let j = 0; j < i; j++) {
      const b = w[row + j]!;
      s += b * v[j]!;
      p[j]! += b * vi;
    }
    p[i]! += s + w[row + i]! * vi;
  }
  let dot = 0;
  for (let i = 0; i < m; i++) dot += p[i]! * v[i]!;
  const shift = (beta * beta * dot) / 2;
  for (let i = 0; i < m; i++) p[i] = beta * p[i]! - shift * v[i]!;
  for (let i = 0; i < m; i++) {
    const row = (from + i) * n + from;
    const [vi, pi] = [v[i]!, p[i]!];
    for (let j = 0; j <= i; j++) w[row + j]! -= vi * p[j]! + pi * v[j]!;
  }
}

const MAX_SWEEPS = 60;

/** Diagonalises T in place, turning `rows` along; false when an eigenvalue does not settle. */
function implicitQl(d: Float64Array, e: Float64Array, rows: Float64Array, n: number): boolean {
  const cosines = new Float64Array(n);
  const sines = new Float64Array(n);
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      for (; m < n - 1; m++) {
        const scale = Math.abs(d[m]!) + Math.abs(d[m + 1]!);
        if (!(Math.abs(e[m]!) > Number.EPSILON * scale) && Number.isFinite(scale)) break;
      }
      if (m === l) break;
      if (sweep >= MAX_SWEEPS || !Number.isFinite(d[l]!)) return false;
      qlSweep(d, e, l, m, cosines, sines);
      rotateRows(rows, n, l, m, cosines, sines);
    }
  }
  return d.every(Number.isFinite);
}

/** One implicit QL sweep from m down to l; leaves the rotation of rows i and i + 1 in `cosines[i]`, `sines[i]`. */
function qlSweep(d: Float64Array, e: Float64Array, l: number, m: number, cosines: Float64Array, sines: Float64Array): void {
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
