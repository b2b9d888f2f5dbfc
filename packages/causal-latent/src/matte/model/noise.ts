/**
 * Between latents and noise. The priors say how content and style arise: content from noise and the domain, style from noise, the content and the
 * domain. Keeping content and domain and changing the style's noise is an intervention on style alone.
 */
import { type ArrayInput, type NdArray, concat, zeros } from "@provably/core-tensor";
import { anyRecord, check } from "@provably/core-tensor/internal";
import { type FlowRows, fromNoiseRows, toNoiseRows } from "../flow/conditional.js";
import { scalarFlow } from "../flow/scalar-flow.js";
import { checkMatrix } from "../internal/arrays.js";
import type { MatteConfig } from "./config.js";
import { type Matte, type MatteParams, checkModel, domainRows } from "./params.js";

/** Content and style as noise, with the log-determinants of the two maps. */
export interface NoiseRows {
  readonly content: FlowRows;
  readonly style: FlowRows;
}

export function priorNoise(
  config: MatteConfig,
  params: MatteParams,
  content: NdArray,
  style: NdArray,
  domains: NdArray,
): NoiseRows {
  if (config.prior === "standard") {
    const logDet = zeros([content.shape[0]!], { dtype: config.dtype });
    return { content: { value: content, logDet }, style: { value: style, logDet } };
  }
  return {
    content: toNoiseRows(scalarFlow(config.contentFlow), params.content, content, domains),
    style: toNoiseRows(
      scalarFlow(config.styleFlow),
      params.style,
      style,
      concat([domains, content], { axis: 1 }),
    ),
  };
}

export function styleFromNoise(
  { config, params }: Matte,
  noise: NdArray,
  content: NdArray,
  domains: NdArray,
): NdArray {
  if (config.prior === "standard") return noise;
  return fromNoiseRows(
    scalarFlow(config.styleFlow),
    params.style,
    noise,
    concat([domains, content], { axis: 1 }),
  );
}

/**
 * Content and style of a batch, or their noise.
 * @category Model
 */
export interface Latents {
  /** Shape `[B, n_c]`. */
  readonly content: NdArray;
  /** Shape `[B, n_s]`. */
  readonly style: NdArray;
}

/** Noise of a batch with the log-determinants of the maps that made it. */
export interface Noise extends Latents {
  /** $\ln|\det \partial \tilde c / \partial c|$, shape `[B]`. */
  readonly contentLogDet: NdArray;
  /** $\ln|\det \partial \tilde s / \partial s|$, shape `[B]`. */
  readonly styleLogDet: NdArray;
}

/**
 * The noise that content and style arose from, $\tilde c = r_c(c; u)$ and $\tilde s = r_s(s; c, u)$.
 *
 * @param model - see {@link Matte}
 * @param latents - `content` `[B, n_c]` and `style` `[B, n_s]`
 * @param domains - domain of each row; may be left out when the model has one
 * @returns noise of the same shapes and the log-determinants `[B]`
 * @throws `ShapeError`, `DomainError` when sizes or domains do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { mixNoise, initMatte, matteConfig, inferNoise } from "@provably/causal-latent/matte";
 *
 * const model = initMatte(matteConfig({ kind: "vectors", size: 8 }, { contentSize: 2, styleSize: 1, dtype: "float64" }), key(0));
 * const noise = { content: [[0.5, -1]], style: [[2]] };
 * inferNoise(model, mixNoise(model, noise)).style.get(0, 0).toFixed(9); // => "2.000000000"
 * ```
 * @category Model
 */
export function inferNoise(
  model: Matte,
  latents: { readonly content: ArrayInput; readonly style: ArrayInput },
  domains?: readonly number[],
): Noise {
  const { content, style, vectors } = checkedLatents("inferNoise", model, latents, domains);
  const rows = priorNoise(model.config, model.params, content, style, vectors);
  return {
    content: rows.content.value,
    style: rows.style.value,
    contentLogDet: rows.content.logDet,
    styleLogDet: rows.style.logDet,
  };
}

/**
 * Content and style from their noise: the inverse of {@link inferNoise}.
 *
 * @param model - see {@link Matte}
 * @param noise - `content` `[B, n_c]` and `style` `[B, n_s]`
 * @param domains - domain of each row; may be left out when the model has one
 * @returns latents of the same shapes
 * @throws `ShapeError`, `DomainError` when sizes or domains do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { mixNoise, initMatte, matteConfig } from "@provably/causal-latent/matte";
 *
 * const model = initMatte(matteConfig({ kind: "vectors", size: 8 }, { contentSize: 2, styleSize: 1 }), key(0));
 * mixNoise(model, { content: [[0.5, -1]], style: [[2]] }).style.shape; // => [1, 1]
 * ```
 * @category Model
 */
export function mixNoise(
  model: Matte,
  noise: { readonly content: ArrayInput; readonly style: ArrayInput },
  domains?: readonly number[],
): Latents {
  const { content, style, vectors } = checkedLatents("mixNoise", model, noise, domains);
  const { config, params } = model;
  const c =
    config.prior === "standard"
      ? content
      : fromNoiseRows(scalarFlow(config.contentFlow), params.content, content, vectors);
  return { content: c, style: styleFromNoise(model, style, c, vectors) };
}

function checkedLatents(
  fn: string,
  model: Matte,
  latents: { readonly content: ArrayInput; readonly style: ArrayInput },
  domains: readonly number[] | undefined,
): Latents & { readonly vectors: NdArray } {
  const { config, params } = checkModel(fn, model);
  check(fn, "latents", latents, anyRecord);
  const content = checkMatrix(fn, "content", latents.content, config.contentSize, config.dtype);
  const style = checkMatrix(fn, "style", latents.style, config.styleSize, config.dtype);
  return { content, style, vectors: domainRows(fn, config, params, domains, content.shape[0]!) };
}
