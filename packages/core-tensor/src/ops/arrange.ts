/** Shapes by the names that NumPy has for them, and grids. */
import {
  NONE,
  type Schema,
  anyList,
  check,
  checkOptions,
  oneOf,
  show,
  trueOrFalse,
  within,
} from "../check/index.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { type DType, allocate } from "../array/dtype.js";
import { axisOf, normalizeAxis, sizeOf } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { broadcastTo } from "./broadcast.js";
import { type CreateOptions, asType, linspace } from "./create.js";
import { type AxisOptions, concat } from "./join.js";
import { reshape, transpose } from "./reshape.js";
import { flip, sliceAxis } from "./slice.js";

/**
 * The array with two axes exchanged.
 *
 * @param x - any shape
 * @param axis1 - an axis
 * @param axis2 - the other
 * @returns view of `x`
 * @throws {@link AxisError} when an axis is out of range
 * @example
 * ```ts
 * import { swapAxes, zeros } from "@provably/core-tensor";
 *
 * swapAxes(zeros([2, 3, 4]), 0, 2).shape; // => [4, 3, 2]
 * ```
 * @category Shape
 */
export function swapAxes(x: ArrayInput, axis1: number, axis2: number): NdArray {
  const a = toArray("swapAxes", x);
  const rank = a.shape.length;
  const order = a.shape.map((_, i) => i);
  const [i, j] = [normalizeAxis("swapAxes", axis1, rank), normalizeAxis("swapAxes", axis2, rank)];
  [order[i], order[j]] = [j, i];
  return transpose(a, order);
}

/**
 * The elements in row-major order on one axis.
 *
 * @param x - any shape
 * @returns array of shape `[size]`
 * @example
 * ```ts
 * import { ravel, toNested } from "@provably/core-tensor";
 *
 * toNested(ravel([[1, 2], [3, 4]])); // => [1, 2, 3, 4]
 * ```
 * @category Shape
 */
export function ravel(x: ArrayInput): NdArray {
  const a = toArray("ravel", x);
  return reshape(a, [a.size]);
}

function arraysOf(fn: string, arrays: readonly ArrayInput[]): NdArray[] {
  const list = check(fn, "arrays", arrays, anyList);
  if (list.length === 0) throw new ShapeError(`${fn}: arrays must hold at least one array`);
  return list.map((x, i) => toArray(fn, x, `arrays[${i}]`));
}

/**
 * Arrays side by side: joined along their second axis, lists along their only one.
 *
 * @param arrays - arrays that agree except along that axis
 * @returns the joined array
 * @throws {@link ShapeError} when they do not fit
 * @example
 * ```ts
 * import { hstack, toNested } from "@provably/core-tensor";
 *
 * toNested(hstack([[[1], [2]], [[3], [4]]])); // => [[1, 3], [2, 4]]
 * ```
 * @category Joining
 */
export function hstack(arrays: readonly ArrayInput[]): NdArray {
  const parts = arraysOf("hstack", arrays).map((x) => (x.shape.length === 0 ? reshape(x, [1]) : x));
  return within("hstack", () => concat(parts, { axis: parts[0]!.shape.length === 1 ? 0 : 1 }));
}

/**
 * Arrays on top of each other: joined along their first axis, lists as rows.
 *
 * @param arrays - arrays that agree except along that axis
 * @returns the joined array
 * @throws {@link ShapeError} when they do not fit
 * @example
 * ```ts
 * import { toNested, vstack } from "@provably/core-tensor";
 *
 * toNested(vstack([[1, 2], [3, 4]])); // => [[1, 2], [3, 4]]
 * ```
 * @category Joining
 */
export function vstack(arrays: readonly ArrayInput[]): NdArray {
  const parts = arraysOf("vstack", arrays).map((x) =>
    x.shape.length < 2 ? reshape(x, [1, x.size]) : x,
  );
  return within("vstack", () => concat(parts, { axis: 0 }));
}

/**
 * Arrays behind each other: joined along their third axis, which matrices and lists are given.
 *
 * @param arrays - arrays that agree except along that axis
 * @returns the joined array
 * @throws {@link ShapeError} when they do not fit
 * @example
 * ```ts
 * import { dstack, toNested } from "@provably/core-tensor";
 *
 * toNested(dstack([[1, 2], [3, 4]])); // => [[[1, 3], [2, 4]]]
 * ```
 * @category Joining
 */
export function dstack(arrays: readonly ArrayInput[]): NdArray {
  const parts = arraysOf("dstack", arrays).map((x) => {
    const { shape } = x;
    if (shape.length < 2) return reshape(x, [1, x.size, 1]);
    return shape.length === 2 ? reshape(x, [...shape, 1]) : x;
  });
  return within("dstack", () => concat(parts, { axis: 2 }));
}

/**
 * Lists as the columns of a matrix; matrices side by side.
 *
 * @param arrays - lists and matrices with the same number of rows
 * @returns matrix
 * @throws {@link ShapeError} when they do not fit
 * @example
 * ```ts
 * import { columnStack, toNested } from "@provably/core-tensor";
 *
 * toNested(columnStack([[1, 2], [3, 4]])); // => [[1, 3], [2, 4]]
 * ```
 * @category Joining
 */
export function columnStack(arrays: readonly ArrayInput[]): NdArray {
  const parts = arraysOf("columnStack", arrays).map((x) =>
    x.shape.length < 2 ? reshape(x, [x.size, 1]) : x,
  );
  return within("columnStack", () => concat(parts, { axis: 1 }));
}

/**
 * The entries along an axis as arrays of their own.
 *
 * @param x - any shape with at least one axis
 * @param options - `axis`; default 0
 * @returns as many arrays as the axis is long, without it
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { toNested, unstack } from "@provably/core-tensor";
 *
 * unstack([[1, 2], [3, 4]], { axis: 1 }).map(toNested); // => [[1, 3], [2, 4]]
 * ```
 * @category Joining
 */
export function unstack(x: ArrayInput, options: AxisOptions = NONE): NdArray[] {
  const a = toArray("unstack", x);
  const axis = axisOf("unstack", options, 0, a.shape.length);
  const rest = a.shape.filter((_, i) => i !== axis);
  return Array.from({ length: a.shape[axis]! }, (_, i) =>
    reshape(sliceAxis(a, axis, i, i + 1), rest),
  );
}

/**
 * The array turned by a quarter, `times` times, from the first axis towards the second.
 *
 * @param x - at least two axes
 * @param times - how many quarters, any integer; default 1
 * @param axes - the plane; default the first two axes
 * @returns array with the two extents exchanged for odd `times`
 * @throws {@link AxisError} when an axis is out of range or the two are the same
 * @example
 * ```ts
 * import { rot90, toNested } from "@provably/core-tensor";
 *
 * toNested(rot90([[1, 2], [3, 4]])); // => [[2, 4], [1, 3]]
 * ```
 * @category Shape
 */
export function rot90(x: ArrayInput, times = 1, axes: readonly [number, number] = [0, 1]): NdArray {
  const a = toArray("rot90", x);
  if (!Number.isInteger(times))
    throw new DomainError(`rot90: times must be an integer, got ${show(times)}`);
  const [from, to] = (check("rot90", "axes", axes, anyList) as readonly number[]).map((axis) =>
    normalizeAxis("rot90", axis, a.shape.length),
  ) as [number, number];
  if (axes.length !== 2 || from === to)
    throw new DomainError(`rot90: axes must be two different axes, got ${show(axes)}`);
  const quarter = ((times % 4) + 4) % 4;
  if (quarter === 0) return a;
  if (quarter === 2) return flip(a, [from, to]);
  return quarter === 1 ? flip(swapAxes(a, from, to), from) : swapAxes(flip(a, from), from, to);
}

/**
 * Options of {@link meshgrid}.
 * @category Creation
 */
export interface MeshgridOptions {
  /** `"xy"` (the default): the first list runs along the second axis, as in pictures; `"ij"`: along the first, as in matrices. */
  readonly indexing?: "xy" | "ij";
  /** Leave axes along which nothing changes at extent 1; default false. */
  readonly sparse?: boolean;
}

const MESHGRID: Schema<MeshgridOptions> = {
  indexing: /* @__PURE__ */ oneOf("xy", "ij"),
  sparse: trueOrFalse,
};

/**
 * The coordinates of all points of a grid.
 *
 * @param axes - the coordinates along each axis, lists of numbers
 * @param options - see {@link MeshgridOptions}
 * @returns an array for each axis, all of the shape of the grid
 * @throws {@link ShapeError} for lists with more than one axis
 * @example
 * ```ts
 * import { meshgrid, toNested } from "@provably/core-tensor";
 *
 * meshgrid([[1, 2, 3], [10, 20]], { indexing: "xy" }).map(toNested); // => [[[1, 2, 3], [1, 2, 3]], [[10, 10, 10], [20, 20, 20]]]
 * ```
 * @category Creation
 */
export function meshgrid(axes: readonly ArrayInput[], options: MeshgridOptions = NONE): NdArray[] {
  const { indexing = "xy", sparse = false } = checkOptions("meshgrid", options, MESHGRID);
  const lists = check("meshgrid", "axes", axes, anyList).map((x, i) => {
    const list = toArray("meshgrid", x, `axes[${i}]`);
    if (list.shape.length > 1)
      throw new ShapeError(
        `meshgrid: axes[${i}] must be a list of numbers, got shape ${show(list.shape)}`,
      );
    return list;
  });
  const rank = lists.length;
  const place = (i: number): number => (indexing === "xy" && rank > 1 && i < 2 ? 1 - i : i);
  const shape = new Array<number>(rank);
  for (const [i, list] of lists.entries()) shape[place(i)] = list.size;
  return lists.map((list, i) => {
    const line = reshape(
      list,
      shape.map((n, at) => (at === place(i) ? n : 1)),
    );
    return sparse ? line : broadcastTo(line, shape);
  });
}

function filledLike<D extends DType>(
  fn: string,
  x: ArrayInput,
  value: number,
  options: CreateOptions<D>,
): NdArray<D> {
  const { shape, dtype } = toArray(fn, x);
  const type = checkOptions(fn, options as CreateOptions, LIKE).dtype ?? dtype;
  const data = allocate(type, sizeOf(shape));
  data.fill(type === "bool" ? Number(value !== 0) : value);
  return dense<DType>(data, type, shape) as unknown as NdArray<D>;
}

const LIKE: Schema<CreateOptions> = {
  dtype: /* @__PURE__ */ oneOf("float32", "float64", "int32", "int8", "uint8", "bool"),
};

/**
 * Zeros in the shape and type of another array.
 *
 * @param x - any shape, traced ones included
 * @param options - `dtype`; default that of `x`
 * @returns array of the shape of `x`
 * @example
 * ```ts
 * import { toNested, zerosLike } from "@provably/core-tensor";
 *
 * toNested(zerosLike([[1, 2]], { dtype: "int32" })); // => [[0, 0]]
 * ```
 * @category Creation
 */
export function zerosLike<D extends DType = DType>(
  x: ArrayInput,
  options: CreateOptions<D> = NONE,
): NdArray<D> {
  return filledLike("zerosLike", x, 0, options);
}

/**
 * Ones in the shape and type of another array.
 *
 * @param x - any shape, traced ones included
 * @param options - `dtype`; default that of `x`
 * @returns array of the shape of `x`
 * @example
 * ```ts
 * import { onesLike, toNested } from "@provably/core-tensor";
 *
 * toNested(onesLike([3, 4], { dtype: "float64" })); // => [1, 1]
 * ```
 * @category Creation
 */
export function onesLike<D extends DType = DType>(
  x: ArrayInput,
  options: CreateOptions<D> = NONE,
): NdArray<D> {
  return filledLike("onesLike", x, 1, options);
}

/**
 * One number everywhere, in the shape and type of another array.
 *
 * @param x - any shape, traced ones included
 * @param value - the number
 * @param options - `dtype`; default that of `x`
 * @returns array of the shape of `x`
 * @example
 * ```ts
 * import { fullLike, toNested } from "@provably/core-tensor";
 *
 * toNested(fullLike([1, 2], 7, { dtype: "float32" })); // => [7, 7]
 * ```
 * @category Creation
 */
export function fullLike<D extends DType = DType>(
  x: ArrayInput,
  value: number,
  options: CreateOptions<D> = NONE,
): NdArray<D> {
  if (typeof value !== "number")
    throw new DomainError(`fullLike: value must be a number, got ${show(value)}`);
  return filledLike("fullLike", x, value, options);
}

/**
 * Options of {@link logspace} and {@link geomspace}.
 * @category Creation
 */
export interface SpaceOptions extends CreateOptions<"float32" | "float64"> {
  /** Whether `stop` is the last of the numbers; default true. */
  readonly endpoint?: boolean;
}

const SPACE: Schema<SpaceOptions> = {
  dtype: /* @__PURE__ */ oneOf("float32", "float64"),
  endpoint: trueOrFalse,
};

/** Evenly spaced exponents, from which the numbers are made in double precision. */
function spaced(
  fn: string,
  start: number,
  stop: number,
  num: number,
  { dtype = "float32", endpoint = true }: SpaceOptions,
  f: (exponent: number, i: number) => number,
): NdArray {
  const all = within(fn, () =>
    linspace(start, stop, endpoint ? num : num + 1, { dtype: "float64" }),
  );
  const numbers = Float64Array.from(all.data.subarray(0, num), f);
  return asType(dense<DType>(numbers, "float64", [num]), dtype);
}

/**
 * Powers with evenly spaced exponents, $b^{s}, \dots, b^{t}$.
 *
 * @param start - first exponent
 * @param stop - last exponent
 * @param num - how many
 * @param options - see {@link SpaceOptions}, and `base`, default 10
 * @returns float array of shape `[num]`
 * @throws {@link DomainError} for exponents that are not finite
 * @example
 * ```ts
 * import { logspace, toNested } from "@provably/core-tensor";
 *
 * toNested(logspace(0, 2, 3, { base: 10 })); // => [1, 10, 100]
 * ```
 * @category Creation
 */
export function logspace(
  start: number,
  stop: number,
  num: number,
  options: SpaceOptions & { readonly base?: number } = NONE,
): NdArray {
  const LOGSPACE: Schema<SpaceOptions & { readonly base?: number }> = {
    ...SPACE,
    base: positiveBase,
  };
  const { base = 10, ...rest } = checkOptions("logspace", options, LOGSPACE);
  return spaced("logspace", start, stop, num, rest, (e) => base ** e);
}

const positiveBase = (x: unknown): { path: string; expected: string; got: unknown } | undefined =>
  typeof x === "number" && x > 0 && x < Infinity
    ? undefined
    : { path: "", expected: "positive and finite", got: x };

/**
 * A geometric sequence from `start` to `stop`: each number is the one before times the same ratio.
 *
 * @param start - first number, not 0
 * @param stop - last number, of the sign of `start`
 * @param num - how many
 * @param options - see {@link SpaceOptions}
 * @returns float array of shape `[num]`
 * @throws {@link DomainError} for 0, for numbers that are not finite, and for different signs
 * @example
 * ```ts
 * import { geomspace, toNested } from "@provably/core-tensor";
 *
 * toNested(geomspace(1, 8, 4, { endpoint: true })); // => [1, 2, 4, 8]
 * ```
 * @category Creation
 */
export function geomspace(
  start: number,
  stop: number,
  num: number,
  options: SpaceOptions = NONE,
): NdArray {
  const settings = checkOptions("geomspace", options, SPACE);
  if (
    !Number.isFinite(start) ||
    !Number.isFinite(stop) ||
    !(start * stop > 0 || Math.sign(start) * Math.sign(stop) > 0)
  )
    throw new DomainError(
      `geomspace: start and stop must be finite, of one sign and not 0, got ${show(start)} and ${show(stop)}`,
    );
  const sign = Math.sign(start);
  const [low, high] = [Math.log10(Math.abs(start)), Math.log10(Math.abs(stop))];
  // the ends are taken as they are given
  return spaced("geomspace", low, high, num, settings, (e, i) =>
    i === 0 ? start : i === num - 1 && settings.endpoint !== false ? stop : sign * 10 ** e,
  );
}
