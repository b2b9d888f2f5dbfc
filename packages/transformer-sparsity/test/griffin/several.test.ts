/** Several tokens at a time, and several texts: what is written is what one token after another writes. */
import { toTypedArray } from "@provably/core-tensor";
import { unpinned } from "@provably/core-tensor/pinned";
import { foldIn, key } from "@provably/core-tensor/random";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type GenerateOptions,
  type LanguageModel,
  type Speculation,
  decodeBatch,
  decodeStep,
  embedTexts,
  generateBatch,
  generateTokens,
  languageModel,
  loadModel,
  logitBias,
  modelConfig,
  prefill,
  randomParameters,
  readPrompt,
} from "../../src/griffin/index.js";
import { expectNear, modelFolder, modelNames, textModel } from "./fixtures.js";

const config = modelConfig({ model_type: "llama", vocab_size: 13, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 2, num_attention_heads: 2, max_position_embeddings: 64 }); // prettier-ignore
const model = languageModel(randomParameters(key(0), config), config);
const draft = languageModel(randomParameters(key(1), config), config);
const prompt = [1, 2, 3, 1, 2, 3, 1, 2];

/** All tokens, and what is returned at the end. */
function written(owner: LanguageModel, ids: readonly number[], options: GenerateOptions) {
  const steps = generateTokens(owner, ids, options);
  const tokens = [];
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return { tokens, result: step.value };
    tokens.push(step.value);
  }
}

const GUESSES: Speculation[] = [
  { kind: "lookup" },
  { kind: "lookup", numTokens: 2, maxMatch: 1 },
  { kind: "draft", model: draft },
  { kind: "draft", model: draft, numTokens: 7, sparsity: { kind: "griffin", density: 0.5 } },
  { kind: "draft", sparsity: { kind: "griffin", density: 0.5 } },
  { kind: "draft", sparsity: { kind: "cats", density: 0.5 }, numTokens: 3 },
];

describe("speculation", () => {
  const ways: GenerateOptions[] = [
    {},
    { sampling: { temperature: 0.7 }, key: key(5) },
    { sampling: { topK: 4, repetitionPenalty: 1.3 }, key: key(6), bannedTokens: [4] },
    { processors: [logitBias({ 2: 3 })], alternatives: 2 },
    { sparsity: { kind: "griffin", density: 0.5 } },
    { stopTokens: [5, 6, 7] },
  ];
  it.each(GUESSES)("writes the same text with guesses of $kind", (speculation) => {
    for (const way of ways) {
      const options = { maxNewTokens: 24, stopTokens: [], ...way };
      const plain = written(model, prompt, options);
      const fast = written(model, prompt, { ...options, speculation });
      expect(fast.tokens.map(({ token }) => token)).toEqual(plain.tokens.map(({ token }) => token));
      expectNear(fast.tokens.map(({ logProb }) => logProb), plain.tokens.map(({ logProb }) => logProb), 1e-5); // prettier-ignore
      expect(fast.result.finishReason).toBe(plain.result.finishReason);
      expect(fast.result.conversation.ids).toEqual(plain.result.conversation.ids);
      const again = (from: typeof plain) =>
        written(model, [3], { maxNewTokens: 6, stopTokens: [], continueFrom: from.result.conversation }).tokens.map(({ token }) => token); // prettier-ignore
      if (!way.sparsity) expect(again(fast)).toEqual(again(plain));
    }
  });

  it("keeps what was guessed right: all of its own greedy guesses", () => {
    const own: Speculation = { kind: "draft", sparsity: { kind: "griffin", density: 1 }, numTokens: 4 }; // prettier-ignore
    const { result } = written(model, prompt, { maxNewTokens: 20, stopTokens: [], speculation: own }); // prettier-ignore
    expect(result.speculation!.kept).toBe(result.speculation!.guessed);
    expect(result.speculation!.guessed).toBeGreaterThan(12);
  });

  it("leaves the prompt's cache and others' branches of it as they were", () => {
    const before = readPrompt(model, prompt);
    const next = (): Float32Array => decodeStep(model, before.cache, 4).logits;
    const expected = next();
    for (const speculation of GUESSES.slice(0, 5)) {
      written(model, [5, 1, 2], { maxNewTokens: 12, stopTokens: [], speculation, continueFrom: before }); // prettier-ignore
      expect(next()).toEqual(expected);
    }
  });

  it("ends at the model's last position as without", () => {
    const long = Array.from({ length: 58 }, (_, i) => i % 5);
    const plain = written(model, long, { stopTokens: [] });
    const fast = written(model, long, { stopTokens: [], speculation: { kind: "lookup" } });
    expect(fast.tokens.map(({ token }) => token)).toEqual(plain.tokens.map(({ token }) => token));
    expect(fast.result.finishReason).toBe("context");
  });

  it("is refused where it cannot be exact", async () => {
    const run = (speculation: unknown, more: GenerateOptions = {}) => () => [...generateTokens(model, prompt, { speculation: speculation as Speculation, ...more })]; // prettier-ignore
    expect(run({ kind: "draft" })).toThrow(/needs a model, or a sparsity/);
    expect(run({ kind: "guess" })).toThrow(/speculation/);
    expect(run({ kind: "lookup", tokens: 3 })).toThrow(/tokens/);
    expect(run({ kind: "lookup" }, { refreshEvery: 2, sparsity: { kind: "griffin", density: 0.5 } })).toThrow(/refreshEvery/); // prettier-ignore
    const other = modelConfig({ model_type: "llama", vocab_size: 12, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 64 }); // prettier-ignore
    expect(run({ kind: "draft", model: languageModel(randomParameters(key(0), other), other) })).toThrow(/vocabulary/); // prettier-ignore
    const dynamic = await loadModel(modelFolder("llama-dynamic"));
    expect(() => [...generateTokens(dynamic, [1, 2, 3], { maxNewTokens: 100, speculation: { kind: "lookup" } })]).toThrow(/depend on the length/); // prettier-ignore
  });
});

describe("prefixes", () => {
  it("give what the whole prompt gives, and the longest counts", () => {
    const ids = [...prompt, 7, 8, 9];
    const prefixes = [readPrompt(model, prompt.slice(0, 3)), readPrompt(model, prompt), readPrompt(model, [2, 1]), readPrompt(model, ids)]; // prettier-ignore
    for (const way of [{}, { sparsity: { kind: "griffin", density: 0.5 } }] as GenerateOptions[]) {
      const options = { maxNewTokens: 10, stopTokens: [], ...way };
      const whole = written(model, ids, options);
      const resumed = written(model, ids, { ...options, prefixes });
      expect(resumed.tokens.map(({ token }) => token)).toEqual(whole.tokens.map(({ token }) => token)); // prettier-ignore
      expect(resumed.result.conversation.ids).toEqual(whole.result.conversation.ids);
    }
  });

  it("are refused where they would change what is calibrated, or beside another beginning", () => {
    const prefixes = [readPrompt(model, [1, 2])];
    const run = (more: GenerateOptions) => () => [...generateTokens(model, [1, 2, 3], { prefixes, ...more })]; // prettier-ignore
    expect(run({ sparsity: { kind: "cats", density: 0.5 } })).toThrow(/calibrates/);
    expect(run({ continueFrom: prefixes[0]! })).toThrow(/not both/);
    expect(run({ prefixes: [{ ...prefixes[0]!, ids: [1] }] })).toThrow(/prefixes\[0\]/);
  });
});

describe("batches", () => {
  it.each(modelNames)("of one more token give the logits of %s one by one", async (name) => {
    const loaded = await loadModel(modelFolder(name));
    if (loaded.config.positions.kind === "rope" && loaded.config.positions.scaling.type === "dynamic") return; // prettier-ignore
    const caches = [[1, 2, 3], [4], [5, 6, 7, 8, 9]].map((ids) => prefill(loaded, ids).cache);
    const both = decodeBatch(loaded, [...caches, caches[0]!], [3, 2, 1, 9]);
    [...caches, caches[0]!].forEach((cache, i) => {
      const alone = decodeStep(loaded, cache, [3, 2, 1, 9][i]!);
      expectNear(both.logits[i]!, alone.logits, 1e-4);
      const after = decodeStep(loaded, both.caches[i]!, 5);
      expectNear(after.logits, decodeStep(loaded, alone.cache, 5).logits, 1e-4);
    });
  });

  it("write the texts that each prompt has alone", () => {
    const prompts = [prompt, [4], [7, 8, 9]];
    const ways: GenerateOptions[] = [{}, { sampling: { temperature: 0.8 }, key: key(3) }, { stopTokens: [3, 9] }]; // prettier-ignore
    for (const way of ways) {
      const options = { maxNewTokens: 9, stopTokens: [], ...way };
      const all = generateBatch(model, prompts, options);
      const tokens: number[][] = [[], [], []];
      let step = all.next();
      for (; !step.done; step = all.next()) tokens[step.value.text]!.push(step.value.token);
      prompts.forEach((ids, i) => {
        const alone = written(model, ids, { ...options, ...(way.key && { key: foldIn(key(3), i) }) }); // prettier-ignore
        expect(tokens[i]).toEqual(alone.tokens.map(({ token }) => token));
        expect((step.value as { finishReason: string }[])[i]!.finishReason).toBe(alone.result.finishReason); // prettier-ignore
      });
    }
  });

  it("share their neurons, and refuse what is of one prompt alone", () => {
    const sparse = [...generateBatch(model, [prompt, [4, 5]], { maxNewTokens: 4, stopTokens: [], sparsity: { kind: "griffin", density: 0.5 } })]; // prettier-ignore
    expect(sparse).toHaveLength(8);
    const run = (options: unknown, prompts: unknown = [[1]]) => () => [...generateBatch(model, prompts as number[][], options as never)]; // prettier-ignore
    expect(run({ sparsity: { kind: "teal", density: 0.5 } })).toThrow(/not for several/);
    expect(run({ continueFrom: {} })).toThrow(/continueFrom/);
    expect(run({}, [])).toThrow(/at least one prompt/);
    expect(run({}, [[99]])).toThrow(/0 … 12/);
    expect(() => decodeBatch(model, [prefill(model, [1]).cache], [1, 2])).toThrow(/got 2 for 1/);
  });
});

describe("embeddings", () => {
  let text: LanguageModel;
  beforeAll(async () => {
    text = await loadModel(textModel);
  });

  it("are the states from which the head makes its logits", () => {
    const ids = [0, 1070, 260, 1897];
    const states = embedTexts(text, [ids, [5]], { pooling: "last", normalize: false });
    const head = toTypedArray(unpinned(text.head));
    const { logits } = prefill(text, ids);
    const state = Float32Array.from(toTypedArray(states)).subarray(0, text.config.hiddenSize);
    const own = Float64Array.from({ length: 50 }, (_, v) => state.reduce((sum, x, j) => sum + x * head[v * state.length + j]!, 0)); // prettier-ignore
    expectNear(own, logits.subarray(0, 50), 1e-3);
  });

  it("are means over tokens, of length 1, whatever the chunks", () => {
    const ids = [0, 1070, 260, 1897, 12];
    const each = ids.map((_, t) => toTypedArray(embedTexts(text, [ids.slice(0, t + 1)], { pooling: "last", normalize: false }))); // prettier-ignore
    const mean = each[0]!.map((_, j) => each.reduce((sum, row) => sum + row[j]! / ids.length, 0));
    expectNear(toTypedArray(embedTexts(text, [ids], { normalize: false, chunkSize: 2 })), mean, 1e-4); // prettier-ignore
    const unit = toTypedArray(embedTexts(text, [ids]));
    expect(Math.hypot(...unit)).toBeCloseTo(1, 5);
    expect(() => embedTexts(text, [[]])).toThrow(/texts\[0\]/);
    expect(() => embedTexts(text, [[1]], { pooling: "max" as never })).toThrow(/pooling/);
    const abort = new AbortController();
    const stopped = (): unknown => embedTexts(text, [[1], [2]], { signal: abort.signal, onProgress: () => { abort.abort(); } }); // prettier-ignore
    expect(stopped).toThrow(/abort/i);
  });
});
