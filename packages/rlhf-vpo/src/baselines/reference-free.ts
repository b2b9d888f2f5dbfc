/** Losses without a reference policy. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import {
  anything,
  checkOptions,
  finiteNumber,
  nonNegativeNumber,
  positiveNumber,
} from "@provably/core-tensor/internal";
import { finite, share } from "../arrays.js";
import { log1mexp, sigmoid, softplus } from "../numerics.js";
import {
  BETA,
  type BetaOptions,
  LENGTHS,
  LOSS,
  type PairLossOptions,
  type LossResult,
  PAIRS,
  type PairGradient,
  type ResponseLengths,
  type ResponsePairs,
  flatten,
  overPairs,
} from "../losses/batch.js";

const AVERAGED = { ...PAIRS, ...LENGTHS };

/** Writes the derivatives of a loss that does not see the reference. */
function alone(d: PairGradient, chosen: number, rejected: number): void {
  d.chosen = chosen;
  d.rejected = rejected;
  d.refChosen = 0;
  d.refRejected = 0;
}

const SLIC = {
  ...LOSS,
  delta: positiveNumber,
  regWeight: nonNegativeNumber,
  regularised: anything,
};

/**
 * The SLiC loss $L = \max(0, \delta - \ln\pi(y^+) + \ln\pi(y^-)) - w\,\ln\pi(y_{\mathrm{reg}})$.
 *
 * The second term keeps the likelihood of some response up; its gradient is `gradient.regularised`.
 *
 * @param batch - log-probabilities, see {@link ResponsePairs}
 * @param options - `delta` $\delta > 0$, default 1; `regWeight` $w \ge 0$, default 0; `regularised` $\ln\pi(y_{\mathrm{reg}})$, [B]
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { slicLoss } from "@provably/rlhf-vpo/baselines";
 *
 * slicLoss({ chosen: [-1], rejected: [-2] }, { delta: 3 }).loss; // => 2
 * ```
 * @see Zhao, Khalman, Joshi, Narayan, Saleh, Liu (2023), "Calibrating sequence likelihood improves conditional language generation"
 * @category Losses
 */
export function slicLoss(
  batch: ResponsePairs,
  options: PairLossOptions & {
    readonly delta?: number;
    readonly regWeight?: number;
    readonly regularised?: ArrayInput;
  } = {},
): LossResult {
  const fn = "slicLoss";
  const { delta = 1, regWeight: w = 0 } = checkOptions(fn, options, SLIC);
  const flat = flatten(fn, batch, PAIRS, options);
  if (w > 0 && options.regularised === undefined)
    throw new DomainError(`${fn}: regWeight ${w} needs regularised, [${flat.size}]`);
  if (options.regularised !== undefined && options.regWeight === undefined)
    throw new DomainError(`${fn}: regularised is read with a regWeight only`);
  const reg =
    options.regularised === undefined
      ? undefined
      : finite(fn, "regularised", options.regularised, [flat.size]);
  return overPairs(
    flat,
    options,
    1,
    (a, b, _a0, _b0, d, i) => {
      const m = delta - a + b;
      alone(d, m > 0 ? -1 : 0, m > 0 ? 1 : 0);
      return Math.max(0, m) - (reg ? w * reg[i]! : 0);
    },
    reg
      ? { regularised: { shape: [flat.size], perPair: new Float64Array(flat.size).fill(-w) } }
      : {},
  );
}

const SIMPO = { ...BETA, gamma: finiteNumber, labelSmoothing: share };

/**
 * The SimPO loss $L = \mathrm{softplus}(-z)$ with $z = \beta(\ln\pi(y^+)/n^+ - \ln\pi(y^-)/n^-) - \gamma$: average log-likelihoods and a target margin.
 *
 * Label smoothing as in `dpoLoss`.
 *
 * @param batch - log-probabilities, see {@link ResponsePairs} and {@link ResponseLengths}
 * @param options - `beta`, default 2; `gamma` $\gamma$, default 1; `labelSmoothing`, default 0
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { simpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-2], rejected: [-2], chosenLengths: [2], rejectedLengths: [2] };
 * simpoLoss(pair, { gamma: 0 }).loss; // => Math.LN2
 * ```
 * @see Meng, Xia, Chen (2024), "SimPO: simple preference optimization with a reference-free reward"
 * @category Losses
 */
export function simpoLoss(
  batch: ResponsePairs & ResponseLengths,
  options: BetaOptions & { readonly gamma?: number; readonly labelSmoothing?: number } = {},
): LossResult {
  const fn = "simpoLoss";
  const { beta = 2, gamma = 1, labelSmoothing: e = 0 } = checkOptions(fn, options, SIMPO);
  const flat = flatten(fn, batch, AVERAGED, options);
  const [n, m] = [flat.chosenLengths!, flat.rejectedLengths!];
  return overPairs(flat, options, beta, (a, b, _a0, _b0, d, i) => {
    const z = beta * (a / n[i]! - b / m[i]!) - gamma;
    const g = beta * (e * sigmoid(z) - (1 - e) * sigmoid(-z));
    alone(d, g / n[i]!, -g / m[i]!);
    return (1 - e) * softplus(-z) + e * softplus(z);
  });
}

const CPO = { ...BETA, nllWeight: nonNegativeNumber, labelSmoothing: share };

/**
 * The CPO loss $L = \mathrm{softplus}(-\beta(\ln\pi(y^+) - \ln\pi(y^-))) - w\,\ln\pi(y^+)$.
 *
 * DPO with a uniform reference, plus supervised fine-tuning. Label smoothing as in `dpoLoss`.
 *
 * @param batch - log-probabilities, see {@link ResponsePairs}
 * @param options - see `BetaOptions`; `nllWeight` $w \ge 0$, default 1; `labelSmoothing`, default 0
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @example
 * ```ts
 * import { cpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * cpoLoss({ chosen: [-2], rejected: [-2] }, { nllWeight: 0.5 }).loss; // => Math.LN2 + 1
 * ```
 * @see Xu, Sharaf, Chen, Tan, Shen, Van Durme, Murray, Kim (2024), "Contrastive preference optimization"
 * @category Losses
 */
export function cpoLoss(
  batch: ResponsePairs,
  options: BetaOptions & { readonly nllWeight?: number; readonly labelSmoothing?: number } = {},
): LossResult {
  const fn = "cpoLoss";
  const { beta = 0.1, nllWeight = 1, labelSmoothing: e = 0 } = checkOptions(fn, options, CPO);
  const flat = flatten(fn, batch, PAIRS, options);
  return overPairs(flat, options, beta, (a, b, _a0, _b0, d) => {
    const z = beta * (a - b);
    const g = beta * (e * sigmoid(z) - (1 - e) * sigmoid(-z));
    alone(d, g - nllWeight, -g);
    return (1 - e) * softplus(-z) + e * softplus(z) - nllWeight * a;
  });
}

const ORPO = { ...LOSS, lambda: nonNegativeNumber };

/**
 * The ORPO loss $L = -p + \lambda\,\mathrm{softplus}(-o)$ with average log-likelihoods $p$, $q$ and the log odds ratio $o = p - q - \ln(1-e^p) + \ln(1-e^q)$.
 *
 * Supervised fine-tuning and an odds ratio in one step. Averages must be below 0; closer than 1e-12 they are cut off there.
 *
 * @param batch - log-probabilities, see {@link ResponsePairs} and {@link ResponseLengths}
 * @param options - `lambda` $\lambda \ge 0$, default 0.1
 * @returns see {@link LossResult}
 * @throws `DomainError`, `ShapeError` for options out of range, lengths that differ, or numbers that are not finite
 * @throws `DomainError` when an average log-probability exceeds 1e-9
 * @example
 * ```ts
 * import { orpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const pair = { chosen: [-2], rejected: [-2], chosenLengths: [2], rejectedLengths: [2] };
 * orpoLoss(pair).loss; // => 1 + 0.1 * Math.LN2
 * ```
 * @see Hong, Lee, Thorne (2024), "ORPO: monolithic preference optimization without reference model"
 * @category Losses
 */
export function orpoLoss(
  batch: ResponsePairs & ResponseLengths,
  options: PairLossOptions & { readonly lambda?: number } = {},
): LossResult {
  const fn = "orpoLoss";
  const { lambda = 0.1 } = checkOptions(fn, options, ORPO);
  const flat = flatten(fn, batch, AVERAGED, options);
  const [n, m] = [flat.chosenLengths!, flat.rejectedLengths!];
  const average = (name: string, sum: number, count: number, i: number): number => {
    const p = sum / count;
    if (p > 1e-9)
      throw new DomainError(`${fn}: the average of ${name}[${i}] must be below 0, got ${p}`);
    return Math.min(p, -1e-12);
  };
  return overPairs(flat, options, 1, (a, b, _a0, _b0, d, i) => {
    const p = average("chosen", a, n[i]!, i);
    const q = average("rejected", b, m[i]!, i);
    const o = p - q - log1mexp(p) + log1mexp(q);
    const s = lambda * sigmoid(-o);
    alone(d, (-1 + s / Math.expm1(p)) / n[i]!, -s / Math.expm1(q) / m[i]!);
    return -p + lambda * softplus(-o);
  });
}
