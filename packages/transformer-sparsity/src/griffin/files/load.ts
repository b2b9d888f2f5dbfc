/** Models from files: the folder layout of Hugging Face, or one GGUF file. */
import { type NdArray, FormatError } from "@provably/core-tensor";
import {
  anyFunction,
  anyString,
  check,
  longWork,
  optional,
  recordWith,
} from "@provably/core-tensor/internal";
import { type ModelConfig, modelConfig } from "../model/config.js";
import { parseJson } from "../model/json.js";
import { layerOfTensor, layerParameters, outerParameters } from "../model/parameters.js";
import { othersWork } from "../runtime/pause.js";
import {
  type LanguageModel,
  type ModelLayer,
  type ModelOptions,
  pinner,
} from "../runtime/model.js";
import { openGguf } from "./gguf.js";
import { type ModelFiles, folderFiles, readWhole, urlFiles } from "./source.js";
import { type TensorStore, openSafetensors } from "./tensors.js";

/**
 * Options of {@link loadModel}.
 * @category Files
 */
export interface LoadOptions extends ModelOptions {
  /** Name of a GGUF file to read instead of `config.json` and safetensors. Default: none. */
  readonly gguf?: string;
  /** Stops between tensors; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each layer. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly total: number }) => void;
}

/**
 * A model, read layer by layer: no more than one layer is in memory beside the model itself.
 *
 * @param source - a folder (in Node), a URL beginning with `http`, or {@link ModelFiles}. A path or URL that ends in `.gguf` names one file
 * @param options - see {@link LoadOptions}
 * @returns see {@link LanguageModel}
 * @throws `FormatError` when a file is missing or broken; `ShapeError` when tensors do not fit the config; `DomainError` when a weight is not finite
 * @example
 * ```ts
 * import { loadModel, prefill } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * model.config.ffSize; // => 896
 * ```
 * @category Files
 */
export async function loadModel(
  source: string | URL | ModelFiles,
  options: LoadOptions = {},
): Promise<LanguageModel> {
  check("loadModel", "options", options, recordWith({ ...longWork, gguf: optional(anyString) }));
  const { files, gguf, place } = openFiles("loadModel", source, options.gguf);
  const { config, tensors } =
    gguf === undefined ? await openFolder(files, place) : await openGguf(files, gguf);
  const byLayer = new Map<number, string[]>();
  for (const name of tensors.names) {
    const layer = layerOfTensor(config, name);
    byLayer.set(layer, [...(byLayer.get(layer) ?? []), name]);
  }
  const pin = pinner(config, options.dtype);
  const layers: ModelLayer[] = [];
  const readAll = async (names: readonly string[] = []): Promise<Record<string, NdArray>> => {
    const read: Record<string, NdArray> = {};
    for (const name of names) {
      if (options.signal) {
        await othersWork();
        options.signal.throwIfAborted();
      }
      read[name] = await tensors.read(name);
    }
    return read;
  };
  for (let i = 0; i < config.numLayers; i++) {
    layers.push(pin.layer(layerParameters(await readAll(byLayer.get(i)), config, i)));
    options.onProgress?.({ iteration: i + 1, total: config.numLayers });
  }
  return pin.model(outerParameters(await readAll(byLayer.get(-1)), config), layers);
}

/** Files of a source, and where they are in words; a name at its end that says `.gguf` is split off. */
export function openFiles(
  fn: string,
  source: string | URL | ModelFiles,
  gguf?: string,
): { files: ModelFiles; place: string; gguf?: string } {
  if (typeof source !== "string" && !(source instanceof URL)) {
    const files = check(fn, "source", source, recordWith({ size: anyFunction, read: anyFunction }));
    return { files, place: "the files given", ...(gguf !== undefined && { gguf }) };
  }
  const text = String(source);
  const [, folder, name] = /^(.*?)([^/\\]+\.gguf)$/.exec(text) ?? [undefined, text, gguf];
  const files = /^https?:/.test(text)
    ? urlFiles(folder)
    : folderFiles(folder === "" ? "." : folder);
  return { files, place: text, ...(name !== undefined && { gguf: name }) };
}

async function openFolder(
  files: ModelFiles,
  place: string,
): Promise<{ config: ModelConfig; tensors: TensorStore }> {
  const json = await readWhole(files, "config.json", 10_000_000);
  if (!json) throw new FormatError(`loadModel: there is no config.json in ${place}`);
  return {
    config: modelConfig(parseJson("loadModel: config.json", json)),
    tensors: await openSafetensors(files),
  };
}
