/** One more token of several sequences at once: every matrix is read once for all of them. */
import { DomainError } from "@provably/core-tensor";
import {
  anyFunction,
  anyRecord,
  check,
  checkOptions,
  listOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { decode } from "../model/decoder.js";
import { cachedAttention } from "./attention.js";
import { type KvCache, checkCache, extendCache } from "./cache.js";
import type { FeedForward } from "./feed-forward.js";
import { checkTokens, embedTokens, headRows, placer, rowOps } from "./forward.js";
import { type LanguageModel, checkModel } from "./model.js";
import { type Rows, normalizeRows } from "./rows.js";

/**
 * Options of {@link decodeBatch}.
 * @category Running models
 */
export interface DecodeBatchOptions {
  /** How feed-forward blocks are computed, for all sequences alike; default all neurons. */
  readonly feedForward?: FeedForward;
}

/**
 * What a model makes of one more token of several sequences.
 * @category Running models
 */
export interface BatchResult {
  /** For each sequence the unnormalised log-probabilities of its next token, `[vocab]`. */
  readonly logits: readonly Float32Array[];
  readonly caches: readonly KvCache[];
}

/**
 * Reads one more token of each of several sequences, of any lengths. The logits are those of {@link decodeStep} on each alone, up to rounding; matrices are read once for all.
 *
 * @param model - see {@link LanguageModel}
 * @param caches - the sequences so far, at least one
 * @param tokens - the next token of each
 * @param options - see {@link DecodeBatchOptions}
 * @returns see {@link BatchResult}
 * @throws `IndexError` for a token outside the vocabulary or beyond the last position; `DomainError` unless there is a token for each sequence
 * @example
 * ```ts
 * import { decodeBatch, loadModel, prefill } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * const caches = [[0, 1070], [0, 1070, 260]].map((ids) => prefill(model, ids).cache);
 * decodeBatch(model, caches, [260, 1897]).caches.map(({ length }) => length); // => [3, 4]
 * ```
 * @category Running models
 */
export function decodeBatch(
  model: LanguageModel,
  caches: readonly KvCache[],
  tokens: readonly number[],
  options: DecodeBatchOptions = {},
): BatchResult {
  const fn = "decodeBatch";
  checkModel(fn, model);
  check(fn, "caches", caches, listOf<KvCache>(anyRecord));
  check(fn, "tokens", tokens, listOf(wholeNumber(0)));
  const { feedForward } = checkOptions<DecodeBatchOptions>(fn, options, {
    feedForward: anyFunction,
  });
  if (caches.length === 0 || tokens.length !== caches.length)
    throw new DomainError(
      `${fn}: tokens must hold one token for each of at least one sequence, got ${tokens.length} for ${caches.length}`,
    );
  const { config } = model;
  caches.forEach((cache, i) => {
    checkCache(fn, config, cache);
    checkTokens(fn, config, [tokens[i]!], cache.length);
  });
  const longer = caches.map((cache) => extendCache(cache, 1, config));
  const x = joined(tokens.map((token, i) => embedTokens(model, [token], caches[i]!.length)));
  const last = decode(config, batchOps(model, longer, feedForward), x);
  const hidden = model.finalNorm ? normalizeRows(config.norm, model.finalNorm, last) : last;
  const logits = headRows(model, hidden);
  const { vocabSize } = config;
  return {
    logits: tokens.map((_, i) => logits.slice(i * vocabSize, (i + 1) * vocabSize)),
    caches: longer,
  };
}

/** The operations on one row a sequence, where attention is each sequence's own. */
function batchOps(
  model: LanguageModel,
  caches: readonly KvCache[],
  feedForward: FeedForward | undefined,
) {
  const { config, layers } = model;
  const kvWidth = config.numKvHeads * config.headDim;
  const width = config.numHeads * config.headDim;
  const places = caches.map(({ length }) => placer(config, length - 1, 1, length));
  const own = (x: Rows, i: number, size: number): Rows => x.subarray(i * size, (i + 1) * size);
  return {
    ...rowOps(model, caches.length, caches[0]!, feedForward ? { feedForward } : {}, 0),
    attend(query: Rows, key: Rows, value: Rows, layer: number): Rows {
      const mixed = caches.map(({ length, storage }, i) => {
        const [keys, values] = [storage.keys[layer]!, storage.values[layer]!];
        const place = places[i]!;
        keys.set(place(own(key, i, kvWidth), layer), (length - 1) * kvWidth);
        values.set(own(value, i, kvWidth), (length - 1) * kvWidth);
        const placed = place(own(query, i, width), layer);
        return cachedAttention(
          config,
          layer,
          placed,
          1,
          { keys, values, length },
          layers[layer]!.sinks,
        );
      });
      return joined(mixed);
    },
  };
}

function joined(rows: readonly Rows[]): Rows {
  const out = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    out.set(row, at);
    at += row.length;
  }
  return out;
}
