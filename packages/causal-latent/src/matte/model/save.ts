/** Models and training states as bytes, in the `.safetensors` format: weights by their path, the configuration as text. */
import { FormatError, type NdArray, isNdArray } from "@provably/core-tensor";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import type { MatteConfig } from "./config.js";
import type { Matte } from "./params.js";
import type { MatteState } from "./train.js";

/** Every array of a tree under the path that leads to it, joined by dots. */
function flatten(tree: unknown, path: string, into: Record<string, NdArray>): void {
  if (isNdArray(tree)) into[path] = tree;
  else if (typeof tree === "object" && tree !== null)
    for (const [name, child] of Object.entries(tree)) flatten(child, path === "" ? name : `${path}.${name}`, into);
}

/** The tree that {@link flatten} took apart; levels whose names are 0, 1, … become lists. */
function unflatten(tensors: Readonly<Record<string, NdArray>>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [path, x] of Object.entries(tensors)) {
    const names = path.split(".");
    let node = root;
    for (const name of names.slice(0, -1)) node = (node[name] ??= {}) as Record<string, unknown>;
    node[names.at(-1)!] = x;
  }
  const lists = (node: unknown): unknown => {
    if (isNdArray(node) || typeof node !== "object" || node === null) return node;
    const entries = Object.entries(node).map(([name, child]) => [name, lists(child)] as const);
    return entries.every(([name], i) => name === String(i)) ? entries.map(([, child]) => child) : Object.fromEntries(entries);
  };
  return lists(root) as Record<string, unknown>;
}

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
export function saveMatte(
  { config, params }: Matte,
  options: { readonly state?: MatteState; readonly metadata?: Readonly<Record<string, string>> } = {},
): Uint8Array {
  const { state, metadata } = options;
  const tensors: Record<string, NdArray> = {};
  flatten(params, "params", tensors);
  if (state !== undefined) flatten(state.optimizer, "optimizer", tensors); // its step count too, where that is an array
  const kept = { config: JSON.stringify(config), ...(state === undefined ? {} : { step: String(state.step) }) };
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
  const { tensors, metadata } = decodeSafetensors(bytes);
  const { config: text, step, ...rest } = metadata;
  if (text === undefined) throw new FormatError("loadMatte: bytes must come from saveMatte, got a file without a configuration");
  const tree = unflatten(tensors) as { params?: Matte["params"]; optimizer?: { step?: NdArray; mean: unknown; square: unknown } };
  const config = JSON.parse(text) as MatteConfig;
  if (tree.params === undefined) throw new FormatError("loadMatte: bytes must come from saveMatte, got a file without weights");
  // an affine flow has no shape network, and an empty list leaves no trace in the file
  const whole = (flow: Matte["params"]["content"]): Matte["params"]["content"] => ({ affine: flow.affine, shape: flow.shape ?? [] });
  const fill = (params: Matte["params"]): Matte["params"] => ({
    ...params,
    content: whole(params.content),
    style: whole(params.style),
    adversary: params.adversary ?? [],
  });
  const model = { config, params: fill(tree.params) };
  if (step === undefined || tree.optimizer === undefined) return { model, metadata: rest };
  const { mean, square, step: count = Number(step) } = tree.optimizer;
  const optimizer = { step: count, mean: fill(mean as Matte["params"]), square: fill(square as Matte["params"]) } as MatteState["optimizer"];
  return { model, state: { step: Number(step), params: model.params, optimizer }, metadata: rest };
}
