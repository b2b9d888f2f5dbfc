/** QR factorisation. */
import type { NdArray } from "../array/ndarray.js";
import { DomainError } from "../errors.js";
import { add, sub } from "../ops/arithmetic.js";
import { zeros } from "../ops/create.js";
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
    // X = Qᵀ dA R⁻¹ splits into a skew part S and an upper part X − S: dR = (X − S) R, dQ = dA R⁻¹ − Q (X − S)
    jvp({ inputs: [a], outputs: [q, r], tangents: [da] }) {
      if (da === undefined) return [];
      checkTall(a!);
      const scaled = divideRight(da, r!);
      const x = matmul(matrixTranspose(q!), scaled);
      const below = tril(x, -1);
      const upper = sub(x, sub(below, matrixTranspose(below)));
      return [sub(scaled, matmul(q!, upper)), matmul(upper, r!)];
    },
    // M = R R̄ᵀ − Q̄ᵀ Q, Ā = (Q̄ + Q copyltu(M)) R⁻ᵀ
    vjp({ inputs: [a], outputs: [q, r], cotangents: [qBar, rBar] }) {
      checkTall(a!);
      const qCt = qBar ?? zeros(q!.shape, { dtype: q!.dtype });
      const rCt = rBar ?? zeros(r!.shape, { dtype: r!.dtype });
      const m = sub(matmul(r!, matrixTranspose(rCt)), matmul(matrixTranspose(qCt), q!));
      const symmetric = add(tril(m), matrixTranspose(tril(m, -1)));
      const left = add(qCt, matmul(q!, symmetric));
      return [matrixTranspose(triangularSolve(r!, matrixTranspose(left), { lower: false }))];
    },
  },
  batching: { kind: "leading" },
};

/** X R⁻¹ for upper triangular R. */
function divideRight(x: NdArray, r: NdArray): NdArray {
  return matrixTranspose(triangularSolve(matrixTranspose(r), matrixTranspose(x)));
}

function checkTall(a: NdArray): void {
  const [m, n] = matrixExtents("qr", a);
  if (m < n)
    throw new DomainError(
      `qr: the derivative needs at least as many rows as columns, got ${m} by ${n}`,
    );
}

/**
 * The factors of $A = QR$ with orthonormal columns in $Q$ and upper triangular $R$, its diagonal not negative, which makes them unique.
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
