// Held-out digits reconstructed from what little was measured of them: with the trained network, and with a data set as prior.
import { readFileSync } from "node:fs";
import { array, mean, reshape, tile, toTypedArray } from "@provably/core-tensor";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { foldIn, key, uniform } from "@provably/core-tensor/random";
import {
  annealing,
  codedPhaseRetrieval,
  ddsDdim,
  dpnp,
  empiricalDistribution,
  gaussianNoise,
  inpainting,
  networkModel,
  psnr,
  quantizedSensing,
  scoreNetwork,
  ssim,
  superResolution,
} from "@provably/score-diffusion";
import {
  daps,
  ddnm,
  ddrm,
  diffPir,
  dps,
  lgdMc,
  mcg,
  piGdm,
  pnpDm,
  redDiff,
} from "@provably/score-diffusion/baselines";
import { digits } from "../tour/lib/digits.mjs";

const SEED = key("digits");
const SIDE = 28;
const SIZE = SIDE * SIDE;

const images = ({ images: values, count, size }) =>
  array(
    values.map((v) => 2 * v - 1),
    { shape: [count, size] },
  );

/** One image of each digit, from a place on. The network was trained on the first 850 of each. */
export const imagesFrom = (place) => images(digits(1, { skip: place }));

/** What neither prior has seen, nor any setting was chosen on. The package holds fewer than 900 fives, so none. */
export const heldOut = () => imagesFrom(900);

/** The trained network, or the first 200 images of each digit as a distribution. */
export function priorOf(name) {
  if (name === "data set") return empiricalDistribution(images(digits(200)));
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL("../models/mnist-score/model.safetensors", import.meta.url)),
  );
  return networkModel(scoreNetwork(JSON.parse(metadata.config)), tensors);
}

const drawn = toTypedArray(uniform(foldIn(SEED, "mask"), [SIZE], { dtype: "float64" }));

export const problems = {
  "a quarter of the pixels": gaussianNoise(
    inpainting([...drawn].map((u) => Number(u < 0.25))),
    0.1,
  ),
  "4× smaller": gaussianNoise(superResolution({ height: SIDE, width: SIDE, factor: 4 }), 0.1),
  "magnitudes of a coded Fourier transform": gaussianNoise(
    codedPhaseRetrieval({ height: SIDE, width: SIDE, key: foldIn(SEED, "code") }),
    0.2,
  ),
  "one bit a pixel": quantizedSensing(SIZE, 0.4),
};

export const GUIDED_STEPS = 100;
const CHAINS = 4;
/** Lengths of the pull, chosen from 0.3, 1 and 3 by tune.mjs. */
const LINEAR = { "a quarter of the pixels": 3, "4× smaller": 3 };
const SCALES = {
  DPS: { ...LINEAR, "magnitudes of a coded Fourier transform": 3 },
  "LGD-MC": { ...LINEAR, "magnitudes of a coded Fourier transform": 3 },
  MCG: LINEAR,
};
const warmEtas = annealing({ start: 0.6, end: 0.1, hold: 3, decay: 10 });

/** Every method with its settings, the same for all problems but for the scales of the guided ones. DPnP starts from ΠGDM, as published from DPS or LGD-MC; four chains from there give one draw and a mean. */
export const methods = {
  DPnP: (forward, y, model, k, options) => {
    const first = piGdm(forward, y, model, foldIn(k, "start"), options);
    const run = dpnp(forward, tile(y, [CHAINS, 1]), model, k, {
      start: tile(first.samples, [CHAINS, 1]),
      etas: warmEtas,
      malaSteps: 50,
      denoiser: ddsDdim({ numSteps: 6 }),
    });
    const draws = reshape(run.samples, [CHAINS, ...first.samples.shape]);
    return {
      samples: draws.pick(0, null, null),
      average: mean(draws, { axis: 0 }),
      numEvaluations: run.numEvaluations + first.numEvaluations,
    };
  },
  DPS: (forward, y, model, k, options) =>
    dps(forward, y, model, k, { ...options, numSteps: GUIDED_STEPS }),
  "LGD-MC": (forward, y, model, k, options) =>
    lgdMc(forward, y, model, k, { ...options, numSteps: GUIDED_STEPS }),
  ΠGDM: (forward, y, model, k, options) => piGdm(forward, y, model, k, options),
  MCG: (forward, y, model, k, options) =>
    mcg(forward, y, model, k, { ...options, numSteps: GUIDED_STEPS }),
  DDRM: (forward, y, model, k, options) => ddrm(forward, y, model, k, options),
  "DDNM+": (forward, y, model, k, options) => ddnm(forward, y, model, k, options),
  DiffPIR: (forward, y, model, k, options) => diffPir(forward, y, model, k, options),
  "RED-diff": (forward, y, model, k, options) =>
    redDiff(forward, y, model, k, { ...options, numSteps: 300 }),
  DAPS: (forward, y, model, k, options) =>
    daps(forward, y, model, k, {
      ...options,
      numSteps: 40,
      sigmaMax: 20,
      sigmaMin: 0.05,
      langevinSteps: 50,
    }),
  "PnP-DM": (forward, y, model, k, options) =>
    pnpDm(forward, y, model, k, {
      ...options,
      numRounds: 40,
      rhoMin: 0.15,
      malaSteps: 50,
      denoisingSteps: 15,
    }),
};

const rowOf = (x, i) => Float64Array.from({ length: SIZE }, (_, j) => x.get(i, j));
const clipped = (x, i) => rowOf(x, i).map((v) => Math.min(1, Math.max(-1, v)));
const picture = (values) => array(values, { shape: [SIDE, SIDE] });

/** PSNR and SSIM of each reconstruction, and the pictures in [0, 1]. */
export function judge(samples, truth) {
  const n = truth.shape[0];
  const rows = Array.from({ length: n }, (_, i) => clipped(samples, i));
  return {
    psnr: rows.map((row, i) => psnr(picture(row), picture(rowOf(truth, i)), { range: 2 })),
    ssim: rows.map((row, i) => ssim(picture(row), picture(rowOf(truth, i)), { range: 2 })),
    pictures: rows.map((row) => row.map((v) => (v + 1) / 2)),
  };
}

/** Reconstructs all images by one method; undefined where it does not apply. DPnP gives one draw and the mean of four. */
export function reconstructAll(name, problem, model, truth) {
  const forward = problems[problem];
  const y = forward.measure(truth, foldIn(SEED, "noise"));
  try {
    const { samples, average, numEvaluations } = methods[name](
      forward,
      y,
      model,
      foldIn(SEED, name),
      {
        numSamples: truth.shape[0],
        // chosen for the network, which predicts velocities
        ...(model.prediction === "v" && { scale: SCALES[name]?.[problem] }),
      },
    );
    const one = { name, numEvaluations, ...judge(samples, truth) };
    return average === undefined
      ? [one]
      : [one, { name: `${name}, mean of ${CHAINS}`, numEvaluations, ...judge(average, truth) }];
  } catch (error) {
    if (error.code === "ERR_DOMAIN" && /must be linear/.test(error.message)) return [];
    throw error;
  }
}

/** What was measured, as a picture, where it is one. */
export function measuredPictures(problem, truth) {
  const forward = problems[problem];
  const y = forward.measure(truth, foldIn(SEED, "noise"));
  const n = truth.shape[0];
  const grey = (i, j) => {
    if (forward.outputSize === SIZE) return (y.get(i, j) + 1) / 2;
    if (forward.outputSize === SIZE / 16)
      return (
        (y.get(i, Math.floor(Math.floor(j / SIDE) / 4) * 7 + Math.floor((j % SIDE) / 4)) + 1) / 2
      );
    return undefined;
  };
  if (problem === "a quarter of the pixels") {
    const seen = [...drawn].map((u) => u < 0.25);
    const place = seen.map((_, j) => seen.slice(0, j).filter(Boolean).length);
    return Array.from({ length: n }, (_, i) =>
      Float64Array.from({ length: SIZE }, (_unused, j) =>
        seen[j] ? (y.get(i, place[j]) + 1) / 2 : 0.5,
      ),
    );
  }
  if (grey(0, 0) === undefined) return undefined;
  return Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: SIZE }, (_unused, j) => grey(i, j)),
  );
}
