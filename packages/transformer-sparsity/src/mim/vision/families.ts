/** What each family of vision transformers calls its choices, and what it takes for those that a file leaves out. */
import { FormatError } from "@provably/core-tensor";
import { mustBe } from "../../griffin/model/config-fields.js";
import { type Activation, activationNames, isActivation } from "../../griffin/model/activation.js";
import type { JsonObject } from "../../griffin/model/json.js";
import type { VisionConfig, VisionFamily } from "./description.js";

/** Everything that the fields say; names of classes are read elsewhere. */
type Choices = Omit<VisionConfig, "family" | "labels">;
type Reader = (c: JsonObject) => Choices;

/** Classes of models by family: what else is made of the same weights is refused. */
export const CLASSES: Readonly<Record<VisionFamily, readonly string[]>> = {
  vit: ["ViTModel", "ViTForImageClassification"],
  deit: ["DeiTModel", "DeiTForImageClassification", "DeiTForImageClassificationWithTeacher"],
  vit_mae: ["ViTMAEModel", "ViTMAEForPreTraining"],
  dinov2: ["Dinov2Model", "Dinov2ForImageClassification", "Dinov2Backbone"],
  dinov2_with_registers: [
    "Dinov2WithRegistersModel",
    "Dinov2WithRegistersForImageClassification",
    "Dinov2WithRegistersBackbone",
  ],
  dinov3_vit: ["DINOv3ViTModel", "DINOv3ViTBackbone"],
  clip_vision_model: [
    "CLIPModel",
    "CLIPVisionModel",
    "CLIPVisionModelWithProjection",
    "CLIPForImageClassification",
  ],
  siglip_vision_model: ["SiglipModel", "SiglipVisionModel", "SiglipForImageClassification"],
  beit: ["BeitModel", "BeitForImageClassification"],
};

function activationOf(c: JsonObject, name: string, fallback: Activation): Activation {
  const stored = c.text(name, fallback);
  if (!isActivation(stored))
    throw new FormatError(
      `visionConfig: ${name} "${stored.slice(0, 40)}" is not one of ${activationNames.join(", ")}`,
    );
  return stored;
}

/** One number of both axes, or height and width. */
function sizes(c: JsonObject, name: string, fallback: number): [number, number] {
  const limits = { max: 2 ** 14 };
  if (!Array.isArray(c.value(name))) {
    const edge = c.count(name, { fallback, ...limits });
    return [edge, edge];
  }
  const list = c.numbers(name);
  if (list.length !== 2 || !list.every((n) => Number.isInteger(n) && n >= 1 && n <= limits.max))
    throw new FormatError(
      `visionConfig: ${name} must be a whole number, or height and width, got ${JSON.stringify(list).slice(0, 40)}`,
    );
  return [list[0]!, list[1]!];
}

interface Defaults {
  readonly hiddenSize?: number;
  readonly ffSize?: number;
  readonly patchSize?: number;
  readonly numHeads?: number;
  readonly activation?: Activation;
  readonly epsilon: number;
  /** Whether heads may have a width of their own. */
  readonly headDim?: boolean;
  /** How the number of neurons is given; `ratio` as a multiple of the width. */
  readonly neurons?: "count" | "ratio";
}

/** What all families have: class token, a table of positions, biases everywhere, a norm at the end. */
function plain(c: JsonObject, given: Defaults): Choices {
  const layer = { max: 4096 };
  const width = { max: 2 ** 20 };
  const hiddenSize = c.count("hidden_size", { fallback: given.hiddenSize ?? 768, ...width });
  const numHeads = c.count("num_attention_heads", { fallback: given.numHeads ?? 12, ...layer });
  const own = hiddenSize / numHeads;
  const ratio = given.neurons === "ratio";
  return {
    imageSize: sizes(c, "image_size", 224),
    patchSize: sizes(c, "patch_size", given.patchSize ?? 16),
    channels: c.count("num_channels", { fallback: 3, ...layer }),
    hiddenSize,
    numLayers: c.count("num_hidden_layers", { fallback: 12, ...layer }),
    numHeads,
    headDim: given.headDim === true && c.has("head_dim") ? c.count("head_dim", width) : own,
    ffSize: ratio
      ? Math.max(0, Math.trunc(hiddenSize * c.number("mlp_ratio", 4)))
      : c.count("intermediate_size", { fallback: given.ffSize ?? 3072, ...width }),
    activation: activationOf(c, "hidden_act", given.activation ?? "gelu"),
    gated: false,
    epsilon: c.number("layer_norm_eps", given.epsilon),
    specialTokens: { classToken: true, distillation: false, registers: 0 },
    positions: { kind: "table", antialias: false, anySize: false },
    relativeBias: { layers: false, shared: false },
    layerScale: false,
    biases: { patches: true, query: true, key: true, value: true, output: true, feedForward: true },
    embeddingNorm: false,
    finalNorm: true,
    pooling: "class",
    poolerSize: hiddenSize,
    poolerActivation: "tanh",
    classifies: "class",
    projectionSize: null,
    decoder: null,
  };
}

const BERT_LIKE: Defaults = { epsilon: 1e-12, headDim: true };

/** `qkv_bias` of three projections. */
function inputBiases(c: JsonObject, config: Choices): Choices["biases"] {
  const bias = c.flag("qkv_bias", true);
  return { ...config.biases, query: bias, key: bias, value: bias };
}

const vit: Reader = (c) => {
  const config = plain(c, BERT_LIKE);
  return {
    ...config,
    biases: inputBiases(c, config),
    pooling: "dense",
    poolerSize: c.count("pooler_output_size", { fallback: config.hiddenSize, max: 2 ** 20 }),
    poolerActivation:
      c.text("pooler_act", "tanh") === "tanh" ? "tanh" : activationOf(c, "pooler_act", "gelu"),
  };
};

const deit: Reader = (c) => ({
  ...vit(c),
  specialTokens: { classToken: true, distillation: true, registers: 0 },
});

const mae: Reader = (c) => {
  const config = plain(c, BERT_LIKE);
  if (config.patchSize[0] !== config.patchSize[1])
    throw new FormatError("visionConfig: patch_size of vit_mae must be one number");
  const limits = { max: 2 ** 20 };
  return {
    ...config,
    biases: inputBiases(c, config),
    pooling: "none",
    decoder: {
      hiddenSize: c.count("decoder_hidden_size", { fallback: 512, ...limits }),
      numLayers: c.count("decoder_num_hidden_layers", { fallback: 8, max: 4096 }),
      numHeads: c.count("decoder_num_attention_heads", { fallback: 16, max: 4096 }),
      ffSize: c.count("decoder_intermediate_size", { fallback: 2048, ...limits }),
      maskRatio: c.number("mask_ratio", 0.75),
      normalizeTargets: c.flag("norm_pix_loss", false),
    },
  };
};

/** Layer scale, positions of any size, gates if so said. */
function dino(c: JsonObject, patchSize: number, antialias: boolean): Choices {
  const config = plain(c, { epsilon: 1e-6, patchSize, headDim: true, neurons: "ratio" });
  const gated = c.flag("use_swiglu_ffn", false);
  // the number of neurons follows from the ratio
  c.value("intermediate_size");
  const ffSize = gated
    ? Math.floor((Math.trunc((config.ffSize * 2) / 3) + 7) / 8) * 8
    : config.ffSize;
  return {
    ...config,
    gated,
    ffSize,
    ...(gated && { activation: "silu" }),
    layerScale: true,
    positions: { kind: "table", antialias, anySize: true },
    biases: inputBiases(c, config),
    classifies: "classAndMean",
  };
}

const dinov2: Reader = (c) => dino(c, 14, false);

function registers(c: JsonObject, fallback: number): Choices["specialTokens"] {
  const number = c.count("num_register_tokens", { fallback, min: 0, max: 2 ** 16 });
  return { classToken: true, distillation: false, registers: number };
}

const dinov2Registers: Reader = (c) => ({
  ...dino(c, 16, true),
  specialTokens: registers(c, 4),
});

const dinov3: Reader = (c) => {
  const config = plain(c, { epsilon: 1e-5, hiddenSize: 384, ffSize: 1536, numHeads: 6 });
  return {
    ...config,
    gated: c.flag("use_gated_mlp", false),
    specialTokens: registers(c, 0),
    positions: { kind: "rope", base: c.number("rope_theta", 100) },
    layerScale: true,
    biases: {
      patches: true,
      query: c.flag("query_bias", true),
      key: c.flag("key_bias", false),
      value: c.flag("value_bias", true),
      output: c.flag("proj_bias", true),
      feedForward: c.flag("mlp_bias", true),
    },
  };
};

const clip: Reader = (c) => {
  const config = plain(c, { epsilon: 1e-5, patchSize: 32, activation: "quick_gelu" });
  return {
    ...config,
    embeddingNorm: true,
    finalNorm: false,
    biases: { ...config.biases, patches: false },
    pooling: "classNorm",
    classifies: "patchMean",
    projectionSize: c.count("projection_dim", { fallback: 512, max: 2 ** 20 }),
  };
};

const siglip: Reader = (c) => ({
  ...plain(c, { epsilon: 1e-6, activation: "gelu_pytorch_tanh" }),
  specialTokens: { classToken: false, distillation: false, registers: 0 },
  pooling: c.flag("vision_use_head", true) ? "attention" : "none",
  classifies: "mean",
});

const beit: Reader = (c) => {
  const config = plain(c, BERT_LIKE);
  const mean = c.flag("use_mean_pooling", true);
  const table = c.flag("use_absolute_position_embeddings", false);
  mustBe(c, "qkv_bias", true, "visionConfig");
  return {
    ...config,
    positions: table ? { kind: "table", antialias: false, anySize: true } : { kind: "none" },
    relativeBias: {
      layers: c.flag("use_relative_position_bias", false),
      shared: c.flag("use_shared_relative_position_bias", false),
    },
    layerScale: c.number("layer_scale_init_value", 0.1) > 0,
    biases: { ...config.biases, key: false },
    finalNorm: !mean,
    pooling: mean ? "meanNorm" : "class",
    classifies: "pooled",
  };
};

export const READERS: Readonly<Record<VisionFamily, Reader>> = {
  vit,
  deit,
  vit_mae: mae,
  dinov2,
  dinov2_with_registers: dinov2Registers,
  dinov3_vit: dinov3,
  clip_vision_model: clip,
  siglip_vision_model: siglip,
  beit,
};
