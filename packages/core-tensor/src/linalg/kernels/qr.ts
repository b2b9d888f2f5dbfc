/** QR factorisation by Householder reflections. Row-major float64. */
import { reflector } from "./householder.js";
import { orthogonal } from "./orthogonal.js";

/** `A = QR` with `Q` m × r, `R` r × n, r = min(m, n); the diagonal of `R` is not negative. */
export function qrFactor(
  a: Float64Array,
  m: number,
  n: number,
): { readonly q: Float64Array; readonly r: Float64Array } {
  const rank = Math.min(m, n);
  const kernels = orthogonal(m * n + m * rank, Math.max(m, n));
  const work = kernels.zeros(m * n);
  work.set(a);
  const vectors: Float64Array[] = [];
  const betas: number[] = [];
  for (let k = 0; k < rank; k++) {
    const v = Float64Array.from({ length: m - k }, (_, i) => work[(k + i) * n + k]!);
    const { beta, alpha } = reflector(v, 0, 1, m - k);
    if (beta !== 0) kernels.reflectRows(work, n, k, k + 1, n, v, beta);
    work[k * n + k] = alpha;
    for (let i = k + 1; i < m; i++) work[i * n + k] = 0;
    vectors.push(v);
    betas.push(beta);
  }
  const q = kernels.zeros(m * rank);
  for (let k = 0; k < rank; k++) q[k * rank + k] = 1;
  for (let k = rank - 1; k >= 0; k--)
    if (betas[k] !== 0) kernels.reflectRows(q, rank, k, k, rank, vectors[k]!, betas[k]!);
  const r = work.slice(0, rank * n);
  for (let k = 0; k < rank; k++) {
    if (!(r[k * n + k]! < 0)) continue;
    for (let j = k; j < n; j++) r[k * n + j] = -r[k * n + j]!;
    for (let i = 0; i < m; i++) q[i * rank + k] = -q[i * rank + k]!;
  }
  return { q: q.slice(), r };
}
