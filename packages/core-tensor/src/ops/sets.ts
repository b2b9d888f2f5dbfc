/** Arrays as sets. On concrete arrays: what is in them decides shapes. */
import { NONE, type Schema, anything, checkOptions, trueOrFalse } from "../check/index.js";
import { type DType, type TypedArray, allocate, promoteDTypes } from "../array/dtype.js";
import { type DenseArray, type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { normalizeAxis, sizeOf } from "../array/shape.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";
import { moveAxis } from "./reshape.js";
import { take } from "./gather.js";

/**
 * The different members of an array, and where they are.
 * @category Sets
 */
export interface Unique {
  /** The members in growing order, NaN last and once; along an axis: the different entries, in lexicographic order. */
  readonly values: NdArray;
  /** Where each member is first, int32. */
  readonly indices: NdArray;
  /** For each element which member it is, int32, of the shape of `x`; along an axis a list. */
  readonly inverse: NdArray;
  /** How often each member occurs, int32. */
  readonly counts: NdArray;
}

const UNIQUE: Schema<{ readonly axis?: number }> = { axis: anything };

const compare = (a: number, b: number): number =>
  a < b ? -1 : a > b ? 1 : a === b ? 0 : Number(a !== a) - Number(b !== b);

/** The rows of a matrix of `width` columns in order, equal ones in their old order. */
function ordered(
  data: TypedArray,
  rows: number,
  width: number,
): { order: Int32Array; compareRows: (i: number, j: number) => number } {
  const compareRows = (i: number, j: number): number => {
    for (let c = 0; c < width; c++) {
      const sign = compare(data[i * width + c]!, data[j * width + c]!);
      if (sign !== 0) return sign;
    }
    return 0;
  };
  const order = Int32Array.from({ length: rows }, (_, i) => i);
  order.sort((i, j) => compareRows(i, j) || i - j);
  return { order, compareRows };
}

/**
 * The different members of an array in growing order, with the place of the first of each, the member of each element, and counts.
 *
 * @param x - any shape, concrete
 * @param options - `axis`: look for different entries along it; default different elements
 * @returns see {@link Unique}
 * @throws {@link AxisError} when the axis is out of range
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { toNested, unique } from "@provably/core-tensor";
 *
 * const { values, counts } = unique([3, 1, 3]);
 * [toNested(values), toNested(counts)]; // => [[1, 3], [1, 2]]
 * toNested(unique([[1, 2], [1, 2]], { axis: 0 }).values); // => [[1, 2]]
 * ```
 * @category Sets
 */
export function unique(x: ArrayInput, options: { readonly axis?: number } = NONE): Unique {
  const { axis } = checkOptions("unique", options, UNIQUE);
  const a = toConcrete("unique", x);
  const at = axis === undefined ? undefined : normalizeAxis("unique", axis, a.shape.length);
  const first = at === undefined ? a : toConcrete("unique", moveAxis(a, at, 0));
  const rows = at === undefined ? a.size : first.shape[0]!;
  const width = at === undefined ? 1 : sizeOf(first.shape.slice(1));
  const { order, compareRows } = ordered(rowMajorData(first), rows, width);
  const indices: number[] = [];
  const counts: number[] = [];
  const inverse = new Int32Array(rows);
  for (const [i, row] of order.entries()) {
    if (i === 0 || compareRows(order[i - 1]!, row) !== 0) {
      indices.push(row);
      counts.push(0);
    }
    inverse[row] = indices.length - 1;
    counts[counts.length - 1]! += 1;
  }
  const list = (numbers: readonly number[]): NdArray =>
    dense<DType>(Int32Array.from(numbers), "int32", [numbers.length]);
  const values = at === undefined ? picked(a, indices) : take(a, list(indices), { axis: at });
  return {
    values,
    indices: list(indices),
    inverse: dense<DType>(inverse, "int32", at === undefined ? a.shape : [rows]),
    counts: list(counts),
  };
}

function picked(a: DenseArray, places: readonly number[]): NdArray {
  const data = rowMajorData(a);
  const out = allocate(a.dtype, places.length);
  for (const [i, at] of places.entries()) out[i] = data[at]!;
  return dense<DType>(out, a.dtype, [places.length]);
}

interface Pair {
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly dtype: DType;
}

/** The members of both, sorted, in the type in which they meet. */
function membersOf(fn: string, a: ArrayInput, b: ArrayInput): Pair {
  const [x, y] = [toConcrete(fn, a, "a"), toConcrete(fn, b, "b")];
  const dtype = promoteDTypes(x.dtype, y.dtype);
  const sorted = (v: DenseArray): Float64Array =>
    Float64Array.from(new Set(rowMajorData(toConcrete(fn, convert(v, dtype))))).sort();
  return { a: sorted(x), b: sorted(y), dtype };
}

function made(values: Float64Array, dtype: DType): NdArray {
  const data = allocate(dtype, values.length);
  data.set(values);
  return dense<DType>(data, dtype, [values.length]);
}

/**
 * Whether each element of `x` is a member of `test`. NaN is equal to nothing.
 *
 * @param x - any shape, concrete
 * @param test - any shape, concrete
 * @param options - `invert`: whether it is not a member; default false
 * @returns bool array of the shape of `x`
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { isIn, toNested } from "@provably/core-tensor";
 *
 * toNested(isIn([1, 2, 3], [3, 1], { invert: false })); // => [1, 0, 1]
 * ```
 * @category Sets
 */
export function isIn(
  x: ArrayInput,
  test: ArrayInput,
  options: { readonly invert?: boolean } = NONE,
): NdArray {
  const { invert = false } = checkOptions("isIn", options, { invert: trueOrFalse });
  const [a, b] = [toConcrete("isIn", x), toConcrete("isIn", test, "test")];
  const dtype = promoteDTypes(a.dtype, b.dtype);
  const members = new Set(rowMajorData(toConcrete("isIn", convert(b, dtype))));
  const out = Uint8Array.from(rowMajorData(toConcrete("isIn", convert(a, dtype))), (v) =>
    Number((v === v && members.has(v)) !== invert),
  );
  return dense<DType>(out, "bool", a.shape);
}

/**
 * The members that two arrays have in common, in growing order.
 *
 * @param a - any shape, concrete
 * @param b - any shape, concrete
 * @returns array with one axis, of the type in which the two meet
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { intersect1d, toNested } from "@provably/core-tensor";
 *
 * toNested(intersect1d([3, 1, 2], [2, 3, 5])); // => [2, 3]
 * ```
 * @category Sets
 */
export function intersect1d(a: ArrayInput, b: ArrayInput): NdArray {
  const { a: x, b: y, dtype } = membersOf("intersect1d", a, b);
  const members = new Set(y);
  return made(
    x.filter((v) => v === v && members.has(v)),
    dtype,
  );
}

/**
 * The members of either of two arrays, in growing order.
 *
 * @param a - any shape, concrete
 * @param b - any shape, concrete
 * @returns array with one axis, of the type in which the two meet
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { toNested, union1d } from "@provably/core-tensor";
 *
 * toNested(union1d([3, 1], [2, 3])); // => [1, 2, 3]
 * ```
 * @category Sets
 */
export function union1d(a: ArrayInput, b: ArrayInput): NdArray {
  const { a: x, b: y, dtype } = membersOf("union1d", a, b);
  return made(Float64Array.from(new Set([...x, ...y])).sort(), dtype);
}

/**
 * The members of `a` that are not in `b`, in growing order.
 *
 * @param a - any shape, concrete
 * @param b - any shape, concrete
 * @returns array with one axis, of the type in which the two meet
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { setDiff1d, toNested } from "@provably/core-tensor";
 *
 * toNested(setDiff1d([3, 1, 2], [2])); // => [1, 3]
 * ```
 * @category Sets
 */
export function setDiff1d(a: ArrayInput, b: ArrayInput): NdArray {
  const { a: x, b: y, dtype } = membersOf("setDiff1d", a, b);
  const members = new Set(y);
  return made(
    x.filter((v) => v !== v || !members.has(v)),
    dtype,
  );
}

/**
 * The members of exactly one of two arrays, in growing order.
 *
 * @param a - any shape, concrete
 * @param b - any shape, concrete
 * @returns array with one axis, of the type in which the two meet
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { setXor1d, toNested } from "@provably/core-tensor";
 *
 * toNested(setXor1d([3, 1], [2, 3])); // => [1, 2]
 * ```
 * @category Sets
 */
export function setXor1d(a: ArrayInput, b: ArrayInput): NdArray {
  const { a: x, b: y, dtype } = membersOf("setXor1d", a, b);
  const [inX, inY] = [new Set(x), new Set(y)];
  const alone = [
    ...x.filter((v) => v !== v || !inY.has(v)),
    ...y.filter((v) => v !== v || !inX.has(v)),
  ];
  return made(Float64Array.from(alone).sort(), dtype);
}
