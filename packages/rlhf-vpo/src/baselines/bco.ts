/** BCO: a classifier of single responses, shifted by the mean reward. */
import { DomainError, ShapeError, array } from "@provably/core-tensor";
import {
  check,
  checkOptions,
  finiteNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { finite } from "../arrays.js";
import { type LossResult, SINGLE, type SingleOptions } from "../losses/batch.js";
import { sigmoid, softplus } from "../numerics.js";
import { UNPAIRED, type UnpairedBatch, labels } from "./kto.js";

/**
 * The running mean of all rewards seen, the shift δ of {@link bcoLoss}.
 * @category Losses
 */
export interface BcoShift {
  readonly mean: number;
  /** How many rewards it is the mean of. */
  readonly count: number;
}

const SHIFT = recordOf<BcoShift>({ mean: finiteNumber, count: wholeNumber(0) });

/**
 * The BCO loss $L = \mathrm{softplus}(\mp(\beta u - \delta))$, minus for desirable responses and plus for the others, with the shift δ: the mean reward βu of
 * all responses seen so far, those of this batch included.
 *
 * δ carries no gradient. Hand the returned `shift` to the next batch, as TRL's trainer does; the first batch starts from none.
 *
 * @param batch - see {@link UnpairedBatch}
 * @param options - `beta`, default 0.1; `shift` of the batches before; or `delta`, a fixed δ
 * @returns as {@link ktoLoss}, with the `delta` that was used and the `shift` to go on with
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { bcoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const batch = { policy: [-1, -3], reference: [-2, -2], desirable: [true, false] };
 * const { loss, delta, shift } = bcoLoss(batch, { beta: 1 });
 * [delta, shift.count]; // => [0, 2]
 * loss.toFixed(6); // => "0.313262"
 * ```
 * @see Jung, Han, Nam, Cho (2024), "Binary classifier optimization for large language model alignment"; TRL 1.13, `BCOTrainer`
 * @category Losses
 */
export function bcoLoss(
  batch: UnpairedBatch,
  options: SingleOptions & { readonly shift?: BcoShift; readonly delta?: number } = {},
): LossResult & { readonly delta: number; readonly shift: BcoShift } {
  const fn = "bcoLoss";
  const {
    beta = 0.1,
    shift,
    delta: fixed,
    withGradients = true,
    allowPositive = false,
  } = checkOptions(fn, options, { ...SINGLE, shift: SHIFT, delta: finiteNumber });
  if (shift !== undefined && fixed !== undefined)
    throw new DomainError(`${fn}: give shift or delta, not both`);
  check(fn, "batch", batch, recordOf(UNPAIRED));
  const policy = finite(fn, "policy", batch.policy);
  const size = policy.length;
  if (size === 0) throw new ShapeError(`${fn}: policy must have at least one entry`);
  const reference = finite(fn, "reference", batch.reference, [size]);
  const desirable = labels(fn, batch.desirable, size);
  const rewards = policy.map((p, i) => beta * (p - reference[i]!));
  const before = shift ?? { mean: 0, count: 0 };
  const count = before.count + size;
  const total = before.mean * before.count + rewards.reduce((sum, r) => sum + r, 0);
  const delta = fixed ?? total / count;
  const sides: [number[], number[]] = [[], []];
  const [losses, slope] = [new Float64Array(size), new Float64Array(size)];
  rewards.forEach((r, i) => {
    const good = desirable[i] === 1 ? 1 : 0;
    const sign = good === 1 ? 1 : -1;
    const t = sign * (r - delta);
    losses[i] = softplus(-t);
    slope[i] = (-sign * beta * sigmoid(-t)) / size;
    sides[good].push(r);
  });
  const at = allowPositive ? -1 : policy.findIndex((l) => l > 1e-6);
  return {
    loss: losses.reduce((sum, l) => sum + l, 0) / size,
    losses: array<"float64">(losses),
    chosenRewards: array<"float64">(Float64Array.from(sides[1])),
    rejectedRewards: array<"float64">(Float64Array.from(sides[0])),
    gradient: withGradients
      ? { policy: array<"float64">(slope), reference: array<"float64">(slope.map((g) => -g)) }
      : {},
    warnings:
      at < 0
        ? []
        : [`policy[${at}] is ${policy[at]}, and log-probabilities of sequences are at most 0`],
    delta,
    shift: { mean: total / count, count },
  };
}
