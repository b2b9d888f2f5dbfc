import { readFileSync } from "node:fs";
import { toTypedArray } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { describe, expect, it } from "vitest";
import { filesFromMemory, loadModel, prefill } from "../../src/griffin/index.js";
import { ARCHITECTURES } from "../../src/griffin/files/gguf-architectures.js";
import { expectNear, modelFolder } from "./fixtures.js";
import { writeGguf } from "./gguf-writer.js";

/** Choices that GGUF files do not carry, as llama.cpp has them. */
const SAID: Readonly<Record<string, object>> = {
  gemma2: { query_pre_attn_scalar: 16 },
  "gemma3-text": { query_pre_attn_scalar: 16, sliding_window_pattern: 6 },
};

const OUTER: Readonly<Record<string, string>> = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  lm_head: "output",
};

/** The weights of a folder as llama.cpp's converter names them, in 32-bit floats, and its config as keys. */
function converted(
  name: string,
  config: Record<string, unknown>,
  architecture: string,
): Uint8Array {
  const { tensors } = decodeSafetensors(readFileSync(`${modelFolder(name)}/model.safetensors`));
  const { layer } = ARCHITECTURES[architecture]!;
  const places = new Map(Object.entries(layer).map(([short, long]) => [long, short]));
  const written = Object.entries(tensors).map(([long, tensor]) => {
    const [, number, part, kind] = /^model\.layers\.(\d+)\.(.*)\.(weight|bias)$/.exec(long) ?? [];
    const short = part === undefined ? `${OUTER[long.replace(/\.weight$/, "")]!}.weight` : `blk.${number!}.${places.get(part)!}.${kind!}`; // prettier-ignore
    const values = Float32Array.from(toTypedArray(tensor));
    // the converter adds the 1 that Gemma's norms leave out
    if (architecture.startsWith("gemma") && short.includes("norm")) for (let i = 0; i < values.length; i++) values[i]! += 1; // prettier-ignore
    return { name: short, shape: [...tensor.shape].reverse(), type: 0, bytes: new Uint8Array(values.buffer) }; // prettier-ignore
  });
  const key = (inner: string, value: unknown): [string, number][] =>
    typeof value === "number" ? [[`${architecture}.${inner}`, value]] : [];
  const rope = (config["rope_parameters"] ?? config["rope_scaling"] ?? {}) as Record<string, unknown>; // prettier-ignore
  return writeGguf(
    [
      ["general.architecture", architecture],
      ...key("embedding_length", config["hidden_size"]),
      ...key("block_count", config["num_hidden_layers"]),
      ...key("context_length", config["max_position_embeddings"]),
      ...key("feed_forward_length", config["intermediate_size"]),
      ...key("attention.head_count", config["num_attention_heads"]),
      ...key("attention.head_count_kv", config["num_key_value_heads"]),
      ...key("attention.key_length", config["head_dim"]),
      ...key("attention.value_length", config["head_dim"]),
      ...key("attention.layer_norm_rms_epsilon", config["rms_norm_eps"]),
      ...key("attention.sliding_window", config["sliding_window"]),
      ...key("attn_logit_softcapping", config["attn_logit_softcapping"]),
      ...key("final_logit_softcapping", config["final_logit_softcapping"]),
      ...key("rope.freq_base", rope["rope_theta"] ?? config["rope_theta"]),
      ...(rope["rope_type"] === "linear" ? ([[`${architecture}.rope.scaling.type`, "linear"], ...key("rope.scaling.factor", rope["factor"])] as [string, string | number][]) : []), // prettier-ignore
    ],
    written,
  );
}

describe("GGUF architectures", () => {
  it.each([
    ["qwen3", "qwen3"],
    ["gemma2", "gemma2"],
    ["gemma3-text", "gemma3"],
    ["olmo2", "olmo2"],
  ])("run the weights of %s as their folder does", async (name, architecture) => {
    const stored = JSON.parse(readFileSync(`${modelFolder(name)}/config.json`, "utf8")) as Record<string, unknown>; // prettier-ignore
    // Gemma's factor of embeddings has the type of its weights, which GGUF files do not say
    const config = { ...stored, ...SAID[name], dtype: "float32", torch_dtype: "float32" };
    const folder = await loadModel(
      filesFromMemory({
        "config.json": new TextEncoder().encode(JSON.stringify(config)),
        "model.safetensors": new Uint8Array(readFileSync(`${modelFolder(name)}/model.safetensors`)),
      }),
    );
    const file = converted(name, config, architecture);
    const model = await loadModel(filesFromMemory({ m: file }), { gguf: "m" });
    const ids = Array.from({ length: 20 }, (_, i) => (7 * i + 3) % 97);
    expectNear(prefill(model, ids).logits, prefill(folder, ids).logits, 1e-5);
    expect(model.config.family).toBe(folder.config.family);
  });
});
