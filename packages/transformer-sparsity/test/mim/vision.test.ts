import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DomainError, FormatError, type NdArray, ShapeError, array, eye, reshape, toTypedArray, zeros } from "@provably/core-tensor"; // prettier-ignore
import { decodeSafetensors } from "@provably/core-tensor/io";
import { key, uniform } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { filesFromMemory, jaccardSimilarity, selectExperts } from "../../src/griffin/index.js";
import {
  createMaskedAutoencoder,
  encode,
  encodeImages,
  imageProcessor,
  loadVisionModel,
  maeForward,
  patchAttention,
  plotHeatOverImage,
  processImage,
  randomMasking,
  reconstructPixels,
  seenImage,
  visionConfig,
  visionFiles,
  visionModel,
} from "../../src/mim/index.js";
import { expectNear, load } from "./fixtures.js";

const own = fileURLToPath(new URL("../fixtures/mim/", import.meta.url));
const bytes = (place: string): Uint8Array => new Uint8Array(readFileSync(own + place));
const json = (place: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`${own}${place}/config.json`, "utf8")) as Record<string, unknown>;
const params = (place: string): Record<string, NdArray> =>
  decodeSafetensors(bytes(`${place}/model.safetensors`)).tensors;
const small = { imageSize: 12, patchSize: 4, channels: 3, dim: 8, depth: 2, heads: 2, decoderDim: 12, decoderDepth: 1, decoderHeads: 3, classToken: true } as const; // prettier-ignore

describe("where tokens look", () => {
  interface Golden {
    readonly model: string;
    readonly case: string;
    readonly grid: [number, number];
    readonly specialTokens: number[];
    readonly clsToPatches?: number[][][];
    readonly rolloutClsToPatches?: number[];
  }
  it.each(load<{ models: Golden[] }>("attention-summary").models)(
    "attention of the class token to patches is that of the golden summary of $model",
    (golden) => {
      const { cases } = load<{ cases: { name: string; attentions: { shape: number[]; data: number[] }[] }[] }>(`${golden.model}/expected`); // prettier-ignore
      const attention = cases
        .find(({ name }) => name === golden.case)!
        .attentions.map(({ shape, data }) => array(Float32Array.from(data), { shape }));
      const encoded = { attention, grid: golden.grid, specialTokens: golden.specialTokens };
      golden.clsToPatches?.forEach((heads, layer) => {
        heads.forEach((row, head) => {
          expectNear(reshape(patchAttention(encoded, { layer, head }), [-1]), row, 0, 1e-6);
        });
        const mean = heads[0]!.map((_, p) => heads.reduce((sum, row) => sum + row[p]! / heads.length, 0)); // prettier-ignore
        expectNear(reshape(patchAttention(encoded, { layer, query: "class" }), [-1]), mean, 0, 1e-6); // prettier-ignore
      });
      if (!golden.rolloutClsToPatches) return;
      const flow = Float64Array.from(toTypedArray(patchAttention(encoded, { layer: "rollout" })));
      const total = flow.reduce((a, b) => a + b, 0);
      expectNear([...flow].map((x) => x / total), golden.rolloutClsToPatches, 0, 1e-6); // prettier-ignore
    },
  );

  it("a patch is asked by its number, and the mean of patches is that of their rows", () => {
    const attention = [reshape(eye(5), [1, 1, 5, 5])];
    const encoded = { attention, grid: [2, 2] as const, specialTokens: [0] };
    expect(patchAttention(encoded, { query: 2 }).toArray()).toEqual([[0, 0], [1, 0]]); // prettier-ignore
    expect(patchAttention(encoded, { query: "mean" }).toArray()).toEqual([[0.25, 0.25], [0.25, 0.25]]); // prettier-ignore
    for (const wrong of [
      { query: 4 },
      { layer: 1 },
      { head: 1 },
      { image: 1 },
      { layer: "rollout", head: 0 },
    ])
      // prettier-ignore
      expect(() => patchAttention(encoded, wrong as never)).toThrow(DomainError);
    expect(() => patchAttention({ ...encoded, specialTokens: [] })).toThrow(/tokens by its grid/);
    expect(() => patchAttention({ ...encoded, attention: [] })).toThrow(/must have attention/);
  });

  it("heat lies over the image, and its picture refuses what is no heat", () => {
    const image = { height: 4, width: 6, data: new Uint8Array(24) };
    const svg = plotHeatOverImage(image, eye(2), { title: "here", query: 3, smooth: true });
    expect(svg.match(/<image/g)).toHaveLength(2);
    expect(svg).toContain("here");
    expect(() => plotHeatOverImage(image, array([[-1, 2]]))).toThrow(/≥ 0/);
    expect(() => plotHeatOverImage(image, array([1, 2]))).toThrow(ShapeError);
    expect(() => plotHeatOverImage(image, eye(2), { query: 4 })).toThrow(/query/);
    expect(() => plotHeatOverImage({ ...image, width: 5 }, eye(2))).toThrow(/bytes a pixel/);
  });

  it("the seen part of an image is what the processor makes of it before it normalises", () => {
    const config = { image_processor_type: "CLIPImageProcessor", size: { shortest_edge: 6 }, crop_size: { height: 4, width: 5 }, resample: 3, image_mean: [0, 0, 0], image_std: [1, 1, 1] }; // prettier-ignore
    const processor = imageProcessor(config);
    const image = { height: 9, width: 12, data: Uint8Array.from({ length: 324 }, (_, i) => (i * 37) % 256) }; // prettier-ignore
    const seen = seenImage(processor, image);
    expect([seen.height, seen.width]).toEqual([4, 5]);
    const pixels = processImage(processor, image);
    for (let c = 0; c < 3; c++)
      for (let i = 0; i < 20; i++)
        expect(pixels.get(0, c, Math.floor(i / 5), i % 5) * 255).toBeCloseTo(seen.data[3 * i + c]!, 3); // prettier-ignore
  });
});

describe("models that were pretrained here", () => {
  const model = createMaskedAutoencoder(key(0), small);
  const images = uniform(key(1), [2, 3, 12, 12]);

  it("are the same models as published files", async () => {
    const loaded = await loadVisionModel(filesFromMemory(visionFiles(model)));
    const ours = encode(model, images, { attention: true });
    const theirs = encodeImages(loaded, images);
    expectNear(theirs.tokens, ours.tokens, 1e-4);
    theirs.attention.forEach((map, i) => { expectNear(map, ours.attention[i]!, 1e-5); }); // prettier-ignore
    const masking = randomMasking(key(2), { batch: 2, numPatches: 9 });
    const [a, b] = [maeForward(model, images, masking), reconstructPixels(loaded, images, masking)];
    expectNear(b.predictions, a.predictions, 1e-4);
    expect(b.loss).toBeCloseTo(a.loss, 5);
    expectNear(b.mask, a.mask);
  });

  it("need what the published kind has", () => {
    expect(() => visionFiles(createMaskedAutoencoder(key(0), { ...small, classToken: false }))).toThrow(/class token/); // prettier-ignore
    expect(() => visionFiles(createMaskedAutoencoder(key(0), { ...small, kind: "simmim" }))).toThrow(/kind mae/); // prettier-ignore
  });

  it("choose experts by an image, which differ from image to image", async () => {
    const loaded = await loadVisionModel(filesFromMemory(visionFiles(model)));
    const halves = array(Float32Array.from({ length: 864 }, (_, i) => (i < 432 ? 1 : i % 3)), { shape: [2, 3, 12, 12] }); // prettier-ignore
    const { statistics } = encodeImages(loaded, halves, { statistics: true });
    const { tokens } = encodeImages(loaded, images);
    const [first, second] = statistics.map((own) => selectExperts(own, { density: 0.5 }));
    expect(jaccardSimilarity(first!.layers[0]!, second!.layers[0]!)).toBeLessThan(1);
    const every = { layers: first!.layers.map(() => Int32Array.from({ length: 16 }, (_, j) => j)) };
    expectNear(encodeImages(loaded, images, { experts: every }).tokens, tokens, 1e-6);
    for (const layers of [
      [],
      [Int32Array.of(3, 2), Int32Array.of(1)],
      [Int32Array.of(16), Int32Array.of(1)],
      [new Int32Array(0), Int32Array.of(1)],
    ])
      // prettier-ignore
      expect(() => encodeImages(loaded, images, { experts: { layers } })).toThrow(/experts/);
  });
});

describe("what is no vision transformer", () => {
  const config = json("vision/vit");
  const tensors = params("vision/vit");
  const pixels = zeros([1, 3, 32, 32]);

  it("images of another size are refused until interpolation is asked for", () => {
    const model = visionModel(tensors, visionConfig(config));
    const wide = zeros([1, 3, 32, 48]);
    expect(() => encodeImages(model, wide)).toThrow(/interpolatePositions: true/);
    expect(encodeImages(model, wide, { interpolatePositions: true }).grid).toEqual([4, 6]);
    expect(() => encodeImages(model, zeros([1, 3, 4, 32]), { interpolatePositions: true })).toThrow(/hold no patch/); // prettier-ignore
    expect(() => encodeImages(model, zeros([1, 1, 32, 32]))).toThrow(ShapeError);
    expect(() => encodeImages(model, zeros([3, 32, 32]))).toThrow(ShapeError);
    expect(() => encodeImages(model, array(new Float32Array(3072).fill(255), { shape: [1, 3, 32, 32] }))).toThrow(/divide bytes/); // prettier-ignore
    expect(() => encodeImages(model, pixels, { attentions: true } as never)).toThrow(/attentions/);
    expect(() => reconstructPixels(model, pixels, randomMasking(key(0), { batch: 1, numPatches: 16 }))).toThrow(/masked autoencoder/); // prettier-ignore
  });

  it("rectangular positions are not resampled", () => {
    const place = "vision-more/vit-rectangular";
    const model = visionModel(params(place), visionConfig(json(place)));
    expect(() => encodeImages(model, zeros([1, 3, 24, 24]), { interpolatePositions: true })).toThrow(/only square grids/); // prettier-ignore
  });

  it("tensors that are missing, of another shape, or of no use are named", () => {
    const { "vit.layernorm.bias": bias, ...without } = tensors;
    const read = (given: Record<string, NdArray>) => () => visionModel(given, visionConfig(config));
    expect(read(without)).toThrow(/no tensor "vit.layernorm.bias"/);
    expect(read({ ...without, "vit.layernorm.bias": zeros([3]) })).toThrow(ShapeError);
    expect(read({ ...without, "vit.layernorm.bias": zeros([32], { dtype: "int32" }) })).toThrow(/holds int32/); // prettier-ignore
    expect(read({ ...tensors, "vit.unheard.of": zeros([1]) })).toThrow(/"vit.unheard.of" is not used/); // prettier-ignore
    expect(read({ ...tensors, "layernorm.bias": bias! })).toThrow(/is not used/);
  });

  it("configs of other kinds are named", () => {
    expect(() => visionConfig({ ...config, model_type: "swin" })).toThrow(
      /"swin" is not one of vit/,
    );
    expect(() => visionConfig({ ...config, architectures: ["ViTMSNModel"] })).toThrow(
      /ViTMSNModel/,
    );
    expect(() => visionConfig({ ...config, architectures: ["ViTForMaskedImageModeling"] })).toThrow(FormatError); // prettier-ignore
    expect(() => visionConfig({ ...config, quantization_config: { quant_method: "gptq" } })).toThrow(/gptq/); // prettier-ignore
    expect(() => visionConfig({ ...config, hidden_size: 33 })).toThrow(DomainError);
    expect(() => visionConfig({ ...config, image_size: [1, 2, 3] })).toThrow(/image_size/);
    expect(() => visionConfig({ ...config, hidden_act: "mish" })).toThrow(/hidden_act "mish"/);
    expect(() => visionConfig([])).toThrow(FormatError);
    expect(() => visionConfig({ model_type: "clip", vision_config: { model_type: "resnet" } })).toThrow(/vision_config.model_type/); // prettier-ignore
    expect(visionConfig({ model_type: "clip", vision_config: { hidden_size: 8 }, vision_config_dict: { hidden_size: 24 } }).hiddenSize).toBe(24); // prettier-ignore
  });

  it("folders without what is needed are named, and loading stops when told to", async () => {
    const files = {
      "config.json": bytes("vision/vit/config.json"),
      "model.safetensors": bytes("vision/vit/model.safetensors"),
      "preprocessor_config.json": new TextEncoder().encode(JSON.stringify({ image_processor_type: "ViTImageProcessor", size: 32, resample: 2, image_mean: [0.5], image_std: [0.5] })), // prettier-ignore
    };
    const model = await loadVisionModel(filesFromMemory(files));
    expect(model.processor?.size).toEqual({ height: 32, width: 32 });
    const { "config.json": _, ...noConfig } = files;
    const { "model.safetensors": __, ...noWeights } = files;
    await expect(loadVisionModel(filesFromMemory(noConfig))).rejects.toThrow(/no config.json/);
    await expect(loadVisionModel(filesFromMemory(noWeights))).rejects.toThrow(/loadVisionModel: there is no file model.safetensors/); // prettier-ignore
    await expect(loadVisionModel("x/y.gguf")).rejects.toThrow(/language models/);
    const abort = new AbortController();
    let seen = 0;
    const stopped = loadVisionModel(filesFromMemory(files), {
      signal: abort.signal,
      onProgress: ({ iteration }) => { seen = iteration; if (iteration === 3) abort.abort(); }, // prettier-ignore
    });
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(seen).toBe(3);
    const run = new AbortController();
    expect(() => encodeImages(model, pixels, { signal: run.signal, onProgress: () => { run.abort(); } })).toThrow(/abort/i); // prettier-ignore
  });
});
