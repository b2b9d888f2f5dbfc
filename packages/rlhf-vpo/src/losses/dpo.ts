/** Direct preference optimisation: VPO without a value term. */
import { checkOptions } from "@provably/core-tensor/internal";
import { share } from "../arrays.js";
import {
  type LossResult,
  type PreferenceBatch,
  REFERENCE,
  type ReferenceOptions,
} from "./batch.js";
import { DONATE } from "./in-blocks.js";
import { valueLoss } from "./vpo.js";

/**
 * Options of losses that know of wrong labels.
 * @category Losses
 */
export interface SmoothingOptions extends ReferenceOptions {
  /** Share $\epsilon$ of labels that are taken to be wrong. */
  readonly labelSmoothing?: number;
}

/**
 * Options of {@link dpoLoss}.
 * @category Losses
 */
export interface DpoOptions extends SmoothingOptions {
  /** An earlier result whose storage is written over, as in {@link VpoOptions}. */
  readonly donate?: LossResult;
}

const DPO = { ...REFERENCE, labelSmoothing: share, donate: DONATE };

/**
 * The DPO loss $L = (1-\epsilon)\,\mathrm{softplus}(-z) + \epsilon\,\mathrm{softplus}(z)$; with label smoothing $\epsilon > 0$ it is conservative DPO.
 *
 * The maximum-likelihood estimate of a Bradley-Terry model in policy form; {@link vpoLoss} with α = 0.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link DpoOptions}; `labelSmoothing` $\epsilon \in [0, 1)$, default 0
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
export function dpoLoss(batch: PreferenceBatch, options: DpoOptions = {}): LossResult {
  checkOptions<DpoOptions>("dpoLoss", options, DPO);
  return valueLoss("dpoLoss", batch, { ...options, alpha: 0, attitude: "pessimistic" });
}
