import { DomainError } from "@provably/core-tensor";
import { unpinned } from "@provably/core-tensor/pinned";
import { key } from "@provably/core-tensor/random";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type FeedForward,
  type LanguageModel,
  certifyExperts,
  costModel,
  decodeStep,
  expertsFromJson,
  expertsToJson,
  generateTokens,
  loadModel,
  mergeStatistics,
  neuronScores,
  neuronStatistic,
  prefill,
  readPrompt,
  selectExperts,
  sparsify,
  sparsitySavings,
} from "../../src/griffin/index.js";
import { blockSizes } from "../../src/griffin/model/description.js";
import { naiveActivations } from "../../src/griffin/measure/naive.js";
import { denseFeedForward } from "../../src/griffin/runtime/feed-forward.js";
import { expectNear, load, modelFolder } from "./fixtures.js";

describe.each(["mixtral", "qwen3-moe"])("a mixture of experts, %s", (name) => {
  const { ids } = load<{ readonly ids: number[] }>(`models/${name}/expected`);
  let model: LanguageModel;
  beforeAll(async () => {
    model = await loadModel(modelFolder(name));
  });
  const starts = (layer: number): number[] => {
    let from = 0;
    return blockSizes(model.config, layer).map((size) => (from += size) - size);
  };

  it("scores the neurons of each expert by the tokens that went to it", () => {
    const plain = naiveActivations(model, ids, ids.length);
    readPrompt(model, ids).statistics.layers.forEach((layer, i) => {
      const sizes = blockSizes(model.config, i);
      const expected = sizes.flatMap((size, e) => {
        const from = starts(i)[e]!;
        const own = plain[i]!.map((z) => [...z.subarray(from, from + size)]);
        return [...neuronScores(neuronStatistic(own.flat(), size))];
      });
      expectNear(neuronScores(layer), expected, 1e-5);
      expect(layer.tokens).toBe(ids.length);
    });
  });

  it("adds up over chunks and turns of a conversation", () => {
    const whole = readPrompt(model, ids).statistics;
    const first = readPrompt(model, ids.slice(0, 9));
    const both = readPrompt(model, ids.slice(9), { continueFrom: first, chunkSize: 4 }).statistics;
    both.layers.forEach(({ sumSquares, tokens, blocks }, i) => {
      expectNear(sumSquares, [...whole.layers[i]!.sumSquares], 1e-5);
      expect([tokens, blocks]).toEqual([ids.length, whole.layers[i]!.blocks]);
    });
    expect(() => mergeStatistics(whole, { layers: whole.layers.map(({ blocks: _, ...rest }) => rest) })).toThrow(DomainError); // prettier-ignore
  });

  it("keeps the same share of every expert, the best by its own scores, and all of an expert that no token went to", () => {
    const { statistics } = readPrompt(model, ids.slice(0, 2));
    const { layers } = selectExperts(statistics, { density: 0.5 });
    let untouched = 0;
    layers.forEach((chosen, i) => {
      blockSizes(model.config, i).forEach((size, e) => {
        const from = starts(i)[e]!;
        const scores = neuronScores(statistics.layers[i]!).subarray(from, from + size);
        const own = [...chosen].filter((j) => j >= from && j < from + size).map((j) => j - from);
        if (scores.every((s) => s === 0)) {
          untouched++;
          expect(own.length).toBe(size);
          return;
        }
        expect(own.length).toBe(size / 2);
        const kept = Math.min(...own.map((j) => scores[j]!));
        const left = Math.max(...scores.filter((_, j) => !own.includes(j)));
        expect(kept).toBeGreaterThanOrEqual(left);
      });
    });
    expect(untouched).toBeGreaterThan(0);
  });

  it("computes with chosen neurons what it computes with the others at zero", () => {
    const prompt = readPrompt(model, ids);
    const { layers } = selectExperts(prompt.statistics, { density: 0.5 });
    const masked: FeedForward = (block, x) => {
      const { mixture, down } = block.weights;
      const kept = new Set(layers[block.layer]);
      let z = new Float32Array();
      denseFeedForward(block, x, (all) => (z = all.slice()));
      const rows = block.expert === undefined ? undefined : mixture!.rows[block.expert];
      const y = new Float32Array(x.length);
      z.forEach((value, j) => {
        const row = rows?.[j] ?? j;
        if (!kept.has(row)) return;
        unpinned(down.weight, Int32Array.of(row)).data.forEach((w, i) => (y[i]! += value * w));
      });
      return y;
    };
    const expected = decodeStep(model, prompt.cache, 5, { feedForward: masked }).logits;
    for (const storage of ["packed", "indexed"] as const) {
      const { feedForward } = sparsify(model, prompt, { kind: "griffin", density: 0.5, storage });
      expectNear(decodeStep(model, prompt.cache, 5, { feedForward }).logits, [...expected], 1e-4);
    }
  });

  it("loses nothing at full density, and writes with fewer neurons of every method that keeps whole ones", () => {
    const prompt = readPrompt(model, ids);
    const full = decodeStep(model, prompt.cache, 5).logits;
    const all = sparsify(model, prompt, { kind: "griffin", density: 1 });
    const { feedForward } = all;
    expectNear(decodeStep(model, prompt.cache, 5, { feedForward }).logits, [...full], 1e-5);
    for (const method of [
      { kind: "griffin", density: 0.5 },
      { kind: "magnitude", density: 0.5 },
      { kind: "random", key: key(1), density: 0.5 },
    ] as const) {
      const { experts } = sparsify(model, prompt, method);
      expect(experts!.layers.every((own, i) => own.length >= blockSizes(model.config, i).reduce((a, b) => a + b, 0) / 2)).toBe(true); // prettier-ignore
      const written = generateTokens(model, ids, { maxNewTokens: 4, stopTokens: [], sparsity: method }); // prettier-ignore
      expect([...written].length).toBe(4);
    }
  });

  it("is certified by a plain decoder, and fails when a neuron is swapped or an expert loses its tokens", () => {
    const experts = selectExperts(readPrompt(model, ids).statistics, { density: 0.5 });
    expect(certifyExperts(model, ids, experts).verdict).toBe("holds");
    const last = experts.layers.length - 1;
    const chosen = new Set(experts.layers[last]);
    // within one expert, so that the numbers stay
    const out = [...chosen].find((j) => j < blockSizes(model.config, last)[0]!)!;
    const into = Array.from(Array(blockSizes(model.config, last)[0]).keys()).find((j) => !chosen.has(j))!; // prettier-ignore
    const swapped = Int32Array.from([...chosen].map((j) => (j === out ? into : j)));
    const layers = experts.layers.map((own, i) => (i === last ? swapped : own));
    expect(certifyExperts(model, ids, { ...experts, layers }).verdict).toBe("fails");
    const damaged = {
      ...model,
      layers: model.layers.map((layer, i) => {
        const { mixture } = layer.feedForward;
        if (i !== last || !mixture) return layer;
        const rows = [mixture.rows[1]!, mixture.rows[0]!, ...mixture.rows.slice(2)];
        return { ...layer, feedForward: { ...layer.feedForward, mixture: { ...mixture, rows } } };
      }),
    };
    const again = selectExperts(readPrompt(model, ids).statistics, { density: 0.5 });
    expect(certifyExperts(damaged, ids, again).verdict).toBe("fails");
  });

  it("reads its choice back from JSON, and counts what one token reads", () => {
    const experts = selectExperts(readPrompt(model, ids).statistics, { density: 0.5 });
    const stored: unknown = JSON.parse(JSON.stringify(expertsToJson(model, experts)));
    expect(expertsFromJson(model, stored).layers).toEqual(experts.layers);
    const { mixture, hiddenSize: d, ffSize } = model.config;
    const mixed = mixture!.layers.filter((is) => is).length;
    const perToken =
      mixed * mixture!.perToken * mixture!.expertSize + (model.layers.length - mixed) * ffSize;
    expect(costModel(model.config).feedForwardWeights).toBe(3 * d * perToken);
    expect(sparsitySavings(model, experts).bytesSaved).toBeGreaterThan(0);
  });

  it("refuses what asks for the activations of every neuron at every token", () => {
    expect(() => readPrompt(model, ids, { keepActivations: true })).toThrow(/mixtures of experts/);
    const prompt = readPrompt(model, ids);
    for (const kind of ["wanda", "cats", "teal"] as const)
      expect(() => sparsify(model, prompt, { kind, density: 0.5 })).toThrow(DomainError);
    expect(prefill(model, ids).logits.length).toBe(model.config.vocabSize);
  });
});
