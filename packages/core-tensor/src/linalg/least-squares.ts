/** Least squares. */
import { checkOptions, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { matmul } from "../ops/matmul.js";
import { promote } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { matrixExtents, toMatrix } from "./matrices.js";
import { RANK, type RankOptions, pinv } from "./svd.js";

/**
 * The shortest $X$ among those that minimise $\|AX - B\|_2$, by the singular value decomposition.
 *
 * @param a - matrices, shape `[…, m, n]`
 * @param b - right-hand sides, shape `[…, m, k]`, or `[m]` for one vector
 * @param options - see {@link RankOptions}
 * @returns array of shape `[…, n, k]`, or `[n]`
 * @throws `ShapeError` when the extents differ
 * @example
 * ```ts
 * import { allClose, array } from "@provably/core-tensor";
 * import { lstsq } from "@provably/core-tensor/linalg";
 *
 * allClose(lstsq(array([[1], [1]], { dtype: "float64" }), [1, 3]), [2]); // => true
 * ```
 * @see Golub, Van Loan (2013), "Matrix Computations", 5.5
 * @category Linear systems
 */
export function lstsq(a: ArrayInput, b: ArrayInput, options: RankOptions = {}): NdArray {
  checkOptions("lstsq", options, RANK);
  const [x, y] = promote("lstsq", toMatrix("lstsq", a), b, true);
  const [m] = matrixExtents("lstsq", x);
  if (y.shape[y.shape.length === 1 ? 0 : y.shape.length - 2] !== m)
    throw new ShapeError(
      `lstsq: b must have ${m} rows, got shape ${formatShape(y.shape)} for a of shape ${formatShape(x.shape)}`,
    );
  return within("lstsq", () => matmul(pinv(x, options), y));
}
