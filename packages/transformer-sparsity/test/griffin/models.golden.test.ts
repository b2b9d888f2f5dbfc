import { readFileSync, readdirSync } from "node:fs";
import { type NdArray, FormatError, toTypedArray } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { describe, expect, it } from "vitest";
import {
  type LanguageModel,
  type ModelConfig,
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
import { expectNear, folder, load, modelFolder, modelNames } from "./fixtures.js";

interface Expected {
  readonly ids: number[];
  readonly k?: number;
  readonly logits_last: number[];
  readonly logits_first: number[];
  readonly logits_row_sums: number[];
  readonly statistic?: number[][];
  readonly experts?: number[][];
  readonly magnitude_experts?: number[][];
  readonly z_last?: number[][];
  readonly greedy_full: number[];
  readonly greedy_griffin?: number[];
  readonly full_logits_step2: number[];
  readonly griffin_logits_step2?: number[];
}

function open(
  name: string,
  answers = "expected.json",
): {
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
    expected: json(answers) as Expected,
  };
}

/** Row sums add 97 logits of up to 2e-4 each, whose errors do not all point the same way. */
const SUM = 2e-3;

describe.each(modelNames)("golden model %s", (name) => {
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

  it.runIf(expected.z_last)("shows the activations of the feed-forward neurons to a hook", () => {
    const last = new Map<number, Float32Array>();
    prefill(languageModel(params, config), ids, {
      onFeedForward: ({ layer, tokens, activations }) =>
        last.set(layer, activations.slice((tokens - 1) * config.ffSize)),
    });
    expected.z_last!.forEach((z, layer) => {
      expectNear(last.get(layer)!, z, 2e-4);
    });
  });

  it("writes the same greedy continuation, loaded from its folder", async () => {
    const model = await loadModel(modelFolder(name));
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

  it.runIf(expected.experts)(
    "chooses the same experts, and writes the same text with them alone",
    async () => {
      const model = await loadModel(modelFolder(name));
      const prompt = readPrompt(model, ids);
      prompt.statistics.layers.forEach((layer, i) => {
        expectNear(neuronScores(layer), expected.statistic![i]!, 1e-5);
      });
      const k = expected.k!;
      const experts = selectExperts(prompt.statistics, { numNeurons: k });
      expect(experts.layers.map((chosen) => [...chosen])).toEqual(expected.experts);
      expect(
        sparsify(model, prompt, { kind: "magnitude", numNeurons: k }).experts!.layers.map(
          (chosen) => [...chosen],
        ),
      ).toEqual(expected.magnitude_experts);
      for (const storage of ["packed", "indexed"] as const) {
        const steps = generateTokens(model, ids, {
          maxNewTokens: 16,
          stopTokens: [],
          sparsity: { kind: "griffin", numNeurons: k, storage },
        });
        expect([...steps].map(({ token }) => token)).toEqual(expected.greedy_griffin);
        const second = decodeStep(model, prompt.cache, expected.greedy_full[0]!, {
          feedForward: prunedFeedForward(model, experts, { storage }),
        });
        expectNear(second.logits, expected.griffin_logits_step2!, 2e-4);
      }
    },
  );

  it("reads in chunks, token by token, and from a branch of the cache what it reads at once", () => {
    const model = languageModel(params, config);
    const whole = prefill(model, ids, { logits: "all" }).logits;
    expectNear(prefill(model, ids, { logits: "all", chunkSize: 7 }).logits, whole, 1e-4);
    // its rotation is that of the length at each call
    if (config.positions.kind === "rope" && config.positions.scaling.type === "dynamic") return;
    const cut = Math.floor(ids.length / 2);
    const half = prefill(model, ids.slice(0, cut));
    const other = prefill(model, [5, 6, 7, 8, 9, 10], { cache: half.cache });
    let cache = half.cache;
    ids.slice(cut).forEach((token, i) => {
      const step = decodeStep(model, cache, token);
      expectNear(step.logits, whole.subarray((cut + i) * vocab, (cut + i + 1) * vocab), 1e-4);
      cache = step.cache;
    });
    expect([half.cache.length, other.cache.length, cache.length]).toEqual([
      cut,
      cut + 6,
      ids.length,
    ]);
  });
});

const long = modelNames.filter((name) =>
  readdirSync(modelFolder(name)).includes("expected-long.json"),
);
describe.each(long)("golden model %s beyond the length of its training", (name) => {
  const { config, params, expected } = open(name, "expected-long.json");
  const { ids } = expected;
  const vocab = config.vocabSize;

  it("gives the logits of the oracle, and writes the same greedy continuation", () => {
    const model = languageModel(params, config);
    const run = prefill(model, ids, { logits: "all" }).logits;
    for (const all of [run, toTypedArray(logits(params, ids, config))]) {
      expectNear(all.subarray(all.length - vocab), expected.logits_last, 2e-4);
      expectNear(all.subarray(0, vocab), expected.logits_first, 2e-4);
    }
    const steps = generateTokens(model, ids, {
      maxNewTokens: expected.greedy_full.length,
      stopTokens: [],
    });
    expect([...steps].map(({ token }) => token)).toEqual(expected.greedy_full);
  });
});

interface Quantised {
  readonly expect: "logits" | "either" | "refuse";
  readonly mentions: readonly string[];
  readonly ids?: number[];
  readonly logits_last: number[];
  readonly logits_first: number[];
  readonly logits_row_sums: number[];
  readonly greedy_full: number[];
}

describe.each(readdirSync(`${folder}/quantised`))("golden folder in fewer bits, %s", (name) => {
  const golden = load<Quantised>(`quantised/${name}/expected`);
  const words = new RegExp(golden.mentions.join("|"), "i");
  const loaded = loadModel(`${folder}/quantised/${name}`).catch((error: unknown) => error);

  it(`comes out as "${golden.expect}"`, async () => {
    const model = await loaded;
    if (golden.expect === "refuse" || (golden.expect === "either" && model instanceof Error)) {
      expect(model).toBeInstanceOf(FormatError);
      expect((model as Error).message).toMatch(words);
      return;
    }
    if (model instanceof Error) throw model;
    const { ids = [] } = golden;
    const run = prefill(model as LanguageModel, ids, { logits: "all" }).logits;
    const vocab = golden.logits_last.length;
    expectNear(run.subarray(run.length - vocab), golden.logits_last, 2e-4);
    expectNear(run.subarray(0, vocab), golden.logits_first, 2e-4);
    const sums = ids.map((_, t) =>
      run.subarray(t * vocab, (t + 1) * vocab).reduce((a, b) => a + b, 0),
    );
    expectNear(sums, golden.logits_row_sums, SUM);
    const written = [
      ...generateTokens(model as LanguageModel, ids, {
        maxNewTokens: golden.greedy_full.length,
        stopTokens: [],
      }),
    ];
    expect(written.map(({ token }) => token)).toEqual(golden.greedy_full);
  });

  it("is not taken for a plain model by its config", () => {
    const config: unknown = JSON.parse(
      readFileSync(`${folder}/quantised/${name}/config.json`, "utf8"),
    );
    const tensors = (): Record<string, NdArray> =>
      decodeSafetensors(readFileSync(`${folder}/quantised/${name}/model.safetensors`)).tensors;
    expect(() => languageModel(tensors(), modelConfig(config))).toThrow(FormatError);
  });
});
