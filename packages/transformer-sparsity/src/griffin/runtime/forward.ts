/** Running a model over new tokens of a sequence: the shared decoder on rows, with cached keys and values. */
import { DomainError, IndexError } from "@provably/core-tensor";
import {
  anyFunction,
  anyRecord,
  check,
  checkOptions,
  longWork,
  numberList,
  oneOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { dotRows, unpinned } from "@provably/core-tensor/pinned";
import { type ModelConfig, layerRope } from "../model/description.js";
import { type DecoderOps, decode } from "../model/decoder.js";
import { type RopeConfig, contextLimit, ropeTable } from "../model/rope.js";
import { cachedAttention } from "./attention.js";
import { type KvCache, checkCache, emptyCache, extendCache } from "./cache.js";
import { type FeedForward, blockOf, denseFeedForward, linearRows } from "./feed-forward.js";
import { mixtureRows } from "./mixture.js";
import { type LanguageModel, checkModel } from "./model.js";
import { type Rows, addBias, addRows, normalizeRows, rotateRows } from "./rows.js";

/**
 * What a hook sees of a feed-forward block. The arrays are the model's own and valid during the call only; do not write to them.
 * @category Running models
 */
export interface FeedForwardEvent {
  readonly layer: number;
  /** Place in the sequence of the first of the tokens. */
  readonly position: number;
  readonly tokens: number;
  /** Inputs $x$, `[tokens, d]`. */
  readonly input: Float32Array;
  /** Activations $z$ of the neurons, `[tokens, D]`. */
  readonly activations: Float32Array;
  /** In a mixture the expert whose neurons these are, the shared block counted last; the hook is called for each that has tokens. */
  readonly expert?: number;
  /** In a mixture which of the tokens from `position` on went to the expert; `tokens` is their number, and `input` holds theirs alone. */
  readonly routed?: readonly number[];
}

/**
 * Options of {@link prefill} and {@link decodeStep}.
 * @category Running models
 */
export interface ForwardOptions {
  /** How feed-forward blocks are computed; default all neurons. */
  readonly feedForward?: FeedForward;
  /** Called in every layer with the activations of all neurons; not called where a sparse method does not compute them. */
  readonly onFeedForward?: (event: FeedForwardEvent) => void;
}

/**
 * Options of {@link prefill}.
 * @category Running models
 */
export interface PrefillOptions extends ForwardOptions {
  /** Goes on from there; default from nothing. */
  readonly cache?: KvCache;
  /** Tokens whose logits to return; default `last`. */
  readonly logits?: "last" | "all" | "none";
  /** Tokens taken at a time, which bounds memory; default 256. */
  readonly chunkSize?: number;
  /** Stops between chunks; the call then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each chunk. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly total: number }) => void;
}

/**
 * What a model makes of new tokens.
 * @category Running models
 */
export interface ForwardResult {
  /** Unnormalised log-probabilities of the next token, `[vocab]`; `[tokens, vocab]` for `logits: "all"`; empty for `"none"`. */
  readonly logits: Float32Array;
  readonly cache: KvCache;
}

/**
 * Reads tokens in blocks of many, and returns the logits after the last (or after each).
 *
 * Where the rotation of positions depends on the length of the sequence (`dynamic` and `longrope` beyond the length of training), all tokens of a call take the
 * length at its end, whatever the chunks, and keys in the cache keep the rotation of the call that made them.
 *
 * @param model - see {@link LanguageModel}
 * @param ids - token numbers, at least one
 * @param options - see {@link PrefillOptions}
 * @returns see {@link ForwardResult}
 * @throws `IndexError` for tokens outside the vocabulary or beyond the last position; `DomainError` for no tokens; the signal's reason
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { languageModel, modelConfig, prefill, randomParameters } from "@provably/transformer-sparsity/griffin";
 *
 * const config = modelConfig({
 *   model_type: "llama", vocab_size: 11, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32,
 * });
 * const { logits, cache } = prefill(languageModel(randomParameters(key(0), config), config), [1, 2, 3]);
 * [logits.length, cache.length]; // => [11, 3]
 * ```
 * @category Running models
 */
export function prefill(
  model: LanguageModel,
  ids: ArrayLike<number>,
  options: PrefillOptions = {},
): ForwardResult {
  checkModel("prefill", model);
  check("prefill", "ids", ids, numberList);
  const given = checkOptions<PrefillOptions>("prefill", options, PREFILL);
  return finish(prefillChunks("prefill", model, ids, given));
}

/** The same with a pause after each chunk, in which the caller may let others work; of arguments that were looked at. */
export function* prefillChunks(
  fn: string,
  model: LanguageModel,
  ids: ArrayLike<number>,
  options: PrefillOptions,
): Generator<void, ForwardResult> {
  const { logits: wanted = "last", chunkSize = 256, signal, onProgress } = options;
  let cache = options.cache ?? emptyCache(model.config);
  checkCache(fn, model.config, cache);
  if (ids.length === 0)
    throw new DomainError(`${fn}: ids must hold at least one token; a start token will do`);
  checkTokens(fn, model.config, ids, cache.length);
  const { vocabSize } = model.config;
  const all = new Float32Array(wanted === "all" ? ids.length * vocabSize : 0);
  let last: Float32Array = all;
  const length = cache.length + ids.length;
  for (let from = 0; from < ids.length; from += chunkSize) {
    signal?.throwIfAborted();
    const part = Array.prototype.slice.call(ids, from, from + chunkSize) as number[];
    const end = from + part.length === ids.length;
    const step = forward(model, part, cache, options, length);
    cache = step.cache;
    if (wanted === "all") all.set(headRows(model, step.hidden), from * vocabSize);
    else if (wanted === "last" && end)
      last = headRows(model, step.hidden.subarray(step.hidden.length - model.config.hiddenSize));
    onProgress?.({ iteration: from + part.length, total: ids.length });
    if (!end) yield;
  }
  return { logits: wanted === "all" ? all : last, cache };
}

/**
 * Reads one more token, and returns the logits after it.
 *
 * @param model - see {@link LanguageModel}
 * @param cache - the sequence so far
 * @param token - its next token
 * @param options - see {@link ForwardOptions}
 * @returns see {@link ForwardResult}
 * @throws `IndexError` for a token outside the vocabulary or beyond the last position
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { decodeStep, languageModel, modelConfig, prefill, randomParameters } from "@provably/transformer-sparsity/griffin";
 *
 * const config = modelConfig({
 *   model_type: "llama", vocab_size: 11, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32,
 * });
 * const model = languageModel(randomParameters(key(0), config), config);
 * decodeStep(model, prefill(model, [1, 2]).cache, 3).cache.length; // => 3
 * ```
 * @category Running models
 */
export function decodeStep(
  model: LanguageModel,
  cache: KvCache,
  token: number,
  options: ForwardOptions = {},
): ForwardResult {
  checkModel("decodeStep", model);
  checkCache("decodeStep", model.config, cache);
  checkOptions<ForwardOptions>("decodeStep", options, FORWARD);
  checkTokens("decodeStep", model.config, [token], cache.length);
  const step = forward(model, [token], cache, options, cache.length + 1);
  return { logits: headRows(model, step.hidden), cache: step.cache };
}

/** The result of work in pieces, without a pause. */
export function finish<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

const FORWARD = { feedForward: anyFunction, onFeedForward: anyFunction };
const PREFILL = {
  ...FORWARD,
  ...longWork,
  cache: anyRecord,
  logits: oneOf("last", "all", "none"),
  chunkSize: wholeNumber(),
};

export function checkTokens(
  fn: string,
  config: ModelConfig,
  ids: ArrayLike<number>,
  before: number,
): void {
  const { vocabSize } = config;
  const limit = contextLimit(config);
  if (before + ids.length > limit)
    throw new IndexError(
      `${fn}: the sequence would have ${before + ids.length} tokens, the model's positions end at ${limit}`,
    );
  for (let i = 0; i < ids.length; i++)
    if (!(Number.isInteger(ids[i]) && ids[i]! >= 0 && ids[i]! < vocabSize))
      throw new IndexError(
        `${fn}: token ${i} must be an integer in 0 … ${vocabSize - 1}, got ${show(ids[i])}`,
      );
}

/** Final states `[tokens, hidden]` of new tokens of a sequence that will have `length`, normalised for the head. */
export function forward(
  model: LanguageModel,
  ids: readonly number[],
  before: KvCache,
  options: ForwardOptions,
  length: number,
): { hidden: Rows; cache: KvCache } {
  const { config } = model;
  const cache = extendCache(before, ids.length, config);
  const hidden = decode(
    config,
    rowOps(model, ids.length, cache, options, length),
    embedTokens(model, ids, before.length),
  );
  return {
    hidden: model.finalNorm ? normalizeRows(config.norm, model.finalNorm, hidden) : hidden,
    cache,
  };
}

/** States of new tokens before the first layer. */
export function embedTokens(
  { config, embedding, embeddingNorm, positions, projectIn }: LanguageModel,
  ids: readonly number[],
  start: number,
): Rows {
  let x: Rows = unpinned(embedding, Int32Array.from(ids)).data;
  if (config.embeddingScale !== 1) x = x.map((v) => v * config.embeddingScale);
  if (projectIn) x = dotRows(projectIn, x);
  if (config.positions.kind === "learned" && positions) {
    const from = (start + config.positions.offset) * config.hiddenSize;
    x = addRows(x, positions.subarray(from, from + x.length));
  }
  return embeddingNorm ? normalizeRows(config.norm, embeddingNorm, x) : x;
}

/** Logits of final states. */
export function headRows(
  { config, projectOut, head, headBias }: LanguageModel,
  hidden: Rows,
): Float32Array {
  const z = addBias(dotRows(head, projectOut ? dotRows(projectOut, hidden) : hidden), headBias);
  const { logitScale, logitSoftcap: cap } = config;
  if (logitScale === 1 && cap === null) return z;
  return z.map((v) => (cap === null ? v * logitScale : cap * Math.tanh((v * logitScale) / cap)));
}

/** Rotates queries or keys of a layer, whose tables are made once a call. */
export function placer(
  config: ModelConfig,
  start: number,
  tokens: number,
  length: number,
): (x: Rows, layer: number) => Rows {
  const tables = new Map<RopeConfig, ReturnType<typeof ropeTable>>();
  return (x, layer) => {
    const rope = layerRope(config, layer);
    if (!rope) return x;
    const table = tables.get(rope) ?? ropeTable(rope, start, tokens, length);
    tables.set(rope, table);
    return rotateRows(x, config.headDim, tokens, table.cos, table.sin);
  };
}

/** The decoder's operations on rows of `tokens` tokens that end where `cache` ends. */
export function rowOps(
  model: LanguageModel,
  tokens: number,
  cache: KvCache,
  options: ForwardOptions,
  length: number,
): DecoderOps<Rows> {
  const { config, layers } = model;
  const { headDim, norm, activation, queryKeyNorm, mixture } = config;
  const { feedForward = denseFeedForward, onFeedForward } = options;
  const start = cache.length - tokens;
  const place = placer(config, start, tokens, length);
  return {
    add: addRows,
    scale: (x, factor) => x.map((v) => v * factor),
    clip: (x, bound) => x.map((v) => Math.max(-bound, Math.min(bound, v))),
    norm: (x, layer, role) => normalizeRows(norm, layers[layer]![role]!, x),
    headNorm: (x, layer, role) =>
      normalizeRows(
        norm,
        layers[layer]![role]!,
        x,
        queryKeyNorm?.scope === "all" ? undefined : headDim,
      ),
    linear: (x, layer, role) => linearRows(layers[layer]![role], x),
    attend(query, key, value, layer) {
      const [keys, values] = [cache.storage.keys[layer]!, cache.storage.values[layer]!];
      const width = config.numKvHeads * headDim;
      keys.set(place(key, layer), start * width);
      values.set(value, start * width);
      const cached = { keys, values, length: cache.length };
      return cachedAttention(
        config,
        layer,
        place(query, layer),
        tokens,
        cached,
        layers[layer]!.sinks,
      );
    },
    feedForward(x, layer) {
      const block = blockOf(layers, activation, layer);
      const event = { layer, position: start, tokens, input: x };
      if (!mixture?.layers[layer])
        return feedForward(
          block,
          x,
          onFeedForward && ((activations) => onFeedForward({ ...event, activations })),
        );
      return mixtureRows(
        mixture,
        block,
        feedForward,
        x,
        onFeedForward &&
          ((activations, expert, routed) =>
            onFeedForward({
              ...event,
              tokens: routed.length,
              input: routedRows(x, routed, config.hiddenSize),
              activations,
              expert,
              routed,
            })),
      );
    },
  };
}

/** The states of some of the tokens. */
function routedRows(x: Rows, tokens: readonly number[], width: number): Rows {
  const out = new Float32Array(tokens.length * width);
  tokens.forEach((t, i) => {
    out.set(x.subarray(t * width, (t + 1) * width), i * width);
  });
  return out;
}
