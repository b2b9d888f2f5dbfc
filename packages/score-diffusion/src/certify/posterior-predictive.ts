/** Whether a measurement looks like one that the samples of its posterior would have made. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  slice,
  toTypedArray,
} from "@provably/core-tensor";
import {
  certificate,
  check,
  checkOptions,
  numberInside,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import {
  type ForwardModel,
  checkForward,
  likelihoodOf,
  measurementOf,
} from "../forward/forward-model.js";
import { batchOf } from "../forward/operator.js";

const OPTIONS = {
  numReplicates: wholeNumber(1),
  significance: numberInside(0, 1),
  maxSamples: wholeNumber(1),
};

/**
 * Options of {@link certifyPosteriorPredictive}.
 * @category Certificates
 */
export interface PosteriorPredictiveOptions {
  /** Measurements simulated from each sample; default 1000, with which the least p-value is 0.002. */
  readonly numReplicates?: number;
  /** Share of false alarms, at least 2 / numReplicates; default 0.01. */
  readonly significance?: number;
  /** Samples looked at, from the first on; default 16. */
  readonly maxSamples?: number;
}

/**
 * A certificate that samples explain a measurement as well as they should: neither worse nor better than the measurements that they would make themselves.
 *
 * For a sample $x$ of the exact posterior, $y$ and a fresh measurement of $x$ have the same distribution given $x$. So the rank of $-\mathcal L(x; y)$ among the values
 * at fresh measurements is uniform, for every forward model. The value is a two-sided p-value from the mean rank over samples, which twice over is a p-value
 * again however samples of one posterior depend on each other.
 *
 * @param forward - how the measurement came about
 * @param y - measurement `[m]`, or one for each sample, `[n, m]`
 * @param samples - samples of the posterior, `[n, d]`
 * @param key - random key
 * @param options - see {@link PosteriorPredictiveOptions}
 * @returns certificate with the p-value
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { certifyPosteriorPredictive, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 *
 * const forward = gaussianNoise(identityOperator(4), 0.1);
 * certifyPosteriorPredictive(forward, [0, 0, 0, 0], [[0.1, -0.1, 0.08, -0.05]], key(0)).holds; // => true
 * certifyPosteriorPredictive(forward, [0, 0, 0, 0], [[1, 1, 1, 1]], key(0)).holds; // => false
 * ```
 * @see Rubin (1984), "Bayesianly justifiable and relevant frequency calculations for the applied statistician"
 * @category Certificates
 */
export function certifyPosteriorPredictive(
  forward: ForwardModel,
  y: ArrayInput,
  samples: ArrayInput,
  key: RngKey,
  options: PosteriorPredictiveOptions = {},
): Certificate {
  const process = predictiveProcess(forward, y, samples, key, options);
  let turn = process.next();
  while (!turn.done) turn = process.next();
  return turn.value;
}

/** {@link certifyPosteriorPredictive} with a pause after every simulated measurement. */
export function* predictiveProcess(
  forward: ForwardModel,
  y: ArrayInput,
  samples: ArrayInput,
  key: RngKey,
  options: PosteriorPredictiveOptions = {},
): Generator<undefined, Certificate> {
  const {
    numReplicates = 1000,
    significance = 0.01,
    maxSamples = 16,
  } = checkOptions("certifyPosteriorPredictive", options, OPTIONS);
  checkForward("certifyPosteriorPredictive", forward);
  check("certifyPosteriorPredictive", "key", key, rngKey);
  if (!(significance > 2 / (numReplicates + 1)))
    throw new DomainError(
      `certifyPosteriorPredictive: significance must be above 2 / (numReplicates + 1), the least p-value there is, got ${significance}`,
    );
  const all = batchOf("certifyPosteriorPredictive", "samples", samples, forward.inputSize);
  const x = slice(all, [0], [Math.min(maxSamples, all.shape[0]!)]);
  const n = x.shape[0]!;
  const everyY = measurementOf("certifyPosteriorPredictive", y, forward.outputSize);
  const measured = everyY.shape[0] === 1 ? everyY : slice(everyY, [0], [n]);
  const ranks = new Float64Array(n);
  const own = values(forward, measured, x);
  for (let r = 0; r < numReplicates; r++) {
    const simulated = values(forward, forward.measure(x, foldIn(key, r)), x);
    for (let i = 0; i < n; i++)
      ranks[i]! += simulated[i]! < own[i]! ? 1 : simulated[i] === own[i] ? 0.5 : 0;
    yield;
  }
  // (rank + 1/2) / (R + 1) is a p-value of each sample up to the grid; twice a mean of p-values is one again, whatever their dependence
  const mean =
    ranks.reduce((sum, rank) => sum + (rank + 0.5) / (numReplicates + 1), 0) / Math.max(1, n);
  const value = n === 0 ? 1 : Math.min(1, 4 * Math.min(mean, 1 - mean));
  return certificate({
    claim: "p-value of the measurement's likelihood among measurements that the samples would make",
    kind: "statistical",
    value,
    expected: [significance, 1],
    confidence: 1 - significance,
    verdict: n === 0 ? "undecided" : value >= significance,
    note: `${n} samples, ${numReplicates} simulated measurements each; the smallest value that can be seen is ${(2 / (numReplicates + 1)).toPrecision(1)}; sees what was measured, and nothing across it`,
  });
}

function values(forward: ForwardModel, y: NdArray, x: NdArray): Float64Array {
  return toTypedArray(
    arrayOf(
      "certifyPosteriorPredictive",
      "the log-likelihood",
      likelihoodOf("certifyPosteriorPredictive", forward, y).logLikelihood(x),
    ),
  ) as Float64Array;
}
