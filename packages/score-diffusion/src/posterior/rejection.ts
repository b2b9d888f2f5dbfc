/** Exact posterior samples by rejection: the truth for any likelihood in few dimensions. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  concat,
  item,
  max,
  slice,
  take,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyFunction,
  check,
  checkOptions,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import { type ForwardModel, likelihoodOf } from "../forward/forward-model.js";
import { batchOf } from "../forward/operator.js";

const OPTIONS = { batchSize: wholeNumber(1), maxBatches: wholeNumber(1) };

/**
 * Options of {@link posteriorByRejection}.
 * @category Posterior sampling
 */
export interface RejectionOptions {
  /** Points of the prior drawn at a time; default 20,000. */
  readonly batchSize?: number;
  /** Most batches; default 1000. */
  readonly maxBatches?: number;
}

/**
 * Independent samples of the exact posterior: points of the prior, each kept with probability $e^{\mathcal L(x; y)}$.
 *
 * The likelihood must be at most 1, $\mathcal L \le 0$; those of this package are. Takes as many points as the evidence is small, so few dimensions and
 * measurements that leave room.
 *
 * @param forward - forward model
 * @param y - one measurement, `[m]`
 * @param prior - draws n points of the prior, `[n, d]`
 * @param key - random key
 * @param n - how many samples
 * @param options - see {@link RejectionOptions}
 * @returns array of shape `[n, d]`
 * @throws `DomainError` when a likelihood exceeds 1, or `maxBatches` do not suffice
 * @throws `ShapeError` when there is more than one measurement
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { posteriorByRejection, quantizedSensing } from "@provably/score-diffusion";
 *
 * const prior = (k, n) => normal(k, [n, 1], { dtype: "float64" });
 * posteriorByRejection(quantizedSensing(1), [1], prior, key(0), 50).shape; // => [50, 1]
 * ```
 * @see von Neumann (1951), "Various techniques used in connection with random digits"
 * @category Posterior sampling
 */
export function posteriorByRejection(
  forward: ForwardModel,
  y: ArrayInput,
  prior: (key: RngKey, n: number) => NdArray,
  key: RngKey,
  n: number,
  options: RejectionOptions = {},
): NdArray {
  const fn = "posteriorByRejection";
  const { batchSize = 20_000, maxBatches = 1000 } = checkOptions(fn, options, OPTIONS);
  check(fn, "prior", prior, anyFunction);
  check(fn, "key", key, rngKey);
  check(fn, "n", n, wholeNumber(1));
  const likelihood = likelihoodOf(fn, forward, y);
  const parts: NdArray[] = [];
  let found = 0;
  for (let b = 0; b < maxBatches; b++) {
    const batchKey = foldIn(key, b);
    const x = batchOf(fn, "prior", prior(foldIn(batchKey, "x"), batchSize), forward.inputSize);
    const logLikelihood = arrayOf(fn, "the log-likelihood", likelihood.logLikelihood(x));
    if (logLikelihood.shape.join() !== String(x.shape[0]))
      throw new ShapeError(`${fn}: y must be one measurement [${forward.outputSize}]`);
    if (item(max(logLikelihood)) > 1e-9)
      throw new DomainError(
        `${fn}: the log-likelihood must not exceed 0; subtract its greatest value`,
      );
    const u = toTypedArray(uniform(foldIn(batchKey, "u"), [x.shape[0]!], { dtype: "float64" }));
    const kept: number[] = [];
    for (let i = 0; i < x.shape[0]!; i++) if (Math.log(u[i]!) < logLikelihood.get(i)) kept.push(i);
    if (kept.length > 0)
      parts.push(take(x, array(Int32Array.from(kept), { dtype: "int32" }), { axis: 0 }));
    found += kept.length;
    if (found >= n) return slice(concat(parts, { axis: 0 }), [0], [n]);
  }
  throw new DomainError(
    `${fn}: ${maxBatches * batchSize} points of the prior gave ${found} samples of ${n}; allow more batches, or measure less`,
  );
}
