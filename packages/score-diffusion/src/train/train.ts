/** Training of score networks. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  item,
  mul,
  take,
  treeLeaves,
  treeMap,
  valueAndGrad,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyRecord,
  anything,
  check,
  type Guard,
  longWork,
  optional,
  positiveNumber,
  recordOf,
  recordWith,
  satisfying,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { compile } from "@provably/core-tensor/compile";
import { type Optimizer, applyUpdates, clipByGlobalNorm } from "@provably/core-tensor/optim";
import { type RngKey, foldIn, randint } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import { type Network, checkNetwork } from "../network/network.js";
import { type DenoisingLossOptions, LOSS, type NoisedBatch, lossOf, noisedBatch } from "./loss.js";

/**
 * Where training stands: plain trees of arrays and numbers, which can be stored. Training that goes on from a state takes the same steps as training that
 * never stopped.
 * @category Training
 */
export interface TrainingState<P> {
  /** Steps taken. */
  readonly step: number;
  readonly params: P;
  /** Exponential moving average of the weights: what to sample with. */
  readonly average: P;
  /** State of the optimiser. */
  readonly optimizer: unknown;
}

/**
 * Options of {@link trainScore}.
 * @category Training
 */
export interface TrainScoreOptions<P> extends DenoisingLossOptions {
  /** Steps to take in all, counted from the very first one. */
  readonly numSteps: number;
  /** For example `adam(2e-4)` of `@provably/core-tensor/optim`. */
  readonly optimizer: Optimizer;
  /** Rows in a batch; default 64. */
  readonly batchSize?: number;
  /** Decay of the average of the weights, in [0, 1); it warms up as $(1 + k)/(10 + k)$ over the first steps. Default 0.999. */
  readonly averageDecay?: number;
  /** Greatest norm of a gradient; default 1. */
  readonly maxNorm?: number;
  /** Go on from here instead of from `params`. */
  readonly state?: TrainingState<P>;
  /** Called after every step with the loss of its batch. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
    readonly state: TrainingState<P>;
  }) => void;
  /** Stops between two steps; what was reached until then is in the last state that `onProgress` saw. */
  readonly signal?: AbortSignal;
}

const TRAIN = recordOf({
  gamma: optional(LOSS.gamma),
  sigmaData: optional(LOSS.sigmaData),
  weight: optional(LOSS.weight),
  levelAt: optional(LOSS.levelAt),
  ...longWork,
  numSteps: wholeNumber(1),
  optimizer: recordWith({ init: anyFunction, update: anyFunction }),
  batchSize: optional(wholeNumber(1)),
  averageDecay: optional(
    satisfying<number>("in [0, 1)", (x) => typeof x === "number" && x >= 0 && x < 1),
  ),
  maxNorm: optional(positiveNumber),
  state: optional(anything),
});

/**
 * What training gives.
 * @category Training
 */
export interface TrainScoreResult<P> extends TrainingState<P> {
  /** Loss of each batch of this call. */
  readonly losses: readonly number[];
}

/**
 * Trains a network by denoising score matching on batches drawn with replacement, with clipped gradients and an average of the weights.
 *
 * Batch and noise of step $k$ depend on the key and $k$ alone.
 *
 * @param network - see {@link Network}
 * @param params - weights to start from
 * @param data - clean points, shape `[N, d]`
 * @param key - random key
 * @param options - see {@link TrainScoreOptions}
 * @returns see {@link TrainScoreResult}
 * @throws `DomainError` when an option is out of range, or the loss is not finite
 * @throws `ShapeError` when there is no data
 * @example
 * ```ts
 * import { sgd } from "@provably/core-tensor/optim";
 * import { key } from "@provably/core-tensor/random";
 * import { mul, ones, zeros } from "@provably/core-tensor";
 * import { trainScore } from "@provably/score-diffusion";
 *
 * const network = { prediction: "eps", apply: (gain, x) => mul(gain, x) } as const;
 * const { losses } = trainScore(network, zeros([]), ones([8, 4]), key(0), { numSteps: 3, optimizer: sgd(0.1) });
 * losses.length; // => 3
 * ```
 * @see Song, Ermon (2019), "Generative modeling by estimating gradients of the data distribution"
 * @category Training
 */
export function trainScore<P>(
  network: Network<P>,
  params: P,
  data: NdArray,
  key: RngKey,
  options: TrainScoreOptions<P>,
): TrainScoreResult<P> {
  const fn = "trainScore";
  const {
    numSteps,
    optimizer,
    batchSize = 64,
    averageDecay = 0.999,
    maxNorm = 1,
    onProgress,
    signal,
  } = check(fn, "options", options, TRAIN as Guard<TrainScoreOptions<P>>);
  checkNetwork(fn, network);
  check(fn, "key", key, rngKey);
  if (arrayOf(fn, "data", data).shape.length < 2 || data.size === 0)
    throw new ShapeError(
      `trainScore: data must be [N, d] and not empty, got [${data.shape.join(", ")}]`,
    );
  if (options.state !== undefined)
    check(fn, "state.step", check(fn, "state", options.state, anyRecord).step, wholeNumber(0));
  if (treeLeaves(params).length === 0) throw new DomainError("trainScore: params hold no array");
  let state: TrainingState<P> = options.state ?? {
    step: 0,
    params,
    average: params,
    optimizer: optimizer.init(params),
  };
  const differentiate = compile(
    (p: P, batch: NoisedBatch) =>
      valueAndGrad((q: P) => lossOf(network, q, batch))(p) as [NdArray, P],
  );
  const losses: number[] = [];
  while (state.step < numSteps) {
    signal?.throwIfAborted();
    const stepKey = foldIn(key, state.step);
    const batch = take(data, randint(foldIn(stepKey, "batch"), 0, data.shape[0]!, [batchSize]));
    const [loss, gradient] = differentiate(
      state.params,
      noisedBatch(network.prediction, batch, stepKey, options),
    );
    const value = item(loss);
    if (!Number.isFinite(value))
      throw new DomainError(
        `trainScore: the loss is ${value} at step ${state.step + 1}; try a smaller learning rate`,
      );
    const stepped = optimizer.update(
      clipByGlobalNorm(gradient, maxNorm),
      state.optimizer,
      state.params,
    );
    const [updates, next] = check(fn, "the result of optimizer.update", stepped, anyList);
    const moved = applyUpdates(state.params, updates);
    const decay = Math.min(averageDecay, (1 + state.step) / (10 + state.step));
    const average = treeMap(
      (old, fresh) => add(mul(decay, old), mul(1 - decay, fresh)),
      state.average,
      moved,
    );
    state = { step: state.step + 1, params: moved, average, optimizer: next };
    losses.push(value);
    onProgress?.({ iteration: state.step, total: numSteps, metric: value, state });
  }
  return { ...state, losses };
}
