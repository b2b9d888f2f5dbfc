/** Layers of the vision transformer, as functions of named weights. */
import {
  type NdArray,
  add,
  gelu,
  layerNorm,
  linear,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  softmax,
  transpose,
} from "@provably/core-tensor";
import type { TransformerParams } from "../vit/config.js";

export const EPSILON = 1e-6;

export function dense(params: TransformerParams, name: string, x: NdArray): NdArray {
  return linear(x, params[`${name}.weight`]!, params[`${name}.bias`]);
}

export function normalized(params: TransformerParams, name: string, x: NdArray): NdArray {
  return layerNorm(x, {
    scale: params[`${name}.scale`]!,
    shift: params[`${name}.shift`]!,
    epsilon: EPSILON,
  });
}

/** `[B, T, D]` to `[B, heads, T, D / heads]`. */
function splitHeads(x: NdArray, heads: number): NdArray {
  const [batch, tokens, dim] = x.shape as readonly [number, number, number];
  return transpose(reshape(x, [batch, tokens, heads, dim / heads]), [0, 2, 1, 3]);
}

/** Self-attention with its map, which is kept for whoever wants to look at it. */
function selfAttention(
  params: TransformerParams,
  name: string,
  x: NdArray,
  heads: number,
): { readonly y: NdArray; readonly map: NdArray } {
  const [queries, keys, values] = ["query", "key", "value"].map((part) =>
    splitHeads(dense(params, `${name}.${part}`, x), heads),
  ) as [NdArray, NdArray, NdArray];
  const scale = 1 / Math.sqrt(x.shape[2]! / heads);
  const map = softmax(matmul(mul(scale, queries), matrixTranspose(keys)), { axis: -1 });
  const mixed = reshape(transpose(matmul(map, values), [0, 2, 1, 3]), x.shape);
  return { y: dense(params, `${name}.project`, mixed), map };
}

/** A pre-norm block: attention and feed-forward, each added to what came in. */
export function block(
  params: TransformerParams,
  name: string,
  x: NdArray,
  heads: number,
): { readonly y: NdArray; readonly map: NdArray } {
  const { y, map } = selfAttention(params, name, normalized(params, `${name}.norm1`, x), heads);
  const attended = add(x, y);
  const hidden = gelu(
    dense(params, `${name}.expand`, normalized(params, `${name}.norm2`, attended)),
  );
  return { y: add(attended, dense(params, `${name}.contract`, hidden)), map };
}

/** Blocks one after the other, with the map of each. */
export function blocks(
  params: TransformerParams,
  name: string,
  x: NdArray,
  depth: number,
  heads: number,
): { readonly y: NdArray; readonly maps: NdArray[] } {
  const maps: NdArray[] = [];
  let y = x;
  for (let i = 0; i < depth; i++) {
    const out = block(params, `${name}.${i}`, y, heads);
    y = out.y;
    maps.push(out.map);
  }
  return { y, maps };
}
