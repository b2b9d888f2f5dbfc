/** Configs of vision transformers with one field changed: what comes out is what the library makes of it, or the file is refused. Never anything else. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DomainError, FormatError, type NdArray, ShapeError, sum } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { describe, expect, it } from "vitest";
import {
  encodeImages,
  maskingFromOrder,
  reconstructPixels,
  visionConfig,
  visionModel,
} from "../../src/mim/index.js";
import { type Stored, array32 } from "./fixtures.js";

type Json = Readonly<Record<string, unknown>>;
interface Mutated {
  readonly path: readonly string[];
  readonly value: unknown;
  /** Null where the library fails, "incomplete" where it makes up weights. */
  readonly expected: readonly (number | null)[] | null | "incomplete";
}
interface Image {
  readonly pixel_values: Stored;
  readonly noise?: Stored;
}
const own = fileURLToPath(new URL("../fixtures/mim/", import.meta.url));
const read = <T>(name: string): T => JSON.parse(readFileSync(own + name, "utf8")) as T;
const golden =
  read<Readonly<Record<string, { readonly plain: number[]; readonly cases: Mutated[] }>>>(
    "vision-mutations.json",
  );

function changed(config: Json, [first, ...rest]: readonly string[], value: unknown): Json {
  if (rest.length > 0) return { ...config, [first!]: changed(config[first!] as Json, rest, value) };
  if (value !== "(removed)") return { ...config, [first!]: value };
  return Object.fromEntries(Object.entries(config).filter(([name]) => name !== first));
}

/** What is computed with a config, as the golden values hold it; the error when it is refused. */
function outcome(params: Readonly<Record<string, NdArray>>, config: Json, image: Image) {
  try {
    const model = visionModel(params, visionConfig(config));
    const total = (x: NdArray | null): number | null => x && sum(x).get();
    const cornerOf = (x: NdArray): number[] => [0, 1, 2, 3].map((i) => x.get(x.shape[0]! - 1, i));
    const pixels = array32(image.pixel_values);
    if (image.noise) {
      const noise = image.noise.data as number[];
      const order = noise.map((_, i) => i).sort((a, b) => noise[a]! - noise[b]!);
      const masking = maskingFromOrder([order], { maskRatio: model.config.decoder!.maskRatio });
      const { tokens, loss, predictions } = reconstructPixels(model, pixels, masking);
      return [...cornerOf(tokens.pick(0)), total(tokens), total(tokens), loss, null, total(predictions)]; // prettier-ignore
    }
    const out = encodeImages(model, pixels, { hidden: true });
    const last = out.hidden.at(-1)!.pick(0);
    const corner = cornerOf(last);
    return [...corner, total(last), total(out.tokens), total(out.pooled), total(out.embedding), total(out.logits)]; // prettier-ignore
  } catch (error) {
    return error as Error;
  }
}

/** What both compute is the same; each may leave out what the other gives. */
function near(actual: readonly (number | null)[], expected: readonly (number | null)[]): boolean {
  return expected.every((x, i) => {
    const a = actual[i] ?? null;
    if (x === null || a === null) return i > 4;
    // sums add as many errors as there are numbers
    return Math.abs(a - x) <= (i < 4 ? 1e-4 : 1e-2) + 1e-5 * Math.abs(x);
  });
}

/** What the library stumbles over and no number depends on. */
const OBJECTIONS = ["pos_embed_jitter", "pos_embed_shift", "add_fpn", "use_mask_token"];

describe.each(Object.keys(golden))("the config of %s with one field changed", (name) => {
  const config = read<Json>(`${name}/config.json`);
  const params = decodeSafetensors(readFileSync(`${own}${name}/model.safetensors`)).tensors;
  const [image] = read<{ cases: Image[] }>(`${name}/expected.json`).cases as [Image];

  it("comes out as in the library, or is refused with a typed error", () => {
    expect(near(outcome(params, config, image) as number[], golden[name]!.plain)).toBe(true);
    const wrong = golden[name]!.cases.flatMap(({ path, value, expected }) => {
      const got = outcome(params, changed(config, path, value), image);
      const place = `${path.join(".")} = ${JSON.stringify(value)}`;
      if (got instanceof Error) {
        const typed = [FormatError, ShapeError, DomainError].some((type) => got instanceof type);
        return typed ? [] : [`${place}: ${String(got)}`];
      }
      if (!Array.isArray(expected) && OBJECTIONS.includes(path.join("."))) return [];
      if (Array.isArray(expected) && near(got, expected as number[])) return [];
      return [`${place}: ${got.map((x) => x?.toFixed(4)).join()} for ${String(expected)}`];
    });
    expect(wrong.join("\n")).toBe("");
  });
});

it("with harmless fields changed, configs are read", () => {
  const all = Object.values(golden).flatMap(({ cases }) => cases);
  const meaning = all.filter(({ expected }) => Array.isArray(expected));
  expect(meaning.length).toBeGreaterThan(all.length / 4);
});
