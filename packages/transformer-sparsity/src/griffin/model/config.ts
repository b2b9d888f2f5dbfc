/**
 * What distinguishes one decoder-only model from another, read from the `config.json` of a Hugging Face model.
 *
 * Seven families differ in a handful of choices: the norm, where the residual joins, gates, positions, biases. Everything after this file
 * looks at the choices, not at the family's name.
 */
import { DomainError, FormatError } from "@provably/core-tensor";
import {
  anyNumber,
  byKind,
  check,
  listOf,
  nullable,
  oneOf,
  recordOf,
  recordWith,
  satisfying,
  show,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type Activation, activationNames, isActivation } from "./activation.js";
import { type JsonObject, jsonReader } from "./json.js";
import { checkArchitecture, checkFields, mustBe } from "./config-fields.js";
import { type RopeConfig, ropeConfig, ropeGuard } from "./rope.js";

/**
 * Families that can be run, by the `model_type` of their config.
 * @category Models
 */
export type ModelFamily = "llama" | "mistral" | "qwen2" | "gemma" | "gpt2" | "opt" | "gpt_neox";

const FAMILIES: readonly ModelFamily[] = [
  "llama",
  "mistral",
  "qwen2",
  "gemma",
  "gpt2",
  "opt",
  "gpt_neox",
];

/**
 * The choices that make a decoder.
 * @category Models
 */
export interface ModelConfig {
  readonly family: ModelFamily;
  readonly vocabSize: number;
  /** Width $d$ of the residual stream. */
  readonly hiddenSize: number;
  /** Number $D$ of neurons of a feed-forward block. */
  readonly ffSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Heads of keys and values; each serves `numHeads / numKvHeads` heads of queries. */
  readonly numKvHeads: number;
  readonly headDim: number;
  /** Longest sequence that the positions cover. */
  readonly maxPositions: number;
  /** Width of the embeddings; unlike `hiddenSize` only where a projection stands between. */
  readonly embeddingSize: number;
  /** Factor of the embeddings. */
  readonly embeddingScale: number;
  /** `unitOffset`: the stored scale is an offset from 1. */
  readonly norm: {
    readonly kind: "rms" | "layer";
    readonly epsilon: number;
    readonly unitOffset: boolean;
  };
  /** Norm before each block, after each sum, or both blocks side by side. */
  readonly residual: "pre" | "post" | "parallel";
  readonly finalNorm: boolean;
  readonly activation: Activation;
  /** Whether the activation of one projection multiplies another projection. */
  readonly gated: boolean;
  /** Rotated queries and keys, or a table of learned vectors that starts at row `offset`. */
  readonly positions: RopeConfig | { readonly kind: "learned"; readonly offset: number };
  /** How far back each layer sees, in tokens; null for everything. */
  readonly slidingWindows: readonly (number | null)[];
  readonly biases: {
    readonly qkv: boolean;
    readonly output: boolean;
    readonly feedForward: boolean;
  };
  /** Whether the output head is the table of embeddings; also assumed when the file has no head. */
  readonly tied: boolean;
  readonly bosToken: number | null;
  readonly eosTokens: readonly number[];
}

/**
 * The choices of a model, from its `config.json`.
 *
 * Reads old files (`rope_theta`, `rope_scaling`, `torch_dtype`) and new ones (`rope_parameters`, `dtype`). Every field that changes the
 * computation is acted on or refused by name; a field that nobody knows is refused too, unless it is null.
 *
 * @param json - the parsed file
 * @returns see {@link ModelConfig}
 * @throws `FormatError` for a missing or unusable field, one that is not understood, an unknown family, or a mixture of experts
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
  const c = jsonReader("modelConfig", json);
  const family = c.text("model_type");
  if (!FAMILIES.includes(family as ModelFamily))
    throw new FormatError(
      `modelConfig: model_type "${family}" is not one of ${FAMILIES.join(", ")}`,
    );
  for (const name of ["num_local_experts", "num_experts"])
    if (c.has(name))
      throw new FormatError(`modelConfig: ${name}: mixtures of experts are not supported`);
  checkArchitecture(c, family);
  const read =
    { gpt2: gpt2Config, opt: optConfig, gpt_neox: neoxConfig }[family as "gpt2"] ?? llamaConfig;
  const config = read(c, family as ModelFamily);
  checkFields(c, family);
  checkExtents("modelConfig", config);
  return config;
}

/** Fields that all families share; `names` gives theirs. */
function shared(
  c: JsonObject,
  family: ModelFamily,
  names: {
    layers: string;
    heads: string;
    hidden: string;
    positions: string;
    activation: [name: string, fallback: string];
  },
) {
  const numLayers = c.count(names.layers, { max: 1000 });
  const numHeads = c.count(names.heads);
  const hiddenSize = c.count(names.hidden);
  return {
    family,
    vocabSize: c.count("vocab_size"),
    hiddenSize,
    numLayers,
    numHeads,
    numKvHeads: numHeads,
    headDim: hiddenSize / numHeads,
    maxPositions: c.count(names.positions),
    embeddingSize: hiddenSize,
    embeddingScale: 1,
    residual: "pre" as const,
    finalNorm: true,
    gated: false,
    activation: readActivation(c.text(...names.activation)),
    slidingWindows: new Array<number | null>(numLayers).fill(null),
    tied: c.flag(
      "tie_word_embeddings",
      family === "gpt2" || family === "opt" || family === "gemma",
    ),
    bosToken: c.token("bos_token_id"),
    eosTokens: eosTokens(c),
  };
}

/** One number, a list, or nothing. */
function eosTokens(c: JsonObject): number[] {
  const stored = c.value("eos_token_id") ?? [];
  const list: unknown[] = Array.isArray(stored) ? stored : [stored];
  if (!list.every((id) => Number.isInteger(id) && (id as number) >= 0))
    throw new FormatError("modelConfig: eos_token_id must be a token or a list of them");
  return list as number[];
}

function readActivation(name: string): Activation {
  if (!isActivation(name))
    throw new FormatError(
      `modelConfig: activation "${name}" is not one of ${activationNames.join(", ")}`,
    );
  return name;
}

function llamaConfig(c: JsonObject, family: ModelFamily): ModelConfig {
  const gemma = family === "gemma";
  const base = shared(c, family, {
    layers: "num_hidden_layers",
    heads: "num_attention_heads",
    hidden: "hidden_size",
    positions: "max_position_embeddings",
    activation: gemma
      ? ["hidden_activation", c.text("hidden_act", "gelu_pytorch_tanh")]
      : ["hidden_act", "silu"],
  });
  const headDim = c.count("head_dim", { fallback: base.headDim });
  const bias = llamaBiases(c, family);
  const dtype = c.text("dtype", c.text("torch_dtype", "float32"));
  return {
    ...base,
    activation: gemma ? gemmaActivation(c, base.activation) : base.activation,
    headDim,
    numKvHeads: c.count("num_key_value_heads", { fallback: base.numHeads }),
    ffSize: c.count("intermediate_size"),
    gated: true,
    norm: { kind: "rms", epsilon: c.number("rms_norm_eps", 1e-6), unitOffset: gemma },
    embeddingScale: gemma ? storedSquareRoot(base.hiddenSize, dtype) : 1,
    positions: ropeConfig(c, headDim, base.maxPositions, {
      base: "rope_theta",
      share: "partial_rotary_factor",
      defaultShare: 1,
    }),
    slidingWindows: windows(c, family, base.numLayers),
    biases: bias,
  };
}

/** Llama and Gemma say; Mistral has none, Qwen2 has those of queries, keys and values. */
function llamaBiases(c: JsonObject, family: ModelFamily): ModelConfig["biases"] {
  if (family === "qwen2") mustBe(c, "attention_bias", true);
  if (family === "mistral") mustBe(c, "attention_bias", false);
  if (family !== "llama") mustBe(c, "mlp_bias", false);
  const attention = c.flag("attention_bias", false);
  return {
    qkv: family === "qwen2" || attention,
    output: family !== "qwen2" && attention,
    feedForward: c.flag("mlp_bias", false),
  };
}

/** The first files said `gelu` and meant its tanh form; of two fields that mean different things, it is not clear which acts. */
function gemmaActivation(c: JsonObject, activation: Activation): Activation {
  const meant = (name: string): string =>
    ["gelu", "gelu_new"].includes(name) ? "gelu_pytorch_tanh" : name;
  const other = c.text("hidden_act", activation);
  if (meant(other) !== meant(activation) || (activation === "gelu" && c.has("hidden_activation")))
    throw new FormatError(
      `modelConfig: hidden_activation "${activation}" and hidden_act "${other}" of a gemma model: it is not clear which acts`,
    );
  return meant(activation) as Activation;
}

/** √d as Gemma holds it, in the type of its weights. */
function storedSquareRoot(d: number, dtype: string): number {
  const root = Math.sqrt(d);
  const bits = { float64: 53, float32: 24, bfloat16: 8, float16: 11 }[dtype];
  if (bits === undefined)
    throw new FormatError(
      `modelConfig: dtype "${dtype}" of a gemma model is not one of float64, float32, float16, bfloat16`,
    );
  const step = 2 ** (Math.floor(Math.log2(root)) + 1 - bits);
  return bits >= 24 ? Math.fround(root) : Math.round(root / step) * step;
}

/** Mistral: all layers. Qwen2: those that `layer_types`, or the older `max_window_layers`, name. The others have none. */
function windows(c: JsonObject, family: ModelFamily, numLayers: number): (number | null)[] {
  const types = layerTypes(c, numLayers);
  const first = c.count("max_window_layers", { fallback: 28, min: 0, max: 1_000_000 });
  const used = c.flag("use_sliding_window", family === "mistral");
  // what the library of these families takes when the field is left out; null means none
  const size =
    c.value("sliding_window") === undefined
      ? 4096
      : c.has("sliding_window")
        ? c.count("sliding_window")
        : null;
  const seen = (layer: number): number | null => {
    if (family === "mistral") return size;
    if (family === "qwen2") return used && layer >= first ? size : null;
    return null;
  };
  if (family === "mistral") mustBe(c, "use_sliding_window", true);
  else if (family !== "qwen2") {
    mustBe(c, "use_sliding_window", false);
    if (c.has("sliding_window")) mustBe(c, "sliding_window", null);
  }
  return Array.from({ length: numLayers }, (_, layer) => {
    if (types === undefined) return seen(layer);
    const narrow = types[layer] === "sliding_attention";
    if (family === "qwen2" && used && size !== null) return narrow ? size : null;
    if (narrow !== (seen(layer) !== null))
      throw new FormatError(
        `modelConfig: layer_types calls layer ${layer} "${types[layer]!}", the other fields of family ${family} say otherwise`,
      );
    return seen(layer);
  });
}

/** Of each layer, whether it sees everything before it or a window. */
function layerTypes(c: JsonObject, numLayers: number): readonly string[] | undefined {
  if (!c.has("layer_types")) return undefined;
  const types = c.value("layer_types");
  const known = ["full_attention", "sliding_attention"];
  if (
    !Array.isArray(types) ||
    types.length !== numLayers ||
    !types.every((type) => known.includes(type as string))
  )
    throw new FormatError(
      `modelConfig: layer_types must name ${numLayers} layers, each ${known.join(" or ")}, got ${show(types)}`,
    );
  return types as string[];
}

function gpt2Config(c: JsonObject, family: ModelFamily): ModelConfig {
  mustBe(c, "scale_attn_by_inverse_layer_idx", false);
  mustBe(c, "scale_attn_weights", true);
  const base = shared(c, family, {
    layers: "n_layer",
    heads: "n_head",
    hidden: "n_embd",
    positions: c.has("n_positions") ? "n_positions" : "n_ctx",
    activation: ["activation_function", "gelu_new"],
  });
  mustBe(c, "n_ctx", base.maxPositions);
  for (const [name, own] of Object.entries({
    hidden_size: base.hiddenSize,
    num_hidden_layers: base.numLayers,
    num_attention_heads: base.numHeads,
    max_position_embeddings: base.maxPositions,
  }))
    // prettier-ignore
    mustBe(c, name, own);
  return {
    ...base,
    ffSize: c.count("n_inner", { fallback: 4 * base.hiddenSize }),
    norm: { kind: "layer", epsilon: c.number("layer_norm_epsilon", 1e-5), unitOffset: false },
    positions: { kind: "learned", offset: 0 },
    biases: { qkv: true, output: true, feedForward: true },
  };
}

function optConfig(c: JsonObject, family: ModelFamily): ModelConfig {
  const base = shared(c, family, {
    layers: "num_hidden_layers",
    heads: "num_attention_heads",
    hidden: "hidden_size",
    positions: "max_position_embeddings",
    activation: ["activation_function", "relu"],
  });
  mustBe(c, "layer_norm_elementwise_affine", true);
  const before = c.flag("do_layer_norm_before", true);
  const bias = c.flag("enable_bias", true);
  const bare = c.flag("_remove_final_layer_norm", false);
  return {
    ...base,
    ffSize: c.count("ffn_dim"),
    embeddingSize: c.count("word_embed_proj_dim", { fallback: base.hiddenSize }),
    residual: before ? "pre" : "post",
    finalNorm: before && !bare,
    norm: { kind: "layer", epsilon: 1e-5, unitOffset: false },
    positions: { kind: "learned", offset: 2 },
    biases: { qkv: bias, output: bias, feedForward: bias },
  };
}

function neoxConfig(c: JsonObject, family: ModelFamily): ModelConfig {
  const base = shared(c, family, {
    layers: "num_hidden_layers",
    heads: "num_attention_heads",
    hidden: "hidden_size",
    positions: "max_position_embeddings",
    activation: ["hidden_act", "gelu"],
  });
  const bias = c.flag("attention_bias", true);
  return {
    ...base,
    ffSize: c.count("intermediate_size"),
    residual: c.flag("use_parallel_residual", true) ? "parallel" : "pre",
    norm: { kind: "layer", epsilon: c.number("layer_norm_eps", 1e-5), unitOffset: false },
    positions: ropeConfig(c, base.headDim, base.maxPositions, {
      base: "rotary_emb_base",
      share: "rotary_pct",
      defaultShare: 0.25,
    }),
    biases: { qkv: bias, output: bias, feedForward: true },
  };
}

const count = wholeNumber(1);
const sizes = {
  vocabSize: count,
  hiddenSize: count,
  ffSize: count,
  numLayers: count,
  numHeads: count,
  numKvHeads: count,
  headDim: count,
  embeddingSize: count,
  gated: trueOrFalse,
};
const shape = recordOf({
  ...sizes,
  family: oneOf(...FAMILIES),
  maxPositions: count,
  embeddingScale: anyNumber,
  norm: recordOf({ kind: oneOf("rms", "layer"), epsilon: anyNumber, unitOffset: trueOrFalse }),
  residual: oneOf("pre", "post", "parallel"),
  finalNorm: trueOrFalse,
  activation: satisfying(`one of ${activationNames.join(", ")}`, isActivation),
  positions: byKind("kind", {
    rope: ropeGuard,
    learned: recordOf({ kind: oneOf("learned"), offset: wholeNumber(0) }),
  }),
  slidingWindows: listOf(nullable(count)),
  biases: recordOf({ qkv: trueOrFalse, output: trueOrFalse, feedForward: trueOrFalse }),
  tied: trueOrFalse,
  bosToken: nullable(wholeNumber(0)),
  eosTokens: listOf(wholeNumber(0)),
});

/** Whether `config` has the extents that costs depend on. */
export function checkSizes(fn: string, config: ModelConfig): ModelConfig {
  return check(fn, "config", config, recordWith(sizes));
}

/** Whether `config` is complete, of the right types, and of extents that fit together. */
export function checkConfig(fn: string, config: ModelConfig): ModelConfig {
  check(fn, "config", config, shape);
  checkExtents(fn, config);
  return config;
}

function checkExtents(fn: string, config: ModelConfig): void {
  const { numHeads, numKvHeads, headDim, norm, positions } = config;
  const fail = (message: string): never => {
    throw new DomainError(`${fn}: ${message}`);
  };
  if (!Number.isInteger(headDim))
    fail(`hidden_size ${config.hiddenSize} is not a multiple of ${numHeads} heads; give head_dim`);
  if (numHeads % numKvHeads !== 0)
    fail(`${numHeads} heads cannot share ${numKvHeads} heads of keys and values`);
  if (!(norm.epsilon >= 0 && norm.epsilon < 1))
    fail(`the epsilon of norms must be in [0, 1), got ${norm.epsilon}`);
  if (
    positions.kind === "rope" &&
    (positions.rotarySize % 2 !== 0 || positions.rotarySize > headDim || positions.rotarySize < 2)
  )
    fail(`${positions.rotarySize} rotated features do not fit heads of ${headDim}`);
}
