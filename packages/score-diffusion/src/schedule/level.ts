/** Noise levels: where between data and noise a point lies. */
import { type ArrayInput, DomainError, type NdArray, add, mul } from "@provably/core-tensor";
import {
  check,
  finiteNumber,
  nonNegativeNumber,
  numberIn,
  recordOf,
} from "@provably/core-tensor/internal";

/**
 * A noise level: points there are $x = \alpha x_0 + \sigma \varepsilon$ with $\varepsilon \sim N(0, I)$.
 *
 * A level carries no step number: a network that knows levels by their steps finds the step itself, by the schedule that it was trained on; see {@link stepModel}.
 * @category Schedules
 */
export interface NoiseLevel {
  /** Factor of the data, in (0, 1] for variance-preserving levels. */
  readonly alpha: number;
  /** Standard deviation of the noise, ≥ 0. */
  readonly sigma: number;
}

const LEVEL = recordOf<NoiseLevel>({ alpha: nonNegativeNumber, sigma: nonNegativeNumber });

/** A level of finite factors, neither below 0, for functions that take one. */
export function checkLevel(fn: string, level: NoiseLevel, name = "level"): NoiseLevel {
  const { alpha, sigma } = check(fn, name, level, LEVEL);
  if (alpha + sigma === 0)
    throw new DomainError(`${fn}: ${name}.alpha and ${name}.sigma must not both be 0`);
  return level;
}

/**
 * The variance-preserving level with the given signal power, $\alpha = \sqrt{\bar\alpha}$, $\sigma = \sqrt{1 - \bar\alpha}$.
 *
 * @param alphaBar - $\bar\alpha \in [0, 1]$
 * @returns level
 * @throws `DomainError` when `alphaBar` is outside $[0, 1]$
 * @example
 * ```ts
 * import { levelOf } from "@provably/score-diffusion";
 *
 * levelOf(0.64).alpha; // => 0.8
 * ```
 * @category Schedules
 */
export function levelOf(alphaBar: number): NoiseLevel {
  check("levelOf", "alphaBar", alphaBar, numberIn(0, 1));
  return { alpha: Math.sqrt(alphaBar), sigma: Math.sqrt(1 - alphaBar) };
}

/**
 * The variance-preserving level with the given log signal-to-noise ratio $\lambda = \ln(\alpha/\sigma)$.
 *
 * @param lambda - any finite number; large is clean
 * @returns level with $\alpha^2 = 1/(1 + e^{-2\lambda})$, $\sigma^2 = 1 - \alpha^2$ computed without cancellation
 * @throws `DomainError` when `lambda` is not finite
 * @example
 * ```ts
 * import { levelOfLambda } from "@provably/score-diffusion";
 *
 * levelOfLambda(0).sigma; // => 0.7071067811865476
 * ```
 * @category Schedules
 */
export function levelOfLambda(lambda: number): NoiseLevel {
  check("levelOfLambda", "lambda", lambda, finiteNumber);
  return {
    alpha: 1 / Math.sqrt(1 + Math.exp(-2 * lambda)),
    sigma: 1 / Math.sqrt(1 + Math.exp(2 * lambda)),
  };
}

/**
 * The variance-preserving level with the given noise-to-signal ratio $\sigma/\alpha$, the noise that variance-exploding samplers speak of.
 *
 * @param ratio - $\sigma/\alpha \ge 0$
 * @returns level
 * @throws `DomainError` when the ratio is negative or not finite
 * @example
 * ```ts
 * import { levelOfSigma } from "@provably/score-diffusion";
 *
 * levelOfSigma(0.75).alpha; // => 0.8
 * ```
 * @category Schedules
 */
export function levelOfSigma(ratio: number): NoiseLevel {
  check("levelOfSigma", "ratio", ratio, nonNegativeNumber);
  const alpha = 1 / Math.hypot(1, ratio);
  return { alpha, sigma: ratio * alpha };
}

/**
 * Half the log signal-to-noise ratio, $\lambda = \ln(\alpha/\sigma)$; the ratio itself is $e^{2\lambda}$.
 *
 * @param level - any noise level
 * @returns $\lambda$; infinite for the data, minus infinity for pure noise
 * @example
 * ```ts
 * import { lambdaOf, levelOf } from "@provably/score-diffusion";
 *
 * lambdaOf(levelOf(0.5)); // => 0
 * ```
 * @category Schedules
 */
export function lambdaOf(level: NoiseLevel): number {
  const { alpha, sigma } = checkLevel("lambdaOf", level);
  // a noise of −0 is none, not an infinite one of the other sign
  return Math.log(alpha / Math.abs(sigma));
}

/**
 * Clean points brought to a noise level, $x = \alpha x_0 + \sigma\varepsilon$: the start of a run that changes an image instead of making one.
 *
 * @param x0 - clean points, shape `[n, …]`
 * @param noise - $\varepsilon$, standard normal, of the same shape
 * @param level - where to
 * @returns array of the same shape
 * @throws `ShapeError` of core-tensor when the shapes do not fit
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { full } from "@provably/core-tensor";
 * import { addNoise, gaussian, levelAt, sample, theorySchedule, truncateSchedule } from "@provably/score-diffusion";
 * import { ddim } from "@provably/score-diffusion/samplers";
 *
 * // start from an image at step 12 of 40 instead of from noise
 * const distribution = gaussian({ mean: [0, 0], covariance: [[1, 0], [0, 1]] });
 * const schedule = truncateSchedule(theorySchedule(40), 12);
 * const start = addNoise(full([1, 2], 0.5), normal(key(0), [1, 2]), levelAt(schedule, 12));
 * sample(ddim(), distribution, key(1), { start, schedule }).numEvaluations; // => 12
 * ```
 * @see Meng et al. (2022), "SDEdit: guided image synthesis and editing with stochastic differential equations"
 * @category Schedules
 */
export function addNoise(x0: ArrayInput, noise: ArrayInput, level: NoiseLevel): NdArray {
  const { alpha, sigma } = checkLevel("addNoise", level);
  return add(mul(alpha, x0), mul(sigma, noise));
}
