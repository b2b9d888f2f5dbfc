/** Masked pretraining of a vision transformer, resumable to the same bits. */
import {
  DomainError,
  type NdArray,
  item,
  take,
  toTypedArray,
  valueAndGrad,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import {
  type AdamState,
  adamw,
  applyUpdates,
  cosineDecay,
  warmup,
} from "@provably/core-tensor/optim";
import { type RngKey, foldIn, permutation } from "@provably/core-tensor/random";
import { DivergenceError } from "../errors.js";
import {
  checkOptions,
  longWork,
  nonNegativeNumber,
  positiveNumber,
  recordWith,
  wholeNumber,
} from "@provably/core-tensor/internal";
import {
  type MaskedTransformer,
  type MaskedTransformerConfig,
  type TransformerParams,
  checkTransformer,
} from "./config.js";
import { indices, maskedBatch, maskedLoss, toPatches } from "./forward.js";
import { randomMasking } from "./masking.js";

/**
 * Where pretraining stands: plain data, which can be stored. Pretraining that goes on from a state takes the same steps as pretraining that never stopped.
 * @category Pretraining
 */
export interface PretrainingState {
  /** Steps taken. */
  readonly step: number;
  readonly params: TransformerParams;
  /** Moments of the optimiser. */
  readonly optimizer: AdamState;
}

/**
 * How to train: the optimiser is AdamW with $\beta = (0.9, 0.95)$, a linear warm-up over the first tenth of the steps and half a cosine to 0.
 * @category Pretraining
 */
export interface PretrainingOptions {
  /** Passes through the images; default 40. */
  readonly numEpochs?: number;
  /** Images a step; the last few of an epoch that do not fill one are left out. Default 128. */
  readonly batchSize?: number;
  /** Greatest step size; default 5e-3. */
  readonly learningRate?: number;
  /** Of every weight; default 0.05. */
  readonly weightDecay?: number;
  /** Go on from here. */
  readonly state?: PretrainingState;
  /** Called after every step with the loss of its batch. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
    readonly state: PretrainingState;
  }) => void;
  /** Stops between two steps; what was reached is in the last state that `onProgress` saw. */
  readonly signal?: AbortSignal;
}

/**
 * What pretraining gives.
 * @category Pretraining
 */
export interface PretrainingResult {
  readonly model: MaskedTransformer;
  readonly state: PretrainingState;
  /** Loss of each step of this call. */
  readonly losses: readonly number[];
}

/**
 * Recipes for 28 × 28 digits. `standard`: patches of 4, two blocks, 40 epochs, about 2200 steps for 7000 images. `quick`: patches of 7, 20 epochs, a twentieth of
 * the work. `single`: one block of the SimMIM kind, closest to the theory.
 * @category Pretraining
 */
export const digitRecipes = {
  standard: { config: {}, training: { numEpochs: 40, learningRate: 5e-3 } },
  quick: { config: { patchSize: 7 }, training: { numEpochs: 20, learningRate: 3e-3 } },
  single: { config: { kind: "simmim", depth: 1 }, training: { numEpochs: 20, learningRate: 2e-3 } },
} as const satisfies Record<
  string,
  { readonly config: MaskedTransformerConfig; readonly training: PretrainingOptions }
>;

/**
 * Trains a vision transformer to reconstruct masked patches.
 *
 * Masks and the order of images depend on the key, the step and the epoch alone. The loss stays near that of the mean patch for several epochs before it falls;
 * that is how these models learn, not a fault.
 *
 * @param model - where to start, see {@link createMaskedAutoencoder}
 * @param images - shape `[N, H, W]` or `[N, C, H, W]`, values about 0 to 1
 * @param key - random key
 * @param options - see {@link PretrainingOptions}
 * @returns see {@link PretrainingResult}
 * @throws `ShapeError` or `DomainError` when an argument does not fit; {@link DivergenceError} when the loss leaves the numbers
 * @example
 * ```ts
 * import { key, uniform } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder, pretrain } from "@provably/transformer-sparsity/mim";
 *
 * const model = createMaskedAutoencoder(key(0), { imageSize: 8, patchSize: 2, dim: 8, depth: 1, heads: 2, decoderDim: 8, decoderHeads: 2 });
 * const { losses } = pretrain(model, uniform(key(1), [16, 8, 8]), key(2), { numEpochs: 2, batchSize: 8 });
 * losses.length; // => 4
 * ```
 * @see He et al. (2022), "Masked autoencoders are scalable vision learners"
 * @category Pretraining
 */
export function pretrain(
  model: MaskedTransformer,
  images: NdArray,
  key: RngKey,
  options: PretrainingOptions = {},
): PretrainingResult {
  const fn = "pretrain";
  checkOptions<PretrainingOptions>(fn, options, PRETRAINING);
  const { config } = checkTransformer(fn, model);
  const patches = toPatches(fn, config, images);
  const { maskRatio } = config;
  const { state, losses } = optimize(fn, model.params, patches, key, options, {
    prepare(rows, stepKey) {
      const [batch, numPatches] = rows.shape as readonly [number, number];
      return maskedBatch(config, rows, randomMasking(stepKey, { batch, numPatches, maskRatio }));
    },
    loss: (params, batch) => maskedLoss(config, params, batch),
  });
  return { model: { config, params: state.params }, state, losses };
}

/** What every option of {@link PretrainingOptions} must be. */
export const PRETRAINING = {
  ...longWork,
  numEpochs: wholeNumber(),
  batchSize: wholeNumber(),
  learningRate: positiveNumber,
  weightDecay: nonNegativeNumber,
  state: recordWith({ step: wholeNumber(0), params: recordWith(), optimizer: recordWith() }),
};

/** What is learnt: the arrays of a batch, and the loss on them as a function of the weights. */
interface Task<B> {
  prepare(rows: NdArray, stepKey: RngKey): B;
  loss(params: TransformerParams, batch: B): NdArray;
}

/** AdamW over shuffled epochs of rows of `data`. */
export function optimize<B>(
  fn: string,
  params: TransformerParams,
  data: NdArray,
  key: RngKey,
  options: PretrainingOptions,
  task: Task<B>,
): { readonly state: PretrainingState; readonly losses: readonly number[] } {
  const {
    numEpochs = 40,
    batchSize = 128,
    learningRate = 5e-3,
    weightDecay = 0.05,
    onProgress,
    signal,
  } = options;
  const stepsPerEpoch = Math.floor(data.shape[0]! / batchSize);
  if (stepsPerEpoch === 0)
    throw new DomainError(
      `${fn}: batchSize must be at most the number of images ${data.shape[0]!}, got ${batchSize}`,
    );
  const total = numEpochs * stepsPerEpoch;
  const rise = Math.ceil(total / 10);
  const optimizer = adamw(warmup(rise, cosineDecay(learningRate, Math.max(1, total - rise))), {
    beta1: 0.9,
    beta2: 0.95,
    weightDecay,
  });
  const differentiate = compile((p: TransformerParams, batch: B) =>
    valueAndGrad((q: TransformerParams) => task.loss(q, batch))(p),
  );
  let state: PretrainingState = options.state ?? {
    step: 0,
    params,
    optimizer: optimizer.init(params),
  };
  const losses: number[] = [];
  let [epoch, order]: [number, Int32Array] = [-1, new Int32Array(0)];
  while (state.step < total) {
    signal?.throwIfAborted();
    const now = Math.floor(state.step / stepsPerEpoch);
    if (now !== epoch)
      [epoch, order] = [
        now,
        Int32Array.from(toTypedArray(permutation(foldIn(key, `epoch ${now}`), data.shape[0]!))),
      ];
    const from = (state.step % stepsPerEpoch) * batchSize;
    const rows = take(data, indices(order.slice(from, from + batchSize)));
    const [value, gradient] = differentiate(
      state.params,
      task.prepare(rows, foldIn(key, state.step)),
    );
    const metric = item(value);
    if (!Number.isFinite(metric))
      throw new DivergenceError(
        `${fn}: the loss is ${metric} at step ${state.step}; try a smaller learningRate`,
      );
    const [updates, next] = optimizer.update(gradient, state.optimizer, state.params);
    state = { step: state.step + 1, params: applyUpdates(state.params, updates), optimizer: next };
    losses.push(metric);
    onProgress?.({ iteration: state.step, total, metric, state });
  }
  return { state, losses };
}
