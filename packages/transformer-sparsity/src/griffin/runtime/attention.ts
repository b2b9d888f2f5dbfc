/** Attention of new queries over cached keys and values. */
import { toTypedArray } from "@provably/core-tensor";
import { attendRows } from "@provably/core-tensor/pinned";
import { joinHeads, mixValues, plainScores, splitHeads } from "../model/attention.js";
import type { ModelConfig } from "../model/description.js";
import { type Rows, asArray } from "./rows.js";

/** Up to this many queries one at a time beats the detour over arrays. */
const FEW = 4;

/** Keys that the blocked softmax takes at a time. */
const BLOCK = 512;

/** The cached rows of a layer, of which the first `length` are of this sequence. */
export interface CachedLayer {
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly length: number;
}

/**
 * Mixed values `[tokens, numHeads · headDim]` of queries at the end of a sequence, whose keys and values are rows of `numKvHeads · headDim`.
 */
export function cachedAttention(
  config: ModelConfig,
  layer: number,
  query: Rows,
  tokens: number,
  { keys, values, length }: CachedLayer,
  sinks?: Float32Array,
): Rows {
  const { numHeads, numKvHeads, headDim, attention } = config;
  if (tokens <= FEW && plainScores(config)) {
    const window = config.slidingWindows[layer] ?? Infinity;
    const size = numHeads * headDim;
    const out = new Float32Array(query.length);
    // the kernel divides by √d
    const factor = attention.scale * Math.sqrt(headDim);
    const scaled = Math.abs(factor - 1) < 1e-12 ? query : query.map((x) => x * factor);
    for (let t = 0; t < tokens; t++) {
      const stop = length - tokens + t + 1;
      const start = Math.max(0, stop - window);
      const row = scaled.subarray(t * size, (t + 1) * size);
      out.set(attendRows(row, { keys, values, numKvHeads, headDim, start, stop }), t * size);
    }
    return out;
  }
  const cached = (x: Float32Array) =>
    splitHeads(
      asArray(x.subarray(0, length * numKvHeads * headDim), [length, numKvHeads * headDim]),
      numKvHeads,
      headDim,
    );
  const mixed = mixValues(
    config,
    layer,
    splitHeads(asArray(query, [tokens, numHeads * headDim]), numHeads, headDim),
    cached(keys),
    cached(values),
    {
      ...(sinks && { sinks: asArray(sinks, [numHeads]) }),
      ...(length > 2 * BLOCK && { blockSize: BLOCK }),
    },
  );
  return toTypedArray(joinHeads(mixed)) as Float32Array;
}
