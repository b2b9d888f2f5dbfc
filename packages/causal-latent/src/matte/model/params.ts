/** Weights of a model: a plain record of arrays. */
import { DomainError, type NdArray, array, isNdArray, take } from "@provably/core-tensor";
import { anyList, anyRecord, check, show } from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { type ConditionalFlowParams, initConditionalFlow } from "../flow/conditional.js";
import { scalarFlow } from "../flow/scalar-flow.js";
import { type FlowMlpParams, initMlp } from "../network/mlp.js";
import { type TextNetworkParams, initTextNetwork } from "../network/text.js";
import { type VectorNetworkParams, initVectorNetwork } from "../network/vectors.js";
import { type MatteConfig, checkConfig } from "./config.js";

/** Width of the adversary's hidden layer. */
const ADVERSARY_HIDDEN = 64;

/**
 * Weights of a model.
 * @category Model
 */
export interface MatteParams {
  /** Encoder and decoder. */
  readonly network: VectorNetworkParams | TextNetworkParams;
  /** A vector for each domain, shape `[U, e]`. */
  readonly domains: NdArray;
  /** Flow $r_c$ from content to its noise, given the domain. */
  readonly content: ConditionalFlowParams;
  /** Flow $r_s$ from style to its noise, given domain and content. */
  readonly style: ConditionalFlowParams;
  /** Guesses the label from the content; empty without an adversary. */
  readonly adversary: FlowMlpParams;
}

/**
 * A model: what it is made of and its weights.
 * @category Model
 */
export interface Matte {
  readonly config: MatteConfig;
  readonly params: MatteParams;
}

/**
 * Fresh weights.
 *
 * @param config - from {@link matteConfig}
 * @param key - random key
 * @returns a model that has learnt nothing
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { initMatte, matteConfig } from "@provably/causal-latent/matte";
 *
 * const { params } = initMatte(matteConfig({ kind: "vectors", size: 8 }, { numDomains: 3 }), key(0));
 * params.domains.shape; // => [3, 4]
 * ```
 * @category Model
 */
export function initMatte(config: MatteConfig, key: RngKey): Matte {
  const {
    observation,
    contentSize,
    styleSize,
    numDomains,
    domainEmbedding,
    flowHidden,
    dtype,
    weights,
  } = checkConfig("initMatte", config);
  const latents = contentSize + styleSize;
  const network =
    observation.kind === "vectors"
      ? initVectorNetwork(observation, latents, foldIn(key, "network"), dtype)
      : initTextNetwork(observation, latents, foldIn(key, "network"), dtype);
  return {
    config,
    params: {
      network,
      domains: normal(foldIn(key, "domains"), [numDomains, domainEmbedding], { dtype }),
      content: initConditionalFlow(
        scalarFlow(config.contentFlow),
        contentSize,
        domainEmbedding,
        { affine: [], shape: [flowHidden] },
        foldIn(key, "content"),
        dtype,
      ),
      style: initConditionalFlow(
        scalarFlow(config.styleFlow),
        styleSize,
        domainEmbedding + contentSize,
        { affine: [flowHidden], shape: [flowHidden] },
        foldIn(key, "style"),
        dtype,
      ),
      adversary:
        weights.adversary > 0
          ? initMlp([contentSize, ADVERSARY_HIDDEN, 1], foldIn(key, "adversary"), dtype)
          : [],
    },
  };
}

/** The domains' vectors `[B, e]`; every number is checked. A missing list means domain 0, where there is only one. */
export function domainRows(
  fn: string,
  config: MatteConfig,
  params: MatteParams,
  domains: readonly number[] | undefined,
  rows: number,
): NdArray {
  return take(params.domains, array(checkDomains(fn, config, domains, rows), { copy: false }));
}

export function checkDomains(
  fn: string,
  { numDomains }: MatteConfig,
  domains: readonly number[] | undefined,
  rows: number,
): Int32Array {
  if (domains === undefined) {
    if (numDomains > 1)
      throw new DomainError(`${fn}: domains must be given, the model has ${numDomains} of them`);
    return new Int32Array(rows);
  }
  if (check(fn, "domains", domains, anyList).length !== rows)
    throw new DomainError(
      `${fn}: domains must name one domain a row, got ${domains.length} for ${rows} rows`,
    );
  domains.forEach((u, i) => {
    if (!Number.isInteger(u) || u < 0 || u >= numDomains)
      throw new DomainError(
        `${fn}: domains[${i}] must be an integer in [0, ${numDomains}), got ${show(u)}`,
      );
  });
  return Int32Array.from(domains);
}

/** A model whose configuration is complete and whose weights are where the networks look for them. */
export function checkModel(fn: string, model: Matte): Matte {
  const { config, params } = check(fn, "model", model, anyRecord);
  checkConfig(fn, config);
  checkParams(fn, config, params);
  return model;
}

/** Weights as a record of arrays; that their sizes fit is found out by the products. */
export function checkParams(
  fn: string,
  { observation, weights }: MatteConfig,
  params: MatteParams,
): void {
  const isLayers = (x: unknown): boolean =>
    Array.isArray(x) && x.every((layer) => hasArrays(layer, ["weights", "bias"]));
  const isLstm = (x: unknown): boolean => hasArrays(x, ["input", "hidden", "bias"]);
  const isFlow = (x: unknown): boolean =>
    isRecord(x) && isLayers(x["affine"]) && isLayers(x["shape"]);
  const { network, domains, content, style, adversary } = check(fn, "params", params, anyRecord);
  const { encoder, decoder } = check(fn, "params.network", network, anyRecord) as {
    readonly encoder: unknown;
    readonly decoder: unknown;
  };
  const fits =
    observation.kind === "vectors"
      ? isLayers(encoder) && isLayers(decoder)
      : hasArrays(encoder, ["words", "head"]) &&
        isLstm(encoder["forward"]) &&
        isLstm(encoder["backward"]) &&
        hasArrays(decoder, ["words"]) &&
        isLstm(decoder["lstm"]) &&
        hasArrays(decoder["start"], ["weights", "bias"]) &&
        hasArrays(decoder["out"], ["weights", "bias"]);
  if (
    !fits ||
    !isNdArray(domains) ||
    !isFlow(content) ||
    !isFlow(style) ||
    !isLayers(adversary) ||
    (weights.adversary > 0 && adversary.length === 0)
  )
    throw new DomainError(
      `${fn}: params must be made by initMatte() or trainMatte() with this configuration`,
    );
}

function isRecord(x: unknown): x is Readonly<Record<string, unknown>> {
  return typeof x === "object" && x !== null && !Array.isArray(x);
}

function hasArrays(x: unknown, names: readonly string[]): x is Readonly<Record<string, unknown>> {
  return isRecord(x) && names.every((name) => isNdArray(x[name]));
}
