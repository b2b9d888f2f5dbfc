/** Places where something holds, and the elements there. The masks are concrete: how much is true decides shapes. */
import { NONE, type Schema, anything, checkOptions, within } from "../check/index.js";
import type { DType } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { axisOf, formatShape, sizeOf } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray, toConcrete } from "../trace/input.js";
import { notEqual } from "./comparison.js";
import { take } from "./gather.js";
import type { AxisOptions } from "./join.js";
import { type ReduceOptions, reduceWith, sum } from "./reduce.js";
import { reshape } from "./reshape.js";

function placesOf(
  fn: string,
  x: ArrayInput,
  argument = "x",
): { places: Int32Array; shape: readonly number[] } {
  const a = toConcrete(fn, x, argument);
  const data = rowMajorData(a);
  const places: number[] = [];
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) places.push(i);
  return { places: Int32Array.from(places), shape: a.shape };
}

const list = (places: Int32Array<ArrayBuffer>, shape?: number[]): NdArray =>
  dense<DType>(places, "int32", shape ?? [places.length]);

/** The index along an axis of places in row-major order. */
function along(
  places: Int32Array,
  shape: readonly number[],
  axis: number,
): Int32Array<ArrayBuffer> {
  const inner = sizeOf(shape.slice(axis + 1));
  return Int32Array.from(places, (at) => Math.floor(at / inner) % shape[axis]!);
}

/**
 * The indices of the elements that are not 0, a list for each axis. NaN is not 0.
 *
 * @param x - any shape with at least one axis, concrete
 * @returns an int32 list for each axis
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { nonzero, toNested } from "@provably/core-tensor";
 *
 * nonzero([[0, 5], [7, 0]]).map(toNested); // => [[0, 1], [1, 0]]
 * ```
 * @category Indexing
 */
export function nonzero(x: ArrayInput): NdArray[] {
  const { places, shape } = placesOf("nonzero", x);
  if (shape.length === 0)
    throw new ShapeError("nonzero: x must have at least one axis, got a single number");
  return shape.map((_, axis) => list(along(places, shape, axis)));
}

/**
 * The indices of the elements that are not 0, a row for each.
 *
 * @param x - any shape, concrete
 * @returns int32 array of shape `[found, axes]`
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { argwhere, toNested } from "@provably/core-tensor";
 *
 * toNested(argwhere([[0, 5], [7, 0]])); // => [[0, 1], [1, 0]]
 * ```
 * @category Indexing
 */
export function argwhere(x: ArrayInput): NdArray {
  const { places, shape } = placesOf("argwhere", x);
  const rank = shape.length;
  const out = new Int32Array(places.length * rank);
  for (let axis = 0; axis < rank; axis++)
    for (const [i, at] of along(places, shape, axis).entries()) out[i * rank + axis] = at;
  return list(out, [places.length, rank]);
}

/**
 * The places in row-major order of the elements that are not 0.
 *
 * @param x - any shape, concrete
 * @returns int32 list
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { flatNonzero, toNested } from "@provably/core-tensor";
 *
 * toNested(flatNonzero([[0, 5], [7, 0]])); // => [1, 2]
 * ```
 * @category Indexing
 */
export function flatNonzero(x: ArrayInput): NdArray {
  return list(Int32Array.from(placesOf("flatNonzero", x).places));
}

/**
 * How many elements over the given axes are not 0.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns int32 array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { countNonzero, toNested } from "@provably/core-tensor";
 *
 * toNested(countNonzero([[0, 5], [7, 3]], { axis: 0 })); // => [1, 2]
 * ```
 * @category Reductions
 */
export function countNonzero(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("countNonzero", x, options, (a, axis) =>
    sum(convert(notEqual(a, 0), "int32"), { axis }),
  );
}

/**
 * The elements where a mask is true, in row-major order: NumPy's `x[mask]`. Differentiable in `x`.
 *
 * For a result of the shape of `x`, and for updates without assignment, see `where`.
 *
 * @param x - any shape
 * @param mask - concrete, of the shape of `x` or of its first axes; what is not 0 is true
 * @returns array of shape `[found, …]` with the axes of `x` that the mask does not have
 * @throws {@link ShapeError} when the shapes do not fit
 * @throws {@link ConcretizationError} when the mask is traced
 * @example
 * ```ts
 * import { greater, maskedSelect, toNested } from "@provably/core-tensor";
 *
 * toNested(maskedSelect([1, 5, 3], greater([1, 5, 3], 2))); // => [5, 3]
 * ```
 * @category Indexing
 */
export function maskedSelect(x: ArrayInput, mask: ArrayInput): NdArray {
  const a = toArray("maskedSelect", x);
  const { places, shape } = placesOf("maskedSelect", mask, "mask");
  const lead = a.shape.slice(0, shape.length);
  if (lead.length !== shape.length || lead.some((extent, i) => extent !== shape[i]))
    throw new ShapeError(
      `maskedSelect: mask ${formatShape(shape)} must have the first axes of x ${formatShape(a.shape)}`,
    );
  const rest = a.shape.slice(shape.length);
  return take(reshape(a, [sizeOf(lead), ...rest]), list(Int32Array.from(places)));
}

const COMPRESS: Schema<AxisOptions> = { axis: anything };

/**
 * The entries along an axis where a condition is true. Differentiable in `x`.
 *
 * @param x - any shape
 * @param condition - concrete list, not longer than the axis; entries behind its end are left out
 * @param options - `axis`; default the array in row-major order
 * @returns array with as many entries along the axis as are true
 * @throws {@link ShapeError} when the list is longer than the axis
 * @throws {@link ConcretizationError} when the condition is traced
 * @example
 * ```ts
 * import { compress, toNested } from "@provably/core-tensor";
 *
 * toNested(compress([[1, 2], [3, 4]], [false, true], { axis: 1 })); // => [[2], [4]]
 * ```
 * @category Indexing
 */
export function compress(
  x: ArrayInput,
  condition: ArrayInput,
  options: AxisOptions = NONE,
): NdArray {
  const given = toArray("compress", x);
  const flat = checkOptions("compress", options, COMPRESS).axis === undefined;
  const a = flat ? reshape(given, [given.size]) : given;
  const axis = axisOf("compress", options, 0, a.shape.length);
  const { places, shape } = placesOf("compress", condition, "condition");
  if (shape.length !== 1 || shape[0]! > a.shape[axis]!)
    throw new ShapeError(
      `compress: condition must be a list of at most ${a.shape[axis]} entries, got shape ${formatShape(shape)}`,
    );
  return within("compress", () => take(a, list(Int32Array.from(places)), { axis }));
}
