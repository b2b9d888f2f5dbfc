/** The choices of a model, read from the `config.json` of a Hugging Face model. */
import { FormatError } from "@provably/core-tensor";
import { checkArchitecture, checkFields, mustBe } from "./config-fields.js";
import { FAMILIES, type ModelConfig, type ModelFamily, checkExtents } from "./description.js";
import { READERS } from "./families/index.js";
import { type JsonObject, jsonReader } from "./json.js";

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
  const c = textPart(jsonReader("modelConfig", json));
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

/** Models that see, too, of which the language model is run: by `model_type`, the fields that are about images and about both. */
const SEEING: Readonly<Record<string, readonly string[]>> = {
  gemma3: ["mm_tokens_per_image", "boi_token_index", "eoi_token_index", "image_token_index"],
  mistral3: [
    "image_token_index",
    "multimodal_projector_bias",
    "projector_hidden_act",
    "spatial_merge_size",
    "vision_feature_layer",
  ],
  llava: [
    "ignore_index",
    "image_token_index",
    "image_seq_length",
    "multimodal_projector_bias",
    "projector_hidden_act",
    "vision_feature_layer",
    "vision_feature_select_strategy",
  ],
};

/** What the library of Gemma 3 takes for fields that its files leave out. */
const GEMMA3 = {
  vocab_size: 262208,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  max_position_embeddings: 131072,
  bos_token_id: 2,
  eos_token_id: 1,
};

/** The config of the language model inside one that sees, or the config itself. */
function textPart(c: JsonObject): JsonObject {
  const type = c.text("model_type");
  if (!Object.hasOwn(SEEING, type)) return c;
  const stored = c.object("text_config");
  const text =
    stored && type === "gemma3"
      ? jsonReader(
          "modelConfig",
          { ...GEMMA3, ...(c.value("text_config") as object) },
          "text_config.",
        )
      : stored;
  if (!text)
    throw new FormatError(
      `modelConfig: model_type "${type}" needs a text_config, the language model`,
    );
  c.value("vision_config");
  c.value("architectures");
  for (const name of SEEING[type]!) c.value(name);
  // what stands outside must say the same as what stands inside
  for (const name of [
    "tie_word_embeddings",
    "bos_token_id",
    "eos_token_id",
    "vocab_size",
    "hidden_size",
  ])
    if (c.has(name) && text.has(name)) mustBe(c, name, text.value(name));
  checkFields(c, type);
  return text;
}
