/** Denoising diffusion null-space model: the measured part of every prediction is replaced by the measurement. */
import { type ArrayInput, add, mul, sub } from "@provably/core-tensor";
import { checkOptions } from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import { type ForwardModel, likelihoodOf } from "../forward/forward-model.js";
import { transitions } from "../sampler/steps.js";
import { type Model, convertPrediction, predict } from "../score/prediction.js";
import { type SpectralOptions, SPECTRAL } from "./ddrm.js";
import { type Reconstruction, reconstruct, scheduleFor } from "./reconstruction.js";
import { isMeasured, spectral } from "./spectral.js";

/**
 * DDNM, in its form for noisy measurements (DDNM+): $\hat x_0' = \hat x_0 + \Sigma A^+(y - A\hat x_0)$, then a DDIM step. $\Sigma$ is 1 in directions where the step's own
 * noise hides that of the measurement, and shrinks to hide it elsewhere.
 *
 * One evaluation a step, no derivatives.
 *
 * @param forward - linear forward model with Gaussian noise, whose operator knows its spectrum
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - exact score or network
 * @param key - random key
 * @param options - see {@link SpectralOptions}; 100 steps by default
 * @returns see {@link Reconstruction}
 * @throws `DomainError` when the forward model does not fit, an option is out of range, or points are not finite
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, inpainting } from "@provably/score-diffusion";
 * import { ddnm } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1], means: [[0, 0]], variances: [1] });
 * ddnm(gaussianNoise(inpainting([1, 0]), 1e-3), [0.7], prior, key(0), { numSamples: 1 }).samples.get(0, 0).toFixed(1); // => "0.7"
 * ```
 * @see Wang, Yu, Zhang (2023), "Zero-shot image restoration using denoising diffusion null-space model", eq. 17 to 19
 * @category Baselines
 */
export function ddnm(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: SpectralOptions,
): Reconstruction {
  const { eta = 0.85 } = checkOptions<SpectralOptions>("ddnm", options, SPECTRAL);
  const {
    operator,
    sigma,
    y: measured,
    normalFunction,
  } = spectral("ddnm", likelihoodOf("ddnm", forward, y));
  const rows = transitions(scheduleFor("ddnm", model, options, 100), {});
  return reconstruct("ddnm", forward, y, model, key, options, {
    total: rows.length,
    step(i, { x, model, draw }) {
      const { level, to } = rows[i]!;
      const clean = predict("ddnm", model, x, level, "x0");
      const eps = convertPrediction(clean, "x0", "eps", x, level);
      const fresh = eta * to.sigma;
      // noise that the measurement brings into the next point when it is taken fully
      const brought = (eigenvalue: number): number => (to.alpha * sigma) / Math.sqrt(eigenvalue);
      const share = (eigenvalue: number): number =>
        isMeasured(operator, eigenvalue) ? Math.min(1, fresh / brought(eigenvalue)) : 0;
      const rest = (eigenvalue: number): number =>
        isMeasured(operator, eigenvalue)
          ? Math.sqrt(Math.max(0, fresh ** 2 - (share(eigenvalue) * brought(eigenvalue)) ** 2))
          : fresh;
      const residual = operator.adjoint(sub(measured, operator.apply(clean)));
      const consistent = add(
        clean,
        normalFunction(
          (eigenvalue) => (share(eigenvalue) === 0 ? 0 : share(eigenvalue) / eigenvalue),
          residual,
        ),
      );
      const direction = add(
        mul(to.sigma * Math.sqrt(1 - eta * eta), eps),
        normalFunction(rest, draw("z")),
      );
      return { x: add(mul(to.alpha, consistent), direction) };
    },
  });
}
