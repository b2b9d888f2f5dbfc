/** Attention on arrays, with what families add to it: caps, slopes, sinks. */
import {
  type NdArray,
  add,
  arange,
  array,
  attention,
  broadcastTo,
  concat,
  div,
  expandDims,
  greater,
  less,
  logicalOr,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  slice,
  softmax,
  tanh,
  transpose,
  where,
} from "@provably/core-tensor";
import type { AlibiConfig, ModelConfig } from "./description.js";

/** What attention of a layer needs beside queries, keys and values. */
export interface AttentionExtras {
  /** Scores that take weight and add nothing, one a head. */
  readonly sinks?: NdArray;
  /** Keys taken at a time; default all. Only where scores are plain. */
  readonly blockSize?: number;
}

/** Whether scores are no more than scaled products. */
export function plainScores({ attention: { softcap, sinks }, positions }: ModelConfig): boolean {
  return softcap === null && !sinks && positions.kind !== "alibi";
}

/** Mixed values `[…, H, T, d]` of the last T queries of S keys, each of which sees what lies before it, as far as the layer's window reaches. */
export function mixValues(
  config: ModelConfig,
  layer: number,
  q: NdArray,
  k: NdArray,
  v: NdArray,
  { sinks, blockSize }: AttentionExtras = {},
): NdArray {
  const { scale } = config.attention;
  const [t, s] = [q.shape[q.shape.length - 2]!, k.shape[k.shape.length - 2]!];
  const window = config.slidingWindows[layer] ?? Infinity;
  if (plainScores(config))
    return attention(q, k, v, {
      causal: true,
      scale,
      ...(window < s && { mask: windowMask(t, s, window) }),
      ...(blockSize !== undefined && { blockSize }),
    });
  const share = config.numHeads / config.numKvHeads;
  let scores = mul(matmul(q, matrixTranspose(spread(k, share))), scale);
  const cap = config.attention.softcap;
  if (cap !== null) scores = mul(cap, tanh(div(scores, cap)));
  if (config.positions.kind === "alibi") scores = add(scores, slopeBias(config.positions, s));
  scores = add(scores, visible(t, s, window));
  if (!sinks) return matmul(softmax(scores), spread(v, share));
  const column = broadcastTo(reshape(sinks, [config.numHeads, 1, 1]), [
    ...scores.shape.slice(0, -1),
    1,
  ]);
  const weights = softmax(concat([scores, column], { axis: scores.shape.length - 1 }));
  const start = scores.shape.map(() => 0);
  return matmul(slice(weights, start, scores.shape), spread(v, share));
}

/** Each head of keys or values for every head of queries that it serves. */
function spread(x: NdArray, share: number): NdArray {
  if (share === 1) return x;
  const lead = x.shape.slice(0, -3);
  const [heads, s, d] = x.shape.slice(-3) as [number, number, number];
  const copies = broadcastTo(reshape(x, [...lead, heads, 1, s, d]), [...lead, heads, share, s, d]);
  return reshape(copies, [...lead, heads * share, s, d]);
}

/** What slopes add to the score of each key, `[H, 1, S]`: only differences between keys matter. */
function slopeBias(alibi: AlibiConfig, keys: number): NdArray {
  const data = new Float64Array(alibi.slopes.length * keys);
  alibi.slopes.forEach((slope, h) => {
    for (let s = 0; s < keys; s++) data[h * keys + s] = slopeAt(alibi, slope, s) * alibi.scale;
  });
  return array(Float32Array.from(data), { shape: [alibi.slopes.length, 1, keys] });
}

/** The bias of a key before its factor. */
export function slopeAt({ rounded }: AlibiConfig, slope: number, place: number): number {
  return rounded ? bfloat16(bfloat16(slope) * bfloat16(place)) : slope * place;
}

const bits = new DataView(new ArrayBuffer(4));

/** The nearest number with eight bits of precision, ties to even. */
function bfloat16(x: number): number {
  bits.setFloat32(0, x);
  const u = bits.getUint32(0);
  bits.setUint32(0, (u + 0x7fff + ((u >>> 16) & 1)) & 0xffff0000);
  return bits.getFloat32(0);
}

/** 0 where a query may look, −∞ elsewhere: `[T, S]`, the last query at the last key. */
function visible(queries: number, keys: number, window: number): NdArray {
  const far = distance(queries, keys);
  const hidden = less(far, 0);
  return where(window < keys ? logicalOr(hidden, greater(far, window - 1)) : hidden, -Infinity, 0);
}

/** −∞ where a key lies `window` or more tokens before the query: `[T, S]`, the last query at the last key. */
function windowMask(queries: number, keys: number, window: number): NdArray {
  return where(greater(distance(queries, keys), window - 1), -Infinity, 0);
}

function distance(queries: number, keys: number): NdArray {
  return add(expandDims(arange(keys - queries, keys, 1), 1), mul(-1, arange(0, keys, 1)));
}

/** `[…, T, heads · d]` → `[…, heads, T, d]` */
export function splitHeads(x: NdArray, heads: number, d: number): NdArray {
  const lead = x.shape.slice(0, -1);
  return swap(reshape(x, [...lead, heads, d]));
}

/** `[…, heads, T, d]` → `[…, T, heads · d]` */
export function joinHeads(x: NdArray): NdArray {
  const y = swap(x);
  const [heads, d] = y.shape.slice(-2) as [number, number];
  return reshape(y, [...y.shape.slice(0, -2), heads * d]);
}

/** Exchanges the axes before the last. */
function swap(x: NdArray): NdArray {
  const order = x.shape.map((_, i) => i);
  const n = order.length;
  [order[n - 3], order[n - 2]] = [n - 2, n - 3];
  return transpose(x, order);
}
