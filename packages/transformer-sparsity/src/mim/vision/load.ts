/** Vision transformers from files: the folder layout of Hugging Face. */
import { type NdArray, FormatError } from "@provably/core-tensor";
import { checkOptions, longWork } from "@provably/core-tensor/internal";
import { openFiles } from "../../griffin/files/load.js";
import { type ModelFiles, readWhole } from "../../griffin/files/source.js";
import { openSafetensors } from "../../griffin/files/tensors.js";
import { parseJson } from "../../griffin/model/json.js";
import { othersWork } from "../../griffin/runtime/pause.js";
import { imageProcessor } from "../images/config.js";
import { visionConfig } from "./config.js";
import type { VisionModel } from "./model.js";
import { visionWeights } from "./weights.js";

/**
 * Options of {@link loadVisionModel}.
 * @category Vision models
 */
export interface LoadVisionOptions {
  /** Stops between tensors, and a fetch from a URL at once; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each tensor. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly total: number }) => void;
}

/** Largest configuration file that is read. */
const MAX_JSON = 10_000_000;

/** Tensors of the half that reads texts are not read. */
const OF_TEXTS = /^text_model\./;

/**
 * A vision transformer and its processor, from a folder with `config.json`, `preprocessor_config.json` and safetensors in one file or several.
 *
 * ViT, DeiT, ViTMAE with its decoder, DINOv2 (with registers, too), DINOv3, BEiT, and of CLIP and SigLIP the half that sees. Nothing is left out in silence: a field or a tensor that is not
 * understood is an error that names it.
 *
 * @param source - a folder (in Node), a URL beginning with `http`, or {@link ModelFiles} of the griffin entry, such as those of `filesFromMemory`
 * @param options - see {@link LoadVisionOptions}
 * @returns see {@link VisionModel}
 * @throws `FormatError` when a file is missing, broken or not understood; `ShapeError` when tensors do not fit the config
 * @example
 * ```ts
 * import { encodeImages, loadVisionModel, processImage } from "@provably/transformer-sparsity/mim";
 *
 * const model = await loadVisionModel("examples/models/digits-mae");
 * const blank = { height: 28, width: 28, data: new Uint8Array(28 * 28) };
 * encodeImages(model, processImage(model.processor!, blank)).attention[1].shape; // => [1, 4, 50, 50]
 * ```
 * @category Vision models
 */
export async function loadVisionModel(
  source: string | URL | ModelFiles,
  options: LoadVisionOptions = {},
): Promise<VisionModel> {
  const fn = "loadVisionModel";
  const { signal, onProgress } = checkOptions<LoadVisionOptions>(fn, options, longWork);
  const { files, gguf, place } = openFiles(fn, source, options);
  if (gguf !== undefined)
    throw new FormatError(`${fn}: files of GGUF hold language models; give a folder, got ${gguf}`);
  const json = async (name: string): Promise<unknown> => {
    const bytes = await readWhole(files, name, MAX_JSON);
    return bytes && parseJson(`${fn}: ${name}`, bytes);
  };
  const stored = await json("config.json");
  if (stored === undefined) throw new FormatError(`${fn}: there is no config.json in ${place}`);
  const config = visionConfig(stored);
  const prepared = await json("preprocessor_config.json");
  const processor = prepared === undefined ? null : imageProcessor(prepared);
  const tensors = await openSafetensors(files, fn);
  const names = tensors.names.filter((name) => !OF_TEXTS.test(name));
  const params: Record<string, NdArray> = {};
  for (const [i, name] of names.entries()) {
    if (signal) {
      await othersWork();
      signal.throwIfAborted();
    }
    params[name] = await tensors.read(name);
    onProgress?.({ iteration: i + 1, total: names.length });
  }
  return { config, weights: visionWeights(fn, params, config), processor };
}
