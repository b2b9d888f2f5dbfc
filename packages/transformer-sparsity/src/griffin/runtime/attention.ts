/** Attention of new queries over cached keys and values. */
import { attention, toTypedArray } from "@provably/core-tensor";
import type { ModelConfig } from "../model/config.js";
import { joinHeads, splitHeads, windowMask } from "../model/differentiable.js";
import { type Rows, asArray } from "./rows.js";

/** Up to this many queries a plain loop beats the detour over arrays. */
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
  if (tokens <= FEW) return fewQueries(config, window, query, tokens, keys, values, length);
  const cached = (x: Float32Array) =>
    splitHeads(asArray(x.subarray(0, length * numKvHeads * headDim), [length, numKvHeads * headDim]), numKvHeads, headDim);
  const mixed = attention(splitHeads(asArray(query, [tokens, numHeads * headDim]), numHeads, headDim), cached(keys), cached(values), {
    causal: true,
    ...(window !== null && window < length && { mask: windowMask(tokens, length, window) }),
    ...(length > 2 * BLOCK && { blockSize: BLOCK }),
  });
  return toTypedArray(joinHeads(mixed)) as Float32Array;
}

function fewQueries(
  { numHeads, numKvHeads, headDim }: ModelConfig,
  window: number | null,
  query: Rows,
  tokens: number,
  keys: Float32Array,
  values: Float32Array,
  length: number,
): Rows {
  const out = new Float32Array(query.length);
  const scores = new Float32Array(length);
  const scale = 1 / Math.sqrt(headDim);
  const width = numKvHeads * headDim;
  const group = numHeads / numKvHeads;
  for (let t = 0; t < tokens; t++) {
    const stop = length - tokens + t + 1;
    const start = window === null ? 0 : Math.max(0, stop - window);
    for (let head = 0; head < numHeads; head++) {
      const q = (t * numHeads + head) * headDim;
      const kv = Math.floor(head / group) * headDim;
      let peak = -Infinity;
      for (let p = start; p < stop; p++) {
        const k = p * width + kv;
        // four sums hide the latency of the additions
        let [s0, s1, s2, s3] = [0, 0, 0, 0];
        let i = 0;
        for (; i + 3 < headDim; i += 4) {
          s0 += query[q + i]! * keys[k + i]!;
          s1 += query[q + i + 1]! * keys[k + i + 1]!;
          s2 += query[q + i + 2]! * keys[k + i + 2]!;
          s3 += query[q + i + 3]! * keys[k + i + 3]!;
        }
        for (; i < headDim; i++) s0 += query[q + i]! * keys[k + i]!;
        const score = (s0 + s1 + (s2 + s3)) * scale;
        scores[p] = score;
        if (score > peak) peak = score;
      }
      let total = 0;
      for (let p = start; p < stop; p++) total += scores[p] = Math.exp(scores[p]! - peak);
      for (let p = start; p < stop; p++) {
        const weight = scores[p]! / total;
        const v = p * width + kv;
        for (let i = 0; i < headDim; i++) out[q + i]! += weight * values[v + i]!;
      }
    }
  }
  return out;
}
