/** Denoising diffusion null-space model: the measured part of every prediction is replaced by the measurement. */
import { type ArrayInput, add, mul, sub } from "@provably/core-tensor";
import { checkOptions } from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import { type ForwardModel, likelihoodOf } from "../forward/forward-model.js";
import { transitions } from "../sampler/steps.js";
import { type AsyncModel, type Model, convertPrediction } from "../score/prediction.js";
import { type SpectralOptions, SPECTRAL } from "./ddrm.js";
import {
  type Method,
  type Reconstruction,
  reconstruct,
  reconstructAsync,
  scheduleFor,
} from "./reconstruction.js";
import { isMeasured, spectral } from "./spectral.js";

/** The steps of {@link ddnm}. */
function ddnmMethod(
  fn: string,
  forward: ForwardModel,
  y: ArrayInput,
  model: Model | AsyncModel,

  options: SpectralOptions,
): Method {
  const { eta = 0.85 } = checkOptions<SpectralOptions>(fn, options, SPECTRAL);
  const {
    operator,
    sigma,
    y: measured,
    normalFunction,
  } = spectral(fn, likelihoodOf(fn, forward, y));
  const rows = transitions(scheduleFor(fn, model, options, 100), {});
  return {
    total: rows.length,
    *step(i, { x, draw }) {
      const { level, to } = rows[i]!;
      const clean = yield { x, level, want: "x0" };
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
  };
}

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
  const fn = "ddnm";
  return reconstruct(
    fn,
    [forward, y, model, key, options],
    ddnmMethod(fn, forward, y, model, options),
  );
}

/**
 * {@link ddnm} with a model that answers later: an ONNX network, or one on a GPU.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - network whose `evaluate` returns a promise
 * @param key - random key
 * @param options - see {@link SpectralOptions}
 * @returns promise of a {@link Reconstruction}; rejects with `signal.reason` when aborted
 * @throws `DomainError` and `ShapeError` as {@link ddnm} does
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { ddnmAsync } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const later = { prediction: prior.prediction, evaluate: async (x, level) => prior.evaluate(x, level) };
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * (await ddnmAsync(forward, [1.8], later, key(0), { numSamples: 1 })).samples.get(0, 0) > 1; // => true
 * ```
 * @category Baselines
 */
export async function ddnmAsync(
  forward: ForwardModel,
  y: ArrayInput,
  model: AsyncModel,
  key: RngKey,
  options: SpectralOptions,
): Promise<Reconstruction> {
  const fn = "ddnmAsync";
  return reconstructAsync(
    fn,
    [forward, y, model, key, options],
    ddnmMethod(fn, forward, y, model, options),
  );
}
