/**
 * Keys and values of the tokens so far, as an immutable value.
 *
 * Handles share storage: a handle is a length and a storage that holds at least as many tokens. Appending to the longest handle of a storage
 * writes behind its end, where no other handle looks; appending to a shorter one copies first. So every handle can be kept, continued
 * twice, or cut, and none ever sees another's tokens.
 */
import { DomainError } from "@provably/core-tensor";
import {
  check,
  listOf,
  recordWith,
  show,
  typedArray,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { type ModelConfig, checkConfig } from "../model/config.js";
import { contextLimit } from "../model/rope.js";

/**
 * Room for tokens, shared between caches; not for use outside this package.
 * @category Models
 */
export interface CacheStorage {
  /** Tokens that some handle speaks for. */
  filled: number;
  /** Tokens that fit. */
  readonly capacity: number;
  /** For each layer, rows of `numKvHeads · headDim`. */
  readonly keys: readonly Float32Array[];
  /** Likewise. */
  readonly values: readonly Float32Array[];
}

/**
 * A sequence that a model has read: what it needs to go on from there. Keep it, branch from it, or cut it with {@link truncateCache}; it never changes.
 * @category Running models
 */
export interface KvCache {
  /** Number of tokens $n$. */
  readonly length: number;
  /** Shared between handles; not for use outside this package. */
  readonly storage: CacheStorage;
}

const FIRST_CAPACITY = 32;

/**
 * The cache of no tokens.
 *
 * @param config - see {@link ModelConfig}
 * @returns cache of length 0
 * @example
 * ```ts
 * import { emptyCache, modelConfig } from "@provably/transformer-sparsity/griffin";
 *
 * const config = modelConfig({
 *   model_type: "llama", vocab_size: 11, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32,
 * });
 * emptyCache(config).length; // => 0
 * ```
 * @category Running models
 */
export function emptyCache(config: ModelConfig): KvCache {
  checkConfig("emptyCache", config);
  const none = Array.from({ length: config.numLayers }, () => new Float32Array(0));
  return { length: 0, storage: { filled: 0, capacity: 0, keys: none, values: none } };
}

/**
 * The cache after only the first `length` tokens.
 *
 * @param cache - see {@link KvCache}
 * @param length - tokens to keep, at most `cache.length`
 * @returns cache of that length; shares storage with `cache`
 * @throws `DomainError` unless `length` is an integer from 0 to the cache's length
 * @example
 * ```ts
 * import { emptyCache, modelConfig, truncateCache } from "@provably/transformer-sparsity/griffin";
 *
 * const config = modelConfig({
 *   model_type: "llama", vocab_size: 11, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32,
 * });
 * truncateCache(emptyCache(config), 0).length; // => 0
 * ```
 * @category Running models
 */
export function truncateCache(cache: KvCache, length: number): KvCache {
  check("truncateCache", "cache", cache, shape);
  if (!Number.isInteger(length) || length < 0 || length > cache.length)
    throw new DomainError(
      `truncateCache: length must be an integer in 0 … ${cache.length}, got ${show(length)}`,
    );
  return { length, storage: cache.storage };
}

const rows = listOf(typedArray("Float32Array"));
const shape = recordWith({
  length: wholeNumber(0),
  storage: recordWith({
    filled: wholeNumber(0),
    capacity: wholeNumber(0),
    keys: rows,
    values: rows,
  }),
});

/** Whether `cache` is one of the model's, with room for what it says it holds. */
export function checkCache(
  fn: string,
  { numLayers, numKvHeads, headDim }: ModelConfig,
  cache: KvCache,
): void {
  const { length, storage } = check(fn, "cache", cache, shape);
  const size = storage.capacity * numKvHeads * headDim;
  const fits = (all: readonly Float32Array[]): boolean =>
    all.length === numLayers && all.every((x) => x.length === size);
  if (
    length > storage.filled ||
    storage.filled > storage.capacity ||
    !fits(storage.keys) ||
    !fits(storage.values)
  )
    throw new DomainError(`${fn}: cache must be of this model, with room for its ${length} tokens`);
}

/** The same cache, whose storage forgets what lies behind its end: of a handle whose longer relatives nobody has. */
export function rewindCache(cache: KvCache): KvCache {
  cache.storage.filled = Math.min(cache.storage.filled, cache.length);
  return cache;
}

/** A cache of `count` more tokens, whose rows from `cache.length` on are the caller's to write before it hands the cache out. */
export function extendCache(cache: KvCache, count: number, config: ModelConfig): KvCache {
  const { length, storage } = cache;
  const needed = length + count;
  if (storage.filled === length && needed <= storage.capacity) {
    storage.filled = needed;
    return { length: needed, storage };
  }
  const width = config.numKvHeads * config.headDim;
  const capacity = Math.max(FIRST_CAPACITY, needed, Math.min(2 * needed, contextLimit(config)));
  const copy = (from: Float32Array): Float32Array => {
    const to = new Float32Array(capacity * width);
    to.set(from.subarray(0, length * width));
    return to;
  };
  return {
    length: needed,
    storage: {
      filled: needed,
      capacity,
      keys: storage.keys.map(copy),
      values: storage.values.map(copy),
    },
  };
}
