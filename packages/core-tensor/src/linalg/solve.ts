/** Linear systems, inverses. */
import { type Schema, checkOptions, trueOrFalse, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { LinAlgError, ShapeError } from "../errors.js";
import { neg, sub } from "../ops/arithmetic.js";
import { broadcastTo } from "../ops/broadcast.js";
import { eye } from "../ops/create.js";
import { matmul, matrixTranspose } from "../ops/matmul.js";
import { expandDims, squeeze } from "../ops/reshape.js";
import { tril, triu } from "../ops/triangle.js";
import { bindOne } from "../trace/bind.js";
import { convert, promote } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import type { Aval, Primitive } from "../trace/primitive.js";
import { luFactor, luSolve, triangularSolve as triangularKernel } from "./kernels/lu.js";
import { alignStacks, eachMatrix, squareExtent, toMatrix } from "./matrices.js";

function checkSystem(fn: string, a: Aval, b: Aval): void {
  const n = squareExtent(fn, a);
  if (b.shape[b.shape.length - 2] !== n)
    throw new ShapeError(
      `${fn}: the right-hand side must have ${n} rows, got shape ${formatShape(b.shape)} for a of shape ${formatShape(a.shape)}`,
    );
}

const solvePrimitive: Primitive = {
  name: "solve",
  shape([a, b]) {
    checkSystem("solve", a!, b!);
    return [b!];
  },
  evaluate([a, b], _attrs, outputs) {
    const n = squareExtent("solve", a!);
    const m = b!.shape[b!.shape.length - 1]!;
    return eachMatrix([a!, b!], outputs, ([matrix, right]) => {
      const lu = luFactor(matrix!, n);
      if (lu.zeroPivot >= 0)
        throw new LinAlgError(
          `solve: the matrix is singular (pivot ${lu.zeroPivot + 1} of ${n} is 0)`,
        );
      return [luSolve(lu, n, right!, m)];
    });
  },
  derivative: {
    kind: "rules",
    jvp({ inputs: [a], outputs: [x], tangents: [da, db] }) {
      const moved =
        da === undefined ? db : db === undefined ? neg(matmul(da, x!)) : sub(db, matmul(da, x!));
      return [moved && solve(a!, moved)];
    },
    vjp({ inputs: [a], outputs: [x], cotangents: [ct] }) {
      if (ct === undefined) return [];
      const right = solve(matrixTranspose(a!), ct);
      return [neg(matmul(right, matrixTranspose(x!))), right];
    },
  },
  batching: { kind: "leading" },
};

/** Both operands as stacks of matrices of one type, and whether the right-hand side was a vector. */
function system(
  fn: string,
  left: ArrayInput,
  right: ArrayInput,
  argument = "a",
): { a: NdArray; b: NdArray; vector: boolean } {
  const [p, q] = promote(fn, toMatrix(fn, left, argument), right, true);
  const vector = q.shape.length === 1;
  const [a, b] = alignStacks(fn, [p, vector ? expandDims(q, 1) : q]) as [NdArray, NdArray];
  return { a, b, vector };
}

/**
 * The solution of the linear systems $AX = B$, by LU factorisation with partial pivoting.
 *
 * @param a - square matrices, shape `[…, n, n]`
 * @param b - right-hand sides, shape `[…, n, m]`, or `[n]` for one vector
 * @returns array of the shape of `b`
 * @throws `LinAlgError` when a matrix is exactly singular
 * @throws `ShapeError` when the matrices are not square or the extents differ
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { solve } from "@provably/core-tensor/linalg";
 *
 * toNested(solve([[2, 0], [0, 4]], [2, 2])); // => [1, 0.5]
 * ```
 * @see Golub, Van Loan (2013), "Matrix Computations", 3.4
 * @category Linear systems
 */
export function solve(a: ArrayInput, b: ArrayInput): NdArray {
  const s = system("solve", a, b);
  const x = bindOne(solvePrimitive, [s.a, s.b], undefined);
  return s.vector ? squeeze(x, -1) : x;
}

/**
 * The inverse $A^{-1}$. To apply an inverse, {@link solve} is faster and more accurate.
 *
 * @param a - square matrices, shape `[…, n, n]`
 * @returns array of the shape of `a`
 * @throws `LinAlgError` when a matrix is exactly singular
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { inv } from "@provably/core-tensor/linalg";
 *
 * toNested(inv([[2, 0], [0, 4]])); // => [[0.5, 0], [0, 0.25]]
 * ```
 * @category Linear systems
 */
export function inv(a: ArrayInput): NdArray {
  const x = toMatrix("inv", a);
  const n = squareExtent("inv", x);
  return within("inv", () => solve(x, convert(broadcastTo(eye(n), x.shape), x.dtype)));
}

interface Triangle {
  readonly lower: boolean;
}

const TRIANGLE: Schema<Triangle> = { lower: trueOrFalse };

const triangularPrimitive: Primitive<Triangle> = {
  name: "triangularSolve",
  shape([t, b]) {
    checkSystem("triangularSolve", t!, b!);
    return [b!];
  },
  evaluate([t, b], { lower }, outputs) {
    const n = squareExtent("triangularSolve", t!);
    const m = b!.shape[b!.shape.length - 1]!;
    return eachMatrix([t!, b!], outputs, ([matrix, right]) => {
      for (let i = 0; i < n; i++)
        if (matrix![i * n + i] === 0)
          throw new LinAlgError(
            `triangularSolve: the matrix is singular (diagonal entry ${i} is 0)`,
          );
      return [triangularKernel(matrix!, n, right!, m, lower)];
    });
  },
  derivative: {
    kind: "rules",
    jvp({ inputs: [t], outputs: [x], tangents: [dt, db], attrs }) {
      const part = dt && neg(matmul(half(dt, attrs), x!));
      const moved = part === undefined ? db : db === undefined ? part : sub(db, neg(part));
      return [moved && triangularSolve(t!, moved, attrs)];
    },
    vjp({ inputs: [t], outputs: [x], cotangents: [ct], attrs }) {
      if (ct === undefined) return [];
      const right = triangularSolve(matrixTranspose(t!), ct, { lower: !attrs.lower });
      return [half(neg(matmul(right, matrixTranspose(x!))), attrs), right];
    },
  },
  batching: { kind: "leading" },
};

function half(x: NdArray, { lower }: Triangle): NdArray {
  return lower ? tril(x) : triu(x);
}

/**
 * The solution of $TX = B$ for triangular `T`, by substitution; the other triangle of `T` is not read.
 *
 * @param t - triangular matrices, shape `[…, n, n]`
 * @param b - right-hand sides, shape `[…, n, m]`, or `[n]` for one vector
 * @param options - `lower`: whether `T` is lower triangular, default true
 * @returns array of the shape of `b`
 * @throws `LinAlgError` when a diagonal entry is 0
 * @throws `ShapeError` when the matrices are not square or the extents differ
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { triangularSolve } from "@provably/core-tensor/linalg";
 *
 * toNested(triangularSolve([[2, 0], [1, 1]], [2, 3])); // => [1, 2]
 * ```
 * @category Linear systems
 */
export function triangularSolve(
  t: ArrayInput,
  b: ArrayInput,
  options: { readonly lower?: boolean } = {},
): NdArray {
  const { lower = true } = checkOptions("triangularSolve", options, TRIANGLE);
  const s = system("triangularSolve", t, b, "t");
  const x = bindOne(triangularPrimitive, [s.a, s.b], { lower });
  return s.vector ? squeeze(x, -1) : x;
}
