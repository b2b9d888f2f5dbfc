// One prior whose posteriors are known exactly, three ways to measure it, and every method to reconstruct from the measurement.
import { abs, array } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  annealing,
  dpnp,
  gaussianMixture,
  gaussianNoise,
  matrixOperator,
  mixtureSamples,
  posteriorByRejection,
  quantizedSensing,
  randomDirections,
  slicedWasserstein,
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

const SEED = key("posterior");
const f64 = (values) => array(values, { dtype: "float64" });
const turn = (k, n) => (2 * Math.PI * k) / n;

/** Six flat normal distributions around a circle, each lying along it. */
export const prior = gaussianMixture({
  weights: f64([1, 1, 1, 1, 1, 1]),
  means: f64(
    Array.from({ length: 6 }, (_, k) => [1.2 * Math.cos(turn(k, 6)), 1.2 * Math.sin(turn(k, 6))]),
  ),
  covariances: f64(
    Array.from({ length: 6 }, (_, k) => {
      const [c, s, along, across] = [-Math.sin(turn(k, 6)), Math.cos(turn(k, 6)), 0.08, 0.01];
      return [
        [along * c * c + across * s * s, (along - across) * c * s],
        [(along - across) * c * s, along * s * s + across * c * c],
      ];
    }),
  ),
});

const plane = matrixOperator(
  f64([
    [1, 0.3],
    [-0.4, 1],
  ]),
);
const directions = matrixOperator(
  f64(Array.from({ length: 8 }, (_, i) => [Math.cos(0.9 * i), Math.sin(0.9 * i)])),
);

export const problems = {
  "one coordinate, noise 0.4": gaussianNoise(matrixOperator(f64([[1, 0.5]])), 0.4),
  "magnitudes, noise 0.4": gaussianNoise(
    {
      name: "|Ax|",
      inputSize: 2,
      outputSize: 2,
      norm: plane.norm,
      apply: (x) => abs(plane.apply(x)),
    },
    0.4,
  ),
  "eight signs, dither 0.4": quantizedSensing(directions, 0.4),
};

const scaled = (method, scales) =>
  scales.map((scale) => [
    scale,
    (...args) => method(...args.slice(0, 4), { ...args[4], numSteps: 250, scale }),
  ]);
const plain = (method, options = {}) => [
  ["", (...args) => method(...args.slice(0, 4), { ...args[4], ...options })],
];

/** Variants of every method; the table shows the one that does best on these very measurements, in favour of the method. */
export const methods = {
  DPnP: plain(dpnp, {
    etas: annealing({ start: 2, end: 0.05, hold: 4, decay: 36 }),
    malaSteps: 50,
  }),
  DPS: scaled(dps, [0.1, 0.3]),
  "LGD-MC": scaled(lgdMc, [0.1, 0.3]),
  ΠGDM: [0.5, 1].map((eta) => [
    `eta ${eta}`,
    (...args) => piGdm(...args.slice(0, 4), { ...args[4], eta }),
  ]),
  MCG: scaled(mcg, [0.1, 0.3]),
  DDRM: plain(ddrm, { numSteps: 100 }),
  "DDNM+": plain(ddnm),
  DiffPIR: plain(diffPir),
  "RED-diff": plain(redDiff, { numSteps: 300 }),
  DAPS: plain(daps, { numSteps: 50, sigmaMax: 5, sigmaMin: 0.02, langevinSteps: 30 }),
  "PnP-DM": plain(pnpDm, {
    numRounds: 40,
    rhoMax: 3,
    rhoMin: 0.1,
    malaSteps: 50,
    denoisingSteps: 30,
  }),
};

/** Mean and standard error. */
export function meanAndError(values) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}

/**
 * Sliced W2 distances to the exact posterior of every method on one problem, over several measurements, and the points of the first one.
 * Exact samples against exact samples give the least distance that can be seen.
 */
export function compare(
  forward,
  { names = Object.keys(methods), measurements = 6, numSamples = 800, onProgress = () => {} } = {},
) {
  const draw = (k, n) => mixtureSamples(prior, k, n);
  const lines = randomDirections(foldIn(SEED, "directions"), 64, 2);
  const truth = draw(foldIn(SEED, "truth"), measurements);
  const ys = Array.from({ length: measurements }, (_, i) => {
    const y = forward.measure(f64([[truth.get(i, 0), truth.get(i, 1)]]), foldIn(SEED, `y ${i}`));
    return f64(Array.from({ length: forward.outputSize }, (_unused, j) => y.get(0, j)));
  });
  const exact = (name, i, n) =>
    posteriorByRejection(forward, ys[i], draw, foldIn(SEED, `${name} ${i}`), n);
  const references = ys.map((_, i) => exact("reference", i, 10 * numSamples));
  const score = (name, variant, run) => {
    const drawn = ys.map((_, i) => run(i));
    const distances = drawn.map((samples, i) => slicedWasserstein(samples, references[i], lines));
    onProgress(name);
    return { name, variant, distances, ...meanAndError(distances), points: drawn[0] };
  };
  const results = [score("exact samples", "", (i) => exact("again", i, numSamples))];
  for (const name of names) {
    try {
      const tried = methods[name].map(([variant, run]) =>
        score(
          name,
          variant,
          (i) => run(forward, ys[i], prior, foldIn(SEED, `${name} ${i}`), { numSamples }).samples,
        ),
      );
      results.push(tried.reduce((best, result) => (result.mean < best.mean ? result : best)));
    } catch (error) {
      // MCG, DDRM and DDNM+ refuse measurements that are not linear
      if (error.code !== "ERR_DOMAIN") throw error;
    }
  }
  return results;
}
