/** Attention of new queries over cached keys and values. */
import { attention, toTypedArray } from "@provably/core-tensor";
import { attendRows } from "@provably/core-tensor/pinned";
import type { ModelConfig } from "../model/config.js";
import { joinHeads, splitHeads, windowMask } from "../model/differentiable.js";
import { type Rows, asArray } from "./rows.js";

/** Up to this many queries one at a time beats the detour over arrays. */
const FEW = 4;

/** Keys that the blocked softmax takes at a time. */
const BLOCK = 512;

/**
 * Mixed values `[tokens, numHeads · headDim]` of queries at the end of a sequence of `length` tokens, whose keys and values are rows of
 * `numKvHeads · headDim`.
 */
export function cachedAttention(
  config: ModelConfig,
  layer: number,
  query: Rows,
  tokens: number,
  keys: Float32Array,
  values: Float32Array,
  length: number,
): Rows {
  const { numHeads, numKvHeads, headDim } = config;
  const window = config.slidingWindows[layer] ?? null;
  if (tokens <= FEW) {
    const size = numHeads * headDim;
    const out = new Float32Array(query.length);
    for (let t = 0; t < tokens; t++) {
      const stop = length - tokens + t + 1;
      const start = window === null ? 0 : Math.max(0, stop - window);
      out.set(
        attendRows(query.subarray(t * size, (t + 1) * size), {
          keys,
          values,
          numKvHeads,
          headDim,
          start,
          stop,
        }),
        t * size,
      );
    }
    return out;
  }
  const cached = (x: Float32Array) =>
    splitHeads(
      asArray(x.subarray(0, length * numKvHeads * headDim), [length, numKvHeads * headDim]),
      numKvHeads,
      headDim,
    );
  const mixed = attention(
    splitHeads(asArray(query, [tokens, numHeads * headDim]), numHeads, headDim),
    cached(keys),
    cached(values),
    {
      causal: true,
      ...(window !== null && window < length && { mask: windowMask(tokens, length, window) }),
      ...(length > 2 * BLOCK && { blockSize: BLOCK }),
    },
  );
  return toTypedArray(joinHeads(mixed)) as Float32Array;
}
