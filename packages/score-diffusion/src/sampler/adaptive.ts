/** Sampling with step sizes that follow the curvature of the flow. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  abs,
  add,
  div,
  item,
  maximum,
  mean,
  mul,
  square,
  sub,
} from "@provably/core-tensor";
import {
  anything,
  certificate,
  checkOptions,
  finiteNumber,
  listOf,
  longWork,
  nonNegativeNumber,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import { type NoiseLevel, levelOfLambda } from "../schedule/level.js";
import { trainedLambdas } from "../schedule/training.js";
import { type AsyncModel, type Model, checkModel } from "../score/prediction.js";
import { type Process, drive, driveAsync } from "./drive.js";
import { combine } from "./sampler.js";
import { startPoints } from "./sample.js";

/**
 * Options of {@link sampleAdaptive} and {@link sampleAdaptiveAsync}. One of `shape` and `start` is needed.
 * @category Samplers
 */
export interface AdaptiveOptions {
  /** Extents of the result, `[n, …]`. */
  readonly shape?: readonly number[];
  /** Points to start from, at the level of `lambdaMin`. */
  readonly start?: ArrayInput;
  /** Number of the first row, see {@link SampleOptions}. */
  readonly firstRow?: number;
  /** Error that a step may make in a coordinate, relative to its size; default 1e-3. */
  readonly relativeTolerance?: number;
  /** Error that a step may make in a coordinate near 0; default 1e-4. */
  readonly absoluteTolerance?: number;
  /** $\ln(\alpha/\sigma)$ where the run begins; default −5, within what a network was trained on. */
  readonly lambdaMin?: number;
  /** $\ln(\alpha/\sigma)$ where it ends; default 4, within what a network was trained on. */
  readonly lambdaMax?: number;
  /** Whether to end on the predicted clean point instead of at `lambdaMax`; default true. */
  readonly denoise?: boolean;
  /** Steps tried, after which the run gives up; default 1000. */
  readonly maxIterations?: number;
  /** Called after every step that was accepted; `total` counts the way in $\lambda$, in hundredths. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
  }) => void;
  /** Stops the run, as in {@link SampleOptions}. */
  readonly signal?: AbortSignal;
}

const OPTIONS = {
  ...longWork,
  shape: listOf(wholeNumber(0)),
  start: anything,
  firstRow: wholeNumber(0),
  relativeTolerance: nonNegativeNumber,
  absoluteTolerance: nonNegativeNumber,
  lambdaMin: finiteNumber,
  lambdaMax: finiteNumber,
  denoise: trueOrFalse,
  maxIterations: wholeNumber(1),
};

/**
 * What {@link sampleAdaptive} gives.
 * @category Samplers
 */
export interface AdaptiveResult {
  /** The points, shape `[n, …]`, float64. */
  readonly samples: NdArray;
  /** The levels $\lambda$ visited, from `lambdaMin` on. */
  readonly lambdas: readonly number[];
  /** Steps that were tried and taken back. */
  readonly numRejected: number;
  /** How often the model was asked. */
  readonly numEvaluations: number;
  /** Whether the end was reached within `maxIterations`. */
  readonly converged: boolean;
  /** Holds when the end was reached with every coordinate finite; `value` is the greatest error of an accepted step, in units of the tolerance. */
  readonly certificate: Certificate;
}

/** The probability flow in u = x/α: du/dλ = −(σ/α) ε. */
function* slopeAt(u: NdArray, level: NoiseLevel): Process<NdArray> {
  const eps = yield { x: mul(level.alpha, u), level, want: "eps" };
  return mul(-level.sigma / level.alpha, eps);
}

function* run(
  fn: string,
  model: Model | AsyncModel,
  key: RngKey,
  options: AdaptiveOptions,
): Process<AdaptiveResult> {
  const [noisiest, cleanest] = trainedLambdas(model);
  const {
    relativeTolerance = 1e-3,
    absoluteTolerance = 1e-4,
    lambdaMin = Math.max(-5, noisiest),
    lambdaMax = Math.min(4, cleanest),
    denoise = true,
    maxIterations = 1000,
  } = checkOptions<AdaptiveOptions>(fn, options, OPTIONS);
  if (relativeTolerance + absoluteTolerance === 0)
    throw new DomainError(`${fn}: relativeTolerance and absoluteTolerance must not both be 0`);
  if (!(lambdaMin < lambdaMax))
    throw new DomainError(
      `${fn}: lambdaMin must be below lambdaMax, got ${lambdaMin} and ${lambdaMax}`,
    );
  let level = levelOfLambda(lambdaMin);
  let lambda = lambdaMin;
  let u = div(startPoints(fn, key, options), level.alpha);
  let slope = yield* slopeAt(u, level);
  let [numEvaluations, numRejected, greatest, h] = [1, 0, 0, (lambdaMax - lambdaMin) / 50];
  const lambdas = [lambda];
  for (let iteration = 0; lambda < lambdaMax && iteration < maxIterations; iteration++) {
    options.signal?.throwIfAborted();
    // a last step that would leave a crumb takes it along
    const next = lambda + 1.01 * h >= lambdaMax ? lambdaMax : lambda + h;
    const step = next - lambda;
    const to = levelOfLambda(next);
    const predicted = combine(1, u, step, slope);
    const slopeEnd = yield* slopeAt(predicted, to);
    numEvaluations++;
    const difference = mul(step / 2, sub(slopeEnd, slope));
    const corrected = add(predicted, difference);
    // measured in x = αu, where coordinates are of unit size
    const allowed = add(
      absoluteTolerance,
      mul(relativeTolerance * to.alpha, maximum(abs(u), abs(corrected))),
    );
    const error =
      u.size === 0 ? 0 : Math.sqrt(item(mean(square(div(mul(to.alpha, difference), allowed)))));
    if (error <= 1) {
      [u, lambda, level] = [corrected, next, to];
      lambdas.push(lambda);
      greatest = Math.max(greatest, error);
      options.onProgress?.({
        iteration: Math.round((100 * (lambda - lambdaMin)) / (lambdaMax - lambdaMin)),
        total: 100,
        metric: step,
      });
      if (lambda < lambdaMax) {
        slope = yield* slopeAt(u, level);
        numEvaluations++;
      }
    } else numRejected++;
    // the error of a step of second order with a first-order estimate grows like h²
    h = step * Math.min(5, Math.max(0.2, 0.9 / Math.sqrt(Math.max(error, 1e-10))));
  }
  const converged = lambda >= lambdaMax;
  let samples = mul(level.alpha, u);
  if (denoise && converged) {
    samples = yield { x: samples, level, want: "x0" };
    numEvaluations++;
  }
  const finite = samples.data.every((v) => Number.isFinite(v));
  const verdict = certificate({
    claim: "greatest error of a step, in units of its tolerance",
    kind: "measured",
    value: greatest,
    expected: [0, 1],
    verdict: converged && finite && greatest <= 1,
    note: `${lambdas.length - 1} steps, ${numRejected} taken back${converged ? "" : `; stopped at λ = ${lambda.toPrecision(4)} after ${maxIterations} tries`}`,
  });
  return { samples, lambdas, numRejected, numEvaluations, converged, certificate: verdict };
}

/**
 * Draws samples along the probability flow with steps as long as a tolerance allows: Heun's method in $\lambda = \ln(\alpha/\sigma)$, whose distance from Euler's
 * estimates the error.
 *
 * Steps are chosen for the batch as a whole, so that here, unlike in {@link sample}, a sample depends on its neighbours (within the tolerance).
 *
 * @param model - exact score or network
 * @param key - random key for the starting points
 * @param options - see {@link AdaptiveOptions}
 * @returns see {@link AdaptiveResult}
 * @throws `DomainError` when an option is out of range or the model returns NaN
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, sampleAdaptive } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const { samples, converged } = sampleAdaptive(mixture, key(0), { shape: [5, 1] });
 * [samples.shape, converged]; // => [[5, 1], true]
 * ```
 * @see Jolicoeur-Martineau et al. (2021), "Gotta go fast when generating data with score-based models", algorithm 1, for the control of steps
 * @category Samplers
 */
export function sampleAdaptive(
  model: Model,
  key: RngKey,
  options: AdaptiveOptions,
): AdaptiveResult {
  return drive(
    "sampleAdaptive",
    checkModel("sampleAdaptive", model),
    run("sampleAdaptive", model, key, options),
  );
}

/**
 * {@link sampleAdaptive} for a model that answers later, by the same steps and with the same numbers.
 *
 * @param model - network whose `evaluate` returns a promise
 * @param key - random key for the starting points
 * @param options - see {@link AdaptiveOptions}
 * @returns promise of an {@link AdaptiveResult}; rejects with `signal.reason` when aborted
 * @throws `DomainError` when an option is out of range or the model returns NaN
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussian, sampleAdaptiveAsync } from "@provably/score-diffusion";
 *
 * const distribution = gaussian({ mean: [0], covariance: [[1]] });
 * const later = { prediction: distribution.prediction, evaluate: async (x, level) => distribution.evaluate(x, level) };
 * (await sampleAdaptiveAsync(later, key(0), { shape: [2, 1] })).converged; // => true
 * ```
 * @category Samplers
 */
export async function sampleAdaptiveAsync(
  model: AsyncModel,
  key: RngKey,
  options: AdaptiveOptions,
): Promise<AdaptiveResult> {
  const fn = "sampleAdaptiveAsync";
  checkModel(fn, model);
  const { signal } = checkOptions<AdaptiveOptions>(fn, options, OPTIONS);
  return driveAsync(fn, model, run(fn, model, key, options), signal);
}
