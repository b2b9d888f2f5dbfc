/** Files of vision transformers, with bytes changed, cut and doubled. With RUN_SLOW=1 a hundred thousand of each kind. */
import { fileURLToPath } from "node:url";
import { toTypedArray, zeros } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import { filesFromMemory } from "../../src/griffin/index.js";
import {
  encodeImages,
  imageProcessor,
  loadVisionModel,
  processImage,
  visionConfig,
} from "../../src/mim/index.js";
import { RUNS, attack, bytes, mutate } from "../attack.js";

const own = fileURLToPath(new URL("../fixtures/mim/", import.meta.url));
const MODELS = ["vision/vit", "vision-more/dinov2-registers", "vision-more/beit-layers", "vision-more/siglip"]; // prettier-ignore
const FEW = RUNS > 1000 ? RUNS : 150;

describe(
  "mutated files of vision transformers give a typed error or a value",
  { timeout: 3_600_000 },
  () => {
    it.each(MODELS)("config and weights of %s", async (place) => {
      const [config, weights] = [bytes(`${own}${place}/config.json`), bytes(`${own}${place}/model.safetensors`)]; // prettier-ignore
      const run = async (next: (n: number) => number): Promise<void> => {
        const changesConfig = next(2) === 0;
        const model = await loadVisionModel(
          filesFromMemory({
            "config.json": changesConfig ? mutate(config, config.length, next) : config,
            "model.safetensors": changesConfig ? weights : mutate(weights, 6000, next),
          }),
        );
        const { imageSize, channels } = model.config;
        const { tokens } = encodeImages(model, zeros([1, channels, ...imageSize]));
        // weights may be anything finite, and what follows from them
        expect(tokens.shape).toHaveLength(3);
      };
      const { errors, values } = await attack(run, 1, FEW);
      expect(errors).toBeGreaterThan(0);
      expect(values).toBeGreaterThan(0);
    });

    it("settings of image processors, and images that do not fit them", async () => {
      const text = new TextEncoder().encode(
        JSON.stringify({ image_processor_type: "CLIPImageProcessor", do_resize: true, size: { shortest_edge: 9 }, do_center_crop: true, crop_size: { height: 8, width: 8 }, resample: 3, do_rescale: true, rescale_factor: 0.004, do_normalize: true, image_mean: [0.4, 0.5, 0.6], image_std: [0.2, 0.3, 0.4], do_convert_rgb: true }), // prettier-ignore
      );
      const parse = (json: Uint8Array): unknown => {
        try {
          return JSON.parse(new TextDecoder().decode(json)) as unknown;
        } catch {
          return null;
        }
      };
      const run = (next: (n: number) => number): Promise<void> => {
        const processor = imageProcessor(parse(mutate(text, text.length, next)));
        const pixels = processImage(processor, { height: 1 + next(20), width: 1 + next(20), data: new Uint8Array(3 * (1 + next(400))) }); // prettier-ignore
        expect(toTypedArray(pixels).every(Number.isFinite)).toBe(true);
        return Promise.resolve();
      };
      const { errors } = await attack((next) => Promise.resolve().then(() => run(next)), 2, FEW);
      expect(errors).toBeGreaterThan(0);
    });

    it("fields of configs that are anything at all", async () => {
      const config = JSON.parse(new TextDecoder().decode(bytes(`${own}vision/vit/config.json`))) as Record<string, unknown>; // prettier-ignore
      const others = [
        null,
        true,
        -1,
        0,
        0.5,
        1e308,
        2 ** 40,
        "",
        "x",
        [],
        [1],
        [8, 8],
        {},
        { a: 1 },
      ];
      const run = (next: (n: number) => number): Promise<void> => {
        const names = Object.keys(config);
        const name = names[next(names.length)]!;
        visionConfig({ ...config, [name]: others[next(others.length)] });
        return Promise.resolve();
      };
      await attack((next) => Promise.resolve().then(() => run(next)), 3, FEW);
    });
  },
);
