/** Reductions: one number from all elements along some axes. */
import { checkRecord, show } from "../check.js";
import { type DType, allocate, floatDType } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { type Axis, isRowMajor, normalizeAxes, normalizeAxis, sizeOf } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type Reducer, argmaxReducer, argminReducer, maxReducer, minReducer, reduceAxes } from "../exec/js/reduce.js";
import { reduceAxes as reduceSimd } from "../exec/wasm/index.js";
import { bindOne } from "../trace/bind.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { abs, div, mul, square, sub } from "./arithmetic.js";
import { broadcastTo, sumOver } from "./broadcast.js";
import { equal, notEqual, where } from "./comparison.js";
import { sqrt } from "./exponential.js";
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

/** The work common to reductions: axes checked, result reshaped when they are to be kept. */
export function reduceWith(fn: string, input: ArrayInput, options: ReduceOptions, reduce: (x: NdArray, axes: readonly number[]) => NdArray): NdArray {
  const x = toArray(fn, input);
  const axes = normalizeAxes(fn, checkRecord(fn, "options", options).axis, x.shape.length);
  const y = reduce(x, axes);
  return options.keepDims ? reshape(y, keptShape(x.shape, axes)) : y;
}

function keptShape(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((extent, i) => (axes.includes(i) ? 1 : extent));
}

function countOver(shape: readonly number[], axes: readonly number[]): number {
  return axes.reduce((n, axis) => n * shape[axis]!, 1);
}

function toFloat(x: NdArray): NdArray {
  return convert(x, floatDType(x.dtype));
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
export function sum(x: ArrayInput, options: ReduceOptions = {}): NdArray {
  return reduceWith("sum", x, options, sumOver);
}

/**
 * The arithmetic mean $\frac1n \sum_i x_i$ over the given axes; NaN for an empty axis.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns float array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, mean } from "@provably/core-tensor";
 *
 * item(mean([1, 2, 6])); // => 3
 * ```
 * @category Reductions
 */
export function mean(x: ArrayInput, options: ReduceOptions = {}): NdArray {
  return reduceWith("mean", x, options, (a, axes) => div(sumOver(toFloat(a), axes), countOver(a.shape, axes)));
}

/**
 * Options of {@link variance} and {@link std}.
 * @category Reductions
 */
export interface VarianceOptions extends ReduceOptions {
  /** Subtracted from the count in the divisor: 0 for the population (the default), 1 for the unbiased estimate. */
  readonly correction?: number;
}

/**
 * The variance $\frac{1}{n - c}\sum_i (x_i - \bar x)^2$ over the given axes, in two passes.
 *
 * @param x - any shape
 * @param options - see {@link VarianceOptions}
 * @returns float array without the reduced axes; NaN where nothing is left to divide by
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, variance } from "@provably/core-tensor";
 *
 * item(variance([1, 2, 3, 4])); // => 1.25
 * ```
 * @category Reductions
 */
export function variance(x: ArrayInput, options: VarianceOptions = {}): NdArray {
  const { correction = 0 } = checkRecord("variance", "options", options);
  if (!Number.isFinite(correction)) throw new DomainError(`variance: correction must be finite, got ${show(correction)}`);
  return reduceWith("variance", x, options, (a, axes) => {
    const centred = sub(a, mean(a, { axis: axes, keepDims: true }));
    return div(sumOver(square(centred), axes), countOver(a.shape, axes) - correction);
  });
}

/**
 * The standard deviation: the square root of the {@link variance}.
 *
 * @param x - any shape
 * @param options - see {@link VarianceOptions}
 * @returns float array without the reduced axes; NaN where nothing is left to divide by
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, std } from "@provably/core-tensor";
 *
 * item(std([1, 3])); // => 1
 * ```
 * @category Reductions
 */
export function std(x: ArrayInput, options: VarianceOptions = {}): NdArray {
  return sqrt(variance(x, options));
}

/**
 * The product $\prod_i x_i$ over the given axes; 1 for an empty axis.
 *
 * Multiplies halves pairwise, so that the derivative is right also where elements are zero.
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
export function prod(x: ArrayInput, options: ReduceOptions = {}): NdArray {
  return reduceWith("prod", x, options, (a, axes) => axes.reduceRight((y, axis) => prodAxis(y, axis), a));
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

/** Extremum over axes; the derivative is shared equally among the elements that attain it. */
function extremum(name: "max" | "min", reducer: Reducer): Primitive<{ readonly axes: readonly number[] }> {
  const primitive: Primitive<{ readonly axes: readonly number[] }> = {
    name,
    shape([x], { axes }) {
      if (axes.some((axis) => x!.shape[axis] === 0)) throw new ShapeError(`${name}: an empty axis has no ${name} (shape [${x!.shape.join(", ")}])`);
      return [{ shape: x!.shape.filter((_, i) => !axes.includes(i)), dtype: x!.dtype }];
    },
    wasm([x], { axes }, [out]) {
      if (!isRowMajor(x!.shape, x!.stride)) return undefined;
      const data = reduceSimd(name, rowMajorData(x!), x!.shape, axes);
      return data && [dense<DType>(data, out!.dtype, out!.shape)];
    },
    evaluate([x], { axes }, [out]) {
      const data = allocate(out!.dtype, sizeOf(out!.shape));
      reduceAxes(x!, axes, data, reducer);
      return [dense<DType>(data, out!.dtype, out!.shape)];
    },
    derivative: {
      kind: "rules",
      jvp({ inputs: [x], outputs: [y], tangents: [t], attrs: { axes } }) {
        const weights = share(x!, y!, axes);
        return [t && sumOver(mul(t, weights), axes)];
      },
      vjp({ inputs: [x], outputs: [y], cotangents: [ct], attrs: { axes } }) {
        return [ct && mul(broadcastTo(reshape(ct, keptShape(x!.shape, axes)), x!.shape), share(x!, y!, axes))];
      },
    },
    batching: { kind: "rule", rule: ([x], _batched, { axes }) => [bindOne(primitive, [x!], { axes: axes.map((a) => a + 1) })] },
  };
  return primitive;
}

/** 1/k at each of the k elements of `x` that equal the extremum `y`, 0 elsewhere. */
function share(x: NdArray, y: NdArray, axes: readonly number[]): NdArray {
  const hit = convert(equal(x, reshape(y, keptShape(x.shape, axes))), x.dtype);
  return div(hit, reshape(sumOver(hit, axes), keptShape(x.shape, axes)));
}

const maxPrimitive = extremum("max", maxReducer);
const minPrimitive = extremum("min", minReducer);

/**
 * The greatest element over the given axes; NaN wins. Ties share the derivative equally. For two arrays see {@link maximum}.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link ShapeError} when a reduced axis is empty
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, max } from "@provably/core-tensor";
 *
 * item(max([1, 5, 3])); // => 5
 * ```
 * @category Reductions
 */
export function max(x: ArrayInput, options: ReduceOptions = {}): NdArray {
  return reduceWith("max", x, options, (a, axes) => bindOne(maxPrimitive, [a], { axes }));
}

/**
 * The smallest element over the given axes; NaN wins. Ties share the derivative equally. For two arrays see {@link minimum}.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link ShapeError} when a reduced axis is empty
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, min } from "@provably/core-tensor";
 *
 * item(min([4, 2, 3])); // => 2
 * ```
 * @category Reductions
 */
export function min(x: ArrayInput, options: ReduceOptions = {}): NdArray {
  return reduceWith("min", x, options, (a, axes) => bindOne(minPrimitive, [a], { axes }));
}

/** Place of an extremum along one axis. */
function place(name: string, reducer: Reducer): Primitive<{ readonly axis: number }> {
  const primitive: Primitive<{ readonly axis: number }> = {
    name,
    shape([x], { axis }) {
      if (x!.shape[axis] === 0) throw new ShapeError(`${name}: axis ${axis} is empty (shape [${x!.shape.join(", ")}])`);
      return [{ shape: x!.shape.filter((_, i) => i !== axis), dtype: "int32" }];
    },
    evaluate([x], { axis }, [out]) {
      const data = new Int32Array(sizeOf(out!.shape));
      reduceAxes(x!, [axis], data, reducer);
      return [dense(data, "int32", out!.shape)];
    },
    derivative: { kind: "none" },
    batching: { kind: "rule", rule: ([x], _batched, { axis }) => [bindOne(primitive, [x!], { axis: axis + 1 })] },
  };
  return primitive;
}

/**
 * Options of {@link argmax} and {@link argmin}.
 * @category Reductions
 */
export interface ArgOptions {
  /** The axis to search along; default the whole array in row-major order. */
  readonly axis?: number;
}

function argWith(primitive: Primitive<{ readonly axis: number }>, input: ArrayInput, options: ArgOptions): NdArray {
  const { axis } = checkRecord(primitive.name, "options", options);
  const x = toArray(primitive.name, input);
  if (axis === undefined) return bindOne(primitive, [reshape(x, [x.size])], { axis: 0 });
  return bindOne(primitive, [x], { axis: normalizeAxis(primitive.name, axis, x.shape.length) });
}

const argmaxPrimitive = place("argmax", argmaxReducer);
const argminPrimitive = place("argmin", argminReducer);

/**
 * The place of the first greatest element along an axis; the first NaN where there is one.
 *
 * @param x - any shape
 * @param options - see {@link ArgOptions}
 * @returns int32 array without that axis
 * @throws {@link ShapeError} when the axis is empty
 * @example
 * ```ts
 * import { argmax, item } from "@provably/core-tensor";
 *
 * item(argmax([1, 5, 3])); // => 1
 * ```
 * @category Reductions
 */
export function argmax(x: ArrayInput, options: ArgOptions = {}): NdArray {
  return argWith(argmaxPrimitive, x, options);
}

/**
 * The place of the first smallest element along an axis; the first NaN where there is one.
 *
 * @param x - any shape
 * @param options - see {@link ArgOptions}
 * @returns int32 array without that axis
 * @throws {@link ShapeError} when the axis is empty
 * @example
 * ```ts
 * import { argmin, item } from "@provably/core-tensor";
 *
 * item(argmin([4, 2, 3])); // => 1
 * ```
 * @category Reductions
 */
export function argmin(x: ArrayInput, options: ArgOptions = {}): NdArray {
  return argWith(argminPrimitive, x, options);
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
export function any(x: ArrayInput, options: ReduceOptions = {}): NdArray {
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
export function all(x: ArrayInput, options: ReduceOptions = {}): NdArray {
  return reduceWith("all", x, options, (a, axes) => equal(sumOver(equal(a, 0), axes), 0));
}

/**
 * Options of {@link norm}.
 * @category Reductions
 */
export interface NormOptions extends ReduceOptions {
  /** 2 for the Euclidean norm (the default), 1 for the sum of magnitudes, Infinity for the greatest magnitude. */
  readonly ord?: number;
}

/**
 * The norm of the elements over the given axes, as of one vector: $\|x\|_2$, $\|x\|_1$ or $\|x\|_\infty$. The derivative at 0 is 0.
 *
 * @param x - any shape
 * @param options - see {@link NormOptions}
 * @returns float array without the reduced axes
 * @throws {@link DomainError} for another `ord`
 * @example
 * ```ts
 * import { item, norm } from "@provably/core-tensor";
 *
 * item(norm([3, 4])); // => 5
 * ```
 * @category Reductions
 */
export function norm(x: ArrayInput, options: NormOptions = {}): NdArray {
  const { ord = 2 } = checkRecord("norm", "options", options);
  if (ord !== 1 && ord !== 2 && ord !== Infinity) throw new DomainError(`norm: ord must be 1, 2 or Infinity, got ${show(ord)}`);
  const a = toFloat(toArray("norm", x));
  if (ord === Infinity) return max(abs(a), options);
  if (ord === 1) return sum(abs(a), options);
  const squares = sum(square(a), options);
  const atOrigin = equal(squares, 0);
  return where(atOrigin, 0, sqrt(where(atOrigin, 1, squares)));
}
