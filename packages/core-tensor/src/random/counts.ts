/** Draws of counts. */
import { checkOptions } from "../check/index.js";
import { type NdArray, rowMajorData } from "../array/ndarray.js";
import { type Shape, checkShape, formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import type { ArrayInput } from "../trace/input.js";
import { binomialDraw, poissonDraw } from "./count-samplers.js";
import type { RngKey } from "./key.js";
import { ROW, type RowOptions, checkedParameter, drawEach, drawRows, spread } from "./rows.js";

/** Draws above this mean could leave the 32-bit integers. */
const LARGEST_RATE = 1e9;
/** Draws below this probability could leave the 32-bit integers. */
const LEAST_PROBABILITY = 2e-8;
/** How far the probabilities of a multinomial may be from summing to 1: those of float32 are rounded. */
const SUM_TOLERANCE = 1e-5;

const isProbability = (p: number): boolean => p >= 0 && p <= 1;
const isCount = (n: number): boolean => Number.isInteger(n) && n >= 0 && n < 2 ** 31;
const COUNT = "an integer from 0 to 2^31 - 1";

/**
 * Poisson counts, probability $\lambda^k e^{-\lambda} / k!$. O(size), whatever the rate.
 *
 * @param key - random key
 * @param rate - mean $\lambda$ from 0 to 10⁹, any shape that broadcasts to `shape`
 * @param shape - extents, rows first
 * @param options - see {@link RowOptions}
 * @returns int32 array of shape `shape`
 * @throws `DomainError` when `rate` is out of range; `ShapeError` when it does not broadcast to `shape`
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { key, poisson } from "@provably/core-tensor/random";
 *
 * toNested(poisson(key(0), [0, 0], [2])); // => [0, 0]
 * ```
 * @see Hörmann (1993), "The transformed rejection method for generating Poisson random variables"
 * @category Draws
 */
export function poisson(
  key: RngKey,
  rate: ArrayInput,
  shape: Shape,
  options: RowOptions = {},
): NdArray<"int32"> {
  const { firstRow = 0 } = checkOptions("poisson", options, ROW);
  checkShape("poisson", shape);
  const fits = (x: number): boolean => x >= 0 && x <= LARGEST_RATE;
  const given = checkedParameter("poisson", "rate", rate, "in [0, 1e9]", fits);
  const rates = spread("poisson", "rate", given, shape);
  return drawEach("poisson", key, { shape, firstRow }, "int32", (source, at) =>
    poissonDraw(rates[at]!, source),
  );
}

/**
 * Binomial counts: how many of `n` trials succeed, probability $\binom n k p^k (1 - p)^{n - k}$. O(size), whatever `n`.
 *
 * @param key - random key
 * @param n - number of trials, integers ≥ 0, any shape that broadcasts to `shape`
 * @param p - probability of success in $[0, 1]$, any shape that broadcasts to `shape`
 * @param shape - extents, rows first
 * @param options - see {@link RowOptions}
 * @returns int32 array of shape `shape`
 * @throws `DomainError` when `n` or `p` is out of range; `ShapeError` when one does not broadcast to `shape`
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { binomial, key } from "@provably/core-tensor/random";
 *
 * toNested(binomial(key(0), 7, [0, 1], [2])); // => [0, 7]
 * ```
 * @see Hörmann (1993), "The generation of binomial random variates"
 * @category Draws
 */
export function binomial(
  key: RngKey,
  n: ArrayInput,
  p: ArrayInput,
  shape: Shape,
  options: RowOptions = {},
): NdArray<"int32"> {
  const fn = "binomial";
  const { firstRow = 0 } = checkOptions(fn, options, ROW);
  checkShape(fn, shape);
  const ns = spread(fn, "n", checkedParameter(fn, "n", n, COUNT, isCount), shape);
  const ps = spread(fn, "p", checkedParameter(fn, "p", p, "in [0, 1]", isProbability), shape);
  return drawEach(fn, key, { shape, firstRow }, "int32", (source, at) =>
    binomialDraw(ns[at]!, ps[at]!, source),
  );
}

/**
 * Geometric counts: the number of the first trial that succeeds, probability $p (1 - p)^{k - 1}$, $k \ge 1$. O(size).
 *
 * @param key - random key
 * @param p - probability of success, from 2 · 10⁻⁸ (below it counts could exceed int32) to 1, any shape that broadcasts to `shape`
 * @param shape - extents, rows first
 * @param options - see {@link RowOptions}
 * @returns int32 array of shape `shape`, ≥ 1
 * @throws `DomainError` when `p` is out of range; `ShapeError` when it does not broadcast to `shape`
 * @example
 * ```ts
 * import { geometric, key } from "@provably/core-tensor/random";
 *
 * geometric(key(0), 1, []).get(); // => 1
 * ```
 * @category Draws
 */
export function geometric(
  key: RngKey,
  p: ArrayInput,
  shape: Shape,
  options: RowOptions = {},
): NdArray<"int32"> {
  const { firstRow = 0 } = checkOptions("geometric", options, ROW);
  checkShape("geometric", shape);
  const fits = (x: number): boolean => x >= LEAST_PROBABILITY && x <= 1;
  const ps = spread(
    "geometric",
    "p",
    checkedParameter("geometric", "p", p, "in [2e-8, 1]", fits),
    shape,
  );
  return drawEach(
    "geometric",
    key,
    { shape, firstRow },
    "int32",
    ({ uniform }, at) => 1 + Math.floor(Math.log1p(-uniform()) / Math.log1p(-ps[at]!)),
  );
}

/**
 * Multinomial counts: how often each of `c` classes comes up in `n` trials. Each class is binomial among the trials that are left. O(size).
 *
 * @param key - random key
 * @param n - number of trials, integers ≥ 0, any shape that broadcasts to `shape`
 * @param p - probabilities of the classes along the last axis, `[…, c]`, of which the axes before broadcast to `shape`; they sum to 1 within 10⁻⁵
 * @param shape - extents of the batch, rows first; default `[]`
 * @param options - see {@link RowOptions}
 * @returns int32 array of shape `[…shape, c]`, summing to `n` over the last axis
 * @throws `DomainError` when `n` or `p` is out of range or probabilities do not sum to 1; `ShapeError` when one does not broadcast
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { key, multinomial } from "@provably/core-tensor/random";
 *
 * toNested(multinomial(key(0), 5, [0, 1, 0])); // => [0, 5, 0]
 * ```
 * @category Draws
 */
export function multinomial(
  key: RngKey,
  n: ArrayInput,
  p: ArrayInput,
  shape: Shape = [],
  options: RowOptions = {},
): NdArray<"int32"> {
  const fn = "multinomial";
  const { firstRow = 0 } = checkOptions(fn, options, ROW);
  checkShape(fn, shape);
  const ns = spread(fn, "n", checkedParameter(fn, "n", n, COUNT, isCount), shape);
  const given = checkedParameter(fn, "p", p, "in [0, 1]", isProbability);
  const classes = given.shape.at(-1);
  if (classes === undefined || classes === 0)
    throw new ShapeError(
      `${fn}: p must have at least one class, got shape ${formatShape(given.shape)}`,
    );
  checkSums(rowMajorData(given as never), classes);
  const ps = spread(fn, "p", given, [...shape, classes]);
  const left = new Float64Array(classes);
  return drawRows(fn, key, { shape, tail: [classes], firstRow }, "int32", (source, at, out) => {
    const first = at * classes;
    for (let c = classes - 1, sum = 0; c >= 0; c--) left[c] = sum += ps[first + c]!;
    for (let c = 0, trials = ns[at]!; c < classes && trials > 0; c++) {
      // exactly 1 for the last class that is possible
      const share = ps[first + c]! === 0 ? 0 : ps[first + c]! / left[c]!;
      trials -= out[first + c] = binomialDraw(trials, share, source);
    }
  });
}

function checkSums(p: ArrayLike<number>, classes: number): void {
  for (let at = 0; at < p.length; at += classes) {
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += p[at + c]!;
    if (!(Math.abs(sum - 1) <= SUM_TOLERANCE))
      throw new DomainError(
        `multinomial: p must sum to 1 over the last axis, got ${sum} in row ${at / classes}`,
      );
  }
}
