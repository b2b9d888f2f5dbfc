// Trains the image network on patches of the photographs for training, half an hour on a shared core, and stores its weights.
//   node examples/photographs/train.mjs [steps]
// A run that was stopped goes on where it was: the state is stored after every 50 steps in out/.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { array, toTypedArray } from "@provably/core-tensor";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import { adam, cosineDecay, warmup } from "@provably/core-tensor/optim";
import { foldIn, key, uniform } from "@provably/core-tensor/random";
import { imageNetwork, levelOfSigma, trainScore } from "@provably/score-diffusion";
import { load, photographs } from "./lib.mjs";

const CONFIG = { colors: 3, channels: 64, wide: 64 };
const SIDE = 48;
const BATCH = 16;
/** Steps on one set of patches. */
const STEPS_PER_SET = 50;
const numSteps = Number(process.argv[2] ?? 2200);

const out = new URL("./out/", import.meta.url);
mkdirSync(out, { recursive: true });

const images = photographs
  .filter(({ role }) => role === "training")
  .map((entry) => {
    const image = load(entry);
    return { pixels: toTypedArray(image), height: image.shape[1], width: image.shape[2] };
  });
/** Photographs count by the root of their size, so that the small ones are seen too. */
const shares = images.map(({ height, width }) => Math.sqrt(height * width));
const allShares = shares.reduce((a, b) => a + b, 0);

/** Patches from random places, half of them mirrored. */
function patches(count, k) {
  const data = new Float32Array(count * 3 * SIDE * SIDE);
  const drawn = toTypedArray(uniform(k, [count, 4], { dtype: "float64" }));
  for (let i = 0; i < count; i++) {
    const [which, down, across, mirror] = drawn.subarray(4 * i, 4 * i + 4);
    let place = which * allShares;
    let choice = 0;
    while (choice < images.length - 1 && place >= shares[choice]) place -= shares[choice++];
    const { pixels, height, width } = images[choice];
    const top = Math.floor(down * (height - SIDE + 1));
    const left = Math.floor(across * (width - SIDE + 1));
    for (let c = 0; c < 3; c++)
      for (let row = 0; row < SIDE; row++)
        for (let column = 0; column < SIDE; column++)
          data[((i * 3 + c) * SIDE + row) * SIDE + column] =
            pixels[
              (c * height + top + row) * width + left + (mirror < 0.5 ? column : SIDE - 1 - column)
            ];
  }
  return array(data, { shape: [count, 3, SIDE, SIDE] });
}

/** Most of the training at the noise where reconstruction is decided: ln(σ/α) is logistic around ln 0.25. */
const levelAt = (u) => {
  const inside = Math.min(0.9995, Math.max(0.0005, u));
  return levelOfSigma(0.25 * Math.exp(0.8 * Math.log(inside / (1 - inside))));
};

// A state is four trees of equal structure and a number: weights, their average, and the two moments of the optimiser.
const stored = new URL("state.safetensors", out);
function save({ step, params, average, optimizer: { mean, square } }) {
  const named = (prefix, tree) =>
    Object.fromEntries(Object.entries(tree).map(([name, x]) => [`${prefix}/${name}`, x]));
  const next = new URL("state.next", out);
  writeFileSync(
    next,
    encodeSafetensors(
      {
        ...named("params", params),
        ...named("average", average),
        ...named("mean", mean),
        ...named("square", square),
      },
      { step: String(step) },
    ),
  );
  renameSync(next, stored);
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

const network = imageNetwork(CONFIG);
const optimizer = adam(warmup(50, cosineDecay(2e-3, numSteps - 50, 2e-5)));
let state = restore();
if (state !== undefined) console.log(`going on from step ${state.step}`);
const started = performance.now();
const first = state?.step ?? 0;
while ((state?.step ?? 0) < numSteps) {
  const set = Math.floor((state?.step ?? 0) / STEPS_PER_SET);
  const until = Math.min(numSteps, (set + 1) * STEPS_PER_SET);
  const data = patches(STEPS_PER_SET * BATCH, foldIn(key("patches"), set));
  const result = trainScore(network, network.init(key("weights")), data, key("training"), {
    numSteps: until,
    optimizer,
    batchSize: BATCH,
    averageDecay: 0.995,
    levelAt,
    ...(state && { state }),
  });
  const { losses, ...reached } = result;
  state = reached;
  save(state);
  const loss = losses.reduce((a, b) => a + b, 0) / losses.length;
  const each = (performance.now() - started) / (state.step - first) / 1000;
  console.log(`step ${state.step}: loss ${loss.toFixed(4)}, ${each.toFixed(2)} s a step`);
}
writeFileSync(
  new URL("model.safetensors", import.meta.url),
  encodeSafetensors(state.average, { config: JSON.stringify(CONFIG), steps: String(state.step) }),
);
