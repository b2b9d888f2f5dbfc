import { readFileSync, readdirSync } from "node:fs";
import { type NdArray, toTypedArray } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { describe, expect, it } from "vitest";
import {
  type ModelConfig,
  type SparsityMethod,
  decodeStep,
  generateTokens,
  languageModel,
  loadModel,
  logits,
  modelConfig,
  neuronScores,
  prefill,
  prunedFeedForward,
  readPrompt,
  selectExperts,
  sparsify,
} from "../../src/griffin/index.js";
import { expectNear, folder, load, modelFolder, modelNames, present } from "./fixtures.js";

interface Expected {
  readonly ids: number[];
  readonly k: number;
  readonly logits_last: number[];
  readonly logits_first: number[];
  readonly logits_row_sums: number[];
  readonly statistic: number[][];
  readonly experts: number[][];
  readonly magnitude_experts: number[][];
  readonly z_last: number[][];
  readonly greedy_full: number[];
  readonly greedy_griffin: number[];
  readonly full_logits_step2: number[];
  readonly griffin_logits_step2: number[];
}

function open(name: string): {
  config: ModelConfig;
  params: Record<string, NdArray>;
  expected: Expected;
} {
  const folder = modelFolder(name);
  const json = (file: string): unknown => JSON.parse(readFileSync(`${folder}/${file}`, "utf8"));
  const shards = readdirSync(folder).filter((file) => file.endsWith(".safetensors"));
  const params = Object.assign(
    {},
    ...shards.map((file) => decodeSafetensors(readFileSync(`${folder}/${file}`)).tensors),
  ) as Record<string, NdArray>;
  return {
    config: modelConfig(json("config.json")),
    params,
    expected: json("expected.json") as Expected,
  };
}

/** Row sums add 97 logits of up to 2e-4 each, whose errors do not all point the same way. */
const SUM = 2e-3;

describe.skipIf(!present).each(modelNames)("golden model %s", (name) => {
  const { config, params, expected } = open(name);
  const { ids } = expected;
  const vocab = config.vocabSize;
  const rowSums = (x: ArrayLike<number>): number[] =>
    ids.map((_, t) =>
      Array.from({ length: vocab }, (_, i) => x[t * vocab + i]!).reduce((a, b) => a + b, 0),
    );

  it("gives the logits of the oracle after every token of the prompt", () => {
    const run = prefill(languageModel(params, config), ids, { logits: "all" }).logits;
    expectNear(run.subarray(run.length - vocab), expected.logits_last, 2e-4);
    expectNear(run.subarray(0, vocab), expected.logits_first, 2e-4);
    expectNear(rowSums(run), expected.logits_row_sums, SUM);
  });

  it("gives them as a differentiable function of the parameters", () => {
    const pure = toTypedArray(logits(params, ids, config));
    expectNear(pure.subarray(pure.length - vocab), expected.logits_last, 2e-4);
    expectNear(pure.subarray(0, vocab), expected.logits_first, 2e-4);
    expectNear(rowSums(pure), expected.logits_row_sums, SUM);
  });

  it("shows the activations of the feed-forward neurons to a hook", () => {
    const last = new Map<number, Float32Array>();
    prefill(languageModel(params, config), ids, {
      onFeedForward: ({ layer, tokens, activations }) =>
        last.set(layer, activations.slice((tokens - 1) * config.ffSize)),
    });
    expected.z_last.forEach((z, layer) => {
      expectNear(last.get(layer)!, z, 2e-4);
    });
  });

  it("writes the same greedy continuation", () => {
    const model = languageModel(params, config);
    let step = prefill(model, ids);
    const written = expected.greedy_full.map(() => {
      const token = step.logits.indexOf(Math.max(...step.logits));
      step = decodeStep(model, step.cache, token);
      return token;
    });
    expect(written).toEqual(expected.greedy_full);
    const second = decodeStep(model, prefill(model, ids).cache, expected.greedy_full[0]!);
    expectNear(second.logits, expected.full_logits_step2, 2e-4);
  });

  it("chooses the same experts, and writes the same text with them alone", async () => {
    const model = await loadModel(modelFolder(name));
    const prompt = readPrompt(model, ids);
    prompt.statistics.layers.forEach((layer, i) => {
      expectNear(neuronScores(layer), expected.statistic[i]!, 1e-5);
    });
    const { k } = expected;
    const experts = selectExperts(prompt.statistics, { k });
    expect(experts.layers.map((chosen) => [...chosen])).toEqual(expected.experts);
    expect(
      sparsify(model, prompt, { kind: "magnitude", k }).experts!.layers.map((chosen) => [
        ...chosen,
      ]),
    ).toEqual(expected.magnitude_experts);
    for (const storage of ["packed", "indexed"] as const) {
      const steps = generateTokens(model, ids, {
        maxNewTokens: 16,
        stopTokens: [],
        sparsity: { kind: "griffin", k, storage },
      });
      expect([...steps].map(({ token }) => token)).toEqual(expected.greedy_griffin);
      const second = decodeStep(model, prompt.cache, expected.greedy_full[0]!, {
        feedForward: prunedFeedForward(model, experts, { storage }),
      });
      expectNear(second.logits, expected.griffin_logits_step2, 2e-4);
    }
  });

  it("reads in chunks, token by token, and from a branch of the cache what it reads at once", () => {
    const model = languageModel(params, config);
    const whole = prefill(model, ids, { logits: "all" }).logits;
    expectNear(prefill(model, ids, { logits: "all", chunkSize: 7 }).logits, whole, 1e-4);
    const half = prefill(model, ids.slice(0, 12));
    const other = prefill(model, [5, 6, 7, 8, 9, 10], { cache: half.cache });
    let cache = half.cache;
    ids.slice(12).forEach((token, i) => {
      const step = decodeStep(model, cache, token);
      expectNear(step.logits, whole.subarray((12 + i) * vocab, (13 + i) * vocab), 1e-4);
      cache = step.cache;
    });
    expect([half.cache.length, other.cache.length, cache.length]).toEqual([12, 18, 24]);
  });
});

describe.skipIf(!present).each(["f16", "bf16", "q8_0"])("golden GGUF file in %s", (type) => {
  const golden = load<
    Pick<Expected, "ids" | "logits_last" | "experts" | "greedy_full" | "greedy_griffin">
  >(`gguf/tiny-${type}`);
  it("gives the logits, experts and texts of the oracle", async () => {
    const model = await loadModel(`${folder}/gguf/tiny-${type}.gguf`);
    const prompt = readPrompt(model, golden.ids);
    expectNear(prompt.logits, golden.logits_last, 2e-4);
    const k = golden.experts[0]!.length;
    expect(selectExperts(prompt.statistics, { k }).layers.map((chosen) => [...chosen])).toEqual(
      golden.experts,
    );
    const write = (sparsity?: SparsityMethod): number[] =>
      [
        ...generateTokens(model, golden.ids, {
          maxNewTokens: 8,
          stopTokens: [],
          ...(sparsity && { sparsity }),
        }),
      ].map(({ token }) => token);
    expect(write()).toEqual(golden.greedy_full);
    expect(write({ kind: "griffin", k })).toEqual(golden.greedy_griffin);
  });
});
