// Faults in draws from posteriors: a mixture in the plane, one noisy measurement of it; and a cloud in thirty dimensions.
import { add, array, concat, mul, slice, toTypedArray } from "@provably/core-tensor";
import { foldIn, key, normal, permutation } from "@provably/core-tensor/random";
import {
  certifyCalibration,
  certifyPosterior,
  certifyPosteriorPredictive,
  ddsDdim,
  dpnp,
  gaussianMixture,
  gaussianNoise,
  identityOperator,
  matrixOperator,
  mixturePosterior,
  mixtureSamples,
} from "@provably/score-diffusion";
import { power } from "./line.mjs";

const plane = gaussianMixture({ weights: [1, 1], means: [[-0.8, 0], [0.8, 0.4]], variances: [0.08, 0.15] }); // prettier-ignore
const prior = (k, n) => mixtureSamples(plane, k, n);
const matrix = array([[1, 0.7]], { dtype: "float64" });
const linear = gaussianNoise(matrixOperator(matrix), 0.3);
const posterior = (y, sigma = 0.3, law = plane) =>
  mixturePosterior(law, matrix, [y], [[sigma ** 2]]);

/** An exact sampler of the posterior at each measurement, or of a damaged one. */
const drawn =
  (change = (x) => x, sigma = 0.3, law = plane) =>
  (y, k) => {
    const values = toTypedArray(y);
    return concat(Array.from(values, (value, i) => change(mixtureSamples(posterior(value, sigma, law), foldIn(k, i), 1), foldIn(k, -1 - i), value)), { axis: 0 }); // prettier-ignore
  };
const ranks = { numTrials: 150, numDraws: 9 };
const calibration = {
  certificate: "certifyCalibration",
  given: "the exact posterior of a mixture in the plane, 150 points, 9 draws each",
  make: (seed) => ({ certify: (sampler) => certifyCalibration(prior, linear, sampler, key(seed), ranks) }),
  honest: ({ certify }) => certify(drawn()),
  faults: {
    "noise taken twice too large": ({ certify }) => certify(drawn((x) => x, 0.6)),
    "noise taken twice too small": ({ certify }) => certify(drawn((x) => x, 0.15)),
    "a third of the draws are of the prior": ({ certify }) => {
      const exact = drawn();
      return certify((y, k) => {
        const [own, any] = [exact(y, k), prior(foldIn(k, "prior"), y.shape[0])];
        return array(Float64Array.from({ length: own.size }, (_, i) => ((i >> 1) % 3 === 0 ? any : own).get(i >> 1, i & 1)), { shape: [...own.shape] });
      });
    },
    "weights of the modes 1 : 3": {
      damage: ({ certify }) => certify(drawn((x) => x, 0.3, gaussianMixture({ weights: [1, 3], means: [[-0.8, 0], [0.8, 0.4]], variances: [0.08, 0.15] }))),
      note: "the measurement decides the mode: only the few points in between could show it, and 150 are too few of them",
    },
    "draws shifted by 0.2": ({ certify }) => certify(drawn((x) => add(x, array([0.2, 0], { dtype: "float64" })))),
    "draws of the prior": ({ certify }) => certify((y, k) => prior(k, y.shape[0])),
    "the posterior mean with half of the spread": ({ certify }) => certify(drawn((x, k, y) => add(mul(0.5, x), mul(0.5, mean(y))))),
  },
}; // prettier-ignore
function mean(y) {
  const law = posterior(y);
  const w = toTypedArray(law.weights);
  const m = toTypedArray(law.means);
  return array(Float64Array.of(w[0] * m[0] + w[1] * m[2], w[0] * m[1] + w[1] * m[3]), {
    shape: [1, 2],
  });
}

const distance = {
  certificate: "certifyPosterior",
  slow: true,
  given: "1000 draws of DPnP at η = 0.4 against the law it converges to",
  make(seed) {
    const run = (forward, more = {}) =>
      dpnp(forward, [0.5], plane, key(seed), { numSamples: 1000, denoiser: ddsDdim({ numSteps: 10 }), etas: new Array(15).fill(0.4), ...more }).samples;
    const law = mixturePosterior(plane, matrix, [0.5], [[0.09 + 0.16 * 1.49]]);
    return { seed, run, certify: (x) => certifyPosterior(x, law, foldIn(key(seed), "judge"), { numDirections: 24 }) };
  },
  honest: ({ run, certify }) => certify(run(linear)),
  faults: {
    "noise taken as 0.8 instead of 0.3": ({ run, certify }) => certify(run(gaussianNoise(matrixOperator(matrix), 0.8))),
    "η is 1 instead of 0.4": ({ run, certify }) => certify(run(linear, { etas: new Array(15).fill(1) })),
    "one step of the denoiser": ({ run, certify }) => certify(run(linear, { denoiser: ddsDdim({ numSteps: 1, method: "euler" }) })),
    "Langevin steps too large, without the Metropolis test": ({ run, certify }) =>
      certify(run(linear, { proximal: "mala", malaSteps: 40, malaStepSize: () => 0.1, adjust: false })),
    "one round": ({ run, certify }) => certify(run(linear, { etas: [0.4] })),
    "the measurement is another": ({ seed, certify }) => certify(mixtureSamples(mixturePosterior(plane, matrix, [0.2], [[0.09 + 0.16 * 1.49]]), key(seed), 1000)),
  },
}; // prettier-ignore

const exactDistance = {
  certificate: "certifyPosterior, exact draws",
  given: "400 draws of the exact posterior, 24 directions",
  make: (seed) => ({ x: mixtureSamples(posterior(0.5), key(seed), 400), certify: (x) => certifyPosterior(x, posterior(0.5), foldIn(key(seed), "judge"), { numDirections: 24 }) }),
  honest: ({ x, certify }) => certify(x),
  faults: {
    "shifted by 0.15": ({ x, certify }) => certify(add(x, 0.15)),
    "spread 20 % too large": ({ x, certify }) => certify(mul(1.2, x)),
    "a tenth of the draws in the other mode": ({ x, certify }) =>
      certify(concat([slice(x, [40]), add(array([-1.6, 0.8], { dtype: "float64" }), slice(x, [0], [40]))])),
    "coordinates shuffled against each other": {
      damage({ x, certify }) {
        const order = toTypedArray(permutation(key(0), 400));
        return certify(array(Float64Array.from({ length: 800 }, (_, i) => x.get(i % 2 === 0 ? i / 2 : order[(i - 1) / 2], i % 2)), { shape: [400, 2] }));
      },
      ...power,
    },
  },
}; // prettier-ignore

const cloud = gaussianNoise(identityOperator(30), 0.3);
const predictive = {
  certificate: "certifyPosteriorPredictive",
  given: "draws of the exact posterior of 30 standard normals measured with noise 0.3",
  make(seed) {
    const truth = normal(foldIn(key(seed), "truth"), [1, 30], { dtype: "float64" });
    const y = cloud.measure(truth, foldIn(key(seed), "measure")).pick(0, null);
    // N(y / 1.09, 0.09 / 1.09)
    const x = add(mul(1 / 1.09, y), normal(foldIn(key(seed), "draws"), [16, 30], { dtype: "float64", std: Math.sqrt(0.09 / 1.09) }));
    return { seed, y, x, certify: (points, forward = cloud) => certifyPosteriorPredictive(forward, y, points, foldIn(key(seed), "judge")) };
  },
  honest: ({ x, certify }) => certify(x),
  faults: {
    "every coordinate off by 0.6": ({ x, certify }) => certify(add(x, 0.6)),
    "the measurement itself: fitted to its noise": ({ y, certify }) => certify(array(Float64Array.from(toTypedArray(y)), { shape: [1, 30] })),
    "noise taken twice too large": { damage: ({ x, certify }) => certify(x, gaussianNoise(identityOperator(30), 0.6)), ...power },
    "noise taken twice too small": { damage: ({ x, certify }) => certify(x, gaussianNoise(identityOperator(30), 0.15)), ...power },
    "draws of the prior": ({ seed, certify }) => certify(normal(key(seed), [16, 30], { dtype: "float64" })),
    "wrong where the measurement does not look": {
      damage({ seed, y, x }) {
        // 10 more coordinates that are not measured, and are filled with 100 instead of draws of the prior
        const blind = gaussianNoise(matrixOperator(array(Array.from({ length: 30 }, (_, i) => Array.from({ length: 40 }, (__, j) => (i === j ? 1 : 0))), { dtype: "float64" })), 0.3);
        const points = concat([x, mul(100, array(new Float64Array(160).fill(1), { shape: [16, 10] }))], { axis: 1 });
        return certifyPosteriorPredictive(blind, y, points, foldIn(key(seed), "judge"));
      },
      note: "the likelihood cannot tell; `certifyPosterior` and `certifyCalibration` can",
    },
  },
}; // prettier-ignore

const normals = gaussianMixture({ weights: [1], means: [new Array(30).fill(0)], variances: [1] });
const run = {
  certificate: "dpnp",
  given: "16 chains of DPnP, 20 rounds, on 30 standard normals measured with noise 0.3",
  make(seed) {
    const y = cloud.measure(normal(foldIn(key(seed), "truth"), [1, 30], { dtype: "float64" }), foldIn(key(seed), "measure")).pick(0, null);
    const etas = Array.from({ length: 20 }, (_, i) => 1.5 * (0.08 / 1.5) ** (i / 19));
    const go = (forward, more = {}) => dpnp(forward, y, normals, key(seed), { numSamples: 16, denoiser: ddsDdim({ numSteps: 10 }), etas, ...more });
    return { seed, y, go };
  },
  honest: ({ go }) => go(cloud).certificate,
  faults: {
    "the measurement is of another point": ({ seed, go }) =>
      certifyPosteriorPredictive(cloud, cloud.measure(normal(key(seed), [1, 30], { dtype: "float64" }), key(seed)).pick(0, null), go(cloud).samples, key(seed)),
    "the proximal step does nothing": ({ go }) => go(cloud, { proximal: "mala", malaSteps: 1, malaStepSize: () => 1e-6, adjust: false }).certificate,
    "run with noise 0.6 instead of 0.3": ({ seed, y, go }) => certifyPosteriorPredictive(cloud, y, go(gaussianNoise(identityOperator(30), 0.6)).samples, key(seed)),
    "run with noise 0.15 instead of 0.3": {
      damage: ({ seed, y, go }) => certifyPosteriorPredictive(cloud, y, go(narrow).samples, key(seed)),
      note: "fitted a little too well: the power of the test for so small a misfit in 30 numbers",
    },
    "run with noise 0.15 instead of 0.3, looked at with 10 000 replicates": {
      damage: ({ seed, y, go }) => certifyPosteriorPredictive(cloud, y, go(narrow).samples, key(seed), { numReplicates: 10_000 }),
      note: "the same misfit where the test can see smaller p-values",
    },
  },
}; // prettier-ignore
const narrow = gaussianNoise(identityOperator(30), 0.15);

export default [calibration, distance, exactDistance, predictive, run];
