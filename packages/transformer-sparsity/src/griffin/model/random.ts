/** Parameters of untrained models, for training from scratch and for measuring speed. */
import { type NdArray, mul, ones, zeros } from "@provably/core-tensor";
import { checkOptions, nonNegativeNumber } from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";

import { type ModelConfig, checkConfig } from "./config.js";
import { tensorShapes } from "./parameters.js";

/**
 * Options of {@link randomParameters}.
 * @category Models
 */
export interface RandomOptions {
  readonly scale?: number;
}
const RANDOM = { scale: nonNegativeNumber };

/**
 * Parameters drawn at random: matrices normal with standard deviation `scale`, norms the identity, biases 0.
 *
 * @param key - random key
 * @param config - see {@link modelConfig}
 * @param options - `scale`: default 0.02
 * @returns tensors by their published names
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { modelConfig, randomParameters } from "@provably/transformer-sparsity/griffin";
 *
 * const config = modelConfig({
 *   model_type: "llama", vocab_size: 11, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32,
 * });
 * randomParameters(key(0), config)["model.layers.0.mlp.up_proj.weight"]!.shape; // => [16, 8]
 * ```
 * @category Models
 */
export function randomParameters(
  key: RngKey,
  config: ModelConfig,
  options: RandomOptions = {},
): Record<string, NdArray> {
  checkConfig("randomParameters", config);
  const { scale = 0.02 } = checkOptions<RandomOptions>("randomParameters", options, RANDOM);
  const draw = ([name, shape]: [string, readonly number[]]): NdArray => {
    if (shape.length > 1) return mul(normal(foldIn(key, name), shape), scale);
    return name.endsWith(".bias") || config.norm.unitOffset ? zeros(shape) : ones(shape);
  };
  return Object.fromEntries(
    Object.entries(tensorShapes(config)).map((entry) => [entry[0], draw(entry)]),
  );
}
