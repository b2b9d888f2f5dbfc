import { DomainError, FormatError } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type LogitProcessor,
  allowTokens,
  filesFromMemory,
  generateTokens,
  generationConfig,
  loadGenerationConfig,
  loadModel,
  nextTokenProbabilities,
  processLogits,
  suppressTokens,
} from "../../src/griffin/index.js";
import { expectNear, folder, load, modelFolder, modelNames } from "./fixtures.js";

interface Case {
  readonly name: string;
  readonly kind: "filter" | "greedy";
  readonly generation_config: Readonly<Record<string, unknown>>;
  readonly ids: number[];
  readonly prompt_length: number;
  readonly logits: number[];
  readonly scores: (number | null)[];
  readonly kept: number[];
  readonly probabilities: number[];
  readonly model: string;
  readonly max_new_tokens: number;
  readonly expected: number[];
  readonly without_config: number[];
  readonly stopped: "eos" | "length";
}
const { cases } = load<{ readonly cases: Case[] }>("generation-config");

describe("golden filters of a generation_config.json", () => {
  it.each(cases.filter(({ kind }) => kind === "filter"))("$name", (golden) => {
    const { processors = [] } = generationConfig(golden.generation_config);
    const { logits, ids, prompt_length: promptLength } = golden;
    const scores = processLogits(processors, logits, { ids, promptLength });
    const kept = [...scores.keys()].filter((i) => scores[i]! > -Infinity);
    expect(kept).toEqual(golden.kept);
    kept.forEach((i) => {
      expect(Math.abs(scores[i]! - golden.scores[i]!)).toBeLessThan(1e-9);
    });
    expectNear(nextTokenProbabilities(scores), golden.probabilities, 1e-9);
  });
});

describe("golden texts with a generation_config.json", () => {
  it.each(cases.filter(({ kind }) => kind === "greedy"))("$name", async (golden) => {
    const model = await loadModel(`${folder}/${golden.model}`);
    const defaults = generationConfig(golden.generation_config);
    const write = (more: object): [number[], string] => {
      const steps = generateTokens(model, golden.ids, {
        maxNewTokens: golden.max_new_tokens,
        ...more,
      });
      const tokens: number[] = [];
      for (;;) {
        const step = steps.next();
        if (step.done) return [tokens, step.value.finishReason];
        tokens.push(step.value.token);
      }
    };
    expect(write(defaults)).toEqual([
      golden.expected,
      golden.stopped === "eos" ? "stop" : "length",
    ]);
    expect(write({ stopTokens: [] })[0]).toEqual(golden.without_config);
  });
});

describe("a generation_config.json", () => {
  it.each([
    [{ num_beams: 4 }, /num_beams 4/],
    [{ own_field: 1 }, /"own_field" \(1\) is not understood/],
    [{ eos_token_id: "x" }, /eos_token_id/],
    [{ bad_words_ids: [[]] }, /bad_words_ids/],
    [{ top_p: 2, do_sample: true }, /top_p/],
    [{ temperature: 0, do_sample: true }, /temperature/],
    [{ min_new_tokens: 3 }, /eos_token_id/],
    [{ repetition_penalty: -1 }, /repetition_penalty/],
    [{ guidance_scale: 1.5 }, /guidance_scale/],
    [{ sequence_bias: [[[1], "x"]] }, /sequence_bias/],
    [{ stop_strings: [""] }, /stop_strings/],
    [[], /must be an object/],
  ])("that cannot be followed is refused by name: %o", (json, message) => {
    expect(() => generationConfig(json)).toThrow(FormatError);
    expect(() => generationConfig(json)).toThrow(message);
  });

  it("gives options to spread, draws only with a key, and holds the length of all", async () => {
    const defaults = generationConfig({
      do_sample: true,
      eos_token_id: 1,
      max_length: 10,
      stop_strings: "\n",
      pad_token_id: null,
    });
    expect(defaults).toMatchObject({ stopTokens: [1], maxLength: 10, stopStrings: ["\n"], sampling: {} }); // prettier-ignore
    const model = await loadModel(modelFolder(modelNames[0]!));
    const { stopStrings: _, ...options } = defaults;
    expect(() => [...generateTokens(model, [2, 3], options)]).toThrow(/need a key/);
    const drawn = [...generateTokens(model, [2, 3], { ...options, stopTokens: [], key: key(1) })];
    expect(drawn.length).toBe(8);
  });

  it("of any content gives options or a typed error", () => {
    const fields = Object.keys(Object.assign({}, ...cases.map((own) => own.generation_config)) as object); // prettier-ignore
    const some = fc.dictionary(fc.constantFrom(...fields, "max_length", "sequence_bias"), fc.jsonValue()); // prettier-ignore
    fc.assert(
      fc.property(some, (json) => {
        try {
          const { processors = [] } = generationConfig(json);
          processLogits(processors, [1, 2, 3], { ids: [0, 1], promptLength: 1 });
        } catch (error) {
          expect(error instanceof FormatError || error instanceof DomainError).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is read from the files of a model, and none is needed", async () => {
    const bytes = new TextEncoder().encode('{"eos_token_id": 5}');
    const files = filesFromMemory({ "generation_config.json": bytes });
    expect(await loadGenerationConfig(files)).toEqual({ stopTokens: [5] });
    expect(await loadGenerationConfig(filesFromMemory({}))).toEqual({});
  });
});

describe("processors", () => {
  it("of one's own decide what may be written: a grammar of odd and even by turns", async () => {
    const model = await loadModel(modelFolder(modelNames[0]!));
    const turns = allowTokens((ids, token) => token % 2 !== ids[ids.length - 1]! % 2);
    const options = { maxNewTokens: 8, stopTokens: [], processors: [turns] };
    const parities = [...generateTokens(model, [3], options)].map(({ token }) => token % 2);
    expect(parities).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
  });

  it("that leave nothing, or return something else than logits, are refused", async () => {
    const model = await loadModel(modelFolder(modelNames[0]!));
    const all = Array.from({ length: model.config.vocabSize }, (_, i) => i);
    for (const processors of [[suppressTokens(all)], [(() => [1]) as unknown as LogitProcessor]])
      expect(() => [...generateTokens(model, [3], { processors })]).toThrow(DomainError);
  });
});
