/** Configs with one field changed: the logits are those of the library that the files are written for, or the file is refused. Never anything else. */
import { readFileSync, readdirSync } from "node:fs";
import { type NdArray, DomainError, FormatError, ShapeError } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { describe, expect, it } from "vitest";
import { languageModel, modelConfig, prefill } from "../../src/griffin/index.js";
import { load, modelFolder, modelNames } from "./fixtures.js";

type Json = Readonly<Record<string, unknown>>;
interface Mutated {
  readonly path: readonly string[];
  readonly value: unknown;
  /** Four logits and the sum of all; null where the library fails, "incomplete" where it makes up weights. */
  readonly expected: readonly number[] | null | "incomplete";
}
const golden = load<{
  readonly ids: number[];
  readonly models: Readonly<
    Record<string, { readonly plain: number[]; readonly cases: Mutated[] }>
  >;
}>("config-mutations");

function changed(config: Json, [first, ...rest]: readonly string[], value: unknown): Json {
  if (rest.length > 0) return { ...config, [first!]: changed(config[first!] as Json, rest, value) };
  if (value !== "(removed)") return { ...config, [first!]: value };
  return Object.fromEntries(Object.entries(config).filter(([name]) => name !== first));
}

/** What is computed with a config, as the golden values hold it; the error when it is refused. */
function outcome(params: Readonly<Record<string, NdArray>>, config: Json): number[] | Error {
  try {
    const model = languageModel(params, modelConfig(config));
    const { logits } = prefill(model, golden.ids, { logits: "all" });
    const last = logits.subarray(logits.length - model.config.vocabSize);
    return [...last.subarray(0, 4), logits.reduce((a, b) => a + b, 0)];
  } catch (error) {
    return error as Error;
  }
}

function near(actual: readonly number[], expected: readonly number[]): boolean {
  // the sum adds as many errors as there are logits
  return expected.every((x, i) => Math.abs(actual[i]! - x) <= (i < 4 ? 2e-4 : 2e-2) + 1e-5 * Math.abs(x)); // prettier-ignore
}

/** What the library stumbles over for the type of a number, or for parts that no logit depends on. */
const OBJECTIONS: Readonly<Record<string, readonly string[]>> = {
  "exaone4-full": ["layer_types"],
  "gemma3-text": ["attn_logit_softcapping", "final_logit_softcapping"],
  gpt2: ["reorder_and_upcast_attn", "summary_activation"],
  mpt: ["attn_config.softmax_scale"],
};

const names = Object.keys(golden.models).filter((name) => modelNames.includes(name));

describe.each(names)("the config of %s with one field changed", (name) => {
  const folder = modelFolder(name);
  const config = JSON.parse(readFileSync(`${folder}/config.json`, "utf8")) as Json;
  const params = Object.assign(
    {},
    ...readdirSync(folder)
      .filter((file) => file.endsWith(".safetensors"))
      .map((file) => decodeSafetensors(readFileSync(`${folder}/${file}`)).tensors),
  ) as Record<string, NdArray>;
  const { plain, cases } = golden.models[name]!;

  it("comes out as in the library, or is refused with a typed error", () => {
    expect(near(outcome(params, config) as number[], plain)).toBe(true);
    const wrong = cases.flatMap(({ path, value, expected }) => {
      const got = outcome(params, changed(config, path, value));
      const place = `${path.join(".")} = ${JSON.stringify(value)}`;
      if (got instanceof Error) {
        const typed = [FormatError, ShapeError, DomainError, RangeError].some((type) => got instanceof type); // prettier-ignore
        return typed ? [] : [`${place}: ${String(got)}`];
      }
      if (expected === null && OBJECTIONS[name]?.includes(path.join("."))) return [];
      if (Array.isArray(expected) && near(got, expected as number[])) return [];
      return [`${place}: ${got.map((x) => x.toFixed(4)).join()} for ${String(expected)}`];
    });
    expect(wrong.join("\n")).toBe("");
  });
});

it("with harmless fields changed, most configs are read", () => {
  const all = names.flatMap((name) => golden.models[name]!.cases);
  const meaning = all.filter(({ expected }) => Array.isArray(expected));
  expect(meaning.length).toBeGreaterThan(all.length / 4);
});
