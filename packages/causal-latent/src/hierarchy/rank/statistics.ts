/**
 * Statistics of "the table has rank at most k" that read its singular values: Pearson's and Bartlett's from the canonical correlations, and Kleibergen and
 * Paap's, which accounts for the covariance of the remaining ones. All have (p − k)(q − k) degrees of freedom.
 */
import { eigh } from "@provably/core-tensor/linalg";
import { float64Of, toArray } from "../internal/arrays.js";
import type { Cells, Decomposition, Proportions } from "./table.js";

/** n Σ ρ² over all but the k − 1 greatest canonical correlations. For k = 1 it is Pearson's chi-square of independence. */
export function pearson(n: number, { s, m }: Decomposition, k: number): number {
  let sum = 0;
  for (let i = k; i < m; i++) sum += s[i]! ** 2;
  return n * sum;
}

/** The same from the matrix itself, by the eigenvalues of the smaller of its two products with its transpose. */
export function pearsonOf(n: number, { p, q, data }: Cells, k: number): number {
  const [m, long] = [Math.min(p, q), Math.max(p, q)];
  const at = (i: number, c: number): number => data[p <= q ? i * q + c : c * q + i]!;
  const gram = new Float64Array(m * m);
  for (let i = 0; i < m; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let c = 0; c < long; c++) sum += at(i, c) * at(j, c);
      gram[i * m + j] = gram[j * m + i] = sum;
    }
  const values = eigenvaluesOf(gram, m).sort();
  let sum = 0;
  for (let i = 0; i < m - k; i++) sum += Math.max(0, values[i]!);
  return n * sum;
}

/** Eigenvalues of a symmetric matrix by Jacobi's rotations. Writes into it. */
function eigenvaluesOf(a: Float64Array, m: number): Float64Array {
  for (let sweep = 0; sweep < 30; sweep++) {
    let [off, all] = [0, 0];
    for (let i = 0; i < m; i++)
      for (let j = 0; j < m; j++) {
        all += a[i * m + j]! ** 2;
        if (i !== j) off += a[i * m + j]! ** 2;
      }
    if (off <= 1e-30 * all) break;
    for (let i = 0; i < m; i++)
      for (let j = i + 1; j < m; j++) {
        const x = a[i * m + j]!;
        if (x === 0) continue;
        const theta = (a[j * m + j]! - a[i * m + i]!) / (2 * x);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let l = 0; l < m; l++) {
          const [u, v] = [a[l * m + i]!, a[l * m + j]!];
          a[l * m + i] = c * u - s * v;
          a[l * m + j] = s * u + c * v;
        }
        for (let l = 0; l < m; l++) {
          const [u, v] = [a[i * m + l]!, a[j * m + l]!];
          a[i * m + l] = c * u - s * v;
          a[j * m + l] = s * u + c * v;
        }
      }
  }
  return Float64Array.from({ length: m }, (_, i) => a[i * m + i]!);
}

/** Wilks' statistic with Bartlett's correction; p and q count rows and columns. */
export function bartlett(
  n: number,
  p: number,
  q: number,
  { s, m }: Decomposition,
  k: number,
): number {
  return Math.max(0, n - (p - 1 + (q - 1) + 3) / 2) * wilks(s, m, k);
}

/** The same with Lawley's correction, which also accounts for the correlations that are not tested. */
export function bartlettLawley(
  n: number,
  p: number,
  q: number,
  { s, m }: Decomposition,
  k: number,
): number {
  let factor = n - (k - 1) - (p - 1 + (q - 1) + 1) / 2;
  for (let i = 1; i < k; i++) factor += 1 / s[i]! ** 2 - 1;
  const tail = wilks(s, m, k);
  return tail === 0 ? 0 : Math.max(0, factor) * tail;
}

function wilks(s: Float64Array, m: number, k: number): number {
  let sum = 0;
  for (let i = k; i < m; i++) sum -= Math.log1p(-Math.min(s[i]! ** 2, 1 - 1e-16));
  return sum;
}

/**
 * Kleibergen and Paap's statistic of a matrix $\Theta = G_A P G_B^\top$: the part of Θ outside its k leading singular directions, weighed by the inverse of
 * its multinomial covariance. `rowFeatures` is $G_A$ [r, p], `columnFeatures` $G_B$ [c, q]; indicators divided by the roots of their margins give the table's own.
 */
export function kleibergenPaap(
  table: Proportions,
  theta: Cells,
  d: Decomposition,
  k: number,
  rowFeatures: Cells,
  columnFeatures: Cells,
): number {
  const { p, q, data, n } = table;
  const left = restOf(d.u, theta.p, d.m, k);
  const right = restOf(d.v, theta.q, d.m, k);
  const [dl, dr] = [theta.p - k, theta.q - k];
  const size = dl * dr;
  const x = project(left, dl, rowFeatures); // [dl, p]
  const y = project(right, dr, columnFeatures); // [dr, q]
  const lambda = new Float64Array(size);
  const w = new Float64Array(size * size);
  const z = new Float64Array(size);
  for (let i = 0; i < p; i++)
    for (let j = 0; j < q; j++) {
      const weight = data[i * q + j]!;
      if (weight === 0) continue;
      for (let s = 0; s < dl; s++)
        for (let t = 0; t < dr; t++) z[s * dr + t] = x[s * p + i]! * y[t * q + j]!;
      for (let s = 0; s < size; s++) {
        const zs = weight * z[s]!;
        lambda[s]! += zs;
        for (let t = 0; t <= s; t++) w[s * size + t]! += zs * z[t]!;
      }
    }
  for (let s = 0; s < size; s++)
    for (let t = 0; t <= s; t++) {
      const c = w[s * size + t]! - lambda[s]! * lambda[t]!;
      w[s * size + t] = w[t * size + s] = c;
    }
  return n * quadraticForm(w, lambda, size);
}

/** λᵀ W⁺ λ, eigenvalues below 1e-12 of the greatest taken as 0. */
function quadraticForm(w: Float64Array, lambda: Float64Array, size: number): number {
  if (size === 1) return w[0]! > 0 ? lambda[0]! ** 2 / w[0]! : 0;
  const { eigenvalues, eigenvectors } = eigh(toArray(w, [size, size]));
  const values = float64Of(eigenvalues).data;
  const vectors = float64Of(eigenvectors).data;
  const floor = 1e-12 * Math.max(...values);
  let total = 0;
  for (let c = 0; c < size; c++) {
    if (!(values[c]! > floor)) continue;
    let along = 0;
    for (let r = 0; r < size; r++) along += vectors[r * size + c]! * lambda[r]!;
    total += along ** 2 / values[c]!;
  }
  return total;
}

/** An orthonormal basis, as rows, of what the first k of the given columns leave: the other columns, and unit vectors made orthogonal to all. */
function restOf(columns: Float64Array, size: number, m: number, k: number): Float64Array {
  const basis: Float64Array[] = Array.from({ length: m }, (_, c) =>
    Float64Array.from({ length: size }, (_, r) => columns[r * m + c]!),
  );
  for (let unit = 0; basis.length < size; unit++) {
    const e = new Float64Array(size);
    e[unit % size] = 1;
    for (let pass = 0; pass < 2; pass++)
      for (const other of basis) {
        let along = 0;
        for (let r = 0; r < size; r++) along += other[r]! * e[r]!;
        for (let r = 0; r < size; r++) e[r]! -= along * other[r]!;
      }
    const length = Math.hypot(...e);
    if (length > 0.5 / Math.sqrt(size) || (unit >= size && length > 1e-6))
      basis.push(e.map((x) => x / length));
  }
  const out = new Float64Array((size - k) * size);
  basis.slice(k).forEach((row, i) => out.set(row, i * size));
  return out;
}

/** basis [d, r] · features [r, p]. */
function project(basis: Float64Array, d: number, features: Cells): Float64Array {
  const { p: r, q: cells, data } = features;
  const out = new Float64Array(d * cells);
  for (let s = 0; s < d; s++)
    for (let l = 0; l < r; l++) {
      const c = basis[s * r + l]!;
      if (c !== 0) for (let i = 0; i < cells; i++) out[s * cells + i]! += c * data[l * cells + i]!;
    }
  return out;
}

/** Indicators divided by the roots of their margins. */
export function indicatorFeatures(margin: Float64Array): Cells {
  const size = margin.length;
  const data = new Float64Array(size * size);
  for (let i = 0; i < size; i++) data[i * size + i] = 1 / Math.sqrt(margin[i]!);
  return { p: size, q: size, data };
}
