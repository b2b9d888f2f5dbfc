// Source of truth: torch 2.13, which exported the networks, checked with onnxruntime 1.30.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type NdArray, array, asType, concat, reshape, slice, sub } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import * as ort from "onnxruntime-web";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type LoadOnnxOptions,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxFeed,
  guide,
  levelAt,
  linearBetas,
  loadOnnxModel,
  onnxVae,
  scheduleOf,
} from "../src/index.js";
import { expectNear, load } from "./fixtures.js";

interface Value {
  readonly dtype: string;
  readonly shape: number[];
  readonly data: number[];
}
interface Io {
  readonly inputs: { name: string; type: string; shape: (number | string)[] }[];
  readonly outputs: { name: string; type: string; shape: (number | string)[] }[];
  readonly cases: { inputs: Record<string, Value>; outputs: Record<string, Value> }[];
  readonly tolerance: { rtol: number; atol: number };
}

const fixtures = join(
  process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("./fixtures", import.meta.url)),
  "score-diffusion",
  "onnx",
);
const bytesOf = (file: string): Uint8Array => new Uint8Array(readFileSync(join(fixtures, file)));
const folders = readdirSync(fixtures);
const runtime = ort as unknown as OnnxRuntime;
const schedule = scheduleOf(linearBetas(1000));

const arrayOf = ({ shape, data }: Value): NdArray => array(data, { shape, dtype: "float64" });
const row = (x: NdArray, i: number): NdArray =>
  slice(x, [i, ...x.shape.slice(1).map(() => 0)], [i + 1, ...x.shape.slice(1)]);

/** The prediction for each row, asked at its own step. */
async function answers(folder: string, io: Io, given: Io["cases"][number]): Promise<NdArray> {
  const image = io.inputs.find(({ shape }) => shape.length === 4)!.name;
  const time = io.inputs.find(({ name }) => /time|^t$/.test(name))!.name;
  const others = Object.entries(given.inputs).filter(([name]) => name !== image && name !== time);
  const x = arrayOf(given.inputs[image]!);
  const times = given.inputs[time]!.data;
  const at = (options: LoadOnnxOptions) =>
    loadOnnxModel(bytesOf(`${folder}/unet/model.onnx`), {
      runtime,
      trainedOn: { schedule },
      ...options,
    });
  const feeds = (i?: number): Record<string, OnnxFeed> =>
    Object.fromEntries(
      others.map(([name, value]) => [
        name,
        i === undefined ? arrayOf(value) : row(arrayOf(value), i),
      ]),
    );
  if (new Set(times).size === 1) {
    const model = await at({ feeds: feeds() });
    return model.evaluate(x, levelAt(schedule, times[0]! + 1));
  }
  const rows = Array.from({ length: x.shape[0]! }, async (_, i) => {
    const model = await at({ feeds: feeds(i) });
    return model.evaluate(row(x, i), levelAt(schedule, times[i]! + 1));
  });
  return concat(await Promise.all(rows));
}

beforeAll(() => {
  ort.env.wasm.numThreads = 1;
});

describe("an ONNX file as it is", () => {
  it("is there", () => {
    expect(folders.length).toBeGreaterThan(0);
  });

  it.each(folders)("%s loads and answers as torch does", async (folder) => {
    const io = load<Io>(`onnx/${folder}/unet/io`);
    for (const given of io.cases) {
      const image = io.outputs.find(({ shape }) => shape.length === 4)!.name;
      const { shape, data } = given.outputs[image]!;
      const ours = await answers(folder, io, given);
      const [n = 0, channels = 0, ...extents] = ours.shape;
      const expected = array(data, { shape, dtype: "float64" });
      // of a network that learned variances the first half of the channels
      const part = slice(expected, [0, 0, 0, 0], [n, channels, ...extents]);
      expectNear(ours, part, io.tolerance.rtol, io.tolerance.atol);
    }
  });

  it("of one fixed row answers several rows, one call after the other", async () => {
    const model = await loadOnnxModel(bytesOf("batch-1/unet/model.onnx"), {
      runtime,
      trainedOn: { schedule },
    });
    const x = normal(key(0), [3, 3, 16, 16], { dtype: "float64" });
    const level = levelAt(schedule, 500);
    const all = await model.evaluate(x, level);
    for (const i of [0, 1, 2])
      expectNear(row(all, i), await model.evaluate(row(x, i), level), 1e-7);
  });

  it("takes the channels that it was made for, and says so before a call", async () => {
    const model = await loadOnnxModel(bytesOf("time-int64/unet/model.onnx"), {
      runtime,
      trainedOn: { schedule },
    });
    await expect(
      model.evaluate(normal(key(0), [1, 4, 16, 16]), levelAt(schedule, 5)),
    ).rejects.toThrow(/the network takes points \[batch, 3, height, width\], got \[1, 4, 16, 16\]/);
  });

  it("refuses labels for another number of rows", async () => {
    const model = await loadOnnxModel(bytesOf("class-labels/unet/model.onnx"), {
      runtime,
      trainedOn: { schedule },
      feeds: { class_labels: [1, 2] },
    });
    await expect(
      model.evaluate(normal(key(0), [3, 3, 16, 16]), levelAt(schedule, 5)),
    ).rejects.toThrow(
      /feeds\.class_labels must have one row, or one for each of the 3 points, got 2/,
    );
  });

  it("takes labels by the level", async () => {
    const file = bytesOf("class-labels/unet/model.onnx");
    const x = normal(key(1), [2, 3, 16, 16]);
    const [early, late] = [levelAt(schedule, 900), levelAt(schedule, 10)];
    const common = { runtime, trainedOn: { schedule } };
    const changing = await loadOnnxModel(file, {
      ...common,
      feeds: { class_labels: ({ sigma }) => [sigma > 0.5 ? 1 : 7] },
    });
    const fixed = (label: number) =>
      loadOnnxModel(file, { ...common, feeds: { class_labels: [label] } });
    expectNear(await changing.evaluate(x, early), await (await fixed(1)).evaluate(x, early), 1e-6);
    expectNear(await changing.evaluate(x, late), await (await fixed(7)).evaluate(x, late), 1e-6);
  });

  it("names what the runtime refuses, with the inputs and their extents", async () => {
    const session = (await ort.InferenceSession.create(
      bytesOf("time-int64/unet/model.onnx"),
    )) as unknown as OnnxSession;
    const mute: OnnxSession = {
      inputNames: session.inputNames,
      outputNames: session.outputNames,
      run: (feeds) => session.run(feeds),
    };
    const { onnxModel } = await import("../src/index.js");
    const model = onnxModel(runtime, mute, { trainedOn: { schedule }, timeType: "int32" });
    await expect(
      model.evaluate(normal(key(0), [1, 3, 16, 16]), levelAt(schedule, 5)),
    ).rejects.toThrow(
      /onnxModel: the runtime refused the inputs sample \[1, 3, 16, 16\], timestep/,
    );
  });
});

describe("a latent model", () => {
  const present = existsSync(join(fixtures, "text-latent"));
  const text = "text-latent/unet/model.onnx";

  it("is guided in one batch as in two", async () => {
    expect(present).toBe(true);
    const prompts = [key("yes"), key("no")].map((k) => normal(k, [1, 5, 12]));
    const x = normal(key(2), [3, 4, 8, 8]);
    const level = levelAt(schedule, 300);
    const common = { runtime, trainedOn: { schedule } };
    const [yes, no] = await Promise.all(
      prompts.map(async (prompt) => {
        const model = await loadOnnxModel(bytesOf(text), {
          ...common,
          feeds: { encoder_hidden_states: prompt },
        });
        return model.evaluate(x, level);
      }),
    );
    const model = await loadOnnxModel(bytesOf(text), {
      ...common,
      feeds: { encoder_hidden_states: prompts[0]! },
      guidance: { scale: 5, rescale: 0.7, feeds: { encoder_hidden_states: prompts[1]! } },
    });
    expectNear(await model.evaluate(x, level), guide(yes!, no!, 5, { rescale: 0.7 }), 1e-4);
  });

  it("has an autoencoder that goes there and back as torch does", async () => {
    const golden = load<{
      scalingFactor: number;
      shiftFactor: number | null;
      image: Value;
      scaledLatent: Value;
      reconstruction: Value;
      tolerance: Io["tolerance"];
    }>("onnx/text-latent/vae");
    const open = async (part: string) =>
      (await ort.InferenceSession.create(
        bytesOf(`text-latent/${part}/model.onnx`),
      )) as unknown as OnnxSession;
    const vae = onnxVae(runtime, {
      encoder: await open("vae_encoder"),
      decoder: await open("vae_decoder"),
      scalingFactor: golden.scalingFactor,
      ...(golden.shiftFactor !== null && { shiftFactor: golden.shiftFactor }),
    });
    const { rtol, atol } = golden.tolerance;
    const latents = await vae.encode(arrayOf(golden.image));
    expectNear(latents, arrayOf(golden.scaledLatent), rtol, atol);
    expectNear(await vae.decode(latents), arrayOf(golden.reconstruction), rtol, atol);
    // a draw is another point of the same distribution, by its key
    const drawn = await vae.encode(arrayOf(golden.image), { key: key(0) });
    expect(drawn.shape).toEqual(latents.shape);
    expectNear(await vae.encode(arrayOf(golden.image), { key: key(0) }), drawn, 1e-12);
    expect(() => expectNear(drawn, latents, 1e-6)).toThrow();
    await expect(
      vae.decode(reshape(asType(sub(latents, 0), "float64"), [2, 2, 2, 64])),
    ).rejects.toThrow(/onnxVae: the decoder takes/);
  });
});
