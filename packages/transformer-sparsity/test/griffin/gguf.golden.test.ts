import { readdirSync } from "node:fs";
import { FormatError } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import {
  type SparsityMethod,
  generateTokens,
  loadModel,
  prefill,
  readPrompt,
  selectExperts,
} from "../../src/griffin/index.js";
import { GGUF_TYPES } from "../../src/griffin/files/gguf-blocks.js";
import { expectNear, folder, load } from "./fixtures.js";

interface Expected {
  readonly ids: number[];
  readonly logits_last: number[];
  readonly logits_first?: number[];
  readonly logits_row_sums?: number[];
  readonly experts: number[][];
  readonly greedy_full: number[];
  readonly greedy_griffin: number[];
  readonly tensor_types?: Readonly<Record<string, string>>;
}

const names = readdirSync(`${folder}/gguf`)
  .filter((file) => file.endsWith(".gguf"))
  .map((file) => file.slice(0, -5));
const decoded = Object.values(GGUF_TYPES).map((type) => type.name);

describe.each(names)("golden GGUF file %s", (name) => {
  const golden = load<Expected>(`gguf/${name}`);
  const unknown = Object.values(golden.tensor_types ?? {}).filter(
    (type) => !decoded.includes(type),
  );
  const file = `${folder}/gguf/${name}.gguf`;
  if (unknown.length > 0) {
    it(`is refused for its ${unknown[0]!} by name`, async () => {
      await expect(loadModel(file)).rejects.toThrow(FormatError);
      await expect(loadModel(file)).rejects.toThrow(
        new RegExp([...new Set(unknown)].map((type) => `element type ${type};`).join("|")),
      );
    });
    return;
  }
  it("gives the logits, experts and texts of the oracle", async () => {
    const model = await loadModel(file);
    const prompt = readPrompt(model, golden.ids);
    expectNear(prompt.logits, golden.logits_last, 2e-4);
    if (golden.logits_first && golden.logits_row_sums) {
      const { logits } = prefill(model, golden.ids, { logits: "all" });
      const { vocabSize } = model.config;
      expectNear(logits.subarray(0, vocabSize), golden.logits_first, 2e-4);
      const sums = golden.ids.map((_, t) =>
        logits.subarray(t * vocabSize, (t + 1) * vocabSize).reduce((a, b) => a + b, 0),
      );
      expectNear(sums, golden.logits_row_sums, 2e-3);
    }
    const k = golden.experts[0]!.length;
    expect(
      selectExperts(prompt.statistics, { numNeurons: k }).layers.map((chosen) => [...chosen]),
    ).toEqual(golden.experts);
    const write = (sparsity?: SparsityMethod): number[] =>
      [
        ...generateTokens(model, golden.ids, {
          maxNewTokens: 8,
          stopTokens: [],
          ...(sparsity && { sparsity }),
        }),
      ].map(({ token }) => token);
    expect(write()).toEqual(golden.greedy_full);
    expect(write({ kind: "griffin", numNeurons: k })).toEqual(golden.greedy_griffin);
  });
});
