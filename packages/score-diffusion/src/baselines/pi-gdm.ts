/** Pseudo-inverse guidance: DPS with the uncertainty of the clean point taken into account. */
import { type ArrayInput, DomainError, type NdArray, add, mul } from "@provably/core-tensor";
import { checkOptions, numberIn } from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import { type ForwardModel, type Likelihood, likelihoodOf } from "../forward/forward-model.js";
import { conjugateGradients } from "../posterior/pcs-gaussian.js";
import { ddim } from "../samplers/ddim.js";
import { combine } from "../sampler/sampler.js";
import { denoised } from "../score/denoiser.js";
import { type Model, convertPrediction } from "../score/prediction.js";
import {
  type Reconstruction,
  SCHEDULED,
  type ScheduledOptions,
  reconstructByDerivatives,
  scheduleFor,
} from "./reconstruction.js";

const OPTIONS = { ...SCHEDULED, eta: numberIn(0, 1) };

/**
 * Options of {@link piGdm}.
 * @category Baselines
 */
export interface PiGdmOptions extends ScheduledOptions {
  /** Noise of the DDIM steps, from 0 to 1; default 1. */
  readonly eta?: number;
}

/** ∇ ln of the likelihood of N(x, r²I), for a likelihood taken as Gaussian around x: (I + r²F)⁻¹ ∇L(x) with its information F. */
function blurredScore(likelihood: Likelihood, x: NdArray, variance: number): NdArray {
  const score = likelihood.score(x);
  const { linear } = likelihood;
  if (linear?.operator.normalFunction !== undefined)
    return linear.operator.normalFunction(
      (eigenvalue) => 1 / (1 + (variance * eigenvalue) / linear.sigma ** 2),
      score,
    );
  const apply = (v: NdArray): NdArray => add(v, mul(variance, likelihood.information!(x, v)));
  return conjugateGradients("piGdm", apply, score, 1e-6, 500);
}

/**
 * ΠGDM: DDIM steps plus $\alpha_t r_t^2\,\nabla_{x_t}\ln N(y;\ A\hat x_0,\ r_t^2 AA^\top + \sigma^2 I)$ with $r_t^2 = \sigma_t^2/(\alpha_t^2 + \sigma_t^2)$: the clean
 * point is taken as normal around its expectation.
 *
 * Published for linear measurements and some others with a pseudo-inverse. Here any likelihood with an `information` $F$ will do: the gradient is
 * $(\partial\hat x_0/\partial x_t)^\top (I + r_t^2 F)^{-1}\nabla\mathcal L(\hat x_0)$, equal to the published one where $F = A^\top A/\sigma^2$.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - exact score, or network that can be differentiated
 * @param key - random key
 * @param options - see {@link PiGdmOptions}; 100 steps by default
 * @returns see {@link Reconstruction}
 * @throws `DomainError` when the likelihood has no `information`, an option is out of range, or points or predictions are not finite
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { piGdm } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * piGdm(gaussianNoise(identityOperator(1), 0.5), [1.8], prior, key(0), { numSamples: 1 }).samples.get(0, 0) > 1; // => true
 * ```
 * @see Song, Vahdat, Mardani, Kautz (2023), "Pseudoinverse-guided diffusion models for inverse problems", eq. 7 and algorithm 1
 * @category Baselines
 */
export function piGdm(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: PiGdmOptions,
): Reconstruction {
  const { eta = 1 } = checkOptions<PiGdmOptions>("piGdm", options, OPTIONS);
  const rows = ddim({ eta }).table(scheduleFor("piGdm", model, options, 100), {});
  const likelihood = likelihoodOf("piGdm", forward, y);
  if (
    likelihood.information === undefined &&
    likelihood.linear?.operator.normalFunction === undefined
  )
    throw new DomainError(
      `piGdm: the likelihood of ${forward.name} has no information; give forwardModel one`,
    );
  return reconstructByDerivatives("piGdm", [forward, y, model, key, options], {
    total: rows.length,
    step(i, { x, model, likelihood, draw }) {
      const { level, clean, direction, noise } = rows[i]!;
      const { alpha, sigma } = level;
      const variance = sigma ** 2 / (alpha ** 2 + sigma ** 2);
      const prediction = denoised(model, x, level);
      const eps = convertPrediction(prediction.clean, "x0", "eps", x, level);
      const pull = prediction.pullback(blurredScore(likelihood, prediction.clean, variance));
      const moved = add(combine(clean, prediction.clean, direction, eps), mul(noise, draw("z")));
      return { x: add(moved, mul(alpha * variance, pull)) };
    },
  });
}
