import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { allClose, toNested } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import * as ort from "onnxruntime-web";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type OnnxRuntime, loadOnnxModel, sampleAsync } from "../src/index.js";
import { fromDiffusers, schedulerFromConfig } from "../src/samplers/index.js";

const fixtures = join(
  process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("./fixtures", import.meta.url)),
  "score-diffusion",
  "onnx",
);
const runtime = ort as unknown as OnnxRuntime;
const read = (folder: string, name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(fixtures, folder, name)));
/** The files of a folder, with some of them replaced, or taken away. */
const changed =
  (folder: string, other: Record<string, string | undefined>) =>
  (name: string): Promise<Uint8Array | undefined> => {
    if (Object.hasOwn(other, name)) {
      const text = other[name];
      return Promise.resolve(text === undefined ? undefined : new TextEncoder().encode(text));
    }
    try {
      return Promise.resolve(read(folder, name));
    } catch {
      return Promise.resolve(undefined);
    }
  };

beforeAll(() => {
  ort.env.wasm.numThreads = 1;
});
afterEach(() => vi.unstubAllGlobals());

describe("a pipeline of diffusers", () => {
  const text = { encoder_hidden_states: normal(key("prompt"), [1, 5, 12]) };
  const feeds: Record<string, object> = {
    "class-labels": { class_labels: [3] },
    "text-latent": text,
  };

  it.each(readdirSync(fixtures))("%s runs in three lines", async (folder) => {
    const variance = folder === "learned-sigma" && { variance: "fixed_small" as const };
    const { model, sampler, run, rowShape } = await fromDiffusers(join(fixtures, folder), {
      runtime,
      numSteps: 3,
      ...(feeds[folder] && { feeds: feeds[folder] as never }),
      ...variance,
    });
    const shape = [2, ...rowShape!];
    const { samples, certificate } = await sampleAsync(sampler, model, key(0), { shape, ...run });
    expect(samples.shape).toEqual(shape);
    expect(certificate.holds).toBe(true);
  });

  it("is the model of its network and the sampler of its scheduler", async () => {
    const { model, sampler, run } = await fromDiffusers(join(fixtures, "two-outputs"), {
      runtime,
      numSteps: 4,
    });
    const config = new TextDecoder().decode(read("two-outputs", "scheduler/scheduler_config.json"));
    const scheduler = schedulerFromConfig(config, { numSteps: 4 });
    const own = await loadOnnxModel(read("two-outputs", "unet/model.onnx"), {
      runtime,
      trainedOn: scheduler.trainedOn!,
    });
    const start = normal(key(3), [1, 3, 16, 16], { dtype: "float64" });
    const [a, b] = [
      await sampleAsync(sampler, model, key(0), { start, ...run }),
      await sampleAsync(scheduler.sampler, own, key(0), { start, ...scheduler.run }),
    ];
    expect(toNested(a.samples)).toEqual(toNested(b.samples));
  });

  it("decodes what it samples where it has an autoencoder, guided in one batch", async () => {
    const { model, sampler, run, rowShape, vae, unused } = await fromDiffusers(
      join(fixtures, "text-latent"),
      {
        runtime,
        numSteps: 4,
        feeds: text,
        guidance: {
          scale: 3,
          feeds: { encoder_hidden_states: normal(key("no"), [1, 5, 12]) },
        },
      },
    );
    const shape = [1, ...rowShape!];
    const { samples } = await sampleAsync(sampler, model, key(0), { shape, ...run });
    expect((await vae!.decode(samples)).shape).toEqual([1, 3, 32, 32]);
    expect(unused).toEqual([]);
  });

  it("comes from an address by the platform's fetch, file by file", async () => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", (url: URL) => {
      asked.push(url.pathname);
      const name = url.pathname.replace("/models/tiny/", "");
      try {
        return Promise.resolve(new Response(Buffer.from(read("time-int64", name))));
      } catch {
        return Promise.resolve(new Response(null, { status: 404 }));
      }
    });
    const { model, scheduler } = await fromDiffusers("https://example.org/models/tiny", {
      runtime,
      numSteps: 2,
    });
    const local = await fromDiffusers(join(fixtures, "time-int64"), { runtime, numSteps: 2 });
    const x = normal(key(1), [1, 3, 16, 16]);
    const level = scheduler.levels[0]!;
    expect(allClose(await model.evaluate(x, level), await local.model.evaluate(x, level))).toBe(
      true,
    );
    expect(asked).toContain("/models/tiny/unet/model.onnx");
  });

  it("makes its sessions with a function of the user's", async () => {
    const names: string[] = [];
    await fromDiffusers(join(fixtures, "time-int64"), {
      runtime,
      numSteps: 2,
      session: async (name, bytes) => {
        names.push(name);
        return runtime.InferenceSession.create(bytes as never);
      },
    });
    expect(names).toEqual(["unet/model.onnx"]);
  });
});

describe("a pipeline that is not complete", () => {
  const go = (other: Record<string, string | undefined>, options: object = {}) =>
    fromDiffusers(changed("time-int64", other), { runtime, numSteps: 2, ...options });

  it.each<readonly [string, Record<string, string | undefined>, RegExp]>([
    ["no index", { "model_index.json": undefined }, /there is no model_index\.json/],
    ["no network in the index", { "model_index.json": "{}" }, /must name a unet or a transformer/],
    ["no scheduler", { "scheduler/scheduler_config.json": undefined }, /there is no scheduler\/scheduler_config\.json/],
    ["an unknown scheduler", { "scheduler/scheduler_config.json": '{"_class_name": "X"}' }, /_class_name must be one of/],
    ["no network", { "unet/model.onnx": undefined }, /there is no unet\/model\.onnx/],
    ["a network that is none", { "unet/model.onnx": "none" }, /the runtime cannot read the model/],
    ["a configuration that is no JSON", { "unet/config.json": "{" }, /unet\/config\.json.*no JSON/],
    ["channels that do not fit", { "unet/config.json": '{"in_channels": 3, "out_channels": 4}' }, /as many channels out as in/],
  ])("is refused by name: %s", async (_, other, message) => {
    await expect(go(other)).rejects.toThrow(message);
  }); // prettier-ignore

  it("is refused where an input has no value, or a folder is not there", async () => {
    await expect(
      fromDiffusers(join(fixtures, "text-latent"), { runtime, numSteps: 2 }),
    ).rejects.toThrow(/encoder_hidden_states/);
    await expect(fromDiffusers("/nowhere", { numSteps: 2 })).rejects.toThrow(/no model_index/);
    await expect(fromDiffusers(3 as never, { numSteps: 2 })).rejects.toThrow(/files must be/);
    await expect(go({}, { steps: 3 })).rejects.toThrow(/unknown option "steps"/);
  });
});
