/** Decoupled annealing: a clean point is sampled near the end of the flow, and noised afresh to the next level. */
import { DomainError, type ArrayInput, type NdArray, add, mul } from "@provably/core-tensor";
import { checkOptions, positiveNumber, wholeNumber } from "@provably/core-tensor/internal";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import type { Process } from "../sampler/drive.js";
import { type ForwardModel, likelihoodOf } from "../forward/forward-model.js";
import { pcsMala } from "../posterior/pcs-mala.js";
import { onUnitScale } from "../posterior/dds.js";
import { karrasSigmas } from "../schedule/sigmas.js";
import { trainedLambdas } from "../schedule/training.js";
import { type AsyncModel, type Model, checkModel } from "../score/prediction.js";
import {
  RECONSTRUCTION,
  type Method,
  type Reconstruction,
  type ReconstructionOptions,
  reconstruct,
  reconstructAsync,
} from "./reconstruction.js";

const OPTIONS = {
  ...RECONSTRUCTION,
  numSteps: wholeNumber(1),
  flowSteps: wholeNumber(1),
  langevinSteps: wholeNumber(1),
  sigmaMax: positiveNumber,
  sigmaMin: positiveNumber,
};

/**
 * Options of {@link daps}.
 * @category Baselines
 */
export interface DapsOptions extends ReconstructionOptions {
  /** Noise levels to anneal through; default 200. */
  readonly numSteps?: number;
  /** Euler steps of the flow from each level; default 5. */
  readonly flowSteps?: number;
  /** Langevin steps at each level; default 100. */
  readonly langevinSteps?: number;
  /** Greatest level; default 100, or the noise of the last step that a network was trained on where that is less. */
  readonly sigmaMax?: number;
  /** Least level; default 0.1. */
  readonly sigmaMin?: number;
}

/** The end of the probability flow from x at noise σ, by Euler's method. */
function* flowEnd(x: NdArray, sigma: number, steps: number): Process<NdArray> {
  const levels = karrasSigmas(steps, { sigmaMax: sigma, sigmaMin: Math.min(0.01, sigma) });
  let point = x;
  for (let k = 0; k < steps; k++) {
    const { y, level } = onUnitScale(point, levels[k]!);
    const eps = yield { x: y, level, want: "eps" };
    point = add(point, mul(levels[k + 1]! - levels[k]!, eps));
  }
  return point;
}

/** The steps of {@link daps}. */
function dapsMethod(
  fn: string,
  forward: ForwardModel,
  y: ArrayInput,
  model: Model | AsyncModel,
  key: RngKey,
  options: DapsOptions,
): Method {
  const {
    numSteps = 200,
    flowSteps = 5,
    langevinSteps = 100,
    sigmaMax = Math.min(100, Math.exp(-trainedLambdas(checkModel(fn, model))[0])),
    sigmaMin = 0.1,
    firstRow = 0,
  } = checkOptions<DapsOptions>(fn, options, OPTIONS);
  if (!(sigmaMax >= sigmaMin))
    throw new DomainError(
      `${fn}: sigmaMax must be at least sigmaMin, got ${sigmaMax} and ${sigmaMin}`,
    );
  const levels = karrasSigmas(numSteps, { sigmaMin, sigmaMax });
  const { curvature } = likelihoodOf(fn, forward, y);
  return {
    total: numSteps,
    *step(i, { x, likelihood, draw }) {
      const sigma = levels[i]!;
      const noisy =
        i === 0 ? add(options.start === undefined ? mul(0, x) : x, mul(sigma, draw("first"))) : x;
      const centre = yield* flowEnd(noisy, sigma, flowSteps);
      const { samples } = pcsMala(likelihood, centre, sigma, foldIn(foldIn(key, i), "langevin"), {
        numSteps: langevinSteps,
        stepSize: 0.5 / (1 / sigma ** 2 + curvature),
        adjust: false,
        firstRow,
      });
      return { x: add(samples, mul(levels[i + 1]!, draw("z"))) };
    },
  };
}

/**
 * DAPS: at each level $s$ of a falling list, the flow is followed to a clean point $\hat x_0$; Langevin steps sample
 * $\propto e^{\mathcal L(z; y) - \|z - \hat x_0\|^2/(2s^2)}$; and $x \leftarrow z + s' \varepsilon$ at the next level $s'$.
 *
 * The Langevin steps are those of `pcsMala` without the Metropolis test, with the size that it chooses, so that one setting serves all likelihoods.
 * No derivatives of the model.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - exact score or network
 * @param key - random key
 * @param options - see {@link DapsOptions}; `start` is a clean guess, noised to the greatest level
 * @returns see {@link Reconstruction}
 * @throws `DomainError` when an option is out of range, or points are not finite
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { daps } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * daps(forward, [1.8], prior, key(0), { numSamples: 1, numSteps: 20, langevinSteps: 20 }).samples.get(0, 0) > 1; // => true
 * ```
 * @see Zhang, Chu, Berner, Meng, Anandkumar, Song (2025), "Improving diffusion inverse problem solving with decoupled noise annealing", algorithm 1
 * @category Baselines
 */
export function daps(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: DapsOptions,
): Reconstruction {
  const fn = "daps";
  return reconstruct(
    fn,
    [forward, y, model, key, options],
    dapsMethod(fn, forward, y, model, key, options),
  );
}

/**
 * {@link daps} with a model that answers later: an ONNX network, or one on a GPU.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - network whose `evaluate` returns a promise
 * @param key - random key
 * @param options - see {@link DapsOptions}
 * @returns promise of a {@link Reconstruction}; rejects with `signal.reason` when aborted
 * @throws `DomainError` and `ShapeError` as {@link daps} does
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { dapsAsync } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const later = { prediction: prior.prediction, evaluate: async (x, level) => prior.evaluate(x, level) };
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * (await dapsAsync(forward, [1.8], later, key(0), { numSamples: 1, numSteps: 40, sigmaMax: 10 })).samples.get(0, 0) > 1; // => true
 * ```
 * @category Baselines
 */
export async function dapsAsync(
  forward: ForwardModel,
  y: ArrayInput,
  model: AsyncModel,
  key: RngKey,
  options: DapsOptions,
): Promise<Reconstruction> {
  const fn = "dapsAsync";
  return reconstructAsync(
    fn,
    [forward, y, model, key, options],
    dapsMethod(fn, forward, y, model, key, options),
  );
}
