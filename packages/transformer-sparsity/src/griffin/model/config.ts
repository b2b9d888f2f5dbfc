/** The choices of a model, read from the `config.json` of a Hugging Face model. */
import { FormatError } from "@provably/core-tensor";
import { checkArchitecture, checkFields } from "./config-fields.js";
import { FAMILIES, type ModelConfig, type ModelFamily, checkExtents } from "./description.js";
import { READERS } from "./families/index.js";
import { jsonReader } from "./json.js";

export {
  type AlibiConfig,
  type MixtureConfig,
  type ModelConfig,
  type ModelFamily,
  checkConfig,
  checkSizes,
} from "./description.js";

/**
 * The choices of a model, from its `config.json`.
 *
 * Reads old files (`rope_theta`, `rope_scaling`, `torch_dtype`) and new ones (`rope_parameters`, `dtype`). Every field that changes the
 * computation is acted on or refused by name; a field that nobody knows is refused too, unless it is null.
 *
 * @param json - the parsed file
 * @returns see {@link ModelConfig}
 * @throws `FormatError` for a missing or unusable field, one that is not understood; or an unknown family
 * @example
 * ```ts
 * import { modelConfig } from "@provably/transformer-sparsity/griffin";
 *
 * const config = modelConfig({
 *   model_type: "llama", vocab_size: 97, hidden_size: 32, intermediate_size: 64, num_hidden_layers: 2, num_attention_heads: 4, max_position_embeddings: 128,
 * });
 * config.headDim; // => 8
 * ```
 * @category Models
 */
export function modelConfig(json: unknown): ModelConfig {
  const c = jsonReader("modelConfig", json);
  const family = c.text("model_type") as ModelFamily;
  if (!FAMILIES.includes(family))
    throw new FormatError(
      `modelConfig: model_type "${family}" is not one of ${FAMILIES.join(", ")}`,
    );
  checkArchitecture(c, family);
  const config = READERS[family](c, family);
  checkFields(c, family);
  checkExtents("modelConfig", config);
  return config;
}
