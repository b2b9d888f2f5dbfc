/** Mixtures of experts: Mixtral, Qwen-MoE, OLMoE, GPT-OSS. */
import { FormatError } from "@provably/core-tensor";
import { mustBe } from "../config-fields.js";
import type { MixtureConfig } from "../description.js";
import type { JsonObject } from "../json.js";
import { type ConfigReader, llamaConfig, patternWindows, windowSize } from "./common.js";

/** The number of experts has two names. */
function numExperts(c: JsonObject): number {
  const first = c.has("num_experts") ? c.count("num_experts") : undefined;
  const second = c.has("num_local_experts") ? c.count("num_local_experts") : undefined;
  if (first !== undefined && second !== undefined && first !== second)
    throw new FormatError(
      `modelConfig: num_experts is ${first} and num_local_experts is ${second}; it is not clear which acts`,
    );
  return first ?? second ?? c.count("num_experts");
}

function mixture(
  c: JsonObject,
  numLayers: number,
  given: Partial<MixtureConfig> & Pick<MixtureConfig, "expertSize" | "normalized">,
  perToken?: number,
): MixtureConfig {
  // shares of the loss and noise of training
  for (const name of ["output_router_logits", "router_aux_loss_coef", "router_jitter_noise"])
    c.value(name);
  return {
    layers: new Array<boolean>(numLayers).fill(true),
    numExperts: numExperts(c),
    perToken: c.count("num_experts_per_tok", perToken === undefined ? {} : { fallback: perToken }),
    sharedSize: 0,
    routerBias: false,
    ...given,
  };
}

export const mixtral: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, {
    epsilon: ["rms_norm_eps", 1e-5],
    rope: { defaultBase: 1e6 },
  });
  const { numLayers, ffSize } = config;
  mustBe(c, "attention_bias", false);
  const size = windowSize(c, null);
  return {
    ...config,
    slidingWindows: config.slidingWindows.map(() => size),
    mixture: mixture(c, numLayers, { expertSize: ffSize, normalized: true }, 2),
  };
};

/** Dense layers among mixtures: those that `mlp_only_layers` lists, and all but each `decoder_sparse_step`-th. */
function sparseLayers(c: JsonObject, numLayers: number): boolean[] {
  const dense = c.has("mlp_only_layers") ? c.numbers("mlp_only_layers") : [];
  const step = c.count("decoder_sparse_step", { fallback: 1 });
  return Array.from({ length: numLayers }, (_, i) => !dense.includes(i) && (i + 1) % step === 0);
}

export const qwen2Moe: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, { headDim: false });
  const { numLayers } = config;
  const used = c.flag("use_sliding_window", false);
  const first = c.count("max_window_layers", { fallback: 28, min: 0, max: 1_000_000 });
  const size = used ? windowSize(c, 4096) : null;
  if (!used) c.value("sliding_window");
  return {
    ...config,
    slidingWindows: patternWindows(c, numLayers, size, (i) => i % 2 === 0 && i < first),
    biases: { qkv: c.flag("qkv_bias", true), output: false, feedForward: false },
    mixture: mixture(c, numLayers, {
      layers: sparseLayers(c, numLayers),
      expertSize: c.count("moe_intermediate_size"),
      sharedSize: c.count("shared_expert_intermediate_size"),
      normalized: c.flag("norm_topk_prob", false),
    }),
  };
};

export const qwen3Moe: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family);
  const { numLayers } = config;
  const bias = c.flag("attention_bias", false);
  c.value("max_window_layers");
  const used = c.flag("use_sliding_window", false);
  const size = used ? windowSize(c, 4096) : null;
  if (!used) c.value("sliding_window");
  return {
    ...config,
    queryKeyNorm: { scope: "head", shift: false },
    slidingWindows: patternWindows(c, numLayers, size, () => true),
    biases: { qkv: bias, output: bias, feedForward: false },
    mixture: mixture(c, numLayers, {
      layers: sparseLayers(c, numLayers),
      expertSize: c.count("moe_intermediate_size"),
      normalized: c.flag("norm_topk_prob", false),
    }),
  };
};

export const olmoe: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, { headDim: false, epsilon: ["rms_norm_eps", 1e-5] });
  const bias = c.flag("attention_bias", false);
  return {
    ...config,
    queryKeyNorm: { scope: "all", shift: false },
    attention: { ...config.attention, clip: c.has("clip_qkv") ? c.number("clip_qkv") : null },
    biases: { qkv: bias, output: bias, feedForward: false },
    mixture: mixture(c, config.numLayers, {
      expertSize: config.ffSize,
      normalized: c.flag("norm_topk_prob", false),
    }),
  };
};

/** Sinks of attention, biases everywhere, bounded gates, every other layer with a window. */
export const gptOss: ConfigReader = (c, family) => {
  if (!c.has("rope_parameters") && !c.has("rope_scaling"))
    throw new FormatError("modelConfig: a gpt_oss model needs rope_parameters or rope_scaling");
  const config = llamaConfig(c, family, {
    headDim: 64,
    epsilon: ["rms_norm_eps", 1e-5],
    rope: { defaultBase: 150000 },
  });
  const { numLayers, ffSize } = config;
  mustBe(c, "hidden_act", "silu");
  mustBe(c, "swiglu_limit", 7);
  mustBe(c, "experts_per_token", c.count("num_experts_per_tok", { fallback: 4 }));
  c.value("initial_context_length");
  const bias = c.flag("attention_bias", true);
  return {
    ...config,
    activation: "clamped_swiglu",
    slidingWindows: patternWindows(c, numLayers, windowSize(c, 128), (i) => i % 2 === 0),
    attention: { ...config.attention, sinks: true },
    biases: { qkv: bias, output: bias, feedForward: true },
    mixture: mixture(c, numLayers, { expertSize: ffSize, normalized: true, routerBias: true }, 4),
  };
};
