/** Order: sorting, ranking and searching. NaN counts as greater than every number, equal elements keep their order. */
import {
  NONE,
  type Schema,
  anything,
  checkOptions,
  oneOf,
  show,
  trueOrFalse,
} from "../check/index.js";
import { type DType, allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { axisOf, formatShape, normalizeAxis, sameShape, sizeOf } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { argsortRows, searchRow, sortRows } from "../exec/js/sort.js";
import { bindOne } from "../trace/bind.js";
import { promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Aval, Primitive } from "../trace/primitive.js";
import { broadcastTo } from "./broadcast.js";
import { scatterAlongLast, takeAlongAxis } from "./gather.js";
import { moveAxis, reshape } from "./reshape.js";
import { sliceAxis } from "./slice.js";

/**
 * Options of {@link sort} and {@link argsort}.
 * @category Sorting
 */
export interface SortOptions {
  /** The axis to sort along; default the last. */
  readonly axis?: number;
  /** Greatest first; NaN stays last. Default false. */
  readonly descending?: boolean;
}

const SORT: Schema<SortOptions> = { axis: anything, descending: trueOrFalse };

interface Order {
  readonly descending: boolean;
  /** NaN before all numbers, as it comes where it counts as the greatest of them. */
  readonly nansFirst?: boolean;
}

function rowsOf({ shape }: Aval): { rows: number; cols: number } {
  return { rows: sizeOf(shape.slice(0, -1)), cols: shape[shape.length - 1]! };
}

const argsortPrimitive: Primitive<Order> = {
  name: "argsort",
  shape: ([x]) => [{ shape: x!.shape, dtype: "int32" }],
  evaluate([x], order, [out]) {
    const { rows, cols } = rowsOf(x!);
    const data = new Int32Array(x!.size);
    argsortRows(rowMajorData(x!), rows, cols, order, data);
    return [dense(data, "int32", out!.shape)];
  },
  derivative: { kind: "none" },
  batching: { kind: "leading" },
};

const sortPrimitive: Primitive<Order> = {
  name: "sort",
  shape: ([x]) => [x!],
  evaluate([x], { descending }, [out]) {
    const { rows, cols } = rowsOf(x!);
    const data = allocate(out!.dtype, x!.size);
    sortRows(rowMajorData(x!), rows, cols, descending, data);
    return [dense<DType>(data, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "rules",
    jvp: ({ inputs: [x], tangents: [t], attrs }) => [
      t && takeAlongAxis(t, bindOne(argsortPrimitive, [x!], attrs), { axis: -1 }),
    ],
    vjp: ({ inputs: [x], cotangents: [ct], attrs }) => [
      ct && scatterAlongLast(ct, bindOne(argsortPrimitive, [x!], attrs), x!.shape),
    ],
  },
  batching: { kind: "leading" },
};

function alongAxis(primitive: Primitive<Order>, input: ArrayInput, options: SortOptions): NdArray {
  const { axis = -1, descending = false } = checkOptions(primitive.name, options, SORT);
  const x = toArray(primitive.name, input);
  const at = normalizeAxis(primitive.name, axis, x.shape.length);
  return moveAxis(bindOne(primitive, [moveAxis(x, at, -1)], { descending }), -1, at);
}

/**
 * The elements in order along an axis; the derivative follows each element to its place.
 *
 * @param x - any shape with at least one axis
 * @param options - see {@link SortOptions}
 * @returns array of the shape of `x`
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { sort, toNested } from "@provably/core-tensor";
 *
 * toNested(sort([3, 1, 2])); // => [1, 2, 3]
 * ```
 * @category Sorting
 */
export function sort(x: ArrayInput, options: SortOptions = NONE): NdArray {
  return alongAxis(sortPrimitive, x, options);
}

/**
 * The places of the elements in order along an axis: `takeAlongAxis(x, argsort(x))` is sorted. Stable.
 *
 * @param x - any shape with at least one axis
 * @param options - see {@link SortOptions}
 * @returns int32 array of the shape of `x`
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { argsort, toNested } from "@provably/core-tensor";
 *
 * toNested(argsort([30, 10, 20])); // => [1, 2, 0]
 * ```
 * @category Sorting
 */
export function argsort(x: ArrayInput, options: SortOptions = NONE): NdArray {
  return alongAxis(argsortPrimitive, x, options);
}

/**
 * The `k` greatest elements along an axis, greatest first, and their places. Of equal elements the first ones are taken; NaN counts as
 * the greatest, as for {@link max}.
 *
 * @param x - any shape with at least one axis
 * @param k - how many, an integer from 0 to the extent of the axis
 * @param options - `axis`: where to look; default the last
 * @returns `values`, and `indices` in int32, both with `k` in place of the extent
 * @throws {@link DomainError} when `k` is out of range
 * @example
 * ```ts
 * import { toNested, topK } from "@provably/core-tensor";
 *
 * const { values, indices } = topK([3, 9, 5], 2);
 * toNested(values); // => [9, 5]
 * toNested(indices); // => [1, 2]
 * ```
 * @category Sorting
 */
export function topK(
  x: ArrayInput,
  k: number,
  options: { readonly axis?: number } = {},
): { readonly values: NdArray; readonly indices: NdArray } {
  const a = toArray("topK", x);
  const axis = axisOf("topK", options, -1, a.shape.length);
  const extent = a.shape[axis]!;
  if (!Number.isInteger(k) || k < 0 || k > extent)
    throw new DomainError(`topK: k must be an integer from 0 to ${extent}, got ${show(k)}`);
  const order = bindOne(argsortPrimitive, [moveAxis(a, axis, -1)], {
    descending: true,
    nansFirst: true,
  });
  const indices = sliceAxis(moveAxis(order, -1, axis), axis, 0, k);
  return { values: takeAlongAxis(a, indices, { axis }), indices };
}

const searchPrimitive: Primitive<{ readonly right: boolean }> = {
  name: "searchSorted",
  shape([sorted, values]) {
    if (!sameShape(sorted!.shape.slice(0, -1), values!.shape.slice(0, -1)))
      throw new ShapeError(
        `searchSorted: sorted ${formatShape(sorted!.shape)} and values ${formatShape(values!.shape)} must agree except along the last axis`,
      );
    return [{ shape: values!.shape, dtype: "int32" }];
  },
  evaluate([sorted, values], { right }, [out]) {
    const { rows, cols } = rowsOf(sorted!);
    const width = rowsOf(values!).cols;
    const [s, v] = [rowMajorData(sorted!), rowMajorData(values!)];
    const data = new Int32Array(v.length);
    for (let r = 0; r < rows; r++)
      for (let j = 0; j < width; j++)
        data[r * width + j] = searchRow(s, r * cols, cols, v[r * width + j]!, right);
    return [dense(data, "int32", out!.shape)];
  },
  derivative: { kind: "none" },
  batching: { kind: "leading" },
};

const SEARCH: Schema<{ readonly side?: "left" | "right" }> = {
  side: /* @__PURE__ */ oneOf("left", "right"),
};

/**
 * For each value the place where it would go in a sorted row: before its equals, or after them. Binary search, $O(\log n)$ a value.
 *
 * @param sorted - rows in growing order, shape `[…, n]`, or one row `[n]` for all
 * @param values - what to place, shape `[…, m]`
 * @param options - `side`: `"left"` before equals (the default), `"right"` after them
 * @returns int32 array of the shape of `values`, with numbers from 0 to n
 * @throws {@link ShapeError} when the leading axes differ
 * @example
 * ```ts
 * import { searchSorted, toNested } from "@provably/core-tensor";
 *
 * toNested(searchSorted([1, 3, 5], [3, 4])); // => [1, 2]
 * ```
 * @category Sorting
 */
export function searchSorted(
  sorted: ArrayInput,
  values: ArrayInput,
  options: { readonly side?: "left" | "right" } = {},
): NdArray {
  const { side = "left" } = checkOptions("searchSorted", options, SEARCH);
  const fn = "searchSorted";
  const [s, v] = promote(fn, toArray(fn, sorted, "sorted"), values, false, ["sorted", "values"]);
  const leading = v.shape.slice(0, -1);
  const rows =
    s.shape.length === 1 && v.shape.length !== 1 ? broadcastTo(s, [...leading, s.shape[0]!]) : s;
  const lined = v.shape.length === 0 ? reshape(v, [1]) : v;
  return reshape(bindOne(searchPrimitive, [rows, lined], { right: side === "right" }), v.shape);
}
