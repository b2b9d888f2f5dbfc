/** Texts held to a grammar. The oracle of JSON is the engine's own parser. */
import fc from "fast-check";
import { FormatError } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  generateTokens,
  jsonGrammar,
  languageModel,
  loadTokenizer,
  maskByGrammar,
  modelConfig,
  randomParameters,
  tokenTexts,
} from "../../src/griffin/index.js";
import { textModel } from "./fixtures.js";

/** Whether a text belongs to a grammar, begins one that does, or neither. */
function verdict(schema: unknown, text: string): "whole" | "begun" | "wrong" {
  const grammar = jsonGrammar(schema);
  let state: unknown = grammar.start;
  for (const char of text) {
    state = grammar.step(state, char);
    if (state === undefined) return "wrong";
  }
  return grammar.ended(state) ? "whole" : "begun";
}
const accepts = (schema: unknown, text: string): boolean => verdict(schema, text) === "whole";

describe("the grammar of JSON", () => {
  it("has every value as it is written without line breaks", () => {
    // numbers of more digits than the grammar gives are left out
    const value = fc.jsonValue().filter((x) => !/\d{18}|e[+-]\d{3}/i.test(JSON.stringify(x)));
    fc.assert(fc.property(value, (x) => accepts(true, JSON.stringify(x))));
  });

  it("has nothing that the parser refuses", () => {
    const pieces = fc.constantFrom("{", "}", "[", "]", '"', ",", ":", " ", "-", ".", "0", "12", "e", "E+", "true", "nul", "null", "\\", "\\n", "\\u12", "a", "\n", "\ud800", "é", "𝄞"); // prettier-ignore
    const texts = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(texts, (text) => {
        if (verdict(true, text) !== "whole") return;
        JSON.parse(text);
      }),
      { numRuns: 3000 },
    );
    for (const wrong of [
      "",
      "01",
      "1.",
      "-",
      "[1,]",
      '{"a"}',
      "{,}",
      '"\t"',
      '"\\x"',
      "nulll",
      '"\\ud800"',
      "1 ",
    ])
      // prettier-ignore
      expect(accepts(true, wrong), wrong).toBe(false);
    for (const right of ["0", "-0.5e+7", '""', '"\\u00e9"', "[]", "{}", '{"a": [1, null]}', '"𝄞"'])
      expect(accepts(true, right), right).toBe(true);
  });

  it("stops as soon as nothing of the grammar begins so", () => {
    expect(verdict(true, '{"a": [1, ')).toBe("begun");
    expect(verdict(true, '{"a": [1, }')).toBe("wrong");
  });
});

describe("the grammar of a schema", () => {
  const person = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: {
      name: { type: "string", minLength: 1, maxLength: 4 },
      age: { type: "integer" },
      tags: { type: "array", items: { enum: ["a", "b", 3] }, minItems: 1, maxItems: 2 },
      next: { anyOf: [{ $ref: "#" }, { type: "null" }] },
    },
    required: ["name", "tags"],
  };

  it("has what the schema allows, in the order of its properties", () => {
    for (const right of [
      '{"name":"Al","tags":["a"]}',
      '{"name": "Al", "age": -3, "tags": [3, "b"]}',
      '{"name":"A","tags":["a"],"next":null}',
      '{"name":"A","tags":["a"],"next":{"name":"B","tags":["b","a"]}}',
    ])
      expect(accepts(person, right), right).toBe(true);
    for (const wrong of [
      "{}",
      '{"name":"","tags":["a"]}',
      '{"name":"Alice","tags":["a"]}',
      '{"name":"A"}',
      '{"tags":["a"],"name":"A"}',
      '{"name":"A","tags":[]}',
      '{"name":"A","tags":["a","b","a"]}',
      '{"name":"A","tags":["c"]}',
      '{"name":"A","age":1.5,"tags":["a"]}',
      '{"name":"A","tags":["a"],"other":1}',
      '{"name":"A","tags":["a"],"next":7}',
    ])
      expect(accepts(person, wrong), wrong).toBe(false);
    expect(accepts({ type: ["number", "null"] }, "1e3")).toBe(true);
    expect(accepts({ const: { a: 1 } }, '{"a":1}')).toBe(true);
    expect(accepts({ type: "object", additionalProperties: { type: "integer" } }, '{"x": 1, "y": 2}')).toBe(true); // prettier-ignore
    expect(accepts({ type: "object", additionalProperties: false }, '{"x":1}')).toBe(false);
    expect(accepts({ type: "array", maxItems: 0 }, "[]")).toBe(true);
  });

  it("is refused where it is not understood, by the keyword and its place", () => {
    const cases: [unknown, RegExp][] = [
      [{ type: "string", pattern: "a*" }, /keyword "pattern"/],
      [{ type: "object", properties: { a: { minimum: 1, type: "integer" } } }, /#\/properties\/a has the keyword "minimum"/], // prettier-ignore
      [{ type: "objekt" }, /type "objekt"/],
      [{ $ref: "#/nowhere" }, /leads nowhere/],
      [{ $ref: "https://x" }, /must begin with/],
      [{ type: "array", minItems: 3, maxItems: 2 }, /allows nothing/],
      [{ type: "object", properties: {}, required: ["a"] }, /requires "a"/],
      [{ enum: [] }, /at least one value/],
      [7, /must be an object/],
      [{ $ref: "#" }, /refers to itself alone/],
      [{ anyOf: [{ $ref: "#" }] }, /refers to itself alone/],
      [{ const: 1n }, /which JSON has not/],
      [Array.from({ length: 5000 }).reduce((items) => ({ type: "array", items }), true), /too deeply/], // prettier-ignore
      [{ type: "string", minLength: -1 }, /whole number/],
    ];
    for (const [schema, says] of cases) {
      expect(() => jsonGrammar(schema)).toThrow(FormatError);
      expect(() => jsonGrammar(schema)).toThrow(says);
    }
  });
});

describe("schemas with anything anywhere", () => {
  it("give a grammar or a typed error", () => {
    const word = fc.constantFrom("type", "properties", "items", "required", "enum", "const", "anyOf", "oneOf", "$ref", "minItems", "maxItems", "minLength", "additionalProperties", "__proto__", "x"); // prettier-ignore
    const leaf = fc.constantFrom<unknown>("string", "array", "object", "integer", "#", "#/properties/x", true, null, -1, 3, 1e9, [], ["x"], {}); // prettier-ignore
    const { schema } = fc.letrec<{ schema: unknown }>((tie) => ({
      schema: fc.oneof({ depthSize: "small" }, leaf, fc.dictionary(word, tie("schema"), { maxKeys: 4 }), fc.array(tie("schema"), { maxLength: 3 })), // prettier-ignore
    }));
    const texts = ["[1,2]", '{"x":1}', '""', "3"];
    fc.assert(
      fc.property(schema, (given) => {
        try {
          for (const text of texts) verdict(given, text);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { numRuns: process.env["RUN_SLOW"] ? 100_000 : 1500 },
    );
  });
});

describe("a model held to a grammar", () => {
  // a vocabulary of characters, pieces and an end
  const texts = [...'{}[]":,0123456789 abename', "true", "fal", "se", "null", '","', '":', null, "\ufffd"]; // prettier-ignore
  const end = texts.indexOf(null);
  const size = texts.length;
  const config = modelConfig({ model_type: "llama", vocab_size: size, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 256 }); // prettier-ignore
  const text = (tokens: readonly number[]): string => tokens.map((id) => texts[id] ?? "").join("");

  it("writes JSON of the schema whatever its weights say, or the beginning of it", () => {
    const schema = { type: "object", properties: { name: { type: "boolean" }, a: { type: "array", items: { type: "integer" }, maxItems: 3 } }, required: ["name"] }; // prettier-ignore
    let whole = 0;
    for (let seed = 0; seed < 12; seed++) {
      const model = languageModel(randomParameters(key(seed), config), config);
      const mask = maskByGrammar(jsonGrammar(schema), texts, { endTokens: [end] });
      const steps = generateTokens(model, [1, 2, 3], { processors: [mask], stopTokens: [end], sampling: { temperature: 2 }, key: key(seed), maxNewTokens: 60 }); // prettier-ignore
      const tokens = [...steps].map(({ token }) => token);
      const written = text(tokens);
      if (tokens.at(-1) !== end) {
        expect(verdict(schema, written)).not.toBe("wrong");
        continue;
      }
      whole++;
      const value = JSON.parse(written) as Record<string, unknown>;
      expect(typeof value["name"]).toBe("boolean");
    }
    expect(whole).toBeGreaterThan(6);
  });

  it("is the same with guesses of the next tokens", () => {
    const model = languageModel(randomParameters(key(1), config), config);
    const run = (more: object) => [...generateTokens(model, [1, 2, 3], { processors: [maskByGrammar(jsonGrammar(), texts, { endTokens: [end] })], stopTokens: [end], maxNewTokens: 30, ...more })].map(({ token }) => token); // prettier-ignore
    expect(run({ speculation: { kind: "lookup" } })).toEqual(run({}));
  });

  it("is told when it has left the grammar, or the vocabulary is another", () => {
    const mask = maskByGrammar(jsonGrammar(), texts);
    const logits = new Float64Array(size);
    expect(() => mask(logits, { ids: [texts.indexOf("}")], promptLength: 0 })).toThrow(/no beginning/); // prettier-ignore
    expect(() => mask(new Float64Array(size + 1), { ids: [], promptLength: 0 })).toThrow(/one entry for each/); // prettier-ignore
    const open = mask(logits, { ids: [9, texts.indexOf("[")], promptLength: 1 });
    expect(open[texts.indexOf("]")]).toBe(0);
    expect(open[texts.indexOf("}")]).toBe(-Infinity);
    expect(open[end]).toBe(-Infinity);
  });

  it("knows what each token of a tokenizer adds", async () => {
    const tokenizer = await loadTokenizer(textModel);
    const all = tokenTexts(tokenizer, 2048);
    const ids = tokenizer.encode("In the beginning God created the heaven and the earth.");
    expect(ids.map((id) => all[id] ?? "").join("")).toBe("In the beginning God created the heaven and the earth."); // prettier-ignore
    expect(all[0]).toBeNull();
  });
});
