/** From observations to latents and back. */
import {
  DomainError,
  type NdArray,
  argmax,
  array,
  concat,
  slice,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyRecord,
  anything,
  check,
  checkOptions,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { pieces } from "../flow/bins.js";
import { checkMatrix } from "../internal/arrays.js";
import { mlp } from "../network/mlp.js";
import { SPECIAL, type TextNetworkParams, decodeStep } from "../network/text.js";
import type { VectorNetworkParams } from "../network/vectors.js";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { type Latents, mixNoise } from "./noise.js";
import { encodeRows, prepareObserved } from "./observation.js";
import { type Matte, checkDomains, checkModel } from "./params.js";
import { checkObserved } from "./check-observed.js";
import type { ArrayInput } from "@provably/core-tensor";

/** Rows encoded or decoded at a time. */
const CHUNK = 256;
/** Words of a sentence beyond which a length is taken for a mistake. */
const MOST_WORDS = 10_000;

/**
 * Means and log-variances of the posterior.
 * @category Model
 */
export interface Posterior extends Latents {
  readonly contentLogvar: NdArray;
  readonly styleLogvar: NdArray;
}

function inChunks(rows: number, run: (from: number, to: number) => NdArray): NdArray {
  const parts: NdArray[] = [];
  for (let at = 0; at < rows; at += CHUNK) parts.push(run(at, Math.min(rows, at + CHUNK)));
  return parts.length === 1 ? parts[0]! : concat(parts);
}

/**
 * Content and style of observations: the means of the approximate posterior, with its log-variances.
 *
 * @param model - see {@link Matte}
 * @param observed - vectors `[B, p]` or word numbers `[B, T]`
 * @returns means and log-variances, each `[B, n_c]` or `[B, n_s]`
 * @throws `ShapeError`, `DTypeError`, `DomainError` when the observations are not the model's
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { encodeLatents, initMatte, matteConfig } from "@provably/causal-latent/matte";
 *
 * const model = initMatte(matteConfig({ kind: "vectors", size: 8 }), key(0));
 * encodeLatents(model, zeros([3, 8])).content.shape; // => [3, 4]
 * ```
 * @category Model
 */
export function encodeLatents(model: Matte, observed: NdArray): Posterior {
  const { config, params } = checkModel("encodeLatents", model);
  checkObserved("encodeLatents", config, observed);
  const all = inChunks(observed.shape[0]!, (from, to) =>
    encodeRows(params, prepareObserved(config, slice(observed, [from], [to]))),
  );
  const { contentSize: c, styleSize: s } = config;
  const [content, style, contentLogvar, styleLogvar] = pieces(all, [c, s, c, s]) as [
    NdArray,
    NdArray,
    NdArray,
    NdArray,
  ];
  return { content, style, contentLogvar, styleLogvar };
}

/**
 * Observations from content and style: the mean of the vectors, or the sentence whose every word is the likeliest after those before it.
 *
 * @param model - see {@link Matte}
 * @param latents - `content` `[B, n_c]` and `style` `[B, n_s]`
 * @param options - for sentences `maxLength`, the greatest number of words, default 20
 * @returns vectors `[B, p]`, or word numbers `[B, maxLength + 1]` with the end sign, padded with 0
 * @throws `ShapeError`, `DomainError` when sizes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { decodeLatents, initMatte, matteConfig } from "@provably/causal-latent/matte";
 *
 * const model = initMatte(matteConfig({ kind: "vectors", size: 8 }, { contentSize: 2, styleSize: 1 }), key(0));
 * decodeLatents(model, { content: [[0, 1]], style: [[2]] }).shape; // => [1, 8]
 * ```
 * @category Model
 */
export function decodeLatents(
  model: Matte,
  latents: { readonly content: ArrayInput; readonly style: ArrayInput },
  options: { readonly maxLength?: number } = {},
): NdArray {
  const { config, params } = checkModel("decodeLatents", model);
  const { maxLength = 20 } = checkOptions("decodeLatents", options, { maxLength: anything });
  check("decodeLatents", "maxLength", maxLength, wholeNumber());
  if (maxLength > MOST_WORDS)
    throw new DomainError(
      `decodeLatents: maxLength must be at most ${MOST_WORDS}, got ${maxLength}`,
    );
  check("decodeLatents", "latents", latents, anyRecord);
  const content = checkMatrix(
    "decodeLatents",
    "content",
    latents.content,
    config.contentSize,
    config.dtype,
  );
  const style = checkMatrix(
    "decodeLatents",
    "style",
    latents.style,
    config.styleSize,
    config.dtype,
  );
  const z = concat([content, style], { axis: 1 });
  return inChunks(z.shape[0]!, (from, to) => {
    const rows = slice(z, [from], [to]);
    return config.observation.kind === "vectors"
      ? mlp((params.network as VectorNetworkParams).decoder, rows)
      : greedy((params.network as TextNetworkParams).decoder, rows, maxLength);
  });
}

function greedy(decoder: TextNetworkParams["decoder"], z: NdArray, maxLength: number): NdArray {
  const rows = z.shape[0]!;
  const width = maxLength + 1;
  const tokens = new Int32Array(rows * width);
  const finished = new Uint8Array(rows);
  let words = new Int32Array(rows).fill(SPECIAL.start);
  let state: { hidden: NdArray; cell: NdArray } | undefined;
  for (let t = 0; t < width && finished.includes(0); t++) {
    const step = decodeStep(decoder, z, words, state);
    state = step.state;
    const best = toTypedArray(argmax(step.logits, { axis: 1 }));
    words = Int32Array.from(best);
    for (let b = 0; b < rows; b++) {
      if (finished[b] === 1) continue;
      const word = t === maxLength ? SPECIAL.end : words[b]!;
      const end = word === SPECIAL.end || word === SPECIAL.pad;
      tokens[b * width + t] = end ? SPECIAL.end : word;
      finished[b] = Number(end);
    }
  }
  return array(tokens, { shape: [rows, width], copy: false });
}

/**
 * New observations: noise from standard normals, through the priors of the given domains and the decoder.
 *
 * @param model - see {@link Matte}
 * @param count - how many
 * @param key - random key
 * @param options - `domains`, one a row; `maxLength` as in {@link decodeLatents}
 * @returns the observations and the latents they came from
 * @throws `DomainError` when domains do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { initMatte, matteConfig, samplePrior } from "@provably/causal-latent/matte";
 *
 * const model = initMatte(matteConfig({ kind: "vectors", size: 8 }), key(0));
 * samplePrior(model, 5, key(1)).observed.shape; // => [5, 8]
 * ```
 * @category Model
 */
export function samplePrior(
  model: Matte,
  count: number,
  key: RngKey,
  options: { readonly domains?: readonly number[]; readonly maxLength?: number } = {},
): Latents & { readonly observed: NdArray } {
  check("samplePrior", "count", count, wholeNumber());
  checkModel("samplePrior", model);
  checkOptions("samplePrior", options, { domains: anything, maxLength: anything });
  const { contentSize, styleSize, dtype } = model.config;
  const domains = [...checkDomains("samplePrior", model.config, options.domains, count)];
  const noise = {
    content: normal(foldIn(key, "content"), [count, contentSize], { dtype }),
    style: normal(foldIn(key, "style"), [count, styleSize], { dtype }),
  };
  const latents = mixNoise(model, noise, domains);
  return {
    ...latents,
    observed: decodeLatents(
      model,
      latents,
      options.maxLength === undefined ? {} : { maxLength: options.maxLength },
    ),
  };
}
