// The example's text-to-image page in headless Chromium, with the tiny pipeline of the fixtures.
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { toTypedArray } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import { sampleAsync } from "@provably/score-diffusion";
import { fromDiffusers } from "@provably/score-diffusion/samplers";
import * as ort from "onnxruntime-web";
import { noBrowser, openPage } from "../../../../scripts/browser.mjs";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const fixture = at("../fixtures/score-diffusion/onnx/text-latent");
const site = at("../../../../.cache/text-to-image");
const steps = 3;

describe.skipIf(noBrowser)("text to image in Chromium", () => {
  let opened;
  beforeAll(async () => {
    const wasm = dirname(createRequire(import.meta.url).resolve("onnxruntime-web"));
    mkdirSync(`${site}/ort`, { recursive: true });
    cpSync(fixture, `${site}/pipeline`, { recursive: true });
    for (const name of ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"])
      cpSync(`${wasm}/${name}`, `${site}/ort/${name}`);
    opened = await openPage(at("./text-to-image.page.mjs"), { platform: "browser" }, site);
  });
  afterAll(() => opened?.close());

  it("shows a picture after each step and at the end, and the progress", async () => {
    const { shown, progress, lit } = await opened.page.evaluate(
      (n) => globalThis.exported.run(n),
      steps,
    );
    expect(shown.at(-1).slice(1)).toEqual([3, 32, 32]);
    expect(shown.map(([step]) => step)).toEqual(shown.map((_, i) => i + 1));
    expect(shown.length).toBeGreaterThanOrEqual(steps + 1);
    expect(progress.at(-1)).toBe(1);
    expect(lit).toBeGreaterThan(10);
  });

  it("paints what Node samples from the same key", async () => {
    const { samples } = await opened.page.evaluate((n) => globalThis.exported.run(n), steps);
    ort.env.wasm.numThreads = 1;
    const text = normal(key("prompt"), [1, 5, 12], { dtype: "float32" });
    const { model, sampler, run, rowShape } = await fromDiffusers(fixture, {
      runtime: ort,
      numSteps: steps,
      feeds: { encoder_hidden_states: text },
    });
    const here = await sampleAsync(sampler, model, key(0), { shape: [1, ...rowShape], ...run });
    toTypedArray(here.samples).forEach((v, i) => expect(samples[i]).toBeCloseTo(v, 3));
  });

  it("stops when it is told to", async () => {
    const { name, pictures } = await opened.page.evaluate(() => globalThis.exported.stopped());
    expect(name).toBe("AbortError");
    expect(pictures).toBe(1);
  });

  it("is a function of two dozen lines", () => {
    const source = readFileSync(at("../../../../examples/text-to-image/paint.mjs"), "utf8");
    const body = source.slice(source.indexOf("export async function")).trim();
    expect(body.split("\n").length).toBeLessThanOrEqual(26);
  });
});
