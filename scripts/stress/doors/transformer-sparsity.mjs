// Inputs of transformer-sparsity as people bring them: folders in fewer bits, configs with fields of their own, options misspelt, images in bytes. Truth is the
// logits of the library that the models were published with, kept in the package's fixtures.
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { array, mul, zeros } from "@provably/core-tensor";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import { key, uniform } from "@provably/core-tensor/random";
import {
  certifyModel,
  filesFromMemory,
  generateTokens,
  languageModel,
  loadModel,
  modelConfig,
  nextTokenProbabilities,
  prefill,
  readPrompt,
  ropeFrequencies,
  selectExperts,
  sparsify,
} from "@provably/transformer-sparsity/griffin";
import {
  attentionEntropy,
  createMaskedAutoencoder,
  encode,
  randomMasking,
  trainMaskedReconstruction,
  createSpatialDistribution,
} from "@provably/transformer-sparsity/mim";

const root = fileURLToPath(
  new URL("../../../packages/transformer-sparsity/test/fixtures/griffin/", import.meta.url),
);
const json = (path) => JSON.parse(readFileSync(`${root}${path}.json`, "utf8"));
const llama = "models/llama-gqa";
const bytesOf = (value) => new TextEncoder().encode(JSON.stringify(value));

/** A fixture's folder with its config or its tensors changed. */
function changed(folder, { config = {}, tensors = (all) => all }) {
  const weights = readFileSync(`${root}${folder}/model.safetensors`);
  return filesFromMemory({
    "config.json": bytesOf({ ...json(`${folder}/config`), ...config }),
    "model.safetensors": encodeSafetensors(tensors({ ...decodeSafetensors(weights).tensors })),
  });
}

const near = (a, b, tolerance) =>
  a.length === b.length && b.every((value, i) => Math.abs(a[i] - value) <= tolerance);

/** Loads, reads the fixture's tokens, and compares with its logits. */
const loads = (folder, change) => ({
  async give() {
    const model = await loadModel(change ? changed(folder, change) : `${root}${folder}`);
    const { ids } = json(`${folder}/expected`);
    return { model, ids, logits: prefill(model, ids).logits };
  },
  right: ({ logits }) => near(logits, json(`${folder}/expected`).logits_last, 2e-4),
});
const never = () => false;
const small = async () => loadModel(`${root}${llama}`);

const quantised = ["bnb-int8", "bnb-nf4", "compressed-tensors-int8", "compressed-tensors-fp8", "gptq-4bit", "awq-4bit", "mlx-4bit"]; // prettier-ignore

export default [
  ...quantised.map((name) => ({
    kind: "storage form",
    given: `a folder whose matrices are stored as ${name}`,
    ...loads(`quantised/${name}`),
    outcome: "right",
  })),
  {
    kind: "storage form",
    given: "whole numbers as weights, without a scale",
    ...loads("quantised/int8-without-scale"),
    outcome: "refused",
    says: "there is no scale",
  },
  {
    kind: "storage form",
    given: "a method of quantisation that nobody here knows",
    ...loads("quantised/unknown-method"),
    outcome: "refused",
    says: '"torchao"',
  },
  {
    kind: "storage form",
    given: "weights of 8 bits and their scales, decoded as a safetensors file and not as a model",
    give: () =>
      languageModel(
        decodeSafetensors(readFileSync(`${root}quantised/bnb-int8/model.safetensors`)).tensors,
        modelConfig({ ...json("quantised/bnb-int8/config"), quantization_config: undefined }),
      ),
    right: never,
    outcome: "refused",
    says: "SCB",
  },
  {
    kind: "file",
    given: "a tensor that no part of the model uses",
    ...loads(llama, {
      tensors: (all) => ({ ...all, "model.layers.0.self_attn.q_norm.weight": zeros([8]) }),
    }),
    outcome: "refused",
    says: "q_norm",
  },
  {
    kind: "file",
    given: "a checkpoint of more layers than its config says",
    ...loads(llama, { config: { num_hidden_layers: 1 } }),
    outcome: "refused",
    says: "model.layers.1",
  },
  {
    kind: "file",
    given: "tables of rotary frequencies, as old checkpoints carry them",
    ...loads(llama, {
      tensors: (all) => ({ ...all, "model.layers.0.self_attn.rotary_emb.inv_freq": zeros([4]) }),
    }),
    outcome: "right",
  },
  {
    kind: "file",
    given: "a field of the config that changes the computation elsewhere: attn_logit_softcapping",
    ...loads(llama, { config: { attn_logit_softcapping: 5 } }),
    outcome: "refused",
    says: "attn_logit_softcapping",
  },
  {
    kind: "file",
    given: "a window in the config of a Llama, which no two libraries read alike",
    ...loads(llama, { config: { sliding_window: 8 } }),
    outcome: "refused",
    says: "sliding_window",
  },
  {
    kind: "scale",
    given: "YaRN with mscale and mscale_all_dim",
    ...loads("models/llama-yarn-mscale"),
    outcome: "right",
  },
  {
    kind: "scale",
    given: "a prompt longer than the model was trained on, with dynamic rope",
    ...loads("models/llama-dynamic"),
    outcome: "right",
  },
  {
    kind: "scale",
    given: "YaRN with fields that it does not have",
    give: () =>
      ropeFrequencies(
        modelConfig({
          ...json(`${llama}/config`),
          rope_parameters: { rope_type: "yarn", factor: 4, rope_theta: 1e4, ntk_alpha: 2 },
        }).positions,
      ),
    right: never,
    outcome: "refused",
    says: "ntk_alpha",
  },
  {
    kind: "scale",
    given:
      "weights multiplied by eight, as if a scale had been left out, beside the logits of transformers",
    async give() {
      const times = (all) =>
        Object.fromEntries(
          Object.entries(all).map(([name, w]) => [name, w.shape.length === 2 ? mul(8, w) : w]),
        );
      const { ids, logits_last: reference } = json(`${llama}/expected`);
      return { model: await loadModel(changed(llama, { tensors: times })), ids, reference };
    },
    right: never,
    certificates: ({ model, ids, reference }) => certifyModel(model, ids, { reference }),
    outcome: "seen",
    note: "`certifyModel` with a reference",
  },
  {
    kind: "option",
    given: "generateTokens with maxTokens",
    give: async () => [...generateTokens(await small(), [1, 2], { maxTokens: 2 })],
    right: never,
    outcome: "refused",
    says: 'did you mean "maxNewTokens"',
  },
  {
    kind: "option",
    given: "sampling with logitBias",
    give: () => nextTokenProbabilities([0, 1], [], { logitBias: { 1: -100 } }),
    right: never,
    outcome: "refused",
    says: 'unknown option "logitBias"',
  },
  {
    kind: "option",
    given: "a temperature beside sampling instead of in it",
    give: async () => [...generateTokens(await small(), [1, 2], { temperature: 0.8, key: key(0) })],
    right: never,
    outcome: "refused",
    says: 'unknown option "temperature"',
  },
  {
    kind: "option",
    given: "a sparsity method with keep instead of density",
    async give() {
      const model = await small();
      return sparsify(model, readPrompt(model, [1, 2, 3]), { kind: "griffin", keep: 0.5 });
    },
    right: never,
    outcome: "refused",
    says: 'unknown field "keep"',
  },
  {
    kind: "option",
    given: "experts by topk",
    async give() {
      const { statistics } = readPrompt(await small(), [1, 2, 3]);
      return selectExperts(statistics, { topk: 8 });
    },
    right: never,
    outcome: "refused",
    says: 'unknown option "topk"',
  },
  {
    kind: "option",
    given: "training of the theory's model with steps",
    give: () =>
      trainMaskedReconstruction(createSpatialDistribution([[[0, 1], [2, 3]]]), key(0), { steps: 5 }), // prettier-ignore
    right: never,
    outcome: "refused",
    says: 'did you mean "numSteps"',
  },
  {
    kind: "option",
    given: "a masking with ratio",
    give: () => randomMasking(key(0), { batch: 1, numPatches: 16, ratio: 0.5 }),
    right: never,
    outcome: "refused",
    says: 'unknown field "ratio"',
  },
  {
    kind: "scale",
    given: "images in bytes, 0 … 255, to a model of images on the scale of 1",
    give: () => encode(createMaskedAutoencoder(key(0)), mul(255, uniform(key(1), [2, 28, 28]))),
    right: never,
    outcome: "refused",
    says: "divide bytes by 255",
  },
  {
    kind: "scale",
    given: "attention that was not put through a softmax",
    give: () => attentionEntropy(array([[2, 3], [1, 0]])), // prettier-ignore
    right: never,
    outcome: "refused",
    says: "must sum to 1",
  },
  ...readdirSync(`${root}models`)
    .filter((name) => ["qwen3", "gemma2", "mixtral", "granite"].includes(name))
    .map((name) => ({
      kind: "file",
      given: `a model of a family that is not here: ${name}`,
      ...loads(`models/${name}`),
      outcome: "refused",
      says: "model_type",
    })),
];
