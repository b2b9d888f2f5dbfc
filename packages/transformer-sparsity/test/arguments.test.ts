import { CoreTensorError, DomainError, eye, ones, zeros } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as griffin from "../src/griffin/index.js";
import * as mim from "../src/mim/index.js";

const world = mim.createSpatialDistribution([[[0, 1, 2], [3]]]);
const zero = mim.zeroCorrelations(world);
const [image] = mim.sampleMaskedImages(world, key(0), 1);
const vit = mim.createMaskedAutoencoder(key(0), {
  imageSize: 8,
  patchSize: 2,
  dim: 8,
  depth: 1,
  heads: 2,
  decoderDim: 8,
  decoderHeads: 2,
});
const config = griffin.modelConfig({
  model_type: "llama",
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 32,
});
const model = griffin.languageModel(griffin.randomParameters(key(0), config), config);
const prompt = griffin.readPrompt(model, [1, 2]);
const experts = griffin.selectExperts(prompt.statistics, { density: 0.5 });

const detached = (): Float64Array => {
  const x = new Float64Array(4);
  structuredClone(x.buffer, { transfer: [x.buffer] });
  return x;
};

/** Calls as JavaScript makes them, without types. */
const call = (f: unknown, ...args: unknown[]): unknown =>
  (f as (...args: unknown[]) => unknown)(...args);

describe("arguments of the wrong kind are refused with the function, the place and what was given", () => {
  it.each<[string, RegExp, unknown[]]>([
    ["renderImage", /distribution must be an object, got undefined/, []],
    [
      "renderImage",
      /image\.cluster must be an integer ≥ 0, got Symbol/,
      [world, { ...image, cluster: Symbol("x") }],
    ],
    [
      "sampleImage",
      /distribution\.areaOf\[0\] must be what createSpatialDistribution makes it/,
      [{ ...world, areaOf: [[0, 0, 0, 0]] }, key(0)],
    ],
    ["sampleImage", /distribution\.numFeatures/, [{ ...world, numFeatures: 1e9 }, key(0)]],
    ["createSpatialDistribution", /clusters\[0\]\[1\] must be a list, got 3/, [[[[0], 3]]]],
    [
      "createSpatialDistribution",
      /latent\.kind must be one of "uniform", "discrete", "quantile"/,
      [world.clusters, { latent: {} }],
    ],
    [
      "maskedAttention",
      /correlations\.phi must be an array of core-tensor, got null/,
      [world, { ...zero, phi: null }, image],
    ],
    ["maeLossAndGradient", /samples must be a list, got undefined/, [world, zero]],
    [
      "trainContrastive",
      /numSteps must be an integer ≥ 0, got Symbol/,
      [world, key(0), { numSteps: Symbol("n") }],
    ],
    ["trainContrastive", /signal must be an AbortSignal, got 3/, [world, key(0), { signal: 3 }]],
    ["detectPhases", /history\.steps must be given/, [{ target: 0 }]],
    [
      "certifyAreaAttention",
      /none of numImages = 8 fresh images hides a local patch/,
      [world, zero, key(0), { numImages: 8 }],
    ],
    ["simulateMeanField", /setting must be an object with sizes.*, got null/, [null]],
    ["attentionEntropy", /attention must be an/, []],
    [
      "attentionEntropy",
      /attention\.dims must be a list/,
      [{ data: new Float32Array(1), dims: "1" }],
    ],
    ["summarizeAttention", /layers must be a list/, [eye(3)]],
    ["areaAttention", /labels must be integers in 0 … 65535/, [eye(2), [0, 2 ** 53]]],
    ["areaAttention", /labels must be a list of numbers/, [eye(4), detached()]],
    [
      "encode",
      /model\.params\["head\.weight"\] must be an array of shape \[8, 4\]/,
      [{ ...vit, params: { ...vit.params, "head.weight": ones([2]) } }],
    ],
    ["pretrain", /model\.config must be given/, [{ params: {} }]],
    [
      "maeForward",
      /its order and its places disagree/,
      [
        vit,
        zeros([1, 8, 8]),
        { ...mim.randomMasking(key(0), { batch: 1, numPatches: 16 }), place: new Int32Array(16) },
      ],
    ],
    ["encodePretrainingState", /state\.params must be given/, [{ step: 1 }]],
    ["decodePretrainingState", /bytes must be a Uint8Array/, ["abc"]],
    ["ridgeProbe", /train\.features must be given/, [{ labels: [] }]],
    ["plotLoss", /history\.loss must be given/, [{ steps: [1] }]],
    ["plotLayerMetric", /tables\.mine\[0\]\.layer must be given/, [{ mine: [{}] }, "diversity"]],
    ["imageGridPng", /rows\[0\] must be an array/, [[1]]],
  ])("mim %s: %s", (name, message, args) => {
    const run = (): unknown => call(mim[name as keyof typeof mim], ...args);
    expect(run).toThrow(CoreTensorError);
    expect(run).toThrow(message);
    expect(run).toThrow(new RegExp(`^${name}: `));
  });

  it.each<[string, RegExp, unknown[]]>([
    ["prefill", /model must be an object/, []],
    ["prefill", /ids must be a list of numbers, got "abc"/, [model, "abc"]],
    [
      "prefill",
      /model\.layers\[0\]\.up|model\.layers\[0\]\.feedForward\.up\.weight must be a pinned matrix \[16, 8\]/,
      [withoutUp(), [1]],
    ],
    [
      "prefill",
      /config\.norm\.epsilon must be a number/,
      [{ ...model, config: { ...config, norm: { ...config.norm, epsilon: "1" } } }, [1]],
    ],
    [
      "decodeStep",
      /cache must be of this model/,
      [model, { length: 9, storage: prompt.cache.storage }, 1],
    ],
    [
      "emptyCache",
      /config\.positions\.scaling\.type must be one of/,
      [{ ...config, positions: { ...config.positions, scaling: { type: "x" } } }],
    ],
    ["ropeFrequencies", /rope must be an object/, [undefined]],
    ["selectExperts", /options must be an object/, [prompt.statistics, null]],
    [
      "selectExperts",
      /statistics\.layers\[0\]\.sumSquares must be a Float64Array that was not/,
      [{ layers: [{ sumSquares: detached(), tokens: 1 }] }, { numNeurons: 1 }],
    ],
    ["unionOfExperts", /sets\[0\]\.layers must be given/, [[{}]]],
    [
      "prunedFeedForward",
      /experts\.layers\[0\] must be a Int32Array/,
      [model, { ...experts, layers: [[1]] }],
    ],
    ["sparsify", /method\.kind must be one of "griffin"/, [model, prompt, {}]],
    [
      "sparsify",
      /prompt\.logits must be a Float32Array of 11 numbers/,
      [model, { ...prompt, logits: new Float32Array(3) }, { kind: "griffin", numNeurons: 1 }],
    ],
    ["scoreContinuation", /sparse\.feedForward must be given/, [model, prompt, [1], {}]],
    ["expectedJaccard", /numNeurons must be an integer ≥ 1 and below 16777216/, [2 ** 32, 500]],
    [
      "sparsitySavings",
      /model\.dtype must be one of "float32"/,
      [{ ...model, dtype: "float16" }, experts],
    ],
    ["costModel", /config\.numLayers must be an integer ≥ 1/, [{ ...config, numLayers: NaN }]],
    ["jaccardSimilarity", /b must be a list of numbers/, [[1]]],
    ["filesFromMemory", /files\.a must be a Uint8Array or a Blob/, [{ a: "text" }]],
    ["filesFromFolder", /folder must be text or a URL/, [7]],
  ])("griffin %s: %s", (name, message, args) => {
    const run = (): unknown => call(griffin[name as keyof typeof griffin], ...args);
    expect(run).toThrow(DomainError);
    expect(run).toThrow(message);
    expect(run).toThrow(new RegExp(`^${name}: `));
  });

  it("in what functions return, and in what callbacks give", async () => {
    const { up, down } = model.layers[0]!.feedForward;
    const block = { layer: 1, activation: config.activation, weights: { up, down } };
    expect(() => griffin.prunedFeedForward(model, experts)(block, new Float32Array(8))).toThrow(
      /block\.layer must be below 1, got 1/,
    );
    const mute = { encode: () => [1], decode: () => [1] as unknown as string };
    await expect(griffin.generate(model, mute, "x", { maxNewTokens: 1 }).next()).rejects.toThrow(
      /generate: tokenizer\.decode\(\) must be/,
    );
  });

  it("in promises and generators too", async () => {
    await expect(call(griffin.loadModel, {})).rejects.toThrow(
      /^loadModel: source\.size must be given/,
    );
    await expect(call(griffin.loadTokenizer, null)).rejects.toThrow(
      /^loadTokenizer: source must be an object/,
    );
    expect(() =>
      (call(griffin.generateTokens, model, [1], { maxNewTokens: -1 }) as Generator).next(),
    ).toThrow(/^generateTokens: maxNewTokens must be an integer ≥ 0, got -1/);
    await expect((call(griffin.generate, model, {}, "a") as AsyncGenerator).next()).rejects.toThrow(
      /^generate: tokenizer\.encode/,
    );
    expect(() =>
      call(griffin.sparsify(model, prompt, { kind: "griffin", numNeurons: 4 }).feedForward, {}, []),
    ).toThrow(/^feedForward: block\.layer/);
  });

  it("whatever it is: no function throws anything else", () => {
    const functions = [...Object.entries(mim), ...Object.entries(griffin)].filter(
      ([name, f]) => typeof f === "function" && !name.endsWith("Error"),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...functions),
        fc.array(fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true }), {
          maxLength: 4,
        }),
        ([, f], args) => {
          try {
            const result = call(f, ...args);
            if (result instanceof Promise) result.catch(() => undefined);
          } catch (error) {
            expect(error).toBeInstanceOf(CoreTensorError);
          }
        },
      ),
      { seed: 1, numRuns: 3000 },
    );
  });
});

/** The model with another matrix in place of `up`. */
function withoutUp(): unknown {
  const [layer] = model.layers;
  return {
    ...model,
    layers: [{ ...layer, feedForward: { ...layer!.feedForward, up: layer!.query } }],
  };
}
