/** Gemma 1, 2 and 3 (text): norms whose stored scale is an offset from 1, embeddings times √d, tanh gates. */
import { FormatError } from "@provably/core-tensor";
import type { Activation } from "../activation.js";
import { mustBe } from "../config-fields.js";
import type { JsonObject } from "../json.js";
import { ropeConfig } from "../rope-config.js";
import {
  type ConfigReader,
  everyNth,
  llamaConfig,
  patternWindows,
  refuseWindows,
  windowSize,
} from "./common.js";

export const gemma: ConfigReader = (c, family) => {
  const first = family === "gemma";
  const third = family === "gemma3_text";
  const config = llamaConfig(c, family, {
    tied: true,
    unitOffset: true,
    headDim: 256,
    activation: first
      ? ["hidden_activation", c.text("hidden_act", "gelu_pytorch_tanh")]
      : ["hidden_activation", "gelu_pytorch_tanh"],
    ...(third && { rope: { defaultBase: 1e6, layerType: "full_attention" } }),
  });
  const { numLayers, headDim, maxPositions } = config;
  mustBe(c, "mlp_bias", false);
  const bias = c.flag("attention_bias", false);
  const shared = {
    ...config,
    embeddingScale: Math.fround(Math.sqrt(config.hiddenSize)),
    biases: { qkv: bias, output: bias, feedForward: false },
  };
  if (first) {
    refuseWindows(c, numLayers);
    return { ...shared, activation: gemmaActivation(c, config.activation) };
  }
  const pattern = third
    ? everyNth(c, "sliding_window_pattern", 6)
    : (layer: number): boolean => layer % 2 === 0;
  const slidingWindows = patternWindows(c, numLayers, windowSize(c, 4096), pattern);
  const later = {
    ...shared,
    residual: "sandwich" as const,
    slidingWindows,
    attention: {
      ...config.attention,
      scale: 1 / Math.sqrt(c.number("query_pre_attn_scalar", 256)),
      softcap: cap(c, "attn_logit_softcapping", third ? null : 50),
    },
    logitSoftcap: cap(c, "final_logit_softcapping", third ? null : 30),
  };
  if (!third) return later;
  const windowPositions = ropeConfig(c, headDim, maxPositions, {
    base: "rope_local_base_freq",
    scaled: false,
    layerType: "sliding_attention",
  });
  return {
    ...later,
    queryKeyNorm: { scope: "head", shift: false },
    windowPositions,
    layerPositions: slidingWindows.map((size) => (size === null ? "main" : "window")),
  };
};

/** A cap that may be null; absent means the library's default. */
function cap(c: JsonObject, name: string, fallback: number | null): number | null {
  if (c.value(name) === undefined) return fallback;
  return c.has(name) ? c.number(name) : null;
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
