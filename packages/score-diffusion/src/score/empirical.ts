/** The empirical distribution of a data set, smoothed by noise: its exact denoiser, score and density. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  all,
  argmax,
  asType,
  div,
  equal,
  exp,
  full,
  greater,
  isFinite,
  item,
  log,
  matmul,
  max,
  maximum,
  mean,
  min,
  mul,
  slice,
  square,
  squeeze,
  sub,
  sum,
  take,
  transpose,
  where,
  zeros,
} from "@provably/core-tensor";
import {
  anyRecord,
  anything,
  check,
  checkOptions,
  oneOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { compile } from "@provably/core-tensor/compile";
import { arrayOf } from "../internal/check.js";
import { type NoiseLevel, checkLevel } from "../schedule/level.js";
import type { Model } from "./prediction.js";

const OPTIONS = {
  weights: anything,
  chunkSize: wholeNumber(1),
  dtype: oneOf("float32", "float64"),
};

/**
 * Options of {@link empiricalDistribution}.
 * @category Scores
 */
export interface EmpiricalOptions {
  /** Weight of each data point, shape `[N]`, ≥ 0, not all 0; default all equal. */
  readonly weights?: ArrayInput;
  /** Data points taken at a time; the result does not depend on it up to rounding, the memory does. Default 2048. */
  readonly chunkSize?: number;
  /**
   * Type to compute in; default `float64`. `float32` is two to three times as fast and leaves errors of about $10^{-7}\alpha^2\|x_i\|^2/\sigma^2$ in the logarithms of the
   * weights, $x_i$ counted from the mean: fine for images down to $\sigma \approx 0.05$, not for densities at little noise.
   */
  readonly dtype?: "float32" | "float64";
}

/**
 * A data set as a distribution, and at the same time a {@link Model} with its exact denoiser.
 *
 * Its samples are the training points themselves as soon as the noise is gone: the exact score of a finite data set memorises. That makes it an
 * oracle for samplers, not a generator of new data.
 * @category Scores
 */
export interface EmpiricalDistribution extends Model {
  readonly prediction: "x0";
  /** The points with their mean subtracted, which keeps digits when the noise is small; `[N, d]`. */
  readonly centred: NdArray;
  /** The mean, `[d]`. */
  readonly mean: NdArray;
  /** Squared lengths of the centred points, `[N]`. */
  readonly squares: NdArray;
  /** Logarithms of the normalised weights, `[N]`. */
  readonly logWeights: NdArray;
  readonly chunkSize: number;
}

/**
 * The distribution that puts its mass on the given points.
 *
 * @param data - points, shape `[N, d]`, N ≥ 1
 * @param options - see {@link EmpiricalOptions}
 * @returns see {@link EmpiricalDistribution}
 * @throws `ShapeError` when `data` is empty or not a matrix
 * @throws `DomainError` when a value or a weight cannot be used
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { empiricalDistribution, levelOf } from "@provably/score-diffusion";
 *
 * const distribution = empiricalDistribution([[-1], [1]]);
 * toNested(distribution.evaluate(array([[0]], { dtype: "float64" }), levelOf(0.5))); // => [[0]]
 * ```
 * @category Scores
 */
export function empiricalDistribution(
  data: ArrayInput,
  options: EmpiricalOptions = {},
): EmpiricalDistribution {
  const points = asType(data, "float64");
  if (points.shape.length !== 2 || points.size === 0)
    throw new ShapeError(
      `empiricalDistribution: data must be [N, d] and not empty, got [${points.shape.join(", ")}]`,
    );
  if (!item(all(isFinite(points))))
    throw new DomainError("empiricalDistribution: data must be finite");
  const { chunkSize = 2048, dtype = "float64" } = checkOptions(
    "empiricalDistribution",
    options,
    OPTIONS,
  );
  const n = points.shape[0]!;
  const weights =
    options.weights === undefined
      ? add(zeros([n], { dtype: "float64" }), 1)
      : asType(options.weights, "float64");
  if (weights.shape.length !== 1 || weights.shape[0] !== n)
    throw new ShapeError(
      `empiricalDistribution: weights must be [${n}], got [${weights.shape.join(", ")}]`,
    );
  const total = item(sum(weights));
  if (!(item(min(weights)) >= 0 && total > 0 && Number.isFinite(total)))
    throw new DomainError("empiricalDistribution: weights must be ≥ 0 and not all 0");
  const centre = mean(points, { axis: 0 });
  const centred = sub(points, centre);
  const distribution: EmpiricalDistribution = {
    prediction: "x0",
    centred: asType(centred, dtype),
    mean: centre,
    squares: sum(square(centred), { axis: 1 }),
    logWeights: log(div(weights, total)),
    chunkSize,
    evaluate: (x, level) => empiricalDenoiser(distribution, x, level),
    vjp: (x, level, cotangent) => denoiserVjp(distribution, x, level, cotangent),
  };
  return distribution;
}

/** A distribution as {@link empiricalDistribution} makes it. */
function checkDistribution(fn: string, distribution: EmpiricalDistribution): EmpiricalDistribution {
  const {
    centred,
    mean: centre,
    squares,
    logWeights,
    chunkSize,
  } = check(fn, "distribution", distribution, anyRecord);
  const [n, d] = arrayOf(fn, "distribution.centred", centred).shape;
  for (const [name, part, shape] of [
    ["mean", centre, [d]],
    ["squares", squares, [n]],
    ["logWeights", logWeights, [n]],
  ] as const)
    if (arrayOf(fn, `distribution.${name}`, part).shape.join() !== shape.join())
      throw new ShapeError(
        `${fn}: distribution.${name} must be [${shape.join()}], got [${part.shape.join(", ")}]`,
      );
  check(fn, "distribution.chunkSize", chunkSize, wholeNumber(1));
  return distribution;
}

interface Running {
  readonly peak: NdArray;
  readonly mass: NdArray;
  readonly acc: NdArray;
}

/** One chunk of the data: its logits and weights, and what was met so far brought to the new maximum. */
const meet = /* @__PURE__ */ compile(
  (queries: NdArray, keys: NdArray, biases: NdArray, before: Running, details: boolean) => {
    const logits = add(matmul(queries, transpose(keys)), biases);
    const peak = maximum(before.peak, max(logits, { axis: 1, keepDims: true }));
    // rows that have met only points of weight 0 so far keep a finite shift
    const shift = where(equal(peak, -Infinity), 0, peak);
    const weights = exp(sub(logits, shift));
    const keep = exp(sub(before.peak, shift));
    const mass = add(mul(before.mass, keep), sum(weights, { axis: 1, keepDims: true }));
    const acc = add(mul(before.acc, keep), matmul(weights, keys));
    // what only a few ask for is not copied out for the others
    return { peak, mass, acc, details: details ? [logits, weights, keep] : [] };
  },
);

/**
 * Over chunks, with a running maximum: the softmax-weighted mean of the centred points, the sum of the weights relative to the greatest, which
 * point has the greatest (where the density is wanted), and, for a cotangent v, the weighted mean of x ⟨x, v⟩.
 */
function attend(
  distribution: EmpiricalDistribution,
  x: NdArray,
  level: NoiseLevel,
  wanted: "mean" | "density",
  cotangent?: NdArray,
): { mean: NdArray; mass: NdArray; offset: NdArray; nearest: NdArray; second: NdArray } {
  const fn = "empiricalDenoiser";
  const { centred, squares, logWeights, chunkSize } = checkDistribution(fn, distribution);
  const { alpha, sigma } = checkLevel(fn, level);
  arrayOf(fn, "x", x);
  const [n, d] = centred.shape as [number, number];
  if (x.shape.length !== 2 || x.shape[1] !== d)
    throw new ShapeError(`${fn}: x must be [n, ${d}], got [${x.shape.join(", ")}]`);
  if (!(sigma > 0))
    throw new DomainError(
      `${fn}: sigma must be positive, got ${sigma}; the distribution has no density without noise`,
    );
  const offset = sub(asType(x, "float64"), mul(alpha, distribution.mean));
  const rows = x.shape[0]!;
  const precision = 1 / (sigma * sigma);
  const { dtype } = centred;
  const queries = asType(mul(alpha * precision, offset), dtype);
  const biases = asType(sub(logWeights, mul((alpha * alpha * precision) / 2, squares)), dtype);
  let peak: NdArray = full([rows, 1], -Infinity, { dtype });
  let mass: NdArray = zeros([rows, 1], { dtype });
  let acc: NdArray = zeros([rows, d], { dtype });
  let second: NdArray = acc;
  let nearest: NdArray = zeros([rows], { dtype: "int32" });
  for (let from = 0; from < n; from += chunkSize) {
    const to = Math.min(n, from + chunkSize);
    const keys = slice(centred, [from], [to]);
    const details = wanted === "density" || cotangent !== undefined;
    const met = meet(queries, keys, slice(biases, [from], [to]), { peak, mass, acc }, details);
    const [logits, weights, keep] = met.details;
    if (wanted === "density")
      nearest = where(
        squeeze(greater(met.peak, peak), 1),
        add(argmax(logits!, { axis: 1 }), from),
        nearest,
      );
    ({ peak, mass, acc } = met);
    if (cotangent !== undefined)
      second = add(
        mul(second, keep!),
        matmul(mul(weights!, matmul(asType(cotangent, dtype), transpose(keys))), keys),
      );
  }
  const precise = (a: NdArray): NdArray => asType(a, "float64");
  return {
    mean: precise(div(acc, mass)),
    mass: precise(squeeze(mass, 1)),
    offset,
    nearest,
    second: precise(div(second, mass)),
  };
}

/**
 * The mean of the clean point given a noisy one, $D(x) = \sum_i \operatorname{softmax}_i\!\left(-\tfrac{\|x - \alpha x_i\|^2}{2\sigma^2} + \ln w_i\right) x_i$: attention with the data as keys and values.
 *
 * Two matrix products of $n \times N \times d$ with a running softmax over chunks of the data.
 *
 * @param distribution - see {@link empiricalDistribution}
 * @param x - points, shape `[n, d]`
 * @param level - noise level with $\sigma > 0$
 * @returns array of shape `[n, d]`
 * @throws `DomainError` when $\sigma = 0$
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { empiricalDenoiser, empiricalDistribution, levelOf } from "@provably/score-diffusion";
 *
 * toNested(empiricalDenoiser(empiricalDistribution([[3, 4]]), array([[0, 0]]), levelOf(0.5))); // => [[3, 4]]
 * ```
 * @see Milakov, Gimelshein (2018), "Online normalizer calculation for softmax"
 * @category Scores
 */
export function empiricalDenoiser(
  distribution: EmpiricalDistribution,
  x: NdArray,
  level: NoiseLevel,
): NdArray {
  return add(attend(distribution, x, level, "mean").mean, distribution.mean);
}

/** The Jacobian of the denoiser is α/σ² times the covariance of the data under the weights: symmetric. */
function denoiserVjp(
  distribution: EmpiricalDistribution,
  x: NdArray,
  level: NoiseLevel,
  v: NdArray,
): NdArray {
  const { mean, second } = attend(distribution, x, level, "mean", v);
  return mul(
    level.alpha / level.sigma ** 2,
    sub(second, mul(mean, sum(mul(mean, v), { axis: 1, keepDims: true }))),
  );
}

/**
 * The exact score $(\alpha D(x) - x)/\sigma^2$ of the smoothed data set.
 *
 * @param distribution - see {@link empiricalDistribution}
 * @param x - points, shape `[n, d]`
 * @param level - noise level with $\sigma > 0$
 * @returns array of shape `[n, d]`
 * @throws `DomainError` when $\sigma = 0$
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { empiricalDistribution, empiricalScore, levelOf } from "@provably/score-diffusion";
 *
 * toNested(empiricalScore(empiricalDistribution([[0]]), array([[2]], { dtype: "float64" }), levelOf(0.5))); // => [[-4]]
 * ```
 * @category Scores
 */
export function empiricalScore(
  distribution: EmpiricalDistribution,
  x: NdArray,
  level: NoiseLevel,
): NdArray {
  const { alpha, sigma } = checkLevel("empiricalScore", level);
  checkDistribution("empiricalScore", distribution);
  // (α(D − m) − (x − αm)) / σ² with the mean m taken out of both, which keeps digits
  const offset = sub(asType(x, "float64"), mul(alpha, distribution.mean));
  return div(sub(mul(alpha, attend(distribution, x, level, "mean").mean), offset), sigma * sigma);
}

/**
 * The logarithm of the density of the smoothed data set.
 *
 * @param distribution - see {@link empiricalDistribution}
 * @param x - points, shape `[n, d]`
 * @param level - noise level with $\sigma > 0$
 * @returns array of shape `[n]`, in nats
 * @throws `DomainError` when $\sigma = 0$
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { empiricalDistribution, empiricalLogDensity } from "@provably/score-diffusion";
 *
 * const distribution = empiricalDistribution([[0]]);
 * toNested(empiricalLogDensity(distribution, array([[0]], { dtype: "float64" }), { alpha: 1, sigma: 1 })); // => [-0.9189385332046727]
 * ```
 * @category Scores
 */
export function empiricalLogDensity(
  distribution: EmpiricalDistribution,
  x: NdArray,
  level: NoiseLevel,
): NdArray {
  const { mass, offset, nearest } = attend(distribution, x, level, "density");
  const d = distribution.centred.shape[1]!;
  const { alpha, sigma } = level;
  // the distance to the nearest point is formed from differences: at small sigma it decides the value, and expanded squares would lose its digits
  const distance = sum(square(sub(offset, mul(alpha, take(distribution.centred, nearest)))), {
    axis: 1,
  });
  const greatest = sub(take(distribution.logWeights, nearest), div(distance, 2 * sigma * sigma));
  return sub(add(log(mass), greatest), (d / 2) * Math.log(2 * Math.PI * sigma * sigma));
}
