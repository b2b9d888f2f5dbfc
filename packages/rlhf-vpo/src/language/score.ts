/** What a language model says of pairs. */
import {
  DTypeError,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  isNdArray,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyFunction,
  anything,
  check,
  checkOptions,
  longWork,
  recordWith,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { sequenceLogProbs } from "../sequence/log-probs.js";
import {
  PADDING,
  type PaddedPairs,
  type PaddingOptions,
  type TokenPair,
  checkPairs,
  padded,
} from "./pairs.js";

/**
 * A language model that can be trained: any pure function of parameters and tokens.
 * @category Language models
 */
export interface SequenceModel<P> {
  /** Parameters to start from, a tree of arrays. */
  readonly init: P;
  /**
   * Logits [R, T, V] of tokens [R, T]: at position t those of the token at t + 1. `attention` [R, T] is 0 at padding, which a causal model may ignore where
   * padding is on the right.
   */
  readonly logits: (params: P, tokens: NdArray, attention: NdArray) => NdArray;
}

/**
 * Log-probabilities of the responses of pairs, and their numbers of tokens.
 * @category Language models
 */
export interface PairScores {
  readonly chosen: NdArray<"float64">;
  readonly rejected: NdArray<"float64">;
  readonly chosenLengths: NdArray<"float64">;
  readonly rejectedLengths: NdArray<"float64">;
}

/**
 * Options of {@link scorePairs}.
 * @category Language models
 */
export interface ScorePairsOptions extends Omit<PaddingOptions, "length"> {
  /** Pairs in one call of the model; default 8. */
  readonly batchSize?: number;
  /** Called after every batch. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly total: number }) => void;
  /** Stops between two batches. */
  readonly signal?: AbortSignal;
}

const OPTIONS = {
  ...PADDING,
  batchSize: wholeNumber(),
  ...longWork,
};

export const MODEL = recordWith({ init: anything, logits: anyFunction }) as never;

/** The model's logits of padded pairs, held against their shape. */
export function logitsOf<P>(
  fn: string,
  model: SequenceModel<P>,
  params: P,
  { tokens, attention }: PaddedPairs,
): NdArray {
  const logits: unknown = model.logits(params, tokens, attention);
  if (!isNdArray(logits))
    throw new DTypeError(`${fn}: model.logits must give an array, got ${show(logits)}`);
  const [rows, length] = tokens.shape;
  if (logits.shape.length !== 3 || logits.shape[0] !== rows || logits.shape[1] !== length)
    throw new ShapeError(
      `${fn}: model.logits must give shape [${rows}, ${length}, V], got [${logits.shape.join(", ")}]`,
    );
  return logits;
}

/** Log-probabilities of all rows, the chosen ones first; not differentiated. */
export function rowScores<P>(
  fn: string,
  model: SequenceModel<P>,
  params: P,
  pairs: readonly TokenPair[],
  options: PaddingOptions,
): Float64Array {
  const rows = padded(pairs, options);
  const { logProbs } = sequenceLogProbs(logitsOf(fn, model, params, rows), rows.tokens, rows.mask);
  const scores = toTypedArray(logProbs);
  finiteScores(fn, scores, pairs.length);
  return scores;
}

/** Refuses log-probabilities that are not finite, by the pair that they are of. */
export function finiteScores(fn: string, scores: ArrayLike<number>, size: number): void {
  for (let i = 0; i < scores.length; i++)
    if (!Number.isFinite(scores[i]))
      throw new DomainError(
        `${fn}: the log-probability of ${i < size ? "chosen" : "rejected"} response ${i % size} of a batch is ${scores[i]}`,
      );
}

/** Consecutive pieces of a list. */
export function pieces<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}

/**
 * Log-probabilities that a model gives to the responses of pairs: with the reference's parameters they are what to cache as `refChosen` and `refRejected`.
 *
 * @param model - see {@link SequenceModel}
 * @param params - parameters of the model
 * @param pairs - see {@link TokenPair}
 * @param options - see {@link ScorePairsOptions}
 * @returns see {@link PairScores}
 * @throws `ShapeError`, `DomainError` where logits do not have the shape of the tokens, or give a response no finite log-probability
 * @example
 * ```ts
 * import { toNested, zeros } from "@provably/core-tensor";
 * import { scorePairs } from "@provably/rlhf-vpo";
 *
 * const uniform = { init: {}, logits: (_, tokens) => zeros([...tokens.shape, 4]) };
 * const { chosen } = scorePairs(uniform, {}, [{ prompt: [0], chosen: [1, 2], rejected: [3] }]);
 * toNested(chosen); // => [-2 * Math.log(4)]
 * ```
 * @category Language models
 */
export function scorePairs<P>(
  model: SequenceModel<P>,
  params: P,
  pairs: readonly TokenPair[],
  options: ScorePairsOptions = {},
): PairScores {
  const fn = "scorePairs";
  const {
    batchSize = 8,
    onProgress,
    signal,
    ...padding
  } = checkOptions<ScorePairsOptions>(fn, options, OPTIONS);
  check(fn, "model", model, MODEL);
  checkPairs(fn, "pairs", pairs);
  const [chosen, rejected]: [number[], number[]] = [[], []];
  const groups = pieces(pairs, batchSize);
  groups.forEach((group, k) => {
    signal?.throwIfAborted();
    const scores = rowScores(fn, model, params, group, padding);
    chosen.push(...scores.subarray(0, group.length));
    rejected.push(...scores.subarray(group.length));
    onProgress?.({ iteration: k + 1, total: groups.length });
  });
  const f64 = (x: readonly number[]): NdArray<"float64"> => array(x, { dtype: "float64" });
  return {
    chosen: f64(chosen),
    rejected: f64(rejected),
    chosenLengths: f64(pairs.map((pair) => pair.chosen.length)),
    rejectedLengths: f64(pairs.map((pair) => pair.rejected.length)),
  };
}
