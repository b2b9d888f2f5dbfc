/** Batches of preference pairs, and the loop that every pairwise loss runs in. */
import { type ArrayInput, DomainError, type NdArray, ShapeError } from "@provably/core-tensor";
import {
  type Guard,
  anything,
  check,
  oneOf,
  optional,
  positiveNumber,
  recordOf,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import { finite, read, sized } from "../arrays.js";

/**
 * Log-probabilities of chosen and rejected responses under the policy, for losses without a reference. Sums over tokens, in nats; keep them in float64.
 * @category Losses
 */
export interface ResponsePairs {
  /** $\ln\pi(y^+ \mid x)$, [B]. */
  readonly chosen: ArrayInput;
  /** $\ln\pi(y^- \mid x)$, [B]. */
  readonly rejected: ArrayInput;
  /** Weights of the pairs, ≥ 0, [B]; default 1. They are normalised: the loss is a weighted mean. */
  readonly weights?: ArrayInput | undefined;
  /**
   * Soft labels, [B]: the probability p in [0, 1] that the chosen response is the better one, 0.5 for a tie; default 1. The loss of a pair is
   * $p\,L(y^+, y^-) + (1-p)\,L(y^-, y^+)$.
   */
  readonly preferences?: ArrayInput | undefined;
  /** Margins m of the pairs in units of reward, [B]: z counts as z − m, and the rewards βu and βv as βu − m/2 and βv + m/2; default 0. */
  readonly margins?: ArrayInput | undefined;
}

/**
 * The same under policy and reference. Both references are required, unless the option `referenceFree` says that there is none.
 * @category Losses
 */
export interface PreferenceBatch extends ResponsePairs {
  /** $\ln\pi_{\mathrm{ref}}(y^+ \mid x)$, [B]. */
  readonly refChosen?: ArrayInput | undefined;
  /** $\ln\pi_{\mathrm{ref}}(y^- \mid x)$, [B]. */
  readonly refRejected?: ArrayInput | undefined;
}

/**
 * Numbers of response tokens, for losses that average over them; at least 1 is counted.
 * @category Losses
 */
export interface ResponseLengths {
  /** Tokens of the chosen responses, [B]. */
  readonly chosenLengths: ArrayInput;
  /** Tokens of the rejected responses, [B]. */
  readonly rejectedLengths: ArrayInput;
}

/**
 * Options that every loss takes. A loss refuses options, and fields of its batch, that it does not read.
 * @category Losses
 */
export interface PairLossOptions {
  /** Whether to compute `gradient`; default true. */
  readonly withGradients?: boolean;
  /** Accept log-probabilities above 0 without a warning; default false. */
  readonly allowPositive?: boolean;
  /**
   * `"paper"`, the default, or `"trl"`: weights are not normalised, likelihood terms are means over all tokens of the batch together, and what TRL has no form
   * of is refused.
   */
  readonly convention?: Convention;
}

/**
 * Whose convention a loss follows where they differ: that of its paper, or of TRL 1.13.
 * @category Losses
 */
export type Convention = "paper" | "trl";

/**
 * Options of losses with a temperature.
 * @category Losses
 */
export interface BetaOptions extends PairLossOptions {
  /** Temperature $\beta > 0$ of the KL penalty; default 0.1. */
  readonly beta?: number;
}

/**
 * Options of losses of single responses.
 * @category Losses
 */
export type SingleOptions = Omit<BetaOptions, "convention">;

/**
 * Options of losses with a temperature and a reference.
 * @category Losses
 */
export interface ReferenceOptions extends BetaOptions {
  /** The batch comes without references, and they count as 0: a uniform reference on responses of one length. Default false. */
  readonly referenceFree?: boolean;
}

export const LOSS = {
  withGradients: trueOrFalse,
  allowPositive: trueOrFalse,
  convention: oneOf("paper", "trl"),
};
export const BETA = { ...LOSS, beta: positiveNumber };
/** What losses of single responses take. */
export const SINGLE = {
  withGradients: trueOrFalse,
  allowPositive: trueOrFalse,
  beta: positiveNumber,
};
export const REFERENCE = { ...BETA, referenceFree: trueOrFalse };

/** What losses read of a batch. */
export const PAIRS = {
  chosen: anything,
  rejected: anything,
  weights: optional(anything),
  preferences: optional(anything),
  margins: optional(anything),
};
export const REFERENCED = {
  ...PAIRS,
  refChosen: optional(anything),
  refRejected: optional(anything),
};
export const LENGTHS = { chosenLengths: anything, rejectedLengths: anything };

/**
 * A loss over a batch of pairs.
 * @category Losses
 */
export interface LossResult {
  /** Weighted mean of `losses`. */
  readonly loss: number;
  /** Loss of each pair, float64 [B]. */
  readonly losses: NdArray<"float64">;
  /** Implicit rewards $\beta(\ln\pi - \ln\pi_{\mathrm{ref}})$ of the chosen responses, [B]. */
  readonly chosenRewards: NdArray<"float64">;
  /** Implicit rewards of the rejected responses, [B]. */
  readonly rejectedRewards: NdArray<"float64">;
  /** Derivatives of `loss` with respect to each input, by its name, float64 of its shape. Empty without gradients. */
  readonly gradient: Readonly<Record<string, NdArray<"float64">>>;
  /** What a reader should know: log-probabilities above 0, say. */
  readonly warnings: readonly string[];
}

/** A checked batch as plain numbers. */
export interface FlatBatch {
  readonly size: number;
  readonly chosen: Float64Array;
  readonly rejected: Float64Array;
  readonly refChosen: Float64Array;
  readonly refRejected: Float64Array;
  readonly referenced: boolean;
  readonly chosenLengths: Float64Array | undefined;
  readonly rejectedLengths: Float64Array | undefined;
  /** Factors of the pairs in the loss, where they are not all 1 / size. */
  readonly weights: Float64Array | undefined;
  /** What the weights as they were given were divided by: their sum, or in TRL's convention the number of pairs. */
  readonly totalWeight: number;
  /** Whether the factors sum to 1. */
  readonly normalised: boolean;
  readonly preferences: Float64Array | undefined;
  readonly margins: Float64Array | undefined;
  readonly warnings: readonly string[];
}

/** A batch of the fields that the loss reads, and no other. With `deferred` whoever reads the log-probabilities sees to it that they are finite and below 0. */
export function flatten(
  fn: string,
  batch: ResponsePairs,
  fields: Readonly<Record<string, Guard<never>>>,
  { allowPositive = false, referenceFree = false, convention = "paper" }: ReferenceOptions,
  deferred = false,
): FlatBatch {
  check(fn, "batch", batch, recordOf(fields));
  const given: Partial<Record<string, ArrayInput>> = { ...batch };
  const needed = "refChosen" in fields && !referenceFree;
  for (const name of ["refChosen", "refRejected"]) {
    if (needed && given[name] === undefined)
      throw new DomainError(
        `${fn}: batch.${name} must be given, log-probabilities under the reference; where there is none, say referenceFree: true`,
      );
    if (!needed && given[name] !== undefined)
      throw new DomainError(`${fn}: batch.${name} must be left out where referenceFree is true`);
  }
  const first = read(fn, "chosen", batch.chosen);
  if (first.shape.length !== 1 || first.size === 0)
    throw new ShapeError(
      `${fn}: chosen must be a vector of at least one pair, got shape [${first.shape.join(", ")}]`,
    );
  const size = first.size;
  const numbersOf = (name: string): Float64Array | undefined =>
    given[name] === undefined ? undefined : finite(fn, name, given[name], [size]);
  const checked = deferred ? sized : finite;
  const reference = (name: string): Float64Array | undefined =>
    given[name] === undefined ? undefined : checked(fn, name, given[name], [size]);
  const logProbs = {
    chosen: checked(fn, "chosen", first, [size]),
    rejected: checked(fn, "rejected", batch.rejected, [size]),
    refChosen: reference("refChosen"),
    refRejected: reference("refRejected"),
  };
  const warnings: string[] = [];
  if (!allowPositive && !deferred)
    for (const [name, x] of Object.entries(logProbs)) {
      let at = 0;
      while (x && at < x.length && !(x[at]! > 1e-6)) at++;
      if (x && at < x.length)
        warnings.push(
          `${name}[${at}] is ${x[at]}, and log-probabilities of sequences are at most 0: scores that were not normalised?`,
        );
    }
  const zeros = needed ? undefined : new Float64Array(size);
  const weights = numbersOf("weights");
  const normalised = convention === "paper";
  const sum = weights ? totalOf(fn, weights) : size;
  const totalWeight = normalised ? sum : size;
  return {
    size,
    chosen: logProbs.chosen,
    rejected: logProbs.rejected,
    refChosen: logProbs.refChosen ?? zeros!,
    refRejected: logProbs.refRejected ?? zeros!,
    referenced: needed,
    chosenLengths: lengths(fn, "chosenLengths", numbersOf("chosenLengths")),
    rejectedLengths: lengths(fn, "rejectedLengths", numbersOf("rejectedLengths")),
    weights: weights?.map((w) => w / totalWeight),
    totalWeight,
    normalised,
    preferences: probabilities(fn, numbersOf("preferences")),
    margins: numbersOf("margins"),
    warnings,
  };
}

function probabilities(fn: string, given: Float64Array | undefined): Float64Array | undefined {
  given?.forEach((p, i) => {
    if (!(p >= 0 && p <= 1))
      throw new DomainError(`${fn}: preferences[${i}] must be in [0, 1], got ${p}`);
  });
  return given;
}

function totalOf(fn: string, weights: Float64Array): number {
  let total = 0;
  weights.forEach((w, i) => {
    if (w < 0) throw new DomainError(`${fn}: weights[${i}] must be ≥ 0, got ${w}`);
    total += w;
  });
  if (!(total > 0 && Number.isFinite(total)))
    throw new DomainError(`${fn}: weights must have a positive and finite sum, got ${total}`);
  return total;
}

/** Token counts; a response without tokens counts as one of one token. */
function lengths(
  fn: string,
  name: string,
  counts: Float64Array | undefined,
): Float64Array | undefined {
  return counts?.map((n, i) => {
    if (!(Number.isInteger(n) && n >= 0))
      throw new DomainError(`${fn}: ${name}[${i}] must be a number of tokens, got ${n}`);
    return Math.max(n, 1);
  });
}

/** Mean number of chosen tokens: a sum over it, averaged over pairs, is the mean over all tokens together, as TRL takes likelihoods. */
export function meanLength(fn: string, batch: FlatBatch): number {
  const { chosenLengths, preferences, weights, size } = batch;
  if (chosenLengths === undefined)
    throw new DomainError(
      `${fn}: convention "trl" averages over all chosen tokens: batch.chosenLengths must be given`,
    );
  for (const [name, given] of Object.entries({ preferences, weights }))
    if (given !== undefined)
      throw new DomainError(
        `${fn}: batch.${name} must be left out with convention "trl": the mean over all chosen tokens has no form for it`,
      );
  return chosenLengths.reduce((sum, n) => sum + n, 0) / size;
}
