/** Draws of real numbers about a location. */
import { type Schema, anything, checkOptions } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { type Shape, checkShape } from "../array/shape.js";
import type { ArrayInput } from "../trace/input.js";
import { logGammaDraw } from "./continuous.js";
import type { RngKey } from "./key.js";
import { type RealRowOptions, ROW, checkedParameter, drawEach, spread } from "./rows.js";
import { DRAW, type Stream, floatOption } from "./stream.js";

/**
 * Options of {@link laplace}, {@link logistic} and {@link studentT}.
 * @category Draws
 */
export interface LocationScaleOptions extends RealRowOptions {
  /** Location, any shape that broadcasts to that of the draw; default 0. */
  readonly loc?: ArrayInput;
  /** Scale > 0, any shape that broadcasts to that of the draw; default 1. */
  readonly scale?: ArrayInput;
}

const LOCATION_SCALE: Schema<LocationScaleOptions> = {
  ...DRAW,
  ...ROW,
  loc: anything,
  scale: anything,
};

function located(
  fn: string,
  key: RngKey,
  shape: Shape,
  options: LocationScaleOptions,
  next: (source: Stream, at: number) => number,
): NdArray<"float32" | "float64"> {
  const { loc = 0, scale = 1, firstRow = 0 } = options;
  const locs = spread(
    fn,
    "loc",
    checkedParameter(fn, "loc", loc, "finite", Number.isFinite),
    shape,
  );
  const size = checkedParameter(fn, "scale", scale, "positive and finite", isPositive);
  const scales = spread(fn, "scale", size, shape);
  return drawEach(
    fn,
    key,
    { shape, firstRow },
    floatOption(fn, options),
    (source, at) => locs[at]! + scales[at]! * next(source, at),
  );
}

const isPositive = (x: number): boolean => x > 0 && x < Infinity;

/**
 * Laplace numbers, density $e^{-|x - \mu| / s} / (2 s)$. O(size).
 *
 * @param key - random key
 * @param shape - extents, rows first
 * @param options - see {@link LocationScaleOptions}: `loc` $\mu$, `scale` $s$, `firstRow`, `dtype`
 * @returns float array of shape `shape`
 * @throws `DomainError` when `loc` is not finite or `scale` not positive; `ShapeError` when they do not broadcast to `shape`
 * @example
 * ```ts
 * import { key, laplace } from "@provably/core-tensor/random";
 *
 * // one scale a row
 * laplace(key(0), [2, 3], { scale: [[1], [10]] }).shape; // => [2, 3]
 * ```
 * @category Draws
 */
export function laplace(key: RngKey, shape: Shape, options: LocationScaleOptions = {}): NdArray {
  checkOptions("laplace", options, LOCATION_SCALE);
  checkShape("laplace", shape);
  return located("laplace", key, shape, options, ({ uniform }) => {
    const u = 2 * uniform();
    return u < 1 ? Math.log1p(-u) : -Math.log1p(1 - u);
  });
}

/**
 * Logistic numbers, distribution function $1 / (1 + e^{-(x - \mu) / s})$. O(size).
 *
 * @param key - random key
 * @param shape - extents, rows first
 * @param options - see {@link LocationScaleOptions}: `loc` $\mu$, `scale` $s$, `firstRow`, `dtype`
 * @returns float array of shape `shape`
 * @throws `DomainError` when `loc` is not finite or `scale` not positive; `ShapeError` when they do not broadcast to `shape`
 * @example
 * ```ts
 * import { key, logistic } from "@provably/core-tensor/random";
 *
 * logistic(key(0), [3], { loc: [-10, 0, 10] }).shape; // => [3]
 * ```
 * @category Draws
 */
export function logistic(key: RngKey, shape: Shape, options: LocationScaleOptions = {}): NdArray {
  checkOptions("logistic", options, LOCATION_SCALE);
  checkShape("logistic", shape);
  return located("logistic", key, shape, options, ({ uniform }) => {
    let u = uniform();
    while (u === 0) u = uniform();
    return Math.log(u) - Math.log1p(-u);
  });
}

/**
 * Student's t numbers, density $\propto (1 + t^2 / \nu)^{-(\nu + 1) / 2}$ of $t = (x - \mu) / s$: a normal over the root of an independent
 * $\chi^2_\nu / \nu$. With few degrees of freedom a draw may lie beyond the range of `dtype` and is infinite then. O(size).
 *
 * @param key - random key
 * @param df - degrees of freedom $\nu > 0$, any shape that broadcasts to `shape`
 * @param shape - extents, rows first
 * @param options - see {@link LocationScaleOptions}: `loc` $\mu$, `scale` $s$, `firstRow`, `dtype`
 * @returns float array of shape `shape`
 * @throws `DomainError` when `df` or `scale` is not positive and finite, or `loc` not finite; `ShapeError` when one does not broadcast to `shape`
 * @example
 * ```ts
 * import { key, studentT } from "@provably/core-tensor/random";
 *
 * studentT(key(0), 4, [3], { dtype: "float64" }).dtype; // => "float64"
 * ```
 * @category Draws
 */
export function studentT(
  key: RngKey,
  df: ArrayInput,
  shape: Shape,
  options: LocationScaleOptions = {},
): NdArray {
  checkOptions("studentT", options, LOCATION_SCALE);
  checkShape("studentT", shape);
  const degrees = checkedParameter("studentT", "df", df, "positive and finite", isPositive);
  const dfs = spread("studentT", "df", degrees, shape);
  return located("studentT", key, shape, options, (source, at) => {
    const half = dfs[at]! / 2;
    return source.normal() * Math.exp(-0.5 * (logGammaDraw(half, source) - Math.log(half)));
  });
}
