/**
 * The tensors of a model under one set of names, whatever its family calls them and however it lays them out.
 *
 * Linear maps come as `[out, in]`. GPT-2 stores the transpose and one matrix for queries, keys and values; GPT-NeoX interleaves those three head by head.
 * Everything is done with array functions, so that derivatives pass through to the stored tensors.
 */
import {
  type NdArray,
  FormatError,
  ShapeError,
  reshape,
  slice,
  transpose,
} from "@provably/core-tensor";
import { check, tensor } from "@provably/core-tensor/internal";
import type { ModelConfig, ModelFamily } from "./config.js";

/**
 * Tensors by their published names.
 * @category Models
 */
export type Parameters = Readonly<Record<string, NdArray>>;

/** $xW^\top + b$. */
export interface Linear {
  /** `[out, in]` */
  readonly weight: NdArray;
  readonly bias?: NdArray;
}
export interface Norm {
  readonly scale: NdArray;
  readonly shift?: NdArray;
}
export interface LayerParameters {
  readonly attentionNorm: Norm;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly feedForwardNorm: Norm;
  readonly gate?: Linear;
  readonly up: Linear;
  readonly down: Linear;
}
export interface OuterParameters {
  /** `[vocab, embedding]` */
  readonly embedding: NdArray;
  /** Learned positions, `[maxPositions + offset, hidden]`. */
  readonly positions?: NdArray;
  readonly projectIn?: NdArray;
  readonly projectOut?: NdArray;
  readonly finalNorm?: Norm;
  /** `[vocab, embedding]`; the table of embeddings when tied. */
  readonly head: NdArray;
  /** An output head in the file although the embeddings are tied: it must be the same table. */
  readonly spareHead?: NdArray;
}

interface Names {
  /** What stands before the names; files may leave it out. */
  readonly roots: readonly string[];
  readonly embedding: string;
  readonly positions?: string;
  readonly finalNorm: string;
  readonly head: string;
  readonly layers: string;
  readonly attentionNorm: string;
  readonly feedForwardNorm: string;
  /** One name for each of queries, keys and values, or one for all three. */
  readonly qkv: readonly string[];
  readonly output: string;
  readonly gate?: string;
  readonly up: string;
  readonly down: string;
}

const LLAMA: Names = {
  roots: ["model."],
  embedding: "embed_tokens",
  finalNorm: "norm",
  head: "lm_head",
  layers: "layers",
  attentionNorm: "input_layernorm",
  feedForwardNorm: "post_attention_layernorm",
  qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  output: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
};

const NAMES: Readonly<Record<ModelFamily, Names>> = {
  llama: LLAMA,
  mistral: LLAMA,
  qwen2: LLAMA,
  gemma: LLAMA,
  gpt2: {
    roots: ["transformer."],
    embedding: "wte",
    positions: "wpe",
    finalNorm: "ln_f",
    head: "lm_head",
    layers: "h",
    attentionNorm: "ln_1",
    feedForwardNorm: "ln_2",
    qkv: ["attn.c_attn"],
    output: "attn.c_proj",
    up: "mlp.c_fc",
    down: "mlp.c_proj",
  },
  opt: {
    roots: ["model.decoder.", "decoder."],
    embedding: "embed_tokens",
    positions: "embed_positions",
    finalNorm: "final_layer_norm",
    head: "lm_head",
    layers: "layers",
    attentionNorm: "self_attn_layer_norm",
    feedForwardNorm: "final_layer_norm",
    qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    output: "self_attn.out_proj",
    up: "fc1",
    down: "fc2",
  },
  gpt_neox: {
    roots: ["gpt_neox."],
    embedding: "embed_in",
    finalNorm: "final_layer_norm",
    head: "embed_out",
    layers: "layers",
    attentionNorm: "input_layernorm",
    feedForwardNorm: "post_attention_layernorm",
    qkv: ["attention.query_key_value"],
    output: "attention.dense",
    up: "mlp.dense_h_to_4h",
    down: "mlp.dense_4h_to_h",
  },
};

/** The layer that a tensor belongs to, or −1 for those outside the layers. */
export function layerOfTensor(config: ModelConfig, name: string): number {
  const { roots, layers } = NAMES[config.family];
  for (const root of [...roots, ""]) {
    const prefix = `${root}${layers}.`;
    if (!name.startsWith(prefix)) continue;
    const number = /^\d+(?=\.)/.exec(name.slice(prefix.length));
    if (number) return Number(number[0]);
  }
  return -1;
}

function find(params: Parameters, config: ModelConfig, name: string): NdArray | undefined {
  for (const root of [...NAMES[config.family].roots, ""])
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

function norm(params: Parameters, config: ModelConfig, name: string): Norm {
  const { hiddenSize: d } = config;
  const scale = need(params, config, `${name}.weight`, [d]);
  return config.norm.kind === "rms"
    ? { scale }
    : { scale, shift: need(params, config, `${name}.bias`, [d]) };
}

/** A linear map `[out, in]`; transposed where the family stores `[in, out]`. */
function linear(
  params: Parameters,
  config: ModelConfig,
  name: string,
  out: number,
  into: number,
  biased: boolean,
): Linear {
  const flipped = config.family === "gpt2";
  const stored = need(params, config, `${name}.weight`, flipped ? [into, out] : [out, into]);
  const weight = flipped ? transpose(stored) : stored;
  return biased ? { weight, bias: need(params, config, `${name}.bias`, [out]) } : { weight };
}

/** Queries, keys and values out of one map: stacked by kind, or, in GPT-NeoX, by head. */
function splitQkv(all: Linear, config: ModelConfig): [Linear, Linear, Linear] {
  const { numHeads, headDim, family } = config;
  const size = numHeads * headDim;
  const part = (x: NdArray, i: number): NdArray => {
    const rest = x.shape.slice(1);
    if (family !== "gpt_neox") return slice(x, [i * size], [(i + 1) * size]);
    return reshape(slice(reshape(x, [numHeads, 3, headDim, ...rest]), [0, i], [null, i + 1]), [
      size,
      ...rest,
    ]);
  };
  const pick = (i: number): Linear => ({
    weight: part(all.weight, i),
    ...(all.bias && { bias: part(all.bias, i) }),
  });
  return [pick(0), pick(1), pick(2)];
}

/** The tensors of one layer. */
export function layerParameters(
  params: Parameters,
  config: ModelConfig,
  layer: number,
): LayerParameters {
  const { hiddenSize: d, ffSize, numHeads, numKvHeads, headDim, biases, gated } = config;
  const names = NAMES[config.family];
  const at = (name: string): string => `${names.layers}.${layer}.${name}`;
  const [q, kv] = [numHeads * headDim, numKvHeads * headDim];
  const [query, key, value] =
    names.qkv.length === 1
      ? splitQkv(linear(params, config, at(names.qkv[0]!), 3 * q, d, biases.qkv), config)
      : (names.qkv.map((name, i) =>
          linear(params, config, at(name), i === 0 ? q : kv, d, biases.qkv),
        ) as [Linear, Linear, Linear]);
  return {
    attentionNorm: norm(params, config, at(names.attentionNorm)),
    query,
    key,
    value,
    output: linear(params, config, at(names.output), d, q, biases.output),
    feedForwardNorm: norm(params, config, at(names.feedForwardNorm)),
    ...(gated && { gate: linear(params, config, at(names.gate!), ffSize, d, biases.feedForward) }),
    up: linear(params, config, at(names.up), ffSize, d, biases.feedForward),
    down: linear(params, config, at(names.down), d, ffSize, biases.feedForward),
  };
}

/** The tensors outside the layers. */
export function outerParameters(params: Parameters, config: ModelConfig): OuterParameters {
  const { vocabSize, hiddenSize: d, embeddingSize: e, positions, maxPositions } = config;
  const names = NAMES[config.family];
  const embedding = need(params, config, `${names.embedding}.weight`, [vocabSize, e]);
  const stored = find(params, config, `${names.head}.weight`) && need(params, config, `${names.head}.weight`, [vocabSize, e]); // prettier-ignore
  return {
    embedding,
    ...(positions.kind === "learned" && {
      positions: need(params, config, `${names.positions!}.weight`, [
        maxPositions + positions.offset,
        d,
      ]),
    }),
    ...(e !== d && {
      projectIn: need(params, config, "project_in.weight", [d, e]),
      projectOut: need(params, config, "project_out.weight", [e, d]),
    }),
    ...(config.finalNorm && { finalNorm: norm(params, config, names.finalNorm) }),
    head: config.tied ? embedding : (stored ?? embedding),
    ...(config.tied && stored && { spareHead: stored }),
  };
}

/** Whether there is a tensor of the output head. */
export function hasHead(config: ModelConfig, names: readonly string[]): boolean {
  const { roots, head } = NAMES[config.family];
  return ["", ...roots].some((root) => names.includes(`${root}${head}.weight`));
}

/** Tables that some files carry and the model computes: rotary frequencies, causal masks, a version. */
const TABLES: Readonly<Record<"llama" | "gpt2" | "gpt_neox" | "opt", RegExp>> = {
  llama: /(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$/,
  gpt2: /(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/,
  gpt_neox: /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/,
  opt: /(^|\.)decoder\.version$/,
};

/** Names of tensors that no part of the model reads; an output head beside tied embeddings is not among them. */
export function unusedTensors(config: ModelConfig, names: readonly string[]): string[] {
  const { roots, head } = NAMES[config.family];
  const known = new Set([...Object.keys(tensorShapes(config)), `${head}.weight`]);
  const tables = TABLES[config.family as "gpt2"] ?? TABLES.llama;
  const seen = new Map<string, string>();
  return names.filter((name) => {
    const root = roots.find((start) => name.startsWith(start));
    const full =
      root !== undefined ? roots[0]! + name.slice(root.length) : known.has(name) ? name : roots[0]! + name; // prettier-ignore
    if (!known.has(full)) return !tables.test(name);
    const twin = seen.get(full);
    if (twin !== undefined)
      throw new FormatError(`parameters: "${twin}" and "${name}" are the same tensor of the model`);
    seen.set(full, name);
    return false;
  });
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

/** Every tensor of a model by its published name, with its shape as stored. */
export function tensorShapes(config: ModelConfig): Record<string, readonly number[]> {
  const shapes: Record<string, readonly number[]> = {};
  const [root] = NAMES[config.family].roots as [string];
  const {
    hiddenSize: d,
    ffSize,
    numHeads,
    numKvHeads,
    headDim,
    biases,
    gated,
    vocabSize,
    embeddingSize: e,
    positions,
    maxPositions,
  } = config;
  const names = NAMES[config.family];
  const map = (name: string, out: number, into: number, biased: boolean): void => {
    shapes[`${root}${name}.weight`] = config.family === "gpt2" ? [into, out] : [out, into];
    if (biased) shapes[`${root}${name}.bias`] = [out];
  };
  const norms = (name: string): void => {
    shapes[`${root}${name}.weight`] = [d];
    if (config.norm.kind === "layer") shapes[`${root}${name}.bias`] = [d];
  };
  shapes[`${root}${names.embedding}.weight`] = [vocabSize, e];
  if (positions.kind === "learned")
    shapes[`${root}${names.positions!}.weight`] = [maxPositions + positions.offset, d];
  if (e !== d) {
    shapes[`${root}project_in.weight`] = [d, e];
    shapes[`${root}project_out.weight`] = [e, d];
  }
  for (let i = 0; i < config.numLayers; i++) {
    const at = (name: string): string => `${names.layers}.${i}.${name}`;
    const [q, kv] = [numHeads * headDim, numKvHeads * headDim];
    norms(at(names.attentionNorm));
    if (names.qkv.length === 1) map(at(names.qkv[0]!), 3 * q, d, biases.qkv);
    else names.qkv.forEach((name, j) => map(at(name), j === 0 ? q : kv, d, biases.qkv));
    map(at(names.output), d, q, biases.output);
    norms(at(names.feedForwardNorm));
    if (gated) map(at(names.gate!), ffSize, d, biases.feedForward);
    map(at(names.up), ffSize, d, biases.feedForward);
    map(at(names.down), d, ffSize, biases.feedForward);
  }
  if (config.finalNorm) norms(names.finalNorm);
  if (!config.tied) shapes[`${names.head}.weight`] = [vocabSize, e];
  return shapes;
}
