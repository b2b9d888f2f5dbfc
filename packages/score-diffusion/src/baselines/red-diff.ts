/** Regularisation by denoising diffusion: one point, optimised against the measurement and the denoiser at falling noise. */
import { type ArrayInput, type NdArray, add, mul, sub, zeros } from "@provably/core-tensor";
import { checkOptions, positiveNumber } from "@provably/core-tensor/internal";
import { adam } from "@provably/core-tensor/optim";
import type { RngKey } from "@provably/core-tensor/random";
import { type ForwardModel, checkForward } from "../forward/forward-model.js";
import { transitions } from "../sampler/steps.js";
import { combine } from "../sampler/sampler.js";
import { type AsyncModel, type Model } from "../score/prediction.js";
import { proximalPoint } from "./diff-pir.js";
import {
  type Method,
  type Reconstruction,
  SCHEDULED,
  type ScheduledOptions,
  reconstruct,
  reconstructAsync,
  scheduleFor,
} from "./reconstruction.js";

const OPTIONS = { ...SCHEDULED, lambda: positiveNumber, learningRate: positiveNumber };

/**
 * Options of {@link redDiff}.
 * @category Baselines
 */
export interface RedDiffOptions extends ScheduledOptions {
  /** Weight of the denoiser against the measurement; default 0.25. */
  readonly lambda?: number;
  /** Step size of Adam; default 0.1. */
  readonly learningRate?: number;
}

/** The steps of {@link redDiff}. */
function redDiffMethod(
  fn: string,
  forward: ForwardModel,
  y: ArrayInput,
  model: Model | AsyncModel,

  options: RedDiffOptions,
): Method {
  const { lambda = 0.25, learningRate = 0.1 } = checkOptions<RedDiffOptions>(fn, options, OPTIONS);
  const rows = transitions(scheduleFor(fn, model, options, 1000), {});
  const { inputSize: d, outputSize: m } = checkForward(fn, forward);
  const optimizer = adam(learningRate, { beta2: 0.99 });
  return {
    total: rows.length,
    begin(x, likelihood) {
      // a linear measurement is inverted, gently; else a little noise, which tells the points apart
      const first =
        likelihood.linear === undefined
          ? mul(0.1, x)
          : proximalPoint(fn, likelihood, mul(0, x), 1e3 * likelihood.linear.sigma ** 2, 0);
      return {
        x: first,
        memory: [zeros(x.shape, { dtype: "float64" }), zeros(x.shape, { dtype: "float64" })],
      };
    },
    *step(i, { x, memory, likelihood, draw }) {
      const { level } = rows[i]!;
      const eps = draw("z");
      const noisy = combine(level.alpha, x, level.sigma, eps);
      const predicted = yield { x: noisy, level, want: "eps" };
      const sigma = likelihood.gaussian?.sigma ?? 1;
      const fit = mul(-(sigma ** 2) / m, likelihood.score(x));
      const gradient = add(
        fit,
        mul((lambda * level.sigma) / (level.alpha * d), sub(predicted, eps)),
      );
      const [update, { mean, square }] = optimizer.update(
        gradient,
        { step: i, mean: memory[0], square: memory[1] },
        x,
      );
      // Adam's running means are trees like the gradient: here, arrays
      return { x: add(x, update), memory: [mean as NdArray, square as NdArray] };
    },
  };
}

/**
 * RED-diff: minimises $\tfrac{1}{2m}\|y - A(\mu)\|^2 + \tfrac{\lambda}{d}\tfrac{\sigma_t}{\alpha_t}\langle\hat\varepsilon(\alpha_t\mu + \sigma_t\varepsilon) - \varepsilon,\ \mu\rangle$ over
 * $\mu$ with Adam, one noise level a step, from noise to data; the bracket's first factor is held constant. For noise that is not Gaussian the first term is
 * $-\mathcal L/m$.
 *
 * It seeks one mode: its points are reconstructions, not samples of the posterior. One evaluation a step, no derivatives of the model.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - exact score or network
 * @param key - random key
 * @param options - see {@link RedDiffOptions}; 1000 steps by default
 * @returns see {@link Reconstruction}
 * @throws `DomainError` when an option is out of range, or points are not finite
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { redDiff } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * redDiff(gaussianNoise(identityOperator(1), 0.5), [1.8], prior, key(0), { numSamples: 1, numSteps: 200 }).samples.get(0, 0) > 1; // => true
 * ```
 * @see Mardani, Song, Kautz, Vahdat (2024), "A variational perspective on solving inverse problems with diffusion models", algorithm 1
 * @category Baselines
 */
export function redDiff(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: RedDiffOptions,
): Reconstruction {
  const fn = "redDiff";
  return reconstruct(
    fn,
    [forward, y, model, key, options],
    redDiffMethod(fn, forward, y, model, options),
  );
}

/**
 * {@link redDiff} with a model that answers later: an ONNX network, or one on a GPU.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - network whose `evaluate` returns a promise
 * @param key - random key
 * @param options - see {@link RedDiffOptions}
 * @returns promise of a {@link Reconstruction}; rejects with `signal.reason` when aborted
 * @throws `DomainError` and `ShapeError` as {@link redDiff} does
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { redDiffAsync } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const later = { prediction: prior.prediction, evaluate: async (x, level) => prior.evaluate(x, level) };
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * (await redDiffAsync(forward, [1.8], later, key(0), { numSamples: 1, numSteps: 200 })).samples.get(0, 0) > 1; // => true
 * ```
 * @category Baselines
 */
export async function redDiffAsync(
  forward: ForwardModel,
  y: ArrayInput,
  model: AsyncModel,
  key: RngKey,
  options: RedDiffOptions,
): Promise<Reconstruction> {
  const fn = "redDiffAsync";
  return reconstructAsync(
    fn,
    [forward, y, model, key, options],
    redDiffMethod(fn, forward, y, model, options),
  );
}
