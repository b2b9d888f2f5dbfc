/** Layers of vision transformers as functions of their weights. */
import {
  type NdArray,
  add,
  layerNorm,
  linear,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  softmax,
  transpose,
} from "@provably/core-tensor";
import { activate, gatedNeurons } from "../../griffin/model/activation.js";
import type { VisionConfig } from "./description.js";
import { type Turns, turn } from "./places.js";
import type { VisionLayer, VisionLinear, VisionMlp, VisionNorm } from "./weights.js";

/** What a block needs to know of its model. */
export type BlockConfig = Pick<
  VisionConfig,
  "numHeads" | "headDim" | "epsilon" | "activation" | "gated"
>;

/** What acts on the scores beside queries and keys. */
export interface Placement {
  readonly turns?: Turns | undefined;
  /** `[heads, T, T]` */
  readonly bias?: NdArray | undefined;
}

export function dense(x: NdArray, { weight, bias }: VisionLinear): NdArray {
  return linear(x, weight, bias);
}

export function normalize(x: NdArray, { scale, shift }: VisionNorm, epsilon: number): NdArray {
  return layerNorm(x, { scale, shift, epsilon });
}

/** `[B, T, heads · headDim]` to `[B, heads, T, headDim]`. */
function splitHeads(x: NdArray, heads: number): NdArray {
  const [batch, tokens, width] = x.shape as readonly [number, number, number];
  return transpose(reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

type Projections = Pick<VisionLayer, "query" | "key" | "value" | "output">;

/** What `x` gathers from `from` in several heads, and the map of where it looked, `[B, heads, T, T']`. */
export function attend(
  config: Pick<BlockConfig, "numHeads" | "headDim">,
  weights: Projections,
  x: NdArray,
  from: NdArray,
  { turns, bias }: Placement = {},
): { readonly y: NdArray; readonly map: NdArray } {
  const { numHeads, headDim } = config;
  const placed = (z: NdArray): NdArray => (turns ? turn(z, turns) : z);
  const queries = placed(splitHeads(dense(x, weights.query), numHeads));
  const keys = placed(splitHeads(dense(from, weights.key), numHeads));
  const values = splitHeads(dense(from, weights.value), numHeads);
  const scores = matmul(mul(1 / Math.sqrt(headDim), queries), matrixTranspose(keys));
  const map = softmax(bias ? add(scores, bias) : scores, { axis: -1 });
  const [batch, tokens] = x.shape as readonly [number, number, number];
  const mixed = reshape(transpose(matmul(map, values), [0, 2, 1, 3]), [
    batch,
    tokens,
    numHeads * headDim,
  ]);
  return { y: dense(mixed, weights.output), map };
}

/** Activations of the neurons of a block. */
export function neurons(
  config: Pick<BlockConfig, "activation">,
  mlp: VisionMlp,
  x: NdArray,
): NdArray {
  const up = dense(x, mlp.up);
  return mlp.gate
    ? gatedNeurons(config.activation, dense(x, mlp.gate), up)
    : activate(config.activation, up);
}

/** A block: attention and feed-forward on normalised tokens, each added to what came in. `observe` is called with the activations of the neurons. */
export function visionBlock(
  config: BlockConfig,
  layer: VisionLayer,
  x: NdArray,
  placement: Placement,
  observe?: (activations: NdArray) => void,
): { readonly y: NdArray; readonly map: NdArray } {
  const { epsilon } = config;
  const inner = normalize(x, layer.norm1, epsilon);
  const { y, map } = attend(config, layer, inner, inner, placement);
  const attended = add(x, layer.scale1 ? mul(y, layer.scale1) : y);
  const z = neurons(config, layer, normalize(attended, layer.norm2, epsilon));
  observe?.(z);
  const fed = dense(z, layer.down);
  return { y: add(attended, layer.scale2 ? mul(fed, layer.scale2) : fed), map };
}
