/** Whole matrices of derivatives. */
import { anyFunction, check } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { checkSize } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { eye } from "../ops/create.js";
import { reshape } from "../ops/reshape.js";
import { type ArrayInput, isNdArray, toArray } from "../trace/input.js";
import { jvp } from "./jvp.js";
import { gradOf, vjp } from "./vjp.js";
import { vmap } from "./vmap.js";

/** All unit vectors in the shape of `x`, as the matrices of derivatives of `fn` take them. */
function basis(fn: string, x: NdArray): NdArray {
  checkSize(fn, [x.size, x.size]);
  return reshape(eye(x.size, x.size, { dtype: x.dtype }), [x.size, ...x.shape]);
}

/**
 * A function that returns the Jacobian $J_{ij} = \partial f_i / \partial x_j$ by reverse mode: one pullback per output, all in one batch.
 *
 * The better choice when `f` has fewer outputs than inputs; see {@link jacfwd} for the other case.
 *
 * @param f - function of one array to one array
 * @returns function giving an array of the shape of `f(x)` followed by the shape of `x`
 * @throws {@link ShapeError} when `f` does not return one array
 * @example
 * ```ts
 * import { array, jacrev, square, toNested } from "@provably/core-tensor";
 *
 * toNested(jacrev(square)(array([1, 2]))); // => [[2, 0], [0, 4]]
 * ```
 * @category Transforms
 */
export function jacrev(f: (x: NdArray) => NdArray): (x: ArrayInput) => NdArray {
  check("jacrev", "f", f, anyFunction);
  return (input) => {
    const x = toArray("jacrev", input);
    const [y, pullback] = vjp(f, x);
    if (!isNdArray(y)) throw new ShapeError("jacrev: the function must return one array");
    checkSize("jacrev", [...y.shape, ...x.shape]);
    const rows = vmap((ct: NdArray) => pullback(ct)[0])(basis("jacrev", y));
    return reshape(rows, [...y.shape, ...x.shape]);
  };
}

/**
 * A function that returns the Jacobian $J_{ij} = \partial f_i / \partial x_j$ by forward mode: one tangent per input, all in one batch.
 *
 * The better choice when `f` has fewer inputs than outputs; see {@link jacrev} for the other case.
 *
 * @param f - function of one array to one array
 * @returns function giving an array of the shape of `f(x)` followed by the shape of `x`
 * @throws {@link ShapeError} when `f` does not return one array
 * @example
 * ```ts
 * import { array, jacfwd, square, toNested } from "@provably/core-tensor";
 *
 * toNested(jacfwd(square)(array([1, 2]))); // => [[2, 0], [0, 4]]
 * ```
 * @category Transforms
 */
export function jacfwd(f: (x: NdArray) => NdArray): (x: ArrayInput) => NdArray {
  check("jacfwd", "f", f, anyFunction);
  return forwards("jacfwd", f);
}

/** The Jacobian by forward mode, under the name of the function that the user called. */
function forwards(fn: string, f: (x: NdArray) => NdArray): (x: ArrayInput) => NdArray {
  return (input) => {
    const x = toArray(fn, input);
    const columns = vmap((tangent: NdArray) => jvp(f, [x], [tangent])[1], { outAxes: -1 })(
      basis(fn, x),
    );
    if (!isNdArray(columns)) throw new ShapeError(`${fn}: the function must return one array`);
    return reshape(columns, [...columns.shape.slice(0, -1), ...x.shape]);
  };
}

/**
 * A function that returns the Hessian $H_{ij} = \partial^2 f / \partial x_i \partial x_j$: the gradient, differentiated forwards.
 *
 * @param f - function of one array to a single float
 * @returns function giving an array of the shape of `x` twice
 * @throws {@link ShapeError} when `f` returns more than one number
 * @example
 * ```ts
 * import { array, hessian, square, sum, toNested } from "@provably/core-tensor";
 *
 * toNested(hessian((x) => sum(square(x)))(array([1, 2]))); // => [[2, 0], [0, 2]]
 * ```
 * @category Transforms
 */
export function hessian(f: (x: NdArray) => NdArray): (x: ArrayInput) => NdArray {
  check("hessian", "f", f, anyFunction);
  return forwards("hessian", gradOf("hessian", f) as (x: NdArray) => NdArray);
}
