/** Draws of real numbers. */
import {
  type Schema,
  anyList,
  anyNumber,
  check,
  checkOptions,
  finiteNumber,
  nonNegativeNumber,
  satisfying,
  show,
  wholeNumber,
} from "../check/index.js";
import { allocate } from "../array/dtype.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { type Shape, checkShape, checkSize, sizeOf } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { ndtr, ndtri } from "../exec/js/special.js";
import type { RngKey } from "./key.js";
import {
  DRAW,
  type DrawOptions,
  type Stream,
  draw,
  floatOption,
  stream,
  streamBits,
} from "./stream.js";
import { threefry2x32, threefryKey } from "./threefry.js";
import { type Bits, ziggurat } from "./ziggurat.js";

const ROWS_TAG = 0x726f7773;

type Between = DrawOptions & { readonly low?: number; readonly high?: number };

const UNIFORM: Schema<Between> = { ...DRAW, low: finiteNumber, high: finiteNumber };

/**
 * Uniform numbers in $[a, b)$.
 *
 * @param key - random key
 * @param shape - extents
 * @param options - see {@link DrawOptions}; `low` $a$, default 0; `high` $b$, default 1
 * @returns float array of shape `shape`
 * @throws `DomainError` unless `low` ≤ `high`
 * @example
 * ```ts
 * import { key, uniform } from "@provably/core-tensor/random";
 *
 * uniform(key(0), [2, 3]).shape; // => [2, 3]
 * ```
 * @category Draws
 */
export function uniform(
  key: RngKey,
  shape: Shape,
  options: DrawOptions & { readonly low?: number; readonly high?: number } = {},
): NdArray {
  const { low = 0, high = 1 } = checkOptions("uniform", options, UNIFORM);
  if (!(low <= high && high - low < Infinity))
    throw new DomainError(`uniform: low must not exceed high, got ${show(low)} and ${show(high)}`);
  return draw(
    "uniform",
    key,
    shape,
    floatOption("uniform", options),
    ({ uniform }) => low + (high - low) * uniform(),
  );
}

const NORMAL: Schema<DrawOptions & { readonly mean?: number; readonly std?: number }> = {
  ...DRAW,
  mean: finiteNumber,
  std: nonNegativeNumber,
};

/**
 * Normal numbers with the given mean and standard deviation.
 *
 * @param key - random key
 * @param shape - extents
 * @param options - see {@link DrawOptions}; `mean` default 0, `std` ≥ 0 default 1
 * @returns float array of shape `shape`
 * @throws `DomainError` when `std` is negative or a parameter is not finite
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 *
 * normal(key("noise"), [1000], { dtype: "float64" }).size; // => 1000
 * ```
 * @see Marsaglia, Tsang (2000), "The ziggurat method for generating random variables"
 * @category Draws
 */
export function normal(
  key: RngKey,
  shape: Shape,
  options: DrawOptions & { readonly mean?: number; readonly std?: number } = {},
): NdArray {
  const { mean = 0, std = 1 } = checkOptions("normal", options, NORMAL);
  checkShape("normal", shape);
  const data = allocate(floatOption("normal", options), sizeOf(shape));
  const bits = streamBits("normal", key);
  for (let i = 0; i < data.length; i++) data[i] = mean + std * ziggurat(bits);
  return dense<"float32" | "float64">(data, floatOption("normal", options), [...shape]);
}

const ROWS: Schema<DrawOptions & { readonly firstRow?: number }> = {
  ...DRAW,
  firstRow: wholeNumber(0, 2 ** 32),
};

/**
 * Standard normal numbers in rows that stand for themselves: row `i` depends on the key and on its number `firstRow + i` alone.
 *
 * A batch that is drawn in parts, in another order or on another thread gets the same numbers. It serves the purpose of `normal(foldIn(key, i), …)`
 * for every row, though not with the same numbers: nothing is seeded, since each number is computed from its row and its place in the row (Threefry),
 * at less than twice the cost of `normal`.
 *
 * @param key - random key
 * @param shape - extents, rows first: `[n, …]`
 * @param options - see {@link DrawOptions}; `firstRow`: number of the first row, an integer ≥ 0, default 0
 * @returns float array of shape `shape`
 * @throws `ShapeError` when `shape` has no axis; `DomainError` when `firstRow` is out of range
 * @example
 * ```ts
 * import { key, normalRows } from "@provably/core-tensor/random";
 *
 * const all = normalRows(key(0), [4, 3]);
 * const last = normalRows(key(0), [1, 3], { firstRow: 3 });
 * all.get(3, 2) === last.get(0, 2); // => true
 * ```
 * @category Draws
 */
export function normalRows(
  key: RngKey,
  shape: Shape,
  options: DrawOptions & { readonly firstRow?: number } = {},
): NdArray {
  checkShape("normalRows", shape);
  const [rows, ...rest] = shape;
  const { firstRow = 0 } = checkOptions("normalRows", options, ROWS);
  if (rows === undefined)
    throw new ShapeError("normalRows: shape must have at least one axis, that of the rows");
  if (!Number.isInteger(firstRow) || firstRow < 0 || firstRow + rows > 2 ** 32)
    throw new DomainError(
      `normalRows: firstRow must be an integer ≥ 0 and the last row below 2^32, got ${show(firstRow)}`,
    );
  const width = sizeOf(rest);
  const dtype = floatOption("normalRows", options);
  const data = allocate(dtype, rows * width);
  const [k0, k1] = threefryKey("normalRows", key);
  const words = new Int32Array(2);
  // the second key word is tagged, so that these blocks are not those of `bits`; further words of a number come from encrypting its words again
  const bits: Bits = { words, next: () => threefry2x32(k0, k1 ^ ROWS_TAG, words) };
  for (let r = 0, at = 0; r < rows; r++)
    for (let j = 0; j < width; j++) {
      words[0] = firstRow + r;
      words[1] = j;
      data[at++] = ziggurat(bits);
    }
  return dense<"float32" | "float64">(data, dtype, [...shape]);
}

const TRUNCATED: Schema<Between> = { ...DRAW, low: anyNumber, high: anyNumber };

/**
 * Standard normal numbers conditioned to lie in $[a, b]$.
 *
 * @param key - random key
 * @param shape - extents
 * @param options - see {@link DrawOptions}; `low` $a$, default −2; `high` $b$, default 2
 * @returns float array of shape `shape`
 * @throws `DomainError` unless `low` < `high`
 * @example
 * ```ts
 * import { max } from "@provably/core-tensor";
 * import { key, truncatedNormal } from "@provably/core-tensor/random";
 *
 * max(truncatedNormal(key(0), [100])).get() <= 2; // => true
 * ```
 * @category Draws
 */
export function truncatedNormal(
  key: RngKey,
  shape: Shape,
  options: DrawOptions & { readonly low?: number; readonly high?: number } = {},
): NdArray {
  const { low = -2, high = 2 } = checkOptions("truncatedNormal", options, TRUNCATED);
  if (!(low < high))
    throw new DomainError(
      `truncatedNormal: low must be below high, got ${show(low)} and ${show(high)}`,
    );
  // in the upper tail the mirrored interval keeps the probabilities away from 1, where they lose digits
  const flip = low > 0;
  const [p, q] = flip ? [ndtr(-high), ndtr(-low)] : [ndtr(low), ndtr(high)];
  return draw(
    "truncatedNormal",
    key,
    shape,
    floatOption("truncatedNormal", options),
    ({ uniform }) => {
      const x = ndtri(p + (q - p) * uniform());
      return Math.min(high, Math.max(low, flip ? -x : x));
    },
  );
}

const EXPONENTIAL: Schema<DrawOptions & { readonly rate?: number }> = {
  ...DRAW,
  rate: satisfying("positive", (x) => typeof x === "number" && x > 0),
};

/**
 * Exponential numbers, density $\lambda e^{-\lambda x}$.
 *
 * @param key - random key
 * @param shape - extents
 * @param options - see {@link DrawOptions}; `rate` $\lambda > 0$, default 1
 * @returns float array of shape `shape`
 * @throws `DomainError` when `rate` is not positive
 * @example
 * ```ts
 * import { exponential, key } from "@provably/core-tensor/random";
 *
 * exponential(key(0), [3]).shape; // => [3]
 * ```
 * @category Draws
 */
export function exponential(
  key: RngKey,
  shape: Shape,
  options: DrawOptions & { readonly rate?: number } = {},
): NdArray {
  const { rate = 1 } = checkOptions("exponential", options, EXPONENTIAL);
  return draw(
    "exponential",
    key,
    shape,
    floatOption("exponential", options),
    ({ uniform }) => -Math.log1p(-uniform()) / rate,
  );
}

/**
 * Standard Gumbel numbers $-\ln(-\ln u)$: the greatest of logits plus these is a draw from their softmax.
 *
 * @param key - random key
 * @param shape - extents
 * @param options - see {@link DrawOptions}
 * @returns float array of shape `shape`
 * @example
 * ```ts
 * import { gumbel, key } from "@provably/core-tensor/random";
 *
 * gumbel(key(0), [3]).shape; // => [3]
 * ```
 * @category Draws
 */
export function gumbel(key: RngKey, shape: Shape, options: DrawOptions = {}): NdArray {
  checkOptions("gumbel", options, DRAW);
  return draw(
    "gumbel",
    key,
    shape,
    floatOption("gumbel", options),
    ({ uniform }) => -Math.log(-Math.log1p(-uniform())),
  );
}

/** Gamma numbers for a ≥ 1: Marsaglia and Tsang (2000). */
function gammaDraw(a: number, { uniform, normal }: Stream): number {
  const d = a - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal();
    const root = 1 + c * x;
    const v = root * root * root; // engines round ** differently
    if (v > 0 && Math.log1p(-uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Logarithms of gamma numbers. Below 1 the concentration is raised by one and the draw scaled back by $u^{1/a}$, which underflows if it is not a logarithm. */
export function logGammaDraw(a: number, source: Stream): number {
  if (a >= 1) return Math.log(gammaDraw(a, source));
  return Math.log(gammaDraw(a + 1, source)) + Math.log1p(-source.uniform()) / a;
}

/**
 * Gamma numbers, density $\propto x^{a-1} e^{-x}$.
 *
 * @param key - random key
 * @param concentration - $a > 0$
 * @param shape - extents
 * @param options - see {@link DrawOptions}
 * @returns float array of shape `shape`
 * @throws `DomainError` when `concentration` is not positive and finite
 * @example
 * ```ts
 * import { gamma, key } from "@provably/core-tensor/random";
 *
 * gamma(key(0), 2.5, [3]).shape; // => [3]
 * ```
 * @see Marsaglia, Tsang (2000), "A simple method for generating gamma variables"
 * @category Draws
 */
export function gamma(
  key: RngKey,
  concentration: number,
  shape: Shape,
  options: DrawOptions = {},
): NdArray {
  checkOptions("gamma", options, DRAW);
  if (!(Number.isFinite(concentration) && concentration > 0))
    throw new DomainError(
      `gamma: concentration must be positive and finite, got ${show(concentration)}`,
    );
  const next =
    concentration >= 1
      ? gammaDraw
      : (a: number, source: Stream) => Math.exp(logGammaDraw(a, source));
  return draw("gamma", key, shape, floatOption("gamma", options), (source) =>
    next(concentration, source),
  );
}

/**
 * Beta numbers, density $\propto x^{a-1}(1-x)^{b-1}$ on $[0, 1]$.
 *
 * @param key - random key
 * @param a - first concentration, > 0
 * @param b - second concentration, > 0
 * @param shape - extents
 * @param options - see {@link DrawOptions}
 * @returns float array of shape `shape`
 * @throws `DomainError` when a concentration is not positive and finite
 * @example
 * ```ts
 * import { beta, key } from "@provably/core-tensor/random";
 *
 * beta(key(0), 2, 3, [4]).shape; // => [4]
 * ```
 * @category Draws
 */
export function beta(
  key: RngKey,
  a: number,
  b: number,
  shape: Shape,
  options: DrawOptions = {},
): NdArray {
  checkOptions("beta", options, DRAW);
  if (!(Number.isFinite(a) && Number.isFinite(b) && a > 0 && b > 0))
    throw new DomainError(
      `beta: a and b must be positive and finite, got ${show(a)} and ${show(b)}`,
    );
  return draw("beta", key, shape, floatOption("beta", options), (source) => {
    const x = logGammaDraw(a, source);
    return 1 / (1 + Math.exp(logGammaDraw(b, source) - x));
  });
}

/**
 * Probability vectors from the Dirichlet distribution, density $\propto \prod_k p_k^{a_k - 1}$.
 *
 * @param key - random key
 * @param concentrations - $a_k > 0$, at least one
 * @param shape - extents of the batch
 * @param options - see {@link DrawOptions}
 * @returns float array of shape `[…shape, concentrations.length]`, ≥ 0, summing to 1 over the last axis
 * @throws `DomainError` when a concentration is not positive and finite
 * @example
 * ```ts
 * import { dirichlet, key } from "@provably/core-tensor/random";
 *
 * dirichlet(key(0), [1, 1, 1], [5]).shape; // => [5, 3]
 * ```
 * @category Draws
 */
export function dirichlet(
  key: RngKey,
  concentrations: readonly number[],
  shape: Shape = [],
  options: DrawOptions = {},
): NdArray {
  checkOptions("dirichlet", options, DRAW);
  if (
    check("dirichlet", "concentrations", concentrations, anyList).length === 0 ||
    !concentrations.every((a) => Number.isFinite(a) && a > 0)
  )
    throw new DomainError(
      `dirichlet: concentrations must be positive and finite, got ${show(concentrations)}`,
    );
  checkShape("dirichlet", shape);
  const n = concentrations.length;
  checkSize("dirichlet", [...shape, n]);
  const dtype = floatOption("dirichlet", options);
  const data = allocate(dtype, sizeOf(shape) * n);
  const source = stream("dirichlet", key);
  const parts = new Float64Array(n);
  for (let at = 0; at < data.length; at += n) {
    // normalised through logarithms, so that small concentrations do not end as 0/0
    for (let i = 0; i < n; i++) parts[i] = logGammaDraw(concentrations[i]!, source);
    const peak = parts.reduce((m, p) => Math.max(m, p), -Infinity);
    const total = parts.reduce((s, p) => s + Math.exp(p - peak), 0);
    parts.forEach((p, i) => (data[at + i] = Math.exp(p - peak) / total));
  }
  return dense<"float32" | "float64">(data, dtype, [...shape, n]);
}
