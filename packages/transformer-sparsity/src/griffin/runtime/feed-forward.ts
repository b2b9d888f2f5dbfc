/** Feed-forward blocks of a running model: all neurons, or chosen ones. */
import { combineRows, dotRows } from "@provably/core-tensor/pinned";
import {
  check,
  recordWith,
  satisfying,
  typedArray,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type Activation, isActivation } from "../model/activation.js";
import type { FeedForwardWeights, ModelLayer, PinnedLinear } from "./model.js";
import { type Rows, activateRows, addBias, gatedRows } from "./rows.js";

/**
 * How a feed-forward block turns the states of some tokens, rows of width `d`, into what it adds to them.
 * The hook is to be called with the activations of the neurons, where the method computes all of them.
 * @category Running models
 */
export type FeedForward = (
  block: FeedForwardBlock,
  x: Float32Array,
  observe?: (activations: Float32Array) => void,
) => Float32Array;

/**
 * Where a feed-forward method is at work.
 * @category Running models
 */
export interface FeedForwardBlock {
  readonly layer: number;
  readonly weights: FeedForwardWeights;
  readonly activation: Activation;
  /** Which expert of a mixture is at work; its neurons are those of `weights.mixture.rows[expert]`. Absent where all neurons are one block. */
  readonly expert?: number;
}

/** The neurons of a block: all, or those of the expert. */
export function blockRows({ weights, expert }: FeedForwardBlock): Int32Array | undefined {
  return expert === undefined ? undefined : weights.mixture!.rows[expert];
}

/** Activations `[tokens, D]` of all neurons, or of the given rows. */
export function neuronRows(
  { weights: { gate, up }, activation }: FeedForwardBlock,
  x: Rows,
  rows?: Int32Array,
): Rows {
  const u = linearRows(up, x, rows);
  return gate ? gatedRows(activation, linearRows(gate, x, rows), u) : activateRows(activation, u);
}

/** $xW^\top + b$, or only some of its entries. */
export function linearRows({ weight, bias }: PinnedLinear, x: Rows, rows?: Int32Array): Rows {
  const y = dotRows(weight, x, rows && { rows });
  return addBias(y, rows && bias ? Float32Array.from(rows, (row) => bias[row]!) : bias);
}

/** Sum of what neurons add, each times its activation, for `tokens` tokens; without any neuron the bias is left. */
export function combineNeurons(
  { weights: { down } }: FeedForwardBlock,
  z: Rows,
  rows?: Int32Array,
  tokens = 1,
): Rows {
  const y =
    z.length === 0
      ? new Float32Array(tokens * down.weight.shape[1])
      : combineRows(down.weight, z, rows && { rows });
  return addBias(y, down.bias);
}

/** All neurons. */
export const denseFeedForward: FeedForward = (block, x, observe) => {
  const rows = blockRows(block);
  const z = neuronRows(block, x, rows);
  observe?.(z);
  return combineNeurons(block, z, rows);
};

export function blockOf(
  layers: readonly ModelLayer[],
  activation: Activation,
  layer: number,
): FeedForwardBlock {
  return { layer, weights: layers[layer]!.feedForward, activation };
}

const linear = recordWith({ weight: recordWith() });
const shape = recordWith({
  layer: wholeNumber(0),
  activation: satisfying("the name of an activation", isActivation),
  weights: recordWith({ up: linear, down: linear }),
});
const rows = typedArray("Float32Array");

/** Checks what a feed-forward method is called with, where the caller may be anyone. */
export function checkBlock(fn: string, block: FeedForwardBlock, x: Float32Array): void {
  check(fn, "block", block, shape);
  check(fn, "x", x, rows);
}
