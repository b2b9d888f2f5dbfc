/** The tensors of a model: found by name, checked, put together, or found to be of no use. */
import { type NdArray, FormatError, ShapeError } from "@provably/core-tensor";
import { check, tensor } from "@provably/core-tensor/internal";
import type { ModelConfig } from "./description.js";
import {
  type LayerParameters,
  type OuterParameters,
  type Source,
  readLayer,
  readOuter,
} from "./layout.js";
import { tensorNames } from "./names.js";

export type {
  LayerParameters,
  Linear,
  MixtureParameters,
  Norm,
  OuterParameters,
} from "./layout.js";

/**
 * Tensors by their published names.
 * @category Models
 */
export type Parameters = Readonly<Record<string, NdArray>>;

/** The layer that a tensor belongs to, or −1 for those outside the layers. */
export function layerOfTensor(config: ModelConfig, name: string): number {
  const { roots, layers } = tensorNames(config);
  for (const root of [...roots, ""]) {
    const prefix = `${root}${layers}.`;
    if (!name.startsWith(prefix)) continue;
    const number = /^\d+(?=\.)/.exec(name.slice(prefix.length));
    if (number) return Number(number[0]);
  }
  return -1;
}

function find(params: Parameters, config: ModelConfig, name: string): NdArray | undefined {
  for (const root of [...tensorNames(config).roots, ""])
    if (Object.hasOwn(params, root + name)) return params[root + name];
  return undefined;
}

function need(
  params: Parameters,
  config: ModelConfig,
  name: string,
  shape: readonly number[],
): NdArray {
  const x = find(params, config, name);
  if (x === undefined)
    throw new FormatError(`parameters: there is no tensor "${name}" (${config.family})`);
  check("parameters", `"${name}"`, x, tensor);
  if (x.dtype !== "float32" && x.dtype !== "float64")
    throw new FormatError(
      `parameters: "${name}" holds ${x.dtype}, expected float32 or float64; whole numbers are weights only after they are decoded with their scales, as loadModel does`,
    );
  if (x.shape.length !== shape.length || x.shape.some((extent, i) => extent !== shape[i]))
    throw new ShapeError(
      `parameters: "${name}" must have shape [${shape.join(", ")}] by the config, got [${x.shape.join(", ")}]`,
    );
  return x;
}

/** Tensors of a record, checked. */
function recordSource(params: Parameters, config: ModelConfig): Source<NdArray> {
  return {
    tensor: (name, shape) => need(params, config, name, shape),
    has: (name) => find(params, config, name) !== undefined,
    map: (x, change) => change(x),
    join: (parts, change) => change(parts),
  };
}

/** Writes down the shapes that are asked for. */
function shapeSource(config: ModelConfig, shapes: Record<string, readonly number[]>): Source<null> {
  const [root] = tensorNames(config).roots as [string];
  const { head } = tensorNames(config);
  return {
    tensor(name, shape) {
      shapes[name.startsWith(`${head}.`) ? name : root + name] = shape;
      return null;
    },
    // without a tie there is a head of its own
    has: (name) => name === `${head}.weight` && !config.tied,
    map: (x) => x,
    join: () => null,
  };
}

/** The tensors of one layer. */
export function layerParameters(
  params: Parameters,
  config: ModelConfig,
  layer: number,
): LayerParameters {
  return readLayer(recordSource(params, config), config, layer);
}

/** The tensors outside the layers. */
export function outerParameters(params: Parameters, config: ModelConfig): OuterParameters {
  return readOuter(recordSource(params, config), config);
}

/** Every tensor of a model by its published name, with its shape as stored. */
export function tensorShapes(config: ModelConfig): Record<string, readonly number[]> {
  const shapes: Record<string, readonly number[]> = {};
  const source = shapeSource(config, shapes);
  readOuter(source, config);
  for (let i = 0; i < config.numLayers; i++) readLayer(source, config, i);
  return shapes;
}

/** Whether there is a tensor of the output head. */
export function hasHead(config: ModelConfig, names: readonly string[]): boolean {
  const { roots, head } = tensorNames(config);
  return ["", ...roots].some((root) => names.includes(`${root}${head}.weight`));
}

/** Tables that some files carry and the model computes: rotary frequencies, causal masks, a version. */
const TABLES: Readonly<Record<"llama" | "gpt2" | "gptj" | "gpt_neox" | "opt", RegExp>> = {
  llama: /(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$/,
  gpt2: /(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/,
  gptj: /(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/,
  gpt_neox: /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/,
  opt: /(^|\.)decoder\.version$/,
};

/** Parts beside the language model of one that sees, too: no text goes through them. */
const SEEING = /^(model\.)?(vision_tower|vision_model|multi_modal_projector|image_newline)\b/;

/** Whether a tensor is of the part that sees images. */
export function ofImages(name: string): boolean {
  return SEEING.test(name);
}

/** Names of tensors that no part of the model reads; an output head beside tied embeddings is not among them. */
export function unusedTensors(config: ModelConfig, names: readonly string[]): string[] {
  const { roots, head } = tensorNames(config);
  const known = new Set([...Object.keys(tensorShapes(config)), `${head}.weight`]);
  const tables = TABLES[config.family as "gpt2"] ?? TABLES.llama;
  const longestFirst = [...roots].sort((a, b) => b.length - a.length);
  const sees = names.some((name) => /^(model\.)?language_model\./.test(name));
  const seen = new Map<string, string>();
  return names.filter((name) => {
    const full = fullName(name, known, roots[0]!, longestFirst);
    if (!known.has(full)) return !tables.test(name) && !(sees && ofImages(name));
    const twin = seen.get(full);
    if (twin !== undefined)
      throw new FormatError(`parameters: "${twin}" and "${name}" are the same tensor of the model`);
    seen.set(full, name);
    return false;
  });
}

/** The name with the first of the family's roots, whatever root the file gives it. */
function fullName(
  name: string,
  known: ReadonlySet<string>,
  first: string,
  roots: readonly string[],
): string {
  const root = roots.find((start) => name.startsWith(start));
  if (root === undefined) return known.has(name) ? name : first + name;
  const bare = name.slice(root.length);
  return known.has(bare) ? bare : first + bare;
}

/** Refuses tensors that no part of the model reads: what they are for is not understood. */
export function refuseUnused(fn: string, config: ModelConfig, unused: readonly string[]): void {
  const [first, ...more] = unused;
  if (first === undefined) return;
  const rest = more.length === 0 ? "" : `, nor ${more.length} others such as "${more[0]!}"`;
  throw new FormatError(
    `${fn}: tensor "${first}" is not used by a model of family ${config.family} with this config${rest}; what is not understood is not left out`,
  );
}
