/** Families with pairs of neighbouring features rotated, or norms of what blocks add: Command, GLM, EXAONE. */
import { mustBe } from "../config-fields.js";
import {
  type ConfigReader,
  everyNth,
  layerNorms,
  llamaConfig,
  patternWindows,
  refuseWindows,
  windowSize,
} from "./common.js";

/** Both blocks behind one norm of layers without summands; Command R7B has windows, and no positions where there is none. */
export const cohere: ConfigReader = (c, family) => {
  const second = family === "cohere2";
  const config = llamaConfig(c, family, {
    tied: true,
    headDim: false,
    rope: { defaultBase: second ? 10000 : 500000 },
  });
  const { numLayers } = config;
  const bias = c.flag("attention_bias", false);
  const norms = !second && c.flag("use_qk_norm", false);
  const shared = {
    ...config,
    residual: "shared" as const,
    norm: layerNorms(c.number("layer_norm_eps", 1e-5), { shift: false }),
    interleavedRotary: true,
    queryKeyNorm: norms ? { scope: "heads" as const, shift: false } : null,
    biases: { qkv: bias, output: bias, feedForward: false },
    logitScale: c.number("logit_scale", 0.0625),
  };
  mustBe(c, "use_gated_activation", true);
  mustBe(c, "use_parallel_block", true);
  mustBe(c, "use_embedding_sharing", true);
  if (!second) {
    refuseWindows(c, numLayers);
    return shared;
  }
  mustBe(c, "use_parallel_embedding", false);
  mustBe(c, "use_qk_norm", false);
  mustBe(c, "rotary_pct", 1);
  mustBe(c, "position_embedding_type", "rope_gptj");
  mustBe(c, "order_of_interleaved_layers", "local_attn_first");
  mustBe(c, "layer_switch", c.count("sliding_window_pattern", { fallback: 4 }));
  const slidingWindows = patternWindows(
    c,
    numLayers,
    windowSize(c, 4096),
    everyNth(c, "sliding_window_pattern", 4),
  );
  return {
    ...shared,
    slidingWindows,
    layerPositions: slidingWindows.map((size) => (size === null ? "none" : "main")),
  };
};

/** Half of each head rotated by neighbours. GLM-4 0414 normalises what blocks add, too. */
export const glm: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, {
    headDim: 128,
    epsilon: ["rms_norm_eps", 0.00000015625],
    rope: { defaultShare: 0.5 },
  });
  refuseWindows(c, config.numLayers);
  return {
    ...config,
    residual: family === "glm4" ? "sandwich" : "pre",
    interleavedRotary: true,
    biases: { qkv: c.flag("attention_bias", true), output: false, feedForward: false },
  };
};

/** Norms of what blocks add, of queries and of keys; with windows, layers without one have no positions. */
export const exaone4: ConfigReader = (c, family) => {
  const config = llamaConfig(c, family, { epsilon: ["rms_norm_eps", 1e-5] });
  mustBe(c, "attention_bias", false);
  mustBe(c, "mlp_bias", false);
  const size = windowSize(c, 4096);
  const pattern = c.value("sliding_window_pattern");
  const period =
    size === null || typeof pattern === "string"
      ? lettered(typeof pattern === "string" ? pattern : "")
      : everyNth(c, "sliding_window_pattern", 4);
  const slidingWindows = patternWindows(c, config.numLayers, size, period);
  return {
    ...config,
    residual: "output",
    queryKeyNorm: { scope: "head", shift: false },
    slidingWindows,
    layerPositions: slidingWindows.map((own) => (size !== null && own === null ? "none" : "main")),
  };
};

/** A pattern such as `LLLG`. */
function lettered(pattern: string): (layer: number) => boolean {
  return (layer) => pattern[layer % pattern.length] === "L";
}
