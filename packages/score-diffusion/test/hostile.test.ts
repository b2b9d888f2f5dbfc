import {
  DomainError,
  type NdArray,
  ShapeError,
  array,
  div,
  isCoreTensorError,
  mul,
  ones,
  sub,
} from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import * as diffusion from "../src/index.js";
import {
  acceleratedOde,
  annealing,
  sbcRanks,
  codedPhaseRetrieval,
  cosineBetas,
  certifyCalibration,
  ddsDdim,
  dpnp,
  empiricalDenoiser,
  empiricalDistribution,
  flowMatchingModel,
  gaussianMixture,
  gaussianNoise,
  identityOperator,
  lambdaGrid,
  lambdaOf,
  levelOf,
  linearBetas,
  linearOperator,
  matrixOperator,
  mixtureScore,
  networkModel,
  pcsMala,
  quantizedSensing,
  respace,
  sample,
  sampleAdaptive,
  sampleAsync,
  scheduleOf,
  trainScore,
} from "../src/index.js";
import { dps } from "../src/baselines/index.js";
import { ddim, euler, repaint, withCorrector } from "../src/samplers/index.js";

const mixture = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
const forward = gaussianNoise(identityOperator(1), 0.5);
const x = array([[1]], { dtype: "float64" });
/** Arguments of the wrong kind, whatever the types say. */
const wrong = (value: unknown): never => value as never;
const strange: readonly unknown[] = [
  null,
  Symbol("x"),
  10n,
  "abc",
  [],
  {},
  Object.create(null),
  () => 1,
  NaN,
  1e308,
  { toString: 1, valueOf: null },
];

function typed(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (!isCoreTensorError(error)) throw error;
  }
}

describe("levels without noise", () => {
  it("are clean for a model of flow matching, whose velocity is infinite there", () => {
    const model = flowMatchingModel((w, u) => div(sub(w, 3), u));
    expect(model.evaluate(x, { alpha: 1, sigma: 0 }).get(0, 0)).toBe(1);
  });

  it("are so too with a zero below zero", () => {
    expect(lambdaOf({ alpha: 1, sigma: -0 })).toBe(Infinity);
  });
});

describe("wrong arguments", () => {
  it("name function and argument, before any work", () => {
    const cases: readonly [() => unknown, RegExp][] = [
      [
        () => sample(wrong({ ...ddim(), table: 1 }), mixture, key(0), { shape: [1, 1] }),
        /sample: sampler.table must be a function/,
      ],
      [
        () => sample(ddim(), wrong({ prediction: "score" }), key(0), { shape: [1, 1] }),
        /sample: model.evaluate must be given/,
      ],
      [
        () => sample(ddim(), wrong({ ...mixture, prediction: "noise" }), key(0), { shape: [1, 1] }),
        /model.prediction must be one of "score", "eps", "x0", "v"/,
      ],
      [
        () => sample(ddim(), mixture, key(0), wrong(null)),
        /sample: options must be an object with any of .*, got null/,
      ],
      [
        () => sample(ddim(), mixture, key(0), { shape: [1, 1], signal: wrong({}) }),
        /signal must be an AbortSignal/,
      ],
      [
        () => sample(ddim(), mixture, key(0), { shape: [1, 1], onProgress: wrong(3) }),
        /onProgress must be a function/,
      ],
      [
        () => sample(ddim(), mixture, key(0), { shape: [1, 1], firstRow: wrong({}) }),
        /firstRow must be an integer/,
      ],
      [
        () =>
          sample(ddim(), wrong({ prediction: "x0", evaluate: () => 1 }), key(0), { shape: [1, 1] }),
        /the model's answer must be an array/,
      ],
      [
        () => sample(wrong({ ...ddim(), step: () => 1 }), mixture, key(0), { shape: [1, 1] }),
        /sampler.step must return a generator/,
      ],
      [
        () => sampleAdaptive(mixture, key(0), { shape: [1, 1], lambdaMin: wrong("abc") }),
        /sampleAdaptive: lambdaMin must be a finite number/,
      ],
      [
        () => mixtureScore(wrong({ ...mixture, weights: x }), x, levelOf(0.5)),
        /mixture.weights must be \[1\]/,
      ],
      [() => mixtureScore(mixture, x, wrong({ alpha: 1 })), /level.sigma must be given/],
      [
        () => empiricalDenoiser(wrong({}), x, levelOf(0.5)),
        /distribution.centred must be an array/,
      ],
      [() => respace(scheduleOf(linearBetas(10)), wrong("1")), /steps must be a list/],
      [() => cosineBetas(10, { offset: -1 }), /cosineBetas: offset must be finite and ≥ 0, got -1/],
      [() => linearBetas(2 ** 53), /numSteps must be an integer ≥ 1 and below 2³¹/],
      [() => euler({ churn: wrong({}) }), /euler: churn must be finite and ≥ 0/],
      [() => withCorrector(wrong({})), /withCorrector: sampler.name must be given/],
      [() => quantizedSensing(wrong({ inputSize: 1 })), /operator.name must be a string/],
      [() => identityOperator(1).normalFunction!(wrong(1), x), /f must be a function/],
      [
        () =>
          linearOperator(wrong({ inputSize: 1, outputSize: 1, apply: () => 1, adjoint: () => 1 })),
        /what apply returns must be an array/,
      ],
      [
        () =>
          dps(wrong({ ...forward, likelihood: () => 1 }), [1], mixture, key(0), { numSamples: 1 }),
        /dps: likelihood must be an object/,
      ],
      [
        () => dpnp(forward, [1], mixture, key(0), { numSamples: 1, etas: wrong({}) }),
        /dpnp: etas must be a list/,
      ],
      [() => dpnp(forward, [1], mixture, key(0), { state: wrong({ round: 0 }) }), /dpnp: state/],
      [() => pcsMala(wrong({}), x, 1, key(0)), /likelihood.inputSize must be an integer/],
      [() => certifyCalibration(wrong(1), forward, () => x, key(0)), /prior must be a function/],
      [() => annealing({ hold: wrong(1n) }), /annealing: hold must be an integer/],
      [() => networkModel(wrong({}), {}), /networkModel: network.prediction must be /],
      [
        () =>
          trainScore(
            { prediction: "eps", apply: (p: NdArray, z) => mul(p, z) },
            array(1),
            x,
            key(0),
            {
              numSteps: 1,
              optimizer: { init: () => 0, update: wrong(() => 1) },
            },
          ),
        /trainScore: the result of optimizer.update must be a list/,
      ],
      [
        () => trainScore(wrong({}), {}, x, key(0), wrong({})),
        /trainScore: options.numSteps must be given/,
      ],
      [
        () => acceleratedOde.table(wrong({ alphaBar: [0.1, 0.5], beta: [0.1, 0.5] }), {}),
        /schedule.alphaBar must decrease strictly/,
      ],
      [() => ddim().step({ x }, wrong({}), []).next(), /ddim: row.level must be an object/],
      [
        () =>
          repaint(ddim(), [0], [1], { resamplings: 1, jumpLength: 1 })
            .step({ x }, wrong({ steps: [], level: levelOf(0.5) }), [x])
            .next(),
        /row.steps must hold at least one step/,
      ],
      [() => ddsDdim().process(wrong(null), 1, key(0)).next(), /ddsDdim: x must be an array/],
      [
        () => matrixOperator([[1]]).normalFunction!((v) => v, array([[1, 2]])),
        /v must be \[n, 1\]/,
      ],
      [
        () => codedPhaseRetrieval({ height: 8, width: 8, key: key(0), oversample: 2 ** 32 }),
        /number of pixels must be an integer ≥ 1 and below/,
      ],
      [
        () =>
          sbcRanks(
            (_, n) => ones([n, 1], { dtype: "float64" }),
            wrong({
              ...forward,
              likelihood: () => ({ ...forward.likelihood([[1]]), logLikelihood: 0 }),
            }),
            (y) => y,
            key(0),
            { numTrials: 2 },
          ),
        /sbcRanks: likelihood.logLikelihood must be a function/,
      ],
    ];
    for (const [call, message] of cases) {
      expect(call).toThrow(message);
      expect(call).toThrow(
        expect.toSatisfy(
          (error: unknown) => error instanceof DomainError || error instanceof ShapeError,
        ),
      );
    }
  });

  it("reject the promise of an async form in the same words", async () => {
    await expect(sampleAsync(ddim(), wrong({}), key(0), { shape: [1, 1] })).rejects.toThrow(
      /sampleAsync: model.prediction/,
    );
  });

  it("end in a typed error or a result in every place of every function, whatever they are", () => {
    for (const [name, f] of Object.entries(diffusion)) {
      if (typeof f !== "function" || /Async$|^loadOnnxModel$/.test(name)) continue;
      for (const value of strange) {
        typed(() => (f as (...args: unknown[]) => unknown)(value));
        typed(() => (f as (...args: unknown[]) => unknown)(value, value, value, value, value));
      }
    }
  });

  it("in options, end in a typed error or a result", () => {
    const grid = lambdaGrid(3);
    for (const value of strange)
      for (const option of [
        "shape",
        "start",
        "schedule",
        "noise",
        "noiselessLastStep",
        "firstRow",
        "onNonFinite",
        "trajectory",
        "onProgress",
        "signal",
        "stopAt",
      ])
        typed(() =>
          sample(ddim(), mixture, key(0), {
            schedule: grid,
            ...(option !== "start" && { shape: [1, 1] }),
            [option]: value,
          }),
        );
    const data = [[0], [1]];
    for (const value of strange)
      for (const option of ["weights", "chunkSize", "dtype"])
        typed(() => empiricalDistribution(data, { [option]: value }));
  });
});
