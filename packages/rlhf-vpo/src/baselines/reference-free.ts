/** Losses without a reference policy. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import {
  anything,
  checkOptions,
  finiteNumber,
  nonNegativeNumber,
  optional,
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
  type ResponseLengths,
  type ResponsePairs,
  flatten,
  meanLength,
} from "../losses/batch.js";
import { type PairGradient, overPairs } from "../losses/over-pairs.js";

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
    ({ chosen, rejected, margin, index }, d) => {
      const m = delta + margin - chosen + rejected;
      alone(d, m > 0 ? -1 : 0, m > 0 ? 1 : 0);
      return Math.max(0, m) - (reg ? w * reg[index]! : 0);
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
  return overPairs(flat, options, beta, (pair, d) => {
    const { chosenLength: n, rejectedLength: m } = pair;
    const z = beta * (pair.chosen / n - pair.rejected / m) - gamma - pair.margin;
    const g = beta * (e * sigmoid(z) - (1 - e) * sigmoid(-z));
    alone(d, g / n, -g / m);
    return (1 - e) * softplus(-z) + e * softplus(z);
  });
}

const CPO_BATCH = { ...PAIRS, chosenLengths: optional(LENGTHS.chosenLengths) };
const CPO = { ...BETA, nllWeight: nonNegativeNumber, labelSmoothing: share };

/**
 * The CPO loss $L = \mathrm{softplus}(-\beta(\ln\pi(y^+) - \ln\pi(y^-))) - w\,\ln\pi(y^+)$.
 *
 * DPO with a uniform reference, plus supervised fine-tuning. Label smoothing as in `dpoLoss`. With `convention: "trl"` the second term is w times the mean
 * over all chosen tokens of the batch together, and reads `chosenLengths`.
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
  batch: ResponsePairs & Partial<Pick<ResponseLengths, "chosenLengths">>,
  options: BetaOptions & { readonly nllWeight?: number; readonly labelSmoothing?: number } = {},
): LossResult {
  const fn = "cpoLoss";
  const { beta = 0.1, nllWeight = 1, labelSmoothing: e = 0 } = checkOptions(fn, options, CPO);
  const flat = flatten(fn, batch, CPO_BATCH, options);
  const pooled = options.convention === "trl";
  if (!pooled && flat.chosenLengths !== undefined)
    throw new DomainError(
      `${fn}: batch.chosenLengths is read with convention "trl" only, which averages over tokens`,
    );
  const k = pooled ? nllWeight / meanLength(fn, flat) : nllWeight;
  return overPairs(flat, options, beta, ({ chosen, rejected, margin }, d) => {
    const z = beta * (chosen - rejected) - margin;
    const g = beta * (e * sigmoid(z) - (1 - e) * sigmoid(-z));
    alone(d, g - k, -g);
    return (1 - e) * softplus(-z) + e * softplus(z) - k * chosen;
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
  if (options.convention === "trl")
    throw new DomainError(
      `${fn}: TRL averages the likelihood over the tokens of prompts too, which are not here; trlOrpoLoss takes them`,
    );
  const sides = [
    ["chosen", flat.chosen, flat.chosenLengths!],
    ["rejected", flat.rejected, flat.rejectedLengths!],
  ] as const;
  for (const [name, sums, counts] of sides)
    sums.forEach((sum, i) => {
      const p = sum / counts[i]!;
      if (p > 1e-9)
        throw new DomainError(`${fn}: the average of ${name}[${i}] must be below 0, got ${p}`);
    });
  return overPairs(flat, options, 1, (pair, d) => {
    const { chosenLength: n, rejectedLength: m } = pair;
    const p = Math.min(pair.chosen / n, -1e-12);
    const q = Math.min(pair.rejected / m, -1e-12);
    const o = p - q - log1mexp(p) + log1mexp(q) - pair.margin;
    const s = lambda * sigmoid(-o);
    alone(d, (-1 + s / Math.expm1(p)) / n, -s / Math.expm1(q) / m);
    return -p + lambda * softplus(-o);
  });
}
