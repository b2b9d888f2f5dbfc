/** Losses of the margin z = β(u − v), with u = ln π(y⁺) − ln π_ref(y⁺) and v the same of y⁻. */
import { DomainError } from "@provably/core-tensor";
import {
  checkOptions,
  numberInside,
  oneOf,
  optional,
  positiveNumber,
  satisfying,
} from "@provably/core-tensor/internal";
import { logSigmoid, sigmoid, softplus } from "../numerics.js";
import {
  LENGTHS,
  type LossResult,
  type PreferenceBatch,
  REFERENCE,
  REFERENCED,
  type ReferenceOptions,
  type ResponseLengths,
  flatten,
} from "../losses/batch.js";
import { alongMargin, marginOf, overPairs } from "../losses/over-pairs.js";
import type { SmoothingOptions } from "../losses/dpo.js";

/** Runs a loss of the margin z. `pair` returns L and writes dL/dz to `slope[0]`. */
function overMargin(
  fn: string,
  batch: PreferenceBatch,
  options: ReferenceOptions,
  pair: (z: number, slope: Float64Array) => number,
): LossResult {
  const { beta = 0.1 } = options;
  const slope = new Float64Array(1);
  return overPairs(flatten(fn, batch, REFERENCED, options), options, beta, (of, d) => {
    const loss = pair(marginOf(of, beta), slope);
    alongMargin(d, beta * slope[0]!);
    return loss;
  });
}

const ROBUST = {
  ...REFERENCE,
  labelSmoothing: satisfying<number>(
    "in [0, 0.5)",
    (x) => typeof x === "number" && x >= 0 && x < 0.5,
  ),
};

/**
 * The robust DPO loss $L = [(1-\epsilon)\,\mathrm{softplus}(-z) - \epsilon\,\mathrm{softplus}(z)]/(1-2\epsilon)$, unbiased when a share ε of labels is flipped.
 *
 * It is not bounded below for one pair; its mean over noisy labels is the clean loss.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link ReferenceOptions}; `labelSmoothing` $\epsilon \in [0, \tfrac12)$, default 0.1
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { robustDpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * robustDpoLoss(pair, { beta: 1 }).loss; // => Math.LN2
 * ```
 * @see Chowdhury, Kini, Natarajan (2024), "Provably robust DPO: aligning language models with noisy feedback"
 * @category Losses
 */
export function robustDpoLoss(batch: PreferenceBatch, options: SmoothingOptions = {}): LossResult {
  const fn = "robustDpoLoss";
  const { labelSmoothing: e = 0.1 } = checkOptions<SmoothingOptions>(fn, options, ROBUST);
  return overMargin(fn, batch, options, (z, slope) => {
    slope[0] = -((1 - e) * sigmoid(-z) + e * sigmoid(z)) / (1 - 2 * e);
    // softplus(z) = z + softplus(−z), so the difference of two large numbers is never taken.
    return softplus(-z) - (e * z) / (1 - 2 * e);
  });
}

/**
 * Options of {@link ipoLoss}.
 * @category Losses
 */
export interface IpoOptions extends ReferenceOptions {
  /** Divide log-ratios by their numbers of tokens, or take them as they are; default by whether lengths are given. */
  readonly normalise?: "sum" | "average";
}

const IPO = { ...REFERENCE, normalise: oneOf("sum", "average") };
const IPO_BATCH = {
  ...REFERENCED,
  chosenLengths: optional(LENGTHS.chosenLengths),
  rejectedLengths: optional(LENGTHS.rejectedLengths),
};

/**
 * The IPO loss $L = (\delta - 1/(2\beta))^2$ of the difference δ of log-ratios, which keeps deterministic preferences from driving the policy to the edge.
 *
 * With `normalise: "average"` each log-ratio is divided by its number of tokens, as its authors recommend; the default is that where lengths are given, else `"sum"`.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link ReferenceOptions} (β is the τ of the paper); `normalise`
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { ipoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * ipoLoss(pair, { beta: 1 }).loss; // => 0.25
 * ```
 * @see Azar, Guo, Piot, Munos, Rowland, Valko, Calandriello (2024), "A general theoretical paradigm to understand learning from human preferences"
 * @category Losses
 */
export function ipoLoss(
  batch: PreferenceBatch & Partial<ResponseLengths>,
  options: IpoOptions = {},
): LossResult {
  const fn = "ipoLoss";
  const { beta = 0.1 } = checkOptions<IpoOptions>(fn, options, IPO);
  const flat = flatten(fn, batch, IPO_BATCH, options);
  const { chosenLengths, rejectedLengths } = flat;
  const { normalise = chosenLengths || rejectedLengths ? "average" : "sum" } = options;
  const average = normalise === "average";
  if (average && !(chosenLengths && rejectedLengths))
    throw new DomainError(
      `${fn}: batch.chosenLengths and batch.rejectedLengths must be given to average over tokens`,
    );
  if (!average && options.convention === "trl")
    throw new DomainError(
      `${fn}: convention "trl" averages over tokens: give batch.chosenLengths and batch.rejectedLengths, and no normalise: "sum"`,
    );
  return overPairs(flat, options, beta, (of, d) => {
    const n = average ? of.chosenLength : 1;
    const m = average ? of.rejectedLength : 1;
    const [u, v] = [of.chosen - of.refChosen, of.rejected - of.refRejected];
    const off = u / n - v / m - (0.5 + of.margin) / beta;
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
 * @param options - see {@link ReferenceOptions}
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { hingeLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * hingeLoss(pair, { beta: 1 }).loss; // => 1
 * ```
 * @see Zhao, Joshi, Liu, Khalman, Saleh, Liu (2023), "SLiC-HF: sequence likelihood calibration with human feedback"
 * @category Losses
 */
export function hingeLoss(batch: PreferenceBatch, options: ReferenceOptions = {}): LossResult {
  checkOptions<ReferenceOptions>("hingeLoss", options, REFERENCE);
  return overMargin("hingeLoss", batch, options, (z, slope) => {
    slope[0] = z < 1 ? -1 : 0;
    return Math.max(0, 1 - z);
  });
}

const EXO = { ...REFERENCE, labelSmoothing: numberInside(0, 1) };

/**
 * The EXO loss for pairs, the reverse KL divergence from smoothed labels: $L = \sigma(z)[\ln\sigma(z) - \ln(1-\epsilon)] + \sigma(-z)[\ln\sigma(-z) - \ln\epsilon]$.
 *
 * Smoothing must be positive, since a reverse KL divergence from certain labels is infinite.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link ReferenceOptions}; `labelSmoothing` $\epsilon \in (0, 1)$, default 0.001
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { exoPairLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * exoPairLoss(pair, { beta: 1, labelSmoothing: 0.5 }).loss; // => 0
 * ```
 * @see Ji, Lu, Niu, Ke, Wang, Zhu, Tang, Huang (2024), "Towards efficient exact optimization of language model alignment"
 * @category Losses
 */
export function exoPairLoss(batch: PreferenceBatch, options: SmoothingOptions = {}): LossResult {
  const fn = "exoPairLoss";
  const { labelSmoothing: e = 1e-3 } = checkOptions<SmoothingOptions>(fn, options, EXO);
  const [yes, no] = [Math.log1p(-e), Math.log(e)];
  return overMargin(fn, batch, options, (z, slope) => {
    const [p, q] = [sigmoid(z), sigmoid(-z)];
    const [left, right] = [logSigmoid(z) - yes, logSigmoid(-z) - no];
    slope[0] = p * q * (left - right);
    // A probability that has become 0 takes its logarithm with it.
    return (p === 0 ? 0 : p * left) + (q === 0 ? 0 : q * right);
  });
}

const DISCOPOP = { ...REFERENCE, tau: positiveNumber };

/**
 * The DiscoPOP loss $L = (1-m)\,\mathrm{softplus}(-z) + m\,e^{-z}$ with $m = \sigma(z/\tau)$, a blend of logistic and exponential found by search.
 *
 * It is not convex: near z = 0 it has a bump.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link ReferenceOptions}; `tau` $\tau > 0$, default 0.05
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { discopopLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * discopopLoss(pair, { beta: 1 }).loss; // => 0.5 * Math.LN2 + 0.5
 * ```
 * @see Lu, Holt, Fanconi, Chan, Foerster, van der Schaar, Lange (2024), "Discovering preference optimization algorithms with and for large language models"
 * @category Losses
 */
export function discopopLoss(
  batch: PreferenceBatch,
  options: ReferenceOptions & { readonly tau?: number } = {},
): LossResult {
  const { tau = 0.05 } = checkOptions("discopopLoss", options, DISCOPOP);
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
