/** The choices of a vision transformer, read from the `config.json` of a Hugging Face model. */
import { FormatError } from "@provably/core-tensor";
import { checkFields } from "../../griffin/model/config-fields.js";
import { type JsonObject, jsonReader } from "../../griffin/model/json.js";
import {
  VISION_FAMILIES,
  type VisionConfig,
  type VisionFamily,
  checkVisionConfig,
} from "./description.js";
import { CLASSES, READERS } from "./families.js";

/** Models of images and texts, and the family of the half that sees. */
const HALVES: Readonly<Record<string, VisionFamily>> = {
  clip: "clip_vision_model",
  siglip: "siglip_vision_model",
};

/** Fields without influence on what a vision transformer computes: training, and what other uses of the same weights need. */
const HARMLESS = [
  ..."hidden_dropout_prob attention_probs_dropout_prob drop_path_rate layerscale_value encoder_stride use_mask_token".split(
    " ",
  ),
  ..."out_features out_indices stage_names apply_layernorm reshape_hidden_states backbone_out_indices".split(
    " ",
  ),
  ..."pos_embed_shift pos_embed_jitter pos_embed_rescale return_class_token".split(" "),
  ..."pool_scales use_auxiliary_head auxiliary_loss_weight auxiliary_channels auxiliary_num_convs auxiliary_concat_input".split(
    " ",
  ),
  ..."semantic_loss_ignore_index segmentation_indices add_fpn logit_scale_init_value vocab_size".split(
    " ",
  ),
  ..."bos_token_id eos_token_id tie_word_embeddings is_encoder_decoder".split(" "),
];

/**
 * The choices of a vision transformer, from its `config.json`.
 *
 * Reads ViT, DeiT, ViTMAE, DINOv2 (with registers, too), DINOv3, BEiT, and the half of CLIP and SigLIP that sees. Every field that changes the computation is acted on or refused by
 * name; a field that nobody knows is refused too, unless it is null.
 *
 * @param json - the parsed file
 * @returns see {@link VisionConfig}
 * @throws `FormatError` for a missing or unusable field, one that is not understood, or an unknown family; `DomainError` when extents do not fit together
 * @example
 * ```ts
 * import { visionConfig } from "@provably/transformer-sparsity/mim";
 *
 * const config = visionConfig({ model_type: "vit", image_size: 32, patch_size: 8, hidden_size: 32, num_attention_heads: 4, intermediate_size: 64 });
 * config.headDim; // => 8
 * config.epsilon; // => 1e-12
 * ```
 * @category Vision models
 */
export function visionConfig(json: unknown): VisionConfig {
  const fn = "visionConfig";
  const whole = jsonReader(fn, json);
  const type = whole.text("model_type");
  const half = Object.hasOwn(HALVES, type) ? HALVES[type] : undefined;
  const family = half ?? (type as VisionFamily);
  if (!VISION_FAMILIES.includes(family))
    throw new FormatError(
      `${fn}: model_type "${type.slice(0, 60)}" is not one of ${[...VISION_FAMILIES, ...Object.keys(HALVES)].join(", ")}`,
    );
  checkClass(whole, family);
  const c = half === undefined ? whole : seeingHalf(whole, half);
  const read = READERS[family](c);
  const config = {
    ...read,
    family,
    labels: labelsOf(whole),
    ...(half !== undefined && {
      projectionSize:
        family === "clip_vision_model" ? whole.count("projection_dim", { fallback: 512 }) : null,
    }),
  };
  for (const part of new Set([whole, c])) {
    for (const name of HARMLESS) part.value(name);
    checkFields(part, family, fn);
  }
  return checkVisionConfig(fn, config);
}

/** Refuses classes of models that compute something else with the family's weights. */
function checkClass(c: JsonObject, family: VisionFamily): void {
  const names = c.value("architectures") ?? [];
  if (!Array.isArray(names) || !names.every((name) => CLASSES[family].includes(name as string)))
    throw new FormatError(
      `visionConfig: architectures ${JSON.stringify(names).slice(0, 80)} is none of ${CLASSES[family].join(", ")}`,
    );
}

/** The config of the half that sees; what older files call `vision_config_dict` takes its place. */
function seeingHalf(whole: JsonObject, family: VisionFamily): JsonObject {
  for (const name of ["text_config", "text_config_dict", "initializer_factor"]) whole.value(name);
  const replaced = family === "clip_vision_model" ? whole.object("vision_config_dict") : undefined;
  const stored = whole.object("vision_config");
  const c = replaced ?? stored ?? jsonReader("visionConfig", {}, "vision_config.");
  if (c.has("model_type") && c.text("model_type") !== family)
    throw new FormatError(
      `visionConfig: vision_config.model_type must be "${family}", got ${JSON.stringify(c.value("model_type")).slice(0, 60)}`,
    );
  // that of the whole acts
  c.value("projection_dim");
  return c;
}

/** Names of the classes by their numbers; two where the file gives none. */
function labelsOf(c: JsonObject): string[] {
  const stored = c.object("id2label");
  const number = c.has("num_labels") ? c.count("num_labels", { min: 0, max: 1e6 }) : undefined;
  c.value("label2id");
  if (!stored) return Array.from({ length: number ?? 2 }, (_, i) => `LABEL_${i}`);
  const names = Object.entries(c.value("id2label") as object);
  const labels = names.map((_, i) => stored.value(String(i)));
  if (!labels.every((name) => typeof name === "string"))
    throw new FormatError(
      `visionConfig: id2label must give a text for each number 0 … ${names.length - 1}`,
    );
  if (number !== undefined && number !== labels.length)
    throw new FormatError(
      `visionConfig: num_labels is ${number} and id2label has ${labels.length}`,
    );
  return labels;
}
