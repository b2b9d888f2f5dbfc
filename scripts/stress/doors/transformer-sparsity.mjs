// Inputs of transformer-sparsity as people bring them: folders in fewer bits, configs with fields of their own, options misspelt, images in bytes. Truth is the
// logits of the library that the models were published with, kept in the package's fixtures.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { array, mul, toTypedArray, zeros } from "@provably/core-tensor";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import { key, uniform } from "@provably/core-tensor/random";
import {
  applyChatTemplate,
  certifyModel,
  filesFromMemory,
  generateTokens,
  generationConfig,
  languageModel,
  loadModel,
  loadTokenizer,
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
  encodeImages,
  imageProcessor,
  loadVisionModel,
  processImage,
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

const seeing = fileURLToPath(
  new URL("../../../packages/transformer-sparsity/test/fixtures/mim/", import.meta.url),
);
const seen = (path) => JSON.parse(readFileSync(`${seeing}${path}.json`, "utf8"));

/** A vision transformer of the fixtures on the image of its case, with its config or its tensors changed. */
const sees = (place, { config = {}, tensors = (all) => all, options = {}, test = 0 } = {}) => ({
  async give() {
    const weights = readFileSync(`${seeing}${place}/model.safetensors`);
    const model = await loadVisionModel(
      filesFromMemory({
        "config.json": bytesOf({ ...seen(`${place}/config`), ...config }),
        "model.safetensors": encodeSafetensors(tensors({ ...decodeSafetensors(weights).tensors })),
      }),
    );
    const { shape, data } = seen(`${place}/expected`).cases[test].pixel_values;
    return encodeImages(model, array(Float32Array.from(data), { shape }), options);
  },
  right({ attention }) {
    const { attentions } = seen(`${place}/expected`).cases[test];
    return near(toTypedArray(attention.at(-1)), attentions.at(-1).data, 2e-5);
  },
});

/** A GGUF file with one text in it changed for another of the same length. */
function rewritten(file, [from, to]) {
  const bytes = readFileSync(`${root}gguf/${file}.gguf`);
  bytes.write(to, bytes.indexOf(from), "latin1");
  return filesFromMemory({ "a.gguf": new Uint8Array(bytes) });
}
const gguf = { gguf: "a.gguf" };

/** Reads a GGUF fixture, and compares with its logits. */
const decodes = (name) => ({
  give: async () => prefill(await loadModel(`${root}gguf/${name}.gguf`), json(`gguf/${name}`).ids),
  right: ({ logits }) => near(logits, json(`gguf/${name}`).logits_last, 2e-4),
});
const chat = (template, messages = [{ role: "user", content: "Hi" }], options = {}) =>
  applyChatTemplate({ chatTemplates: { default: template } }, messages, options);
const small = async () => loadModel(`${root}${llama}`);

const quantised = ["bnb-int8", "bnb-nf4", "compressed-tensors-int8", "compressed-tensors-fp8", "gptq-4bit", "awq-4bit", "mlx-4bit"]; // prettier-ignore

const families = [
  [
    "gemma2",
    "Gemma 2: caps of scores and logits, four norms a layer, every other layer with a window",
  ],
  ["phi3-longrope", "Phi-3: queries, keys and values in one matrix, two sets of frequencies"],
  ["cohere2", "Command R7B: neighbouring features rotated, layers without positions"],
  ["gpt-oss", "GPT-OSS: experts in one tensor, sinks of attention"],
  ["falcon-alibi", "Falcon with slopes, rounded to bfloat16"],
  ["gemma3-seeing", "the language model inside a Gemma 3 that sees"],
];

export default [
  ...["tiny-q4_0", "tiny-q4_k_m", "tiny-q5_0", "tiny-q6_k", "tiny-rope-freqs", "tiny-qkv-bias"].map(
    (name) => ({
      kind: "storage form",
      given: `a GGUF file as llama.cpp writes it: ${name}`,
      ...decodes(name),
      outcome: "right",
    }),
  ),
  {
    kind: "file",
    given: "a GGUF file whose tokenizer cuts texts in a way that nobody here knows",
    give: () => loadTokenizer(rewritten("tokenizers/bpe-a", ["llama-bpe", "llama-xyz"]), gguf),
    right: never,
    outcome: "refused",
    says: '"llama-xyz"',
  },
  {
    kind: "file",
    given: "a GGUF file with a tokenizer of another kind",
    give: () => loadTokenizer(rewritten("tokenizers/bpe-a", ["gpt2", "bert"]), gguf),
    right: never,
    outcome: "refused",
    says: '"bert"',
  },
  {
    kind: "file",
    given: "special tokens in a text, to the tokenizer of a GGUF file",
    give: async () =>
      (await loadTokenizer(`${root}gguf/tokenizers/spm-b.gguf`)).encode("<s>x</s>y"),
    right: (ids) => ids.join() === "1,1,527,2,503,2",
    outcome: "right",
  },
  {
    kind: "file",
    given: "a chat template that prints a truth value and nothing, as Python does",
    give: () => chat("{{ messages[0].x is defined }} {{ none }} {{ [1, 'a', none] }}"),
    right: (text) => text === "False None [1, 'a', None]",
    outcome: "right",
  },
  {
    kind: "file",
    given: "a chat template that adds a number to a text, which Python refuses",
    give: () => chat("{{ 'turn ' + 1 }}"),
    right: never,
    outcome: "refused",
    says: "text and an integer",
  },
  {
    kind: "file",
    given: "a chat template that does not end",
    give: () =>
      chat("{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}"),
    right: never,
    outcome: "refused",
    says: "steps",
  },
  {
    kind: "file",
    given: "a chat template that reaches for code",
    give: () => chat("{{ messages.constructor.constructor('return process')() }}"),
    right: never,
    outcome: "refused",
    says: '"constructor" is undefined',
  },
  {
    kind: "option",
    given: "applyChatTemplate with add_generation_prompt, as in Python",
    give: () => chat("x", [], { add_generation_prompt: true }),
    right: never,
    outcome: "refused",
    says: 'did you mean "addGenerationPrompt"',
  },
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
  ...families.map(([name, given]) => ({
    kind: "family",
    given,
    ...loads(`models/${name}`),
    outcome: "right",
  })),
  {
    kind: "family",
    given: "a mixture of experts whose tokens go to one expert more",
    ...loads("models/mixtral", { config: { num_experts_per_tok: 3 } }),
    certificates: ({ model, ids }) =>
      certifyModel(model, ids, { reference: json("models/mixtral/expected").logits_last }),
    outcome: "seen",
    note: "`certifyModel` with a reference",
  },
  {
    kind: "family",
    given: "embeddings that are not tied, and no head",
    ...loads("models/qwen3", { config: { tie_word_embeddings: false } }),
    outcome: "refused",
    says: "head",
  },
  {
    kind: "family",
    given: "slopes of MPT with a greatest bias that only the model's own code reads",
    ...loads("models/mpt", { config: { attn_config: { alibi_bias_max: 16 } } }),
    outcome: "refused",
    says: "alibi_bias_max",
  },
  {
    kind: "file",
    given: "a generation_config.json that asks for beams",
    give: () => generationConfig({ num_beams: 4 }),
    right: never,
    outcome: "refused",
    says: "num_beams",
  },
  {
    kind: "file",
    given: "a generation_config.json with a field of its own",
    give: () => generationConfig({ eos_token_id: 1, xtc_threshold: 0.1 }),
    right: never,
    outcome: "refused",
    says: "xtc_threshold",
  },
  {
    kind: "option",
    given: "a processor of logits that forbids every token",
    give: async () => [
      ...generateTokens(await small(), [1], { processors: [(z) => z.map(() => -Infinity)] }),
    ],
    right: never,
    outcome: "refused",
    says: "no token that may be chosen",
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
  ...[
    ["vision/deit", "DeiT with its two heads"],
    ["vision/clip-full", "a CLIP with the half that reads texts in the same file"],
    ["vision-more/dinov2-registers", "DINOv2 with registers"],
    ["vision-more/beit-layers", "BEiT, whose layers have biases by distance"],
    ["vision-more/siglip", "SigLIP, without a class token"],
    ["vision-more/dinov3-gated", "DINOv3 with gates"],
    ["vision-more/vit-leftover-pixels", "a ViT for images that are no whole number of patches"],
  ].map(([place, given]) => ({
    kind: "storage form",
    given: `a folder of a vision transformer: ${given}`,
    ...sees(place),
    outcome: "right",
  })),
  {
    kind: "scale",
    given: "an image of another size to a ViT that does not expect it",
    ...sees("vision/vit", { test: 1 }),
    outcome: "refused",
    says: "interpolatePositions",
  },
  {
    kind: "scale",
    given: "an image of another size to a ViT, with positions in between",
    ...sees("vision/vit", { test: 1, options: { interpolatePositions: true } }),
    outcome: "right",
  },
  {
    kind: "scale",
    given: "an image of another size to a DINOv2, which takes any",
    ...sees("vision/dinov2", { test: 1 }),
    outcome: "right",
  },
  {
    kind: "file",
    given: "a vision transformer whose config gives it narrower heads",
    ...sees("vision/vit", { config: { num_attention_heads: 2, head_dim: 8 } }),
    outcome: "refused",
    says: "by the config",
  },
  {
    kind: "file",
    given: "a vision transformer with a tensor that nobody knows",
    ...sees("vision/vit", { tensors: (all) => ({ ...all, "vit.prompt_tokens": zeros([1, 32]) }) }),
    outcome: "refused",
    says: "vit.prompt_tokens",
  },
  {
    kind: "file",
    given: "a vision transformer with a field of its own",
    ...sees("vision/vit", { config: { use_swiglu_ffn: true } }),
    outcome: "refused",
    says: "use_swiglu_ffn",
  },
  {
    kind: "file",
    given: "a vision transformer that was made for another task",
    ...sees("vision/vit", { config: { architectures: ["ViTForMaskedImageModeling"] } }),
    outcome: "refused",
    says: "ViTForMaskedImageModeling",
  },
  {
    kind: "file",
    given: "a Swin transformer, whose windows move",
    ...sees("vision/vit", { config: { model_type: "swin" } }),
    outcome: "refused",
    says: '"swin"',
  },
  {
    kind: "scale",
    given: "pixels that the processor did not divide by 255",
    give: async () =>
      encodeImages(
        await loadVisionModel(`${seeing}vision/vit`),
        processImage(
          imageProcessor({ image_processor_type: "ViTImageProcessor", do_resize: false, do_rescale: false, do_normalize: false }), // prettier-ignore
          { height: 32, width: 32, data: new Uint8Array(32 * 32 * 3).fill(200) },
        ),
      ),
    right: never,
    outcome: "refused",
    says: "divide bytes by 255",
  },
  {
    kind: "option",
    given: "encodeImages with output_attentions",
    ...sees("vision/vit", { options: { output_attentions: true } }),
    outcome: "refused",
    says: 'unknown option "output_attentions"',
  },
  {
    kind: "option",
    given: "speculation with num_assistant_tokens",
    give: async () => [
      ...generateTokens(await small(), [1, 2], {
        speculation: { kind: "lookup", num_assistant_tokens: 4 },
      }),
    ],
    right: never,
    outcome: "refused",
    says: "num_assistant_tokens",
  },
  {
    kind: "option",
    given: "several prompts as one list of lists to generateTokens",
    give: async () => [...generateTokens(await small(), [[1, 2], [3]])],
    right: never,
    outcome: "refused",
    says: "ids",
  },
  {
    kind: "scale",
    given: "attention that was not put through a softmax",
    give: () => attentionEntropy(array([[2, 3], [1, 0]])), // prettier-ignore
    right: never,
    outcome: "refused",
    says: "must sum to 1",
  },
  ...["deepseek_v2", "gpt_neo", "jamba", "mamba2"].map((family) => ({
    kind: "file",
    given: `a model of a family that is not here: ${family}`,
    ...loads(llama, { config: { model_type: family } }),
    outcome: "refused",
    says: "model_type",
  })),
];
