/** Determinants and the LU factorisation they come from. */
import { within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { expandDims } from "../ops/reshape.js";
import { mul } from "../ops/arithmetic.js";
import { exp } from "../ops/exponential.js";
import { matrixTranspose } from "../ops/matmul.js";
import { sum } from "../ops/reduce.js";
import { bind } from "../trace/bind.js";
import type { ArrayInput } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { luFactor } from "./kernels/lu.js";
import { eachMatrix, squareExtent, toMatrix, withLast } from "./matrices.js";
import { inv } from "./solve.js";

const slogdetPrimitive: Primitive = {
  name: "slogdet",
  shape([a]) {
    squareExtent("slogdet", a!);
    const out = { shape: withLast(a!.shape, 2), dtype: a!.dtype };
    return [out, out];
  },
  evaluate([a], _attrs, outputs) {
    const n = squareExtent("slogdet", a!);
    return eachMatrix([a!], outputs, ([matrix]) => {
      const { factors, sign } = luFactor(matrix!, n);
      let [s, log] = [sign, 0];
      for (let i = 0; i < n; i++) {
        const pivot = factors[i * n + i]!;
        s *= Math.sign(pivot);
        log += Math.log(Math.abs(pivot));
      }
      return [s, log];
    });
  },
  derivative: {
    kind: "rules",
    jvp: ({ inputs: [a], tangents: [da] }) => [
      undefined,
      da && sum(mul(matrixTranspose(inv(a!)), da), { axis: [-2, -1] }),
    ],
    vjp: ({ inputs: [a], cotangents: [, ct] }) => [
      ct && mul(expandDims(expandDims(ct, -1), -1), matrixTranspose(inv(a!))),
    ],
  },
  batching: { kind: "leading" },
};

/**
 * The sign and the logarithm of the magnitude of the determinant, without overflow: $\det A = s\,e^{l}$.
 *
 * @param a - square matrices, shape `[…, n, n]`
 * @returns `sign` (−1, 0 or 1; no derivative) and `logAbsDet` (−Infinity for singular matrices), each of shape `[…]`
 * @throws `ShapeError` when the matrices are not square
 * @example
 * ```ts
 * import { item } from "@provably/core-tensor";
 * import { slogdet } from "@provably/core-tensor/linalg";
 *
 * item(slogdet([[0, 1], [1, 0]]).sign); // => -1
 * ```
 * @category Determinants
 */
export function slogdet(a: ArrayInput): { readonly sign: NdArray; readonly logAbsDet: NdArray } {
  const [sign, logAbsDet] = bind(slogdetPrimitive, [toMatrix("slogdet", a)], undefined) as [
    NdArray,
    NdArray,
  ];
  return { sign, logAbsDet };
}

/**
 * The determinant. Overflows where the entries or the sizes are large; see {@link slogdet}. The derivative needs an invertible matrix.
 *
 * @param a - square matrices, shape `[…, n, n]`
 * @returns array of shape `[…]`
 * @throws `ShapeError` when the matrices are not square
 * @example
 * ```ts
 * import { array, item } from "@provably/core-tensor";
 * import { det } from "@provably/core-tensor/linalg";
 *
 * item(det(array([[1, 2], [3, 4]], { dtype: "float64" }))); // => -2
 * ```
 * @category Determinants
 */
export function det(a: ArrayInput): NdArray {
  return within("det", () => {
    const { sign, logAbsDet } = slogdet(a);
    return mul(sign, exp(logAbsDet));
  });
}

const luPrimitive: Primitive = {
  name: "lu",
  shape([a]) {
    const n = squareExtent("lu", a!);
    return [a!, a!, { shape: withLast(a!.shape, 2, n), dtype: "int32" }];
  },
  evaluate([a], _attrs, outputs) {
    const n = squareExtent("lu", a!);
    return eachMatrix([a!], outputs, ([matrix]) => {
      const { factors, permutation } = luFactor(matrix!, n);
      const lower = factors.map((v, at) =>
        at % n < Math.floor(at / n) ? v : Number(at % n === Math.floor(at / n)),
      );
      const upper = factors.map((v, at) => (at % n >= Math.floor(at / n) ? v : 0));
      return [lower, upper, permutation];
    });
  },
  derivative: { kind: "none" },
  batching: { kind: "leading" },
};

/**
 * The factors of a square matrix with its rows permuted: row `permutation[i]` of `A` is row i of $LU$. Without derivative.
 *
 * @param a - square matrices, shape `[…, n, n]`
 * @returns `lower` with ones on the diagonal and entries of magnitude ≤ 1, `upper`, both of the shape of `a`, and `permutation`, int32 `[…, n]`
 * @throws `ShapeError` when the matrices are not square
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { lu } from "@provably/core-tensor/linalg";
 *
 * toNested(lu([[0, 1], [2, 0]]).permutation); // => [1, 0]
 * ```
 * @category Decompositions
 */
export function lu(a: ArrayInput): {
  readonly lower: NdArray;
  readonly upper: NdArray;
  readonly permutation: NdArray;
} {
  const [lower, upper, permutation] = bind(luPrimitive, [toMatrix("lu", a)], undefined) as [
    NdArray,
    NdArray,
    NdArray,
  ];
  return { lower, upper, permutation };
}
