/** Whether a posterior sampler is calibrated: simulation-based calibration by ranks. */
import {
  type Certificate,
  type NdArray,
  ShapeError,
  array,
  concat,
  expandDims,
  matmul,
  repeat,
  toTypedArray,
  transpose,
} from "@provably/core-tensor";
import {
  anyFunction,
  certificate,
  check,
  checkOptions,
  numberInside,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import { type ForwardModel, checkForward, likelihoodOf } from "../forward/forward-model.js";
import { batchOf } from "../forward/operator.js";
import { randomDirections } from "../metrics/wasserstein.js";

const RANKS = { numTrials: wholeNumber(1), numDraws: wholeNumber(1), quantities: anyFunction };
const CALIBRATION = { ...RANKS, significance: numberInside(0, 1) };

/**
 * Options of {@link sbcRanks}.
 * @category Certificates
 */
export interface SbcOptions {
  /** Points drawn from the prior, each measured once; default 200. */
  readonly numTrials?: number;
  /** Posterior draws for each measurement; default 15. */
  readonly numDraws?: number;
  /**
   * Numbers of a point and its measurement whose ranks are taken, `[n, d]` and `[n, m]` to `[n, q]`; default the log-likelihood and the coordinates, or four
   * random directions where there are more than four coordinates.
   */
  readonly quantities?: (x: NdArray, y: NdArray) => NdArray;
}

/**
 * Options of {@link certifyCalibration}.
 * @category Certificates
 */
export interface CalibrationOptions extends SbcOptions {
  /** Share of false alarms; default 0.01. */
  readonly significance?: number;
}

/**
 * A posterior sampler: for measurements `[n, m]` one independent draw each, `[n, d]`.
 * @category Certificates
 */
export type PosteriorSampler = (y: NdArray, key: RngKey) => NdArray;

function defaultQuantities(
  fn: string,
  forward: ForwardModel,
  key: RngKey,
): (x: NdArray, y: NdArray) => NdArray {
  const d = forward.inputSize;
  const directions =
    d > 4 ? transpose(randomDirections(foldIn(key, "directions"), 4, d)) : undefined;
  return (x, y) => {
    const logLikelihood = arrayOf(
      fn,
      "the log-likelihood",
      likelihoodOf(fn, forward, y).logLikelihood(x),
    );
    return concat(
      [expandDims(logLikelihood, 1), directions === undefined ? x : matmul(x, directions)],
      { axis: 1 },
    );
  };
}

/**
 * Ranks of true points among draws of their posterior: $x^\star \sim p$, $y \sim p(\cdot \mid x^\star)$, $x_1, \dots, x_L$ from the sampler given $y$, and the number of
 * $f(x_l, y)$ below $f(x^\star, y)$. If the sampler draws from the posterior, $x^\star$ is one more draw, and ranks are uniform on $0, \dots, L$.
 *
 * @param prior - draws n points of the prior, `[n, d]`
 * @param forward - forward model that measures them
 * @param sampler - see {@link PosteriorSampler}; asked once, for `numTrials · numDraws` measurements
 * @param key - random key
 * @param options - see {@link SbcOptions}
 * @returns ranks, int32 `[numTrials, q]`
 * @throws `DomainError` when an option is out of range
 * @throws `ShapeError` when prior, sampler or quantities give another shape
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { gaussianNoise, identityOperator, sbcRanks } from "@provably/score-diffusion";
 *
 * const prior = (k, n) => normal(k, [n, 1], { dtype: "float64" });
 * // a sampler that never looks at the measurement
 * const ranks = sbcRanks(prior, gaussianNoise(identityOperator(1), 1), (y, k) => prior(k, y.shape[0]), key(0), { numTrials: 10 });
 * ranks.shape; // => [10, 2]
 * ```
 * @see Talts, Betancourt, Simpson, Vehtari, Gelman (2018), "Validating Bayesian inference algorithms with simulation-based calibration", theorem 1
 * @category Certificates
 */
export function sbcRanks(
  prior: (key: RngKey, n: number) => NdArray,
  forward: ForwardModel,
  sampler: PosteriorSampler,
  key: RngKey,
  options: SbcOptions = {},
): NdArray<"int32"> {
  return ranksOf(
    "sbcRanks",
    prior,
    forward,
    sampler,
    key,
    checkOptions<SbcOptions>("sbcRanks", options, RANKS),
  );
}

function ranksOf(
  fn: string,
  prior: (key: RngKey, n: number) => NdArray,
  forward: ForwardModel,
  sampler: PosteriorSampler,
  key: RngKey,
  options: SbcOptions,
): NdArray<"int32"> {
  check(fn, "key", key, rngKey);
  checkForward(fn, forward);
  check(fn, "prior", prior, anyFunction);
  check(fn, "sampler", sampler, anyFunction);
  const {
    numTrials = 200,
    numDraws = 15,
    quantities = defaultQuantities(fn, forward, key),
  } = options;
  const truth = batchOf(fn, "prior", prior(foldIn(key, "prior"), numTrials), forward.inputSize);
  if (truth.shape[0] !== numTrials)
    throw new ShapeError(`${fn}: prior must give ${numTrials} points, got ${truth.shape[0]}`);
  const y = arrayOf(fn, "the measurement", forward.measure(truth, foldIn(key, "measure")));
  const everyY = repeat(y, numDraws, { axis: 0 });
  const samples = batchOf(
    fn,
    "the sampler's draws",
    sampler(everyY, foldIn(key, "sampler")),
    forward.inputSize,
  );
  if (samples.shape[0] !== numTrials * numDraws)
    throw new ShapeError(
      `${fn}: the sampler must give ${numTrials * numDraws} draws, got ${samples.shape[0]}`,
    );
  const [own, drawn] = [quantities(truth, y), quantities(samples, everyY)].map((x) =>
    arrayOf(fn, "quantities", x),
  ) as [NdArray, NdArray];
  const q = own.shape[1];
  if (
    q === undefined ||
    own.shape[0] !== numTrials ||
    drawn.shape.join() !== `${numTrials * numDraws},${q}`
  )
    throw new ShapeError(
      `${fn}: quantities must be [n, q], got [${own.shape.join(", ")}] and [${drawn.shape.join(", ")}]`,
    );
  const [a, b] = [toTypedArray(own), toTypedArray(drawn)];
  const ties = toTypedArray(uniform(foldIn(key, "ties"), [numTrials, q], { dtype: "float64" }));
  const ranks = Int32Array.from({ length: numTrials * q }, (_, at) => {
    const [i, j] = [Math.floor(at / q), at % q];
    let below = 0;
    let equal = 0;
    for (let l = 0; l < numDraws; l++) {
      const value = b[(i * numDraws + l) * q + j]!;
      if (value < a[at]!) below++;
      else if (value === a[at]) equal++;
    }
    return below + Math.floor(ties[at]! * (equal + 1));
  });
  return array<"int32">(ranks, { shape: [numTrials, q] });
}

/** Pearson's statistic of ranks that should be uniform. */
function pearson(counts: readonly number[], numTrials: number): number {
  const expected = numTrials / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** How often the statistic of truly uniform ranks exceeds each of the given values, with one added so that it is a p-value. */
function exceedances(
  key: RngKey,
  numTrials: number,
  bins: number,
  values: readonly number[],
  replicates: number,
): number[] {
  const above = values.map(() => 1);
  for (let r = 0; r < replicates; r++) {
    const counts = new Array<number>(bins).fill(0);
    for (const u of toTypedArray(uniform(foldIn(key, r), [numTrials], { dtype: "float64" })))
      counts[Math.floor(u * bins)]!++;
    const simulated = pearson(counts, numTrials);
    // sums of the same terms in another order must count as equal
    values.forEach((value, j) => (above[j]! += Number(simulated >= value * (1 - 1e-12))));
  }
  return above.map((count) => count / (replicates + 1));
}

/**
 * A certificate that a posterior sampler is calibrated: its {@link sbcRanks} are uniform.
 *
 * The value is a p-value of Pearson's test, by simulation of uniform ranks, for the worst of the quantities with Bonferroni's correction. It needs no exact
 * posterior and serves every likelihood; it must be given draws of the same prior that the sampler's model knows. Too wide, too narrow and shifted draws are seen.
 *
 * @param prior - draws n points of the prior, `[n, d]`
 * @param forward - forward model that measures them
 * @param sampler - see {@link PosteriorSampler}
 * @param key - random key
 * @param options - see {@link CalibrationOptions}
 * @returns certificate with the p-value
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { key, normal } from "@provably/core-tensor/random";
 * import { certifyCalibration, dpnp, gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
 * const prior = (k, n) => normal(k, [n, 1], { dtype: "float64" });
 * const forward = gaussianNoise(identityOperator(1), 1);
 * const sampler = (y, k) => dpnp(forward, y, mixture, k, { numSamples: y.shape[0], etas: [1, 0.5, 0.3, 0.3, 0.3, 0.3] }).samples;
 * certifyCalibration(prior, forward, sampler, key(0)).holds; // => true
 * certifyCalibration(prior, forward, (y, k) => prior(k, y.shape[0]), key(0)).holds; // => false
 * ```
 * @see Talts, Betancourt, Simpson, Vehtari, Gelman (2018), "Validating Bayesian inference algorithms with simulation-based calibration"; Modrák et al. (2025),
 *   "Simulation-based calibration checking for Bayesian computation: the choice of test quantities shapes sensitivity", for the likelihood among the quantities
 * @category Certificates
 */
export function certifyCalibration(
  prior: (key: RngKey, n: number) => NdArray,
  forward: ForwardModel,
  sampler: PosteriorSampler,
  key: RngKey,
  options: CalibrationOptions = {},
): Certificate {
  const fn = "certifyCalibration";
  const {
    numTrials = 200,
    numDraws = 15,
    significance = 0.01,
  } = checkOptions<CalibrationOptions>(fn, options, CALIBRATION);
  const ranks = ranksOf(fn, prior, forward, sampler, key, options);
  const q = ranks.shape[1]!;
  const statistics = Array.from({ length: q }, (_, j) => {
    const counts = new Array<number>(numDraws + 1).fill(0);
    for (let i = 0; i < numTrials; i++) counts[ranks.get(i, j)]!++;
    return pearson(counts, numTrials);
  });
  // enough that the least p-value there is lies well below the significance
  const replicates = Math.max(1999, Math.ceil((4 * q) / significance));
  const least = Math.min(
    ...exceedances(foldIn(key, "uniform ranks"), numTrials, numDraws + 1, statistics, replicates),
  );
  const value = Math.min(1, q * least);
  // the chance that all ranks of one quantity fall on the same place, the worst there is
  const couldFail = q * (numDraws + 1) ** (1 - numTrials) < significance;
  return certificate({
    claim:
      "p-value of the ranks of true points among draws of their posterior, which are uniform for an exact sampler",
    kind: "statistical",
    value,
    expected: [significance, 1],
    confidence: 1 - significance,
    verdict: value < significance ? "fails" : couldFail ? "holds" : "undecided",
    note: `${numTrials} points, ${numDraws} draws each, ${q} quantities${couldFail ? "" : "; too few points to see anything: no ranks could have failed"}`,
  });
}
