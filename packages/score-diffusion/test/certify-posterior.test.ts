import { describe, expect, it } from "vitest";
import {
  type NdArray,
  add,
  array,
  eye,
  matmul,
  mul,
  tile,
  toTypedArray,
  transpose,
  zeros,
} from "@provably/core-tensor";
import { type RngKey, foldIn, key, normal } from "@provably/core-tensor/random";
import {
  type DpnpOptions,
  type ForwardModel,
  annealing,
  sbcRanks,
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
  pcsMala,
  poissonNoise,
  posteriorByRejection,
  quantizedSensing,
} from "../src/index.js";
import { f64 } from "./fixtures.js";

const mixture = gaussianMixture({
  weights: [1, 1],
  means: [
    [-0.8, 0],
    [0.8, 0.4],
  ],
  variances: [0.08, 0.15],
});
const prior = (k: RngKey, n: number): NdArray => mixtureSamples(mixture, k, n);
const denoiser = ddsDdim({ numSteps: 10 });
const etas = annealing({ start: 1.5, end: 0.08, hold: 1, decay: 19 });

/** DPnP as a sampler of one draw for each measurement. */
const sampler =
  (forward: ForwardModel, options: DpnpOptions = {}) =>
  (y: NdArray, k: RngKey): NdArray =>
    dpnp(forward, y, mixture, k, {
      etas,
      denoiser,
      malaSteps: 25,
      ...options,
      numSamples: y.shape[0]!,
    }).samples;

const matrix = f64([[1, 0.7]]);
const linear = gaussianNoise(matrixOperator(matrix), 0.3);
const bits = quantizedSensing(2, 0.5);

describe("calibration", () => {
  // one draw decides: p-values below 0.01 come up once in a hundred keys
  const options = { numTrials: 150, numDraws: 9 };

  it.each([
    ["linear measurements", linear],
    ["one-bit measurements", bits],
    ["counts", poissonNoise(identityOperator(2), { gain: 12 })],
  ])("holds for DPnP with %s", (_, forward) => {
    expect(certifyCalibration(prior, forward, sampler(forward), key(3), options).holds).toBe(true);
  });

  it("holds for the exact posterior of a mixture, with uniform ranks", () => {
    const exact = (y: NdArray, k: RngKey): NdArray => {
      const n = y.shape[0]!;
      const points = Array.from({ length: n }, (_, i) =>
        mixtureSamples(
          mixturePosterior(mixture, matrix, y.pick(i, null), [[0.09]]),
          foldIn(k, i),
          1,
        ),
      );
      return array(Float64Array.from(points.flatMap((p) => [...toTypedArray(p)])), {
        shape: [n, 2],
      });
    };
    const ranks = sbcRanks(prior, linear, exact, key(4), { numTrials: 100, numDraws: 4 });
    expect(ranks.shape).toEqual([100, 3]);
    expect(
      certifyCalibration(prior, linear, exact, key(4), { numTrials: 100, numDraws: 4 }).holds,
    ).toBe(true);
  });

  it.each([
    ["a wrong scale of the noise", sampler(gaussianNoise(matrixOperator(matrix), 0.9))],
    ["an eta that stays large", sampler(linear, { etas: [1.5, 1, 1, 1, 1] })],
    ["no proximal step at all", (y: NdArray, k: RngKey) => prior(k, y.shape[0]!)],
    [
      "the same draw for every measurement",
      (y: NdArray, k: RngKey) => tile(prior(k, 1), [y.shape[0]!, 1]),
    ],
  ])("fails with %s", (_, damaged) => {
    expect(certifyCalibration(prior, linear, damaged, key(3), options).holds).toBe(false);
  });

  it("names what is wrong", () => {
    expect(() =>
      certifyCalibration(prior, linear, sampler(linear), key(0), { numTrials: 0 }),
    ).toThrow(/numTrials/);
    expect(() =>
      certifyCalibration(prior, linear, sampler(linear), key(0), { significance: 2 }),
    ).toThrow(/significance/);
    expect(() => certifyCalibration((k) => prior(k, 3), linear, sampler(linear), key(0))).toThrow(
      /prior must give 200 points, got 3/,
    );
    expect(() => certifyCalibration(prior, linear, (_, k) => prior(k, 7), key(0))).toThrow(
      /the sampler must give 3000 draws, got 7/,
    );
    expect(() =>
      certifyCalibration(prior, linear, sampler(linear), key(0), {
        numTrials: 2,
        numDraws: 2,
        quantities: (x) => x.pick(null, 0),
      }),
    ).toThrow(/quantities must be \[n, q\]/);
  });
});

/** Fewer comparisons than by default, for the time of the tests. */
const brief = { numReplicates: 49, numDirections: 24 };

describe("distance to the exact posterior", () => {
  const y = [0.5];
  const covariance = (sigma: number, eta: number): NdArray =>
    add(
      mul(sigma ** 2, eye(1, 1, { dtype: "float64" })),
      mul(eta ** 2, matmul(matrix, transpose(matrix))),
    );
  const eta = 0.4;
  const stationary = mixturePosterior(mixture, matrix, y, covariance(0.3, eta));
  const run = (forward: ForwardModel, options: DpnpOptions = {}): NdArray =>
    dpnp(forward, y, mixture, key(7), {
      numSamples: 600,
      denoiser,
      etas: new Array<number>(15).fill(eta),
      ...options,
    }).samples;

  const langevin = { proximal: "mala", malaSteps: 40, malaStepSize: () => 0.1 } as const;

  it("of DPnP at a constant eta is that of exact samples of its stationary distribution", () => {
    expect(certifyPosterior(run(linear), stationary, key(8), brief).holds).toBe(true);
  });

  it("of annealed DPnP is that of exact samples of the posterior", () => {
    const exact = mixturePosterior(mixture, matrix, y, covariance(0.3, 0));
    const slow = annealing({ start: 1.5, end: 0.05, hold: 1, decay: 24 });
    // 0.03 is what a finite annealing leaves: the weights of the two modes freeze a little early
    expect(
      certifyPosterior(run(linear, { etas: slow }), exact, key(8), { ...brief, tolerance: 0.03 })
        .holds,
    ).toBe(true);
  });

  it.each([
    ["the noise is taken too small", () => run(gaussianNoise(matrixOperator(matrix), 0.05))],
    ["eta is another", () => run(linear, { etas: new Array<number>(15).fill(1) })],
    [
      "the denoiser takes one step",
      () => run(linear, { denoiser: ddsDdim({ numSteps: 1, method: "euler" }) }),
    ],
    [
      "Langevin steps are large and not adjusted",
      () => run(linear, { ...langevin, adjust: false }),
    ],
    ["it has taken one round", () => run(linear, { etas: [eta] })],
  ])("is too large when %s", (_, damaged) => {
    expect(certifyPosterior(damaged(), stationary, key(8), brief).holds).toBe(false);
  });

  it("holds with the same Langevin steps and the Metropolis test", () => {
    expect(certifyPosterior(run(linear, langevin), stationary, key(8), brief).holds).toBe(true);
  });

  it("serves nonlinear measurements by rejection", () => {
    const exact = (k: RngKey, n: number): NdArray =>
      posteriorByRejection(bits, [1, -1], prior, k, n);
    const close = dpnp(bits, [1, -1], mixture, key(7), {
      numSamples: 300,
      denoiser,
      etas: annealing({ start: 1.5, end: 0.05, hold: 1, decay: 20 }),
      malaSteps: 40,
    });
    expect(
      certifyPosterior(close.samples, exact, key(8), {
        ...brief,
        numReplicates: 29,
        tolerance: 0.03,
      }).holds,
    ).toBe(true);
    const far = { ...bits, likelihood: () => bits.likelihood([1, 1]) };
    const wrong = dpnp(far, [1, -1], mixture, key(7), {
      numSamples: 300,
      denoiser,
      etas,
      malaSteps: 20,
    });
    expect(
      certifyPosterior(wrong.samples, exact, key(8), {
        ...brief,
        numReplicates: 29,
        tolerance: 0.03,
      }).holds,
    ).toBe(false);
  });

  it("names what is wrong", () => {
    expect(() => certifyPosterior([[1, 2]], stationary, key(0))).toThrow(
      /samples must be \[n ≥ 2, d\]/,
    );
    expect(() => certifyPosterior(zeros([3, 3]), stationary, key(0))).toThrow(
      /exact must give \[3, 3\]/,
    );
    expect(() => certifyPosterior(zeros([3, 2]), stationary, key(0), { tolerance: -1 })).toThrow(
      /tolerance/,
    );
    expect(() =>
      posteriorByRejection(bits, [1, 1], prior, key(0), 1e6, { batchSize: 10, maxBatches: 2 }),
    ).toThrow(/20 points of the prior gave \d+ samples/);
  });
});

describe("rejection", () => {
  it("gives the posterior that is known in closed form", () => {
    const y = [0.5];
    const samples = posteriorByRejection(linear, y, prior, key(5), 1500);
    expect(
      certifyPosterior(samples, mixturePosterior(mixture, matrix, y, [[0.09]]), key(6), brief)
        .holds,
    ).toBe(true);
  });
});

describe("posterior predictive check", () => {
  const many = gaussianNoise(identityOperator(30), 0.3);
  const truth = normal(key(1), [1, 30], { dtype: "float64" });
  const y = many.measure(truth, key(2)).pick(0, null);

  it("sees points that explain the measurement too badly or too well", () => {
    expect(certifyPosteriorPredictive(many, y, truth, key(3)).holds).toBe(true);
    expect(certifyPosteriorPredictive(many, y, add(truth, 0.6), key(3)).holds).toBe(false);
    expect(
      certifyPosteriorPredictive(many, y, array(y.data, { shape: [1, 30] }), key(3)).holds,
    ).toBe(false);
  });

  it("names what is wrong", () => {
    expect(() => certifyPosteriorPredictive(many, y, truth, key(3), { numReplicates: 0 })).toThrow(
      /numReplicates/,
    );
    expect(() => certifyPosteriorPredictive(many, y, truth, key(3), { numReplicates: 10 })).toThrow(
      /significance must be above/,
    );
    expect(() => certifyPosteriorPredictive(many, y, truth, key(3), { maxSamples: 0 })).toThrow(
      /maxSamples/,
    );
  });
});

describe("the Metropolis test", () => {
  it("keeps the exact distribution at a step where the chain without it does not", () => {
    // one-dimensional, N(0, 1) coupled at x = 0 with eta = 1 to a likelihood of noise 1: exactly N(0, 1/2)
    const likelihood = gaussianNoise(identityOperator(1), 1).likelihood([0]);
    const variance = (adjust: boolean): number => {
      const { samples } = pcsMala(likelihood, zeros([4000, 1], { dtype: "float64" }), 1, key(9), {
        stepSize: 0.8,
        numSteps: 60,
        adjust,
      });
      return [...toTypedArray(samples)].reduce((sum, v) => sum + v * v, 0) / 4000;
    };
    // the relative error of a variance from 4,000 draws is √(2/4000) = 0.022
    expect(Math.abs(variance(true) / 0.5 - 1)).toBeLessThan(0.1);
    expect(variance(false) / 0.5 - 1).toBeGreaterThan(0.2);
  });
});
