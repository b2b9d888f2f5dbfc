/** The loop that every pairwise loss runs in. */
import type { NdArray } from "@provably/core-tensor";
import { wrap } from "../arrays.js";
import type { FlatBatch, LossResult, PairLossOptions } from "./batch.js";

/** Derivatives of one pair's loss: with respect to chosen, rejected and the two references. */
export interface PairGradient {
  chosen: number;
  rejected: number;
  refChosen: number;
  refRejected: number;
}

/** One pair as a loss sees it. */
export interface Pair {
  chosen: number;
  rejected: number;
  refChosen: number;
  refRejected: number;
  /** Numbers of tokens; 1 where no lengths are given. */
  chosenLength: number;
  rejectedLength: number;
  margin: number;
  index: number;
}

/** The loss of one pair; writes its derivatives. */
export type PairLoss = (pair: Readonly<Pair>, d: PairGradient) => number;

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
  const { size, weights, referenced } = batch;
  const losses = new Float64Array(size);
  const [da, db, da0, db0] = withGradients
    ? Array.from({ length: 4 }, () => new Float64Array(size))
    : [];
  const d: PairGradient = { chosen: 0, rejected: 0, refChosen: 0, refRejected: 0 };
  const of = expected(batch, pair);
  let loss = 0;
  for (let i = 0; i < size; i++) {
    const value = of(i, d);
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

/** The loss of pair i, expected under its soft label. */
function expected(batch: FlatBatch, loss: PairLoss): (i: number, d: PairGradient) => number {
  const { chosen, rejected, refChosen, refRejected, preferences } = batch;
  const pair: Pair = {
    chosen: 0,
    rejected: 0,
    refChosen: 0,
    refRejected: 0,
    chosenLength: 1,
    rejectedLength: 1,
    margin: 0,
    index: 0,
  };
  const fill = (i: number): void => {
    pair.chosen = chosen[i]!;
    pair.rejected = rejected[i]!;
    pair.refChosen = refChosen[i]!;
    pair.refRejected = refRejected[i]!;
    if (batch.chosenLengths) pair.chosenLength = batch.chosenLengths[i]!;
    if (batch.rejectedLengths) pair.rejectedLength = batch.rejectedLengths[i]!;
    if (batch.margins) pair.margin = batch.margins[i]!;
    pair.index = i;
  };
  if (preferences === undefined)
    return (i, d) => {
      fill(i);
      return loss(pair, d);
    };
  const other: PairGradient = { chosen: 0, rejected: 0, refChosen: 0, refRejected: 0 };
  return (i, d) => {
    const p = preferences[i]!;
    fill(i);
    const value = loss(pair, d);
    if (p === 1) return value;
    const swapped = loss(
      {
        chosen: pair.rejected,
        rejected: pair.chosen,
        refChosen: pair.refRejected,
        refRejected: pair.refChosen,
        chosenLength: pair.rejectedLength,
        rejectedLength: pair.chosenLength,
        margin: -pair.margin,
        index: i,
      },
      other,
    );
    d.chosen = p * d.chosen + (1 - p) * other.rejected;
    d.rejected = p * d.rejected + (1 - p) * other.chosen;
    d.refChosen = p * d.refChosen + (1 - p) * other.refRejected;
    d.refRejected = p * d.refRejected + (1 - p) * other.refChosen;
    return p * value + (1 - p) * swapped;
  };
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
        ? {
            ...gradient,
            weights: wrap(
              losses.map((l) => (l - (batch.normalised ? loss : 0)) / batch.totalWeight),
            ),
          }
        : gradient,
    warnings: batch.warnings,
  };
}

/** z = β(u − v), less the pair's margin. */
export function marginOf(pair: Readonly<Pair>, beta: number): number {
  const { chosen, rejected, refChosen, refRejected, margin } = pair;
  return beta * (chosen - refChosen - (rejected - refRejected)) - margin;
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
