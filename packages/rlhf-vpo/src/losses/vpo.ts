/** The value-incentivised preference loss. */
import { type ArrayInput, DomainError, ShapeError, array, exp, log1p } from "@provably/core-tensor";
import { anyRecord, check, show } from "@provably/core-tensor/internal";
import { atLeast, finite, numbers, positive, wrap } from "../arrays.js";
import { sigmoid, softplus } from "../numerics.js";
import {
  type FlatBatch,
  type LossOptions,
  type LossResult,
  type PreferenceBatch,
  alongMargin,
  flatten,
  overPairs,
  resultOf,
} from "./batch.js";

/**
 * Which responses the calibration term $c_i$ of VPO is estimated from: the chosen ones, the rejected ones, both, or samples of the calibration
 * distribution.
 * @category Losses
 */
export type Calibration = "chosen" | "rejected" | "both" | "samples";

/**
 * Options of {@link vpoLoss}.
 * @category Losses
 */
export interface VpoOptions extends LossOptions {
  /** Temperature $\beta > 0$ of the KL penalty; default 0.1. */
  readonly beta?: number;
  /** Weight $\alpha \ge 0$ of the value term, in mean form (per pair); see {@link alphaFromSum}. 0 is DPO. */
  readonly alpha: number;
  /** −1 for pessimism (offline data), +1 for optimism (online exploration). */
  readonly sign: 1 | -1;
  /** Default `"chosen"`. */
  readonly calibration?: Calibration;
  /** $\ln\pi$ of M calibration samples for each pair, [B, M]; for `"samples"`. */
  readonly samples?: ArrayInput;
  /** $\ln\pi_{\mathrm{ref}}$ of the same samples, [B, M]. */
  readonly refSamples?: ArrayInput;
  /** Probability $\epsilon \in [0, 1)$ that a label is wrong; default 0. */
  readonly labelSmoothing?: number;
}

/**
 * The value-incentivised preference loss, in its direct policy form:
 * $L_i = \mathrm{softplus}(-z_i) + s\,\alpha\,\beta\, c_i$ with $z_i = \beta(u_i - v_i)$, $u = \ln\pi(y^+) - \ln\pi_{\mathrm{ref}}(y^+)$, likewise $v$ for $y^-$,
 * and $c_i$ an estimate of $\mathbb E_{\pi_{\mathrm{cal}}}[\ln\pi - \ln\pi_{\mathrm{ref}}]$.
 *
 * With sign −1 it pulls the policy towards the calibration distribution (pessimism), with +1 it pushes away from it (optimism). The optimistic objective
 * is unbounded below over all policies: bound the class, take few steps, or decay weights. With sign −1 and `"chosen"` it is DPO plus supervised
 * fine-tuning of weight αβ; with +1 and samples of the reference it is XPO.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link VpoOptions}
 * @returns mean loss, losses, implicit rewards, gradients (also `samples` and `refSamples`)
 * @throws `DomainError` for β ≤ 0, α < 0, a sign other than ±1, or log-probabilities that are not finite
 * @throws `ShapeError` when lengths differ, or samples are missing
 * @example
 * ```ts
 * import { dpoLoss, vpoLoss } from "@provably/rlhf-vpo";
 *
 * const batch = { chosen: [-1], rejected: [-2], refChosen: [-1.5], refRejected: [-1.5] };
 * const { loss } = vpoLoss(batch, { alpha: 0.2, sign: -1, beta: 0.5 });
 * loss - dpoLoss(batch, { beta: 0.5 }).loss; // => -0.05
 * ```
 * @see Cen, Mei, Goshvadi, Dai, Yang, Yang, Schuurmans, Chi, Dai (2025), "Value-incentivized preference optimization: a unified approach to online and offline RLHF"
 * @category Losses
 */
export function vpoLoss(batch: PreferenceBatch, options: VpoOptions): LossResult {
  const fn = "vpoLoss";
  const { alpha, sign, calibration = "chosen" } = check(fn, "options", options, anyRecord);
  const beta = positive(fn, "beta", options.beta ?? 0.1);
  atLeast(fn, "alpha", alpha, 0);
  if (sign !== 1 && sign !== -1)
    throw new DomainError(`${fn}: sign must be 1 (optimism) or -1 (pessimism), got ${show(sign)}`);
  const e = smoothing(fn, options.labelSmoothing);
  const flat = flatten(fn, batch, options);
  const k = sign * alpha * beta;
  if (calibration === "samples") {
    const { samples, refSamples } = options;
    if (samples === undefined || refSamples === undefined)
      throw new ShapeError(
        `${fn}: calibration "samples" needs samples and refSamples, [${flat.size}, M]`,
      );
    const shape = array(samples, { dtype: "float64" }).shape;
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
      (a, b, a0, b0, d, i) => {
        const z = beta * (a - a0 - (b - b0));
        alongMargin(d, beta * (e * sigmoid(z) - (1 - e) * sigmoid(-z)));
        let c = 0;
        for (let j = i * m; j < (i + 1) * m; j++) c += s[j]! - s0[j]!;
        return (1 - e) * softplus(-z) + e * softplus(z) + (k * c) / m;
      },
      {
        samples: { shape, perPair: new Float64Array(flat.size * m).fill(k / m) },
        refSamples: { shape, perPair: new Float64Array(flat.size * m).fill(-k / m) },
      },
    );
  }
  const weights = new Map([["chosen", [1, 0]], ["rejected", [0, 1]], ["both", [0.5, 0.5]]]).get(calibration); // prettier-ignore
  if (weights === undefined)
    throw new DomainError(
      `${fn}: calibration must be "chosen", "rejected", "both" or "samples", got ${show(calibration)}`,
    );
  return inBlocks(flat, options, beta, e, k * weights[0]!, k * weights[1]!);
}

/** Pairs in a block: what of them is in use fits the cache. */
const BLOCK = 4096;

/**
 * The loss with a calibration term linear in u and v. Exponentials and logarithms are taken a block at a time, on the SIMD kernels of the core. Memory
 * that was never touched costs more than the arithmetic, so there are as few arrays as can be.
 */
function inBlocks(
  batch: FlatBatch,
  { withGradients = true }: LossOptions,
  beta: number,
  e: number,
  kChosen: number,
  kRejected: number,
): LossResult {
  const { size, chosen, rejected, refChosen, refRejected, weights } = batch;
  const losses = new Float64Array(size);
  const [da, db, da0, db0] = withGradients
    ? Array.from({ length: 4 }, () => new Float64Array(size))
    : [];
  const share = 1 / size;
  const scratch = new Float64Array(2 * Math.min(BLOCK, size));
  let loss = 0;
  for (let from = 0; from < size; from += BLOCK) {
    const count = Math.min(BLOCK, size - from);
    for (let i = 0; i < count; i++) {
      const at = from + i;
      const u = chosen[at]! - refChosen[at]!;
      const v = rejected[at]! - refRejected[at]!;
      const z = beta * (u - v);
      const far = Math.abs(z);
      scratch[i] = -far;
      scratch[count + i] = -0.5 * (far + z);
      // softplus(−z) − ln(1 + e^{−|z|}), without asking for the sign, which nobody can predict
      losses[at] = 0.5 * (far - z) + e * z + kChosen * u + kRejected * v;
    }
    const t = numbers(exp(wrap(scratch.subarray(0, 2 * count))));
    const tail = numbers(log1p(wrap(t.subarray(0, count))));
    for (let i = 0; i < count; i++) {
      const at = from + i;
      const w = weights ? weights[at]! : share;
      const value = losses[at]! + tail[i]!;
      losses[at] = value;
      loss += w * value;
      if (da === undefined) continue;
      // e^{−max(z, 0)} / (1 + e^{−|z|}) is σ(−z).
      const g = w * beta * (e - t[count + i]! / (1 + t[i]!));
      const towards = g + w * kChosen;
      const away = w * kRejected - g;
      da[at] = towards;
      da0![at] = -towards;
      db![at] = away;
      db0![at] = -away;
    }
  }
  const grads: LossResult["grads"] = da
    ? { chosen: wrap(da), rejected: wrap(db!), refChosen: wrap(da0!), refRejected: wrap(db0!) }
    : {};
  return resultOf(batch, beta, loss, losses, grads);
}

/** A label smoothing in [0, 1). */
export function smoothing(fn: string, e = 0): number {
  if (!(Number.isFinite(e) && e >= 0 && e < 1))
    throw new DomainError(`${fn}: labelSmoothing must lie in [0, 1), got ${show(e)}`);
  return e;
}

/**
 * The mean-form weight α of a sum-form one: losses here are means over pairs, the theorems' are sums.
 *
 * @param alphaSum - α that multiplies a sum over `pairs` losses; the offline theorem takes $\sqrt N$
 * @param pairs - number of pairs $N$
 * @returns $\alpha / N$
 * @throws `DomainError` unless α ≥ 0 and N ≥ 1
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
    atLeast("alphaFromSum", "alphaSum", alphaSum, 0) / atLeast("alphaFromSum", "pairs", pairs, 1)
  );
}
