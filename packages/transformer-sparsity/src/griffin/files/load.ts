/** Models from files: the folder layout of Hugging Face, or one GGUF file. */
import { type NdArray, FormatError, toTypedArray } from "@provably/core-tensor";
import {
  anyFunction,
  anyString,
  check,
  checkOptions,
  longWork,
  recordWith,
} from "@provably/core-tensor/internal";
import { type ModelConfig, modelConfig } from "../model/config.js";
import { jsonReader, parseJson } from "../model/json.js";
import {
  hasHead,
  layerOfTensor,
  layerParameters,
  ofImages,
  outerParameters,
  refuseUnused,
  unusedTensors,
} from "../model/parameters.js";
import { othersWork } from "../runtime/pause.js";
import {
  type LanguageModel,
  type ModelLayer,
  type ModelOptions,
  DTYPE,
  pinner,
} from "../runtime/model.js";
import { openGguf } from "./gguf.js";
import { decodedTensors } from "./quantised.js";
import {
  type ModelFiles,
  filesFromFolder,
  filesFromMemory,
  filesFromUrl,
  readWhole,
} from "./source.js";
import { type TensorStore, openSafetensors } from "./tensors.js";

/**
 * Options of {@link loadModel}.
 * @category Files
 */
export interface LoadOptions extends ModelOptions {
  /** Name of a GGUF file to read instead of `config.json` and safetensors. Default: none. */
  readonly gguf?: string;
  /** Stops between tensors, and a fetch from a URL at once; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each layer. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly total: number }) => void;
}

const LOAD = { ...longWork, dtype: DTYPE, gguf: anyString };

/**
 * A model, read layer by layer: no more than one layer is in memory beside the model itself.
 *
 * Nothing in the files is left out in silence: a tensor, a field of the config, or a method of storing weights in fewer bits that is not
 * understood is an error that names it. Weights of bitsandbytes, compressed-tensors, fp8, GPTQ, AWQ and MLX are decoded, activations stay as they are.
 *
 * Of GGUF, all types that llama.cpp's quantiser writes by default are decoded (Q4_0 … Q8_0, Q2_K … Q6_K, IQ4_NL, IQ4_XS, MXFP4, BF16), matrix by matrix: beside the
 * model there is no more in memory than its largest tensor. A model in several files is given by the first of them.
 *
 * @param source - a folder (in Node), a URL beginning with `http`, {@link ModelFiles}, or a GGUF file as browsers give it. A path or URL that ends in `.gguf` names one file
 * @param options - see {@link LoadOptions}
 * @returns see {@link LanguageModel}
 * @throws `FormatError` when a file is missing, broken or not understood; `ShapeError` when tensors do not fit the config; `DomainError` when a weight is not finite
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
  source: string | URL | ModelFiles | File,
  options: LoadOptions = {},
): Promise<LanguageModel> {
  const { dtype } = checkOptions<LoadOptions>("loadModel", options, LOAD);
  const { files, gguf, place } = openFiles("loadModel", source, options);
  const { config, tensors, stored } =
    gguf === undefined
      ? { ...(await openFolder(files, place)), stored: undefined }
      : await openGguf(files, gguf);
  await refuseLeftovers(config, tensors);
  const byLayer = new Map<number, string[]>();
  for (const name of tensors.names) {
    if (ofImages(name)) continue;
    const layer = layerOfTensor(config, name);
    byLayer.set(layer, [...(byLayer.get(layer) ?? []), name]);
  }
  const pin = pinner("loadModel", config, dtype);
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
    layers.push(pin.layer(layerParameters(await readAll(byLayer.get(i)), config, i), i));
    options.onProgress?.({ iteration: i + 1, total: config.numLayers });
  }
  const model = pin.model(outerParameters(await readAll(byLayer.get(-1)), config), layers);
  return stored ? { ...model, stored } : model;
}

/** Refuses tensors that the model does not read, but for biases of zeros, which some writers put everywhere. */
async function refuseLeftovers(config: ModelConfig, tensors: TensorStore): Promise<void> {
  const unused = unusedTensors(config, tensors.names);
  const empty = async (name: string): Promise<boolean> =>
    name.endsWith(".bias") && toTypedArray(await tensors.read(name)).every((x) => x === 0);
  const kept = await Promise.all(unused.map(async (name) => ((await empty(name)) ? [] : [name])));
  refuseUnused("loadModel", config, kept.flat());
}

/** Files of a source, and where they are in words; a name at its end that says `.gguf` is split off. */
export function openFiles(
  fn: string,
  source: string | URL | ModelFiles | File,
  { gguf, signal }: { readonly gguf?: string; readonly signal?: AbortSignal },
): { files: ModelFiles; place: string; gguf?: string } {
  if (typeof File === "function" && source instanceof File) {
    if (!source.name.endsWith(".gguf"))
      throw new FormatError(
        `${fn}: the file must be of GGUF, got ${source.name}; give the files of a folder by filesFromMemory`,
      );
    const files = filesFromMemory({ [source.name]: source });
    return { files, place: source.name, gguf: gguf ?? source.name };
  }
  if (typeof source !== "string" && !(source instanceof URL)) {
    const files = check(
      fn,
      "source",
      source as ModelFiles,
      recordWith({ size: anyFunction, read: anyFunction }),
    );
    return { files, place: "the files given", ...(gguf !== undefined && { gguf }) };
  }
  const text = String(source);
  const [, folder, name] = /^(.*?)([^/\\]+\.gguf)$/.exec(text) ?? [undefined, text, gguf];
  const files = /^https?:/.test(text)
    ? filesFromUrl(folder, { ...(signal && { signal }) })
    : filesFromFolder(folder === "" ? "." : folder);
  return { files, place: text, ...(name !== undefined && { gguf: name }) };
}

async function openFolder(
  files: ModelFiles,
  place: string,
): Promise<{ config: ModelConfig; tensors: TensorStore }> {
  const bytes = await readWhole(files, "config.json", 10_000_000);
  if (!bytes) throw new FormatError(`loadModel: there is no config.json in ${place}`);
  const json = parseJson("loadModel: config.json", bytes);
  const fields = jsonReader("loadModel: config.json", json);
  const tensors = decodedTensors(fields, await openSafetensors(files));
  // what is decoded here is no longer the config's business
  const { quantization_config: _, quantization: __, ...plain } = json as Record<string, unknown>;
  const config = modelConfig(plain);
  if (fields.value("tie_word_embeddings") === false && !hasHead(config, tensors.names))
    throw new FormatError(
      "loadModel: tie_word_embeddings is false and there is no tensor of the output head",
    );
  return { config, tensors };
}
