/** Manifold constrained gradient: DPS with a projection onto the measurement after every step. */
import { type ArrayInput, add, mul, sub } from "@provably/core-tensor";
import { checkOptions } from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normalRows } from "@provably/core-tensor/random";
import { type ForwardModel, likelihoodOf } from "../forward/forward-model.js";
import { ddpmAncestral } from "../samplers/ddpm-ancestral.js";
import { combine } from "../sampler/sampler.js";
import { denoised } from "../score/denoiser.js";
import type { Model } from "../score/prediction.js";
import { GUIDANCE, type GuidanceOptions, misfit } from "./dps.js";
import { type Reconstruction, reconstructByDerivatives, scheduleFor } from "./reconstruction.js";
import { pseudoInverse, spectral } from "./spectral.js";

/**
 * MCG: the step of {@link dps}, and then the measured part of the point replaced by the measurement at the same noise,
 * $x \leftarrow x + A^+(\alpha y + \sigma z - Ax)$.
 *
 * Made for measurements without noise: the projection takes $y$ for exact.
 *
 * @param forward - linear forward model with Gaussian noise, whose operator knows its spectrum
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - exact score, or network that can be differentiated
 * @param key - random key
 * @param options - see {@link GuidanceOptions}; 1000 steps by default
 * @returns see {@link Reconstruction}
 * @throws `DomainError` when the forward model does not fit, an option is out of range, or points or predictions are not finite
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, inpainting } from "@provably/score-diffusion";
 * import { mcg } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1], means: [[0, 0]], variances: [1] });
 * mcg(gaussianNoise(inpainting([1, 0]), 0.1), [0.7], prior, key(0), { numSamples: 1, numSteps: 50 }).samples.get(0, 0).toFixed(3); // => "0.700"
 * ```
 * @see Chung, Sim, Ryu, Ye (2022), "Improving diffusion models for inverse problems using manifold constraints", eq. 14 and 15
 * @category Baselines
 */
export function mcg(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: GuidanceOptions,
): Reconstruction {
  const { scale = 1, firstRow = 0 } = checkOptions<GuidanceOptions>("mcg", options, GUIDANCE);
  const {
    operator,
    normalFunction,
    y: measured,
  } = spectral("mcg", likelihoodOf("mcg", forward, y));
  const inverse = pseudoInverse(operator);
  const rows = ddpmAncestral().table(scheduleFor("mcg", model, options, 1000), {});
  return reconstructByDerivatives("mcg", [forward, y, model, key, options], {
    total: rows.length,
    step(i, { x, model, likelihood, draw }) {
      const { level, to, clean, carry, noise } = rows[i]!;
      const prediction = denoised(model, x, level);
      const pull = prediction.pullback(misfit("mcg", likelihood, prediction.clean).slope);
      const moved = sub(
        add(combine(clean, prediction.clean, carry, x), mul(noise, draw("z"))),
        mul(scale, pull),
      );
      const z = normalRows(foldIn(foldIn(key, i), "y"), [x.shape[0]!, operator.outputSize], {
        dtype: "float64",
        firstRow,
      });
      const noisy = combine(to.alpha, measured, to.sigma, z);
      return {
        x: add(moved, normalFunction(inverse, operator.adjoint(sub(noisy, operator.apply(moved))))),
      };
    },
  });
}
