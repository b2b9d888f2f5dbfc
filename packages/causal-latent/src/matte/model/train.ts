/** Training: batches drawn by key and step, clipped gradients, Adam, and schedules for the divergences and the sparsity. */
import {
  DomainError,
  type NdArray,
  array,
  item,
  take,
  toTypedArray,
  valueAndGrad,
} from "@provably/core-tensor";
import {
  anyRecord,
  anything,
  check,
  checkOptions,
  longWork,
  numberIn,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { compile } from "@provably/core-tensor/compile";
import {
  type AdamState,
  type Optimizer,
  adam,
  applyUpdates,
  clipByGlobalNorm,
} from "@provably/core-tensor/optim";
import { type RngKey, foldIn, normal, randint, uniform } from "@provably/core-tensor/random";
import { TrainingDivergedError } from "../errors.js";
import { SPECIAL } from "../network/text.js";
import { checkLabels, checkObserved } from "./check-observed.js";
import { type MatteConfig, checkConfig } from "./config.js";
import {
  type MatteBatch,
  type MatteParts,
  type PreparedBatch,
  numbersOf,
  objective,
  prepareBatch,
} from "./loss.js";
import { shifted } from "./observation.js";
import { type Matte, type MatteParams, checkDomains, checkParams, initMatte } from "./params.js";

/**
 * Observations to learn from.
 * @category Training
 */
export interface MatteData {
  /** Vectors `[N, p]`, or word numbers `[N, T]` int32, padded with 0. */
  readonly observed: NdArray;
  /** Domain of each row; may be left out when the model has one. */
  readonly domains?: readonly number[];
  /** 0 or 1 where the style of a row is known, −1 elsewhere; default all unknown. */
  readonly labels?: readonly number[];
}

/**
 * Where training stands: plain trees of arrays and numbers, which {@link saveMatte} stores.
 * @category Training
 */
export interface MatteState {
  /** Steps taken. */
  readonly step: number;
  readonly params: MatteParams;
  readonly optimizer: AdamState;
}

/**
 * Options of {@link trainMatte}.
 * @category Training
 */
export interface TrainMatteOptions {
  /** Steps in all, counted from the very first one; the schedules are stretched over them. Default 1600. */
  readonly numSteps?: number;
  /** Steps to take in this call at most; default all that are left. */
  readonly maxSteps?: number;
  /** Rows of a batch, drawn with replacement; default 64. */
  readonly batchSize?: number;
  /** Constant over the first half of the steps, then falling linearly to 0. Default 3e-3. */
  readonly learningRate?: number;
  /** Greatest norm of a gradient; default 5. */
  readonly maxNorm?: number;
  /** Factor on both divergences at the first step; it rises linearly to 1 over 40 % of the steps. Default 0.1. */
  readonly firstDivergence?: number;
  /** Share of the steps over which the sparsity weight rises linearly from 0; default 0.2. */
  readonly sparsityRamp?: number;
  /** Go on from here, to the same bits as if training had never stopped. */
  readonly state?: MatteState;
  /** Called after every step. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
    readonly parts: MatteParts;
    readonly state: MatteState;
  }) => void;
  /**
   * Stops between two steps; what was reached until then is in the last state that `onProgress` saw. Making the program before the first step, up to half a
   * second for sentences, cannot be broken off.
   */
  readonly signal?: AbortSignal;
}

/**
 * A trained model, its history and the state to go on from.
 * @category Training
 */
export interface TrainedMatte extends Matte {
  /** Objective and terms of each step of this call. */
  readonly history: readonly {
    readonly step: number;
    readonly loss: number;
    readonly parts: MatteParts;
  }[];
  readonly state: MatteState;
}

/** The batch of step `k`: rows, words hidden from the decoder, and noise depend on the key and `k` alone. */
function drawBatch(config: MatteConfig, data: MatteData, size: number, key: RngKey): MatteBatch {
  const rows = randint(foldIn(key, "rows"), 0, data.observed.shape[0]!, [size]);
  const list = [...toTypedArray(rows)];
  const observed = take(data.observed, rows);
  return {
    observed,
    domains: data.domains && list.map((i) => data.domains![i]!),
    labels: data.labels && list.map((i) => data.labels![i]!),
    inputs:
      config.observation.kind === "text"
        ? hidden(shifted(observed), config.observation.wordDropout, foldIn(key, "words"))
        : undefined,
  };
}

/** Words replaced by the unknown word with probability `share`; the start sign stays. */
function hidden(inputs: NdArray, share: number, key: RngKey): NdArray {
  if (share === 0) return inputs;
  const drawn = toTypedArray(uniform(key, inputs.shape));
  const words = toTypedArray(inputs);
  words.forEach((word, i) => {
    if (drawn[i]! < share && word > SPECIAL.end) words[i] = SPECIAL.unknown;
  });
  return array(words, { shape: inputs.shape, copy: false });
}

/** Rows of a batch beyond which a size is taken for a mistake. */
const MOST_ROWS = 2 ** 20;

/** A state as `onProgress` and {@link loadMatte} give it. */
export function checkState(fn: string, config: MatteConfig, state: MatteState): void {
  const { step, params, optimizer } = check(fn, "state", state, anyRecord);
  check(fn, "state.step", step, wholeNumber(0));
  checkParams(fn, config, params);
  const { mean, square } = check(fn, "state.optimizer", optimizer, anyRecord);
  for (const moments of [mean, square]) checkParams(fn, config, moments as MatteParams);
}

/** Factors on the terms of the objective, as arrays, so that one program serves all steps. */
interface Factors {
  readonly divergence: NdArray;
  readonly sparsity: NdArray;
}

/** One training step as a compiled program: the objective, its gradient, clipping and Adam. The signal is looked at while the program is made, which takes a while. */
function stepOf(
  config: MatteConfig,
  optimizer: Optimizer<AdamState>,
  maxNorm: number,
  signal: AbortSignal | undefined,
) {
  return compile(
    (
      params: MatteParams,
      state: AdamState,
      batch: PreparedBatch,
      epsilon: NdArray,
      factors: Factors,
    ) => {
      const value = (p: MatteParams): [NdArray, MatteParts<NdArray>] => {
        signal?.throwIfAborted();
        const [loss, parts] = objective(config, p, batch, epsilon, factors);
        signal?.throwIfAborted();
        return [loss, parts];
      };
      const [[loss, parts], gradient] = valueAndGrad(value)(params) as unknown as [
        [NdArray, MatteParts<NdArray>],
        MatteParams,
      ];
      signal?.throwIfAborted();
      const [updates, next] = optimizer.update(clipByGlobalNorm(gradient, maxNorm), state, params);
      const moved = applyUpdates(params, updates);
      signal?.throwIfAborted();
      return { loss, parts, params: moved, optimizer: next };
    },
  );
}

/**
 * Trains a model on observations of several domains.
 *
 * The batch and the noise of step $k$ depend on the key and $k$ alone, so training that goes on from a state takes the same steps, to the bit, as training
 * that never stopped.
 *
 * @param data - see {@link MatteData}
 * @param config - from {@link matteConfig}
 * @param key - random key
 * @param options - see {@link TrainMatteOptions}
 * @returns see {@link TrainedMatte}
 * @throws `ShapeError`, `DTypeError`, `DomainError` when data, domains, labels or options do not fit, before any work
 * @throws {@link TrainingDivergedError} when the objective leaves the numbers
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { makeVectors, matteConfig, trainMatte } from "@provably/causal-latent/matte";
 *
 * const data = makeVectors(200, key(0), { size: 8, contentSize: 2, styleSize: 1 });
 * const config = matteConfig({ kind: "vectors", size: 8, hidden: [16] }, { numDomains: 4, contentSize: 2, styleSize: 1 });
 * const { history } = trainMatte({ observed: data.observed, domains: data.domains }, config, key(1), { numSteps: 30 });
 * history.length; // => 30
 * ```
 * @see Yan, Kong, Gui, Chi, Xing, He, Zhang (2023), "Counterfactual generation with identifiability guarantees"; one Adam for all weights is ours
 * @category Training
 */
export function trainMatte(
  data: MatteData,
  config: MatteConfig,
  key: RngKey,
  options: TrainMatteOptions = {},
): TrainedMatte {
  const fn = "trainMatte";
  const {
    numSteps = 1600,
    maxSteps = numSteps,
    batchSize = 64,
    learningRate = 3e-3,
    maxNorm = 5,
    firstDivergence = 0.1,
    sparsityRamp = 0.2,
  } = checkOptions(fn, options, {
    numSteps: anything,
    maxSteps: anything,
    batchSize: anything,
    learningRate: anything,
    maxNorm: anything,
    firstDivergence: anything,
    sparsityRamp: anything,
    state: anything,
    onProgress: longWork.onProgress,
    signal: longWork.signal,
  });
  checkConfig(fn, config);
  check(fn, "data", data, anyRecord);
  checkObserved(fn, config, data.observed);
  const rows = data.observed.shape[0]!;
  checkDomains(fn, config, data.domains, rows);
  checkLabels(fn, data.labels, rows);
  for (const [name, value] of Object.entries({ numSteps, batchSize }))
    check(fn, name, value, wholeNumber());
  check(fn, "maxSteps", maxSteps, wholeNumber(0));
  for (const [name, value] of Object.entries({ learningRate, maxNorm }))
    check(fn, name, value, positiveNumber);
  for (const [name, value] of Object.entries({ firstDivergence, sparsityRamp }))
    check(fn, name, value, numberIn(0, 1));
  if (batchSize > MOST_ROWS)
    throw new DomainError(`${fn}: batchSize must be at most ${MOST_ROWS}, got ${batchSize}`);
  if (options.state !== undefined) checkState(fn, config, options.state);

  const optimizer = adam((step) => learningRate * Math.min(1, 2 - (2 * step) / numSteps));
  const params = options.state?.params ?? initMatte(config, foldIn(key, "weights")).params;
  let state: MatteState = options.state ?? { step: 0, params, optimizer: optimizer.init(params) };
  const latents = config.contentSize + config.styleSize;
  const advance = stepOf(config, optimizer, maxNorm, options.signal);
  const history: TrainedMatte["history"][number][] = [];
  const last = Math.min(numSteps, state.step + maxSteps);
  while (state.step < last) {
    options.signal?.throwIfAborted();
    const stepKey = foldIn(foldIn(key, "step"), state.step);
    const batch = prepareBatch(config, drawBatch(config, data, batchSize, stepKey));
    const epsilon = normal(foldIn(stepKey, "noise"), [batchSize, latents], { dtype: config.dtype });
    const factors = {
      divergence: array(
        Math.min(1, firstDivergence + ((1 - firstDivergence) * state.step) / (0.4 * numSteps)),
        { dtype: config.dtype },
      ),
      sparsity: array(
        sparsityRamp === 0 ? 1 : Math.min(1, state.step / (sparsityRamp * numSteps)),
        { dtype: config.dtype },
      ),
    };
    const next = advance(state.params, state.optimizer, batch, epsilon, factors);
    const loss = item(next.loss);
    const parts = numbersOf(next.parts);
    if (!Number.isFinite(loss)) throw new TrainingDivergedError(state.step, parts, state.params);
    state = { step: state.step + 1, params: next.params, optimizer: next.optimizer };
    history.push({ step: state.step, loss, parts });
    options.onProgress?.({ iteration: state.step, total: numSteps, metric: loss, parts, state });
  }
  return { config, params: state.params, history, state };
}
