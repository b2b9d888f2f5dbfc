/** Eigenvalues and eigenvectors of real matrices that need not be symmetric. */
import { within } from "../check/index.js";
import { type NdArray } from "../array/ndarray.js";
import { LinAlgError } from "../errors.js";
import type { Complex } from "../fft/complex.js";
import {
  checkFiniteMatrix,
  eachMatrix,
  squareExtent,
  toMatrix,
  withLast,
} from "../linalg/matrices.js";
import { zerosLike } from "../ops/arrange.js";
import { bind } from "../trace/bind.js";
import type { ArrayInput } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { vjp } from "../transform/vjp.js";
import { type Parts, changeOfValues, changeOfVectors, directionIn } from "./derivative.js";
import { eigFactor } from "./kernel/factor.js";

const primitive: Primitive = {
  name: "eig",
  shape([a]) {
    const n = squareExtent("eig", a!);
    const values = { shape: withLast(a!.shape, 2, n), dtype: a!.dtype };
    return [values, values, a!, a!];
  },
  evaluate([a], _attrs, outputs) {
    const n = squareExtent("eig", a!);
    return eachMatrix([a!], outputs, ([matrix]) => {
      checkFiniteMatrix("eig", matrix!);
      const found = eigFactor(matrix!, n);
      if (found === undefined)
        throw new LinAlgError("eig: an eigenvalue did not settle within 60 sweeps");
      const { values, vectors } = found;
      return [values.re, values.im, vectors.re, vectors.im];
    });
  },
  derivative: {
    kind: "rules",
    jvp({ outputs, tangents: [da] }) {
      if (da === undefined) return [];
      const p = within("eig", () => directionIn(outputs, da));
      return [...changeOfValues(p), ...changeOfVectors(outputs, p)];
    },
    // the forward rule is linear in its direction: here it is transposed
    vjp({ inputs: [a], outputs, cotangents }) {
      const [re, im, vectorsRe, vectorsIm] = outputs.map((y, i) => cotangents[i] ?? zerosLike(y));
      // vectors of equal eigenvalues have no derivative, the values may: they are not mixed unless somebody asks
      const onlyValues = cotangents[2] === undefined && cotangents[3] === undefined;
      const forward = (da: NdArray): NdArray[] => {
        const p: Parts = directionIn(outputs, da);
        const values = changeOfValues(p);
        return onlyValues ? [...values] : [...values, ...changeOfVectors(outputs, p)];
      };
      const cts = onlyValues ? [re!, im!] : [re!, im!, vectorsRe!, vectorsIm!];
      return within("eig", () => {
        const [, pullback] = vjp(forward, zerosLike(a!));
        return [pullback(cts)[0]];
      });
    },
  },
  batching: { kind: "leading" },
};

/**
 * The eigenvalues and eigenvectors of square matrices that need not be symmetric, $A v_k = \lambda_k v_k$.
 *
 * Balanced, brought to Hessenberg form, then to Schur form by implicit double-shift QR; the residual $\lVert A v - \lambda v\rVert$ is about
 * $10^{-15} n \lVert A\rVert$. How near the eigenvalues are to the exact ones depends on their condition: for a Jordan block of side k
 * only $16/k$ digits are known. Differentiable in both modes where
 * the eigenvalues differ; where vectors coincide to rounding the derivative is huge or a `LinAlgError`, for it does not exist. Time $O(n^3)$, about $25n^3$ operations.
 * For symmetric matrices `eigh` is faster and more accurate.
 *
 * @param a - real matrices, shape `[…, n, n]`
 * @returns complex arrays as pairs: `values`, shape `[…, n]`, by real part and then by imaginary part, and `vectors`, one in each column, shape
 * `[…, n, n]`, of length 1, turned so that the greatest component is a positive number
 * @throws `LinAlgError` when an entry is not finite
 * @throws `ShapeError` when the matrices are not square
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { eig } from "@provably/core-tensor/eig";
 *
 * // a quarter turn
 * const { values } = eig(array([[0, -1], [1, 0]], { dtype: "float64" }));
 * toNested(values.im); // => [-1, 1]
 * ```
 * @see Golub, Van Loan (2013), "Matrix Computations", 7.5
 * @category Decompositions
 */
export function eig(a: ArrayInput): { readonly values: Complex; readonly vectors: Complex } {
  const [re, im, vectorsRe, vectorsIm] = bind(primitive, [toMatrix("eig", a)], undefined);
  return { values: { re: re!, im: im! }, vectors: { re: vectorsRe!, im: vectorsIm! } };
}

/**
 * The eigenvalues of square matrices that need not be symmetric.
 *
 * @param a - real matrices, shape `[…, n, n]`
 * @returns complex array as a pair, shape `[…, n]`, by real part and then by imaginary part; pairs are conjugate to the last bit
 * @throws `LinAlgError` when an entry is not finite
 * @throws `ShapeError` when the matrices are not square
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { eigvals } from "@provably/core-tensor/eig";
 *
 * toNested(eigvals(array([[2, 1], [0, 1]], { dtype: "float64" })).re); // => [1, 2]
 * ```
 * @category Decompositions
 */
export function eigvals(a: ArrayInput): Complex {
  return within("eigvals", () => eig(a).values);
}
