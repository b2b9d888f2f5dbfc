/** Cholesky factorisation. */
import type { NdArray } from "../array/ndarray.js";
import { LinAlgError } from "../errors.js";
import { add, mul } from "../ops/arithmetic.js";
import { matmul, matrixTranspose } from "../ops/matmul.js";
import { tril } from "../ops/triangle.js";
import { bindOne } from "../trace/bind.js";
import type { ArrayInput } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { choleskyFactor } from "./kernels/cholesky.js";
import { eachMatrix, squareExtent, toMatrix } from "./matrices.js";
import { triangularSolve } from "./solve.js";

const choleskyPrimitive: Primitive = {
  name: "cholesky",
  shape([a]) {
    squareExtent("cholesky", a!);
    return [a!];
  },
  evaluate([a], _attrs, outputs) {
    const n = squareExtent("cholesky", a!);
    return eachMatrix([a!], outputs, ([matrix]) => {
      const { factor, failedAt } = choleskyFactor(matrix!, n);
      if (failedAt > 0)
        throw new LinAlgError(
          `cholesky: leading minor of order ${failedAt} is not positive definite`,
        );
      return [factor];
    });
  },
  derivative: {
    kind: "rules",
    // dL = L Φ(L⁻¹ dA L⁻ᵀ), with dA symmetrised
    jvp({ outputs: [l], tangents: [da] }) {
      if (da === undefined) return [];
      const left = triangularSolve(l!, symmetric(da));
      return [matmul(l!, lowerHalf(triangularSolve(l!, matrixTranspose(left))))];
    },
    // Ā = ½(S + Sᵀ), S = L⁻ᵀ Φ(Lᵀ L̄) L⁻¹
    vjp({ outputs: [l], cotangents: [ct] }) {
      if (ct === undefined) return [];
      const upper = { lower: false };
      const lt = matrixTranspose(l!);
      const left = triangularSolve(lt, lowerHalf(matmul(lt, tril(ct))), upper);
      return [symmetric(matrixTranspose(triangularSolve(lt, matrixTranspose(left), upper)))];
    },
  },
  batching: { kind: "leading" },
};

/** ½(X + Xᵀ). */
function symmetric(x: NdArray): NdArray {
  return mul(0.5, add(x, matrixTranspose(x)));
}

/** Φ: the lower triangle with the diagonal halved. */
function lowerHalf(x: NdArray): NdArray {
  return mul(0.5, add(tril(x), tril(x, -1)));
}

/**
 * The lower triangular factor $L$ of a symmetric positive definite matrix, $A = LL^\top$.
 *
 * Only the lower triangle of `a` is read; the derivative is that of the symmetric part.
 *
 * @param a - symmetric positive definite matrices, shape `[…, n, n]`
 * @returns lower triangular array of the shape of `a`
 * @throws `LinAlgError` when a matrix is not positive definite, with the order of the first minor that fails
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { cholesky } from "@provably/core-tensor/linalg";
 *
 * toNested(cholesky([[4, 2], [2, 5]])); // => [[2, 0], [1, 2]]
 * ```
 * @see Smith (1995), "Differentiation of the Cholesky algorithm"
 * @category Decompositions
 */
export function cholesky(a: ArrayInput): NdArray {
  return bindOne(choleskyPrimitive, [toMatrix("cholesky", a)], undefined);
}
