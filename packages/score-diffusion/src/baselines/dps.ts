/** Diffusion posterior sampling: ancestral sampling, pulled towards the measurement through the denoiser. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  add,
  div,
  expandDims,
  item,
  maximum,
  min,
  mul,
  sqrt,
  sub,
} from "@provably/core-tensor";
import { checkOptions, positiveNumber } from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import type { ForwardModel, Likelihood } from "../forward/forward-model.js";
import { ddpmAncestral } from "../samplers/ddpm-ancestral.js";
import { combine } from "../sampler/sampler.js";
import { denoised } from "../score/denoiser.js";
import type { Model } from "../score/prediction.js";
import {
  type Reconstruction,
  SCHEDULED,
  type ScheduledOptions,
  reconstructByDerivatives,
  scheduleFor,
} from "./reconstruction.js";

/**
 * Options of {@link dps} and {@link lgdMc}.
 * @category Baselines
 */
export interface GuidanceOptions extends ScheduledOptions {
  /** Length $\zeta$ of the pull in every step; default 1. With fewer than 1000 steps longer pulls are needed. */
  readonly scale?: number;
}

export const GUIDANCE = { ...SCHEDULED, scale: positiveNumber };

const TINY = 1e-12;

/** How much a measurement is missed, [n]: ‖y − A(x)‖ for Gaussian noise, √(−2L) else; and its gradient, [n, d]. */
export function misfit(
  fn: string,
  likelihood: Likelihood,
  x: NdArray,
): { value: NdArray; slope: NdArray } {
  const sigma = likelihood.gaussian?.sigma ?? 1;
  const logLikelihood = likelihood.logLikelihood(x);
  if (logLikelihood.size > 0 && item(min(mul(-1, logLikelihood))) < -1e-9)
    throw new DomainError(
      `${fn}: logLikelihood must not exceed 0 to be a misfit; subtract its greatest value`,
    );
  const value = mul(sigma, sqrt(maximum(0, mul(-2, logLikelihood))));
  return {
    value,
    slope: mul(-sigma * sigma, div(likelihood.score(x), expandDims(maximum(TINY, value), 1))),
  };
}

/**
 * DPS: the ancestral step, minus $\zeta\,\nabla_{x_t}\|y - A(\hat x_0(x_t))\|$, the norm and not its square. For noise that is not Gaussian the norm is
 * $\sqrt{-2\mathcal L}$.
 *
 * It takes the likelihood at the expected clean point for the expected likelihood; its samples do not follow the posterior, and how far they are from it
 * depends on $\zeta$. Here to be measured against `dpnp`.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - exact score, or network that can be differentiated
 * @param key - random key
 * @param options - see {@link GuidanceOptions}; 1000 steps by default
 * @returns see {@link Reconstruction}
 * @throws `DomainError` when an option is out of range, or points or predictions are not finite
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { dps } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * dps(forward, [1.8], prior, key(0), { numSamples: 1, numSteps: 100, scale: 0.3 }).samples.get(0, 0) > 1; // => true
 * ```
 * @see Chung, Kim, McCann, Klasky, Ye (2023), "Diffusion posterior sampling for general noisy inverse problems", algorithms 1 and 2
 * @category Baselines
 */
export function dps(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: GuidanceOptions,
): Reconstruction {
  const { scale = 1 } = checkOptions<GuidanceOptions>("dps", options, GUIDANCE);
  const rows = ddpmAncestral().table(scheduleFor("dps", model, options, 1000), {});
  return reconstructByDerivatives("dps", [forward, y, model, key, options], {
    total: rows.length,
    step(i, { x, model, likelihood, draw }) {
      const { level, clean, carry, noise } = rows[i]!;
      const prediction = denoised(model, x, level);
      const pull = prediction.pullback(misfit("dps", likelihood, prediction.clean).slope);
      const moved = add(combine(clean, prediction.clean, carry, x), mul(noise, draw("z")));
      return { x: sub(moved, mul(scale, pull)) };
    },
  });
}
