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

/** Four positions at a time, in double precision: the query and the sum are then read once for four keys or values. */
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
  const weights = new Float64Array(length + 3);
  const [q, mixed] = [new Float64Array(headDim), new Float64Array(headDim)];
  const scale = 1 / Math.sqrt(headDim);
  const width = numKvHeads * headDim;
  const group = numHeads / numKvHeads;
  for (let t = 0; t < tokens; t++) {
    const stop = length - tokens + t + 1;
    const start = window === null ? 0 : Math.max(0, stop - window);
    for (let head = 0; head < numHeads; head++) {
      const at = (t * numHeads + head) * headDim;
      const first = start * width + Math.floor(head / group) * headDim;
      for (let i = 0; i < headDim; i++) q[i] = query[at + i]! * scale;
      const peak = scoreKeys(q, keys, first, width, stop - start, weights);
      let total = 0;
      for (let p = 0; p < stop - start; p++) total += weights[p] = Math.exp(weights[p]! - peak);
      mixed.fill(0);
      mixValues(weights, values, first, width, stop - start, mixed);
      for (let i = 0; i < headDim; i++) out[at + i] = mixed[i]! / total;
    }
  }
  return out;
}

/** Inner products with `count` keys, `width` apart; returns the largest. */
function scoreKeys(q: Float64Array, keys: Float32Array, first: number, width: number, count: number, scores: Float64Array): number {
  const d = q.length;
  let peak = -Infinity;
  let p = 0;
  for (; p + 3 < count; p += 4) {
    const k0 = first + p * width;
    const [k1, k2, k3] = [k0 + width, k0 + 2 * width, k0 + 3 * width];
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let i = 0; i < d; i++) {
      const x = q[i]!;
      s0 += x * keys[k0 + i]!;
      s1 += x * keys[k1 + i]!;
      s2 += x * keys[k2 + i]!;
      s3 += x * keys[k3 + i]!;
    }
    scores[p] = s0;
    scores[p + 1] = s1;
    scores[p + 2] = s2;
    scores[p + 3] = s3;
    peak = Math.max(peak, s0, s1, s2, s3);
  }
  for (; p < count; p++) {
    let s = 0;
    for (let i = 0, k = first + p * width; i < d; i++) s += q[i]! * keys[k + i]!;
    scores[p] = s;
    peak = Math.max(peak, s);
  }
  return peak;
}

/** Adds `count` values, `width` apart, each times its weight. */
function mixValues(weights: Float64Array, values: Float32Array, first: number, width: number, count: number, sum: Float64Array): void {
  const d = sum.length;
  let p = 0;
  for (; p + 3 < count; p += 4) {
    const v0 = first + p * width;
    const [v1, v2, v3] = [v0 + width, v0 + 2 * width, v0 + 3 * width];
    const [w0, w1, w2, w3] = [weights[p]!, weights[p + 1]!, weights[p + 2]!, weights[p + 3]!];
    for (let i = 0; i < d; i++) sum[i]! += w0 * values[v0 + i]! + w1 * values[v1 + i]! + (w2 * values[v2 + i]! + w3 * values[v3 + i]!);
  }
  for (; p < count; p++) for (let i = 0, v = first + p * width; i < d; i++) sum[i]! += weights[p]! * values[v + i]!;
}
