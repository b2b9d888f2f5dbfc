/** Determinants and the LU factorisation they come from. */
import { within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { expandDims } from "../ops/reshape.js";
import { mul, sub } from "../ops/arithmetic.js";
import { matmul, matrixTranspose } from "../ops/matmul.js";
import { sum } from "../ops/reduce.js";
import { LinAlgError } from "../errors.js";
import { bind, bindOne } from "../trace/bind.js";
import type { ArrayInput } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { type Lu, luFactor, luSolve } from "./kernels/lu.js";
import { svdFactor } from "./kernels/svd.js";
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
      ct && mul(stretched(ct), matrixTranspose(inv(a!))),
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

const detPrimitive: Primitive = {
  name: "det",
  shape([a]) {
    squareExtent("det", a!);
    return [{ shape: withLast(a!.shape, 2), dtype: a!.dtype }];
  },
  evaluate([a], _attrs, outputs) {
    const n = squareExtent("det", a!);
    return eachMatrix([a!], outputs, ([matrix]) => [determinant(luFactor(matrix!, n), n)]);
  },
  derivative: {
    kind: "rules",
    jvp: ({ inputs: [a], tangents: [da] }) => [
      da && sum(mul(bindOne(cofactorPrimitive, [a!], undefined), da), { axis: [-2, -1] }),
    ],
    vjp: ({ inputs: [a], cotangents: [ct] }) => [
      ct && mul(stretched(ct), bindOne(cofactorPrimitive, [a!], undefined)),
    ],
  },
  batching: { kind: "leading" },
};

/** A number for each matrix, beside the matrices. */
function stretched(x: NdArray): NdArray {
  return expandDims(expandDims(x, -1), -1);
}

/** The product of the pivots, by mantissas and exponents, so that parts of it do not leave the range. */
function determinant({ factors, sign }: Lu, n: number): number {
  let [mantissa, exponent] = [sign, 0];
  for (let i = 0; i < n; i++) {
    mantissa *= factors[i * n + i]!;
    if (mantissa === 0 || !Number.isFinite(mantissa)) return mantissa;
    const k = Math.floor(Math.log2(Math.abs(mantissa)));
    // in halves: 2^−k alone may be out of range
    mantissa = mantissa * 2 ** -(k >> 1) * 2 ** -(k - (k >> 1));
    exponent += k;
  }
  const half = Math.max(-1100, Math.min(1100, exponent)) >> 1;
  return mantissa * 2 ** half * 2 ** (Math.max(-1100, Math.min(1100, exponent)) - half);
}

/** Least pivot, relative to the greatest, from which the inverse serves. */
const REGULAR = 1e-8;

/**
 * The matrix of cofactors, the derivative of the determinant: det A · A⁻ᵀ, which singular matrices have too.
 * From A = U diag(s) Vᵀ it is det U det V · U diag(∏_{j≠i} s_j) Vᵀ.
 */
const cofactorPrimitive: Primitive = {
  name: "cofactor",
  shape: ([a]) => [a!],
  evaluate([a], _attrs, outputs) {
    const n = squareExtent("det", a!);
    return eachMatrix([a!], outputs, ([matrix]) => [cofactors(matrix!, n)]);
  },
  derivative: {
    kind: "rules",
    // dC = C tr(A⁻¹ dA) − A⁻ᵀ dAᵀ C
    jvp({ inputs: [a], outputs: [c], tangents: [da] }) {
      if (da === undefined) return [];
      const b = matrixTranspose(within("det", () => inv(a!)));
      const trace = stretched(sum(mul(b, da), { axis: [-2, -1] }));
      return [sub(mul(c!, trace), matmul(matmul(b, matrixTranspose(da)), c!))];
    },
    vjp({ inputs: [a], outputs: [c], cotangents: [ct] }) {
      if (ct === undefined) return [];
      const b = matrixTranspose(within("det", () => inv(a!)));
      const along = stretched(sum(mul(ct, c!), { axis: [-2, -1] }));
      return [sub(mul(b, along), matmul(matmul(c!, matrixTranspose(ct)), b))];
    },
  },
  batching: { kind: "leading" },
};

function cofactors(a: Float64Array, n: number): Float64Array {
  const lu = luFactor(a, n);
  const pivots = Array.from({ length: n }, (_, i) => Math.abs(lu.factors[i * n + i]!));
  const size = determinant(lu, n);
  if (!a.every(Number.isFinite)) return new Float64Array(n * n).fill(NaN);
  const c = new Float64Array(n * n);
  if (Math.min(...pivots) > REGULAR * Math.max(...pivots) && Number.isFinite(size) && size !== 0) {
    const identity = Float64Array.from(c, (_, at) => Number(at % (n + 1) === 0));
    const inverse = luSolve(lu, n, identity, n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) c[i * n + j] = size * inverse[j * n + i]!;
    return c;
  }
  const svd = svdFactor(a, n, n);
  if (svd === undefined) throw new LinAlgError("det: a singular value did not settle");
  const { values, left, right } = svd;
  const turn = determinant(luFactor(left, n), n) * determinant(luFactor(right, n), n);
  for (let k = 0; k < n; k++) {
    // the others' product, greatest and least by turns, so that it does not leave the range early
    const others = Array.from(values).filter((_, i) => i !== k);
    let product = Math.round(turn);
    while (others.length > 0) product *= Math.abs(product) < 1 ? others.shift()! : others.pop()!;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) c[i * n + j]! += product * left[k * n + i]! * right[k * n + j]!;
  }
  return c;
}

/**
 * The determinant. It is infinite or 0 where it leaves the range of the type; see {@link slogdet}. The derivative is the matrix of
 * cofactors, at singular matrices too; second derivatives need an invertible matrix. NaN anywhere gives NaN.
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
  return bindOne(detPrimitive, [toMatrix("det", a)], undefined);
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
