/** What a training of a language model is told, and what it reports. */
import { DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  anyFunction,
  anything,
  either,
  listOf,
  longWork,
  nonNegativeNumber,
  optional,
  positiveNumber,
  recordOf,
  recordWith,
  rngKey,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { Optimizer } from "@provably/core-tensor/optim";
import type { RngKey } from "@provably/core-tensor/random";
import type { LossResult } from "../losses/batch.js";
import { STATE, type PreferenceTrainingState } from "./checkpoint.js";
import { PADDING, type PaddingOptions, type TokenPair } from "./pairs.js";

/**
 * What a loss is given of a batch of pairs; every array is float64 [B].
 * @category Language models
 */
export interface LossBatch {
  readonly chosen: NdArray<"float64">;
  readonly rejected: NdArray<"float64">;
  /** Not with `referenceFree`. */
  readonly refChosen?: NdArray<"float64">;
  /** Not with `referenceFree`. */
  readonly refRejected?: NdArray<"float64">;
  /** Numbers of tokens; with `withLengths` only. */
  readonly chosenLengths: NdArray<"float64">;
  /** With `withLengths` only. */
  readonly rejectedLengths: NdArray<"float64">;
  /** Where a pair has a weight. */
  readonly weights?: NdArray<"float64">;
  /** Where a pair has a preference of its own. */
  readonly preferences?: NdArray<"float64">;
  /** Where a pair has a margin. */
  readonly margins?: NdArray<"float64">;
}

/**
 * What people watch: of the batch of a step before it, or of held-out pairs.
 * @category Language models
 */
export interface PairMetrics {
  /** Steps taken. */
  readonly step: number;
  readonly loss: number;
  /** Share of pairs whose preferred response has the larger reward; ties count half. */
  readonly accuracy: number;
  /** Mean of chosen less rejected rewards, as the loss returns them. */
  readonly margin: number;
  readonly chosenReward: number;
  readonly rejectedReward: number;
}

/**
 * A step of {@link trainPreferences}.
 * @category Language models
 */
export interface TrainingStep extends PairMetrics {
  /** Before clipping. */
  readonly gradientNorm: number;
}

/**
 * Held-out pairs after so many steps.
 * @category Language models
 */
export interface PairEvaluation extends PairMetrics {
  /** Mean over the tokens of the responses of $\mathrm{KL}(\pi(\cdot \mid s)\,\|\,\pi_{\mathrm{ref}}(\cdot \mid s))$, with s what comes before: how far the model has moved, in nats a token. */
  readonly kl: number;
}

/**
 * What {@link trainPreferences} gives.
 * @category Language models
 */
export interface PreferenceTraining<P> {
  /** The last parameters; with an `evaluation` those that were best on it. */
  readonly params: P;
  /** Step by step. */
  readonly steps: readonly TrainingStep[];
  /** On held-out pairs, the first before any step. */
  readonly evaluations: readonly PairEvaluation[];
  /** Whether training ended early, since held-out pairs were explained no better. */
  readonly stoppedEarly: boolean;
  /** Goes on from the last step, to the same bits; {@link encodeCheckpoint} makes a file of it. */
  readonly state: PreferenceTrainingState<P>;
  /** The pairs with their log-probabilities under the reference: another training of them need not compute them. As they were with `referenceFree`. */
  readonly pairs: readonly TokenPair[];
}

/**
 * Options of {@link trainPreferences}.
 * @category Language models
 */
export interface TrainPreferencesOptions<P> extends Omit<PaddingOptions, "length"> {
  /** A loss of pairs with its options filled in, such as `(batch) => vpoLoss(batch, { alpha, attitude })`. */
  readonly loss: (batch: LossBatch) => LossResult;
  /** Draws the order of the pairs anew for every pass; the same one to go on from a state. */
  readonly key: RngKey;
  /** Number of steps of this call; default one pass over the pairs. */
  readonly numSteps?: number;
  /** Pairs a step; default 8, or all where there are fewer. */
  readonly batchSize?: number;
  /** Pairs in one call of the model; default `batchSize`. Smaller ones need less memory and a second forward pass, and give the same gradient for any loss. */
  readonly microBatchSize?: number;
  /** A number, or a function of the step from 0 such as `warmup` or `cosineDecay` of `core-tensor/optim`; default 1e-4. */
  readonly learningRate?: number | ((step: number) => number);
  /** Decoupled weight decay of AdamW; default 0. */
  readonly weightDecay?: number;
  /** In place of AdamW with the two above. */
  readonly optimizer?: Optimizer<never>;
  /** Longer gradients are cut to this norm; default never. */
  readonly clipNorm?: number;
  /** The loss reads no reference; default false. */
  readonly referenceFree?: boolean;
  /** The loss reads numbers of tokens; default false. */
  readonly withLengths?: boolean;
  /** Parameters of the reference, where pairs do not carry its log-probabilities; default `model.init`. */
  readonly reference?: P;
  /** Held-out pairs: judged before the first step and `every` so many (default 50); training ends when `patience` of them brought nothing better (default never). */
  readonly evaluation?: {
    readonly pairs: readonly TokenPair[];
    readonly every?: number;
    readonly patience?: number;
  };
  /** Goes on from an earlier run, to the same bits. */
  readonly state?: PreferenceTrainingState<P>;
  /** Called after every step. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metrics: TrainingStep;
    /** Those of this call so far. */
    readonly evaluations: readonly PairEvaluation[];
    /** What to save to go on from here. */
    readonly state: PreferenceTrainingState<P>;
  }) => void;
  /** Stops between two steps, and between two batches of the reference. */
  readonly signal?: AbortSignal;
}

export const TRAINING = {
  ...PADDING,
  loss: anyFunction,
  key: rngKey,
  numSteps: wholeNumber(0),
  batchSize: wholeNumber(),
  microBatchSize: wholeNumber(),
  learningRate: either(positiveNumber, anyFunction),
  weightDecay: nonNegativeNumber,
  optimizer: recordWith({ init: anyFunction, update: anyFunction }),
  clipNorm: positiveNumber,
  referenceFree: trueOrFalse,
  withLengths: trueOrFalse,
  reference: anything,
  evaluation: recordOf({
    pairs: listOf(anything),
    every: optional(wholeNumber()),
    patience: optional(wholeNumber()),
  }),
  state: STATE,
  ...longWork,
};

/** What a loss reads beside the log-probabilities of the policy. */
export function batchOf(
  pairs: readonly TokenPair[],
  scores: ArrayLike<number>,
  {
    referenceFree,
    withLengths,
  }: { readonly referenceFree: boolean; readonly withLengths: boolean },
): LossBatch {
  const f64 = (of: (pair: TokenPair, i: number) => number): NdArray<"float64"> =>
    array<"float64">(Float64Array.from(pairs, of), { copy: false });
  const some = (name: "weight" | "preference" | "margin"): boolean =>
    pairs.some((pair) => pair[name] !== undefined);
  return {
    chosen: f64((_, i) => scores[i]!),
    rejected: f64((_, i) => scores[pairs.length + i]!),
    ...(!referenceFree && {
      refChosen: f64((pair) => pair.refChosen!),
      refRejected: f64((pair) => pair.refRejected!),
    }),
    ...(withLengths && {
      chosenLengths: f64((pair) => pair.chosen.length),
      rejectedLengths: f64((pair) => pair.rejected.length),
    }),
    ...(some("weight") && { weights: f64(({ weight = 1 }) => weight) }),
    ...(some("preference") && { preferences: f64(({ preference = 1 }) => preference) }),
    ...(some("margin") && { margins: f64(({ margin = 0 }) => margin) }),
  } as LossBatch;
}

/** The metrics of what a loss returned. */
export function metricsOf(
  step: number,
  pairs: readonly TokenPair[],
  { loss, chosenRewards, rejectedRewards }: LossResult,
): PairMetrics {
  let [right, chosenReward, rejectedReward] = [0, 0, 0];
  pairs.forEach(({ preference = 1 }, i) => {
    const [up, down] = [chosenRewards.get(i), rejectedRewards.get(i)];
    chosenReward += up / pairs.length;
    rejectedReward += down / pairs.length;
    const agrees = (up - down) * (preference - 0.5);
    right += agrees > 0 ? 1 : preference === 0.5 ? 0.5 : 0;
  });
  return {
    step,
    loss,
    accuracy: right / pairs.length,
    margin: chosenReward - rejectedReward,
    chosenReward,
    rejectedReward,
  };
}

/** Whether all pairs, or none, carry the reference's log-probabilities. */
export function carryReference(fn: string, name: string, pairs: readonly TokenPair[]): boolean {
  const without = pairs.findIndex(({ refChosen }) => refChosen === undefined);
  const having = pairs.findIndex(({ refChosen }) => refChosen !== undefined);
  if (without >= 0 && having >= 0)
    throw new DomainError(
      `${fn}: ${name}[${having}] carries refChosen and ${name}[${without}] does not: all pairs must, or none`,
    );
  return having >= 0;
}
