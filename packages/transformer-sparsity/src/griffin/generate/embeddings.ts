/** Texts as vectors: the model's states after its last layer. */
import { DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  check,
  checkOptions,
  listOf,
  longWork,
  numberList,
  oneOf,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { emptyCache } from "../runtime/cache.js";
import { checkTokens, forward } from "../runtime/forward.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";

/**
 * Options of {@link embedTexts}.
 * @category Text
 */
export interface EmbeddingOptions {
  /** The mean of the states of all tokens, or the state of the last, which has seen them all. Default `mean`. */
  readonly pooling?: "mean" | "last";
  /** Whether each vector is scaled to length 1; default true. */
  readonly normalize?: boolean;
  /** Tokens taken at a time; default 256. */
  readonly chunkSize?: number;
  /** Stops between chunks; the call then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each text. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly total: number }) => void;
}

const EMBEDDING = {
  ...longWork,
  pooling: oneOf("mean", "last"),
  normalize: trueOrFalse,
  chunkSize: wholeNumber(),
};

/**
 * One vector for each text: what the model's last layer makes of its tokens, after the last norm and before the output head.
 *
 * Models that were trained to write embed less well than models that were trained to embed; which pooling a model wants, its authors say.
 *
 * @param model - see {@link LanguageModel}
 * @param texts - tokens of each text, at least one
 * @param options - see {@link EmbeddingOptions}
 * @returns array `[texts, d]`, float32
 * @throws `IndexError` for tokens outside the vocabulary or beyond the last position; `DomainError` for a text without tokens; the signal's reason
 * @example
 * ```ts
 * import { embedTexts, loadModel, loadTokenizer } from "@provably/transformer-sparsity/griffin";
 *
 * const folder = "examples/models/tiny-llama-text";
 * const tokenizer = await loadTokenizer(folder);
 * const texts = ["the king of Israel", "the king of Judah", "and it came to pass"].map((text) => tokenizer.encode(text));
 * const x = embedTexts(await loadModel(folder), texts);
 * const cosine = (i: number, j: number) => x.pick(i).toArray().reduce((sum, v, k) => sum + v * x.get(j, k), 0);
 * cosine(0, 1) > cosine(0, 2); // => true
 * ```
 * @category Text
 */
export function embedTexts(
  model: LanguageModel,
  texts: readonly (readonly number[])[],
  options: EmbeddingOptions = {},
): NdArray {
  const fn = "embedTexts";
  const { config } = checkModel(fn, model);
  const given = checkOptions<EmbeddingOptions>(fn, options, EMBEDDING);
  check(fn, "texts", texts, listOf<readonly number[]>(numberList));
  texts.forEach((ids, i) => {
    if (ids.length === 0) throw new DomainError(`${fn}: texts[${i}] must hold at least one token`);
    checkTokens(fn, config, ids, 0);
  });
  const { normalize = true, onProgress } = given;
  const { hiddenSize } = config;
  const out = new Float32Array(texts.length * hiddenSize);
  texts.forEach((ids, i) => {
    const pooled = pool(model, ids, given);
    const length = normalize ? Math.hypot(...pooled) : 1;
    if (length === 0)
      throw new DomainError(`${fn}: the vector of texts[${i}] is zero and has no direction`);
    for (let j = 0; j < hiddenSize; j++) out[i * hiddenSize + j] = pooled[j]! / length;
    onProgress?.({ iteration: i + 1, total: texts.length });
  });
  return array(out, { shape: [texts.length, hiddenSize], copy: false });
}

/** The states of one text in one, chunk by chunk. */
function pool(
  model: LanguageModel,
  ids: readonly number[],
  { pooling = "mean", chunkSize = 256, signal }: EmbeddingOptions,
): Float64Array {
  const { hiddenSize } = model.config;
  const sum = new Float64Array(hiddenSize);
  let cache = emptyCache(model.config);
  for (let from = 0; from < ids.length; from += chunkSize) {
    signal?.throwIfAborted();
    const part = ids.slice(from, from + chunkSize);
    const step = forward(model, part, cache, {}, ids.length);
    cache = step.cache;
    if (pooling === "mean") step.hidden.forEach((v, j) => (sum[j % hiddenSize]! += v / ids.length));
    else sum.set(step.hidden.subarray(step.hidden.length - hiddenSize));
  }
  return sum;
}
