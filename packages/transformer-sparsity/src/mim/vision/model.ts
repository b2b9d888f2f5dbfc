/** A vision transformer that can be run. */
import type { NdArray } from "@provably/core-tensor";
import {
  anyRecord,
  check,
  listOf,
  mapOf,
  recordWith,
  tensor,
} from "@provably/core-tensor/internal";
import type { ImageProcessor } from "../images/config.js";
import { type VisionConfig, checkVisionConfig } from "./description.js";
import { type VisionWeights, visionWeights } from "./weights.js";

/**
 * A vision transformer: its choices, its weights, and how images are prepared for it.
 * @category Vision models
 */
export interface VisionModel {
  readonly config: VisionConfig;
  /** In the form in which they are used; not for use outside this package. */
  readonly weights: object;
  /** Null where no file says. */
  readonly processor: ImageProcessor | null;
}

/**
 * A vision transformer from tensors by their published names. Of CLIP and SigLIP, tensors of texts are left out; a tensor that no part of the model reads is refused.
 *
 * @param params - tensors, as `decodeSafetensors` of core-tensor gives them
 * @param config - see {@link visionConfig}
 * @returns see {@link VisionModel}, without a processor
 * @throws `FormatError` for a tensor that is missing or of no use, `ShapeError` for one that does not fit the config
 * @example
 * ```ts
 * import { decodeSafetensors } from "@provably/core-tensor/io";
 * import { key } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder, visionConfig, visionFiles, visionModel } from "@provably/transformer-sparsity/mim";
 *
 * const files = visionFiles(createMaskedAutoencoder(key(0), { classToken: true }));
 * const config = visionConfig(JSON.parse(new TextDecoder().decode(files["config.json"])));
 * visionModel(decodeSafetensors(files["model.safetensors"]!).tensors, config).config.numHeads; // => 4
 * ```
 * @category Vision models
 */
export function visionModel(
  params: Readonly<Record<string, NdArray>>,
  config: VisionConfig,
): VisionModel {
  checkVisionConfig("visionModel", config);
  check("visionModel", "params", params, mapOf(tensor));
  return { config, weights: visionWeights("visionModel", params, config), processor: null };
}

const shape = recordWith({
  config: anyRecord,
  weights: recordWith({
    patches: recordWith({ weight: tensor }),
    special: listOf(tensor),
    layers: listOf(anyRecord),
  }),
});

/** Whether `model` is one of {@link visionModel} or {@link loadVisionModel}. */
export function checkVisionModel(
  fn: string,
  model: VisionModel,
): { readonly config: VisionConfig; readonly weights: VisionWeights } {
  check(fn, "model", model, shape);
  const config = checkVisionConfig(fn, model.config);
  return { config, weights: model.weights as VisionWeights };
}
