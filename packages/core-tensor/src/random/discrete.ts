/** Draws of whole numbers, choices and orders. */
import {
  type Schema,
  anyList,
  check,
  checkOptions,
  show,
  trueOrFalse,
  within,
} from "../check/index.js";
import { type DType, type TypedArrayOf, allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { MAX_SIZE, type Shape, checkShape, sizeOf } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { take } from "../ops/gather.js";
import { qr } from "../linalg/qr.js";
import { type ArrayInput, toArray, toConcrete } from "../trace/input.js";
import { normal } from "./continuous.js";
import type { RngKey } from "./key.js";
import { DRAW, type DrawOptions, draw, floatOption, stream } from "./stream.js";

/**
 * Coin flips: 1 with probability `p`.
 *
 * @param key - random key
 * @param p - probability in $[0, 1]$
 * @param shape - extents
 * @returns bool array of shape `shape`
 * @throws `DomainError` when `p` is outside $[0, 1]$
 * @example
 * ```ts
 * import { bernoulli, key } from "@provably/core-tensor/random";
 *
 * bernoulli(key(0), 1, []).get(); // => 1
 * ```
 * @category Draws
 */
export function bernoulli(key: RngKey, p: number, shape: Shape): NdArray<"bool"> {
  if (!(typeof p === "number" && p >= 0 && p <= 1))
    throw new DomainError(`bernoulli: p must be in [0, 1], got ${show(p)}`);
  return draw("bernoulli", key, shape, "bool", ({ uniform }) => Number(uniform() < p));
}

/**
 * Whole numbers from `low` up to, not including, `high`, all equally likely.
 *
 * @param key - random key
 * @param low - smallest value
 * @param high - end, above `low`
 * @param shape - extents
 * @returns int32 array of shape `shape`
 * @throws `DomainError` unless both are int32 values and `low` < `high`
 * @example
 * ```ts
 * import { key, randint } from "@provably/core-tensor/random";
 *
 * randint(key(0), 5, 6, [2]).get(1); // => 5
 * ```
 * @category Draws
 */
export function randint(key: RngKey, low: number, high: number, shape: Shape): NdArray<"int32"> {
  if (
    !Number.isInteger(low) ||
    !Number.isInteger(high) ||
    low >= high ||
    low < -(2 ** 31) ||
    high > 2 ** 31
  )
    throw new DomainError(
      `randint: low and high must be 32-bit integers with low < high, got ${show(low)} and ${show(high)}`,
    );
  return draw(
    "randint",
    key,
    shape,
    "int32",
    ({ uniform }) => low + Math.floor(uniform() * (high - low)),
  );
}

/**
 * Class numbers drawn from unnormalised log-probabilities, one for each row, by inverting the distribution function.
 *
 * @param key - random key
 * @param logits - shape `[…, C]`; −Infinity for impossible classes
 * @returns int32 array of shape `[…]`
 * @throws `DomainError` when a row has no possible class or holds NaN or +Infinity
 * @example
 * ```ts
 * import { categorical, key } from "@provably/core-tensor/random";
 *
 * categorical(key(0), [-Infinity, 0]).get(); // => 1
 * ```
 * @category Draws
 */
export function categorical(key: RngKey, logits: ArrayInput): NdArray<"int32"> {
  const z = toConcrete("categorical", logits, "logits");
  const classes = z.shape[z.shape.length - 1];
  if (classes === undefined || classes === 0)
    throw new ShapeError(
      `categorical: logits must have at least one class, got shape [${z.shape.join(", ")}]`,
    );
  const data = rowMajorData(z);
  const { uniform } = stream("categorical", key);
  const out = new Int32Array(z.size / classes);
  const weights = new Float64Array(classes);
  for (let r = 0, at = 0; r < out.length; r++, at += classes) {
    let peak = -Infinity;
    for (let c = 0; c < classes; c++) peak = Math.max(peak, data[at + c]!);
    if (!Number.isFinite(peak))
      throw new DomainError(`categorical: row ${r} of logits has no finite maximum (${peak})`);
    let total = 0;
    for (let c = 0; c < classes; c++) total += weights[c] = Math.exp(data[at + c]! - peak);
    const goal = uniform() * total;
    let c = 0;
    for (let sum = weights[0]!; sum <= goal && c < classes - 1;) sum += weights[++c]!;
    while (weights[c] === 0) c--;
    out[r] = c;
  }
  return dense(out, "int32", z.shape.slice(0, -1));
}

/** The numbers 0 … n − 1 with the first `count` places shuffled: Fisher and Yates. */
function shuffled(fn: string, key: RngKey, n: number, count: number): Int32Array<ArrayBuffer> {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  const { uniform } = stream(fn, key);
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(uniform() * (n - i));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/**
 * The numbers 0 … n − 1 in random order, or the rows of an array in random order.
 *
 * @param key - random key
 * @param x - `n`, an integer ≥ 0, or an array with at least one axis
 * @returns int32 array of shape `[n]`, or an array like `x`
 * @throws `DomainError` when `x` is a number but not an integer ≥ 0
 * @example
 * ```ts
 * import { sort, toNested } from "@provably/core-tensor";
 * import { key, permutation } from "@provably/core-tensor/random";
 *
 * toNested(sort(permutation(key(0), 4))); // => [0, 1, 2, 3]
 * ```
 * @category Draws
 */
export function permutation(key: RngKey, x: number | ArrayInput): NdArray {
  if (typeof x === "number") {
    checkShape("permutation", [x], "x");
    return dense(shuffled("permutation", key, x, x), "int32", [x]);
  }
  const a = toArray("permutation", x);
  const n = a.shape[0];
  if (n === undefined)
    throw new ShapeError("permutation: x must have at least one axis, got a single number");
  return take(a, dense(shuffled("permutation", key, n, n), "int32", [n]));
}

/**
 * Options of {@link choice}.
 * @category Draws
 */
export interface ChoiceOptions {
  /** Whether one may be taken twice; default true. */
  readonly replace?: boolean;
  /**
   * Weight of each of the `n`, ≥ 0, not all 0. Without replacement each draw is in proportion to the weights of those that are left.
   * Default all equal.
   */
  readonly weights?: readonly number[];
}

const CHOICE: Schema<ChoiceOptions> = { replace: trueOrFalse, weights: anyList };

/**
 * Random members of 0 … n − 1.
 *
 * @param key - random key
 * @param n - how many there are, an integer ≥ 1
 * @param shape - extents of the draw
 * @param options - see {@link ChoiceOptions}
 * @returns int32 array of shape `shape`
 * @throws `DomainError` when more are asked for than there are, or the weights are not usable
 * @example
 * ```ts
 * import { sort, toNested } from "@provably/core-tensor";
 * import { choice, key } from "@provably/core-tensor/random";
 *
 * toNested(sort(choice(key(0), 3, [3], { replace: false }))); // => [0, 1, 2]
 * ```
 * @category Draws
 */
export function choice(
  key: RngKey,
  n: number,
  shape: Shape,
  options: ChoiceOptions = {},
): NdArray<"int32"> {
  checkShape("choice", shape);
  if (!Number.isInteger(n) || n < 1 || n > MAX_SIZE)
    throw new DomainError(`choice: n must be an integer from 1 to 2^31 - 1, got ${show(n)}`);
  const { replace = true, weights } = checkOptions("choice", options, CHOICE);
  const size = sizeOf(shape);
  if (!replace && size > n)
    throw new DomainError(`choice: ${size} draws without replacement from ${n}`);
  if (weights === undefined) {
    if (replace) return within("choice", () => randint(key, 0, n, shape));
    return dense(shuffled("choice", key, n, size).slice(0, size), "int32", [...shape]);
  }
  if (
    check("choice", "weights", weights, anyList).length !== n ||
    !weights.every((w) => Number.isFinite(w) && w >= 0)
  )
    throw new DomainError(`choice: weights must be ${n} finite numbers ≥ 0, got ${show(weights)}`);
  if (!replace) return dense(race(key, weights, size), "int32", [...shape]);
  let total = 0;
  const ends = Float64Array.from(weights, (w) => (total += w));
  if (!(total > 0 && total < Infinity))
    throw new DomainError(
      `choice: weights must not all be 0 and their sum must be finite, got ${show(total)}`,
    );
  return draw("choice", key, shape, "int32", ({ uniform }) => firstAbove(ends, uniform() * total));
}

/**
 * The first `count` to arrive when each travels for an exponential time at the rate of its weight: every next one is in proportion to the weights
 * of those that are still on the way (Efraimidis, Spirakis 2006). Times are compared by their logarithms, which do not overflow.
 */
function race(key: RngKey, weights: readonly number[], count: number): Int32Array<ArrayBuffer> {
  const { uniform } = stream("choice", key);
  const times = Float64Array.from(weights, (w) => Math.log(-Math.log1p(-uniform())) - Math.log(w));
  const runners = Int32Array.from(weights.keys()).filter((i) => weights[i]! > 0);
  if (count > runners.length)
    throw new DomainError(
      `choice: ${count} draws without replacement from ${runners.length} positive weights`,
    );
  return runners
    .sort((i, j) => (times[i]! < times[j]! ? -1 : times[i]! > times[j]! ? 1 : i - j))
    .slice(0, count);
}

/** Place of the first entry of a growing list that is greater than `goal`; the first of the greatest when rounding leaves none. */
function firstAbove(ends: Float64Array, goal: number): number {
  const last = ends[ends.length - 1]!;
  let [from, to] = [0, ends.length - 1];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (ends[middle]! > goal || ends[middle] === last) to = middle;
    else from = middle + 1;
  }
  return from;
}

/**
 * A random matrix with orthonormal columns (rows, when there are fewer rows), uniform over all such matrices.
 *
 * @param key - random key
 * @param shape - `[n, m]`
 * @param options - see {@link DrawOptions}
 * @returns float array of shape `[n, m]`
 * @throws `ShapeError` when `shape` does not name two axes
 * @example
 * ```ts
 * import { allClose, eye, matmul } from "@provably/core-tensor";
 * import { key, orthogonal } from "@provably/core-tensor/random";
 *
 * const q = orthogonal(key(0), [3, 3], { dtype: "float64" });
 * allClose(matmul(q.T, q), eye(3), { absoluteTolerance: 1e-12 }); // => true
 * ```
 * @see Stewart (1980), "The efficient generation of random orthogonal matrices"
 * @category Draws
 */
export function orthogonal(key: RngKey, shape: Shape, options: DrawOptions = {}): NdArray {
  checkOptions("orthogonal", options, DRAW);
  checkShape("orthogonal", shape);
  const [n, m] = shape;
  if (n === undefined || m === undefined || shape.length !== 2)
    throw new ShapeError(`orthogonal: shape must be [n, m], got ${show(shape)}`);
  const dtype = floatOption("orthogonal", options);
  const tall = within("orthogonal", () =>
    normal(key, n >= m ? [n, m] : [m, n], { dtype: "float64" }),
  );
  const q = toConcrete("orthogonal", qr(tall).q);
  const oriented = n >= m ? q : q.T;
  const data: TypedArrayOf[DType] = allocate(dtype, n * m);
  data.set(rowMajorData(oriented));
  return dense<DType>(data, dtype, [n, m]);
}
