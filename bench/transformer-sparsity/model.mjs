// A language model of 134 million random weights with the extents of SmolLM2-135M, made on the spot.
import { toTypedArray } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { modelConfig, randomParameters } from "@provably/transformer-sparsity/griffin";
import { encodeGguf } from "./gguf.mjs";

export const extents = {
  layers: 30,
  hidden: 576,
  ff: 1536,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  vocab: 49152,
};

export const config = modelConfig({
  model_type: "llama",
  vocab_size: extents.vocab,
  hidden_size: extents.hidden,
  intermediate_size: extents.ff,
  num_hidden_layers: extents.layers,
  num_attention_heads: extents.heads,
  num_key_value_heads: extents.kvHeads,
  head_dim: extents.headDim,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
});

let made;
/** The same weights whenever they are asked for. */
export const parameters = () => (made ??= randomParameters(key("benchmark"), config));

/** Tokens of a text that nobody wrote. */
export const someTokens = (count) =>
  Array.from({ length: count }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 0) % extents.vocab);

const NAMES = {
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
  input_layernorm: "attn_norm",
  post_attention_layernorm: "ffn_norm",
};

function rename(name) {
  if (name === "model.embed_tokens.weight") return "token_embd.weight";
  if (name === "model.norm.weight") return "output_norm.weight";
  const [, layer, part] = /^model\.layers\.(\d+)\.(.*)\.weight$/.exec(name);
  return `blk.${layer}.${NAMES[part]}.weight`;
}

/** Rows of queries and keys in the order that rotates neighbours. */
function permuted(name, data, [rows, width]) {
  const heads = name.includes("q_proj")
    ? extents.heads
    : name.includes("k_proj")
      ? extents.kvHeads
      : 0;
  if (heads === 0) return data;
  const half = rows / heads / 2;
  const out = new data.constructor(data.length);
  for (let h = 0; h < heads; h++)
    for (let i = 0; i < half; i++)
      for (const side of [0, 1]) {
        const from = (h * 2 * half + side * half + i) * width;
        out.set(data.subarray(from, from + width), (h * 2 * half + 2 * i + side) * width);
      }
  return out;
}

/** 16-bit floats nearest to the given numbers, all of them small. */
function halves(data) {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  return Uint16Array.from(data, (value, i) => {
    const magnitude = bits[i] & 0x7fffffff;
    const rounded =
      magnitude < 0x38800000
        ? Math.round(Math.abs(value) * 2 ** 24)
        : (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    return ((bits[i] >>> 16) & 0x8000) | rounded;
  });
}

/** The model as a GGUF file, matrices in 32-bit or 16-bit floats. */
export function ggufFile(type) {
  const tensors = Object.entries(parameters()).map(([name, x]) => {
    const data = permuted(name, toTypedArray(x), x.shape);
    const half = type === "f16" && x.shape.length > 1;
    return {
      name: rename(name),
      shape: x.shape,
      type: half ? 1 : 0,
      data: half ? halves(data) : data,
    };
  });
  const byte = (i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`;
  const list = Array.from(
    { length: extents.vocab },
    (_, i) => ["<unk>", "<s>", "</s>"][i] ?? (i < 259 ? byte(i - 3) : `token${i}`),
  );
  const types = Object.assign(
    list.map((_, i) => (i === 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1)),
    { kind: "i32" },
  );
  const real = (value) => ({ f32: value });
  return encodeGguf(
    {
      "general.architecture": "llama",
      "general.name": "random",
      "llama.block_count": extents.layers,
      "llama.context_length": 2048,
      "llama.embedding_length": extents.hidden,
      "llama.feed_forward_length": extents.ff,
      "llama.attention.head_count": extents.heads,
      "llama.attention.head_count_kv": extents.kvHeads,
      "llama.attention.layer_norm_rms_epsilon": real(1e-5),
      "llama.rope.freq_base": real(10000),
      "llama.rope.dimension_count": extents.headDim,
      "llama.vocab_size": extents.vocab,
      "tokenizer.ggml.model": "llama",
      "tokenizer.ggml.tokens": list,
      "tokenizer.ggml.scores": list.map((_, i) => -i),
      "tokenizer.ggml.token_type": types,
      "tokenizer.ggml.bos_token_id": 1,
      "tokenizer.ggml.eos_token_id": 2,
      "tokenizer.ggml.unknown_token_id": 0,
    },
    tensors,
  );
}
