/** Families without gates: GPT-2, GPT-J, GPT-NeoX, OPT, Falcon, BLOOM, MPT. */
import { FormatError } from "@provably/core-tensor";
import { mustBe } from "../config-fields.js";
import type { AlibiConfig } from "../description.js";
import { ropeConfig } from "../rope-config.js";
import { type ConfigReader, layerNorms, noBiases, plainConfig } from "./common.js";

const allBiases = { qkv: true, output: true, feedForward: true };

export const gpt2: ConfigReader = (c, family) => {
  mustBe(c, "scale_attn_by_inverse_layer_idx", false);
  mustBe(c, "scale_attn_weights", true);
  const plain = plainConfig(c, family, {
    layers: "n_layer",
    heads: "n_head",
    hidden: "n_embd",
    positions: c.has("n_positions") ? "n_positions" : "n_ctx",
    activation: ["activation_function", "gelu_new"],
    tied: true,
  });
  mustBe(c, "n_ctx", plain.maxPositions);
  const twins = {
    hidden_size: plain.hiddenSize,
    num_hidden_layers: plain.numLayers,
    num_attention_heads: plain.numHeads,
    max_position_embeddings: plain.maxPositions,
  };
  for (const [name, own] of Object.entries(twins)) mustBe(c, name, own);
  return {
    ...plain,
    ffSize: c.count("n_inner", { fallback: 4 * plain.hiddenSize }),
    norm: layerNorms(c.number("layer_norm_epsilon", 1e-5)),
    positions: { kind: "learned", offset: 0 },
    biases: allBiases,
  };
};

/** Both blocks behind one norm, neighbouring features rotated, a bias of the head. */
export const gptj: ConfigReader = (c, family) => {
  mustBe(c, "scale_attn_weights", true);
  mustBe(c, "rotary", true);
  const plain = plainConfig(c, family, {
    layers: "n_layer",
    heads: "n_head",
    hidden: "n_embd",
    positions: "n_positions",
    activation: ["activation_function", "gelu_new"],
  });
  mustBe(c, "n_ctx", plain.maxPositions);
  const rotarySize = c.count("rotary_dim", { fallback: 64 });
  return {
    ...plain,
    ffSize: c.count("n_inner", { fallback: 4 * plain.hiddenSize }),
    residual: "shared",
    norm: layerNorms(c.number("layer_norm_epsilon", 1e-5)),
    positions: { kind: "rope", rotarySize, base: 10000, scaling: { type: "default" } },
    interleavedRotary: true,
    biases: { qkv: false, output: false, feedForward: true },
    headBias: true,
  };
};

export const neox: ConfigReader = (c, family) => {
  const plain = plainConfig(c, family, { activation: ["hidden_act", "gelu"] });
  const bias = c.flag("attention_bias", true);
  return {
    ...plain,
    ffSize: c.count("intermediate_size"),
    residual: c.flag("use_parallel_residual", true) ? "parallel" : "pre",
    norm: layerNorms(c.number("layer_norm_eps", 1e-5)),
    positions: ropeConfig(c, plain.headDim, plain.maxPositions, {
      base: "rotary_emb_base",
      share: "rotary_pct",
      defaultShare: 0.25,
    }),
    biases: { qkv: bias, output: bias, feedForward: true },
  };
};

export const opt: ConfigReader = (c, family) => {
  const plain = plainConfig(c, family, { activation: ["activation_function", "relu"], tied: true });
  const affine = c.flag("layer_norm_elementwise_affine", true);
  const before = c.flag("do_layer_norm_before", true);
  const bias = c.flag("enable_bias", true);
  const bare = c.flag("_remove_final_layer_norm", false);
  return {
    ...plain,
    ffSize: c.count("ffn_dim"),
    embeddingSize: c.count("word_embed_proj_dim", { fallback: plain.hiddenSize }),
    residual: before ? "pre" : "post",
    finalNorm: before && !bare,
    norm: layerNorms(1e-5, { scale: affine, shift: affine }),
    positions: { kind: "learned", offset: 2 },
    biases: { qkv: bias, output: bias, feedForward: bias },
  };
};

/** Three generations: heads of keys and values shared by all, own, or in groups; rotated positions or slopes. */
export const falcon: ConfigReader = (c, family) => {
  const plain = plainConfig(c, family, {
    activation: ["activation", "gelu"],
    tied: true,
    defaultPositions: 2048,
  });
  const grouped = c.flag("new_decoder_architecture", false);
  const single = c.flag("multi_query", true);
  const parallel = c.flag("parallel_attn", true);
  const heads = c.count("num_kv_heads", { fallback: plain.numHeads });
  const norms = c.count("num_ln_in_parallel_attn", { fallback: grouped ? 2 : 1 });
  if (norms > 2 || (norms === 2 && !grouped) || (grouped && !parallel))
    throw new FormatError(
      `modelConfig: num_ln_in_parallel_attn ${norms}, new_decoder_architecture ${String(grouped)} and parallel_attn ${String(parallel)} do not make a model together`,
    );
  if (!grouped && !single) mustBe(c, "num_kv_heads", plain.numHeads);
  const bias = c.flag("bias", false);
  mustBe(c, "apply_residual_connection_post_layernorm", false);
  const alibi = c.flag("alibi", false);
  const rope = ropeConfig(c, plain.headDim, plain.maxPositions);
  return {
    ...plain,
    numKvHeads: grouped ? heads : single ? 1 : plain.numHeads,
    ffSize: c.count("ffn_hidden_size", { fallback: 4 * plain.hiddenSize }),
    residual: parallel ? (norms === 2 ? "parallel" : "shared") : "pre",
    norm: layerNorms(c.number("layer_norm_epsilon", 1e-5)),
    positions: alibi
      ? {
          kind: "alibi",
          slopes: slopes(plain.numHeads),
          rounded: true,
          scale: 1 / Math.sqrt(plain.headDim),
        }
      : rope,
    biases: { qkv: bias, output: bias, feedForward: bias },
  };
};

/** Norm of the embeddings, positions as slopes. */
export const bloom: ConfigReader = (c, family) => {
  const names = {
    layers: c.has("n_layer") ? "n_layer" : "num_hidden_layers",
    heads: c.has("n_head") ? "n_head" : "num_attention_heads",
    hidden: c.has("hidden_size") ? "hidden_size" : "n_embed",
  };
  // slopes have no end
  c.value("seq_length");
  const plain = plainConfig(c, family, {
    ...names,
    positions: "",
    defaultPositions: 2 ** 31 - 1,
    activation: ["", "bloom_gelu"],
    tied: true,
  });
  const { hiddenSize, numLayers, numHeads } = plain;
  for (const [name, own] of [
    ["n_embed", hiddenSize],
    ["num_hidden_layers", numLayers],
    ["num_attention_heads", numHeads],
  ] as const)
    mustBe(c, name, own);
  mustBe(c, "apply_residual_connection_post_layernorm", false);
  mustBe(c, "n_inner", 4 * hiddenSize);
  for (const harmless of [
    "slow_but_exact",
    "skip_bias_add",
    "skip_bias_add_qkv",
    "masked_softmax_fusion",
    "bias_dropout_fusion",
    "attention_softmax_in_fp32",
    "offset_alibi",
    "unk_token_id",
  ])
    c.value(harmless);
  return {
    ...plain,
    ffSize: 4 * hiddenSize,
    embeddingNorm: true,
    norm: layerNorms(c.number("layer_norm_epsilon", 1e-5)),
    positions: { kind: "alibi", slopes: slopes(numHeads), rounded: false, scale: 1 },
    biases: allBiases,
  };
};

/** No biases at all, positions as slopes. */
export const mpt: ConfigReader = (c, family) => {
  const plain = plainConfig(c, family, {
    layers: "n_layers",
    heads: "n_heads",
    hidden: "d_model",
    positions: "max_seq_len",
    defaultPositions: 2048,
    activation: ["", "gelu"],
    tied: true,
  });
  const only: Record<string, unknown> = {
    expansion_ratio: 4,
    logit_scale: null,
    no_bias: true,
    embedding_fraction: 1,
    norm_type: "low_precision_layernorm",
  };
  for (const [name, value] of Object.entries(only)) mustBe(c, name, value);
  for (const harmless of [
    "learned_pos_emb",
    "init_device",
    "init_config",
    "verbose",
    "emb_pdrop",
    "resid_pdrop",
  ])
    c.value(harmless);
  const a = c.object("attn_config");
  // transformers always takes a greatest bias of 8, the model's own code the config's
  const own: Record<string, unknown> = {
    alibi_bias_max: 8,
    attn_type: "multihead_attention",
    prefix_lm: false,
    qk_ln: false,
    alibi: true,
    attn_uses_sequence_id: false,
  };
  for (const [name, value] of Object.entries(own)) if (a) mustBe(a, name, value);
  for (const harmless of ["attn_impl", "attn_pdrop", "model_type"]) a?.value(harmless);
  const bound = a?.has("clip_qkv") ? a.number("clip_qkv") : 0;
  const scale = a?.has("softmax_scale") ? a.number("softmax_scale") : plain.attention.scale;
  const [unread] = a?.unread() ?? [];
  if (unread !== undefined)
    throw new FormatError(`modelConfig: field "${unread}" of attn_config is not understood`);
  return {
    ...plain,
    ffSize: 4 * plain.hiddenSize,
    norm: layerNorms(c.number("layer_norm_epsilon", 1e-5), { shift: false }),
    positions: {
      kind: "alibi",
      slopes: mosaicSlopes(plain.numHeads),
      rounded: false,
      scale: 1,
    },
    attention: { ...plain.attention, scale, clip: bound === 0 ? null : bound },
    biases: noBiases,
  };
};

/** Slopes of Press, Smith and Lewis (2022): powers of one base, and for numbers of heads between powers of two every other power of the next. */
function slopes(heads: number): AlibiConfig["slopes"] {
  const closest = 2 ** Math.floor(Math.log2(heads));
  const powers = (of: number, count: number, step: number): number[] => {
    const base = Math.fround(2 ** -(2 ** -(Math.log2(of) - 3)));
    return Array.from({ length: count }, (_, i) => Math.fround(base ** (1 + step * i)));
  };
  return [...powers(closest, closest, 1), ...powers(2 * closest, heads - closest, 2)];
}

/** Slopes as MPT orders them. */
function mosaicSlopes(heads: number): AlibiConfig["slopes"] {
  const ceiling = 2 ** Math.ceil(Math.log2(heads));
  const all = Array.from({ length: ceiling }, (_, i) => 2 ** ((-8 * (i + 1)) / ceiling));
  if (ceiling === heads) return all;
  return [...all.filter((_, i) => i % 2 === 1), ...all.filter((_, i) => i % 2 === 0)].slice(
    0,
    heads,
  );
}
