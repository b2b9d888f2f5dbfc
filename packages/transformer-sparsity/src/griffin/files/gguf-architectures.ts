/** Architectures of GGUF files: what llama.cpp calls their tensors, and what its keys mean in the words of a `config.json`. */
import type { GgufValue } from "./gguf-header.js";

export interface Architecture {
  readonly modelType: string;
  /** Names of the tensors of a layer by their names in the file. */
  readonly layer: Readonly<Record<string, string>>;
  /** Whether queries and keys are stored for rotating neighbours. */
  readonly permuted: boolean;
  /** More fields of the config; `rope` are those of the positions. */
  fields(
    get: (key: string) => GgufValue,
    headDim: number,
    rope: Readonly<Record<string, unknown>>,
  ): Record<string, unknown>;
}

const PRE: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm",
  attn_q: "self_attn.q_proj",
  attn_k: "self_attn.k_proj",
  attn_v: "self_attn.v_proj",
  attn_output: "self_attn.o_proj",
  ffn_norm: "post_attention_layernorm",
  ffn_gate: "mlp.gate_proj",
  ffn_up: "mlp.up_proj",
  ffn_down: "mlp.down_proj",
};
const HEAD_NORMS = { attn_q_norm: "self_attn.q_norm", attn_k_norm: "self_attn.k_norm" };
const SANDWICH = {
  ...PRE,
  post_attention_norm: "post_attention_layernorm",
  ffn_norm: "pre_feedforward_layernorm",
  post_ffw_norm: "post_feedforward_layernorm",
};
/** Norms of what blocks add, and none before them. */
const { attn_norm: _, ffn_norm: __, ...BLOCKS } = PRE;
const OUTPUT = {
  ...BLOCKS,
  post_attention_norm: "post_attention_layernorm",
  post_ffw_norm: "post_feedforward_layernorm",
};

function plain(modelType: string, layer = PRE, permuted = false): Architecture {
  return { modelType, layer, permuted, fields: (_get, _dim, rope) => ({ rope_parameters: rope }) };
}

/** The file does not say by what scores are divided: the width of a head, but in the largest model of each generation. */
function scoreScale(get: (key: string) => GgufValue, headDim: number, largest: number): number {
  return get("block_count") === largest
    ? Number(get("embedding_length")) / Number(get("attention.head_count"))
    : headDim;
}

const gemma2: Architecture = {
  modelType: "gemma2",
  layer: SANDWICH,
  permuted: false,
  fields: (get, headDim, rope) => ({
    rope_parameters: rope,
    hidden_activation: "gelu_pytorch_tanh",
    sliding_window: get("attention.sliding_window"),
    attn_logit_softcapping: get("attn_logit_softcapping") ?? 50,
    final_logit_softcapping: get("final_logit_softcapping") ?? 30,
    query_pre_attn_scalar: scoreScale(get, headDim, 46),
  }),
};

/** Every sixth layer sees everything; the others see a window, and turn their positions by a base of 10,000. */
const gemma3: Architecture = {
  modelType: "gemma3_text",
  layer: { ...SANDWICH, ...HEAD_NORMS },
  permuted: false,
  fields: (get, headDim, { rope_theta: theta, ...scaling }) => ({
    rope_theta: theta,
    rope_local_base_freq: 10000,
    rope_scaling: scaling["rope_type"] === "default" ? null : scaling,
    hidden_activation: "gelu_pytorch_tanh",
    sliding_window: get("attention.sliding_window"),
    sliding_window_pattern: 6,
    query_pre_attn_scalar: scoreScale(get, headDim, 62),
  }),
};

/** By `general.architecture`. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: plain("llama", PRE, true),
  qwen2: plain("qwen2"),
  qwen3: plain("qwen3", { ...PRE, ...HEAD_NORMS }),
  gemma: plain("gemma"),
  gemma2,
  gemma3,
  olmo2: plain("olmo2", { ...OUTPUT, ...HEAD_NORMS }),
};
