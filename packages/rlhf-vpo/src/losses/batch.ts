/** Batches of preference pairs, and the loop that every pairwise loss runs in. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { anyRecord, check } from "@provably/core-tensor/internal";
import { finite, wrap } from "../arrays.js";

/**
 * Log-probabilities of chosen and rejected responses under the policy and the reference. Sums over tokens, in nats; keep them in float64.
 * @category Losses
 */
export interface PreferenceBatch {
  /** $\ln\pi(y^+ \mid x)$, [B]. */
  readonly chosen: ArrayInput;
  /** $\ln\pi(y^- \mid x)$, [B]. */
  readonly rejected: ArrayInput;
  /** $\ln\pi_{\mathrm{ref}}(y^+ \mid x)$, [B]; left out, it counts as 0 (no reference). */
  readonly refChosen?: ArrayInput;
  /** $\ln\pi_{\mathrm{ref}}(y^- \mid x)$, [B]. */
  readonly refRejected?: ArrayInput;
  /** Numbers of response tokens, [B], for losses that average over them. */
  readonly chosenLengths?: ArrayInput;
  /** Numbers of response tokens, [B]. */
  readonly rejectedLengths?: ArrayInput;
  /** Weights of the pairs, ≥ 0, [B]; default 1. */
  readonly weights?: ArrayInput;
}

/**
 * Options that every loss takes.
 * @category Losses
 */
export interface LossOptions {
  /** Whether to compute `grads`; default true. */
  readonly withGradients?: boolean;
  /** Accept log-probabilities above 0 without a warning; default false. */
  readonly allowPositive?: boolean;
}

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
  readonly grads: Readonly<Record<string, NdArray<"float64">>>;
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
  readonly chosenLengths: Float64Array | undefined;
  readonly rejectedLengths: Float64Array | undefined;
  /** Weights that sum to 1, where they are not all the same. */
  readonly weights: Float64Array | undefined;
  readonly warnings: readonly string[];
}

export function flatten(
  fn: string,
  batch: PreferenceBatch,
  { allowPositive = false }: LossOptions,
): FlatBatch {
  check(fn, "batch", batch, anyRecord);
  const first = array(batch.chosen, { dtype: "float64" });
  if (first.shape.length !== 1 || first.size === 0)
    throw new ShapeError(
      `${fn}: chosen must be a vector of at least one pair, got shape [${first.shape.join(", ")}]`,
    );
  const size = first.size;
  const read = (name: keyof PreferenceBatch): Float64Array | undefined =>
    batch[name] === undefined ? undefined : finite(fn, name, batch[name], [size]);
  if ((batch.refChosen === undefined) !== (batch.refRejected === undefined))
    throw new ShapeError(
      `${fn}: refChosen and refRejected must be given together, or neither for a loss without reference`,
    );
  const given = {
    chosen: finite(fn, "chosen", first, [size]),
    rejected: finite(fn, "rejected", batch.rejected, [size]),
    refChosen: read("refChosen"),
    refRejected: read("refRejected"),
  };
  const warnings: string[] = [];
  if (!allowPositive)
    for (const [name, x] of Object.entries(given)) {
      let at = 0;
      while (x && at < x.length && !(x[at]! > 1e-6)) at++;
      if (x && at < x.length)
        warnings.push(
          `${name}[${at}] is ${x[at]}, and log-probabilities of sequences are at most 0: scores that were not normalised?`,
        );
    }
  const [chosenLengths, rejectedLengths, given1] = [
    read("chosenLengths"),
    read("rejectedLengths"),
    read("weights"),
  ];
  let total = size;
  if (given1) {
    total = 0;
    given1.forEach((w, i) => {
      if (w < 0) throw new DomainError(`${fn}: weights[${i}] must be ≥ 0, got ${w}`);
      total += w;
    });
    if (!(total > 0)) throw new DomainError(`${fn}: weights must not all be 0`);
  }
  const zeros = given.refChosen && given.refRejected ? undefined : new Float64Array(size);
  return {
    size,
    chosen: given.chosen,
    rejected: given.rejected,
    refChosen: given.refChosen ?? zeros!,
    refRejected: given.refRejected ?? zeros!,
    chosenLengths,
    rejectedLengths,
    weights: given1?.map((w) => w / total),
    warnings,
  };
}

/** Lengths of at least 1, or an error that says that the loss needs them. */
export function lengthsOf(fn: string, batch: FlatBatch): readonly [Float64Array, Float64Array] {
  const { chosenLengths, rejectedLengths } = batch;
  if (!chosenLengths || !rejectedLengths)
    throw new ShapeError(
      `${fn}: chosenLengths and rejectedLengths are needed, the numbers of response tokens`,
    );
  return [chosenLengths.map((n) => Math.max(n, 1)), rejectedLengths.map((n) => Math.max(n, 1))];
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
  { withGradients = true }: LossOptions,
  beta: number,
  pair: PairLoss,
  extras: Extras = {},
): LossResult {
  const { size, chosen, rejected, refChosen, refRejected, weights } = batch;
  const losses = new Float64Array(size);
  const grads = withGradients
    ? {
        chosen: new Float64Array(size),
        rejected: new Float64Array(size),
        refChosen: new Float64Array(size),
        refRejected: new Float64Array(size),
      }
    : undefined;
  const [da, db, da0, db0] = grads
    ? [grads.chosen, grads.rejected, grads.refChosen, grads.refRejected]
    : [losses, losses, losses, losses];
  const d: PairGradient = { chosen: 0, rejected: 0, refChosen: 0, refRejected: 0 };
  let loss = 0;
  for (let i = 0; i < size; i++) {
    const a = chosen[i]!;
    const b = rejected[i]!;
    const a0 = refChosen[i]!;
    const b0 = refRejected[i]!;
    const value = pair(a, b, a0, b0, d, i);
    const w = weights ? weights[i]! : 1 / size;
    if (grads) {
      da[i] = w * d.chosen;
      db[i] = w * d.rejected;
      da0[i] = w * d.refChosen;
      db0[i] = w * d.refRejected;
    }
    losses[i] = value;
    loss += w * value;
  }
  const named: Record<string, NdArray<"float64">> = {};
  if (grads) {
    for (const [name, g] of Object.entries(grads)) named[name] = wrap(g);
    for (const [name, { shape, perPair }] of Object.entries(extras)) {
      const width = perPair.length / size;
      named[name] = wrap(
        perPair.map((g, k) => (weights ? weights[Math.floor(k / width)]! : 1 / size) * g),
        shape,
      );
    }
  }
  return resultOf(batch, beta, loss, losses, named);
}

/** The result of a loss. Implicit rewards are made when somebody asks for them: memory that was never touched costs more than arithmetic. */
export function resultOf(
  batch: FlatBatch,
  beta: number,
  loss: number,
  losses: Float64Array,
  grads: LossResult["grads"],
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
    grads,
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
