/** The choices of a model, from the key-value pairs of its GGUF file. */
import { FormatError } from "@provably/core-tensor";
import { type ModelConfig, modelConfig } from "../model/config.js";
import { type Architecture, ARCHITECTURES } from "./gguf-architectures.js";
import type { GgufTensor, GgufValue } from "./gguf-header.js";

/** What the angles of each pair of features are divided by. */
export const FACTORS = "rope_freqs.weight";

/** Keys below the architecture's name that change no logit. */
const HARMLESS = new Set([
  "vocab_size",
  "rope.scaling.finetuned",
  "pooling_type",
  "logit_scale_type",
]);

/** Keys of other parts of the file, which the model does not depend on. */
const OTHERS = /^(general|tokenizer|quantize|imatrix|mradermacher)\./;

/** The architecture of a file, and its name. */
export function architectureOf(
  values: ReadonlyMap<string, GgufValue>,
): [name: string, architecture: Architecture] {
  const name = values.get("general.architecture");
  if (typeof name !== "string" || !Object.hasOwn(ARCHITECTURES, name))
    throw new FormatError(
      `loadModel: GGUF architecture ${JSON.stringify(name) ?? "(none)"} is not one of ${Object.keys(ARCHITECTURES).join(", ")}`,
    );
  return [name, ARCHITECTURES[name]!];
}

/** The key-value pairs as a config of the Hugging Face layout. */
export function ggufConfig(
  values: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufTensor[],
  factors: readonly number[] | undefined,
): ModelConfig {
  const [architecture, { modelType, fields }] = architectureOf(values);
  const read = new Set<string>();
  const get = (key: string): GgufValue => {
    read.add(key);
    return values.get(`${architecture}.${key}`);
  };
  const refuse = (key: string, why: string): never => {
    throw new FormatError(
      `loadModel: GGUF key "${key}" (${JSON.stringify(values.get(key))?.slice(0, 60)}) ${why}`,
    );
  };
  /** The key must be absent or one of these. */
  const only = (key: string, ...allowed: readonly GgufValue[]): void => {
    const value = get(key);
    if (value !== undefined && !allowed.includes(value))
      refuse(`${architecture}.${key}`, `is not supported, only ${allowed.map(String).join(", ")}`);
  };
  const has = (name: string): boolean => tensors.some((tensor) => tensor.name === name);
  const embedding = tensors.find((tensor) => tensor.name === "token_embd.weight");
  const heads = get("attention.head_count");
  const keyLength = get("attention.key_length");
  const headDim = keyLength ?? Number(get("embedding_length")) / Number(heads);
  only("attention.value_length", headDim);
  only("rope.dimension_count", headDim);
  only("expert_count", 0);
  only("expert_used_count", 0);
  only("attention.causal", true);
  if (!modelType.startsWith("gemma")) only("attention.sliding_window", 0);
  only("use_parallel_residual", false);
  const config = modelConfig({
    model_type: modelType,
    vocab_size: embedding?.shape[0],
    hidden_size: get("embedding_length"),
    intermediate_size: get("feed_forward_length"),
    num_hidden_layers: get("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: get("attention.head_count_kv") ?? heads,
    ...(keyLength !== undefined && { head_dim: keyLength }),
    rms_norm_eps: get("attention.layer_norm_rms_epsilon"),
    max_position_embeddings: get("context_length"),
    tie_word_embeddings: !has("output.weight"),
    bos_token_id: values.get("tokenizer.ggml.bos_token_id"),
    eos_token_id: endTokens(values),
    ...fields(get, Number(headDim), ropeOf(get, factors, Number(headDim))),
  });
  for (const key of values.keys()) {
    const inner = key.startsWith(`${architecture}.`) ? key.slice(architecture.length + 1) : "";
    if (
      !read.has(inner) &&
      !HARMLESS.has(inner) &&
      !OTHERS.test(key) &&
      key !== "split.count" &&
      key !== "split.no" &&
      key !== "split.tensors.count"
    )
      refuse(key, `is not understood for architecture ${architecture}`);
  }
  return {
    ...config,
    // norms of gemma are stored with their 1 already added
    norm: { ...config.norm, unitOffset: false },
    // the file has the biases that the model has
    biases: {
      qkv: has("blk.0.attn_q.bias"),
      output: has("blk.0.attn_output.bias"),
      feedForward: has("blk.0.ffn_up.bias"),
    },
  };
}

/** Tokens that end a text, a turn or a message. */
function endTokens(values: ReadonlyMap<string, GgufValue>): GgufValue[] {
  const ids = ["eos", "eot", "eom"].map((name) => values.get(`tokenizer.ggml.${name}_token_id`));
  return [...new Set(ids.filter((id) => id !== undefined))];
}

/** Rotary positions in the words of a config. */
function ropeOf(
  get: (key: string) => GgufValue,
  factors: readonly number[] | undefined,
  headDim: number,
): Record<string, unknown> {
  const stored = get("rope.scaling.type");
  const old = get("rope.scale_linear");
  const [factor, original] = [
    get("rope.scaling.factor"),
    get("rope.scaling.original_context_length"),
  ];
  const theta = { rope_theta: get("rope.freq_base") ?? 10000 };
  const type = stored === undefined || stored === "none" ? "default" : stored;
  if (factors !== undefined) {
    // a table of its own takes the place of a scaling
    if (type !== "default" || (old ?? 1) !== 1)
      throw new FormatError(
        `loadModel: GGUF rope scaling ${JSON.stringify(type)} beside ${FACTORS} is not understood`,
      );
    if (factors.length !== headDim / 2)
      throw new FormatError(
        `loadModel: ${FACTORS} must hold ${headDim / 2} numbers, got ${factors.length}`,
      );
    return {
      ...theta,
      rope_type: "longrope",
      short_factor: factors,
      long_factor: factors,
      attention_factor: 1,
    };
  }
  if (type === "default" && old !== undefined && old !== 1)
    return { ...theta, rope_type: "linear", factor: old };
  if (type === "default") {
    if ((factor ?? 1) !== 1 && factor !== 0)
      throw new FormatError("loadModel: GGUF rope.scaling.factor without rope.scaling.type");
    return { ...theta, rope_type: type };
  }
  if (type !== "linear" && type !== "yarn")
    throw new FormatError(
      `loadModel: GGUF rope scaling ${JSON.stringify(type)} is not one of none, linear, yarn`,
    );
  return {
    ...theta,
    rope_type: type,
    factor,
    ...(original !== undefined && { original_max_position_embeddings: original }),
  };
}
