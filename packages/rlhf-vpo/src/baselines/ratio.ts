/** Losses of the two log-ratios u = ln π(y⁺) − ln π_ref(y⁺) and v of y⁻, each for itself. */
import { checkOptions, nonNegativeNumber } from "@provably/core-tensor/internal";
import { sigmoid, softplus } from "../numerics.js";
import {
  type LossResult,
  type PreferenceBatch,
  REFERENCE,
  REFERENCED,
  type ReferenceOptions,
  flatten,
} from "../losses/batch.js";
import { type PairGradient, alongRatios, overPairs } from "../losses/over-pairs.js";

/** Runs a loss of u and v. `pair` returns L and writes the derivatives. */
function overRatios(
  fn: string,
  batch: PreferenceBatch,
  options: ReferenceOptions,
  pair: (u: number, v: number, beta: number, d: PairGradient) => number,
): LossResult {
  const { beta = 0.1 } = options;
  return overPairs(flatten(fn, batch, REFERENCED, options), options, beta, (of, d) => {
    const half = of.margin / (2 * beta);
    return pair(of.chosen - of.refChosen - half, of.rejected - of.refRejected + half, beta, d);
  });
}

/** σ(x)σ(−x), which does not cancel. */
const bump = (x: number): number => sigmoid(x) * sigmoid(-x);

/**
 * The BCO loss for pairs, $L = \mathrm{softplus}(-\beta u) + \mathrm{softplus}(\beta v)$: a classifier of chosen against rejected, without shift.
 *
 * Chosen and rejected need not answer the same prompt.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see `BetaOptions`
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { bcoPairLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * bcoPairLoss(pair, { beta: 1 }).loss; // => 2 * Math.LN2
 * ```
 * @see Jung, Han, Nam, Cho (2024), "Binary classifier optimization for large language model alignment"
 * @category Losses
 */
export function bcoPairLoss(batch: PreferenceBatch, options: ReferenceOptions = {}): LossResult {
  checkOptions<ReferenceOptions>("bcoPairLoss", options, REFERENCE);
  return overRatios("bcoPairLoss", batch, options, (u, v, beta, d) => {
    alongRatios(d, -beta * sigmoid(-beta * u), beta * sigmoid(beta * v));
    return softplus(-beta * u) + softplus(beta * v);
  });
}

/**
 * The NCA loss for pairs, $L = \mathrm{softplus}(-\beta u) + \tfrac12\mathrm{softplus}(\beta u) + \tfrac12\mathrm{softplus}(\beta v)$.
 *
 * It keeps the chosen likelihood from falling, which DPO does not.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see `BetaOptions`
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { ncaPairLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * ncaPairLoss(pair, { beta: 1 }).loss; // => 2 * Math.LN2
 * ```
 * @see Chen, He, Su, Zhu (2024), "Noise contrastive alignment of language models with explicit rewards"
 * @category Losses
 */
export function ncaPairLoss(batch: PreferenceBatch, options: ReferenceOptions = {}): LossResult {
  checkOptions<ReferenceOptions>("ncaPairLoss", options, REFERENCE);
  return overRatios("ncaPairLoss", batch, options, (u, v, beta, d) => {
    const [x, y] = [beta * u, beta * v];
    alongRatios(d, beta * (0.5 * sigmoid(x) - sigmoid(-x)), 0.5 * beta * sigmoid(y));
    return softplus(-x) + 0.5 * softplus(x) + 0.5 * softplus(y);
  });
}

/**
 * The SPPO loss with hard labels, $L = (u - 1/(2\beta))^2 + (v + 1/(2\beta))^2$.
 *
 * A square loss towards fixed log-ratios, one step of self-play.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see `BetaOptions`
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { sppoHardLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * sppoHardLoss(pair, { beta: 1 }).loss; // => 0.5
 * ```
 * @see Wu, Sun, Yuan, Ji, Yang, Gu (2024), "Self-play preference optimization for language model alignment"
 * @category Losses
 */
export function sppoHardLoss(batch: PreferenceBatch, options: ReferenceOptions = {}): LossResult {
  checkOptions<ReferenceOptions>("sppoHardLoss", options, REFERENCE);
  return overRatios("sppoHardLoss", batch, options, (u, v, beta, d) => {
    const [x, y] = [u - 1 / (2 * beta), v + 1 / (2 * beta)];
    alongRatios(d, 2 * x, 2 * y);
    return x * x + y * y;
  });
}

/**
 * The APO-zero loss $L = \sigma(-\beta u) + \sigma(\beta v)$: chosen up, rejected down.
 *
 * For models whose own responses are worse than the chosen ones.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see `BetaOptions`
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { apoZeroLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * apoZeroLoss(pair, { beta: 1 }).loss; // => 1
 * ```
 * @see D'Oosterlinck, Xu, Develder, Demeester, Singh, Potts, Kiela, Mehri (2024), "Anchored preference optimization and contrastive revisions"
 * @category Losses
 */
export function apoZeroLoss(batch: PreferenceBatch, options: ReferenceOptions = {}): LossResult {
  checkOptions<ReferenceOptions>("apoZeroLoss", options, REFERENCE);
  return overRatios("apoZeroLoss", batch, options, (u, v, beta, d) => {
    alongRatios(d, -beta * bump(beta * u), beta * bump(beta * v));
    return sigmoid(-beta * u) + sigmoid(beta * v);
  });
}

/**
 * The APO-down loss $L = \sigma(\beta u) + \sigma(-z)$: both down, rejected more.
 *
 * For models whose own responses are better than the chosen ones.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see `BetaOptions`
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { apoDownLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * apoDownLoss(pair, { beta: 1 }).loss; // => 1
 * ```
 * @see D'Oosterlinck and others (2024), "Anchored preference optimization and contrastive revisions"
 * @category Losses
 */
export function apoDownLoss(batch: PreferenceBatch, options: ReferenceOptions = {}): LossResult {
  checkOptions<ReferenceOptions>("apoDownLoss", options, REFERENCE);
  return overRatios("apoDownLoss", batch, options, (u, v, beta, d) => {
    const z = beta * (u - v);
    alongRatios(d, beta * (bump(beta * u) - bump(z)), beta * bump(z));
    return sigmoid(beta * u) + sigmoid(-z);
  });
}

const DPOP = { ...REFERENCE, lambda: nonNegativeNumber };

/**
 * The DPO-positive loss $L = \mathrm{softplus}(-\beta(u - v - \lambda\max(0, -u)))$, which punishes a fall of the chosen likelihood inside the sigmoid.
 *
 * λ = 50 is the paper's choice; 5 is milder.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see `BetaOptions`; `lambda` $\lambda \ge 0$, default 50
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { dpopLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * dpopLoss(pair, { beta: 1 }).loss; // => Math.LN2
 * ```
 * @see Pal, Karkhanis, Dooley, Roberts, Naidu, White (2024), "Smaug: fixing failure modes of preference optimisation with DPO-positive"
 * @category Losses
 */
export function dpopLoss(
  batch: PreferenceBatch,
  options: ReferenceOptions & { readonly lambda?: number } = {},
): LossResult {
  const { lambda = 50 } = checkOptions("dpopLoss", options, DPOP);
  return overRatios("dpopLoss", batch, options, (u, v, beta, d) => {
    const z = beta * (u - v - lambda * Math.max(0, -u));
    const g = beta * sigmoid(-z);
    alongRatios(d, -g * (1 + (u < 0 ? lambda : 0)), g);
    return softplus(-z);
  });
}
