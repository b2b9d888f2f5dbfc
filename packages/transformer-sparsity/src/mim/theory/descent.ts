/** Gradient descent on the correlations, from zero or from where it stopped. */
import { array } from "@provably/core-tensor";
import { DivergenceError } from "../errors.js";
import {
  anyNumber,
  type Guard,
  listOf,
  longWork,
  recordOf,
  recordWith,
  tensor,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type FlatGradient, type Model, prepare } from "../internal/model.js";
import type { SpatialDistribution } from "../data/distribution.js";
import { RATIO } from "../data/sampling.js";
import { type Correlations, zeroCorrelations } from "./correlations.js";
import {
  type DescentHistory,
  type Probed,
  type TrackedQuery,
  checkTracked,
  defaultTracked,
  recorderOf,
} from "./descent-history.js";

/**
 * Where training stands: can be stored, and goes on to the same bits.
 * @category Training
 */
export interface CorrelationState {
  /** Steps taken. */
  readonly step: number;
  readonly correlations: Correlations;
}

/**
 * Options that {@link trainMaskedReconstruction} and {@link trainContrastive} share.
 * @category Training
 */
export interface DescentOptions {
  /** $\gamma$; default 0.5. */
  readonly maskRatio?: number;
  /** Steps in all, counted from the very first one; default 300. */
  readonly numSteps?: number;
  /** Steps between two records; the first and the last step are always recorded. Default a hundredth of `numSteps`. */
  readonly recordEvery?: number;
  /** Images on which attention is measured, the same at every record; default 64. */
  readonly probeSize?: number;
  /** Queries to follow; default the first position of the global area and of the first local area of cluster 0. */
  readonly track?: readonly TrackedQuery[];
  /** Correlations to start from; default zero. */
  readonly init?: Correlations;
  /** Go on from here. */
  readonly state?: CorrelationState;
  /** Called after every record with the step and its loss. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
    readonly state: CorrelationState;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * What training gives.
 * @category Training
 */
export interface DescentResult extends CorrelationState {
  readonly history: DescentHistory;
}

/** What every option of {@link DescentOptions} must be. */
export const DESCENT = {
  ...longWork,
  maskRatio: RATIO,
  numSteps: wholeNumber(0),
  recordEvery: wholeNumber(),
  probeSize: wholeNumber(),
  track: listOf(recordOf<TrackedQuery>({ query: anyNumber, cluster: anyNumber })),
  init: recordWith<Correlations>({ phi: tensor, upsilon: tensor }),
  state: recordWith({
    step: wholeNumber(0),
    correlations: recordWith(),
  }) as Guard<CorrelationState>,
};

/** An objective: the samples of a step, and loss and gradient on them. */
export interface Objective<S> extends Probed<S> {
  readonly learningRate: number;
  samples(step: number): S;
}

export function descend<S>(
  fn: string,
  distribution: SpatialDistribution,
  options: DescentOptions,
  objective: Objective<S>,
): DescentResult {
  const { numSteps = 300, state, onProgress, signal } = options;
  const { recordEvery = Math.max(1, Math.round(numSteps / 100)) } = options;
  const tracked = checkTracked(fn, distribution, options.track ?? defaultTracked(distribution));
  let step = state?.step ?? 0;
  let correlations = state?.correlations ?? options.init ?? zeroCorrelations(distribution);
  const recorder = recorderOf(distribution, tracked, objective);
  for (;;) {
    signal?.throwIfAborted();
    const model = prepare(fn, distribution, correlations);
    const { loss, gradient } = objective.evaluate(model, objective.samples(step));
    if (!Number.isFinite(loss))
      throw new DivergenceError(
        `${fn}: the loss is ${loss} at step ${step}; try a smaller learningRate`,
      );
    const last = step >= numSteps;
    if (last || step % recordEvery === 0) {
      recorder.add(step, loss, model);
      onProgress?.({
        iteration: step,
        total: numSteps,
        metric: loss,
        state: { step, correlations },
      });
    }
    if (last) return { step, correlations, history: recorder.history };
    correlations = moved(distribution, model, gradient, objective.learningRate);
    step++;
  }
}

function moved(
  distribution: SpatialDistribution,
  { phi, upsilon }: Model,
  gradient: FlatGradient,
  rate: number,
): Correlations {
  return {
    phi: array(
      phi.map((x, i) => x - rate * gradient.phi[i]!),
      { shape: [distribution.numPatches, distribution.numFeatures], copy: false },
    ),
    upsilon: array(
      upsilon.map((x, i) => x - rate * gradient.upsilon[i]!),
      { shape: [distribution.numPatches, distribution.numPatches], copy: false },
    ),
  };
}
