/** Singular values, and what they tell of a matrix. */
import { type Schema, checkOptions, satisfying, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { LinAlgError } from "../errors.js";
import { add, div, mul, square, sub } from "../ops/arithmetic.js";
import { equal, greater, where } from "../ops/comparison.js";
import { asType } from "../ops/create.js";
import { matmul, matrixTranspose } from "../ops/matmul.js";
import { sum } from "../ops/reduce.js";
import { max, min } from "../ops/extremum.js";
import { expandDims } from "../ops/reshape.js";
import { diagonal } from "../ops/triangle.js";
import { bind } from "../trace/bind.js";
import type { ArrayInput } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { DEGENERATE, type DegenerateOptions, inverseGaps } from "./eigh.js";
import { svdFactor } from "./kernels/svd.js";
import { checkFiniteMatrix, eachMatrix, matrixExtents, toMatrix, withLast } from "./matrices.js";

interface Attrs {
  readonly degenerateEps: number;
}

/** Thin decomposition of tall matrices, m ≥ n. */
const svdPrimitive: Primitive<Attrs> = {
  name: "svd",
  shape([a]) {
    const [m, n] = matrixExtents("svd", a!);
    const of = (...extents: number[]): { shape: number[]; dtype: "float32" | "float64" } => ({
      shape: withLast(a!.shape, 2, ...extents),
      dtype: a!.dtype as "float64",
    });
    return [of(m, n), of(n), of(n, n)];
  },
  evaluate([a], _attrs, outputs) {
    const [m, n] = matrixExtents("svd", a!);
    return eachMatrix([a!], outputs, ([matrix]) => {
      checkFiniteMatrix("svd", matrix!);
      const f = svdFactor(matrix!, m, n);
      if (f === undefined)
        throw new LinAlgError("svd: a singular value did not settle within 60 sweeps");
      return [columns(f.left, n, m), f.values, columns(f.right, n, n)];
    });
  },
  derivative: {
    kind: "rules",
    // P = Uᵀ dA V: ds = diag P, dU = U (F ∘ (PΣ + ΣPᵀ)) + (I − UUᵀ) dA V Σ⁻¹, dV = V (F ∘ (ΣP + PᵀΣ))
    jvp({ outputs: [u, s, v], tangents: [da], attrs }) {
      if (da === undefined) return [];
      const moved = matmul(da, v!);
      const p = matmul(matrixTranspose(u!), moved);
      const f = inverseGaps(square(s!), attrs.degenerateEps);
      const [row, column] = [expandDims(s!, -2), expandDims(s!, -1)];
      const pt = matrixTranspose(p);
      const du = matmul(u!, mul(f, add(mul(p, row), mul(column, pt))));
      const outside = div(sub(moved, matmul(u!, p)), row);
      return [add(du, outside), diagonal(p), matmul(v!, mul(f, add(mul(column, p), mul(pt, row))))];
    },
    vjp({ outputs: [u, s, v], cotangents: [uBar, sBar, vBar], attrs }) {
      const vt = matrixTranspose(v!);
      const [row, column] = [expandDims(s!, -2), expandDims(s!, -1)];
      const f = inverseGaps(square(s!), attrs.degenerateEps);
      const parts: NdArray[] = [];
      if (sBar !== undefined) parts.push(matmul(mul(u!, expandDims(sBar, -2)), vt));
      if (uBar !== undefined) {
        const utu = matmul(matrixTranspose(u!), uBar);
        parts.push(matmul(matmul(u!, mul(mul(f, sub(utu, matrixTranspose(utu))), row)), vt));
        parts.push(matmul(div(sub(uBar, matmul(u!, utu)), row), vt));
      }
      if (vBar !== undefined) {
        const vtv = matmul(vt, vBar);
        parts.push(matmul(matmul(u!, mul(column, mul(f, sub(vtv, matrixTranspose(vtv))))), vt));
      }
      return [parts.length === 0 ? undefined : parts.reduce((a, b) => add(a, b))];
    },
  },
  batching: { kind: "leading" },
};

/** Rows of length `width` as columns. */
function columns(rows: Float64Array, count: number, width: number): Float64Array {
  const out = new Float64Array(rows.length);
  for (let k = 0; k < count; k++)
    for (let i = 0; i < width; i++) out[i * count + k] = rows[k * width + i]!;
  return out;
}

/**
 * A singular value decomposition $A = U \operatorname{diag}(\sigma) V^\top$, thin.
 * @category Decompositions
 */
export interface Svd {
  /** Left singular vectors, one in each column, shape `[…, m, r]` with r = min(m, n). */
  readonly u: NdArray;
  /** Descending, ≥ 0, shape `[…, r]`. */
  readonly singularValues: NdArray;
  /** Right singular vectors, one in each column, shape `[…, n, r]`. */
  readonly v: NdArray;
}

/**
 * The thin singular value decomposition $A = U \operatorname{diag}(\sigma) V^\top$.
 *
 * Relative residual about $10^{-15}\sqrt n$. The derivative of the vectors needs distinct, non-zero singular values.
 *
 * @param a - matrices, shape `[…, m, n]`
 * @param options - see {@link DegenerateOptions}
 * @returns see {@link Svd}
 * @throws `LinAlgError` when an entry is not finite
 * @throws `ShapeError` when `a` has fewer than two axes
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { svd } from "@provably/core-tensor/linalg";
 *
 * toNested(svd(array([[0, 2], [1, 0]], { dtype: "float64" })).singularValues); // => [2, 1]
 * ```
 * @see Golub, Van Loan (2013), "Matrix Computations", 8.6
 * @category Decompositions
 */
export function svd(a: ArrayInput, options: DegenerateOptions = {}): Svd {
  const x = toMatrix("svd", a);
  const [m, n] = matrixExtents("svd", x);
  const { degenerateEps = 0 } = checkOptions("svd", options, DEGENERATE);
  const attrs = { degenerateEps };
  const [p, singularValues, q] = bind(svdPrimitive, [m >= n ? x : matrixTranspose(x)], attrs) as [
    NdArray,
    NdArray,
    NdArray,
  ];
  return m >= n ? { u: p, singularValues, v: q } : { u: q, singularValues, v: p };
}

/**
 * The singular values of matrices, descending; their derivative needs no distinct values.
 *
 * @param a - matrices, shape `[…, m, n]`
 * @returns array of shape `[…, min(m, n)]`
 * @throws `LinAlgError` when an entry is not finite
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { svdvals } from "@provably/core-tensor/linalg";
 *
 * toNested(svdvals(array([[3, 0], [0, 4]], { dtype: "float64" }))); // => [4, 3]
 * ```
 * @category Decompositions
 */
export function svdvals(a: ArrayInput): NdArray {
  return within("svdvals", () => svd(a).singularValues);
}

/**
 * Options of functions that count singular values below a threshold as zero.
 * @category Decompositions
 */
export interface RankOptions {
  /** Threshold relative to the greatest singular value; default max(m, n) times the unit roundoff of the type. */
  readonly rcond?: number;
}

export const RANK: Schema<RankOptions> = {
  rcond: satisfying("≥ 0", (x) => typeof x === "number" && x >= 0),
};

/** Which singular values count, as 0 and 1. */
function significant(x: NdArray, s: NdArray, { rcond }: RankOptions): NdArray {
  const [m, n] = matrixExtents("svd", x);
  const threshold = rcond ?? Math.max(m, n) * (x.dtype === "float32" ? 2 ** -23 : Number.EPSILON);
  return greater(s, mul(threshold, max(s, { axis: -1, keepDims: true })));
}

/**
 * The number of singular values that are not zero up to rounding.
 *
 * @param a - matrices, shape `[…, m, n]`
 * @param options - see {@link RankOptions}
 * @returns int32 array of shape `[…]`
 * @example
 * ```ts
 * import { item } from "@provably/core-tensor";
 * import { matrixRank } from "@provably/core-tensor/linalg";
 *
 * item(matrixRank([[1, 2], [2, 4]])); // => 1
 * ```
 * @category Decompositions
 */
export function matrixRank(a: ArrayInput, options: RankOptions = {}): NdArray {
  checkOptions("matrixRank", options, RANK);
  const x = toMatrix("matrixRank", a);
  return within("matrixRank", () =>
    asType(sum(significant(x, svdvals(x), options), { axis: -1 }), "int32"),
  );
}

/**
 * The ratio of the greatest to the smallest singular value: how much a linear system magnifies errors.
 *
 * @param a - matrices, shape `[…, m, n]`
 * @returns array of shape `[…]`; Infinity for singular matrices
 * @example
 * ```ts
 * import { item } from "@provably/core-tensor";
 * import { cond } from "@provably/core-tensor/linalg";
 *
 * item(cond([[4, 0], [0, 2]])); // => 2
 * ```
 * @category Decompositions
 */
export function cond(a: ArrayInput): NdArray {
  return within("cond", () => {
    const s = svdvals(a);
    const [greatest, least] = [max(s, { axis: -1 }), min(s, { axis: -1 })];
    // of zero too: no inverse, however near
    return where(equal(least, 0), Infinity, div(greatest, least));
  });
}

/**
 * The pseudo-inverse $A^+ = V \operatorname{diag}(1/\sigma) U^\top$, with singular values below the threshold left out.
 *
 * @param a - matrices, shape `[…, m, n]`
 * @param options - see {@link RankOptions}
 * @returns array of shape `[…, n, m]`
 * @example
 * ```ts
 * import { allClose, array } from "@provably/core-tensor";
 * import { pinv } from "@provably/core-tensor/linalg";
 *
 * allClose(pinv(array([[2, 0], [0, 0]], { dtype: "float64" })), [[0.5, 0], [0, 0]]); // => true
 * ```
 * @see Penrose (1955), "A generalized inverse for matrices"
 * @category Linear systems
 */
export function pinv(a: ArrayInput, options: RankOptions = {}): NdArray {
  checkOptions("pinv", options, RANK);
  const x = toMatrix("pinv", a);
  return within("pinv", () => {
    const { u, singularValues: s, v } = svd(x);
    const keep = significant(x, s, options);
    const inverse = where(keep, div(1, where(keep, s, 1)), 0);
    return matmul(mul(v, expandDims(inverse, -2)), matrixTranspose(u));
  });
}
