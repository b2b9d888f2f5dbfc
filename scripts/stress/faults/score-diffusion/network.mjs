// Faults between a network and its levels: what it is asked, and what is made of its answer; and in the denoising step of DPnP.
import { mul } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  annealing,
  certifyScore,
  ddsDdim,
  dpnp,
  gaussianNoise,
  levelAt,
  linearBetas,
  matrixOperator,
  gaussianMixture,
  mixtureSamples,
  scaledLinearBetas,
  scheduleOf,
  stepModel,
} from "@provably/score-diffusion";
import { u } from "./line.mjs";

const schedule = scheduleOf(linearBetas(1000));
const law = (seed) =>
  gaussianMixture({ weights: [1, u(seed, "weight", 0.5, 2)], means: [[2, 0], [-2, u(seed, "place", -1, 1)]], variances: [0.1, u(seed, "variance", 0.05, 0.3)] }); // prettier-ignore

/** The noise of the law at a step of the schedule, which need not be whole. */
const network = (model) => (x, step) => {
  const low = Math.min(998, Math.max(0, Math.floor(step)));
  const ratios = [low + 1, low + 2].map((t) => levelAt(schedule, t)).map((l) => l.sigma / l.alpha);
  const ratio = ratios[0] * (ratios[1] / ratios[0]) ** (step - low);
  const level = { alpha: 1 / Math.hypot(1, ratio), sigma: ratio / Math.hypot(1, ratio) };
  return mul(-level.sigma, model.evaluate(x, level));
};
const asked = (change, trainedOn = { schedule }) => ({ seed, model, data }) =>
  certifyScore(stepModel((x, t) => network(model)(x, change(t)), trainedOn), data, key(seed)); // prettier-ignore

const score = {
  certificate: "certifyScore, certifyScoreAsync",
  given: "a network of 1000 steps on a mixture in the plane, 4096 clean examples",
  make(seed) {
    const model = law(seed);
    return { seed, model, data: mixtureSamples(model, foldIn(key(seed), "data"), 4096) };
  },
  honest: asked((t) => t),
  faults: {
    "asked about the first step always": asked(() => 0),
    "steps counted from 1": asked((t) => t + 1),
    "steps counted from the other end": asked((t) => 999 - t),
    "the schedule of another training": asked((t) => t, { schedule: scheduleOf(scaledLinearBetas(1000)) }),
    "the noise 20 % too large": ({ seed, model, data }) =>
      certifyScore(stepModel((x, t) => mul(1.2, network(model)(x, t)), { schedule }), data, key(seed)),
    "a velocity read as the noise": ({ seed, model, data }) =>
      certifyScore({ prediction: "eps", evaluate: (x, level) => mul(level.alpha, model.evaluate(x, level)) }, data, key(seed)),
    "trained on data twice as large": ({ seed, model, data }) => certifyScore(model, mul(0.5, data), key(seed)),
  },
}; // prettier-ignore

const forward = gaussianNoise(matrixOperator([[1, 0]]), 0.5);
const etas = annealing({ start: 1.5, end: 0.3, hold: 2, decay: 10, stay: 6 });
const round = ({ seed, model }, denoiser) =>
  dpnp(forward, [1.5], model, key(seed), { numSamples: 128, etas, ...(denoiser && { denoiser }) })
    .stationarity;
const stationarity = {
  certificate: "dpnp, stationarity",
  given: "128 chains on a mixture in the plane of which one coordinate was measured",
  make: (seed) => ({ seed, model: law(seed) }),
  honest: (given) => round(given),
  faults: {
    "a denoiser that takes half the noise": {
      damage: (given) =>
        round(given, { name: "half", process: (x, eta, k) => ddsDdim().process(x, eta / 2, k) }),
      note: "128 draws at the level of 0.01 do not always tell half of the noise from chance",
    },
    "a denoiser that leaves the point as it is": (given) =>
      round(given, {
        name: "none",
        *process(x) {
          yield { x, level: levelAt(schedule, 1), want: "eps" };
          return x;
        },
      }),
    "a network asked about its first step always": {
      damage: ({ seed, model }) =>
        round({ seed, model: stepModel((x) => network(model)(x, 0), { schedule }) }),
      note: "every denoiser asks it alike; `certifyScore` sees it on clean examples",
    },
  },
};

export default [score, stationarity];
