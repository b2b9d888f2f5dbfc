/** Quantiles along axes, by the definitions that are in use. */
import {
  NONE,
  type Schema,
  anything,
  checkOptions,
  oneOf,
  show,
  trueOrFalse,
} from "../check/index.js";
import { floatDType } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { type Axis, formatShape, normalizeAxes, sizeOf } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add, mul, sub } from "./arithmetic.js";
import { maximum } from "./bounds.js";
import { isNan, logicalNot, where } from "./comparison.js";
import { takeAlongAxis } from "./gather.js";
import { stack } from "./join.js";
import { REDUCE, type ReduceOptions, keptShape, sum } from "./reduce.js";
import { reshape, squeeze, transpose } from "./reshape.js";
import { ceil, floor } from "./rounding.js";
import { sliceAxis } from "./slice.js";
import { sort } from "./sort.js";

/**
 * Definition of a quantile between two elements: NumPy's thirteen, which contain the nine of Hyndman and Fan.
 * @category Sorting
 */
export type QuantileMethod =
  | "linear"
  | "lower"
  | "higher"
  | "nearest"
  | "midpoint"
  | "invertedCdf"
  | "averagedInvertedCdf"
  | "closestObservation"
  | "interpolatedInvertedCdf"
  | "hazen"
  | "weibull"
  | "medianUnbiased"
  | "normalUnbiased";

/**
 * Options of {@link quantile}.
 * @category Sorting
 */
export interface QuantileOptions {
  /** Axes to reduce; default all. */
  readonly axis?: Axis;
  /** Keep reduced axes with extent 1; default false. */
  readonly keepDims?: boolean;
  /** What to do between two elements; default `linear`. */
  readonly method?: QuantileMethod;
}

const QUANTILE: Schema<QuantileOptions> = {
  axis: anything,
  keepDims: trueOrFalse,
  method: /* @__PURE__ */ oneOf(
    "linear",
    "lower",
    "higher",
    "nearest",
    "midpoint",
    "invertedCdf",
    "averagedInvertedCdf",
    "closestObservation",
    "interpolatedInvertedCdf",
    "hazen",
    "weibull",
    "medianUnbiased",
    "normalUnbiased",
  ),
};

/** Constants α, β of the definitions with a continuous position $nq + α + q(1 − α − β) − 1$. */
const CONTINUOUS: Readonly<Partial<Record<QuantileMethod, readonly [number, number]>>> = {
  interpolatedInvertedCdf: [0, 1],
  hazen: [0.5, 0.5],
  weibull: [0, 0],
  medianUnbiased: [0.3333333333333333, 0.3333333333333333],
  normalUnbiased: [0.375, 0.375],
};

/** Where the quantile sits among n sorted elements: the element below, and the weight of the next. */
function position(method: QuantileMethod, n: number, q: number): readonly [number, number] {
  const plain = q * (n - 1);
  const low = Math.floor(plain);
  const fraction = plain - low;
  const ends = CONTINUOUS[method];
  if (ends !== undefined) {
    const at = n * q + (ends[0] + q * (1 - ends[0] - ends[1])) - 1;
    const inside = Math.min(Math.max(at, 0), n - 1);
    return [Math.floor(inside), inside - Math.floor(inside)];
  }
  switch (method) {
    case "lower":
      return [low, 0];
    case "higher":
      return [Math.ceil(plain), 0];
    case "midpoint":
      return [low, fraction === 0 ? 0 : 0.5];
    case "nearest":
      return [low, fraction < 0.5 || (fraction === 0.5 && low % 2 === 0) ? 0 : 1];
    case "invertedCdf":
      return discrete(n, n * q - 1, (part) => Number(part > 0));
    case "averagedInvertedCdf":
      return discrete(n, n * q - 1, (part) => (part > 0 ? 1 : 0.5));
    case "closestObservation":
      return discrete(n, n * q - 1.5, (part, at) =>
        Number(!(part === 0 && Math.abs(at % 2) === 1)),
      );
    default:
      return [low, fraction];
  }
}

function discrete(
  n: number,
  at: number,
  weight: (part: number, low: number) => number,
): readonly [number, number] {
  const low = Math.floor(at);
  const share = weight(at - low, low);
  if (low < 0) return [0, 0];
  return low >= n - 1 ? [n - 1, 0] : [low, share];
}

/** The lines along several axes, as the last axis of an array. */
function linesOf(
  fn: string,
  input: ArrayInput,
  axis: Axis | undefined,
): { lines: NdArray; rest: number[]; kept: number[] } {
  const given = toArray(fn, input);
  const a = convert(given, floatDType(given.dtype));
  const axes = normalizeAxes(fn, axis, a.shape.length);
  const others = a.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const rest = others.map((i) => a.shape[i]!);
  const n = sizeOf(axes.map((i) => a.shape[i]!));
  if (n === 0)
    throw new ShapeError(`${fn}: axis ${axes.join(", ")} is empty (shape ${formatShape(a.shape)})`);
  const lines = reshape(transpose(a, [...others, ...axes]), [...rest, n]);
  return { lines, rest, kept: keptShape(a.shape, axes) };
}

/** The fractions, checked, and whether there was a list of them. */
function fractions(fn: string, q: number | readonly number[]): readonly number[] {
  const list = typeof q === "number" ? [q] : q;
  if (!Array.isArray(list) || list.length === 0)
    throw new DomainError(`${fn}: q must be a number or a list of numbers, got ${show(q)}`);
  for (const value of list as readonly number[])
    if (!(typeof value === "number" && value >= 0 && value <= 1))
      throw new DomainError(`${fn}: q must be in [0, 1], got ${show(value)}`);
  return list as readonly number[];
}

/**
 * The values below which fractions `q` of the elements over the given axes lie; NaN where an element is NaN.
 *
 * With the n elements sorted the quantile sits at position $q(n - 1)$, between two of them in general; `method` names other definitions.
 *
 * @param x - any shape
 * @param q - fraction in $[0, 1]$, or a list of them
 * @param options - see {@link QuantileOptions}
 * @returns float array without the axes; a list of fractions makes a new first axis
 * @throws {@link DomainError} when `q` is outside $[0, 1]$
 * @throws {@link ShapeError} when there is no element
 * @example
 * ```ts
 * import { item, quantile, toNested } from "@provably/core-tensor";
 *
 * item(quantile([1, 2, 3, 4], 0.5)); // => 2.5
 * toNested(quantile([1, 2, 3, 4], [0, 0.5], { method: "lower" })); // => [1, 2]
 * ```
 * @see Hyndman, Fan (1996), "Sample quantiles in statistical packages"
 * @category Sorting
 */
export function quantile(
  x: ArrayInput,
  q: number | readonly number[],
  options: QuantileOptions = NONE,
): NdArray {
  const { axis, method = "linear", keepDims = false } = checkOptions("quantile", options, QUANTILE);
  return quantileAlong("quantile", x, q, axis, method, keepDims);
}

function quantileAlong(
  fn: string,
  x: ArrayInput,
  q: number | readonly number[],
  along: Axis | undefined,
  method: QuantileMethod,
  keepDims: boolean,
): NdArray {
  const list = fractions(fn, q);
  const { lines, rest, kept } = linesOf(fn, x, along);
  const axis = rest.length;
  const n = lines.shape[axis]!;
  const sorted = sort(lines, { axis });
  const part = (i: number): NdArray => squeeze(sliceAxis(sorted, axis, i, i + 1), axis);
  // NaN sorts last, so the last element tells whether there is one
  const last = part(n - 1);
  const values = list.map((fraction) => {
    const [low, share] = position(method, n, fraction);
    const value =
      share === 0
        ? part(low)
        : share === 1
          ? part(low + 1)
          : add(mul(1 - share, part(low)), mul(share, part(low + 1)));
    const y = where(isNan(last), last, value);
    return keepDims ? reshape(y, kept) : y;
  });
  return typeof q === "number" ? values[0]! : stack(values, { axis: 0 });
}

/**
 * The middle value over the given axes; the mean of the two middle ones for an even count; NaN where an element is NaN.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns float array without the axes
 * @throws {@link ShapeError} when there is no element
 * @example
 * ```ts
 * import { item, median } from "@provably/core-tensor";
 *
 * item(median([3, 1, 2])); // => 2
 * ```
 * @category Sorting
 */
export function median(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  const { axis, keepDims = false } = checkOptions("median", options, REDUCE);
  return quantileAlong("median", x, 0.5, axis, "linear", keepDims);
}

function nanQuantileAlong(
  fn: string,
  x: ArrayInput,
  q: number | readonly number[],
  options: ReduceOptions,
): NdArray {
  const { axis: along, keepDims = false } = checkOptions(fn, options, REDUCE);
  const list = fractions(fn, q);
  const { lines, rest, kept } = linesOf(fn, x, along);
  const axis = rest.length;
  const sorted = sort(lines, { axis });
  // NaN sorts last, so the first elements are the numbers
  const count = sum(convert(logicalNot(isNan(lines)), lines.dtype), { axis, keepDims: true });
  const values = list.map((fraction) => {
    const at = maximum(mul(sub(count, 1), fraction), 0);
    const low = floor(at);
    const share = sub(at, low);
    const below = takeAlongAxis(sorted, convert(low, "int32"), { axis });
    const above = takeAlongAxis(sorted, convert(ceil(at), "int32"), { axis });
    const y = add(mul(sub(1, share), below), mul(share, above));
    return keepDims ? reshape(y, kept) : squeeze(y, axis);
  });
  return typeof q === "number" ? values[0]! : stack(values, { axis: 0 });
}

/**
 * The quantiles over the given axes of the elements that are numbers; NaN where there is none.
 *
 * @param x - any shape
 * @param q - fraction in $[0, 1]$, or a list of them
 * @param options - see {@link ReduceOptions}
 * @returns float array without the axes; a list of fractions makes a new first axis
 * @throws {@link DomainError} when `q` is outside $[0, 1]$
 * @example
 * ```ts
 * import { item, nanQuantile } from "@provably/core-tensor";
 *
 * item(nanQuantile([1, NaN, 3], 0.25, { axis: 0 })); // => 1.5
 * ```
 * @category Sorting
 */
export function nanQuantile(
  x: ArrayInput,
  q: number | readonly number[],
  options: ReduceOptions = NONE,
): NdArray {
  return nanQuantileAlong("nanQuantile", x, q, options);
}

/**
 * The middle value over the given axes of the elements that are numbers; NaN where there is none.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns float array without the axes
 * @example
 * ```ts
 * import { item, nanMedian } from "@provably/core-tensor";
 *
 * item(nanMedian([5, NaN, 3, 4], { axis: 0 })); // => 4
 * ```
 * @category Sorting
 */
export function nanMedian(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return nanQuantileAlong("nanMedian", x, 0.5, options);
}
