// Trains the model of this example, a masked autoencoder for digits with a class token, and stores it as the files that published models come in.
//   node examples/vision-transformer/train.mjs     some minutes; a run that was stopped goes on where it was
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { array } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  createMaskedAutoencoder,
  decodePretrainingState,
  digitRecipes,
  encodePretrainingState,
  pretrain,
  visionFiles,
} from "@provably/transformer-sparsity/mim";
import { digits } from "../tour/lib/digits.mjs";
import { progressBar } from "../tour/lib/progress.mjs";

const out = new URL("./out/", import.meta.url);
mkdirSync(out, { recursive: true });
const stored = new URL("digits-mae.safetensors", out);
const { images, count } = digits(700);
const { config, training } = digitRecipes.standard;
const state = existsSync(stored) ? decodePretrainingState(readFileSync(stored)) : undefined;
const total = training.numEpochs * Math.floor(count / 128);
const bar = progressBar(`${training.numEpochs} epochs`, total);
const { model } = pretrain(
  createMaskedAutoencoder(key(0), { ...config, classToken: true }),
  array(Float32Array.from(images), { shape: [count, 28, 28] }),
  key("digits"),
  {
    ...training,
    ...(state && { state }),
    onProgress({ iteration, state: now }) {
      bar.step(iteration);
      if (iteration % 54 === 0) writeFileSync(stored, encodePretrainingState(now));
    },
  },
);
bar.finish();
const folder = new URL("../models/digits-mae/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, bytes] of Object.entries(visionFiles(model)))
  writeFileSync(new URL(name, folder), bytes);
