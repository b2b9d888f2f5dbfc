import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type NdArray, array, grad, item, mean, toTypedArray } from "@provably/core-tensor";
import { pinMatrix, unpinned } from "@provably/core-tensor/pinned";
import { key } from "@provably/core-tensor/random";
import {
  type LanguageModel,
  type ModelConfig,
  type SparseFeedForward,
  balancedDensities,
  certifyContinuation,
  certifyExperts,
  classificationLogits,
  decodeStep,
  expertsFromJson,
  expertsToJson,
  generateTokens,
  languageModel,
  logits,
  mergeStatistics,
  modelConfig,
  neuronScores,
  neuronStatistic,
  prefill,
  prunedFeedForward,
  randomParameters,
  readPrompt,
  sparsitySavings,
  selectExperts,
  selectNeurons,
  sparsify,
  truncateCache,
} from "../../src/griffin/index.js";
import { expectNear } from "./fixtures.js";

const SEED = { seed: 20261127 };
const rows = (maxTokens: number, n: number) =>
  fc.array(
    fc.array(
      fc.double({ min: -8, max: 8, noNaN: true }).map((v) => (Math.abs(v) < 1e-100 ? 0 : v)),
      { minLength: n, maxLength: n },
    ),
    { minLength: 1, maxLength: maxTokens },
  );
const sum = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0);
const squares = (z: number[][]): Float64Array => neuronStatistic(z.flat(), z[0]!.length).sumSquares;

/** Sparse blocks as the option of a step. */
const blocks = ({ feedForward }: SparseFeedForward) => ({ feedForward });

describe("the statistic", () => {
  it("sums in squares to the number of tokens with any activation", () => {
    fc.assert(
      fc.property(rows(6, 5), (z) => {
        const active = z.filter((row) => row.some((v) => v !== 0)).length;
        expect(sum(squares(z))).toBeCloseTo(active, 9);
      }),
      SEED,
    );
  });

  it("does not see the scale or the order of tokens, and follows a permutation of neurons", () => {
    fc.assert(
      fc.property(rows(5, 4), fc.double({ min: 0.01, max: 100, noNaN: true }), (z, c) => {
        const s = squares(z);
        expectNear(squares(z.map((row, t) => (t === 0 ? row.map((v) => -c * v) : row))), s, 1e-9);
        expectNear(squares([...z].reverse()), s, 1e-9);
        expectNear(squares(z.map((row) => [...row].reverse())).reverse(), s, 1e-9);
      }),
      SEED,
    );
  });

  it("adds up over chunks", () => {
    fc.assert(
      fc.property(rows(4, 3), rows(4, 3), (a, b) => {
        const layer = (z: number[][]) => ({ layers: [neuronStatistic(z.flat(), 3)] });
        const both = mergeStatistics(layer(a), layer(b)).layers[0]!;
        expectNear(both.sumSquares, squares([...a, ...b]), 1e-12);
        expect(both.tokens).toBe(a.length + b.length);
      }),
      SEED,
    );
  });

  it("picks, of all sets of k, the one with the least relative error: brute force", () => {
    fc.assert(
      fc.property(rows(5, 7), fc.integer({ min: 1, max: 7 }), (z, k) => {
        const error = (chosen: readonly number[]): number =>
          z.reduce((total, row) => {
            const norm = row.reduce((s, v) => s + v * v, 0);
            return (
              total +
              (norm === 0
                ? 0
                : row.reduce((s, v, j) => s + (chosen.includes(j) ? 0 : v * v), 0) / norm)
            );
          }, 0);
        let least = Infinity;
        for (let bits = 0; bits < 128; bits++) {
          const set = [0, 1, 2, 3, 4, 5, 6].filter((j) => bits & (1 << j));
          if (set.length === k) least = Math.min(least, error(set));
        }
        const chosen = selectNeurons(neuronScores(neuronStatistic(z.flat(), 7)), k);
        expect(error([...chosen])).toBeCloseTo(least, 9);
      }),
      { ...SEED, numRuns: 50 },
    );
  });
});

const config = (extra: object = {}): ModelConfig =>
  modelConfig({
    model_type: "llama",
    vocab_size: 61,
    hidden_size: 24,
    intermediate_size: 40,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 64,
    ...extra,
  });

describe("a small model", () => {
  let model: LanguageModel;
  const ids = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 32, 38, 46];
  beforeAll(() => {
    model = languageModel(randomParameters(key(1), config(), { scale: 0.3 }), config());
  });

  it("keeps all of itself at density 1, packed or indexed, and gives the same tokens", () => {
    const prompt = readPrompt(model, ids);
    const full = decodeStep(model, prompt.cache, 11).logits;
    for (const storage of ["packed", "indexed"] as const)
      expectNear(
        decodeStep(
          model,
          prompt.cache,
          11,
          blocks(sparsify(model, prompt, { kind: "griffin", density: 1, storage })),
        ).logits,
        full,
        1e-5,
      );
    const write = (options: object) =>
      [...generateTokens(model, ids, { maxNewTokens: 12, ...options })].map(({ token }) => token);
    expect(write({ sparsity: { kind: "griffin", density: 1 } })).toEqual(write({}));
  });

  it("without any neuron is attention alone", () => {
    const empty = readPrompt(model, ids);
    const none = sparsify(model, empty, { kind: "griffin", density: 0, allowEmpty: true });
    const masked = decodeStep(model, empty.cache, 11, {
      feedForward: (_, x) => new Float32Array(x.length),
    }).logits;
    expectNear(decodeStep(model, empty.cache, 11, blocks(none)).logits, masked, 0);
  });

  it("pruned equals the full block with the other activations set to zero", () => {
    const prompt = readPrompt(model, ids);
    const experts = selectExperts(prompt.statistics, { density: 0.4 });
    const tokens = [4, 8, 15, 16, 23, 42];
    const run = (storage: "packed" | "indexed") =>
      prefill(model, tokens, {
        cache: prompt.cache,
        logits: "all",
        feedForward: prunedFeedForward(model, experts, { storage }),
      }).logits;
    expectNear(run("packed"), run("indexed"), 1e-5);
    let { cache } = prompt;
    const single = tokens.flatMap((token) => {
      const step = decodeStep(model, cache, token, {
        feedForward: prunedFeedForward(model, experts),
      });
      cache = step.cache;
      return [...step.logits];
    });
    expectNear(run("packed"), single, 1e-4);
  });

  it("the statistic of two turns is that of the whole text, and the caches agree", () => {
    const whole = readPrompt(model, ids);
    const second = readPrompt(model, ids.slice(6), {
      continueFrom: readPrompt(model, ids.slice(0, 6)),
    });
    second.statistics.layers.forEach((layer, i) => {
      expectNear(layer.sumSquares, whole.statistics.layers[i]!.sumSquares, 1e-4);
    });
    expectNear(second.logits, whole.logits, 1e-4);
    expect(second.ids).toEqual(ids);
  });

  it("caches are values: branches and cuts do not disturb each other", () => {
    const { cache } = prefill(model, ids);
    const before = decodeStep(model, cache, 1).logits;
    const cut = truncateCache(cache, 5);
    prefill(model, [7, 7, 7, 7], { cache: cut });
    prefill(model, [1, 2, 3], { cache });
    expectNear(decodeStep(model, cache, 1).logits, before, 0);
    expectNear(
      prefill(model, ids.slice(5), { cache: cut }).logits,
      prefill(model, ids).logits,
      1e-5,
    );
    expect(() => truncateCache(cut, 6)).toThrow(/length must be an integer in 0 … 5/);
  });

  it("draws the same tokens with the same key, others with another, and reports log-probabilities", () => {
    const write = (seed: number) => {
      const steps = generateTokens(model, ids, {
        maxNewTokens: 16,
        sampling: { temperature: 1 },
        key: key(seed),
        alternatives: 3,
      });
      return [...steps];
    };
    expect(write(1)).toEqual(write(1));
    expect(write(1).map(({ token }) => token)).not.toEqual(write(2).map(({ token }) => token));
    const [first] = write(1);
    const z = prefill(model, ids).logits;
    const normalizer = Math.log(sum(z.map(Math.exp)));
    expect(first!.logProb).toBeCloseTo(z[first!.token]! - normalizer, 5);
    expect(first!.alternatives[0]!.logProb).toBeCloseTo(Math.max(...z) - normalizer, 5);
  });

  it("chooses anew while it writes, and starts the next turn where it ended", () => {
    const steps = generateTokens(model, ids, {
      maxNewTokens: 12,
      sparsity: { kind: "griffin", density: 0.3 },
      refreshEvery: 4,
    });
    let end = steps.next();
    while (!end.done) end = steps.next();
    const { conversation, experts } = end.value;
    expect(conversation.statistics.layers[0]!.tokens).toBe(ids.length + 2); // steps 4 and 8 ran in full
    expect(experts!.layers[0]!.length).toBe(12);
    expect(conversation.cache.length).toBe(conversation.ids.length);
    expect(readPrompt(model, [1], { continueFrom: conversation }).ids.length).toBe(
      conversation.ids.length + 1,
    );
  });

  it("stops at the reader's wish, at the last position, and on abort", () => {
    const end = (steps: ReturnType<typeof generateTokens>) => {
      let step = steps.next();
      while (!step.done) step = steps.next();
      return step.value;
    };
    expect(
      end(generateTokens(model, ids, { maxNewTokens: 500, stopTokens: [] })).finishReason,
    ).toBe("context");
    const asked = generateTokens(model, ids);
    asked.next();
    expect(asked.next("stop")).toMatchObject({ done: true, value: { finishReason: "stop" } });
    const abort = new AbortController();
    const aborted = generateTokens(model, ids, { signal: abort.signal });
    aborted.next();
    abort.abort(new Error("enough"));
    expect(() => aborted.next()).toThrow("enough");
  });

  it("reads all but the last token in full when it classifies", () => {
    const prompt = readPrompt(model, ids.slice(0, -1));
    const expected = decodeStep(
      model,
      prompt.cache,
      ids.at(-1)!,
      blocks(sparsify(model, prompt, { kind: "griffin", density: 0.5 })),
    ).logits;
    expectNear(classificationLogits(model, ids, { kind: "griffin", density: 0.5 }), expected, 0);
  });

  it("every method keeps the model at density 1", () => {
    const prompt = readPrompt(model, ids, { keepActivations: true });
    const full = decodeStep(model, prompt.cache, 11).logits;
    for (const kind of ["griffin", "magnitude", "wanda", "cats", "teal"] as const)
      expectNear(
        decodeStep(model, prompt.cache, 11, blocks(sparsify(model, prompt, { kind, density: 1 })))
          .logits,
        full,
        1e-5,
      );
    expectNear(
      decodeStep(
        model,
        prompt.cache,
        11,
        blocks(sparsify(model, prompt, { kind: "random", density: 1, key: key(0) })),
      ).logits,
      full,
      1e-5,
    );
  });

  it("CATS and TEAL drop about the share of neurons that they are asked to, on the text they saw", () => {
    const prompt = readPrompt(model, ids, { keepActivations: true });
    for (const kind of ["cats", "teal"] as const) {
      const near = decodeStep(
        model,
        prompt.cache,
        11,
        blocks(sparsify(model, prompt, { kind, density: 0.9 })),
      ).logits;
      const far = decodeStep(
        model,
        prompt.cache,
        11,
        blocks(sparsify(model, prompt, { kind, density: 0.2 })),
      ).logits;
      const full = decodeStep(model, prompt.cache, 11).logits;
      const distance = (x: Float32Array) => Math.hypot(...x.map((v, i) => v - full[i]!));
      expect(distance(near)).toBeLessThan(distance(far));
    }
  });

  it("spends densities where they save most", () => {
    const { statistics } = readPrompt(model, ids);
    const densities = balancedDensities(statistics, 0.5);
    expect(sum(densities) / 3).toBeCloseTo(0.5, 1);
    const lost = (density: number | number[]) =>
      sum(selectExperts(statistics, { density }).retainedEnergy.map((eta) => 1 - eta));
    expect(lost(densities)).toBeLessThanOrEqual(lost(0.5) + 1e-9);
  });

  it("expert sets survive JSON, and belong to their model", () => {
    const experts = selectExperts(readPrompt(model, ids).statistics, { density: 0.5 });
    const json: unknown = JSON.parse(JSON.stringify(expertsToJson(model, experts)));
    expect(expertsFromJson(model, json)).toEqual(experts);
    const other = languageModel(randomParameters(key(2), config(), { scale: 0.3 }), config());
    expect(() => expertsFromJson(other, json)).toThrow(/belong to another model/);
  });

  it("int8 and int16 weights give what their rounded values give in full precision", () => {
    const params = randomParameters(key(1), config(), { scale: 0.3 });
    for (const dtype of ["int16", "int8"] as const) {
      const stored = (x: NdArray): NdArray => unpinned(pinMatrix(x, { dtype }));
      // a neuron is a column of down
      const rounded = Object.entries(params).map(
        ([name, x]) =>
          [name, x.dimension < 2 ? x : name.includes("down") ? stored(x.T).T : stored(x)] as const,
      );
      const expected = prefill(languageModel(Object.fromEntries(rounded), config()), ids).logits;
      // vectors that meet bytes are rounded to 16 bits, in 22 products in a row
      const scale = Math.max(...expected.map(Math.abs));
      expectNear(
        prefill(languageModel(params, config(), { dtype }), ids).logits,
        expected,
        1e-3 * scale,
      );
      let step = prefill(languageModel(params, config(), { dtype }), ids.slice(0, 1));
      for (const id of ids.slice(1))
        step = decodeStep(languageModel(params, config(), { dtype }), step.cache, id);
      expectNear(step.logits, expected, 1e-3 * scale);
    }
  });

  describe("certificates", () => {
    const complement = (chosen: Int32Array) =>
      Int32Array.from({ length: 40 }, (_, j) => j).filter((j) => !chosen.includes(j));

    it("the best neurons have the least error; swapping one of them breaks the certificate", () => {
      const experts = selectExperts(readPrompt(model, ids).statistics, { density: 0.5 });
      const good = certifyExperts(model, ids, experts);
      expect(good.holds).toBe(true);
      expect(good.value).toBeCloseTo(1 - sum(experts.retainedEnergy) / 3, 6);
      const [first, ...rest] = experts.layers;
      const swapped = [Int32Array.from([...first!.slice(1), complement(first!)[0]!]), ...rest];
      const bad = certifyExperts(model, ids, { ...experts, layers: swapped });
      expect(bad.holds).toBe(false);
      expect(bad.value).toBeGreaterThan(good.value);
      expect(certifyExperts(model, [1, 2, 3, 4, 5, 6], experts).holds).toBe(false);
    });

    it("the divergence on a continuation is that of the formula, and the worst neurons break the bound", () => {
      const prompt = readPrompt(model, ids);
      const rest = [1, 2, 3, 4, 5, 6, 7, 8];
      const experts = selectExperts(prompt.statistics, { density: 0.9 });
      const kept = sparsify(model, prompt, { kind: "experts", experts });
      const good = certifyContinuation(model, prompt, rest, kept, { maxDivergence: 0.2 });
      expect(good.holds).toBe(true);
      const worst = { ...experts, layers: experts.layers.map(complement) };
      const bad = certifyContinuation(
        model,
        prompt,
        rest,
        sparsify(model, prompt, { kind: "experts", experts: worst }),
        { maxDivergence: 0.2 },
      );
      expect(bad.holds).toBe(false);
      expect(bad.value).toBeGreaterThan(good.value);
      const softmax = (z: Float32Array) => z.map(Math.exp).map((e, _, all) => e / sum(all));
      let [a, b] = [prompt.cache, prompt.cache];
      const divergences = rest.slice(0, -1).map((token) => {
        const [p, q] = [decodeStep(model, a, token), decodeStep(model, b, token, blocks(kept))];
        [a, b] = [p.cache, q.cache];
        const [u, v] = [softmax(p.logits), softmax(q.logits)];
        return sum(u.map((x, i) => x * Math.log(x / v[i]!)));
      });
      expect(good.value).toBeCloseTo(sum(divergences) / 7, 4);
    });

    it("counts what is saved", () => {
      const experts = selectExperts(readPrompt(model, ids).statistics, { density: 0.5 });
      const { bytesSaved, flopsSaved } = sparsitySavings(model, experts);
      expect([bytesSaved, flopsSaved]).toEqual([3 * 3 * 24 * 20 * 4, 3 * 3 * 24 * 20 * 2]);
    });
  });

  it("has the gradient that finite differences have", () => {
    const params = randomParameters(key(1), config(), { scale: 0.3 });
    const loss = (p: typeof params) => mean(logits(p, ids, config()));
    const slope = grad(loss)(params);
    expect(Object.keys(slope).sort()).toEqual(Object.keys(params).sort());
    const name = "model.layers.1.mlp.gate_proj.weight";
    const at = 5;
    const nudged = (h: number) => {
      const data = toTypedArray(params[name]!).slice();
      data[at]! += h;
      return item(loss({ ...params, [name]: array(data, { shape: params[name]!.shape }) }));
    };
    const h = 1e-2;
    // single precision: differences of numbers of order 0.1 by 2e-2
    expect(toTypedArray(slope[name]!)[at]).toBeCloseTo((nudged(h) - nudged(-h)) / (2 * h), 3);
  });

  it("names what is wrong", () => {
    const prompt = readPrompt(model, ids);
    const choose = (options: object) => () => selectExperts(prompt.statistics, options);
    expect(choose({ density: 0 })).toThrow(/density must be in \(0, 1\], got 0 .*allowEmpty/);
    expect(choose({ density: 1.5 })).toThrow(/got 1.5/);
    expect(choose({ density: NaN })).toThrow(/got NaN/);
    expect(choose({ density: 0.01 })).toThrow(
      /keeps none of the 40 neurons of layer 0; the smallest that keeps one is 0.025/,
    );
    expect(choose({ density: [0.5, 0.5] })).toThrow(
      /must hold 3 numbers, one for each layer, got 2/,
    );
    expect(choose({ numNeurons: 41 })).toThrow(/numNeurons must be in 1 … 40, got 41/);
    expect(choose({ numNeurons: 2.5 })).toThrow(/numNeurons must be an integer, got 2.5/);
    expect(choose({})).toThrow(/give either density or numNeurons/);
    expect(choose({ numNeurons: 3, method: "sample" })).toThrow(/needs a key/);
    const set = (first: number[]) => ({
      layers: [Int32Array.from(first), Int32Array.of(1), Int32Array.of(2)],
      retainedEnergy: [],
    });
    expect(() => prunedFeedForward(model, set([3, 3]))).toThrow(/layer 0 of experts holds 3 twice/);
    expect(() => prunedFeedForward(model, set([40]))).toThrow(/indices in 0 … 39, got 40/);
    const sorted = decodeStep(model, prompt.cache, 1, {
      feedForward: prunedFeedForward(model, set([1, 5])),
    }).logits;
    expectNear(
      decodeStep(model, prompt.cache, 1, { feedForward: prunedFeedForward(model, set([5, 1])) })
        .logits,
      sorted,
      0,
    );
    expect(() => prefill(model, [])).toThrow(/at least one token/);
    expect(() => prefill(model, [61])).toThrow(/token 0 must be an integer in 0 … 60, got 61/);
    expect(() => prefill(model, new Array<number>(65).fill(1))).toThrow(
      /65 tokens, the model's positions end at 64/,
    );
    expect(() => classificationLogits(model, [1], { kind: "griffin", density: 0.5 })).toThrow(
      /at least two tokens/,
    );
    expect(() => [...generateTokens(model, ids, { sampling: {} })]).toThrow(/need a key/);
    expect(() => sparsify(model, prompt, { kind: "cats", density: 0.5 })).toThrow(
      /keepActivations/,
    );
    for (const bad of [NaN, Infinity])
      expect(() => neuronStatistic([1, 2, bad, 3], 2)).toThrow(/token 1 are not finite/);
    expect(neuronStatistic([0, 0, 1e-300, 0], 2).sumSquares).toEqual(Float64Array.of(1, 0));
  });

  it("works with a prompt of one token", () => {
    const { statistics } = readPrompt(model, [7]);
    statistics.layers.forEach(({ sumSquares, tokens }) => {
      expect(sum(sumSquares)).toBeCloseTo(1, 9);
      expect(tokens).toBe(1);
    });
  });
});
