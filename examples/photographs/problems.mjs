// Five ways to measure a photograph, and every method to restore it from the measurement.
import { mean, reshape, sqrt, square, sub } from "@provably/core-tensor";
import { foldIn, key, uniform } from "@provably/core-tensor/random";
import {
  annealing,
  blur,
  codedPhaseRetrieval,
  ddsDdim,
  dpnp,
  gaussianNoise,
  inpainting,
  lambdaGrid,
  motionKernel,
  perChannel,
  quantizedSensing,
  superResolution,
} from "@provably/score-diffusion";
import { diffPir, dps, lgdMc, piGdm } from "@provably/score-diffusion/baselines";
import { totalVariation } from "./total-variation.mjs";

export const SEED = key("photographs");
const NOISE = 0.05;

/** The problems for squares of a side; pixels are seen in all their colours. */
export function problemsOf(side) {
  const image = { height: side, width: side };
  const drawn = uniform(foldIn(SEED, "mask"), [side * side], { dtype: "float64" });
  const mask = Array.from({ length: side * side }, (_, i) => Number(drawn.get(i) < 0.3));
  const colors = (operator) => gaussianNoise(perChannel(operator, 3), NOISE);
  return {
    "three pixels in ten": colors(inpainting(mask)),
    "4× smaller": colors(superResolution(image)),
    "motion blur": colors(blur({ ...image, kernel: motionKernel(15, 0.6) })),
    "coded phase retrieval": colors(codedPhaseRetrieval({ ...image, key: foldIn(SEED, "code") })),
    "one bit a number": quantizedSensing(3 * side * side, 0.4),
  };
}

/** Levels from σ/α = 20 to 0.03: those that the network was trained on most. */
const levels = (numSteps) =>
  lambdaGrid(numSteps, { lambdaMin: -Math.log(20), lambdaMax: -Math.log(0.03) });

/** The length of the pull of the guided methods, and the weight of total variation. */
export const SCALES = {
  "three pixels in ten": { pull: 10, variation: 12 },
  "4× smaller": { pull: 10, variation: 3 },
  "motion blur": { pull: 10, variation: 3 },
  "coded phase retrieval": { pull: 10 },
  "one bit a number": { pull: 3, variation: 1 },
};

const CHAINS = 3;
const ETAS = { start: 0.6, end: 0.06, hold: 2, decay: 8, stay: 2 };

const oneOf = (name, { samples, numEvaluations }) => ({
  images: { [name]: samples },
  numEvaluations,
});

/** From three chains of DPnP, started from DiffPIR: one draw, the mean and the spread of the draws of the last rounds. */
function drawsOf(forward, y, model, k) {
  const start = diffPir(forward, y, model, foldIn(k, "start"), {
    numSamples: CHAINS,
    schedule: levels(12),
  });
  const run = dpnp(forward, y, model, k, {
    start: start.samples,
    etas: annealing(ETAS),
    malaSteps: 10,
    denoiser: ddsDdim({ numSteps: 4 }),
  });
  const [rounds, n, d] = run.chain.shape;
  const draws = reshape(run.chain, [rounds * n, d]);
  const average = mean(draws, { axis: 0, keepDims: true });
  return {
    images: {
      "DPnP, one draw": reshape(run.samples.pick(0, null), [1, d]),
      "DPnP, mean of the draws": average,
    },
    spread: sqrt(mean(square(sub(draws, average)), { axis: 0 })),
    numEvaluations: run.numEvaluations + start.numEvaluations,
  };
}

/** Every method: restored images by name, and how often the network was asked. */
export const methods = {
  DPnP: drawsOf,
  DPS: (forward, y, model, k, { pull }) =>
    oneOf("DPS", dps(forward, y, model, k, { numSamples: 1, schedule: levels(30), scale: pull })),
  "LGD-MC": (forward, y, model, k, { pull }) =>
    oneOf(
      "LGD-MC",
      lgdMc(forward, y, model, k, {
        numSamples: 1,
        schedule: levels(30),
        scale: pull,
        numDraws: 2,
      }),
    ),
  ΠGDM: (forward, y, model, k) =>
    oneOf("ΠGDM", piGdm(forward, y, model, k, { numSamples: 1, schedule: levels(20) })),
  DiffPIR: (forward, y, model, k) =>
    oneOf("DiffPIR", diffPir(forward, y, model, k, { numSamples: 1, schedule: levels(30) })),
  "total variation": (forward, y, _model, _k, { variation, side }) =>
    variation === undefined
      ? undefined
      : oneOf("total variation", {
          samples: totalVariation(forward.likelihood(y), side, variation),
          numEvaluations: 0,
        }),
};
