/** KTO: responses judged one by one, without pairs. */
import { type ArrayInput, ShapeError, array } from "@provably/core-tensor";
import { anyRecord, check } from "@provably/core-tensor/internal";
import { atLeast, finite, positive } from "../arrays.js";
import { sigmoid } from "../numerics.js";
import type { LossOptions, LossResult } from "./batch.js";

/**
 * Responses that were judged desirable or not.
 * @category Losses
 */
export interface UnpairedBatch {
  /** $\ln\pi(y \mid x)$, [B]. */
  readonly policy: ArrayInput;
  /** $\ln\pi_{\mathrm{ref}}(y \mid x)$, [B]. */
  readonly reference: ArrayInput;
  /** 1 or true where desirable, [B]. */
  readonly desirable: ArrayInput | readonly boolean[];
}

/**
 * The KTO loss $L = w\,\sigma(-t)$ with $t = \pm\beta(u - z_0)$: desirable responses up against a reference point $z_0$, undesirable ones down.
 *
 * $z_0$ estimates the KL divergence of policy and reference, as the mean log-ratio of mismatched prompts and responses, not below 0; it carries no gradient.
 *
 * @param batch - see {@link UnpairedBatch}
 * @param options - `beta`, default 0.1; `desirableWeight` and `undesirableWeight` $w$, default 1; `klEstimate` $z_0$, default 0, or `mismatched` log-ratios [M]
 *   to compute it from
 * @returns as the other losses; `chosenRewards` are those of desirable responses and `rejectedRewards` of the others, `grads` are `policy` and `reference`
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { ktoLoss } from "@provably/rlhf-vpo";
 *
 * ktoLoss({ policy: [-1, -1], reference: [-1, -1], desirable: [true, false] }).loss; // => 0.5
 * ```
 * @see Ethayarajh, Xu, Muennighoff, Jurafsky, Kiela (2024), "KTO: model alignment as prospect theoretic optimization"
 * @category Losses
 */
export function ktoLoss(
  batch: UnpairedBatch,
  options: LossOptions & {
    readonly beta?: number;
    readonly desirableWeight?: number;
    readonly undesirableWeight?: number;
    readonly klEstimate?: number;
    readonly mismatched?: ArrayInput;
  } = {},
): LossResult {
  const fn = "ktoLoss";
  const beta = positive(fn, "beta", check(fn, "options", options, anyRecord).beta ?? 0.1);
  const weights = [
    atLeast(fn, "undesirableWeight", options.undesirableWeight ?? 1, 0),
    atLeast(fn, "desirableWeight", options.desirableWeight ?? 1, 0),
  ] as const;
  const policy = finite(fn, "policy", check(fn, "batch", batch, anyRecord).policy);
  const size = policy.length;
  if (size === 0) throw new ShapeError(`${fn}: policy must have at least one entry`);
  const reference = finite(fn, "reference", batch.reference, [size]);
  const flags = Array.isArray(batch.desirable)
    ? batch.desirable.map((flag: unknown) =>
        typeof flag === "boolean" ? Number(flag) : (flag as number),
      )
    : batch.desirable;
  const desirable = finite(fn, "desirable", flags, [size]);
  let zero = atLeast(fn, "klEstimate", options.klEstimate ?? 0, 0);
  if (options.mismatched !== undefined) {
    const ratios = finite(fn, "mismatched", options.mismatched);
    zero = Math.max(0, ratios.reduce((sum, x) => sum + x, 0) / Math.max(1, ratios.length));
  }
  const [losses, slope] = [new Float64Array(size), new Float64Array(size)];
  const rewards: [number[], number[]] = [[], []];
  let loss = 0;
  for (let i = 0; i < size; i++) {
    const good = desirable[i] === 0 ? 0 : 1;
    const direction = good === 1 ? 1 : -1;
    const u = policy[i]! - reference[i]!;
    const t = direction * beta * (u - zero);
    losses[i] = weights[good] * sigmoid(-t);
    slope[i] = (-weights[good] * beta * direction * sigmoid(t) * sigmoid(-t)) / size;
    rewards[good].push(beta * u);
    loss += losses[i]! / size;
  }
  const { withGradients = true } = options;
  return {
    loss,
    losses: array<"float64">(losses),
    chosenRewards: array<"float64">(Float64Array.from(rewards[1])),
    rejectedRewards: array<"float64">(Float64Array.from(rewards[0])),
    grads: withGradients
      ? { policy: array<"float64">(slope), reference: array<"float64">(slope.map((g) => -g)) }
      : {},
    warnings: [],
  };
}
