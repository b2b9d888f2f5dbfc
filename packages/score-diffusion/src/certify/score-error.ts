/** What the error bounds of the theorems ask for: how far a score is from the true one, and its Jacobian; and the bound. */
import {
  type Certificate,
  DomainError,
  type NdArray,
  abs,
  add,
  array,
  diagonal,
  item,
  max,
  mean,
  mul,
  square,
  stack,
  sub,
  sum,
  vjp,
} from "@provably/core-tensor";
import {
  certificate,
  check,
  checkOptions,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { svdvals } from "@provably/core-tensor/linalg";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { type NoiseLevel, addNoise } from "../schedule/level.js";
import { type Schedule, checkSchedule, levelAt } from "../schedule/schedule.js";
import { type GaussianMixture, checkMixture } from "../score/gaussian-mixture.js";
import { mixtureSamples } from "../score/mixture-posterior.js";
import { type Model, checkModel, predict } from "../score/prediction.js";
import { type Sampler, checkSampler } from "../sampler/sampler.js";
import { marginalTv1d } from "./marginal-tv.js";

const OPTIONS = { numSamples: wholeNumber(1) };

/**
 * Options of {@link scoreErrors}.
 * @category Certificates
 */
export interface ScoreErrorOptions {
  /** Samples at each noise level; default 256. */
  readonly numSamples?: number;
}

/**
 * Errors of a score in the measures of the theorems.
 * @category Certificates
 */
export interface ScoreErrors {
  /** $\varepsilon_{score} = \left(\tfrac1T\sum_t \mathbb E\|s_t - s_t^\star\|^2\right)^{1/2}$. */
  readonly score: number;
  /** $\varepsilon_{Jacobi} = \tfrac1T\sum_t \mathbb E\|\partial s_t - \partial s_t^\star\|$, spectral norms. */
  readonly jacobian: number;
  /** $\mathbb E\|s_t - s_t^\star\|^2$ of each step, $t = 1, \dots, T$. */
  readonly scoreSquares: readonly number[];
  /** $\mathbb E\|\partial s_t - \partial s_t^\star\|$ of each step. */
  readonly jacobians: readonly number[];
  /**
   * How far the error can move the distribution of the probability flow on its way to $Y_1$, in total variation:
   * $\tfrac14\sum_{t \ge 2} \ln\tfrac{1}{\alpha_t}\,\mathbb E\left|\nabla\!\cdot e_t + \langle e_t, s_t^\star\rangle\right|$ with $e_t = s_t - s_t^\star$.
   */
  readonly flowVariation: number;
}

/**
 * The errors of a model's score against a mixture's exact one, on samples of the noised distribution at every step of a schedule.
 *
 * The Jacobian of the difference is found by reverse-mode differentiation, one pullback for each coordinate, and its norm by singular values:
 * $O(d)$ evaluations and $O(d^3)$ a sample.
 *
 * @param model - the model under test, differentiable in `x`
 * @param mixture - the true distribution
 * @param key - random key for the samples
 * @param schedule - noise schedule of $T$ steps
 * @param options - see {@link ScoreErrorOptions}
 * @returns see {@link ScoreErrors}
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, perturbScore, scoreErrors, theorySchedule } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [0.1, 0.1] });
 * const { score, jacobian } = scoreErrors(perturbScore(mixture, key(0), { l2: 0.25 }), mixture, key(1), theorySchedule(20));
 * [score.toFixed(6), jacobian.toFixed(6)]; // => ["0.250000", "0.000000"]
 * ```
 * @see Li, Wei, Chi, Chen (2024), "A sharp convergence theory for the probability flow ODEs of diffusion models", assumptions 1 and 2
 * @category Certificates
 */
export function scoreErrors(
  model: Model,
  mixture: GaussianMixture,
  key: RngKey,
  schedule: Schedule,
  options: ScoreErrorOptions = {},
): ScoreErrors {
  return errorsOf("scoreErrors", model, mixture, key, schedule, options);
}

function errorsOf(
  fn: string,
  model: Model,
  mixture: GaussianMixture,
  key: RngKey,
  schedule: Schedule,
  options: ScoreErrorOptions,
): ScoreErrors {
  const { numSamples = 256 } = checkOptions<ScoreErrorOptions>(fn, options, OPTIONS);
  checkModel(fn, model);
  checkMixture(fn, mixture);
  checkSchedule(fn, schedule);
  check(fn, "key", key, rngKey);
  const d = mixture.means.shape[1]!;
  const steps = schedule.alphaBar.map((_, i) => {
    const level = levelAt(schedule, i + 1);
    const stepKey = foldIn(key, i);
    const noise = normal(foldIn(stepKey, "noise"), [numSamples, d], { dtype: "float64" });
    return errorsAt(
      model,
      mixture,
      addNoise(mixtureSamples(mixture, foldIn(stepKey, "data"), numSamples), noise, level),
      level,
    );
  });
  const average = (values: readonly number[]): number =>
    values.reduce((a, b) => a + b, 0) / values.length;
  const scoreSquares = steps.map(({ scoreSquare }) => scoreSquare);
  const jacobians = steps.map(({ jacobian }) => jacobian);
  // the flow moves at −(x + s)/2 in the time ln(1/ᾱ), so that an error e of the score changes the density at the rate ½ ∇·(e p), in L1
  const flowVariation = steps.reduce((sum, { divergence }, i) => {
    return i === 0
      ? 0
      : sum + 0.25 * Math.log(schedule.alphaBar[i - 1]! / schedule.alphaBar[i]!) * divergence;
  }, 0);
  return {
    score: Math.sqrt(average(scoreSquares)),
    jacobian: average(jacobians),
    scoreSquares,
    jacobians,
    flowVariation,
  };
}

function errorsAt(
  model: Model,
  mixture: GaussianMixture,
  x: NdArray,
  level: NoiseLevel,
): { scoreSquare: number; jacobian: number; divergence: number } {
  const scoreOf = (of: Model, at: NdArray): NdArray =>
    predict("scoreErrors", of, at, level, "score");
  const [error, pullback] = vjp((at: NdArray) => sub(scoreOf(model, at), scoreOf(mixture, at)), x);
  const d = x.shape[1]!;
  // rows do not mix, so one pullback of e_j gives row j of the Jacobian of every sample
  const rows = Array.from({ length: d }, (_, j) => {
    const unit = new Float64Array(d);
    unit[j] = 1;
    return pullback(add(mul(0, x), array(unit)))[0];
  });
  const jacobians = stack(rows, { axis: 1 });
  const along = sum(mul(error, scoreOf(mixture, x)), { axis: 1 });
  return {
    scoreSquare: item(mean(sum(square(error), { axis: 1 }))),
    jacobian: item(mean(max(svdvals(jacobians), { axis: -1 }))),
    divergence: item(mean(abs(add(sum(diagonal(jacobians), { axis: -1 }), along)))),
  };
}

/**
 * A certificate that the error of a sampler with a model's score stays within a bound of the theorem's form on a one-dimensional mixture: the total variation
 * at $Y_1$, by quadrature, is at most $2\left(\beta^p + V\right)$ with $\beta$ the longest step, $p$ the least order that theory allows the sampler, and $V$ how far the measured error
 * of the score can move the distribution, `flowVariation` of {@link scoreErrors}, twice that for stochastic samplers, whose drift has twice the score in it.
 *
 * The theorem has $\sqrt d\,\varepsilon_{score} + d\,\varepsilon_{Jacobi}$ for $V$, times logarithms and a constant that the papers leave open; $V$ is what their proof bounds by it, and can be measured.
 * The 2 is ours, and the longest step, at most $c_1\ln T/T$, stands for $1/T$ with its logarithm. A sampler of a lower order than it claims falls out of the bound once $T$ is large
 * enough, and so does one that does not use its score rightly.
 *
 * @param sampler - sampler with an order
 * @param model - its score; give the mixture itself for an exact one
 * @param mixture - the true distribution, d = 1
 * @param key - random key for the samples that measure the score
 * @param schedule - noise schedule
 * @param options - see {@link ScoreErrorOptions}
 * @returns certificate with the total variation as its value
 * @throws `DomainError` when theory gives the sampler no order
 * @throws `ShapeError` when the mixture is not one-dimensional
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { acceleratedOde, certifyErrorBound, gaussianMixture, perturbScore, theorySchedule } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [0.1, 0.1] });
 * const model = perturbScore(mixture, key(0), { l2: 0.05 });
 * certifyErrorBound(acceleratedOde, model, mixture, key(1), theorySchedule(100, { c0: 1 })).holds; // => true
 * ```
 * @see Li, Wei, Chi, Chen (2024), "A sharp convergence theory for the probability flow ODEs of diffusion models", theorem 1
 * @category Certificates
 */
export function certifyErrorBound<Row>(
  sampler: Sampler<Row>,
  model: Model,
  mixture: GaussianMixture,
  key: RngKey,
  schedule: Schedule,
  options: ScoreErrorOptions = {},
): Certificate {
  const { order } = checkSampler("certifyErrorBound", sampler);
  if (order === undefined)
    throw new DomainError(`certifyErrorBound: theory gives ${sampler.name} no order`);
  const { score, jacobian, flowVariation } = errorsOf(
    "certifyErrorBound",
    model,
    mixture,
    key,
    schedule,
    options,
  );
  const moved = sampler.numNoises === 0 ? flowVariation : 2 * flowVariation;
  const [exponent] = order.expected;
  const longest = schedule.beta.reduce((a, b) => Math.max(a, b), 0);
  const bound = 2 * (longest ** exponent + moved);
  const value = marginalTv1d(sampler, mixture, schedule, { model });
  return certificate({
    claim:
      "total variation between the distributions of the sampler's end point and of the data with its first noise",
    kind: "measured",
    value,
    expected: [0, bound],
    verdict: value <= bound,
    note: `bound 2 (${longest.toPrecision(3)}^${exponent} + ${moved.toPrecision(3)}) at score error ${score.toPrecision(3)}, Jacobian error ${jacobian.toPrecision(3)}; the constant is ours`,
  });
}
