/** Eigenvalues and eigenvectors of symmetric matrices. */
import { type Schema, checkOptions, nonNegativeNumber, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { LinAlgError } from "../errors.js";
import { add, div, mul, sub, square } from "../ops/arithmetic.js";
import { equal, where } from "../ops/comparison.js";
import { eye } from "../ops/create.js";
import { matmul, matrixTranspose } from "../ops/matmul.js";
import { expandDims } from "../ops/reshape.js";
import { diag, diagonal } from "../ops/triangle.js";
import { bind } from "../trace/bind.js";
import type { ArrayInput } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { eighFactor } from "./kernels/eigh.js";
import { checkFiniteMatrix, eachMatrix, squareExtent, toMatrix, withLast } from "./matrices.js";

/**
 * Options of {@link eigh} and {@link svd}.
 * @category Decompositions
 */
export interface DegenerateOptions {
  /**
   * Softens the derivative of the vectors where values coincide: $1/\delta$ becomes $\delta/(\delta^2 + \text{eps})$.
   * Default 0: the derivative of vectors of equal values is not finite, as it does not exist.
   */
  readonly degenerateEps?: number;
}

export const DEGENERATE: Schema<DegenerateOptions> = { degenerateEps: nonNegativeNumber };

interface Attrs {
  readonly degenerateEps: number;
}

const eighPrimitive: Primitive<Attrs> = {
  name: "eigh",
  shape([a]) {
    const n = squareExtent("eigh", a!);
    return [{ shape: withLast(a!.shape, 2, n), dtype: a!.dtype }, a!];
  },
  evaluate([a], _attrs, outputs) {
    const n = squareExtent("eigh", a!);
    return eachMatrix([a!], outputs, ([matrix]) => {
      checkFiniteMatrix("eigh", matrix!);
      const result = eighFactor(matrix!, n);
      if (result === undefined)
        throw new LinAlgError("eigh: an eigenvalue did not settle within 60 sweeps");
      return [result.values, transposed(result.rows, n)];
    });
  },
  derivative: {
    kind: "rules",
    // P = Vᵀ dA V: dλ = diag P, dV = V (F ∘ P)
    jvp({ outputs: [w, v], tangents: [da], attrs }) {
      if (da === undefined) return [];
      const p = matmul(matmul(matrixTranspose(v!), symmetric(da)), v!);
      return [diagonal(p), matmul(v!, mul(inverseGaps(w!, attrs.degenerateEps), p))];
    },
    // Ā = V (diag λ̄ + F ∘ (Vᵀ V̄)) Vᵀ, symmetrised
    vjp({ outputs: [w, v], cotangents: [wBar, vBar], attrs }) {
      const vt = matrixTranspose(v!);
      let inner = wBar && diag(wBar);
      if (vBar !== undefined) {
        const turn = mul(inverseGaps(w!, attrs.degenerateEps), matmul(vt, vBar));
        inner = inner === undefined ? turn : add(inner, turn);
      }
      return [inner && symmetric(matmul(matmul(v!, inner), vt))];
    },
  },
  batching: { kind: "leading" },
};

function transposed(rows: Float64Array, n: number): Float64Array {
  return rows.map((_, at) => rows[(at % n) * n + Math.floor(at / n)]!);
}

function symmetric(x: NdArray): NdArray {
  return mul(0.5, add(x, matrixTranspose(x)));
}

/** F_ij = 1 / (w_j − w_i) off the diagonal, 0 on it. */
export function inverseGaps(w: NdArray, eps: number): NdArray {
  const n = w.shape[w.shape.length - 1]!;
  const gaps = sub(expandDims(w, -2), expandDims(w, -1));
  const onDiagonal = equal(eye(n), 1);
  if (eps > 0) return where(onDiagonal, 0, div(gaps, add(square(gaps), eps)));
  return where(onDiagonal, 0, div(1, where(onDiagonal, 1, gaps)));
}

/**
 * The eigenvalues and orthonormal eigenvectors of symmetric matrices, $A = V \operatorname{diag}(\lambda) V^\top$.
 *
 * Only the lower triangle of `a` is read; the derivative is that of the symmetric part. Relative residual about $10^{-15}\sqrt n$.
 *
 * @param a - symmetric matrices, shape `[…, n, n]`
 * @param options - see {@link DegenerateOptions}
 * @returns `eigenvalues`, ascending, shape `[…, n]`, and `eigenvectors`, one in each column, shape `[…, n, n]`
 * @throws `LinAlgError` when an entry is not finite
 * @throws `ShapeError` when the matrices are not square
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { eigh } from "@provably/core-tensor/linalg";
 *
 * toNested(eigh(array([[3, 0], [0, 1]], { dtype: "float64" })).eigenvalues); // => [1, 3]
 * ```
 * @see Golub, Van Loan (2013), "Matrix Computations", 8.3
 * @category Decompositions
 */
export function eigh(
  a: ArrayInput,
  options: DegenerateOptions = {},
): { readonly eigenvalues: NdArray; readonly eigenvectors: NdArray } {
  const { degenerateEps = 0 } = checkOptions("eigh", options, DEGENERATE);
  const attrs = { degenerateEps };
  const [eigenvalues, eigenvectors] = bind(eighPrimitive, [toMatrix("eigh", a)], attrs) as [
    NdArray,
    NdArray,
  ];
  return { eigenvalues, eigenvectors };
}

/**
 * The eigenvalues of symmetric matrices, ascending; their derivative is finite also where they coincide.
 *
 * @param a - symmetric matrices, shape `[…, n, n]`
 * @returns array of shape `[…, n]`
 * @throws `LinAlgError` when an entry is not finite
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { eigvalsh } from "@provably/core-tensor/linalg";
 *
 * toNested(eigvalsh(array([[2, 1], [1, 2]], { dtype: "float64" }))); // => [1, 3]
 * ```
 * @category Decompositions
 */
export function eigvalsh(a: ArrayInput): NdArray {
  return within("eigvalsh", () => eigh(a).eigenvalues);
}
