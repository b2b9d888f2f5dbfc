/** Reduction to Hessenberg form by Householder reflections. Golub, Van Loan (2013), "Matrix Computations", 7.4. */
import { reflector } from "../../linalg/kernels/householder.js";
import { orthogonal } from "../../linalg/kernels/orthogonal.js";

/** `B = Z H Zᵀ` with `H` zero below the first subdiagonal and `Z` orthogonal. */
export function hessenberg(
  b: Float64Array,
  n: number,
): { readonly h: Float64Array; readonly z: Float64Array } {
  const kernels = orthogonal(2 * n * n, n);
  const h = kernels.zeros(n * n);
  h.set(b);
  const vectors: Float64Array[] = [];
  const betas: number[] = [];
  for (let k = 0; k < n - 2; k++) {
    const v = Float64Array.from({ length: n - k - 1 }, (_, i) => h[(k + 1 + i) * n + k]!);
    const { beta, alpha } = reflector(v, 0, 1, v.length);
    if (beta !== 0) {
      kernels.reflectRows(h, n, k + 1, k + 1, n, v, beta);
      kernels.reflectColumns(h, n, 0, n, k + 1, v, beta);
    }
    h[(k + 1) * n + k] = alpha;
    for (let i = k + 2; i < n; i++) h[i * n + k] = 0;
    vectors.push(v);
    betas.push(beta);
  }
  const z = kernels.zeros(n * n);
  for (let i = 0; i < n; i++) z[i * n + i] = 1;
  for (let k = n - 3; k >= 0; k--)
    if (betas[k] !== 0) kernels.reflectRows(z, n, k + 1, k + 1, n, vectors[k]!, betas[k]!);
  return { h: h.slice(), z: z.slice() };
}
