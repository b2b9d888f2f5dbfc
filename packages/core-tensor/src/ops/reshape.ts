/** The same elements under another shape or axis order. Views wherever the layout allows. */
import { anyList, check, show } from "../check/index.js";
import type { DType } from "../array/dtype.js";
import { DenseArray, type NdArray, contiguous } from "../array/ndarray.js";
import {
  type Shape,
  checkShape,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  rowMajorStrides,
  sameShape,
  sizeOf,
} from "../array/shape.js";
import { AxisError, ShapeError } from "../errors.js";
import { bindOne } from "../trace/bind.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";

const reshapePrimitive: Primitive<{ readonly shape: Shape }> = {
  name: "reshape",
  shape([x], { shape }) {
    if (sizeOf(shape) !== sizeOf(x!.shape))
      throw new ShapeError(
        `reshape: ${formatShape(x!.shape)} has ${sizeOf(x!.shape)} elements, ${formatShape(shape)} holds ${sizeOf(shape)}`,
      );
    return [{ shape, dtype: x!.dtype }];
  },
  evaluate([x], { shape }) {
    const flat = contiguous(x!);
    return [
      new DenseArray<DType>(
        flat.storage,
        flat.dtype,
        shape,
        rowMajorStrides(shape),
        flat.offset,
        flat.size,
      ),
    ];
  },
  derivative: { kind: "linear", transpose: [(ct, [x]) => reshape(ct, x!.shape)] },
  batching: {
    kind: "rule",
    rule: ([x], _batched, { shape }, batchSize) => [reshape(x!, [batchSize, ...shape])],
  },
};

/**
 * The same elements in row-major order under another shape; one extent may be −1 and is then worked out.
 *
 * A view where `x` is contiguous, else a copy.
 *
 * @param x - any array
 * @param shape - extents with the product `x.size`
 * @returns array of shape `shape`
 * @throws {@link ShapeError} when the sizes differ or more than one extent is −1
 * @example
 * ```ts
 * import { arange, reshape, toNested } from "@provably/core-tensor";
 *
 * toNested(reshape(arange(6), [2, -1])); // => [[0, 1, 2], [3, 4, 5]]
 * ```
 * @category Shape
 */
export function reshape(x: ArrayInput, shape: Shape): NdArray {
  const a = toArray("reshape", x);
  const unknown = check("reshape", "shape", shape, anyList).indexOf(-1);
  let target: Shape = shape;
  if (unknown >= 0) {
    checkShape(
      "reshape",
      shape.filter((_, i) => i !== unknown),
    );
    const known = shape.reduce((n, extent, i) => (i === unknown ? n : n * extent), 1);
    if (known === 0 || !Number.isInteger(a.size / known))
      throw new ShapeError(
        `reshape: ${formatShape(a.shape)} does not fill ${formatShape(shape)} for any extent in place of -1`,
      );
    target = shape.map((extent, i) => (i === unknown ? a.size / known : extent));
  }
  checkShape("reshape", target);
  return sameShape(a.shape, target) ? a : bindOne(reshapePrimitive, [a], { shape: [...target] });
}

const transposePrimitive: Primitive<{ readonly axes: readonly number[] }> = {
  name: "transpose",
  shape: ([x], { axes }) => [{ shape: axes.map((a) => x!.shape[a]!), dtype: x!.dtype }],
  evaluate: ([x], { axes }) => [x!.transpose(...axes)],
  derivative: {
    kind: "linear",
    transpose: [(ct, _inputs, { axes }) => transpose(ct, invert(axes))],
  },
  batching: {
    kind: "rule",
    rule: ([x], _batched, { axes }) => [transpose(x!, [0, ...axes.map((a) => a + 1)])],
  },
};

function invert(axes: readonly number[]): number[] {
  const inverse = new Array<number>(axes.length);
  axes.forEach((a, i) => (inverse[a] = i));
  return inverse;
}

/**
 * A view with the axes in another order.
 *
 * @param x - any array
 * @param axes - permutation of the axes, negative ones counted from the end; default reversed
 * @returns view whose axis `i` is axis `axes[i]` of `x`
 * @throws {@link AxisError} when `axes` is not a permutation
 * @example
 * ```ts
 * import { toNested, transpose } from "@provably/core-tensor";
 *
 * toNested(transpose([[1, 2], [3, 4]])); // => [[1, 3], [2, 4]]
 * ```
 * @category Shape
 */
export function transpose(x: ArrayInput, axes?: readonly number[]): NdArray {
  const a = toArray("transpose", x);
  const rank = a.shape.length;
  const order =
    axes === undefined
      ? a.shape.map((_, i) => rank - 1 - i)
      : check("transpose", "axes", axes, anyList).map((axis) =>
          normalizeAxis("transpose", axis, rank),
        );
  if (order.length !== rank || new Set(order).size !== rank)
    throw new AxisError(`transpose: axes ${show(axes)} must name each of the ${rank} axes once`);
  return order.every((axis, i) => axis === i)
    ? a
    : bindOne(transposePrimitive, [a], { axes: order });
}

/**
 * A view with one axis moved to another place, the others in their order.
 *
 * @param x - any array
 * @param from - the axis to move
 * @param to - where it goes
 * @returns view with the axes rearranged
 * @throws {@link AxisError} when an axis is out of range
 * @example
 * ```ts
 * import { moveAxis, zeros } from "@provably/core-tensor";
 *
 * moveAxis(zeros([2, 3, 4]), 0, -1).shape; // => [3, 4, 2]
 * ```
 * @category Shape
 */
export function moveAxis(x: ArrayInput, from: number, to: number): NdArray {
  const a = toArray("moveAxis", x);
  const rank = a.shape.length;
  const source = normalizeAxis("moveAxis", from, rank);
  const target = normalizeAxis("moveAxis", to, rank);
  const order = a.shape.map((_, i) => i).filter((i) => i !== source);
  order.splice(target, 0, source);
  return transpose(a, order);
}

/**
 * A view without the axes of extent 1.
 *
 * @param x - any array
 * @param axis - the axes to drop, each of extent 1; default all of extent 1
 * @returns view of lower rank
 * @throws {@link ShapeError} when a named axis has another extent
 * @example
 * ```ts
 * import { squeeze, zeros } from "@provably/core-tensor";
 *
 * squeeze(zeros([1, 3, 1])).shape; // => [3]
 * ```
 * @category Shape
 */
export function squeeze(x: ArrayInput, axis?: number | readonly number[]): NdArray {
  const a = toArray("squeeze", x);
  const named = axis === undefined ? undefined : normalizeAxes("squeeze", axis, a.shape.length);
  for (const i of named ?? [])
    if (a.shape[i] !== 1)
      throw new ShapeError(
        `squeeze: axis ${i} has extent ${a.shape[i]}, not 1, in ${formatShape(a.shape)}`,
      );
  return reshape(
    a,
    a.shape.filter((extent, i) => (named ? !named.includes(i) : extent !== 1)),
  );
}

/**
 * A view with a new axis of extent 1.
 *
 * @param x - any array
 * @param axis - place of the new axis in the result
 * @returns view of one more axis
 * @throws {@link AxisError} when the place is out of range
 * @example
 * ```ts
 * import { expandDims, zeros } from "@provably/core-tensor";
 *
 * expandDims(zeros([3]), 0).shape; // => [1, 3]
 * expandDims(zeros([3]), -1).shape; // => [3, 1]
 * ```
 * @category Shape
 */
export function expandDims(x: ArrayInput, axis: number): NdArray {
  const a = toArray("expandDims", x);
  const at = normalizeAxis("expandDims", axis, a.shape.length + 1);
  return reshape(a, [...a.shape.slice(0, at), 1, ...a.shape.slice(at)]);
}
