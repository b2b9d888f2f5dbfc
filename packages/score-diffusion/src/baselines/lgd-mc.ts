/** Loss-guided diffusion with Monte Carlo: DPS with the likelihood averaged over places around the expected clean point. */
import {
  type ArrayInput,
  type NdArray,
  add,
  div,
  exp,
  expandDims,
  log,
  max,
  maximum,
  mean,
  mul,
  sqrt,
  stack,
  sub,
  sum,
} from "@provably/core-tensor";
import {
  anyFunction,
  checkOptions,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import type { ForwardModel, Likelihood } from "../forward/forward-model.js";
import { ddpmAncestral } from "../samplers/ddpm-ancestral.js";
import { combine } from "../sampler/sampler.js";
import { denoised } from "../score/denoiser.js";
import type { NoiseLevel } from "../schedule/level.js";
import type { Model } from "../score/prediction.js";
import { GUIDANCE, type GuidanceOptions } from "./dps.js";
import { type Reconstruction, reconstructByDerivatives, scheduleFor } from "./reconstruction.js";

/**
 * Options of {@link lgdMc}.
 * @category Baselines
 */
export interface LgdMcOptions extends GuidanceOptions {
  /** Places around the expected clean point; default 5. */
  readonly numDraws?: number;
  /** Their standard deviation at a noise level; default $\sigma/\sqrt{\alpha^2 + \sigma^2}$, the published $r_t$. */
  readonly spread?: (level: NoiseLevel) => number;
  /** Weight $\lambda$ of the squared misfit in the exponent; default 1e-3. */
  readonly sharpness?: number;
}

const OPTIONS = {
  ...GUIDANCE,
  numDraws: wholeNumber(1),
  spread: anyFunction,
  sharpness: positiveNumber,
};

const TINY = 1e-12;

/** √(−ln mean e^{−λq} / λ) over places, q the squared misfit of each: its gradient in the point that they surround. */
function slopeOver(likelihood: Likelihood, places: readonly NdArray[], sharpness: number): NdArray {
  const factor = 2 * (likelihood.gaussian?.sigma ?? 1) ** 2;
  const exponents = stack(
    places.map((place) => mul(sharpness * factor, likelihood.logLikelihood(place))),
  );
  const peak = max(exponents, { axis: 0 });
  const weights = exp(sub(exponents, peak));
  const average = add(peak, log(mean(weights, { axis: 0 })));
  const value = sqrt(maximum(TINY, mul(-1 / sharpness, average)));
  const shares = expandDims(div(weights, sum(weights, { axis: 0 })), 2);
  const slope = sum(mul(shares, stack(places.map((place) => likelihood.score(place)))), {
    axis: 0,
  });
  return mul(-factor / 2, div(slope, expandDims(value, 1)));
}

/**
 * LGD-MC: the ancestral step, minus $\zeta\,\nabla_{x_t}\sqrt{-\tfrac1\lambda\ln\tfrac1n\sum_i e^{-\lambda\|y - A(\hat x_0(x_t) + r_t\varepsilon_i)\|^2}}$.
 *
 * With one place and $r_t = 0$ it is {@link dps}. The factor $1/\lambda$ makes scales of the two comparable.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - exact score, or network that can be differentiated
 * @param key - random key
 * @param options - see {@link LgdMcOptions}; 1000 steps by default
 * @returns see {@link Reconstruction}
 * @throws `DomainError` when an option is out of range, or points or predictions are not finite
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { lgdMc } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * lgdMc(forward, [1.8], prior, key(0), { numSamples: 1, numSteps: 100, scale: 0.3 }).samples.get(0, 0) > 1; // => true
 * ```
 * @see Song, Zhang, Yin, Mardani, Liu, Kautz, Chen, Vahdat (2023), "Loss-guided diffusion models for plug-and-play controllable generation", eq. 9
 * @category Baselines
 */
export function lgdMc(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: LgdMcOptions,
): Reconstruction {
  const {
    scale = 1,
    numDraws = 5,
    sharpness = 1e-3,
  } = checkOptions<LgdMcOptions>("lgdMc", options, OPTIONS);
  const { spread = ({ alpha, sigma }: NoiseLevel): number => sigma / Math.hypot(alpha, sigma) } =
    options;
  const rows = ddpmAncestral().table(scheduleFor("lgdMc", model, options, 1000), {});
  return reconstructByDerivatives("lgdMc", [forward, y, model, key, options], {
    total: rows.length,
    step(i, { x, model, likelihood, draw }) {
      const { level, clean, carry, noise } = rows[i]!;
      const prediction = denoised(model, x, level);
      const width = spread(level);
      const places = Array.from({ length: numDraws }, (_, j) =>
        add(prediction.clean, mul(width, draw(`place ${j}`))),
      );
      const pull = prediction.pullback(slopeOver(likelihood, places, sharpness));
      const moved = add(combine(clean, prediction.clean, carry, x), mul(noise, draw("z")));
      return { x: sub(moved, mul(scale, pull)) };
    },
  });
}
