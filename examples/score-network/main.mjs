// Trains the score network of the tour on handwritten digits, up to an hour on one core, and stores its weights.
//   node examples/score-network/main.mjs [steps]
// A run that was stopped goes on where it was: the state is stored every 100 steps in out/.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { array, item, treeMap } from "@provably/core-tensor";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import { adam, cosineDecay, warmup } from "@provably/core-tensor/optim";
import { key } from "@provably/core-tensor/random";
import { denoisingLoss, scoreNetwork, trainScore } from "@provably/score-diffusion";
import { digits } from "../tour/lib/digits.mjs";
import { progressBar } from "../tour/lib/progress.mjs";

/** The first 850 images of each digit; the tour reconstructs later ones, which the network has not seen. */
const TRAIN_PER_CLASS = 850;
const CONFIG = { side: 28, channels: 32 };
const numSteps = Number(process.argv[2] ?? 3600);

const out = new URL("./out/", import.meta.url);
const model = new URL("../models/mnist-score/", import.meta.url);
mkdirSync(out, { recursive: true });
mkdirSync(model, { recursive: true });

const load = ({ images, count, size }) =>
  array(
    Float32Array.from(images, (v) => 2 * v - 1),
    { shape: [count, size] },
  );
const data = load(digits(TRAIN_PER_CLASS));
const heldOut = load(digits(50, { skip: TRAIN_PER_CLASS }));
const network = scoreNetwork(CONFIG);
const optimizer = adam(warmup(100, cosineDecay(1.5e-3, numSteps - 100, 2e-5)));

// A state is four trees of equal structure and a number: weights, their average, and the two moments of the optimiser.
const stored = new URL("state.safetensors", out);
function save({ step, params, average, optimizer: { mean, square } }) {
  const named = (prefix, tree) =>
    Object.fromEntries(Object.entries(tree).map(([name, x]) => [`${prefix}/${name}`, x]));
  const tensors = {
    ...named("params", params),
    ...named("average", average),
    ...named("mean", mean),
    ...named("square", square),
  };
  writeFileSync(stored, encodeSafetensors(tensors, { step: String(step) }));
}
function restore() {
  if (!existsSync(stored)) return undefined;
  const { tensors, metadata } = decodeSafetensors(readFileSync(stored));
  const tree = (prefix) =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(`${prefix}/`))
        .map(([name, x]) => [name.slice(prefix.length + 1), x]),
    );
  const step = Number(metadata.step);
  return {
    step,
    params: tree("params"),
    average: tree("average"),
    optimizer: { step, mean: tree("mean"), square: tree("square") },
  };
}

const state = restore();
if (state !== undefined) console.log(`going on from step ${state.step}`);
const bar = progressBar("training", numSteps);
const recent = [];
const result = trainScore(network, network.init(key("weights")), data, key("training"), {
  numSteps,
  optimizer,
  batchSize: 64,
  averageDecay: 0.998,
  ...(state && { state }),
  onProgress({ iteration, metric, state: now }) {
    bar.step(iteration);
    recent.push(metric);
    if (iteration % 100 !== 0) return;
    save(now);
    console.log(
      `step ${iteration}: loss ${(recent.reduce((a, b) => a + b, 0) / recent.length).toFixed(4)}`,
    );
    recent.length = 0;
  },
});
bar.finish();

const loss = item(denoisingLoss(network, result.average, heldOut, key("held out")));
console.log(`held-out loss after ${result.step} steps: ${loss.toFixed(4)}`);
const metadata = {
  config: JSON.stringify(CONFIG),
  steps: String(result.step),
  heldOutLoss: loss.toFixed(4),
};
writeFileSync(
  new URL("model.safetensors", model),
  encodeSafetensors(
    treeMap((x) => x, result.average),
    metadata,
  ),
);
