// A digit, what little is measured of it, and what posterior sampling makes of that.
import { array, reshape, toTypedArray } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { foldIn, key, uniform } from "@provably/core-tensor/random";
import {
  annealing,
  codedPhaseRetrieval,
  ddsDdim,
  dpnp,
  gaussianNoise,
  inpainting,
  networkModel,
  psnr,
  quantizedSensing,
  scoreNetwork,
  superResolution,
} from "@provably/score-diffusion";
import { piGdm } from "@provably/score-diffusion/baselines";
import weights from "../../../examples/models/mnist-score/model.safetensors?url";
import digits from "../digits.json";

const SIDE = 28;
const SIZE = SIDE * SIDE;
const SEED = key("playground digit");
const seen = [...toTypedArray(uniform(foldIn(SEED, "mask"), [SIZE], { dtype: "float64" }))].map(
  (u) => Number(u < 0.25),
);
const problems = {
  "a quarter of the pixels": () => gaussianNoise(inpainting(seen), 0.1),
  "4× smaller": () => gaussianNoise(superResolution({ height: SIDE, width: SIDE, factor: 4 }), 0.1),
  "one bit a pixel": () => quantizedSensing(SIZE, 0.4),
  "magnitudes of a coded Fourier transform": () =>
    gaussianNoise(
      codedPhaseRetrieval({ height: SIDE, width: SIDE, key: foldIn(SEED, "code") }),
      0.2,
    ),
};

let model;
async function prior() {
  const { tensors, metadata } = decodeSafetensors(
    new Uint8Array(await (await fetch(weights)).arrayBuffer()),
  );
  return networkModel(scoreNetwork(JSON.parse(metadata.config)), tensors);
}

/** Grey values in [0, 1] as rectangles: no canvas in a worker of every browser. */
function drawing(values, title) {
  const cells = [...values].map((v, i) => {
    const ink = Math.round(255 * (1 - Math.min(1, Math.max(0, v))));
    return `<rect x="${i % SIDE}" y="${Math.floor(i / SIDE)}" width="1.02" height="1.02" fill="rgb(${ink},${ink},${ink})"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -4 28 32" width="170" height="194" role="img" font-family="system-ui, sans-serif"><title>${title}</title><text x="0" y="-1" font-size="2.4" fill="currentColor">${title}</text>${cells.join("")}</svg> `;
}

/** What was measured, as a picture where it is one. */
function measured(problem, y) {
  const at = (i) => (y.get(0, i) + 1) / 2;
  if (problem === "one bit a pixel") return Array.from({ length: SIZE }, (_, i) => at(i));
  if (problem === "4× smaller")
    return Array.from({ length: SIZE }, (_, i) =>
      at(Math.floor(i / SIDE / 4) * 7 + Math.floor((i % SIDE) / 4)),
    );
  if (problem !== "a quarter of the pixels") return undefined;
  let place = 0;
  return seen.map((s) => (s ? at(place++) : 0.5));
}

export async function compute({ digit, sketch, problem, rounds, seed }, report) {
  report({ status: "loading the network (1.3 MB) …" });
  model ??= prior();
  const network = await model;
  const truth = sketch ?? digits[Number(digit)].map((v) => v / 255);
  const image = array(
    truth.map((v) => 2 * v - 1),
    { shape: [1, SIZE], dtype: "float64" },
  );
  const forward = problems[problem]();
  const y = forward.measure(image, foldIn(SEED, seed));
  const picture = measured(problem, y);
  const given = drawing(truth, "the digit") + (picture ? drawing(picture, "measured") : "");
  report({ picture: given, status: "a first guess by ΠGDM …" });
  const first = piGdm(forward, y, network, foldIn(SEED, `start ${seed}`), { numSamples: 1 });
  const toPicture = (x) => [...toTypedArray(reshape(x, [SIZE]))].map((v) => (v + 1) / 2);
  const score = (x) => psnr(reshape(x, [SIDE, SIDE]), reshape(image, [SIDE, SIDE]), { range: 2 });
  const guess = drawing(toPicture(first.samples), "ΠGDM");
  report({ picture: given + guess });
  const run = dpnp(forward, y, network, foldIn(SEED, `chain ${seed}`), {
    start: first.samples,
    etas: annealing({ start: 0.6, end: 0.1, hold: 3, decay: rounds }),
    malaSteps: 50,
    denoiser: ddsDdim({ numSteps: 6 }),
    onProgress: ({ iteration, total }) =>
      report({ status: `DPnP, round ${iteration} of ${total} …` }),
  });
  return {
    picture: given + guess + drawing(toPicture(run.samples), "DPnP, one draw"),
    facts: [
      ["PSNR of ΠGDM", `${score(first.samples).toFixed(1)} dB`],
      ["PSNR of one draw of DPnP", `${score(run.samples).toFixed(1)} dB`],
      ["evaluations of the network", String(first.numEvaluations + run.numEvaluations)],
    ],
    certificate: run.certificate,
  };
}
