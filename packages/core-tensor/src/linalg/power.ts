/** Powers of matrices, and polynomials through points. */
import {
  NONE,
  type Schema,
  anything,
  check,
  checkOptions,
  show,
  wholeNumber,
  within,
} from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { div, mul } from "../ops/arithmetic.js";
import { broadcastTo } from "../ops/broadcast.js";
import { eye, ones } from "../ops/create.js";
import { sqrt } from "../ops/exponential.js";
import { stack } from "../ops/join.js";
import { matmul } from "../ops/matmul.js";
import { sum } from "../ops/reduce.js";
import { expandDims, squeeze } from "../ops/reshape.js";
import { stopGradient } from "../ops/stop-gradient.js";
import { equal, where } from "../ops/comparison.js";
import { convert, promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { lstsq } from "./least-squares.js";
import { squareExtent, toMatrix } from "./matrices.js";
import { inv } from "./solve.js";

/**
 * The n-th power of square matrices by repeated squaring, $A^n$; of the inverse for negative n.
 *
 * @param a - shape `[…, m, m]`
 * @param n - an integer
 * @returns float array of the shape of `a`
 * @throws `ShapeError` when the matrices are not square
 * @throws `DomainError` when `n` is not an integer
 * @throws `LinAlgError` when n is negative and a matrix is singular
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { matrixPower } from "@provably/core-tensor/linalg";
 *
 * toNested(matrixPower([[1, 1], [0, 1]], 5)); // => [[1, 5], [0, 1]]
 * ```
 * @category Functions of matrices
 */
export function matrixPower(a: ArrayInput, n: number): NdArray {
  const x = toMatrix("matrixPower", a);
  const extent = squareExtent("matrixPower", x);
  if (!Number.isSafeInteger(n))
    throw new DomainError(`matrixPower: n must be an integer, got ${show(n)}`);
  return within("matrixPower", () => {
    if (n === 0) return convert(broadcastTo(eye(extent), x.shape), x.dtype);
    let square = n < 0 ? inv(x) : x;
    let out: NdArray | undefined;
    for (let rest = Math.abs(n); rest > 0; rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) out = out === undefined ? square : matmul(out, square);
      if (rest > 1) square = matmul(square, square);
    }
    return out!;
  });
}

const POLYFIT: Schema<{ readonly weights?: ArrayInput }> = { weights: anything };

/**
 * The polynomial of a degree that comes nearest to given points: the coefficients minimise $\sum_k w_k^2 (p(x_k) - y_k)^2$.
 *
 * @param x - places, shape `[n]`
 * @param y - values, shape `[n]`, or `[n, k]` for several polynomials
 * @param degree - highest power, an integer ≥ 0
 * @param options - `weights`: factor of each residual, shape `[n]`; default 1
 * @returns float array of shape `[degree + 1]` or `[degree + 1, k]`, the coefficient of the highest power first; of least norm where
 * there are fewer places than coefficients
 * @throws `ShapeError` when the lists differ in length
 * @throws `DomainError` when `degree` is not an integer ≥ 0
 * @example
 * ```ts
 * import { array, round, toNested } from "@provably/core-tensor";
 * import { polyfit } from "@provably/core-tensor/linalg";
 *
 * const x = array([0, 1, 2], { dtype: "float64" });
 * toNested(round(polyfit(x, [1, 3, 5], 1, { weights: [1, 1, 1] }))); // => [2, 1]
 * ```
 * @category Linear systems
 */
export function polyfit(
  x: ArrayInput,
  y: ArrayInput,
  degree: number,
  options: { readonly weights?: ArrayInput } = NONE,
): NdArray {
  const fn = "polyfit";
  const { weights } = checkOptions(fn, options, POLYFIT);
  check(fn, "degree", degree, wholeNumber(0, 1024));
  const [places, values] = promote(fn, x, y, true, ["x", "y"]);
  const n = places.size;
  if (places.shape.length !== 1 || n === 0 || values.shape[0] !== n || values.shape.length > 2)
    throw new ShapeError(
      `${fn}: x must be a list and y must have as many rows, got shapes ${formatShape(places.shape)} and ${formatShape(values.shape)}`,
    );
  return within(fn, () => {
    const w =
      weights === undefined
        ? convert(ones([n]), places.dtype)
        : convert(toArray(fn, weights, "weights"), places.dtype);
    if (w.shape.length !== 1 || w.size !== n)
      throw new ShapeError(
        `${fn}: weights must be ${n} numbers, got shape ${formatShape(w.shape)}`,
      );
    const powers = [convert(ones([n]), places.dtype)];
    for (let k = 0; k < degree; k++) powers.unshift(mul(powers[0]!, places));
    const columns = mul(stack(powers, { axis: 1 }), expandDims(w, 1));
    // columns of one length: the condition number then says how hard the problem is, not the units
    const norms = stopGradient(sqrt(sum(mul(columns, columns), { axis: 0 })));
    const lengths = where(equal(norms, 0), 1, norms);
    const matrix = values.shape.length === 1 ? expandDims(values, 1) : values;
    const found = lstsq(div(columns, lengths), mul(matrix, expandDims(w, 1)));
    const coefficients = div(found, expandDims(lengths, 1));
    return values.shape.length === 1 ? squeeze(coefficients, -1) : coefficients;
  });
}
