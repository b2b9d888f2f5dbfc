/** Reductions: one number from all elements along some axes. Sums, products and what is counted by them. */
import { NONE, type Schema, anything, checkOptions, trueOrFalse } from "../check/index.js";
import { type DType, countDType } from "../array/dtype.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { type Axis, normalizeAxes } from "../array/shape.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { mul, sub } from "./arithmetic.js";
import { sumOver } from "./broadcast.js";
import { equal, notEqual, where } from "./comparison.js";
import { reshape } from "./reshape.js";
import { slice } from "./slice.js";

/**
 * Options of reductions.
 * @category Reductions
 */
export interface ReduceOptions {
  /** Axes to reduce over, negative ones counted from the end; default all. */
  readonly axis?: Axis;
  /** Keep reduced axes with extent 1; default false. */
  readonly keepDims?: boolean;
}

/** The axes are checked against the array. */
export const REDUCE: Schema<ReduceOptions> = { axis: anything, keepDims: trueOrFalse };

/** The work common to reductions without further options. */
export function reduceWith(
  fn: string,
  input: ArrayInput,
  options: ReduceOptions,
  reduce: (x: NdArray, axes: readonly number[]) => NdArray,
): NdArray {
  return reduceOver(fn, input, checkOptions(fn, options, REDUCE), reduce);
}

/** The work common to reductions: axes checked, result reshaped when they are to be kept. */
export function reduceOver(
  fn: string,
  input: ArrayInput,
  { axis, keepDims = false }: ReduceOptions,
  reduce: (x: NdArray, axes: readonly number[]) => NdArray,
): NdArray {
  const x = toArray(fn, input);
  const axes = normalizeAxes(fn, axis, x.shape.length);
  const y = reduce(x, axes);
  return keepDims ? reshape(y, keptShape(x.shape, axes)) : y;
}

/** Extents with those of the reduced axes 1. */
export function keptShape(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((extent, i) => (axes.includes(i) ? 1 : extent));
}

/**
 * The sum $\sum_i x_i$ over the given axes; 0 for an empty axis.
 *
 * Long sums are formed pairwise, so the rounding error grows like $\log n$. Booleans and bytes are counted in int32.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, sum, toNested } from "@provably/core-tensor";
 *
 * item(sum([[1, 2], [3, 4]])); // => 10
 * toNested(sum([[1, 2], [3, 4]], { axis: 0 })); // => [4, 6]
 * ```
 * @see Higham (1993), "The accuracy of floating point summation"
 * @category Reductions
 */
export function sum(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("sum", x, options, sumOver);
}

/**
 * The product $\prod_i x_i$ over the given axes; 1 for an empty axis.
 *
 * Multiplies halves pairwise, so that the derivative is right also where elements are zero, and float32 in double precision, so that
 * parts of the product do not overflow. Booleans and bytes are counted in int32.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, prod } from "@provably/core-tensor";
 *
 * item(prod([2, 3, 4])); // => 24
 * ```
 * @category Reductions
 */
export function prod(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("prod", x, options, (a, axes) =>
    convert(
      axes.reduceRight((y, axis) => prodAxis(y, axis), convert(a, productDType(a.dtype))),
      countDType(a.dtype),
    ),
  );
}

/** Products of single precision are formed in double, where parts of them do not overflow. */
export function productDType(dtype: DType): DType {
  return dtype === "float32" ? "float64" : countDType(dtype);
}

function prodAxis(x: NdArray, axis: number): NdArray {
  let y = x;
  const part = (from: number, to: number): NdArray =>
    slice(
      y,
      y.shape.map((_, i) => (i === axis ? from : 0)),
      y.shape.map((extent, i) => (i === axis ? to : extent)),
    );
  if (y.shape[axis] === 0) {
    const one = reshape(sumOver(y, [axis]), keptShape(y.shape, [axis]));
    y = sub(one, -1);
  }
  while (y.shape[axis]! > 1) {
    const n = y.shape[axis]!;
    const half = n >> 1;
    const paired = mul(part(0, half), part(half, 2 * half));
    // an odd one out joins the first pair
    y = n % 2 === 0 ? paired : mul(paired, firstTimes(part(n - 1, n), paired, axis));
  }
  return reshape(
    y,
    y.shape.filter((_, i) => i !== axis),
  );
}

/** An array like `like` that holds `x` at the first place of `axis` and ones elsewhere. */
function firstTimes(x: NdArray, like: NdArray, axis: number): NdArray {
  const n = like.shape[axis]!;
  const first = dense<DType>(
    Uint8Array.from({ length: n }, (_, i) => Number(i === 0)),
    "bool",
    like.shape.map((_, i) => (i === axis ? n : 1)),
  );
  return where(first, x, 1);
}

/**
 * Whether any element over the given axes is non-zero.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns bool array without the reduced axes; false for an empty axis
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { any, item } from "@provably/core-tensor";
 *
 * item(any([0, 2])); // => 1
 * ```
 * @category Reductions
 */
export function any(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("any", x, options, (a, axes) => notEqual(sumOver(notEqual(a, 0), axes), 0));
}

/**
 * Whether all elements over the given axes are non-zero.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns bool array without the reduced axes; true for an empty axis
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { all, item } from "@provably/core-tensor";
 *
 * item(all([1, 0])); // => 0
 * ```
 * @category Reductions
 */
export function all(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("all", x, options, (a, axes) => equal(sumOver(equal(a, 0), axes), 0));
}
