/** Models and training states as bytes, in the `.safetensors` format: weights by their path, the configuration as text. */
import { FormatError, type NdArray, isNdArray } from "@provably/core-tensor";
import {
  type Guard,
  check,
  anyRecord,
  checkOptions,
  mapOf,
  anyString,
  anything,
  typedArray,
} from "@provably/core-tensor/internal";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import { type MatteConfig, checkConfig } from "./config.js";
import { type Matte, checkModel, checkParams } from "./params.js";
import { type MatteState, checkState } from "./train.js";

/** Every array of a tree under the path that leads to it, joined by dots. */
function flatten(tree: unknown, path: string, into: Record<string, NdArray>): void {
  if (isNdArray(tree)) into[path] = tree;
  else if (typeof tree === "object" && tree !== null)
    for (const [name, child] of Object.entries(tree))
      flatten(child, path === "" ? name : `${path}.${name}`, into);
}

const isLevel = (node: unknown): node is Readonly<Record<string, unknown>> =>
  typeof node === "object" && node !== null && !isNdArray(node);

/** The tree that {@link flatten} took apart; levels whose names are 0, 1, … become lists. */
function unflatten(tensors: Readonly<Record<string, NdArray>>): Record<string, unknown> {
  const level = (): Record<string, unknown> => Object.create(null) as Record<string, unknown>; // a file may name a level "__proto__"
  const root = level();
  for (const [path, x] of Object.entries(tensors)) {
    const names = path.split(".");
    let node = root;
    for (const name of names.slice(0, -1))
      node = node[name] = isLevel(node[name]) ? node[name] : level();
    node[names.at(-1)!] = x;
  }
  const lists = (node: unknown): unknown => {
    if (!isLevel(node)) return node;
    const entries = Object.entries(node).map(([name, child]) => [name, lists(child)] as const);
    return entries.every(([name], i) => name === String(i))
      ? entries.map(([, child]) => child)
      : Object.fromEntries(entries);
  };
  return lists(root) as Record<string, unknown>;
}

/**
 * Options of {@link saveMatte}.
 * @category Models
 */
export interface SaveOptions {
  /** Training state that goes into the file too. */
  readonly state?: MatteState;
  /** Text by name, for whoever reads the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A state is checked against the configuration. */
const SAVE = { state: anything as Guard<MatteState>, metadata: mapOf(anyString) };

/**
 * A model as the bytes of a `.safetensors` file, and with `state` everything that training needs to go on.
 *
 * @param model - see {@link Matte}
 * @param options - `state`: from {@link trainMatte}; `metadata`: free text to keep with it, such as the vocabulary
 * @returns bytes
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { initMatte, loadMatte, matteConfig, saveMatte } from "@provably/causal-latent/matte";
 *
 * const model = initMatte(matteConfig({ kind: "vectors", size: 4 }), key(0));
 * loadMatte(saveMatte(model)).model.config.contentSize; // => 4
 * ```
 * @category Training
 */
export function saveMatte(model: Matte, options: SaveOptions = {}): Uint8Array {
  const { config, params } = checkModel("saveMatte", model);
  const { state, metadata } = checkOptions<SaveOptions>("saveMatte", options, SAVE);
  if (state !== undefined) checkState("saveMatte", config, state);
  const tensors: Record<string, NdArray> = {};
  flatten(params, "params", tensors);
  if (state !== undefined) flatten(state.optimizer, "optimizer", tensors); // its step count too, where that is an array
  const kept = {
    config: JSON.stringify(config),
    ...(state === undefined ? {} : { step: String(state.step) }),
  };
  return encodeSafetensors(tensors, { ...metadata, ...kept });
}

/**
 * The model, and the training state if there is one, in bytes that {@link saveMatte} wrote.
 *
 * @param bytes - of the file
 * @returns `model`, `state` when the file holds one, and the `metadata`
 * @throws `FormatError` when the bytes are not such a file
 * @example
 * ```ts
 * import { loadMatte } from "@provably/causal-latent/matte";
 *
 * loadMatte(new Uint8Array([1, 2, 3])); // throws FormatError
 * ```
 * @category Training
 */
export function loadMatte(bytes: Uint8Array): {
  readonly model: Matte;
  readonly state?: MatteState;
  readonly metadata: Readonly<Record<string, string>>;
} {
  check("loadMatte", "bytes", bytes, typedArray("Uint8Array"));
  const { tensors, metadata } = decodeSafetensors(bytes);
  const { config: text, step, ...rest } = metadata;
  if (text === undefined)
    throw new FormatError(
      "loadMatte: bytes must come from saveMatte, got a file without a configuration",
    );
  const tree = unflatten(tensors) as {
    params?: Matte["params"];
    optimizer?: { step?: NdArray; mean: Matte["params"]; square: Matte["params"] };
  };
  if (!isLevel(tree.params))
    throw new FormatError("loadMatte: bytes must come from saveMatte, got a file without weights");
  const config = configOf(text);
  const model = { config, params: filled(tree.params) };
  checkParams("loadMatte", config, model.params);
  if (step === undefined || !isLevel(tree.optimizer)) return { model, metadata: rest };
  const { mean, square, step: count = Number(step) } = tree.optimizer;
  const optimizer = {
    step: count,
    mean: filled(mean),
    square: filled(square),
  } as MatteState["optimizer"];
  const state = { step: Number(step), params: model.params, optimizer };
  checkState("loadMatte", config, state);
  return { model, state, metadata: rest };
}

function configOf(text: string): MatteConfig {
  let config: MatteConfig;
  try {
    config = JSON.parse(text) as MatteConfig;
  } catch {
    throw new FormatError(
      "loadMatte: bytes must come from saveMatte, got a configuration that is no JSON",
    );
  }
  return checkConfig("loadMatte", config);
}

/**
 * Weights with the empty lists that leave no trace in a file: an affine flow has no shape network, and a model may have no adversary. The order of the
 * names is that of `initMatte`, on which the last bits of a gradient's norm depend.
 */
function filled(params: Matte["params"]): Matte["params"] {
  const whole = (name: "content" | "style"): Matte["params"]["content"] => {
    const flow: Partial<Matte["params"]["content"]> = check(
      "loadMatte",
      `params.${name}`,
      params[name],
      anyRecord,
    );
    return { affine: flow.affine ?? [], shape: flow.shape ?? [] };
  };
  const { adversary }: Partial<Matte["params"]> = check("loadMatte", "params", params, anyRecord);
  return {
    ...params,
    content: whole("content"),
    style: whole("style"),
    adversary: adversary ?? [],
  };
}
