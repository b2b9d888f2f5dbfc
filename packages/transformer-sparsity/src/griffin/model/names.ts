/** What each family calls its tensors, and how it lays them out. */
import type { ModelConfig, ModelFamily } from "./description.js";

/** Names of the tensors of a family, without `.weight` and `.bias`. */
export interface TensorNames {
  /** What stands before the names; files may leave it out. */
  readonly roots: readonly string[];
  readonly embedding: string;
  readonly embeddingNorm?: string;
  readonly positions?: string;
  readonly finalNorm: string;
  readonly head: string;
  readonly layers: string;
  readonly attentionNorm: string;
  readonly feedForwardNorm?: string;
  /** Norms of what blocks add, where there are norms before them too. */
  readonly attentionOutputNorm?: string;
  readonly feedForwardOutputNorm?: string;
  /** One name for each of queries, keys and values, or one for all three. */
  readonly qkv: readonly string[];
  /** How one matrix holds all three: one after another, or for each group of heads those of its queries, its key and its value. */
  readonly fused?: "stacked" | "grouped";
  readonly queryNorm?: string;
  readonly keyNorm?: string;
  readonly sinks?: string;
  readonly output: string;
  readonly gate?: string;
  /** Gates and neurons in one matrix, gates first. */
  readonly gateAndUp?: string;
  readonly up: string;
  readonly down: string;
  readonly mixture?: MixtureNames;
  /** Whether matrices are stored as `[in, out]`. */
  readonly flipped?: boolean;
}

export interface MixtureNames {
  readonly router: string;
  /** Matrices of expert i are `${experts}.${i}.${gate}` and so on; or all experts in one tensor each, gates and neurons by turns. */
  readonly experts: string;
  readonly together?: boolean;
  readonly gate: string;
  readonly up: string;
  readonly down: string;
  readonly shared?: string;
  readonly sharedGate?: string;
}

const SEPARATE = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];

/** The root of a language model, and those of one inside a model that sees, too. */
const ROOTS = ["model.", "language_model.model.", "model.language_model.", "language_model."];

const LLAMA: TensorNames = {
  roots: ROOTS,
  embedding: "embed_tokens",
  finalNorm: "norm",
  head: "lm_head",
  layers: "layers",
  attentionNorm: "input_layernorm",
  feedForwardNorm: "post_attention_layernorm",
  qkv: SEPARATE,
  output: "self_attn.o_proj",
  gate: "mlp.gate_proj",
  up: "mlp.up_proj",
  down: "mlp.down_proj",
  queryNorm: "self_attn.q_norm",
  keyNorm: "self_attn.k_norm",
};

/** Norms of what blocks add, and none before them. */
const OLMO2: TensorNames = {
  ...LLAMA,
  attentionNorm: "post_attention_layernorm",
  feedForwardNorm: "post_feedforward_layernorm",
};
const GEMMA2: TensorNames = {
  ...LLAMA,
  feedForwardNorm: "pre_feedforward_layernorm",
  attentionOutputNorm: "post_attention_layernorm",
  feedForwardOutputNorm: "post_feedforward_layernorm",
};
const FUSED_GATES = { gateAndUp: "mlp.gate_up_proj" };
const PER_HEAD = { queryNorm: "self_attn.q_layernorm", keyNorm: "self_attn.k_layernorm" };
const EXPERTS: MixtureNames = {
  router: "mlp.gate",
  experts: "mlp.experts",
  gate: "gate_proj",
  up: "up_proj",
  down: "down_proj",
};
/** The wide matrices of a block, as first named by Megatron. */
const MEGATRON = { up: "mlp.dense_h_to_4h", down: "mlp.dense_4h_to_h" };

const NAMES: Readonly<Record<ModelFamily, TensorNames>> = {
  llama: LLAMA,
  mistral: LLAMA,
  ministral: LLAMA,
  qwen2: LLAMA,
  qwen3: LLAMA,
  gemma: LLAMA,
  gemma2: GEMMA2,
  gemma3_text: GEMMA2,
  phi: {
    ...LLAMA,
    ...PER_HEAD,
    finalNorm: "final_layernorm",
    output: "self_attn.dense",
    up: "mlp.fc1",
    down: "mlp.fc2",
  },
  phi3: { ...LLAMA, ...FUSED_GATES, qkv: ["self_attn.qkv_proj"], fused: "stacked" },
  smollm3: LLAMA,
  olmo: LLAMA,
  olmo2: OLMO2,
  olmo3: OLMO2,
  granite: LLAMA,
  stablelm: { ...LLAMA, ...PER_HEAD },
  starcoder2: { ...LLAMA, up: "mlp.c_fc", down: "mlp.c_proj" },
  cohere: LLAMA,
  cohere2: LLAMA,
  exaone4: OLMO2,
  glm: { ...LLAMA, ...FUSED_GATES },
  glm4: {
    ...LLAMA,
    ...FUSED_GATES,
    attentionOutputNorm: "post_self_attn_layernorm",
    feedForwardOutputNorm: "post_mlp_layernorm",
  },
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
    fused: "stacked",
    output: "attn.c_proj",
    up: "mlp.c_fc",
    down: "mlp.c_proj",
    flipped: true,
  },
  gptj: {
    roots: ["transformer."],
    embedding: "wte",
    finalNorm: "ln_f",
    head: "lm_head",
    layers: "h",
    attentionNorm: "ln_1",
    qkv: ["attn.q_proj", "attn.k_proj", "attn.v_proj"],
    output: "attn.out_proj",
    up: "mlp.fc_in",
    down: "mlp.fc_out",
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
    qkv: SEPARATE,
    output: "self_attn.out_proj",
    up: "fc1",
    down: "fc2",
  },
  gpt_neox: {
    ...MEGATRON,
    roots: ["gpt_neox."],
    embedding: "embed_in",
    finalNorm: "final_layer_norm",
    head: "embed_out",
    layers: "layers",
    attentionNorm: "input_layernorm",
    feedForwardNorm: "post_attention_layernorm",
    qkv: ["attention.query_key_value"],
    fused: "grouped",
    output: "attention.dense",
  },
  falcon: {
    ...MEGATRON,
    roots: ["transformer."],
    embedding: "word_embeddings",
    finalNorm: "ln_f",
    head: "lm_head",
    layers: "h",
    attentionNorm: "input_layernorm",
    feedForwardNorm: "post_attention_layernorm",
    qkv: ["self_attention.query_key_value"],
    fused: "grouped",
    output: "self_attention.dense",
  },
  bloom: {
    ...MEGATRON,
    roots: ["transformer."],
    embedding: "word_embeddings",
    embeddingNorm: "word_embeddings_layernorm",
    finalNorm: "ln_f",
    head: "lm_head",
    layers: "h",
    attentionNorm: "input_layernorm",
    feedForwardNorm: "post_attention_layernorm",
    qkv: ["self_attention.query_key_value"],
    fused: "grouped",
    output: "self_attention.dense",
  },
  mpt: {
    roots: ["transformer."],
    embedding: "wte",
    finalNorm: "norm_f",
    head: "lm_head",
    layers: "blocks",
    attentionNorm: "norm_1",
    feedForwardNorm: "norm_2",
    qkv: ["attn.Wqkv"],
    fused: "stacked",
    output: "attn.out_proj",
    up: "ffn.up_proj",
    down: "ffn.down_proj",
  },
  mixtral: {
    ...LLAMA,
    mixture: {
      router: "block_sparse_moe.gate",
      experts: "block_sparse_moe.experts",
      gate: "w1",
      up: "w3",
      down: "w2",
    },
  },
  qwen2_moe: {
    ...LLAMA,
    mixture: { ...EXPERTS, shared: "mlp.shared_expert", sharedGate: "mlp.shared_expert_gate" },
  },
  qwen3_moe: { ...LLAMA, mixture: EXPERTS },
  olmoe: { ...LLAMA, mixture: EXPERTS },
  gpt_oss: {
    ...LLAMA,
    sinks: "self_attn.sinks",
    mixture: { ...EXPERTS, router: "mlp.router", together: true },
  },
};

/** The names of a model's tensors. */
export function tensorNames({ family, residual }: ModelConfig): TensorNames {
  const names = NAMES[family];
  // two norms side by side have other names in Falcon
  return family === "falcon" && residual === "parallel"
    ? { ...names, attentionNorm: "ln_attn", feedForwardNorm: "ln_mlp" }
    : names;
}
