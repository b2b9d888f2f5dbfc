/** KTO: responses judged one by one, without pairs. */
import { type ArrayInput, DomainError, ShapeError, array } from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  recordOf,
  show,
} from "@provably/core-tensor/internal";
import { finite } from "../arrays.js";
import { sigmoid } from "../numerics.js";
import { type LossResult, SINGLE, type SingleOptions } from "../losses/batch.js";

/**
 * Responses that were judged desirable or not.
 * @category Losses
 */
export interface UnpairedBatch {
  /** $\ln\pi(y \mid x)$, [B]. */
  readonly policy: ArrayInput;
  /** $\ln\pi_{\mathrm{ref}}(y \mid x)$, [B]. */
  readonly reference: ArrayInput;
  /** `true` or 1 where desirable, `false` or 0 where not, [B]. */
  readonly desirable: ArrayInput | readonly boolean[];
}

export const UNPAIRED = { policy: anything, reference: anything, desirable: anything };
const KTO = {
  ...SINGLE,
  desirableWeight: nonNegativeNumber,
  undesirableWeight: nonNegativeNumber,
  klEstimate: nonNegativeNumber,
  mismatched: anything,
};

/**
 * Options of {@link ktoLoss}.
 * @category Losses
 */
export interface KtoOptions extends SingleOptions {
  /** Weight of desirable responses; default 1. */
  readonly desirableWeight?: number;
  /** Weight of undesirable responses; default 1. */
  readonly undesirableWeight?: number;
  /** $z_0$, at least 0; default 0. */
  readonly klEstimate?: number;
  /** Log-ratios of mismatched prompts and responses, [M], from which $z_0$ is computed; in place of `klEstimate`. */
  readonly mismatched?: ArrayInput;
}

/** Whether each response is desirable: two values, and nothing that would have to be interpreted. */
export function labels(fn: string, input: UnpairedBatch["desirable"], size: number): Float64Array {
  const given = finite(fn, "desirable", input, [size]);
  given.forEach((flag, i) => {
    if (flag !== 0 && flag !== 1)
      throw new DomainError(
        `${fn}: desirable[${i}] must be true or 1, or false or 0, got ${show(flag)}`,
      );
  });
  return given;
}

/**
 * The KTO loss $L = w\,\sigma(-t)$ with $t = \pm\beta(u - z_0)$: desirable responses up against a reference point $z_0$, undesirable ones down.
 *
 * $z_0$ estimates the KL divergence of policy and reference, as the mean log-ratio of mismatched prompts and responses, not below 0; it carries no gradient.
 *
 * @param batch - see {@link UnpairedBatch}
 * @param options - see {@link KtoOptions}
 * @returns as the other losses; `chosenRewards` are those of desirable responses and `rejectedRewards` of the others, `gradient` has `policy` and `reference`
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { ktoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * ktoLoss({ policy: [-1, -1], reference: [-1, -1], desirable: [true, false] }).loss; // => 0.5
 * ```
 * @see Ethayarajh, Xu, Muennighoff, Jurafsky, Kiela (2024), "KTO: model alignment as prospect theoretic optimization"
 * @category Losses
 */
export function ktoLoss(batch: UnpairedBatch, options: KtoOptions = {}): LossResult {
  const fn = "ktoLoss";
  const {
    beta = 0.1,
    desirableWeight = 1,
    undesirableWeight = 1,
    klEstimate,
    mismatched,
    withGradients = true,
    allowPositive = false,
  } = checkOptions<KtoOptions>(fn, options, KTO);
  if (klEstimate !== undefined && mismatched !== undefined)
    throw new DomainError(`${fn}: give klEstimate or mismatched, not both`);
  const weights = [undesirableWeight, desirableWeight] as const;
  check(fn, "batch", batch, recordOf(UNPAIRED));
  const policy = finite(fn, "policy", batch.policy);
  const size = policy.length;
  if (size === 0) throw new ShapeError(`${fn}: policy must have at least one entry`);
  const reference = finite(fn, "reference", batch.reference, [size]);
  const desirable = labels(fn, batch.desirable, size);
  const ratios = mismatched === undefined ? undefined : finite(fn, "mismatched", mismatched);
  if (ratios?.length === 0) throw new ShapeError(`${fn}: mismatched must have at least one entry`);
  const zero = ratios
    ? Math.max(0, ratios.reduce((sum, x) => sum + x, 0) / ratios.length)
    : (klEstimate ?? 0);
  const [losses, slope] = [new Float64Array(size), new Float64Array(size)];
  const rewards: [number[], number[]] = [[], []];
  let loss = 0;
  for (let i = 0; i < size; i++) {
    const good = desirable[i] === 1 ? 1 : 0;
    const direction = good === 1 ? 1 : -1;
    const u = policy[i]! - reference[i]!;
    const t = direction * beta * (u - zero);
    losses[i] = weights[good] * sigmoid(-t);
    slope[i] = (-weights[good] * beta * direction * sigmoid(t) * sigmoid(-t)) / size;
    rewards[good].push(beta * u);
    loss += losses[i]! / size;
  }
  const positive = Object.entries({ policy, reference }).flatMap(([name, x]) => {
    const at = allowPositive ? -1 : x.findIndex((l) => l > 1e-6);
    return at < 0
      ? []
      : [`${name}[${at}] is ${x[at]}, and log-probabilities of sequences are at most 0`];
  });
  return {
    loss,
    losses: array<"float64">(losses),
    chosenRewards: array<"float64">(Float64Array.from(rewards[1])),
    rejectedRewards: array<"float64">(Float64Array.from(rewards[0])),
    gradient: withGradients
      ? { policy: array<"float64">(slope), reference: array<"float64">(slope.map((g) => -g)) }
      : {},
    warnings: positive,
  };
}
