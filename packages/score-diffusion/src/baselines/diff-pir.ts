/** DiffPIR: every prediction is moved to the most likely point near it, and noised again. */
import { type ArrayInput, type NdArray, add, mul, sub } from "@provably/core-tensor";
import {
  checkOptions,
  numberIn,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import type { ForwardModel, Likelihood } from "../forward/forward-model.js";
import { conjugateGradients } from "../posterior/pcs-gaussian.js";
import { transitions } from "../sampler/steps.js";
import { type AsyncModel, type Model, convertPrediction } from "../score/prediction.js";
import {
  type Method,
  type Reconstruction,
  SCHEDULED,
  type ScheduledOptions,
  reconstruct,
  reconstructAsync,
  scheduleFor,
} from "./reconstruction.js";

const OPTIONS = {
  ...SCHEDULED,
  lambda: positiveNumber,
  zeta: numberIn(0, 1),
  proximalSteps: wholeNumber(1),
};

/**
 * Options of {@link diffPir}.
 * @category Baselines
 */
export interface DiffPirOptions extends ScheduledOptions {
  /** $\lambda$: how firmly a prediction is held against the measurement; default 8. */
  readonly lambda?: number;
  /** Share $\zeta \in [0, 1]$ of the noise that is fresh in every step; default 0.3. */
  readonly zeta?: number;
  /** Gradient steps towards the most likely point where there is no closed form; default 20. */
  readonly proximalSteps?: number;
}

/** argmax L(z) − ‖z − x‖² / (2v): exact for linear measurements, by gradient steps else. */
export function proximalPoint(
  fn: string,
  likelihood: Likelihood,
  x: NdArray,
  variance: number,
  steps: number,
): NdArray {
  const { linear, curvature } = likelihood;
  if (linear !== undefined) {
    const { operator, sigma, y } = linear;
    const [p, q] = [1 / sigma ** 2, 1 / variance];
    const right = add(mul(p, operator.adjoint(y)), mul(q, x));
    if (operator.normalFunction !== undefined)
      return operator.normalFunction((eigenvalue) => 1 / (p * eigenvalue + q), right);
    return conjugateGradients(
      fn,
      (v) => add(mul(p, operator.adjoint(operator.apply(v))), mul(q, v)),
      right,
      1e-8,
      1000,
    );
  }
  const size = 1 / (curvature + 1 / variance);
  let z = x;
  for (let k = 0; k < steps; k++)
    z = add(z, mul(size, sub(likelihood.score(z), mul(1 / variance, sub(z, x)))));
  return z;
}

/** The steps of {@link diffPir}. */
function diffPirMethod(
  fn: string,
  forward: ForwardModel,
  y: ArrayInput,
  model: Model | AsyncModel,

  options: DiffPirOptions,
): Method {
  const {
    lambda = 8,
    zeta = 0.3,
    proximalSteps = 20,
  } = checkOptions<DiffPirOptions>(fn, options, OPTIONS);
  const rows = transitions(scheduleFor(fn, model, options, 100), {});
  return {
    total: rows.length,
    *step(i, { x, likelihood, draw }) {
      const { level, to } = rows[i]!;
      const noise = level.sigma / level.alpha;
      const clean = yield { x, level, want: "x0" };
      const nearest = proximalPoint(fn, likelihood, clean, noise ** 2 / lambda, proximalSteps);
      const eps = convertPrediction(nearest, "x0", "eps", x, level);
      const mixed = add(mul(Math.sqrt(1 - zeta), eps), mul(Math.sqrt(zeta), draw("z")));
      return { x: add(mul(to.alpha, nearest), mul(to.sigma, mixed)) };
    },
  };
}

/**
 * DiffPIR: $\hat x_0' = \arg\min_z -\mathcal L(z; y) + \tfrac{\lambda}{2 s_t^2}\|z - \hat x_0\|^2$ with $s_t = \sigma_t/\alpha_t$, then
 * $x \leftarrow \alpha\hat x_0' + \sigma(\sqrt{1 - \zeta}\,\hat\varepsilon + \sqrt\zeta\, z)$ where $\hat\varepsilon$ belongs to $\hat x_0'$.
 *
 * One evaluation a step, no derivatives of the model.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - exact score or network
 * @param key - random key
 * @param options - see {@link DiffPirOptions}; 100 steps by default
 * @returns see {@link Reconstruction}
 * @throws `DomainError` when an option is out of range, or points are not finite
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { diffPir } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * diffPir(gaussianNoise(identityOperator(1), 0.5), [1.8], prior, key(0), { numSamples: 1 }).samples.get(0, 0) > 1; // => true
 * ```
 * @see Zhu, Zhang, Liang, Cao, Wen, Timofte, Van Gool (2023), "Denoising diffusion models for plug-and-play image restoration", algorithm 1
 * @category Baselines
 */
export function diffPir(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: DiffPirOptions,
): Reconstruction {
  const fn = "diffPir";
  return reconstruct(
    fn,
    [forward, y, model, key, options],
    diffPirMethod(fn, forward, y, model, options),
  );
}

/**
 * {@link diffPir} with a model that answers later: an ONNX network, or one on a GPU.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - network whose `evaluate` returns a promise
 * @param key - random key
 * @param options - see {@link DiffPirOptions}
 * @returns promise of a {@link Reconstruction}; rejects with `signal.reason` when aborted
 * @throws `DomainError` and `ShapeError` as {@link diffPir} does
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { diffPirAsync } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const later = { prediction: prior.prediction, evaluate: async (x, level) => prior.evaluate(x, level) };
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * (await diffPirAsync(forward, [1.8], later, key(0), { numSamples: 1 })).samples.get(0, 0) > 1; // => true
 * ```
 * @category Baselines
 */
export async function diffPirAsync(
  forward: ForwardModel,
  y: ArrayInput,
  model: AsyncModel,
  key: RngKey,
  options: DiffPirOptions,
): Promise<Reconstruction> {
  const fn = "diffPirAsync";
  return reconstructAsync(
    fn,
    [forward, y, model, key, options],
    diffPirMethod(fn, forward, y, model, options),
  );
}
