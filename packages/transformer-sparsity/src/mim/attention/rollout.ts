/** Attention through several layers, and attention to the best few keys. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  eye,
  matmul,
  mul,
  where,
  softmax,
  toTypedArray,
} from "@provably/core-tensor";
import { anyList, check, tensor } from "@provably/core-tensor/internal";

import { readMaps } from "../internal/maps.js";
import type { AttentionInput } from "./tensor.js";
import { checkK } from "./spread.js";

/**
 * The attention of the last layer's tokens to the first layer's: the product over layers of $\frac12 \bar A + \frac12 I$ with $\bar A$ the mean over heads.
 *
 * @param layers - attention of each layer, first to last, shape `[…, H, T, T]`
 * @returns array of shape `[…, T, T]`, rows sum to 1
 * @throws `ShapeError` when layers differ in shape, `DomainError` when there are none
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { attentionRollout } from "@provably/transformer-sparsity/mim";
 *
 * const layer = array([[[0, 1], [1, 0]]]);
 * attentionRollout([layer, layer]); // => [[0.5, 0.5], [0.5, 0.5]]
 * ```
 * @see Abnar, Zuidema (2020), "Quantifying attention flow in transformers", section 3
 * @category Attention metrics
 */
export function attentionRollout(layers: readonly AttentionInput[]): NdArray {
  if (check("attentionRollout", "layers", layers, anyList).length === 0)
    throw new DomainError("attentionRollout: layers must hold at least one layer");
  let flow: NdArray | undefined;
  for (const layer of layers) {
    const { data, stack, count, queries, keys } = readMaps("attentionRollout", layer);
    const heads = stack[stack.length - 1];
    if (heads === undefined || queries !== keys)
      throw new ShapeError("attentionRollout: every layer must be [..., heads, T, T]");
    const size = queries * keys;
    const mean = new Float64Array((count / heads) * size);
    for (let i = 0; i < data.length; i++)
      mean[Math.floor(i / (heads * size)) * size + (i % size)]! += data[i]! / heads;
    const step = add(
      mul(0.5, array(mean, { shape: [...stack.slice(0, -1), queries, keys], copy: false })),
      mul(0.5, eye(keys, keys, { dtype: "float64" })),
    );
    if (flow !== undefined && flow.shape.join() !== step.shape.join())
      throw new ShapeError(
        `attentionRollout: layers must have one shape, got [${flow.shape.join(", ")}] and [${step.shape.join(", ")}]`,
      );
    flow = flow === undefined ? step : matmul(step, flow);
  }
  return flow!;
}

/**
 * The softmax over the `k` largest scores of each row; the other keys get 0.
 *
 * Differentiable: gradients go through the kept scores only. The first of equal scores is kept; `k` equal to the number of keys gives the softmax.
 *
 * @param scores - shape `[…, Q, K]`
 * @param k - from 1 to `K`
 * @returns array of the shape of `scores`
 * @throws `DomainError` when `k` is out of range
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { topKAttention } from "@provably/transformer-sparsity/mim";
 *
 * topKAttention(array([[3, 1, 3, 3]]), 2); // => [[0.5, 0, 0.5, 0]]
 * ```
 * @category Attention maps
 */
export function topKAttention(scores: NdArray, k: number): NdArray {
  check("topKAttention", "scores", scores, tensor);
  const keys = scores.shape[scores.shape.length - 1];
  if (keys === undefined) throw new ShapeError("topKAttention: scores must have at least one axis");
  checkK("topKAttention", k, keys);
  if (k === keys) return softmax(scores, { axis: -1 });
  return softmax(where(keptMask(scores, k, keys), scores, -Infinity), { axis: -1 });
}

/** 1 where a score is among the k largest of its row. */
function keptMask(scores: NdArray, k: number, keys: number): NdArray {
  const data = toTypedArray(scores);
  const kept = new Uint8Array(data.length);
  for (let from = 0; from < data.length; from += keys) {
    const row = data.subarray(from, from + keys);
    const order = Array.from(row.keys()).sort((a, b) => row[b]! - row[a]! || a - b);
    for (const i of order.slice(0, k)) kept[from + i] = 1;
  }
  return array(kept, { shape: [...scores.shape], dtype: "bool" });
}
