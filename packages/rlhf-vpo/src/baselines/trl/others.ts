/** The losses of TRL's CPO, ORPO and XPO trainers, in its own conventions and in operations of the core. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  add,
  div,
  expm1,
  log,
  mean,
  minimum,
  mul,
  neg,
  relu,
  softplus,
  square,
  sub,
} from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  finiteNumber,
  nonNegativeNumber,
  oneOf,
  optional,
  positiveNumber,
  recordOf,
} from "@provably/core-tensor/internal";
import { share } from "../../arrays.js";
import {
  REFERENCED,
  type ReferencedTokens,
  TOKENS,
  type TokenPairs,
  masked,
  numeric,
  pooledNll,
  sums,
} from "./tokens.js";

/**
 * Options of {@link trlCpoLoss}.
 * @category Losses of TRL
 */
export interface TrlCpoOptions {
  /** Default `"sigmoid"`. */
  readonly loss?: "sigmoid" | "hinge" | "ipo" | "simpo";
  /** Default 0.1. */
  readonly beta?: number;
  /** Weight of the mean negative log-likelihood of all chosen tokens; default 1. */
  readonly cpoAlpha?: number;
  /** Target margin of `simpo`; default 0.5. */
  readonly gamma?: number;
  /** Default 0. */
  readonly labelSmoothing?: number;
  /** AlphaPO: a log-probability p counts as $(1 - e^{-\alpha p})/\alpha$; default 0, p itself. */
  readonly alphaPo?: number;
}

const CPO = {
  loss: oneOf("sigmoid", "hinge", "ipo", "simpo"),
  beta: positiveNumber,
  cpoAlpha: nonNegativeNumber,
  gamma: finiteNumber,
  labelSmoothing: share,
  alphaPo: finiteNumber,
};

/**
 * A loss of TRL's CPO trainer, SimPO and AlphaPO included, as a differentiable function of token log-probabilities. `ipo` and `simpo` take means over tokens,
 * the others sums.
 *
 * @param batch - see {@link TokenPairs}
 * @param options - see {@link TrlCpoOptions}
 * @returns the loss, a scalar array
 * @throws `ShapeError`, `DomainError` when arrays do not fit together or an option is out of range
 * @example
 * ```ts
 * import { item } from "@provably/core-tensor";
 * import { trlCpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const mask = [[1, 1]];
 * const batch = { chosen: [[-1, -1]], rejected: [[-1, -1]], chosenMask: mask, rejectedMask: mask };
 * item(trlCpoLoss(batch, { cpoAlpha: 0.5 })); // => Math.LN2 + 0.5
 * ```
 * @see TRL 1.13, `CPOTrainer`; Gupta and others (2025), "AlphaPO"
 * @category Losses of TRL
 */
export function trlCpoLoss(batch: TokenPairs, options: TrlCpoOptions = {}): NdArray {
  const fn = "trlCpoLoss";
  const {
    loss = "sigmoid",
    beta = 0.1,
    cpoAlpha = 1,
    gamma = 0.5,
    labelSmoothing: e = 0,
    alphaPo = 0,
  } = checkOptions<TrlCpoOptions>(fn, options, CPO);
  check(fn, "batch", batch, recordOf(TOKENS));
  const { tokens, up, logps } = sums(fn, batch, loss === "ipo" || loss === "simpo");
  const shaped = (p: NdArray): NdArray =>
    alphaPo === 0 ? p : div(neg(expm1(mul(-alphaPo, p))), alphaPo);
  const margin = sub(shaped(logps[0]), shaped(logps[1]));
  const z = mul(beta, loss === "simpo" ? sub(margin, gamma / beta) : margin);
  const smoothed = (): NdArray => add(mul(1 - e, softplus(neg(z))), mul(e, softplus(z)));
  const losses = {
    sigmoid: smoothed,
    simpo: smoothed,
    hinge: () => relu(sub(1, z)),
    ipo: () => square(sub(margin, 1 / (2 * beta))),
  }[loss]();
  return add(mean(losses), mul(cpoAlpha, pooledNll(tokens, up)));
}

/**
 * The loss of TRL's ORPO trainer: the mean negative log-likelihood of all chosen tokens, of the prompt too where they are given, plus β times the odds-ratio
 * loss on means over response tokens.
 *
 * @param batch - see {@link TokenPairs}; `nllMask`, [B, T], marks the tokens of prompt and response that the likelihood is taken over, default the response
 * @param options - `beta`, default 0.1
 * @returns the loss, a scalar array
 * @throws `ShapeError`, `DomainError` when arrays do not fit together or an option is out of range
 * @example
 * ```ts
 * import { item } from "@provably/core-tensor";
 * import { trlOrpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const mask = [[1, 1]];
 * const batch = { chosen: [[-1, -1]], rejected: [[-1, -1]], chosenMask: mask, rejectedMask: mask };
 * item(trlOrpoLoss(batch, { beta: 1 })); // => 1 + Math.LN2
 * ```
 * @see TRL 1.13, `ORPOTrainer`
 * @category Losses of TRL
 */
export function trlOrpoLoss(
  batch: TokenPairs & { readonly nllMask?: ArrayInput | undefined },
  options: { readonly beta?: number } = {},
): NdArray {
  const fn = "trlOrpoLoss";
  const { beta = 0.1 } = checkOptions(fn, options, { beta: positiveNumber });
  check(fn, "batch", batch, recordOf({ ...TOKENS, nllMask: optional(anything) }));
  const { tokens, up, logps } = sums(fn, batch, true);
  const rows = batch.nllMask === undefined ? up : masked(fn, "nllMask", batch.nllMask, tokens);
  const [p, q] = logps.map((x) => minimum(x, -1e-12)) as [NdArray, NdArray];
  const log1mexp = (x: NdArray): NdArray => log(neg(expm1(x)));
  const odds = sub(sub(p, q), sub(log1mexp(p), log1mexp(q)));
  return add(pooledNll(tokens, rows), mul(beta, mean(softplus(neg(odds)))));
}

/**
 * The loss of TRL's XPO trainer: DPO or IPO on the policy's and the reference's response to the same prompt, plus α times the log-probability of the latter.
 *
 * @param batch - see {@link ReferencedTokens} without collisions; with `sample`, $\ln\pi$ of the reference's responses, [B]
 * @param options - `loss` `"sigmoid"` or `"ipo"` (here on sums), `beta`, default 0.1, `alpha`, default 1e-5
 * @returns the loss, a scalar array
 * @throws `ShapeError`, `DomainError` when arrays do not fit together or an option is out of range
 * @example
 * ```ts
 * import { item } from "@provably/core-tensor";
 * import { trlXpoLoss } from "@provably/rlhf-vpo/baselines";
 *
 * const mask = [[1, 1]];
 * const batch = { chosen: [[-1, -1]], rejected: [[-1, -2]], refChosen: [[-1, -1]], refRejected: [[-1, -2]], chosenMask: mask, rejectedMask: mask, sample: [-3] };
 * item(trlXpoLoss(batch, { alpha: 0.1 })) - Math.LN2 + 0.3 < 1e-12; // => true
 * ```
 * @see TRL 1.13, `XPOTrainer`; Xie and others (2024), "Exploratory preference optimization"
 * @category Losses of TRL
 */
export function trlXpoLoss(
  batch: Omit<ReferencedTokens, "chosenCollision" | "rejectedCollision"> & {
    readonly sample: ArrayInput;
  },
  options: {
    readonly loss?: "sigmoid" | "ipo";
    readonly beta?: number;
    readonly alpha?: number;
  } = {},
): NdArray {
  const fn = "trlXpoLoss";
  const {
    loss = "sigmoid",
    beta = 0.1,
    alpha = 1e-5,
  } = checkOptions(fn, options, {
    loss: oneOf("sigmoid", "ipo"),
    beta: positiveNumber,
    alpha: nonNegativeNumber,
  });
  const { chosenCollision: _, rejectedCollision: __, ...fields } = REFERENCED;
  check(fn, "batch", batch, recordOf({ ...fields, sample: anything }));
  const { tokens, logps } = sums(fn, batch, false);
  const { logps: reference } = sums(
    fn,
    { ...batch, chosen: batch.refChosen, rejected: batch.refRejected },
    false,
  );
  const delta = sub(sub(logps[0], reference[0]), sub(logps[1], reference[1]));
  const losses =
    loss === "sigmoid" ? softplus(neg(mul(beta, delta))) : square(sub(delta, 1 / (2 * beta)));
  const sample = numeric(fn, "sample", batch.sample);
  if (sample.shape.join() !== String(tokens.shape[0]))
    throw new ShapeError(
      `${fn}: sample must have shape [${tokens.shape[0]!}], got [${sample.shape.join(", ")}]`,
    );
  return add(mean(losses), mul(alpha, mean(sample)));
}
