/** Models in one GGUF file, versions 2 and 3: key-value pairs, a table of tensors, then their blocks. */
import { type NdArray, FormatError, array, reshape, transpose } from "@provably/core-tensor";
import { type ModelConfig, modelConfig } from "../model/config.js";
import type { ModelFiles } from "./source.js";
import type { TensorStore } from "./tensors.js";
import { type GgufTensor, type GgufValue, parseGguf } from "./gguf-header.js";
import { GGUF_TYPES } from "./gguf-blocks.js";

/** Bytes of a file that are read at first; headers with large vocabularies need more. */
const FIRST_READ = 1 << 20;

/** Tensors of GGUF under the names that the Hugging Face layout gives them. */
const OUTER: Readonly<Record<string, string>> = {
  "token_embd.weight": "model.embed_tokens.weight",
  "output_norm.weight": "model.norm.weight",
  "output.weight": "lm_head.weight",
};
const LAYER: Readonly<Record<string, string>> = {
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

/** The choices of the model in a GGUF file, and its tensors under their Hugging Face names. */
export async function openGguf(
  files: ModelFiles,
  name: string,
): Promise<{ config: ModelConfig; tensors: TensorStore }> {
  const size = await files.size(name);
  if (size === undefined) throw new FormatError(`loadModel: there is no file ${name}`);
  const header = await readHeader(files, name, size);
  const config = ggufConfig(header.values, header.tensors);
  const place = new Map<string, GgufTensor>();
  for (const tensor of header.tensors) {
    const renamed = rename(tensor.name);
    if (renamed !== undefined) place.set(renamed, tensor);
  }
  return {
    config,
    tensors: {
      names: [...place.keys()],
      async read(renamed) {
        const { shape, type, range } = place.get(renamed)!;
        const data = GGUF_TYPES[type]!.read(await files.read(name, ...range));
        const stored = array(data, { shape, copy: false });
        return header.values.get("general.architecture") === "llama"
          ? unpermute(renamed, stored, config)
          : stored;
      },
    },
  };
}

async function readHeader(
  files: ModelFiles,
  name: string,
  size: number,
): Promise<ReturnType<typeof parseGguf> & object> {
  for (let count = FIRST_READ; ; count *= 4) {
    const header = parseGguf(await files.read(name, 0, Math.min(count, size)), size);
    if (header) return header;
  }
}

function rename(name: string): string | undefined {
  if (Object.hasOwn(OUTER, name)) return OUTER[name];
  const [, layer, part, kind] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  return part !== undefined && Object.hasOwn(LAYER, part)
    ? `model.layers.${layer}.${LAYER[part]}.${kind}`
    : undefined;
}

/** Queries and keys of `llama` are stored for rotating neighbours; here halves are rotated. */
function unpermute(name: string, stored: NdArray, config: ModelConfig): NdArray {
  const heads = name.includes("q_proj")
    ? config.numHeads
    : name.includes("k_proj")
      ? config.numKvHeads
      : undefined;
  if (heads === undefined || stored.shape[0]! % (2 * heads) !== 0) return stored;
  const rest = stored.shape.slice(1);
  const pairs = reshape(stored, [heads, stored.shape[0]! / heads / 2, 2, ...rest]);
  return reshape(transpose(pairs, [0, 2, 1, ...rest.map((_, i) => i + 3)]), stored.shape);
}

/** The key-value pairs as a config of the Hugging Face layout. */
function ggufConfig(
  values: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufTensor[],
): ModelConfig {
  const architecture = values.get("general.architecture");
  if (architecture !== "llama" && architecture !== "qwen2" && architecture !== "gemma")
    throw new FormatError(
      `loadModel: GGUF architecture ${JSON.stringify(architecture) ?? "(none)"} is not one of llama, qwen2, gemma`,
    );
  if (values.has(`${architecture}.expert_count`))
    throw new FormatError("loadModel: mixtures of experts are not supported");
  const get = (key: string): GgufValue | undefined => values.get(`${architecture}.${key}`);
  const has = (name: string): boolean => tensors.some((tensor) => tensor.name === name);
  const embedding = tensors.find((tensor) => tensor.name === "token_embd.weight");
  const heads = get("attention.head_count");
  const keyLength = get("attention.key_length");
  const scaling = get("rope.scaling.type");
  const config = modelConfig({
    model_type: architecture,
    vocab_size: embedding?.shape[0],
    hidden_size: get("embedding_length"),
    intermediate_size: get("feed_forward_length"),
    num_hidden_layers: get("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: get("attention.head_count_kv") ?? heads,
    ...(keyLength !== undefined && { head_dim: keyLength }),
    rms_norm_eps: get("attention.layer_norm_rms_epsilon"),
    max_position_embeddings: get("context_length"),
    attention_bias: has("blk.0.attn_q.bias"),
    mlp_bias: has("blk.0.ffn_up.bias"),
    tie_word_embeddings: !has("output.weight"),
    bos_token_id: values.get("tokenizer.ggml.bos_token_id"),
    eos_token_id: values.get("tokenizer.ggml.eos_token_id"),
    rope_parameters: {
      rope_theta: get("rope.freq_base") ?? 10000,
      rope_type: scaling === undefined || scaling === "none" ? "default" : scaling,
      factor: get("rope.scaling.factor"),
      original_max_position_embeddings: get("rope.scaling.original_context_length"),
    },
  });
  if (has("rope_freqs.weight"))
    throw new FormatError(
      "loadModel: GGUF files with their own table of rotary factors (rope_freqs) are not supported",
    );
  // norms of gemma are stored with their 1 already added
  return { ...config, norm: { ...config.norm, unitOffset: false } };
}
