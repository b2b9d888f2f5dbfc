/** Reading elements at listed places, and its transpose: adding into listed places. */
import { NONE, show, within } from "../check/index.js";
import { type DType, type TypedArray, allocate, isFloat, stored } from "../array/dtype.js";
import { DenseArray, type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { type Shape, axisOf, formatShape, sameShape, sizeOf } from "../array/shape.js";
import { DTypeError, DomainError, IndexError, ShapeError } from "../errors.js";
import { addEach, addRows, takeEach, takeRows } from "../exec/js/gather.js";
import { bindOne } from "../trace/bind.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Aval, Primitive } from "../trace/primitive.js";
import { add } from "./arithmetic.js";
import { broadcastTo } from "./broadcast.js";
import { equal } from "./comparison.js";
import { arange, asType } from "./create.js";
import type { AxisOptions } from "./join.js";
import { expandDims, moveAxis, reshape } from "./reshape.js";

function outerInner(shape: Shape, axis: number): { outer: number; n: number; inner: number } {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    n: shape[axis]!,
    inner: sizeOf(shape.slice(axis + 1)),
  };
}

function checkIntegers<A extends Aval>(fn: string, indices: A, argument = "indices"): A {
  if (indices.dtype === "float32" || indices.dtype === "float64" || indices.dtype === "bool")
    throw new DTypeError(
      `${fn}: ${argument} must be integers, got ${indices.dtype}; convert with asType(…, "int32")`,
    );
  return indices;
}

/** The indices with negative ones counted from the end, all checked. */
function places(fn: string, indices: DenseArray, extent: number): ArrayLike<number> {
  const list = rowMajorData(indices);
  let copy: Int32Array | undefined;
  for (let i = 0; i < list.length; i++) {
    const at = list[i]!;
    if (at >= -extent && at < extent && at >= 0) continue;
    if (!(at >= -extent && at < extent))
      throw new IndexError(
        `${fn}: index ${at} (at position ${i}) is out of range for an axis of extent ${extent}`,
      );
    copy ??= Int32Array.from(list);
    copy[i] = at + extent;
  }
  return copy ?? list;
}

interface Along {
  readonly axis: number;
}

interface Into extends Along {
  /** Shape of the result. */
  readonly shape: Shape;
}

/** `take` for a list of indices on one axis, the same for all lines. */
const takePrimitive: Primitive<Along> = {
  name: "take",
  shape([x, indices], { axis }) {
    checkIntegers("take", indices!);
    return [
      {
        shape: [...x!.shape.slice(0, axis), indices!.shape[0]!, ...x!.shape.slice(axis + 1)],
        dtype: x!.dtype,
      },
    ];
  },
  evaluate([x, indices], { axis }, [out]) {
    const { outer, n, inner } = outerInner(x!.shape, axis);
    const data = allocate(out!.dtype, sizeOf(out!.shape));
    takeRows(rowMajorData(x!), outer, n, inner, places("take", indices!, n), data);
    return [dense<DType>(data, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "linear",
    transpose: [
      (ct, [x, indices], { axis }) =>
        bindOne(addAtPrimitive, [ct, indices!], { axis, shape: x!.shape }),
      null,
    ],
  },
  batching: {
    kind: "rule",
    rule([x, indices], [xBatched, indicesBatched], { axis }, batchSize) {
      if (!indicesBatched) return [bindOne(takePrimitive, [x!, indices!], { axis: axis + 1 })];
      const all = xBatched ? x! : broadcastTo(x!, [batchSize, ...x!.shape]);
      return [
        bindOne(takeAlongPrimitive, [all, spreadIndices(indices!, all.shape, axis + 1)], {
          axis: axis + 1,
        }),
      ];
    },
  },
};

/** Indices `[batch, m]` in the shape that `takeAlongAxis` wants for a whole array of `shape`. */
function spreadIndices(indices: NdArray, shape: Shape, axis: number): NdArray {
  const [batch, m] = indices.shape as [number, number];
  const lined = reshape(indices, [
    batch,
    ...shape.slice(1).map((_, i) => (i + 1 === axis ? m : 1)),
  ]);
  return broadcastTo(
    lined,
    shape.map((extent, i) => (i === axis ? m : extent)),
  );
}

/** Where sums are taken: floats in their own type, as compiled programs do, all else wide, so that it wraps once. */
function zerosFor(dtype: DType, size: number): TypedArray {
  return allocate<DType>(isFloat(dtype) ? dtype : "float64", size);
}

function storedAs(sums: TypedArray, dtype: DType): TypedArray {
  return isFloat(dtype) ? sums : stored(sums as Float64Array, dtype);
}

/** Adds `x` into zeros at listed places of one axis: the transpose of `take`. */
const addAtPrimitive: Primitive<Into> = {
  name: "scatterAdd",
  shape([x, indices], { axis, shape }) {
    checkIntegers("scatterAdd", indices!);
    const wanted = shape.map((extent, i) => (i === axis ? indices!.shape[0]! : extent));
    if (!sameShape(x!.shape, wanted))
      throw new ShapeError(
        `scatterAdd: updates must have shape ${formatShape(wanted)}, got ${formatShape(x!.shape)}`,
      );
    return [{ shape, dtype: x!.dtype }];
  },
  evaluate([x, indices], { axis, shape }) {
    const { outer, n, inner } = outerInner(shape, axis);
    const sums = zerosFor(x!.dtype, sizeOf(shape));
    addRows(rowMajorData(x!), outer, n, inner, places("scatterAdd", indices!, n), sums);
    return [dense<DType>(storedAs(sums, x!.dtype), x!.dtype, shape)];
  },
  derivative: {
    kind: "linear",
    transpose: [
      (ct, [, indices], { axis }) => bindOne(takePrimitive, [ct, indices!], { axis }),
      null,
    ],
  },
  batching: {
    kind: "rule",
    rule([x, indices], [xBatched, indicesBatched], { axis, shape }, batchSize) {
      const attrs = { axis: axis + 1, shape: [batchSize, ...shape] };
      const all = xBatched ? x! : broadcastTo(x!, [batchSize, ...x!.shape]);
      if (!indicesBatched) return [bindOne(addAtPrimitive, [all, indices!], attrs)];
      return [
        bindOne(addAlongPrimitive, [all, spreadIndices(indices!, all.shape, axis + 1)], attrs),
      ];
    },
  },
};

/** Each line along the axis has indices of its own. */
const takeAlongPrimitive: Primitive<Along> = {
  name: "takeAlongAxis",
  shape([x, indices], { axis }) {
    checkIntegers("takeAlongAxis", indices!);
    if (
      x!.shape.length !== indices!.shape.length ||
      x!.shape.some((extent, i) => i !== axis && extent !== indices!.shape[i])
    )
      throw new ShapeError(
        `takeAlongAxis: indices ${formatShape(indices!.shape)} must match x ${formatShape(x!.shape)} except along axis ${axis}`,
      );
    return [{ shape: indices!.shape, dtype: x!.dtype }];
  },
  evaluate([x, indices], { axis }, [out]) {
    const { outer, n, inner } = outerInner(x!.shape, axis);
    const data = allocate(out!.dtype, sizeOf(out!.shape));
    takeEach(
      rowMajorData(x!),
      outer,
      n,
      inner,
      places("takeAlongAxis", indices!, n),
      indices!.shape[axis]!,
      data,
    );
    return [dense<DType>(data, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "linear",
    transpose: [
      (ct, [x, indices], { axis }) =>
        bindOne(addAlongPrimitive, [ct, indices!], { axis, shape: x!.shape }),
      null,
    ],
  },
  batching: {
    kind: "rule",
    rule: (inputs, batched, { axis }, batchSize) => [
      bindOne(takeAlongPrimitive, spread(inputs, batched, batchSize), { axis: axis + 1 }),
    ],
  },
};

/** The transpose of `takeAlongAxis`. */
const addAlongPrimitive: Primitive<Into> = {
  name: "scatterAddAlongAxis",
  shape: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  evaluate([x, indices], { axis, shape }) {
    const { outer, n, inner } = outerInner(shape, axis);
    const sums = zerosFor(x!.dtype, sizeOf(shape));
    addEach(
      rowMajorData(x!),
      outer,
      n,
      inner,
      places("scatterAdd", indices!, n),
      indices!.shape[axis]!,
      sums,
    );
    return [dense<DType>(storedAs(sums, x!.dtype), x!.dtype, shape)];
  },
  derivative: {
    kind: "linear",
    transpose: [
      (ct, [, indices], { axis }) => bindOne(takeAlongPrimitive, [ct, indices!], { axis }),
      null,
    ],
  },
  batching: {
    kind: "rule",
    rule: (inputs, batched, { axis, shape }, batchSize) => [
      bindOne(addAlongPrimitive, spread(inputs, batched, batchSize), {
        axis: axis + 1,
        shape: [batchSize, ...shape],
      }),
    ],
  },
};

/** Adds `x` into zeros of `shape` at the places that each line of the last axis lists: the transpose of taking along it. */
export function scatterAlongLast(x: NdArray, indices: NdArray, shape: Shape): NdArray {
  return bindOne(addAlongPrimitive, [x, indices], { axis: shape.length - 1, shape });
}

function spread(
  inputs: readonly NdArray[],
  batched: readonly boolean[],
  batchSize: number,
): NdArray[] {
  return inputs.map((x, i) => (batched[i] ? x : broadcastTo(x, [batchSize, ...x.shape])));
}

/** Places as integers, of the named argument. */
export function toIndices(fn: string, input: ArrayInput, argument = "indices"): NdArray {
  const indices = toArray(fn, input, argument, "int32");
  // plain lists of numbers arrive as float32; whole numbers are meant
  return Array.isArray(input) && indices instanceof DenseArray && indices.dtype === "float32"
    ? wholeNumbers(fn, indices as DenseArray, argument)
    : checkIntegers(fn, indices, argument);
}

function wholeNumbers(fn: string, indices: DenseArray, argument: string): NdArray {
  for (const v of rowMajorData(indices))
    if (!Number.isInteger(v)) throw new DTypeError(`${fn}: ${argument} must be integers, got ${v}`);
  return asType(indices, "int32");
}

/**
 * The entries of `x` at the listed places of one axis.
 *
 * @param x - any array with at least one axis, shape `[…, n, …]`
 * @param indices - integers in $[-n, n)$, any shape; negative ones count from the end
 * @param options - see {@link AxisOptions}
 * @returns array with the axis replaced by the axes of `indices`
 * @throws {@link IndexError} when an index is out of range, naming it
 * @throws {@link DTypeError} when the indices are not integers
 * @example
 * ```ts
 * import { take, toNested } from "@provably/core-tensor";
 *
 * toNested(take([10, 20, 30], [2, 0, -1])); // => [30, 10, 30]
 * ```
 * @category Indexing
 */
export function take(x: ArrayInput, indices: ArrayInput, options: AxisOptions = NONE): NdArray {
  const a = toArray("take", x);
  const list = toIndices("take", indices);
  const axis = axisOf("take", options, 0, a.shape.length);
  const flat = bindOne(takePrimitive, [a, reshape(list, [list.size])], { axis });
  return reshape(flat, [...a.shape.slice(0, axis), ...list.shape, ...a.shape.slice(axis + 1)]);
}

/**
 * The entries of `x` where each line along the axis has its own list of places, as `argsort` gives them.
 *
 * @param x - any array, shape `[…, n, …]`
 * @param indices - integers in $[-n, n)$, shape `[…, m, …]`
 * @param options - see {@link AxisOptions}
 * @returns array of the shape of `indices`
 * @throws {@link ShapeError} when the shapes differ elsewhere than along the axis
 * @throws {@link IndexError} when an index is out of range
 * @example
 * ```ts
 * import { takeAlongAxis, toNested } from "@provably/core-tensor";
 *
 * toNested(takeAlongAxis([[1, 2], [3, 4]], [[1], [0]], { axis: 1 })); // => [[2], [3]]
 * ```
 * @category Indexing
 */
export function takeAlongAxis(
  x: ArrayInput,
  indices: ArrayInput,
  options: AxisOptions = NONE,
): NdArray {
  const a = toArray("takeAlongAxis", x);
  const axis = axisOf("takeAlongAxis", options, 0, a.shape.length);
  return bindOne(takeAlongPrimitive, [a, toIndices("takeAlongAxis", indices)], { axis });
}

/**
 * `x` with `updates` added at the listed places of one axis; places named twice receive both.
 *
 * @param x - any array, shape `[…, n, …]`
 * @param indices - integers in $[-n, n)$, shape `[m]`
 * @param updates - shape of `x` with `m` in place of `n`
 * @param options - see {@link AxisOptions}
 * @returns array of the shape of `x`
 * @throws {@link ShapeError} when the shapes do not fit
 * @throws {@link IndexError} when an index is out of range
 * @example
 * ```ts
 * import { scatterAdd, toNested } from "@provably/core-tensor";
 *
 * toNested(scatterAdd([0, 0, 0], [2, 2], [1, 5])); // => [0, 0, 6]
 * ```
 * @category Indexing
 */
export function scatterAdd(
  x: ArrayInput,
  indices: ArrayInput,
  updates: ArrayInput,
  options: AxisOptions = NONE,
): NdArray {
  const a = toArray("scatterAdd", x);
  const list = toIndices("scatterAdd", indices);
  const axis = axisOf("scatterAdd", options, 0, a.shape.length);
  if (list.shape.length !== 1)
    throw new ShapeError(
      `scatterAdd: indices must have one axis, got shape ${formatShape(list.shape)}`,
    );
  const rows = toArray("scatterAdd", updates, "updates", a.dtype);
  return within("scatterAdd", () =>
    add(a, bindOne(addAtPrimitive, [rows, list], { axis, shape: a.shape })),
  );
}

/**
 * Rows with a one in the place of each class and zeros elsewhere.
 *
 * @param classes - integers, any shape
 * @param numClasses - how many classes, an integer ≥ 1
 * @param options - `axis`: where the new axis goes, default the last
 * @returns float32 array with one more axis of extent `numClasses`; a class outside the range gives a row of zeros
 * @throws {@link DomainError} when `numClasses` is not an integer ≥ 1
 * @example
 * ```ts
 * import { oneHot, toNested } from "@provably/core-tensor";
 *
 * toNested(oneHot([1, 0], 3)); // => [[0, 1, 0], [1, 0, 0]]
 * ```
 * @category Indexing
 */
export function oneHot(
  classes: ArrayInput,
  numClasses: number,
  options: AxisOptions = NONE,
): NdArray {
  if (!Number.isInteger(numClasses) || numClasses < 1)
    throw new DomainError(`oneHot: numClasses must be an integer ≥ 1, got ${show(numClasses)}`);
  const ids = toIndices("oneHot", classes, "classes");
  const rank = ids.shape.length;
  const axis = axisOf("oneHot", options, -1, rank + 1);
  return within("oneHot", () => {
    const all = arange(0, numClasses, 1, { dtype: "int32" });
    return moveAxis(asType(equal(expandDims(ids, -1), all), "float32"), -1, axis);
  });
}
