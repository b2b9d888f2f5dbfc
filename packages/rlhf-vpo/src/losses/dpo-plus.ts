/** DPO with one more term: the losses that VPO contains or resembles. */
import { type ArrayInput, ShapeError } from "@provably/core-tensor";
import { anyRecord, check } from "@provably/core-tensor/internal";
import { atLeast, finite, positive } from "../arrays.js";
import { sigmoid, softplus } from "../numerics.js";
import {
  type LossResult,
  type PreferenceBatch,
  alongMargin,
  flatten,
  lengthsOf,
  overPairs,
} from "./batch.js";
import type { BetaOptions } from "./margin.js";
import { vpoLoss } from "./vpo.js";

/**
 * The XPO loss $L = \mathrm{softplus}(-z) + \alpha\,\ln\pi(y_{\mathrm{ref}})$ with a response drawn from the reference.
 *
 * Optimistic exploration; {@link vpoLoss} with sign +1, that sample, and α/β in place of α, up to a constant. The gradient of the sample is `grads.refSample`.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link BetaOptions}; `refSample` $\ln\pi(y_{\mathrm{ref}})$, [B]; `alpha` $\ge 0$, default 1e-5
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { xpoLoss } from "@provably/rlhf-vpo";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * xpoLoss(pair, { beta: 1, alpha: 0.1, refSample: [-3] }).loss; // => Math.LN2 - 0.3
 * ```
 * @see Xie, Foster, Krishnamurthy, Rosset, Awadallah, Rakhlin (2024), "Exploratory preference optimization"
 * @category Losses
 */
export function xpoLoss(
  batch: PreferenceBatch,
  options: BetaOptions & { readonly refSample: ArrayInput; readonly alpha?: number },
): LossResult {
  const fn = "xpoLoss";
  const beta = positive(fn, "beta", check(fn, "options", options, anyRecord).beta ?? 0.1);
  const alpha = atLeast(fn, "alpha", options.alpha ?? 1e-5, 0);
  const flat = flatten(fn, batch, options);
  const sample = finite(fn, "refSample", options.refSample, [flat.size]);
  return overPairs(
    flat,
    options,
    beta,
    (a, b, a0, b0, d, i) => {
      const z = beta * (a - a0 - (b - b0));
      alongMargin(d, -beta * sigmoid(-z));
      return softplus(-z) + alpha * sample[i]!;
    },
    { refSample: { shape: [flat.size], perPair: new Float64Array(flat.size).fill(alpha) } },
  );
}

/**
 * The SELM loss $L = \mathrm{softplus}(-z) + \alpha\beta\,(\ln\pi(y) - \ln\pi_{\mathrm{ref}}(y))$ with a response y of the model.
 *
 * The same as {@link vpoLoss} with sign +1 and one sample a pair.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link BetaOptions}; `sample` and `refSample`, log-probabilities of y, [B]; `alpha` $\ge 0$, default 0.001
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { selmLoss } from "@provably/rlhf-vpo";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * selmLoss(pair, { beta: 1, alpha: 0.1, sample: [-3], refSample: [-2] }).loss; // => Math.LN2 - 0.1
 * ```
 * @see Zhang, Yu, Sharma, Yang, Wang, Hassan, Wang (2024), "Self-exploring language models: active preference elicitation for online alignment"
 * @category Losses
 */
export function selmLoss(
  batch: PreferenceBatch,
  options: BetaOptions & {
    readonly sample: ArrayInput;
    readonly refSample: ArrayInput;
    readonly alpha?: number;
  },
): LossResult {
  const {
    sample,
    refSample,
    alpha = 0.001,
    ...rest
  } = check("selmLoss", "options", options, anyRecord);
  const [s, s0] = [
    finite("selmLoss", "sample", sample),
    finite("selmLoss", "refSample", refSample),
  ];
  if (s.length !== s0.length)
    throw new ShapeError(
      `selmLoss: sample and refSample must have one length, got ${s.length} and ${s0.length}`,
    );
  const column = (x: Float64Array): number[][] => Array.from(x, (v) => [v]);
  return vpoLoss(batch, {
    ...rest,
    alpha,
    sign: 1,
    calibration: "samples",
    samples: column(s),
    refSamples: column(s0),
  });
}

/**
 * The RPO loss $L = \mathrm{softplus}(-z) - w\,\ln\pi(y^+)/n^+$: DPO plus supervised fine-tuning on the chosen response.
 *
 * Offline VPO with the chosen response as calibration is this with $w = \alpha\beta$, up to a constant and the token count. $n^+$ is 1 where no lengths are given.
 *
 * @param batch - log-probabilities, see {@link PreferenceBatch}
 * @param options - see {@link BetaOptions}; `sftWeight` $w \ge 0$, default 1
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { rpoLoss } from "@provably/rlhf-vpo";
 *
 * const pair = { chosen: [-1], rejected: [-2], refChosen: [-1], refRejected: [-2] };
 * rpoLoss(pair, { beta: 1, sftWeight: 0.1 }).loss; // => Math.LN2 + 0.1
 * ```
 * @see Liu, Lu, Zhang, Liu, Guo, Yang, Blanchet, Wang (2024), "Provably mitigating overoptimization in RLHF"
 * @category Losses
 */
export function rpoLoss(
  batch: PreferenceBatch,
  options: BetaOptions & { readonly sftWeight?: number } = {},
): LossResult {
  const fn = "rpoLoss";
  const beta = positive(fn, "beta", check(fn, "options", options, anyRecord).beta ?? 0.1);
  const w = atLeast(fn, "sftWeight", options.sftWeight ?? 1, 0);
  const flat = flatten(fn, batch, options);
  const lengths = flat.chosenLengths
    ? lengthsOf(fn, { ...flat, rejectedLengths: flat.rejectedLengths ?? flat.chosenLengths })[0]
    : undefined;
  return overPairs(flat, options, beta, (a, b, a0, b0, d, i) => {
    const z = beta * (a - a0 - (b - b0));
    const k = w / (lengths ? lengths[i]! : 1);
    alongMargin(d, -beta * sigmoid(-z));
    d.chosen -= k;
    return softplus(-z) - k * a;
  });
}
