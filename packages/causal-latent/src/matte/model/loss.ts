/** The objective: reconstruction, divergence of both blocks from their flow priors, and the terms that keep style's influence small. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  add,
  array,
  exp,
  greater,
  item,
  maximum,
  mean,
  mul,
  neg,
  notEqual,
  reciprocal,
  reshape,
  slice,
  softplus,
  square,
  stopGradient,
  sub,
  sum,
  take,
  treeMap,
  where,
} from "@provably/core-tensor";
import {
  anyRecord,
  check,
  checkOptions,
  nonNegativeNumber,
  type Schema,
  tensor,
} from "@provably/core-tensor/internal";
import { pieces } from "../flow/bins.js";
import { asArray } from "../internal/arrays.js";
import { checkLabels, checkObserved, checkWords } from "./check-observed.js";
import type { MatteConfig } from "./config.js";
import { priorNoise } from "./noise.js";
import { mlp } from "../network/mlp.js";
import {
  type Observed,
  encodeRows,
  prepareObserved,
  reconstruct,
  wantedLatents,
} from "./observation.js";
import { type Matte, type MatteParams, checkDomains, checkModel } from "./params.js";
import { jacobianSparsity, overlapTerm } from "./sparsity.js";

/**
 * A batch of observations.
 * @category Objective
 */
export interface MatteBatch {
  /** Vectors `[B, p]`, or word numbers `[B, T]` int32, padded with 0. */
  readonly observed: NdArray;
  /** Domain of each row; may be left out when the model has one. */
  readonly domains?: readonly number[] | undefined;
  /** 0 or 1 where the style of a row is known, −1 elsewhere. */
  readonly labels?: readonly number[] | undefined;
  /** For sentences: the words that the decoder is told, `[B, T]`; default the sentence itself, one place later. */
  readonly inputs?: NdArray | undefined;
}

/**
 * The terms of the objective, before their weights.
 * @category Objective
 */
export interface MatteParts<N = number> {
  readonly reconstruction: N;
  readonly klContent: N;
  readonly klStyle: N;
  readonly sparsity: N;
  readonly overlap: N;
  readonly supervision: N;
  /** How badly the adversary guesses the label from the content; ln 2 is chance. */
  readonly adversary: N;
}

/**
 * Factors on the weights, for schedules.
 * @category Objective
 */
export interface LossFactors {
  /** On both divergences; default 1. */
  readonly divergence?: number;
  /** On sparsity and overlap; default 1. */
  readonly sparsity?: number;
}

const FACTORS: Schema<LossFactors> = { divergence: nonNegativeNumber, sparsity: nonNegativeNumber };

/**
 * One-sample divergence of a Gaussian posterior from a flow prior, a row each,
 *
 * $$\ln N(z; \mu, \sigma^2) - \ln N(r(z); 0, I) - \ln|\det \partial r|, \qquad z = \mu + \sigma \epsilon.$$
 *
 * The constants of the two normals cancel. The density's log-variance is held at −10 from below, so that a posterior that shrinks to a point stays finite.
 *
 * @param epsilon - the standard normals $\epsilon$ behind the sample, `[B, d]`
 * @param logvar - log-variances $\ln \sigma^2$, `[B, d]`
 * @param noise - $r(z)$, `[B, d]`
 * @param logDet - $\ln|\det \partial r|$ at the sample, `[B]`
 * @returns nats, `[B]`; a single row may be negative, its mean estimates a divergence
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { klFlow } from "@provably/causal-latent/matte";
 *
 * // the posterior N(0, 1) under the prior N(0, 1), whose flow is the identity
 * toNested(klFlow([[0.5]], [[0]], [[0.5]], [0])); // => [0]
 * ```
 * @see Rezende, Mohamed (2015), "Variational inference with normalizing flows", eq. 15
 * @category Objective
 */
export function klFlow(
  epsilon: ArrayInput,
  logvar: ArrayInput,
  noise: ArrayInput,
  logDet: ArrayInput,
): NdArray {
  const l = asArray(logvar);
  const held = maximum(l, -10);
  const posterior = mul(-0.5, add(held, mul(square(epsilon), exp(sub(l, held)))));
  return sub(sum(add(posterior, mul(0.5, square(noise))), { axis: 1 }), logDet);
}

/** A batch as arrays alone. */
export interface PreparedBatch {
  readonly observed: Observed;
  /** Domain of each row, int32 `[B]`. */
  readonly domains: NdArray;
  /** 1 or −1 where the style is known, 0 elsewhere, `[B]`; absent when nothing is labelled. */
  readonly signs?: NdArray;
}

export function prepareBatch(
  config: MatteConfig,
  { observed, domains, labels, inputs }: MatteBatch,
): PreparedBatch {
  const ids = checkDomains("matteLoss", config, domains, observed.shape[0]!);
  const signs = labels && Float32Array.from(labels, (label) => (label === -1 ? 0 : 2 * label - 1));
  return {
    observed: prepareObserved(config, observed, inputs),
    domains: array(ids, { copy: false }),
    ...(signs === undefined ? {} : { signs: array(signs, { dtype: config.dtype }) }),
  };
}

/** The objective and its terms as arrays, under whatever transform is running. */
export function objective(
  config: MatteConfig,
  params: MatteParams,
  batch: PreparedBatch,
  epsilon: NdArray,
  factors: { readonly divergence: NdArray | number; readonly sparsity: NdArray | number },
): readonly [NdArray, MatteParts<NdArray>] {
  const { contentSize, styleSize, weights } = config;
  const latents = contentSize + styleSize;
  const domains = take(params.domains, batch.domains);
  const [center, logvar] = pieces(encodeRows(params, batch.observed), [latents, latents]) as [
    NdArray,
    NdArray,
  ];
  const z = add(center, mul(epsilon, exp(mul(0.5, logvar))));
  const cut = (x: NdArray): NdArray[] => pieces(x, [contentSize, styleSize]);
  const [content, style] = cut(z) as [NdArray, NdArray];
  const noise = priorNoise(config, params, content, style, domains);
  const [contentEpsilon, styleEpsilon] = cut(epsilon) as [NdArray, NdArray];
  const [contentLogvar, styleLogvar] = cut(logvar) as [NdArray, NdArray];
  const { loss, influence } = reconstruct(config, params, batch.observed, z, wantedLatents(config));
  const [byStyle, byContent] = [influence.slice(0, styleSize), influence.slice(styleSize)];

  const zero = array(0, { dtype: config.dtype });
  const side = reshape(slice(noise.style.value, [0, 0], [null, 1]), [-1]); // the first style noise carries the label
  const [guess, confusion] = adversary(config, params, content, side, batch.signs) ?? [zero, zero];
  const parts = {
    reconstruction: mean(loss),
    klContent: mean(
      klFlow(contentEpsilon, contentLogvar, noise.content.value, noise.content.logDet),
    ),
    klStyle: mean(klFlow(styleEpsilon, styleLogvar, noise.style.value, noise.style.logDet)),
    sparsity: weights.sparsity > 0 ? jacobianSparsity(byStyle, config.sparsity) : zero,
    overlap: weights.overlap > 0 ? overlapTerm(byStyle, byContent, config.overlapSize) : zero,
    supervision: supervision(config, side, batch.signs) ?? zero,
    adversary: guess,
  };
  const free = (x: NdArray): NdArray => (config.freeBits > 0 ? maximum(x, config.freeBits) : x);
  const kl = add(
    mul(weights.content, free(parts.klContent)),
    mul(weights.style, free(parts.klStyle)),
  );
  const sparse = add(mul(weights.sparsity, parts.sparsity), mul(weights.overlap, parts.overlap));
  const terms = [
    parts.reconstruction,
    mul(factors.divergence, kl),
    mul(factors.sparsity, sparse),
    mul(weights.supervision, parts.supervision),
    guess,
    mul(weights.adversary, confusion),
  ];
  return [terms.reduce((a, b) => add(a, b)), parts];
}

/** Mean logistic loss of the labelled rows, with the first style noise as the logit. */
function supervision(
  { labelScale, weights }: MatteConfig,
  side: NdArray,
  signs: NdArray | undefined,
): NdArray | undefined {
  if (signs === undefined || weights.supervision === 0) return undefined;
  const known = notEqual(signs, 0);
  const count = maximum(sum(where(known, 1, 0)), 1);
  return mul(sum(where(known, softplus(mul(-labelScale, mul(signs, side))), 0)), reciprocal(count));
}

/**
 * How well a network guesses the label from the content, and how far its guesses are from even. The first term teaches the network alone, the second the
 * content alone; unlike a reversed gradient it is bounded. Rows without a label count with the side of their style noise.
 */
function adversary(
  { weights }: MatteConfig,
  { adversary: network }: MatteParams,
  content: NdArray,
  side: NdArray,
  signs: NdArray | undefined,
): readonly [guess: NdArray, confusion: NdArray] | undefined {
  if (signs === undefined || weights.adversary === 0 || network.length === 0) return undefined;
  const wanted = where(notEqual(signs, 0), signs, where(greater(stopGradient(side), 0), 1, -1));
  const guess = reshape(mlp(network, stopGradient(content)), [-1]);
  const seen = reshape(mlp(treeMap(stopGradient, network), content), [-1]);
  return [
    mean(softplus(neg(mul(wanted, guess)))),
    mul(0.5, mean(add(softplus(seen), softplus(neg(seen))))),
  ];
}

/**
 * The objective of a batch,
 *
 * $$\mathcal L = \overline{\mathrm{rec}} + \beta_c \overline{\mathrm{KL}_c} + \beta_s \overline{\mathrm{KL}_s} + \lambda_s \lVert J_s \rVert
 *   + \lambda_o\, \mathrm{overlap} + \lambda_y\, \mathrm{logistic}(\tilde s_0, y),$$
 *
 * with one-sample divergences $\mathrm{KL} = \ln q(z \mid x) - \ln N(r(z); 0, I) - \ln|\det \partial r|$. Reconstruction is
 * $\lVert x - \hat x \rVert^2 / 2\sigma^2$ for vectors and the summed cross-entropy of the words for sentences. The style's influence is exact for vectors
 * (forward mode); for sentences it is a difference quotient of the decoder's states summed over time, on the first 16 rows.
 *
 * @param model - see {@link Matte}
 * @param batch - see {@link MatteBatch}
 * @param epsilon - standard normal numbers `[B, n_c + n_s]`
 * @param factors - see {@link LossFactors}
 * @returns the value and its terms before weighting
 * @throws `ShapeError`, `DomainError` when domains or shapes do not fit
 * @example
 * ```ts
 * import { ones, zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { initMatte, matteConfig, matteLoss } from "@provably/causal-latent/matte";
 *
 * const model = initMatte(matteConfig({ kind: "vectors", size: 8 }), key(0));
 * const { loss, parts } = matteLoss(model, { observed: ones([4, 8]) }, zeros([4, 6]));
 * loss > parts.reconstruction; // => true
 * ```
 * @see Yan, Kong, Gui, Chi, Xing, He, Zhang (2023), "Counterfactual generation with identifiability guarantees"
 * @category Objective
 */
export function matteLoss(
  model: Matte,
  batch: MatteBatch,
  epsilon: NdArray,
  factors: LossFactors = {},
): { readonly loss: number; readonly parts: MatteParts } {
  const fn = "matteLoss";
  const { config, params } = checkModel(fn, model);
  const { divergence: kl = 1, sparsity = 1 } = checkOptions<LossFactors>(fn, factors, FACTORS);
  const { observed, labels, inputs } = check(fn, "batch", batch, anyRecord);
  checkObserved(fn, config, observed);
  checkLabels(fn, labels, observed.shape[0]!);
  if (inputs !== undefined) checkWords(fn, config, "batch.inputs", inputs, observed.shape);
  const wanted = [observed.shape[0]!, config.contentSize + config.styleSize];
  if (check(fn, "epsilon", epsilon, tensor).shape.join() !== wanted.join())
    throw new ShapeError(
      `${fn}: epsilon must have shape [${wanted.join(", ")}], got [${epsilon.shape.join(", ")}]`,
    );
  const [loss, parts] = objective(config, params, prepareBatch(config, batch), epsilon, {
    divergence: kl,
    sparsity,
  });
  return { loss: item(loss), parts: numbersOf(parts) };
}

export function numbersOf(parts: MatteParts<NdArray>): MatteParts {
  return Object.fromEntries(
    Object.entries(parts).map(([name, value]) => [name, item(value as NdArray)]),
  ) as unknown as MatteParts;
}
