// Masked pretraining on handwritten digits: what a small vision transformer learns by filling in hidden patches, and where its heads look.
//   node examples/masked-digits/main.mjs             the standard recipe, its SimMIM and contrastive relatives, about 10 minutes
//   node examples/masked-digits/main.mjs quick       larger patches, under a minute
// A run that was stopped goes on where it was: states are stored every epoch in out/.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { array, reshape } from "@provably/core-tensor";
import { encodeSafetensors } from "@provably/core-tensor/io";
import { key } from "@provably/core-tensor/random";
import {
  certifyPretraining,
  createContrastive,
  createMaskedAutoencoder,
  decodePretrainingState,
  digitRecipes,
  encode,
  encodePretrainingState,
  imageFeatures,
  maskedError,
  meanPatchError,
  pretrain,
  pretrainContrastive,
  ridgeProbe,
  summarizeAttention,
} from "@provably/transformer-sparsity/mim";
import { digits } from "../tour/lib/digits.mjs";
import { progressBar } from "../tour/lib/progress.mjs";

const out = new URL("./out/", import.meta.url);
mkdirSync(out, { recursive: true });

const load = ({ images, count, labels }) => ({
  labels,
  images: array(Float32Array.from(images), { shape: [count, 28, 28] }),
});
const train = load(digits(700));
const test = load(digits(150, { skip: 700 }));

/** Trains by a recipe, or takes up a stored state. */
function run(name, model, training, trainer) {
  const stored = new URL(`${name}.safetensors`, out);
  const state = existsSync(stored) ? decodePretrainingState(readFileSync(stored)) : undefined;
  const total = training.numEpochs * Math.floor(train.labels.length / 128);
  const bar = progressBar(`${name}: ${training.numEpochs} epochs`, total);
  const started = process.cpuUsage();
  let recent = [];
  const { model: trained } = trainer(model, train.images, key("digits"), {
    ...training,
    ...(state && { state }),
    onProgress({ iteration, metric, state: now }) {
      bar.step(iteration);
      recent.push(metric);
      if (iteration % 54 !== 0) return;
      writeFileSync(stored, encodePretrainingState(now));
      if (iteration % 270 === 0)
        console.log(
          `  ${name}: epoch ${iteration / 54}, loss ${(recent.reduce((a, b) => a + b) / recent.length).toFixed(4)}`,
        );
      recent = [];
    },
  });
  bar.finish();
  const { user, system } = process.cpuUsage(started);
  console.log(`  ${name}: ${((user + system) / 1e6).toFixed(0)} s of processor time`);
  return trained;
}

/** One row of the table. */
function evaluate(name, model, { reconstructs = true } = {}) {
  const probe = ridgeProbe(
    { features: imageFeatures(model, train.images), labels: train.labels },
    { features: imageFeatures(model, test.images), labels: test.labels },
  );
  const side = model.config.imageSize / model.config.patchSize;
  const { attention } = encode(model, test.images.hi(150), { attention: true });
  const last = summarizeAttention([attention.at(-1)], { grid: [side, side] });
  const mean = (metric) => last.reduce((total, head) => total + head[metric].mean, 0) / last.length;
  return {
    model: name,
    "masked error": reconstructs
      ? maskedError(model, test.images, key("masks")).error.toFixed(4)
      : "",
    "ridge probe": probe.accuracy.toFixed(3),
    diversity: mean("diversity").toFixed(3),
    "mutual information": mean("mutualInformation").toFixed(3),
    entropy: mean("entropy").toFixed(2),
    distance: mean("distance").toFixed(2),
    "head diversity": mean("headDiversity").toFixed(2),
  };
}

/** Stores a trained model, and its attention on the first two test digits, with the other models of the examples. */
function publish(model) {
  const folder = new URL("../models/digits-vit/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    new URL("model.safetensors", folder),
    encodeSafetensors(model.params, { config: JSON.stringify(model.config) }),
  );
  const { attention } = encode(model, test.images.hi(2), { attention: true });
  const layers = Object.fromEntries(attention.map((maps, i) => [`layer.${i + 1}`, maps]));
  writeFileSync(
    new URL("attention.safetensors", folder),
    encodeSafetensors(layers, { grid: "7 × 7", images: "the first two test digits, 0 and 1" }),
  );
}

const quick = process.argv[2] === "quick";
const { config, training } = quick ? digitRecipes.quick : digitRecipes.standard;
const fresh = createMaskedAutoencoder(key(0), config);
const mae = run(quick ? "quick" : "mae", fresh, training, pretrain);
const rows = [
  evaluate("untrained", fresh, { reconstructs: false }),
  evaluate("masked autoencoder", mae),
];
if (!quick) {
  publish(mae);
  const { config: one, training: short } = digitRecipes.single;
  rows.push(
    evaluate(
      "SimMIM, one block",
      run("simmim", createMaskedAutoencoder(key(0), one), short, pretrain),
    ),
  );
  rows.push(
    evaluate(
      "contrastive twin",
      run("contrastive", createContrastive(key(0), config), { numEpochs: 8 }, pretrainContrastive),
      { reconstructs: false },
    ),
  );
}
console.table(rows);

const pixels = ({ images, labels }) => ({
  features: reshape(images, [labels.length, 784]),
  labels,
});
console.log(
  `raw pixels, ridge probe: ${ridgeProbe(pixels(train), pixels(test), { penalty: 10 }).accuracy.toFixed(3)}`,
);
console.log(
  `mean patch, masked error: ${meanPatchError(mae, train.images, test.images, key("masks")).error.toFixed(4)}`,
);
const { claim, value, holds, note } = certifyPretraining(
  mae,
  train.images,
  test.images,
  key("masks"),
);
console.log(`${claim}: ${value.toFixed(3)}, ${holds ? "holds" : "does not hold"} (${note})`);
