/** QR factorisation. */
import type { NdArray } from "../array/ndarray.js";
import { add, sub } from "../ops/arithmetic.js";
import { zerosLike } from "../ops/arrange.js";
import { concat, split } from "../ops/join.js";
import { matmul, matrixTranspose } from "../ops/matmul.js";
import { tril } from "../ops/triangle.js";
import { bind } from "../trace/bind.js";
import type { ArrayInput } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { qrFactor } from "./kernels/qr.js";
import { eachMatrix, matrixExtents, toMatrix, withLast } from "./matrices.js";
import { triangularSolve } from "./solve.js";

const qrPrimitive: Primitive = {
  name: "qr",
  shape([a]) {
    const [m, n] = matrixExtents("qr", a!);
    const r = Math.min(m, n);
    return [
      { shape: withLast(a!.shape, 2, m, r), dtype: a!.dtype },
      { shape: withLast(a!.shape, 2, r, n), dtype: a!.dtype },
    ];
  },
  evaluate([a], _attrs, outputs) {
    const [m, n] = matrixExtents("qr", a!);
    return eachMatrix([a!], outputs, ([matrix]) => {
      const { q, r } = qrFactor(matrix!, m, n);
      return [q, r];
    });
  },
  derivative: {
    kind: "rules",
    jvp({ inputs: [a], outputs: [q, r], tangents: [da] }) {
      if (da === undefined) return [];
      const [left, right] = halves(a!);
      if (right === undefined) return [...forward(q!, r!, da)];
      // A = [A₁ A₂] with square A₁ = Q R₁, and R₂ = Qᵀ A₂ follows
      const [dLeft, dRight] = halves(da);
      const [dq, dr] = forward(q!, halves(r!)[0], dLeft);
      const follows = add(matmul(matrixTranspose(dq), right), matmul(matrixTranspose(q!), dRight!));
      return [dq, concat([dr, follows], { axis: left.shape.length - 1 })];
    },
    vjp({ inputs: [a], outputs: [q, r], cotangents: [qBar, rBar] }) {
      const qCt = qBar ?? zerosLike(q!);
      const rCt = rBar ?? zerosLike(r!);
      const [left, right] = halves(a!);
      if (right === undefined) return [backward(q!, r!, qCt, rCt)];
      const [rLeft, rRight] = halves(rCt);
      const all = add(qCt, matmul(right, matrixTranspose(rRight!)));
      const first = backward(q!, halves(r!)[0], all, rLeft);
      return [concat([first, matmul(q!, rRight!)], { axis: left.shape.length - 1 })];
    },
  },
  batching: { kind: "leading" },
};

/** The columns that a wide matrix has in a square, and the others; all and none for a tall one. */
function halves(x: NdArray): readonly [NdArray, NdArray | undefined] {
  const [m, n] = matrixExtents("qr", x);
  if (m >= n) return [x, undefined];
  const [left, right] = split(x, [m, n - m], { axis: -1 });
  return [left!, right];
}

/** X = Qᵀ dA R⁻¹ splits into a skew part S and an upper part X − S: dR = (X − S) R, dQ = dA R⁻¹ − Q (X − S). */
function forward(q: NdArray, r: NdArray, da: NdArray): readonly [NdArray, NdArray] {
  const scaled = divideRight(da, r);
  const x = matmul(matrixTranspose(q), scaled);
  const below = tril(x, -1);
  const upper = sub(x, sub(below, matrixTranspose(below)));
  return [sub(scaled, matmul(q, upper)), matmul(upper, r)];
}

/** M = R R̄ᵀ − Q̄ᵀ Q, Ā = (Q̄ + Q copyltu(M)) R⁻ᵀ. */
function backward(q: NdArray, r: NdArray, qCt: NdArray, rCt: NdArray): NdArray {
  const m = sub(matmul(r, matrixTranspose(rCt)), matmul(matrixTranspose(qCt), q));
  const symmetric = add(tril(m), matrixTranspose(tril(m, -1)));
  const left = add(qCt, matmul(q, symmetric));
  return matrixTranspose(triangularSolve(r, matrixTranspose(left), { lower: false }));
}

/** X R⁻¹ for upper triangular R. */
function divideRight(x: NdArray, r: NdArray): NdArray {
  return matrixTranspose(triangularSolve(matrixTranspose(r), matrixTranspose(x)));
}

/**
 * The factors of $A = QR$ with orthonormal columns in $Q$ and upper triangular $R$, its diagonal not negative, which makes them unique.
 *
 * Differentiable where the first min(m, n) columns are independent.
 *
 * @param a - matrices, shape `[…, m, n]`
 * @returns `q`, shape `[…, m, r]`, and `r`, shape `[…, r, n]`, with r = min(m, n)
 * @throws `ShapeError` when `a` has fewer than two axes
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { qr } from "@provably/core-tensor/linalg";
 *
 * toNested(qr(array([[3], [4]], { dtype: "float64" })).r); // => [[5]]
 * ```
 * @see Golub, Van Loan (2013), "Matrix Computations", 5.2
 * @category Decompositions
 */
export function qr(a: ArrayInput): { readonly q: NdArray; readonly r: NdArray } {
  const [q, r] = bind(qrPrimitive, [toMatrix("qr", a)], undefined) as [NdArray, NdArray];
  return { q, r };
}
