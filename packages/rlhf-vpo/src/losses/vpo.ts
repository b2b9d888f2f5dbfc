/** The value-incentivised preference loss. */
import { type ArrayInput, DomainError, ShapeError } from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  oneOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { finite, read, share } from "../arrays.js";
import { sigmoid, softplus } from "../numerics.js";
import {
  type FlatBatch,
  type PairLossOptions,
  type LossResult,
  type PreferenceBatch,
  REFERENCE,
  REFERENCED,
  type ReferenceOptions,
  flatten,
} from "./batch.js";
import { DONATE, type Terms, inBlocks } from "./in-blocks.js";
import { alongMargin, marginOf, overPairs } from "./over-pairs.js";

/**
 * Which responses the calibration term $c_i$ of VPO is estimated from: the chosen ones, the rejected ones, both, or samples of the calibration
 * distribution.
 * @category Losses
 */
export type Calibration = "chosen" | "rejected" | "both" | "samples";

/**
 * Pessimistic for data that were collected before, optimistic for exploration.
 * @category Losses
 */
export type Attitude = "pessimistic" | "optimistic";

export const attitudeGuard = oneOf("pessimistic", "optimistic");

/** The sign s of the value term: −1 pulls the policy towards the calibration distribution, +1 pushes it away. */
export const signOf = (attitude: Attitude): 1 | -1 => (attitude === "optimistic" ? 1 : -1);

/**
 * Options of {@link vpoLoss}.
 * @category Losses
 */
export interface VpoOptions extends ReferenceOptions {
  /** Weight $\alpha \ge 0$ of the value term, in mean form (per pair); see {@link alphaFromSum}. 0 is DPO. */
  readonly alpha: number;
  /** `"pessimistic"` (s = −1) for offline data, `"optimistic"` (s = +1) for online exploration. */
  readonly attitude: Attitude;
  /** Default `"chosen"`. */
  readonly calibration?: Calibration;
  /** $\ln\pi$ of M calibration samples for each pair, [B, M]; for `"samples"`. */
  readonly samples?: ArrayInput;
  /** $\ln\pi_{\mathrm{ref}}$ of the same samples, [B, M]. */
  readonly refSamples?: ArrayInput;
  /** Probability $\epsilon \in [0, 1)$ that a label is wrong; default 0. */
  readonly labelSmoothing?: number;
  /**
   * An earlier result of as many pairs, with the same fields, that nobody reads any more: its storage is written over, which spares large batches the cost of
   * fresh memory. Default none.
   */
  readonly donate?: LossResult;
}

const VPO = {
  ...REFERENCE,
  alpha: nonNegativeNumber,
  attitude: attitudeGuard,
  calibration: oneOf("chosen", "rejected", "both", "samples"),
  samples: anything,
  refSamples: anything,
  labelSmoothing: share,
  donate: DONATE,
};

/**
 * The value-incentivised preference loss, in its direct policy form:
 * $L_i = \mathrm{softplus}(-z_i) + s\,\alpha\,\beta\, c_i$ with $z_i = \beta(u_i - v_i)$, $u = \ln\pi(y^+) - \ln\pi_{\mathrm{ref}}(y^+)$, likewise $v$ for $y^-$,
 * and $c_i$ an estimate of $\mathbb E_{\pi_{\mathrm{cal}}}[\ln\pi - \ln\pi_{\mathrm{ref}}]$.
 *
 * Pessimism (s = −1) pulls the policy towards the calibration distribution, optimism (s = +1) pushes it away. The optimistic objective
 * is unbounded below over all policies: bound the class, take few steps, or decay weights. Pessimistic and with `"chosen"` it is DPO plus supervised
 * fine-tuning of weight αβ; optimistic and with samples of the reference it is XPO.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link VpoOptions}
 * @returns mean loss, losses, implicit rewards, gradients (also `samples` and `refSamples`)
 * @throws `DomainError` for options and fields that the loss does not read, options out of range, references or samples that are missing, or log-probabilities that are not finite
 * @throws `ShapeError` when lengths differ
 * @example
 * ```ts
 * import { dpoLoss, vpoLoss } from "@provably/rlhf-vpo";
 *
 * const batch = { chosen: [-1], rejected: [-2], refChosen: [-1.5], refRejected: [-1.5] };
 * const { loss } = vpoLoss(batch, { alpha: 0.2, attitude: "pessimistic", beta: 0.5 });
 * loss - dpoLoss(batch, { beta: 0.5 }).loss; // => -0.05
 * ```
 * @see Cen, Mei, Goshvadi, Dai, Yang, Yang, Schuurmans, Chi, Dai (2025), "Value-incentivized preference optimization: a unified approach to online and offline RLHF"
 * @category Losses
 */
export function vpoLoss(batch: PreferenceBatch, options: VpoOptions): LossResult {
  const fn = "vpoLoss";
  checkOptions<VpoOptions>(fn, options, VPO);
  check(fn, "alpha", options.alpha, nonNegativeNumber);
  check(fn, "attitude", options.attitude, attitudeGuard);
  return valueLoss(fn, batch, options);
}

/** The VPO loss of options that were checked, under the name of the function that was called. */
export function valueLoss(fn: string, batch: PreferenceBatch, options: VpoOptions): LossResult {
  const { alpha, attitude, beta = 0.1, calibration = "chosen", labelSmoothing: e = 0 } = options;
  const { samples, refSamples, donate } = options;
  if (options.convention === "trl" && e > 0)
    throw new DomainError(
      `${fn}: TRL ignores labelSmoothing here; leave it out, or the convention "trl"`,
    );
  const k = signOf(attitude) * alpha * beta;
  if (calibration !== "samples") {
    if (samples !== undefined || refSamples !== undefined)
      throw new DomainError(
        `${fn}: samples and refSamples are read with calibration "samples" only`,
      );
    const [up, down] = { chosen: [1, 0], rejected: [0, 1], both: [0.5, 0.5] }[calibration];
    const terms = { beta, e, kChosen: k * up!, kRejected: k * down! };
    const fast = inBlocks(fn, flatten(fn, batch, REFERENCED, options, true), options, terms);
    return fast ?? pairByPair(flatten(fn, batch, REFERENCED, options), options, terms);
  }
  if (donate !== undefined)
    throw new DomainError(`${fn}: donate is read without calibration "samples" only`);
  const flat = flatten(fn, batch, REFERENCED, options);
  if (samples === undefined || refSamples === undefined)
    throw new DomainError(
      `${fn}: calibration "samples" needs samples and refSamples, [${flat.size}, M]`,
    );
  const shape = read(fn, "samples", samples).shape;
  if (shape.length !== 2 || shape[0] !== flat.size || shape[1]! < 1)
    throw new ShapeError(
      `${fn}: samples must have shape [${flat.size}, M] with M ≥ 1, got [${shape.join(", ")}]`,
    );
  const m = shape[1]!;
  const [s, s0] = [
    finite(fn, "samples", samples, shape),
    finite(fn, "refSamples", refSamples, shape),
  ];
  return overPairs(
    flat,
    options,
    beta,
    (pair, d) => {
      const z = marginOf(pair, beta);
      alongMargin(d, beta * (e * sigmoid(z) - (1 - e) * sigmoid(-z)));
      let c = 0;
      for (let j = pair.index * m; j < (pair.index + 1) * m; j++) c += s[j]! - s0[j]!;
      return (1 - e) * softplus(-z) + e * softplus(z) + (k * c) / m;
    },
    {
      samples: { shape, perPair: new Float64Array(flat.size * m).fill(k / m) },
      refSamples: { shape, perPair: new Float64Array(flat.size * m).fill(-k / m) },
    },
  );
}

/** The same for pairs with soft labels or margins of their own. */
function pairByPair(
  batch: FlatBatch,
  options: PairLossOptions,
  { beta, e, kChosen, kRejected }: Terms,
): LossResult {
  return overPairs(batch, options, beta, (pair, d) => {
    const z = marginOf(pair, beta);
    alongMargin(d, beta * (e * sigmoid(z) - (1 - e) * sigmoid(-z)));
    d.chosen += kChosen;
    d.refChosen -= kChosen;
    d.rejected += kRejected;
    d.refRejected -= kRejected;
    const [u, v] = [pair.chosen - pair.refChosen, pair.rejected - pair.refRejected];
    return (1 - e) * softplus(-z) + e * softplus(z) + kChosen * u + kRejected * v;
  });
}

/**
 * The mean-form weight α of a sum-form one: losses here are means over pairs, the theorems' are sums.
 *
 * @param alphaSum - α that multiplies a sum over `pairs` losses; the offline theorem takes $\sqrt N$
 * @param pairs - number of pairs $N$
 * @returns $\alpha / N$
 * @throws `DomainError` unless α ≥ 0 and N is a whole number ≥ 1
 * @example
 * ```ts
 * import { alphaFromSum } from "@provably/rlhf-vpo";
 *
 * alphaFromSum(Math.sqrt(100), 100); // => 0.1
 * ```
 * @category Losses
 */
export function alphaFromSum(alphaSum: number, pairs: number): number {
  return (
    check("alphaFromSum", "alphaSum", alphaSum, nonNegativeNumber) /
    check("alphaFromSum", "pairs", pairs, wholeNumber())
  );
}
