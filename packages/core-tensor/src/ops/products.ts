/** Products of vectors and matrices beside the matrix product. */
import { NONE, type Schema, anyNumber, anything, checkOptions, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape, normalizeAxis } from "../array/shape.js";
import { AxisError, DomainError, ShapeError } from "../errors.js";
import { promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { mul, sub } from "./arithmetic.js";
import { broadcastShapes } from "../array/shape.js";
import { broadcastTo } from "./broadcast.js";
import { tensordot } from "./einsum.js";
import { stack } from "./join.js";
import { sum } from "./reduce.js";
import { moveAxis, reshape, squeeze, transpose } from "./reshape.js";
import { sliceAxis } from "./slice.js";
import { diagonal } from "./triangle.js";

/**
 * The Kronecker product: every element of `a` times the whole of `b`, in the place of the element.
 *
 * @param a - any shape
 * @param b - any shape; missing axes of the one with fewer are put first
 * @returns array whose extents are the products of the extents
 * @example
 * ```ts
 * import { kron, toNested } from "@provably/core-tensor";
 *
 * toNested(kron([1, 10], [1, 2, 3])); // => [1, 2, 3, 10, 20, 30]
 * ```
 * @category Matrices
 */
export function kron(a: ArrayInput, b: ArrayInput): NdArray {
  return within("kron", () => {
    const [x, y] = promote("kron", a, b);
    const rank = Math.max(x.shape.length, y.shape.length);
    const full = (s: readonly number[]): number[] => [
      ...new Array<number>(rank - s.length).fill(1),
      ...s,
    ];
    const [p, q] = [full(x.shape), full(y.shape)];
    const outer = mul(
      reshape(
        x,
        p.flatMap((extent) => [extent, 1]),
      ),
      reshape(
        y,
        q.flatMap((extent) => [1, extent]),
      ),
    );
    return reshape(
      outer,
      p.map((extent, i) => extent * q[i]!),
    );
  });
}

/**
 * Options of {@link trace}.
 * @category Matrices
 */
export interface TraceOptions {
  /** Which diagonal: 0 (the default) the main one, positive ones above it. */
  readonly offset?: number;
  /** The axis of rows; default 0, as in NumPy. */
  readonly axis1?: number;
  /** The axis of columns; default 1, as in NumPy. */
  readonly axis2?: number;
}

const TRACE: Schema<TraceOptions> = { offset: anyNumber, axis1: anything, axis2: anything };

/**
 * The sum along a diagonal, $\sum_i x_{i,\,i+k}$.
 *
 * @param x - at least two axes
 * @param options - see {@link TraceOptions}
 * @returns array without the two axes; 0 for a diagonal outside the matrix
 * @throws {@link AxisError} when an axis is out of range or both are the same
 * @example
 * ```ts
 * import { item, trace } from "@provably/core-tensor";
 *
 * item(trace([[1, 2], [3, 4]], { offset: 0 })); // => 5
 * ```
 * @category Matrices
 */
export function trace(x: ArrayInput, options: TraceOptions = NONE): NdArray {
  const { offset = 0, axis1 = 0, axis2 = 1 } = checkOptions("trace", options, TRACE);
  const a = toArray("trace", x);
  const rank = a.shape.length;
  const [i, j] = [normalizeAxis("trace", axis1, rank), normalizeAxis("trace", axis2, rank)];
  if (i === j) throw new AxisError(`trace: axis1 and axis2 must differ, both are ${i}`);
  if (!Number.isInteger(offset))
    throw new DomainError(`trace: offset must be an integer, got ${offset}`);
  const others = a.shape.map((_, axis) => axis).filter((axis) => axis !== i && axis !== j);
  const matrices = transpose(a, [...others, i, j]);
  const [rows, cols] = [a.shape[i]!, a.shape[j]!];
  const below = sliceAxis(matrices, rank - 2, Math.min(rows, Math.max(0, -offset)), rows);
  const part = sliceAxis(below, rank - 1, Math.min(cols, Math.max(0, offset)), cols);
  return within("trace", () => sum(diagonal(part), { axis: -1 }));
}

/**
 * The cross products of vectors in space, $a \times b$.
 *
 * @param a - vectors of three numbers along an axis
 * @param b - vectors of three numbers along the same axis; other axes broadcast
 * @param options - `axis`; default the last
 * @returns vectors in the broadcast shape
 * @throws {@link ShapeError} when the vectors do not have three numbers
 * @example
 * ```ts
 * import { cross, toNested } from "@provably/core-tensor";
 *
 * toNested(cross([1, 0, 0], [0, 1, 0], { axis: -1 })); // => [0, 0, 1]
 * ```
 * @category Matrices
 */
export function cross(
  a: ArrayInput,
  b: ArrayInput,
  options: { readonly axis?: number } = NONE,
): NdArray {
  const { axis = -1 } = checkOptions("cross", options, { axis: anything });
  const [p, q] = promote("cross", a, b);
  const [x, y] = [last("cross", p, axis), last("cross", q, axis)];
  if (x.shape.at(-1) !== 3 || y.shape.at(-1) !== 3)
    throw new ShapeError(
      `cross: vectors must have three numbers, got shapes ${formatShape(p.shape)} and ${formatShape(q.shape)}`,
    );
  return within("cross", () => {
    const shape = broadcastShapes("cross", [x.shape, y.shape]);
    const [u, v] = [broadcastTo(x, shape), broadcastTo(y, shape)];
    const at = shape.length - 1;
    const part = (z: NdArray, i: number): NdArray => squeeze(sliceAxis(z, at, i, i + 1), at);
    const minor = (i: number, j: number): NdArray =>
      sub(mul(part(u, i), part(v, j)), mul(part(u, j), part(v, i)));
    const out = stack([minor(1, 2), minor(2, 0), minor(0, 1)], { axis: -1 });
    return moveAxis(out, -1, axis < 0 ? axis : normalizeAxis("cross", axis, shape.length));
  });
}

function last(fn: string, x: NdArray, axis: number): NdArray {
  return moveAxis(x, normalizeAxis(fn, axis, x.shape.length), -1);
}

/**
 * The inner products along the last axes, $\sum_k a_{\dots k} b_{\dots k}$ for every pair of rows.
 *
 * @param a - shape `[…, n]`, or a number
 * @param b - shape `[…, n]`, or a number
 * @returns array with the other axes of `a`, then those of `b`; the product where one is a number
 * @throws {@link ShapeError} when the last extents differ
 * @example
 * ```ts
 * import { inner, toNested } from "@provably/core-tensor";
 *
 * toNested(inner([[1, 2], [3, 4]], [1, 1])); // => [3, 7]
 * ```
 * @category Matrices
 */
export function inner(a: ArrayInput, b: ArrayInput): NdArray {
  return within("inner", () => {
    const [x, y] = promote("inner", a, b);
    if (x.shape.length === 0 || y.shape.length === 0) return mul(x, y);
    return tensordot(x, moveAxis(y, -1, 0), 1);
  });
}

/**
 * The sum of the products of all elements, $\sum_i a_i b_i$.
 *
 * @param a - any shape
 * @param b - as many elements
 * @returns array without axes
 * @throws {@link ShapeError} when there are not as many of both
 * @example
 * ```ts
 * import { item, vdot } from "@provably/core-tensor";
 *
 * item(vdot([[1, 2], [3, 4]], [[1, 1], [1, 1]])); // => 10
 * ```
 * @category Matrices
 */
export function vdot(a: ArrayInput, b: ArrayInput): NdArray {
  return within("vdot", () => {
    const [x, y] = promote("vdot", a, b);
    if (x.size !== y.size)
      throw new ShapeError(`vdot: a and b must have as many elements, got ${x.size} and ${y.size}`);
    return tensordot(reshape(x, [x.size]), reshape(y, [y.size]), 1);
  });
}
