import { readFileSync } from "node:fs";
import { FormatError, mul, toTypedArray } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { describe, expect, it } from "vitest";
import {
  type ModelConfig,
  certifyExperts,
  certifyModel,
  generateTokens,
  languageModel,
  loadModel,
  loadTokenizer,
  logits,
  modelConfig,
  readPrompt,
  selectExperts,
} from "../../src/griffin/index.js";
import { affordable, naiveActivations } from "../../src/griffin/measure/naive.js";
import { expectNear, modelFolder, textModel } from "./fixtures.js";

const json = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`${modelFolder(name)}/config.json`, "utf8")) as Record<string, unknown>;
const llama = json("llama-gqa");

describe("fields of a config", () => {
  it.each([
    ["unknown_scale", 2],
    ["attn_logit_softcapping", 5],
    ["no_rope_layers", [1, 0]],
    ["sliding_window", 8],
    ["use_sliding_window", true],
    ["is_encoder_decoder", true],
    ["auto_map", { AutoModelForCausalLM: "own.py" }],
    ["architectures", ["LlamaForSequenceClassification"]],
    ["quantization_config", { quant_method: "gptq" }],
    ["partial_rotary_factor", 0.5],
    ["layer_types", ["full_attention", "sliding_attention"]],
  ])("that are not understood are refused by name: %s", (name, value) => {
    expect(() => modelConfig({ ...llama, [name]: value })).toThrow(FormatError);
    expect(() => modelConfig({ ...llama, [name]: value })).toThrow(name);
  });

  it("that say two things are refused: rope_scaling beside rope_parameters, rope_theta twice", () => {
    expect(() => modelConfig({ ...llama, rope_scaling: { type: "linear", factor: 2 } })).toThrow(
      /either rope_parameters or rope_scaling/,
    );
    expect(() => modelConfig({ ...llama, rope_theta: 77 })).toThrow(/not clear which acts/);
    expect(() => modelConfig({ ...json("gemma"), hidden_act: "relu" })).toThrow(/hidden_act/);
  });

  it("that change nothing may be there, and null is nothing", () => {
    const same = modelConfig({ ...llama, unsloth_version: "1", unknown: null, num_beams: 4 });
    expect(same).toEqual(modelConfig(llama));
  });
});

describe("tensors", () => {
  const { tensors } = decodeSafetensors(
    readFileSync(`${modelFolder("llama-gqa")}/model.safetensors`),
  );
  const config = modelConfig(llama);

  it("that the model does not use are refused by name", () => {
    const more = {
      ...tensors,
      "model.layers.0.self_attn.q_proj.bias": tensors["model.norm.weight"]!,
    };
    for (const read of [() => languageModel(more, config), () => logits(more, [1, 2], config)])
      expect(read).toThrow(/"model\.layers\.0\.self_attn\.q_proj\.bias" is not used/);
  });

  it("of an output head beside tied embeddings must be the embeddings", () => {
    const tied: ModelConfig = { ...config, tied: true };
    expect(() => languageModel(tensors, tied)).toThrow(/output head that differs/);
    const twice = { ...tensors, "lm_head.weight": tensors["model.embed_tokens.weight"]! };
    expect(() => languageModel(twice, tied)).not.toThrow();
  });
});

describe("options", () => {
  it("of generateTokens that are misspelt name the nearest", async () => {
    const model = await loadModel(modelFolder("llama-gqa"));
    const write = (options: object) => () => [...generateTokens(model, [1, 2], options)];
    expect(write({ maxTokens: 2 })).toThrow(
      /^generateTokens: unknown option "maxTokens"; did you mean "maxNewTokens"\?/,
    );
    expect(write({ sampling: { logitBias: {} } })).toThrow(
      /^generateTokens: sampling: unknown field "logitBias"/,
    );
    expect(write({ sparsity: { kind: "griffin", desnity: 0.5 } })).toThrow(
      /^generateTokens: sparsity: unknown field "desnity"; did you mean "density"\?/,
    );
    expect(write({ key: 1 })).toThrow(/needs sampling/);
  });
});

describe("the plain decoder", () => {
  it.each(["llama-yarn-mscale", "gpt2", "opt-postnorm-proj", "gpt-neox-parallel", "mistral-window", "gemma"])(
    "has the activations of the model %s",
    async (name) => {
      const model = await loadModel(modelFolder(name));
      const ids = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 93, 2];
      const plain = naiveActivations(model, ids, ids.length);
      const { activations } = readPrompt(model, ids, { keepActivations: true });
      const { ffSize } = model.config;
      activations!.forEach((layer, i) =>
        plain[i]!.forEach((z, t) => {
          expectNear(layer.activations.subarray(t * ffSize, (t + 1) * ffSize), z, 1e-4);
        }),
      );
      expect(affordable(model, 100)).toBe(32);
    },
  ); // prettier-ignore
});

describe("certificates with eyes of their own", () => {
  const text =
    "And God said, Let there be light: and there was light. And God saw the light, that it was good.";

  it("see a model whose weights are off their scale", async () => {
    const ids = (await loadTokenizer(textModel)).encode(text);
    const good = await loadModel(textModel);
    expect(certifyModel(good, ids)).toMatchObject({ verdict: "holds", holds: true });
    const { tensors } = decodeSafetensors(readFileSync(`${textModel}model.safetensors`));
    const bad = Object.fromEntries(
      Object.entries(tensors).map(([name, w]) => [name, w.shape.length === 2 ? mul(127, w) : w]),
    );
    expect(certifyModel(languageModel(bad, good.config), ids).verdict).not.toBe("holds");
    const reference = [...toTypedArray(logits(tensors, ids, good.config)).slice(-2048)];
    expect(certifyModel(good, ids, { reference }).holds).toBe(true);
    expect(certifyModel(languageModel(bad, good.config), ids, { reference }).holds).toBe(false);
  });

  it("say how far the way the model is run is from the plain decoder", async () => {
    const model = await loadModel(modelFolder("llama-gqa"));
    const ids = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 93, 2];
    const experts = selectExperts(readPrompt(model, ids).statistics, { density: 0.5 });
    const { holds, note } = certifyExperts(model, ids, experts);
    expect(holds).toBe(true);
    expect(Number(/differ by (\S+) from/.exec(note!)![1])).toBeLessThan(1e-5);
  });
});
