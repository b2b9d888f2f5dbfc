// How good is the score network of the tour? Errors of its denoiser on digits that it has not seen, next to the data set's own, and a picture of samples.
//   node examples/score-network/quality.mjs
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { array, item, mean, reshape, square, sub } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { foldIn, key, normal } from "@provably/core-tensor/random";
import {
  addNoise,
  convertPrediction,
  denoisingLoss,
  empiricalDistribution,
  encodePng,
  imageGrid,
  lambdaGrid,
  levelOfSigma,
  networkModel,
  sample,
  scoreNetwork,
} from "@provably/score-diffusion";
import { dpmSolverPlusPlus2M } from "@provably/score-diffusion/samplers";
import { digits } from "../tour/lib/digits.mjs";

const load = ({ images, count, size }) =>
  array(
    Float32Array.from(images, (v) => 2 * v - 1),
    { shape: [count, size] },
  );
const { tensors, metadata } = decodeSafetensors(
  readFileSync(new URL("../models/mnist-score/model.safetensors", import.meta.url)),
);
const network = scoreNetwork(JSON.parse(metadata.config));
const model = networkModel(network, tensors);
const heldOut = load(digits(50, { skip: 850 }));
const memory = empiricalDistribution(load(digits(850)), { dtype: "float32" });

console.log(`${heldOut.shape[0]} held-out digits, weights after ${metadata.steps} steps`);
console.log(
  `loss ${item(denoisingLoss(network, tensors, heldOut, key("held out"))).toFixed(4)}, stored with the weights: ${metadata.heldOutLoss}`,
);
console.log("mean square error of the predicted clean pixel, range [−1, 1]:");
console.log("  σ/α    network   training set's exact denoiser");
for (const ratio of [0.1, 0.2, 0.5, 1, 2, 5, 10]) {
  const level = levelOfSigma(ratio);
  const x = addNoise(heldOut, normal(foldIn(key("noise"), String(ratio)), heldOut.shape), level);
  const error = ({ evaluate, prediction }) =>
    item(
      mean(square(sub(convertPrediction(evaluate(x, level), prediction, "x0", x, level), heldOut))),
    );
  console.log(
    `  ${String(ratio).padEnd(6)} ${error(model).toFixed(5)}   ${error(memory).toFixed(5)}`,
  );
}

const schedule = lambdaGrid(24, { lambdaMin: -4.5, lambdaMax: 3 });
const { samples } = sample(dpmSolverPlusPlus2M(), model, key("samples"), {
  shape: [60, heldOut.shape[1]],
  schedule,
});
const out = new URL("./out/", import.meta.url);
mkdirSync(out, { recursive: true });
const file = fileURLToPath(new URL("samples.png", out));
writeFileSync(
  file,
  encodePng(
    imageGrid(reshape(samples, [60, 28, 28]), { columns: 12, gap: 2, scale: 2, background: 0 }),
  ),
);
console.log(`60 samples in 24 steps of DPM-Solver++ (2M): ${file}`);
