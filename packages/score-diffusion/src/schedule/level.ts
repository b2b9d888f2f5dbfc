/** Noise levels: where between data and noise a point lies. */
import { DomainError } from "@provably/core-tensor";

/**
 * A noise level: points there are $x = \alpha x_0 + \sigma \varepsilon$ with $\varepsilon \sim N(0, I)$.
 * @category Schedules
 */
export interface NoiseLevel {
  /** Factor of the data, in (0, 1] for variance-preserving levels. */
  readonly alpha: number;
  /** Standard deviation of the noise, ≥ 0. */
  readonly sigma: number;
  /** Step number that a trained network wants to know; counted from 1, 0 is the data. */
  readonly t: number;
}

/**
 * The variance-preserving level with the given signal power, $\alpha = \sqrt{\bar\alpha}$, $\sigma = \sqrt{1 - \bar\alpha}$.
 *
 * @param alphaBar - $\bar\alpha \in [0, 1]$
 * @param t - step number; default 0
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
export function levelOf(alphaBar: number, t = 0): NoiseLevel {
  if (!(alphaBar >= 0 && alphaBar <= 1)) throw new DomainError(`levelOf: alphaBar must be in [0, 1], got ${alphaBar}`);
  return { alpha: Math.sqrt(alphaBar), sigma: Math.sqrt(1 - alphaBar), t };
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
  if (!Number.isFinite(lambda)) throw new DomainError(`levelOfLambda: lambda must be finite, got ${lambda}`);
  return { alpha: 1 / Math.sqrt(1 + Math.exp(-2 * lambda)), sigma: 1 / Math.sqrt(1 + Math.exp(2 * lambda)), t: 0 };
}
