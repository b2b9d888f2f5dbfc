/** Denoising diffusion restoration: each singular direction takes as much of the measurement as its noise allows. */
import { type ArrayInput, add, mul, sub } from "@provably/core-tensor";
import { checkOptions, numberIn } from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import { type ForwardModel, likelihoodOf } from "../forward/forward-model.js";
import { transitions } from "../sampler/steps.js";
import { type AsyncModel, type Model } from "../score/prediction.js";
import {
  type Method,
  type Reconstruction,
  SCHEDULED,
  type ScheduledOptions,
  reconstruct,
  reconstructAsync,
  scheduleFor,
} from "./reconstruction.js";
import { isMeasured, spectral } from "./spectral.js";

/**
 * Options of {@link ddrm} and {@link ddnm}.
 * @category Baselines
 */
export interface SpectralOptions extends ScheduledOptions {
  /** Fresh noise $\eta \in [0, 1]$ in every step, as a share of its standard deviation; default 0.85. */
  readonly eta?: number;
}

export const SPECTRAL = { ...SCHEDULED, eta: numberIn(0, 1) };

/** The steps of {@link ddrm}. */
function ddrmMethod(
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
  const rows = transitions(scheduleFor(fn, model, options, 20), {});
  const keep = Math.sqrt(1 - eta * eta);
  return {
    total: rows.length,
    *step(i, { x, draw }) {
      const { level, to } = rows[i]!;
      const clean = yield { x, level, want: "x0" };
      const [now, next] = [level.sigma / level.alpha, to.sigma / to.alpha];
      const measurable = (eigenvalue: number): boolean => isMeasured(operator, eigenvalue);
      const noiseOf = (eigenvalue: number): number => sigma / Math.sqrt(eigenvalue);
      const toMeasurement = (eigenvalue: number): number =>
        measurable(eigenvalue)
          ? (noiseOf(eigenvalue) <= next ? 1 : (keep * next) / noiseOf(eigenvalue)) / eigenvalue
          : 0;
      const toPoint = (eigenvalue: number): number =>
        measurable(eigenvalue) ? 0 : (keep * next) / now;
      const fresh = (eigenvalue: number): number =>
        measurable(eigenvalue) && noiseOf(eigenvalue) <= next
          ? Math.sqrt(next ** 2 - noiseOf(eigenvalue) ** 2)
          : eta * next;
      const moved = add(
        add(
          clean,
          normalFunction(toMeasurement, operator.adjoint(sub(measured, operator.apply(clean)))),
        ),
        add(
          normalFunction(toPoint, sub(mul(1 / level.alpha, x), clean)),
          normalFunction(fresh, draw("z")),
        ),
      );
      return { x: mul(to.alpha, moved) };
    },
  };
}

/**
 * DDRM: in the singular directions of $A$, with noise $s_k = \sigma_k/\alpha_k$ of the level and $\sigma/s$ of the measured coordinate $\bar y$ at singular value $s$, the
 * next point is
 *
 * - $\bar y$ with noise filled up to $s_{k-1}$ where $\sigma/s \le s_{k-1}$,
 * - $\hat x_0 + \sqrt{1 - \eta^2}\, s_{k-1}(\bar y - \hat x_0)/(\sigma/s) + \eta s_{k-1} z$ where it is greater,
 * - $\hat x_0 + \sqrt{1 - \eta^2}\, s_{k-1}(x - \hat x_0)/s_k + \eta s_{k-1} z$ where nothing is measured.
 *
 * One evaluation a step, no derivatives.
 *
 * @param forward - linear forward model with Gaussian noise, whose operator knows its spectrum
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - exact score or network
 * @param key - random key
 * @param options - see {@link SpectralOptions}; 20 steps by default
 * @returns see {@link Reconstruction}
 * @throws `DomainError` when the forward model does not fit, an option is out of range, or points are not finite
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, inpainting } from "@provably/score-diffusion";
 * import { ddrm } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1], means: [[0, 0]], variances: [1] });
 * const { numEvaluations } = ddrm(gaussianNoise(inpainting([1, 0]), 0.1), [0.7], prior, key(0), { numSamples: 4 });
 * numEvaluations; // => 20
 * ```
 * @see Kawar, Elad, Ermon, Song (2022), "Denoising diffusion restoration models", eq. 7 and 8, with $\eta_b = 1$
 * @category Baselines
 */
export function ddrm(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: SpectralOptions,
): Reconstruction {
  const fn = "ddrm";
  return reconstruct(
    fn,
    [forward, y, model, key, options],
    ddrmMethod(fn, forward, y, model, options),
  );
}

/**
 * {@link ddrm} with a model that answers later: an ONNX network, or one on a GPU.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - network whose `evaluate` returns a promise
 * @param key - random key
 * @param options - see {@link SpectralOptions}
 * @returns promise of a {@link Reconstruction}; rejects with `signal.reason` when aborted
 * @throws `DomainError` and `ShapeError` as {@link ddrm} does
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { ddrmAsync } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const later = { prediction: prior.prediction, evaluate: async (x, level) => prior.evaluate(x, level) };
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * (await ddrmAsync(forward, [1.8], later, key(0), { numSamples: 1 })).samples.get(0, 0) > 1; // => true
 * ```
 * @category Baselines
 */
export async function ddrmAsync(
  forward: ForwardModel,
  y: ArrayInput,
  model: AsyncModel,
  key: RngKey,
  options: SpectralOptions,
): Promise<Reconstruction> {
  const fn = "ddrmAsync";
  return reconstructAsync(
    fn,
    [forward, y, model, key, options],
    ddrmMethod(fn, forward, y, model, options),
  );
}
