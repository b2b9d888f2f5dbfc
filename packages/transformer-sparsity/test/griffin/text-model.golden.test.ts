import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { key } from "@provably/core-tensor/random";
import {
  type LanguageModel,
  type Prompt,
  type SparsityMethod,
  type Tokenizer,
  decodeStep,
  expectedJaccard,
  generateTokens,
  jaccardSimilarity,
  loadModel,
  loadTokenizer,
  neuronScores,
  prunedFeedForward,
  readPrompt,
  scoreContinuation,
  selectExperts,
  sparsify,
} from "../../src/griffin/index.js";
import { expectNear, folder, load, textModel } from "./fixtures.js";

interface Sparse {
  readonly k: number;
  readonly experts: number[][];
  readonly ids: number[];
  readonly gaps: number[];
  readonly step2_logits: number[];
}
interface Golden {
  readonly name: string;
  readonly text: string;
  readonly ids: number[];
  readonly prompt_last_logits: number[];
  readonly prompt_log_likelihood: number;
  readonly statistic: number[][];
  readonly full: { readonly ids: number[]; readonly gaps: number[] };
  readonly "griffin_0.75": Sparse;
  readonly "griffin_0.5": Sparse;
  readonly "griffin_0.25": Sparse;
  readonly "magnitude_0.5": Sparse;
}
const sum = (x: ArrayLike<number>): number => Array.from(x).reduce((a, b) => a + b, 0);
const sets = (layers: readonly Int32Array[]): number[][] => layers.map((chosen) => [...chosen]);

describe("the model trained on text", () => {
  let model: LanguageModel;
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    model = await loadModel(textModel);
    tokenizer = await loadTokenizer(textModel);
  });

  it("has the tokens that its tokenizer gives elsewhere", () => {
    for (const c of load<
      { text: string; ids: number[]; ids_without_special: number[]; decoded: string }[]
    >("tiny-llama-tokenizer")) {
      expect(tokenizer.encode(c.text)).toEqual(c.ids);
      expect(tokenizer.encode(c.text, { addSpecialTokens: false })).toEqual(c.ids_without_special);
      expect(tokenizer.decode(c.ids_without_special, { skipSpecialTokens: false })).toBe(c.decoded);
    }
    expect(tokenizer.decode([])).toBe("");
  });

  const written = (ids: number[], sparsity?: SparsityMethod): number[] =>
    [
      ...generateTokens(model, ids, {
        maxNewTokens: 64,
        stopTokens: [],
        ...(sparsity && { sparsity }),
      }),
    ].map(({ token }) => token);
  /** Up to the first step where two tokens are nearly as likely. */
  const expectSame = (actual: number[], ids: number[], gaps: number[]): void => {
    const unsure = gaps.findIndex((gap) => gap < 2e-3);
    const n = unsure < 0 ? ids.length : unsure;
    expect(n).toBeGreaterThan(8);
    expect(actual.slice(0, n)).toEqual(ids.slice(0, n));
  };

  it.each(load<{ prompts: Golden[] }>("tiny-llama-text").prompts)(
    "reads $name and writes on as elsewhere",
    (golden) => {
      expect(tokenizer.encode(golden.text).slice(0, golden.ids.length)).toEqual(golden.ids);
      const prompt = readPrompt(model, golden.ids);
      expectNear(prompt.logits, golden.prompt_last_logits, 2e-4);
      prompt.statistics.layers.forEach((layer, i) => {
        expectNear(neuronScores(layer), golden.statistic[i]!, 1e-5);
      });
      const first = readPrompt(model, golden.ids.slice(0, 1));
      expect(sum(scoreContinuation(model, first, golden.ids.slice(1)).logProbs)).toBeCloseTo(
        golden.prompt_log_likelihood,
        2,
      );
      expectSame(written(golden.ids), golden.full.ids, golden.full.gaps);
      for (const density of [0.75, 0.5, 0.25] as const) {
        const expected = golden[`griffin_${density}`];
        const experts = selectExperts(prompt.statistics, { density });
        expect(sets(experts.layers)).toEqual(expected.experts);
        const feedForward = prunedFeedForward(model, experts);
        expectNear(
          decodeStep(model, prompt.cache, expected.ids[0]!, { feedForward }).logits,
          expected.step2_logits,
          2e-4,
        );
        expectSame(written(golden.ids, { kind: "griffin", density }), expected.ids, expected.gaps);
      }
      const magnitude = sparsify(model, prompt, { kind: "magnitude", density: 0.5 });
      expect(sets(magnitude.experts!.layers)).toEqual(golden["magnitude_0.5"].experts);
      expectSame(
        written(golden.ids, { kind: "magnitude", density: 0.5 }),
        golden["magnitude_0.5"].ids,
        golden["magnitude_0.5"].gaps,
      );
    },
  );

  it("loses little in fewer bits", async () => {
    const { ids, prompt_log_likelihood } = load<{ prompts: Golden[] }>("tiny-llama-text")
      .prompts[0]!;
    const loss = (m: LanguageModel): number =>
      sum(scoreContinuation(m, readPrompt(m, ids.slice(0, 1)), ids.slice(1)).logProbs);
    // finer than the 16-bit floats of the file
    expect(loss(await loadModel(textModel, { dtype: "int16" }))).toBeCloseTo(
      prompt_log_likelihood,
      2,
    );
    expect(
      Math.abs(loss(await loadModel(textModel, { dtype: "int8" })) / prompt_log_likelihood - 1),
    ).toBeLessThan(0.01);
  });

  describe("on held-out windows", () => {
    const { nll } = load<{ nll: number[][] }>("tiny-llama-validation-windows");
    const file = readFileSync(join(folder, "tiny-llama-validation-windows.u16"));
    const all = new Uint16Array(file.buffer.slice(file.byteOffset, file.byteOffset + file.length));
    const windows = nll.map((_, i) => [...all.subarray(256 * i, 256 * (i + 1))]);
    const score = (prompt: Prompt, ids: number[], method?: SparsityMethod): Float64Array => {
      const sparse = method && sparsify(model, prompt, method);
      const { logProbs } = scoreContinuation(model, prompt, ids.slice(128), sparse);
      sparse?.free();
      return logProbs;
    };

    interface Losses {
      readonly full: Float64Array;
      readonly griffin: Float64Array;
      readonly magnitude: Float64Array;
    }
    let prompts: Prompt[];
    let losses: Losses[];
    beforeAll(() => {
      prompts = windows.map((ids) => readPrompt(model, ids.slice(0, 128)));
      const { experts } = sparsify(model, prompts[0]!, { kind: "magnitude", density: 0.5 });
      losses = windows.map((ids, i) => ({
        full: score(prompts[i]!, ids),
        griffin: score(prompts[i]!, ids, { kind: "griffin", density: 0.5 }),
        magnitude: score(prompts[i]!, ids, { kind: "experts", experts: experts! }),
      }));
    });

    it("loses as much as elsewhere: full, GRIFFIN and magnitude at 50 %, to 0.1 %", () => {
      losses.forEach(({ full, griffin, magnitude }, i) => {
        expectNear([full, griffin, magnitude].map((logProbs) => -sum(logProbs)), nll[i]!, 0, 1e-3); // prettier-ignore
      });
    });

    it("flock: the prompt's neurons are those of what follows, more than those of another text", ({
      task,
    }) => {
      const chosen = (ids: readonly number[]): readonly Int32Array[] =>
        selectExperts(readPrompt(model, ids).statistics, { density: 0.25 }).layers;
      const halves = windows.map((ids) => ({
        first: chosen(ids.slice(0, 128)),
        second: chosen(ids.slice(128)),
      }));
      const alike = (a: readonly Int32Array[], b: readonly Int32Array[]): number =>
        a.reduce((total, layer, i) => total + jaccardSimilarity(layer, b[i]!), 0) / a.length;
      const mean = (values: readonly number[]): number => sum(values) / values.length;
      const same = mean(halves.map(({ first, second }) => alike(first, second)));
      const others = mean(
        halves.map(({ first }, i) => alike(first, halves[(i + 5) % halves.length]!.second)),
      );
      const { ffSize } = model.config;
      const chance = expectedJaccard(ffSize, Math.floor(ffSize / 4));
      expect(same).toBeGreaterThan(others);
      expect(others).toBeGreaterThan(chance);
      task.meta.claim = {
        says: "Flocking: within a text the same feed-forward neurons stay active, and between texts they differ",
        source: "Dong, Chen, Chi (2024), section 3",
        measured: `best quarters of the neurons of the two halves of a text: Jaccard similarity ${same.toFixed(2)}; of different texts ${others.toFixed(2)}; by chance ${chance.toFixed(2)}; 16 texts of 256 tokens, a model of 3.5 million parameters`,
      };
    });

    it("orders the ways to choose neurons as on the whole validation set, with perplexities near those", ({
      task,
    }) => {
      const golden = load<{ continuation_perplexity: Record<string, number> }>(
        "tiny-llama-perplexity",
      ).continuation_perplexity;
      const mean = (logProbs: (i: number) => Float64Array): number =>
        sum(windows.map((_, i) => -sum(logProbs(i).subarray(1)) / 127)) / windows.length;
      const by = (method: (i: number) => SparsityMethod) =>
        mean((i) => score(prompts[i]!, windows[i]!, method(i)));
      const density = 0.5;
      const log = {
        full: mean((i) => losses[i]!.full),
        "griffin_0.75": by(() => ({ kind: "griffin", density: 0.75 })),
        "griffin_0.5": mean((i) => losses[i]!.griffin),
        other_prompt_0_5: by((i) => ({
          kind: "experts",
          experts: selectExperts(prompts[(i + 5) % 16]!.statistics, { density }),
        })),
        random_0_5: by((i) => ({ kind: "random", density, key: key(i) })),
        magnitude_0_5: mean((i) => losses[i]!.magnitude),
      };
      const order = Object.values(log);
      expect(order).toEqual([...order].sort((a, b) => a - b));
      // 16 of 304 windows, whose losses have a standard deviation of about 0.45: 4 standard errors of the mean are 0.45 for the full model. What sparsity adds varies less
      const added = (name: keyof typeof log): number => log[name] - log.full;
      expect(Math.abs(log.full - Math.log(golden["full"]!))).toBeLessThan(0.45);
      for (const name of Object.keys(log) as (keyof typeof log)[])
        expect(
          Math.abs(added(name) - Math.log(golden[name]! / golden["full"]!)),
          name,
        ).toBeLessThan(name.startsWith("griffin") ? 0.12 : 0.3);
      const perplexity = (name: keyof typeof log): string => Math.exp(log[name]).toFixed(1);
      task.meta.claim = {
        says: "Neurons chosen by the prompt lose less than those of another prompt, random ones, or those with the largest weights",
        source: "Dong, Chen, Chi (2024), tables of generation and ablations",
        measured: `perplexity of the second halves of 16 texts with half of the neurons: GRIFFIN ${perplexity("griffin_0.5")}, another prompt's ${perplexity("other_prompt_0_5")}, random ${perplexity("random_0_5")}, magnitude ${perplexity("magnitude_0_5")}; all neurons ${perplexity("full")}, GRIFFIN with three quarters ${perplexity("griffin_0.75")}`,
      };
    });
  });
});
