/** Triangles and diagonals of matrices. */
import { show } from "../check/index.js";
import { type DType, allocate } from "../array/dtype.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { checkSize, formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, scalar, toArray } from "../trace/input.js";
import { where } from "./comparison.js";
import { arange } from "./create.js";
import { takeAlongAxis } from "./gather.js";
import { broadcastTo } from "./broadcast.js";
import { expandDims, reshape } from "./reshape.js";
import { slice } from "./slice.js";

function checkMatrix(fn: string, x: NdArray): [number, number] {
  const [n, m] = x.shape.slice(-2);
  if (n === undefined || m === undefined)
    throw new ShapeError(
      `${fn}: x must be a matrix or a stack of them, got shape ${formatShape(x.shape)}`,
    );
  return [n, m];
}

function checkDiagonal(fn: string, k: number): void {
  if (!Number.isFinite(k))
    throw new DomainError(`${fn}: k must be a finite number, got ${show(k)}`);
}

function mask(n: number, m: number, keep: (i: number, j: number) => boolean): NdArray {
  const data = allocate("bool", n * m);
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) data[i * m + j] = Number(keep(i, j));
  return dense<DType>(data, "bool", [n, m]);
}

/**
 * The upper triangle of each matrix: zeros below the `k`-th diagonal.
 *
 * @param x - shape `[…, n, m]`
 * @param k - lowest diagonal kept: 0 the main one, positive above it; default 0
 * @returns array of the shape of `x`
 * @throws {@link ShapeError} when `x` has fewer than two axes
 * @example
 * ```ts
 * import { toNested, triu } from "@provably/core-tensor";
 *
 * toNested(triu([[1, 2], [3, 4]])); // => [[1, 2], [0, 4]]
 * ```
 * @category Matrices
 */
export function triu(x: ArrayInput, k = 0): NdArray {
  const a = toArray("triu", x);
  checkDiagonal("triu", k);
  const [n, m] = checkMatrix("triu", a);
  return where(
    mask(n, m, (i, j) => j - i >= k),
    a,
    scalar(0, a.dtype),
  );
}

/**
 * The lower triangle of each matrix: zeros above the `k`-th diagonal.
 *
 * @param x - shape `[…, n, m]`
 * @param k - highest diagonal kept: 0 the main one, positive above it; default 0
 * @returns array of the shape of `x`
 * @throws {@link ShapeError} when `x` has fewer than two axes
 * @example
 * ```ts
 * import { toNested, tril } from "@provably/core-tensor";
 *
 * toNested(tril([[1, 2], [3, 4]])); // => [[1, 0], [3, 4]]
 * ```
 * @category Matrices
 */
export function tril(x: ArrayInput, k = 0): NdArray {
  const a = toArray("tril", x);
  checkDiagonal("tril", k);
  const [n, m] = checkMatrix("tril", a);
  return where(
    mask(n, m, (i, j) => j - i <= k),
    a,
    scalar(0, a.dtype),
  );
}

/**
 * The main diagonal of each matrix.
 *
 * @param x - shape `[…, n, m]`
 * @returns array of shape `[…, min(n, m)]`
 * @throws {@link ShapeError} when `x` has fewer than two axes
 * @example
 * ```ts
 * import { diagonal, toNested } from "@provably/core-tensor";
 *
 * toNested(diagonal([[1, 2], [3, 4]])); // => [1, 4]
 * ```
 * @category Matrices
 */
export function diagonal(x: ArrayInput): NdArray {
  const a = toArray("diagonal", x);
  const [n, m] = checkMatrix("diagonal", a);
  const r = Math.min(n, m);
  const square = slice(
    a,
    a.shape.map(() => 0),
    [...a.shape.slice(0, -2), r, r],
  );
  const at = reshape(arange(0, r, 1, { dtype: "int32" }), [r, 1]);
  const picked = takeAlongAxis(square, broadcastTo(at, [...a.shape.slice(0, -2), r, 1]), {
    axis: -1,
  });
  return reshape(picked, [...a.shape.slice(0, -2), r]);
}

/**
 * Matrices with the given numbers on the diagonal and zeros elsewhere.
 *
 * @param x - shape `[…, n]`
 * @returns array of shape `[…, n, n]`
 * @throws {@link ShapeError} when `x` has no axis
 * @example
 * ```ts
 * import { diag, toNested } from "@provably/core-tensor";
 *
 * toNested(diag([1, 2])); // => [[1, 0], [0, 2]]
 * ```
 * @category Matrices
 */
export function diag(x: ArrayInput): NdArray {
  const a = toArray("diag", x);
  const n = a.shape[a.shape.length - 1];
  if (n === undefined)
    throw new ShapeError("diag: x must have at least one axis, got a single number");
  checkSize("diag", [...a.shape, n]);
  return where(
    mask(n, n, (i, j) => i === j),
    expandDims(a, -1),
    scalar(0, a.dtype),
  );
}
