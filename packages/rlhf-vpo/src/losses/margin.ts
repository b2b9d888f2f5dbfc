/** Losses of the margin z = β(u − v), with u = ln π(y⁺) − ln π_ref(y⁺) and v the same of y⁻. */
import { DomainError } from "@provably/core-tensor";
import { anyRecord, check, show } from "@provably/core-tensor/internal";
import { positive } from "../arrays.js";
import { logSigmoid, sigmoid, softplus } from "../numerics.js";
import {
  type LossOptions,
  type LossResult,
  type PreferenceBatch,
  alongMargin,
  flatten,
  lengthsOf,
  overPairs,
} from "./batch.js";
import { smoothing, vpoLoss } from "./vpo.js";

/**
 * Options of losses with a temperature.
 * @category Losses
 */
export interface BetaOptions extends LossOptions {
  /** Temperature $\beta > 0$ of the KL penalty; default 0.1. */
  readonly beta?: number;
}

/** Runs a loss of the margin z. `pair` returns L and writes dL/dz to `slope[0]`. */
function overMargin(
  fn: string,
  batch: PreferenceBatch,
  options: BetaOptions,
  pair: (z: number, slope: Float64Array) => number,
): LossResult {
  const beta = positive(fn, "beta", check(fn, "options", options, anyRecord).beta ?? 0.1);
  const slope = new Float64Array(1);
  return overPairs(flatten(fn, batch, options), options, beta, (a, b, a0, b0, d) => {
    const loss = pair(beta * (a - a0 - (b - b0)), slope);
    alongMargin(d, beta * slope[0]!);
    return loss;
  });
}

/**
 * The DPO loss $L = (1-\epsilon)\,\mathrm{softplus}(-z) + \epsilon\,\mathrm{softplus}(z)$; with label smoothing $\epsilon > 0$ it is conservative DPO.
 *
 * The maximum-likelihood estimate of a Bradley-Terry model in policy form; {@link vpoLoss} with α = 0.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link BetaOptions}; `labelSmoothing` $\epsilon \in [0, 1)$, default 0
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { dpoLoss } from "@provably/rlhf-vpo";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * dpoLoss(pair, { beta: 1 }).loss; // => Math.LN2
 * ```
 * @see Rafailov, Sharma, Mitchell, Ermon, Manning, Finn (2023), "Direct preference optimization"
 * @category Losses
 */
export function dpoLoss(
  batch: PreferenceBatch,
  options: BetaOptions & { readonly labelSmoothing?: number } = {},
): LossResult {
  return vpoLoss(batch, { ...check("dpoLoss", "options", options, anyRecord), alpha: 0, sign: -1 });
}

/**
 * The robust DPO loss $L = [(1-\epsilon)\,\mathrm{softplus}(-z) - \epsilon\,\mathrm{softplus}(z)]/(1-2\epsilon)$, unbiased when a share ε of labels is flipped.
 *
 * It is not bounded below for one pair; its mean over noisy labels is the clean loss.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link BetaOptions}; `labelSmoothing` $\epsilon \in [0, \tfrac12)$, default 0.1
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { robustDpoLoss } from "@provably/rlhf-vpo";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * robustDpoLoss(pair, { beta: 1 }).loss; // => Math.LN2
 * ```
 * @see Chowdhury, Kini, Natarajan (2024), "Provably robust DPO: aligning language models with noisy feedback"
 * @category Losses
 */
export function robustDpoLoss(
  batch: PreferenceBatch,
  options: BetaOptions & { readonly labelSmoothing?: number } = {},
): LossResult {
  const fn = "robustDpoLoss";
  const e = check(fn, "options", options, anyRecord).labelSmoothing ?? 0.1;
  if (!(Number.isFinite(e) && e >= 0 && e < 0.5))
    throw new DomainError(`${fn}: labelSmoothing must lie in [0, 0.5), got ${show(e)}`);
  return overMargin(fn, batch, options, (z, slope) => {
    slope[0] = -((1 - e) * sigmoid(-z) + e * sigmoid(z)) / (1 - 2 * e);
    // softplus(z) = z + softplus(−z), so the difference of two large numbers is never taken.
    return softplus(-z) - (e * z) / (1 - 2 * e);
  });
}

/**
 * The IPO loss $L = (\delta - 1/(2\beta))^2$ of the difference δ of log-ratios, which keeps deterministic preferences from driving the policy to the edge.
 *
 * With `normalise: "average"` each log-ratio is divided by its number of tokens, as its authors recommend; the default is that where lengths are given, else `"sum"`.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link BetaOptions} (β is the τ of the paper); `normalise`
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { ipoLoss } from "@provably/rlhf-vpo";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * ipoLoss(pair, { beta: 1 }).loss; // => 0.25
 * ```
 * @see Azar, Guo, Piot, Munos, Rowland, Valko, Calandriello (2024), "A general theoretical paradigm to understand learning from human preferences"
 * @category Losses
 */
export function ipoLoss(
  batch: PreferenceBatch,
  options: BetaOptions & { readonly normalise?: "sum" | "average" } = {},
): LossResult {
  const fn = "ipoLoss";
  const beta = positive(fn, "beta", check(fn, "options", options, anyRecord).beta ?? 0.1);
  const flat = flatten(fn, batch, options);
  const { normalise = flat.chosenLengths ? "average" : "sum" } = options;
  const lengths = normalise === "average" ? lengthsOf(fn, flat) : undefined;
  return overPairs(flat, options, beta, (a, b, a0, b0, d, i) => {
    const n = lengths ? lengths[0][i]! : 1;
    const m = lengths ? lengths[1][i]! : 1;
    const off = (a - a0) / n - (b - b0) / m - 1 / (2 * beta);
    d.chosen = (2 * off) / n;
    d.refChosen = -d.chosen;
    d.rejected = (-2 * off) / m;
    d.refRejected = -d.rejected;
    return off * off;
  });
}

/**
 * The hinge loss $L = \max(0, 1 - z)$.
 *
 * SLiC normalised by the reference; its derivative at z = 1 is taken as 0.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link BetaOptions}
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { hingeLoss } from "@provably/rlhf-vpo";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * hingeLoss(pair, { beta: 1 }).loss; // => 1
 * ```
 * @see Zhao, Joshi, Liu, Khalman, Saleh, Liu (2023), "SLiC-HF: sequence likelihood calibration with human feedback"
 * @category Losses
 */
export function hingeLoss(batch: PreferenceBatch, options: BetaOptions = {}): LossResult {
  return overMargin("hingeLoss", batch, options, (z, slope) => {
    slope[0] = z < 1 ? -1 : 0;
    return Math.max(0, 1 - z);
  });
}

/**
 * The EXO loss for pairs, the reverse KL divergence from smoothed labels: $L = \sigma(z)[\ln\sigma(z) - \ln(1-\epsilon)] + \sigma(-z)[\ln\sigma(-z) - \ln\epsilon]$.
 *
 * Smoothing must be positive, since a reverse KL divergence from certain labels is infinite.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link BetaOptions}; `labelSmoothing` $\epsilon \in (0, 1)$, default 0.001
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { exoPairLoss } from "@provably/rlhf-vpo";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * exoPairLoss(pair, { beta: 1, labelSmoothing: 0.5 }).loss; // => 0
 * ```
 * @see Ji, Lu, Niu, Ke, Wang, Zhu, Tang, Huang (2024), "Towards efficient exact optimization of language model alignment"
 * @category Losses
 */
export function exoPairLoss(
  batch: PreferenceBatch,
  options: BetaOptions & { readonly labelSmoothing?: number } = {},
): LossResult {
  const fn = "exoPairLoss";
  const e = smoothing(fn, check(fn, "options", options, anyRecord).labelSmoothing ?? 1e-3);
  if (e === 0) throw new DomainError(`${fn}: labelSmoothing must be positive, got 0`);
  const [yes, no] = [Math.log1p(-e), Math.log(e)];
  return overMargin(fn, batch, options, (z, slope) => {
    const [p, q] = [sigmoid(z), sigmoid(-z)];
    const [left, right] = [logSigmoid(z) - yes, logSigmoid(-z) - no];
    slope[0] = p * q * (left - right);
    // A probability that has become 0 takes its logarithm with it.
    return (p === 0 ? 0 : p * left) + (q === 0 ? 0 : q * right);
  });
}

/**
 * The DiscoPOP loss $L = (1-m)\,\mathrm{softplus}(-z) + m\,e^{-z}$ with $m = \sigma(z/\tau)$, a blend of logistic and exponential found by search.
 *
 * It is not convex: near z = 0 it has a bump.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link BetaOptions}; `tau` $\tau > 0$, default 0.05
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { discopopLoss } from "@provably/rlhf-vpo";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * discopopLoss(pair, { beta: 1 }).loss; // => 0.5 * Math.LN2 + 0.5
 * ```
 * @see Lu, Holt, Fanconi, Chan, Foerster, van der Schaar, Lange (2024), "Discovering preference optimization algorithms with and for large language models"
 * @category Losses
 */
export function discopopLoss(
  batch: PreferenceBatch,
  options: BetaOptions & { readonly tau?: number } = {},
): LossResult {
  const tau = positive(
    "discopopLoss",
    "tau",
    check("discopopLoss", "options", options, anyRecord).tau ?? 0.05,
  );
  return overMargin("discopopLoss", batch, options, (z, slope) => {
    const m = sigmoid(z / tau);
    const rest = sigmoid(-z / tau);
    // m e^{−z} as one exponential, which cannot overflow.
    const tail = Math.exp(logSigmoid(z / tau) - z);
    const log = softplus(-z);
    slope[0] =
      -rest * sigmoid(-z) -
      (m === 0 || rest === 0 ? 0 : ((m * rest) / tau) * log) +
      tail * (rest / tau - 1);
    return (rest === 0 ? 0 : rest * log) + tail;
  });
}
