/** Differences, integrals and interpolation of sampled functions. */
import {
  NONE,
  type Schema,
  anyNumber,
  anything,
  checkOptions,
  finiteNumber,
  positiveNumber,
  wholeNumber,
  within,
  extended,
} from "../check/index.js";
import { floatDType } from "../array/dtype.js";
import { DenseArray, type NdArray, rowMajorData } from "../array/ndarray.js";
import { normalizeAxes, normalizeAxis } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { convert, promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add, div, mod, mul, sub } from "./arithmetic.js";
import { maximum, minimum } from "./bounds.js";
import { broadcastTo } from "./broadcast.js";
import { greater, greaterEqual, isNan, less, where } from "./comparison.js";
import { asType } from "./create.js";
import { cumsum } from "./cumulative.js";
import { take } from "./gather.js";
import { concat } from "./join.js";
import { sum } from "./reduce.js";
import { reshape } from "./reshape.js";
import { sliceAxis } from "./slice.js";
import { argsort, searchSorted } from "./sort.js";

/**
 * Options of {@link diff}.
 * @category Calculus
 */
export interface DiffOptions {
  /** How many times; default 1. */
  readonly n?: number;
  /** The axis; default the last. */
  readonly axis?: number;
  /** What to put before the array along the axis: a number, or an array that fits. */
  readonly prepend?: ArrayInput;
  /** What to put behind the array along the axis: a number, or an array that fits. */
  readonly append?: ArrayInput;
}

const DIFF: Schema<DiffOptions> = {
  n: /* @__PURE__ */ wholeNumber(0),
  axis: anything,
  prepend: anything,
  append: anything,
};

/**
 * The differences $x_{i+1} - x_i$ of neighbours along an axis, taken `n` times.
 *
 * @param x - any shape with at least one axis
 * @param options - see {@link DiffOptions}
 * @returns array with the axis shorter by `n`; for bool whether neighbours differ
 * @throws {@link AxisError} when the axis is out of range
 * @throws {@link ShapeError} when what is put before or behind does not fit
 * @example
 * ```ts
 * import { diff, toNested } from "@provably/core-tensor";
 *
 * toNested(diff([1, 4, 9])); // => [3, 5]
 * toNested(diff([1, 4, 9], { n: 2 })); // => [2]
 * ```
 * @category Calculus
 */
export function diff(x: ArrayInput, options: DiffOptions = NONE): NdArray {
  const { n = 1, axis: along = -1, prepend, append } = checkOptions("diff", options, DIFF);
  const given = toArray("diff", x);
  const axis = normalizeAxis("diff", along, given.shape.length);
  const edge = given.shape.map((extent, i) => (i === axis ? 1 : extent));
  const beside = (part: ArrayInput, name: string): NdArray => {
    const list = toArray("diff", part, name, given.dtype);
    return list.shape.length === 0 ? broadcastTo(list, edge) : list;
  };
  return within("diff", () => {
    const parts = [
      ...(prepend === undefined ? [] : [beside(prepend, "prepend")]),
      given,
      ...(append === undefined ? [] : [beside(append, "append")]),
    ];
    let a = parts.length === 1 ? given : concat(parts, { axis });
    for (let k = 0; k < n && a.shape[axis]! > 0; k++) {
      const extent = a.shape[axis]!;
      const [right, left] = [sliceAxis(a, axis, 1, extent), sliceAxis(a, axis, 0, extent - 1)];
      a = a.dtype === "bool" ? where(left, where(right, 0, 1), right) : sub(right, left);
      if (given.dtype === "bool") a = convert(a, "bool");
    }
    return a;
  });
}

/**
 * Options of {@link finiteDifferences}.
 * @category Calculus
 */
export interface FiniteDifferenceOptions {
  /** Distance of neighbours, the same everywhere; default 1. */
  readonly spacing?: number;
  /** The axis; default every axis. */
  readonly axis?: number;
}

const FINITE: Schema<FiniteDifferenceOptions> = { spacing: positiveNumber, axis: anything };

/**
 * The slope of sampled values along each axis: $(x_{i+1} - x_{i-1})/2h$ inside, one-sided at both ends. NumPy calls it `gradient`.
 *
 * @param x - at least two samples along each axis
 * @param options - see {@link FiniteDifferenceOptions}
 * @returns a float array of the shape of `x` for each axis
 * @throws {@link ShapeError} when there is one sample only
 * @example
 * ```ts
 * import { finiteDifferences, toNested } from "@provably/core-tensor";
 *
 * const [slope] = finiteDifferences([1, 2, 5], { spacing: 1 });
 * toNested(slope!); // => [1, 2, 3]
 * ```
 * @category Calculus
 */
export function finiteDifferences(
  x: ArrayInput,
  options: FiniteDifferenceOptions = NONE,
): NdArray[] {
  const { spacing = 1, axis } = checkOptions("finiteDifferences", options, FINITE);
  const given = toArray("finiteDifferences", x);
  const a = convert(given, floatDType(given.dtype));
  return normalizeAxes("finiteDifferences", axis, a.shape.length).map((at) => {
    const n = a.shape[at]!;
    if (n < 2)
      throw new ShapeError(
        `finiteDifferences: axis ${at} must have at least two samples, got ${n}`,
      );
    const step = (from: number, to: number, back: number): NdArray =>
      div(
        sub(sliceAxis(a, at, from, to), sliceAxis(a, at, from - back, to - back)),
        back * spacing,
      );
    const inner = n > 2 ? [step(2, n, 2)] : [];
    return concat([step(1, 2, 1), ...inner, step(n - 1, n, 1)], { axis: at });
  });
}

/**
 * Options of {@link trapezoid}.
 * @category Calculus
 */
export interface TrapezoidOptions {
  /** Places of the samples: a list as long as the axis, or an array of the shape of `y`. */
  readonly x?: ArrayInput;
  /** Distance of the samples where `x` is not given; default 1. */
  readonly dx?: number;
  /** The axis; default the last. */
  readonly axis?: number;
}

const TRAPEZOID: Schema<TrapezoidOptions> = { x: anything, dx: finiteNumber, axis: anything };

/** Areas of the trapezoids between neighbours. */
function areas(
  fn: string,
  y: ArrayInput,
  options: TrapezoidOptions,
): { parts: NdArray; axis: number } {
  const { x, dx = 1, axis: along = -1 } = options;
  const given = toArray(fn, y, "y");
  const a = convert(given, floatDType(given.dtype));
  const axis = normalizeAxis(fn, along, a.shape.length);
  const n = a.shape[axis]!;
  const heights = mul(
    add(sliceAxis(a, axis, 1, n), sliceAxis(a, axis, 0, Math.max(n - 1, 0))),
    0.5,
  );
  if (x === undefined) return { parts: mul(heights, dx), axis };
  const places: NdArray = Array.isArray(x) ? asType(x, a.dtype) : toArray(fn, x, "x", a.dtype);
  const lined =
    places.shape.length === 1
      ? reshape(
          places,
          a.shape.map((_, i) => (i === axis ? places.size : 1)),
        )
      : places;
  if (lined.shape.length !== a.shape.length || lined.shape[axis] !== n)
    throw new ShapeError(
      `${fn}: x must have ${n} places along axis ${axis}, got shape [${places.shape.join(", ")}]`,
    );
  return { parts: mul(heights, diff(lined, { axis })), axis };
}

/**
 * The integral of sampled values along an axis by the trapezoidal rule, $\sum_i \frac{y_i + y_{i+1}}{2} (x_{i+1} - x_i)$.
 *
 * @param y - samples, any shape with at least one axis
 * @param options - see {@link TrapezoidOptions}
 * @returns float array without the axis
 * @throws {@link ShapeError} when the places do not fit
 * @example
 * ```ts
 * import { item, trapezoid } from "@provably/core-tensor";
 *
 * item(trapezoid([1, 2, 3], { x: [0, 1, 3] })); // => 6.5
 * ```
 * @category Calculus
 */
export function trapezoid(y: ArrayInput, options: TrapezoidOptions = NONE): NdArray {
  checkOptions("trapezoid", options, TRAPEZOID);
  return within("trapezoid", () => {
    const { parts, axis } = areas("trapezoid", y, options);
    return sum(parts, { axis });
  });
}

/**
 * The running integral of sampled values along an axis by the trapezoidal rule.
 *
 * @param y - samples, any shape with at least one axis
 * @param options - see {@link TrapezoidOptions}, and `initial`: a value to begin with, so that the result is as long as the axis
 * @returns float array with the axis shorter by one, or as long with `initial`
 * @throws {@link ShapeError} when the places do not fit
 * @example
 * ```ts
 * import { cumulativeTrapezoid, toNested } from "@provably/core-tensor";
 *
 * toNested(cumulativeTrapezoid([1, 2, 3], { initial: 0 })); // => [0, 1.5, 4]
 * ```
 * @category Calculus
 */
export function cumulativeTrapezoid(
  y: ArrayInput,
  options: TrapezoidOptions & { readonly initial?: number } = NONE,
): NdArray {
  const { initial } = checkOptions("cumulativeTrapezoid", options, CUMULATIVE);
  return within("cumulativeTrapezoid", () => {
    const { parts, axis } = areas("cumulativeTrapezoid", y, options);
    const running = cumsum(parts, { axis });
    if (initial === undefined) return running;
    const edge = parts.shape.map((extent, i) => (i === axis ? 1 : extent));
    const first = broadcastTo(
      toArray("cumulativeTrapezoid", initial, "initial", parts.dtype),
      edge,
    );
    return concat([first, running], { axis });
  });
}

const CUMULATIVE: Schema<TrapezoidOptions & { readonly initial?: number }> =
  /* @__PURE__ */ extended(TRAPEZOID, { initial: finiteNumber });

/**
 * Options of {@link interp}.
 * @category Calculus
 */
export interface InterpOptions {
  /** The value before the first place; default the first value. */
  readonly left?: number;
  /** The value behind the last place; default the last value. */
  readonly right?: number;
  /** Length after which the function repeats itself; `left` and `right` then have no meaning. */
  readonly period?: number;
}

const INTERP: Schema<InterpOptions> = { left: anyNumber, right: anyNumber, period: positiveNumber };

/**
 * The piecewise linear function through given points, at other places; constant outside them.
 *
 * Differentiable in places and values; the derivative at a knot is that of the piece on its right.
 *
 * @param x - where to look, any shape
 * @param xp - places of the points, growing, shape `[n]`; in any order with `period`
 * @param fp - values at the points, shape `[n]`
 * @param options - see {@link InterpOptions}
 * @returns float array of the shape of `x`; NaN at NaN
 * @throws {@link ShapeError} when there is no point or the lists differ in length
 * @throws {@link DomainError} when the places do not grow
 * @example
 * ```ts
 * import { interp, toNested } from "@provably/core-tensor";
 *
 * toNested(interp([0, 1.5, 9], [1, 2, 3], [10, 20, 40], { right: -1 })); // => [10, 15, -1]
 * ```
 * @category Calculus
 */
export function interp(
  x: ArrayInput,
  xp: ArrayInput,
  fp: ArrayInput,
  options: InterpOptions = NONE,
): NdArray {
  const { left, right, period } = checkOptions("interp", options, INTERP);
  const fn = "interp";
  const [at, knots] = promote(fn, x, xp, true, ["x", "xp"]);
  const [places, heights] = promote(fn, knots, fp, true, ["xp", "fp"]);
  const looked = convert(at, places.dtype);
  if (
    places.shape.length !== 1 ||
    heights.shape.length !== 1 ||
    places.size !== heights.size ||
    places.size === 0
  )
    throw new ShapeError(
      `${fn}: xp and fp must be lists of one length, at least 1, got shapes [${places.shape.join(", ")}] and [${heights.shape.join(", ")}]`,
    );
  if (period === undefined) checkGrowing(fn, places);
  return within(fn, () => {
    const flat = reshape(looked, [looked.size]);
    const y =
      period === undefined
        ? piecewise(flat, places, heights, left, right)
        : periodic(flat, places, heights, period);
    return reshape(y, looked.shape);
  });
}

function checkGrowing(fn: string, places: NdArray): void {
  if (!(places instanceof DenseArray)) return;
  const list = rowMajorData(places as DenseArray);
  for (let i = 1; i < list.length; i++)
    if (!(list[i]! >= list[i - 1]!))
      throw new DomainError(`${fn}: xp must grow, got ${list[i - 1]} before ${list[i]} at ${i}`);
}

function piecewise(
  x: NdArray,
  xp: NdArray,
  fp: NdArray,
  left: number | undefined,
  right: number | undefined,
): NdArray {
  const n = xp.size;
  const end = (list: NdArray, i: number): NdArray => reshape(sliceAxis(list, 0, i, i + 1), []);
  const [first, last] = [end(fp, 0), end(fp, n - 1)];
  // the piece to the left of the last knot also serves the knot itself
  const piece = minimum(
    maximum(sub(searchSorted(xp, x, { side: "right" }), 1), 0),
    Math.max(n - 2, 0),
  );
  const next = minimum(add(piece, 1), n - 1);
  const [x0, x1, y0, y1] = [take(xp, piece), take(xp, next), take(fp, piece), take(fp, next)];
  const width = sub(x1, x0);
  const share = div(sub(x, x0), where(greater(width, 0), width, 1));
  const inner = where(greaterEqual(x, end(xp, n - 1)), last, add(y0, mul(share, sub(y1, y0))));
  const below = where(less(x, end(xp, 0)), left ?? first, inner);
  const above = where(greater(x, end(xp, n - 1)), right ?? last, below);
  return where(isNan(x), x, above);
}

/** One period with its last point before it and its first point behind it. */
function periodic(x: NdArray, xp: NdArray, fp: NdArray, period: number): NdArray {
  const n = xp.size;
  const folded = mod(xp, period);
  const order = argsort(folded);
  const [places, heights] = [take(folded, order), take(fp, order)];
  const part = (list: NdArray, i: number): NdArray => sliceAxis(list, 0, i, i + 1);
  const wide = concat([sub(part(places, n - 1), period), places, add(part(places, 0), period)]);
  const tall = concat([part(heights, n - 1), heights, part(heights, 0)]);
  return piecewise(mod(x, period), wide, tall, undefined, undefined);
}
