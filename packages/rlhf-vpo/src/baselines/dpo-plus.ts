/** DPO with one more term: the losses that VPO contains or resembles. */
import { type ArrayInput, ShapeError } from "@provably/core-tensor";
import {
  anyRecord,
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  optional,
} from "@provably/core-tensor/internal";
import { finite, read } from "../arrays.js";
import { sigmoid, softplus } from "../numerics.js";
import {
  LENGTHS,
  type LossResult,
  type PreferenceBatch,
  REFERENCE,
  REFERENCED,
  type ReferenceOptions,
  type ResponseLengths,
  flatten,
  meanLength,
} from "../losses/batch.js";
import { alongMargin, marginOf, overPairs } from "../losses/over-pairs.js";
import { valueLoss } from "../losses/vpo.js";

const XPO = { ...REFERENCE, refSample: anything, alpha: nonNegativeNumber };

/**
 * The XPO loss $L = \mathrm{softplus}(-z) + \alpha\,\ln\pi(y_{\mathrm{ref}})$ with a response drawn from the reference.
 *
 * Optimistic exploration; optimistic `vpoLoss` with that sample, and α/β in place of α, up to a constant. The gradient of the sample is `gradient.refSample`.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link ReferenceOptions}; `refSample` $\ln\pi(y_{\mathrm{ref}})$, [B]; `alpha` $\ge 0$, default 1e-5
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { xpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * xpoLoss(pair, { beta: 1, alpha: 0.1, refSample: [-3] }).loss; // => Math.LN2 - 0.3
 * ```
 * @see Xie, Foster, Krishnamurthy, Rosset, Awadallah, Rakhlin (2024), "Exploratory preference optimization"
 * @category Losses
 */
export function xpoLoss(
  batch: PreferenceBatch,
  options: ReferenceOptions & { readonly refSample: ArrayInput; readonly alpha?: number },
): LossResult {
  const fn = "xpoLoss";
  const { beta = 0.1, alpha = 1e-5 } = checkOptions(fn, options, XPO);
  const flat = flatten(fn, batch, REFERENCED, options);
  const sample = finite(fn, "refSample", options.refSample, [flat.size]);
  return overPairs(
    flat,
    options,
    beta,
    (pair, d) => {
      const z = marginOf(pair, beta);
      alongMargin(d, -beta * sigmoid(-z));
      return softplus(-z) + alpha * sample[pair.index]!;
    },
    { refSample: { shape: [flat.size], perPair: new Float64Array(flat.size).fill(alpha) } },
  );
}

const SELM = { ...XPO, sample: anything };

/**
 * The SELM loss $L = \mathrm{softplus}(-z) + \alpha\beta\,(\ln\pi(y) - \ln\pi_{\mathrm{ref}}(y))$ with a response y of the model.
 *
 * The same as optimistic `vpoLoss` with one sample a pair.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link ReferenceOptions}; `sample` and `refSample`, log-probabilities of y, [B]; `alpha` $\ge 0$, default 0.001
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { selmLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * selmLoss(pair, { beta: 1, alpha: 0.1, sample: [-3], refSample: [-2] }).loss; // => Math.LN2 - 0.1
 * ```
 * @see Zhang, Yu, Sharma, Yang, Wang, Hassan, Wang (2024), "Self-exploring language models: active preference elicitation for online alignment"
 * @category Losses
 */
export function selmLoss(
  batch: PreferenceBatch,
  options: ReferenceOptions & {
    readonly sample: ArrayInput;
    readonly refSample: ArrayInput;
    readonly alpha?: number;
  },
): LossResult {
  const fn = "selmLoss";
  const { sample, refSample, alpha = 0.001, ...rest } = checkOptions(fn, options, SELM);
  const [s, s0] = [finite(fn, "sample", sample), finite(fn, "refSample", refSample)];
  const size = read(fn, "chosen", check(fn, "batch", batch, anyRecord).chosen).size;
  for (const [name, x] of Object.entries({ sample: s, refSample: s0 }))
    if (x.length !== size)
      throw new ShapeError(`${fn}: ${name} must have shape [${size}], got [${x.length}]`);
  const column = (x: Float64Array): number[][] => Array.from(x, (v) => [v]);
  return valueLoss(fn, batch, {
    ...rest,
    alpha,
    attitude: "optimistic",
    calibration: "samples",
    samples: column(s),
    refSamples: column(s0),
  });
}

const RPO = { ...REFERENCE, sftWeight: nonNegativeNumber };
const RPO_BATCH = { ...REFERENCED, chosenLengths: optional(LENGTHS.chosenLengths) };

/**
 * The RPO loss $L = \mathrm{softplus}(-z) - w\,\ln\pi(y^+)/n^+$: DPO plus supervised fine-tuning on the chosen response.
 *
 * Offline VPO with the chosen response as calibration is this with $w = \alpha\beta$, up to a constant and the token count. $n^+$ is 1 where no lengths are given.
 * With `convention: "trl"` it is the mean length of the batch, so that the second term is a mean over all chosen tokens together.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link ReferenceOptions}; `sftWeight` $w \ge 0$, default 1
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { rpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * rpoLoss(pair, { beta: 1, sftWeight: 0.1 }).loss; // => Math.LN2 + 0.1
 * ```
 * @see Liu, Lu, Zhang, Liu, Guo, Yang, Blanchet, Wang (2024), "Provably mitigating overoptimization in RLHF"
 * @category Losses
 */
export function rpoLoss(
  batch: PreferenceBatch & Partial<Pick<ResponseLengths, "chosenLengths">>,
  options: ReferenceOptions & { readonly sftWeight?: number } = {},
): LossResult {
  const fn = "rpoLoss";
  const { beta = 0.1, sftWeight = 1 } = checkOptions(fn, options, RPO);
  const flat = flatten(fn, batch, RPO_BATCH, options);
  const pooled = options.convention === "trl" ? meanLength(fn, flat) : undefined;
  return overPairs(flat, options, beta, (pair, d) => {
    const z = marginOf(pair, beta);
    const k = sftWeight / (pooled ?? pair.chosenLength);
    alongMargin(d, -beta * sigmoid(-z));
    d.chosen -= k;
    return softplus(-z) - k * pair.chosen;
  });
}
