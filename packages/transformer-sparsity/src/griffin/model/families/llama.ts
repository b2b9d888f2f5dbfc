/** Llama and its close relatives: one norm before each block, gates, rotated positions. */
import { FormatError } from "@provably/core-tensor";
import { mustBe } from "../config-fields.js";
import type { ModelConfig } from "../description.js";
import type { JsonObject } from "../json.js";
import {
  type ConfigReader,
  agree,
  layerNorms,
  layerTypes,
  llamaConfig,
  patternWindows,
  plainConfig,
  refuseWindows,
  windowSize,
} from "./common.js";
import { ropeConfig } from "../rope-config.js";

/** Biases of both kinds, as Llama's config says them. */
function saidBiases(c: JsonObject): ModelConfig["biases"] {
  const attention = c.flag("attention_bias", false);
  return { qkv: attention, output: attention, feedForward: c.flag("mlp_bias", false) };
}

export const llama: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family);
  refuseWindows(c, config.numLayers);
  return { ...config, biases: saidBiases(c) };
};

/** Every layer has the window. */
export const mistral: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family);
  mustBe(c, "attention_bias", false);
  mustBe(c, "mlp_bias", false);
  mustBe(c, "use_sliding_window", true);
  c.value("max_window_layers");
  const size = windowSize(c, 4096);
  agree(layerTypes(c, config.numLayers), new Array<boolean>(config.numLayers).fill(size !== null));
  return { ...config, slidingWindows: config.slidingWindows.map(() => size) };
};

/** Layers have windows as `layer_types` says. */
export const ministral: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family);
  mustBe(c, "attention_bias", false);
  const size = windowSize(c, 4096);
  return { ...config, slidingWindows: patternWindows(c, config.numLayers, size, () => true) };
};

/** Windows of layers from `max_window_layers` on, or as `layer_types` says. */
export function qwenWindows(c: JsonObject, numLayers: number): (number | null)[] {
  const first = c.count("max_window_layers", { fallback: 28, min: 0, max: 1_000_000 });
  const used = c.flag("use_sliding_window", false);
  const size = windowSize(c, 4096);
  if (!used || size === null) {
    agree(layerTypes(c, numLayers), new Array<boolean>(numLayers).fill(false));
    return new Array<number | null>(numLayers).fill(null);
  }
  return patternWindows(c, numLayers, size, (layer) => layer >= first);
}

export const qwen2: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family);
  mustBe(c, "attention_bias", true);
  mustBe(c, "mlp_bias", false);
  return {
    ...config,
    slidingWindows: qwenWindows(c, config.numLayers),
    biases: { qkv: true, output: false, feedForward: false },
  };
};

export const qwen3: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, { headDim: 128 });
  const bias = c.flag("attention_bias", false);
  mustBe(c, "mlp_bias", false);
  return {
    ...config,
    queryKeyNorm: { scope: "head", shift: false },
    slidingWindows: qwenWindows(c, config.numLayers),
    biases: { qkv: bias, output: bias, feedForward: false },
  };
};

/** One layer in four has no positions. */
export const smollm3: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, { tied: true, rope: { defaultBase: 2e6 } });
  const { numLayers } = config;
  const interval = c.count("no_rope_layer_interval", { fallback: 4 });
  const placed = c.has("no_rope_layers")
    ? c.numbers("no_rope_layers")
    : Array.from({ length: numLayers }, (_, i) => Number((i + 1) % interval !== 0));
  if (placed.length !== numLayers || !placed.every((x) => x === 0 || x === 1))
    throw new FormatError(
      `modelConfig: no_rope_layers must hold ${numLayers} numbers, 1 for layers with positions and 0 for those without`,
    );
  const size = windowSize(c, null);
  const used = c.flag("use_sliding_window", false) && size !== null;
  const narrow = placed.map((x) => used && x === 0);
  if (!used) agree(layerTypes(c, numLayers), narrow);
  return {
    ...config,
    layerPositions: placed.map((x) => (x === 1 ? "main" : "none")),
    slidingWindows: used
      ? patternWindows(c, numLayers, size, (layer) => narrow[layer]!)
      : config.slidingWindows,
    biases: saidBiases(c),
  };
};

/** Factors of embeddings, blocks, scores and logits. */
export const granite: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family);
  refuseWindows(c, config.numLayers);
  return {
    ...config,
    embeddingScale: c.number("embedding_multiplier", 1),
    residualScale: c.number("residual_multiplier", 1),
    logitScale: 1 / c.number("logits_scaling", 1),
    attention: { ...config.attention, scale: c.number("attention_multiplier", 1) },
    biases: saidBiases(c),
  };
};

/** Norms of layers, a quarter of each head rotated. */
export const stablelm: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, {
    headDim: false,
    rope: { defaultShare: 0.25, shareActs: true },
  });
  refuseWindows(c, config.numLayers);
  const norms = c.flag("qk_layernorm", false);
  return {
    ...config,
    norm: layerNorms(c.number("layer_norm_eps", 1e-5)),
    residual: c.flag("use_parallel_residual", false) ? "shared" : "pre",
    queryKeyNorm: norms ? { scope: "heads", shift: false } : null,
    biases: { qkv: c.flag("use_qkv_bias", false), output: false, feedForward: false },
  };
};

/** Norms of layers, no gates, biases everywhere. */
export const starcoder2: ConfigReader = (c, family) => {
  const plain = plainConfig(c, family, {
    activation: ["hidden_act", "gelu_pytorch_tanh"],
    tied: true,
  });
  const size = windowSize(c, null);
  const bias = c.flag("use_bias", true);
  mustBe(c, "mlp_type", "default");
  mustBe(c, "norm_type", "layer_norm");
  return {
    ...plain,
    numKvHeads: c.count("num_key_value_heads", { fallback: 2 }),
    ffSize: c.count("intermediate_size"),
    norm: layerNorms(c.number("norm_epsilon", 1e-5)),
    positions: ropeConfig(c, plain.headDim, plain.maxPositions),
    slidingWindows: plain.slidingWindows.map(() => size),
    biases: { qkv: bias, output: bias, feedForward: bias },
  };
};

/** One norm for attention and feed-forward side by side, biases everywhere, half of each head rotated. */
export const phi: ConfigReader = (c, family) => {
  const plain = plainConfig(c, family, { activation: ["hidden_act", "gelu_new"] });
  return {
    ...plain,
    numKvHeads: c.count("num_key_value_heads", { fallback: plain.numHeads }),
    ffSize: c.count("intermediate_size"),
    residual: "shared",
    norm: layerNorms(c.number("layer_norm_eps", 1e-5)),
    positions: ropeConfig(c, plain.headDim, plain.maxPositions, {
      defaultShare: 0.5,
      shareActs: true,
    }),
    queryKeyNorm: c.flag("qk_layernorm", false) ? { scope: "head", shift: true } : null,
    biases: { qkv: true, output: true, feedForward: true },
    headBias: true,
  };
};

/** Queries, keys and values in one matrix, gates and neurons in another. Every layer has the window. */
export const phi3: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, {
    headDim: false,
    epsilon: ["rms_norm_eps", 1e-5],
    rope: {
      shareActs: true,
      aliases: { su: "longrope", yarn: "longrope" },
      allowed: ["default", "longrope"],
    },
  });
  mustBe(c, "attention_bias", false);
  mustBe(c, "mlp_bias", false);
  const { positions } = config;
  const long = positions.kind === "rope" && positions.scaling.type === "longrope";
  if (long) mustBe(c, "original_max_position_embeddings", positions.scaling.originalLength);
  // without a scaling it changes nothing
  else c.value("original_max_position_embeddings");
  const size = windowSize(c, null);
  return { ...config, slidingWindows: config.slidingWindows.map(() => size) };
};

/** Norms without factors before blocks, and a bound of queries, keys and values. */
export const olmo: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, { headDim: false });
  const bias = c.flag("attention_bias", false);
  return {
    ...config,
    norm: layerNorms(1e-5, { scale: false, shift: false }),
    attention: { ...config.attention, clip: c.has("clip_qkv") ? c.number("clip_qkv") : null },
    biases: { qkv: bias, output: bias, feedForward: false },
  };
};

/** Norms of what blocks add, and of all queries and keys together. OLMo 3 adds windows, whose layers have positions of their own. */
export const olmo2: ConfigReader = (c, family) => {
  const third = family === "olmo3";
  const config = llamaConfig(c, family, {
    headDim: false,
    epsilon: ["rms_norm_eps", 1e-5],
    ...(third && { rope: { defaultBase: 500000, layerType: "full_attention" } }),
  });
  const { numLayers, headDim, maxPositions } = config;
  const bias = c.flag("attention_bias", false);
  const shared = {
    ...config,
    residual: "output" as const,
    queryKeyNorm: { scope: "all" as const, shift: false },
    biases: { qkv: bias, output: bias, feedForward: false },
  };
  if (!third) return shared;
  const slidingWindows = patternWindows(
    c,
    numLayers,
    windowSize(c, 4096),
    (i) => (i + 1) % 4 !== 0,
  );
  const windowPositions = ropeConfig(c, headDim, maxPositions, {
    defaultBase: 500000,
    layerType: "sliding_attention",
  });
  return {
    ...shared,
    slidingWindows,
    windowPositions,
    layerPositions: slidingWindows.map((size) => (size === null ? "main" : "window")),
  };
};
