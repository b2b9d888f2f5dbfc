/** Batches of preference pairs, and the loop that every pairwise loss runs in. */
import { type ArrayInput, DomainError, type NdArray, ShapeError } from "@provably/core-tensor";
import {
  type Guard,
  anything,
  check,
  optional,
  positiveNumber,
  recordOf,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import { finite, read, wrap } from "../arrays.js";

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
}

/**
 * Options of losses with a temperature.
 * @category Losses
 */
export interface BetaOptions extends PairLossOptions {
  /** Temperature $\beta > 0$ of the KL penalty; default 0.1. */
  readonly beta?: number;
}

/**
 * Options of losses with a temperature and a reference.
 * @category Losses
 */
export interface ReferenceOptions extends BetaOptions {
  /** The batch comes without references, and they count as 0: a uniform reference on responses of one length. Default false. */
  readonly referenceFree?: boolean;
}

export const LOSS = { withGradients: trueOrFalse, allowPositive: trueOrFalse };
export const BETA = { ...LOSS, beta: positiveNumber };
export const REFERENCE = { ...BETA, referenceFree: trueOrFalse };

/** What losses read of a batch. */
export const PAIRS = { chosen: anything, rejected: anything, weights: optional(anything) };
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
  /** Weights that sum to 1, where they are not all the same. */
  readonly weights: Float64Array | undefined;
  /** The sum of the weights as they were given. */
  readonly totalWeight: number;
  readonly warnings: readonly string[];
}

/** A batch of the fields that the loss reads, and no other. */
export function flatten(
  fn: string,
  batch: ResponsePairs,
  fields: Readonly<Record<string, Guard<never>>>,
  { allowPositive = false, referenceFree = false }: ReferenceOptions,
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
  const logProbs = {
    chosen: finite(fn, "chosen", first, [size]),
    rejected: finite(fn, "rejected", batch.rejected, [size]),
    refChosen: numbersOf("refChosen"),
    refRejected: numbersOf("refRejected"),
  };
  const warnings: string[] = [];
  if (!allowPositive)
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
  const totalWeight = weights ? totalOf(fn, weights) : size;
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
    warnings,
  };
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

/** Derivatives of one pair's loss: with respect to chosen, rejected and the two references. */
export interface PairGradient {
  chosen: number;
  rejected: number;
  refChosen: number;
  refRejected: number;
}

/** The loss of one pair; writes its derivatives. */
export type PairLoss = (
  a: number,
  b: number,
  a0: number,
  b0: number,
  d: PairGradient,
  i: number,
) => number;

/** Further inputs beside the four, with their derivatives, per pair already. */
export type Extras = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly perPair: Float64Array }>
>;

/** Runs a pairwise loss over a batch. `extras` are filled by the loss itself. */
export function overPairs(
  batch: FlatBatch,
  { withGradients = true }: PairLossOptions,
  beta: number,
  pair: PairLoss,
  extras: Extras = {},
): LossResult {
  const { size, chosen, rejected, refChosen, refRejected, weights, referenced } = batch;
  const losses = new Float64Array(size);
  const [da, db, da0, db0] = withGradients
    ? Array.from({ length: 4 }, () => new Float64Array(size))
    : [];
  const d: PairGradient = { chosen: 0, rejected: 0, refChosen: 0, refRejected: 0 };
  let loss = 0;
  for (let i = 0; i < size; i++) {
    const a = chosen[i]!;
    const b = rejected[i]!;
    const a0 = refChosen[i]!;
    const b0 = refRejected[i]!;
    const value = pair(a, b, a0, b0, d, i);
    const w = weights ? weights[i]! : 1 / size;
    if (da) {
      da[i] = w * d.chosen;
      db![i] = w * d.rejected;
      da0![i] = w * d.refChosen;
      db0![i] = w * d.refRejected;
    }
    losses[i] = value;
    loss += w * value;
  }
  const gradient: Record<string, NdArray<"float64">> = {};
  if (da) {
    Object.assign(gradient, gradientsOf(da, db!, referenced ? [da0!, db0!] : undefined));
    for (const [name, { shape, perPair }] of Object.entries(extras)) {
      const width = perPair.length / size;
      gradient[name] = wrap(
        perPair.map((g, k) => (weights ? weights[Math.floor(k / width)]! : 1 / size) * g),
        shape,
      );
    }
  }
  return resultOf(batch, beta, loss, losses, gradient);
}

/** Derivatives by the names of what was given: references have one only where there are any. */
export function gradientsOf(
  chosen: Float64Array,
  rejected: Float64Array,
  reference: readonly [Float64Array, Float64Array] | undefined,
): LossResult["gradient"] {
  return {
    chosen: wrap(chosen),
    rejected: wrap(rejected),
    ...(reference && { refChosen: wrap(reference[0]), refRejected: wrap(reference[1]) }),
  };
}

/** The result of a loss. Implicit rewards are made when somebody asks for them: memory that was never touched costs more than arithmetic. */
export function resultOf(
  batch: FlatBatch,
  beta: number,
  loss: number,
  losses: Float64Array,
  gradient: LossResult["gradient"],
): LossResult {
  const rewards = (policy: Float64Array, reference: Float64Array): (() => NdArray<"float64">) => {
    let made: NdArray<"float64"> | undefined;
    return () => (made ??= wrap(policy.map((x, i) => beta * (x - reference[i]!))));
  };
  const up = rewards(batch.chosen, batch.refChosen);
  const down = rewards(batch.rejected, batch.refRejected);
  return {
    loss,
    losses: wrap(losses),
    get chosenRewards() {
      return up();
    },
    get rejectedRewards() {
      return down();
    },
    gradient:
      batch.weights && gradient["chosen"]
        ? { ...gradient, weights: wrap(losses.map((l) => (l - loss) / batch.totalWeight)) }
        : gradient,
    warnings: batch.warnings,
  };
}

/** Writes the derivatives of a loss of z = β(u − v) from g = dL/dz. */
export function alongMargin(d: PairGradient, slope: number): void {
  d.chosen = slope;
  d.rejected = -slope;
  d.refChosen = -slope;
  d.refRejected = slope;
}

/** Writes the derivatives of a loss of u = a − a0 and v = b − b0. */
export function alongRatios(d: PairGradient, du: number, dv: number): void {
  d.chosen = du;
  d.refChosen = -du;
  d.rejected = dv;
  d.refRejected = -dv;
}
