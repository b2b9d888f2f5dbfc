/** The exponential of a matrix. */
import { within } from "../check/index.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { sizeOf } from "../array/shape.js";
import { type DType, allocate } from "../array/dtype.js";
import { LinAlgError } from "../errors.js";
import { abs, add, div, mul, sub } from "../ops/arithmetic.js";
import { zerosLike } from "../ops/arrange.js";
import { isFinite, equal, where } from "../ops/comparison.js";
import { eye, item } from "../ops/create.js";
import { max } from "../ops/extremum.js";
import { concat } from "../ops/join.js";
import { matmul, matrixTranspose } from "../ops/matmul.js";
import { all, sum } from "../ops/reduce.js";
import { expandDims } from "../ops/reshape.js";
import { slice } from "../ops/slice.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { bindOne } from "../trace/bind.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { squareExtent, toMatrix } from "./matrices.js";
import { solve } from "./solve.js";

// numerator of the [13/13] Padé approximant of exp
const PADE = [
  64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
  10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
];
/** Norm up to which the approximant is accurate to double precision. */
const REACH = 5.371920351148152;

const primitive: Primitive = {
  name: "matrixExp",
  shape([a]) {
    squareExtent("matrixExp", a!);
    return [a!];
  },
  evaluate([a], _attrs, [out]) {
    const n = squareExtent("matrixExp", a!);
    const flat = rowMajorData(a!);
    const data = allocate(out!.dtype, sizeOf(out!.shape));
    for (let at = 0; at < data.length; at += n * n) {
      const matrix = dense<DType>(flat.slice(at, at + n * n), out!.dtype, [n, n]);
      data.set(rowMajorData(toConcrete("matrixExp", exponential(matrix, n))), at);
    }
    return [dense<DType>(data, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "rules",
    jvp: ({ inputs: [a], tangents: [da] }) => [da && derivativeAlong(a!, da)],
    vjp: ({ inputs: [a], cotangents: [ct] }) => [ct && derivativeAlong(matrixTranspose(a!), ct)],
  },
  batching: { kind: "leading" },
};

/** The derivative of the exponential at `a` in the direction `e`: the upper right block of the exponential of [[a, e], [0, a]] (Mathias 1996). */
function derivativeAlong(a: NdArray, e: NdArray): NdArray {
  const n = squareExtent("matrixExp", a);
  const lead = a.shape.slice(0, -2).map(() => 0);
  // linear in e, which is brought to norm 1: a long direction must not cost the exponential its digits
  const norm = max(sum(abs(stopGradient(e)), { axis: -2 }), { axis: -1 });
  const scale = expandDims(expandDims(where(equal(norm, 0), 1, norm), -1), -1);
  const upper = concat([a, div(e, scale)], { axis: -1 });
  const lower = concat([zerosLike(a), a], { axis: -1 });
  const whole = bindOne(primitive, [concat([upper, lower], { axis: -2 })], undefined);
  const rest = lead.map(() => null);
  return mul(scale, slice(whole, [...lead, 0, n], [...rest, n, 2 * n]));
}

/**
 * The matrix exponential $e^A = \sum_k A^k / k!$, by scaling, a Padé approximant and squaring.
 *
 * Each matrix of a stack is scaled by its own norm. Derivatives of any order come from exponentials of twice the side.
 *
 * @param a - square matrices, shape `[…, n, n]`
 * @returns array of the shape of `a`
 * @throws `LinAlgError` when an entry or the result is not finite, or the norm is so large that no digit of the result is known
 * @throws `ShapeError` when the matrices are not square
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { matrixExp } from "@provably/core-tensor/linalg";
 *
 * toNested(matrixExp(array([[0, 1], [0, 0]], { dtype: "float64" }))); // => [[1, 1], [0, 1]]
 * ```
 * @see Higham (2005), "The scaling and squaring method for the matrix exponential revisited", algorithm 2.3
 * @category Decompositions
 */
export function matrixExp(a: ArrayInput): NdArray {
  return bindOne(primitive, [toMatrix("matrixExp", a)], undefined);
}

/** One matrix. */
function exponential(x: NdArray, n: number): NdArray {
  const norm = item(max(sum(abs(x), { axis: -2 })));
  if (!Number.isFinite(norm))
    throw new LinAlgError(`matrixExp: the matrix must be finite, its norm is ${norm}`);
  // the result is known to about norm · ε: rounding the matrix alone may turn every digit of it
  const epsilon = x.dtype === "float32" ? 2 ** -23 : Number.EPSILON;
  if (norm * epsilon >= 1)
    throw new LinAlgError(
      `matrixExp: no digit of the result is known at a norm of ${norm}, which must be below ${1 / epsilon} in ${x.dtype}`,
    );
  const squarings = Math.max(0, Math.ceil(Math.log2(norm / REACH)));
  const identity = convert(eye(n), x.dtype);
  const scaled = mul(x, 2 ** -squarings);
  const a2 = matmul(scaled, scaled);
  const a4 = matmul(a2, a2);
  const a6 = matmul(a4, a2);
  const powers = [identity, a2, a4, a6];
  const combine = (...indices: number[]): NdArray =>
    indices.map((k, i) => mul(PADE[k]!, powers[i]!)).reduce((p, q) => add(p, q));
  const high = (k: number): NdArray =>
    matmul(
      a6,
      [k, k + 2, k + 4].map((c, i) => mul(PADE[c]!, powers[i + 1]!)).reduce((p, q) => add(p, q)),
    );
  const odd = matmul(scaled, add(high(9), combine(1, 3, 5, 7)));
  const even = add(high(8), combine(0, 2, 4, 6));
  let y = within("matrixExp", () => solve(sub(even, odd), add(even, odd)));
  for (let i = 0; i < squarings; i++) y = matmul(y, y);
  if (item(all(isFinite(y))) === 0)
    throw new LinAlgError(
      `matrixExp: the exponential of this matrix of norm ${norm} is beyond the range of ${x.dtype}`,
    );
  return y;
}
