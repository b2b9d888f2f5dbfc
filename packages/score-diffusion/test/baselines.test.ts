import { describe, expect, it } from "vitest";
import {
  type NdArray,
  abs,
  allClose,
  concat,
  mean,
  slice,
  sub,
  tile,
  toNested,
  toTypedArray,
} from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  type AsyncModel,
  type ForwardModel,
  type Model,
  forwardModel,
  gaussianMixture,
  gaussianNoise,
  identityOperator,
  inpainting,
  linearOperator,
  matrixOperator,
  mixtureMoments,
  mixturePosterior,
  networkModel,
  quantizedSensing,
  scoreNetwork,
} from "../src/index.js";
import {
  type Reconstruction,
  type ReconstructionOptions,
  daps,
  dapsAsync,
  ddnm,
  ddnmAsync,
  ddrm,
  ddrmAsync,
  diffPir,
  diffPirAsync,
  dps,
  lgdMc,
  mcg,
  piGdm,
  pnpDm,
  pnpDmAsync,
  redDiff,
  redDiffAsync,
} from "../src/baselines/index.js";
import { f64 } from "./fixtures.js";

type Baseline = (
  forward: ForwardModel,
  y: readonly number[] | NdArray,
  model: Model,
  options: ReconstructionOptions,
) => Reconstruction;
const run = key("baselines");
const general: readonly (readonly [string, Baseline])[] = [
  ["dps", (f, y, m, o) => dps(f, y, m, run, { numSteps: 60, scale: 0.3, ...o })],
  ["lgdMc", (f, y, m, o) => lgdMc(f, y, m, run, { numSteps: 60, scale: 0.3, ...o })],
  ["piGdm", (f, y, m, o) => piGdm(f, y, m, run, { numSteps: 30, ...o })],
  ["redDiff", (f, y, m, o) => redDiff(f, y, m, run, { numSteps: 80, ...o })],
  ["diffPir", (f, y, m, o) => diffPir(f, y, m, run, { numSteps: 30, ...o })],
  [
    "daps",
    (f, y, m, o) =>
      daps(f, y, m, run, { numSteps: 15, sigmaMax: 10, sigmaMin: 0.05, langevinSteps: 30, ...o }),
  ],
];
const spectral: readonly (readonly [string, Baseline])[] = [
  ["mcg", (f, y, m, o) => mcg(f, y, m, run, { numSteps: 60, scale: 0.3, ...o })],
  ["ddrm", (f, y, m, o) => ddrm(f, y, m, run, { numSteps: 30, ...o })],
  ["ddnm", (f, y, m, o) => ddnm(f, y, m, run, { numSteps: 30, ...o })],
];
const everyBaseline = [...general, ...spectral];

const prior = gaussianMixture({
  weights: [1, 1, 1],
  means: [
    [-2, -1, 0],
    [2, 1, 0.5],
    [0, 2, -1],
  ],
  variances: [0.1, 0.2, 0.15],
});
const matrix = f64([
  [1, 0, 0.5],
  [0, 1, -0.3],
]);
const forward = gaussianNoise(matrixOperator(matrix), 0.2);
const y = [2.1, 0.9];
const exact = mixturePosterior(
  prior,
  matrix,
  f64(y),
  f64([
    [0.04, 0],
    [0, 0.04],
  ]),
);
const same = (a: NdArray, b: NdArray): void =>
  expect([...toTypedArray(a)]).toEqual([...toTypedArray(b)]);

describe.each(everyBaseline)("%s", (name, baseline) => {
  const whole = baseline(forward, y, prior, { numSamples: 120 });

  it("finds the region of the posterior", () => {
    const error = abs(sub(mean(whole.samples, { axis: 0 }), mixtureMoments(exact).mean));
    // the components lie 2 to 4 apart
    for (const value of toTypedArray(error)) expect(value).toBeLessThan(0.5);
    // MCG takes the measurement for exact, so that its points explain it better than they should
    expect(whole.certificate.holds).toBe(name !== "mcg");
  });

  it("does not depend on how the batch is split", () => {
    // parts and whole in one range of sizes, since core-tensor and mixtures compute few and many numbers by other kernels
    const first = baseline(forward, y, prior, { numSamples: 50 });
    const rest = baseline(forward, y, prior, { numSamples: 70, firstRow: 50 });
    same(concat([first.samples, rest.samples], { axis: 0 }), whole.samples);
  });

  it("goes on from a state as if it had never stopped", () => {
    let states = 0;
    let middle: Reconstruction["state"] | undefined;
    baseline(forward, y, prior, {
      numSamples: 120,
      onProgress: ({ iteration, total, state }) => {
        states++;
        if (iteration === Math.floor(total / 2)) middle = state;
      },
    });
    const resumed = baseline(forward, y, prior, { state: middle! });
    same(resumed.samples, whole.samples);
    expect(resumed.numEvaluations).toBe(whole.numEvaluations);
    expect(states).toBe(whole.state.step);
  });

  it("takes one measurement for each point", () => {
    const each = baseline(forward, tile(f64([y]), [3, 1]), prior, { numSamples: 3 });
    expect(
      allClose(each.samples, slice(whole.samples, [0], [3]), {
        relativeTolerance: 1e-8,
        absoluteTolerance: 1e-8,
      }),
    ).toBe(true);
  });

  it("stops when told to", () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    expect(() =>
      baseline(forward, y, prior, {
        numSamples: 2,
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      }),
    ).toThrow(reason);
  });

  it("names what is wrong", () => {
    expect(() => baseline(forward, y, prior, {})).toThrow(
      /give one of numSamples, start and state/,
    );
    expect(() => baseline(forward, y, prior, { start: f64([[1, 2]]) })).toThrow(
      /points must be \[n, 3\], got \[1, 2\]/,
    );
    expect(() => baseline(forward, [1], prior, { numSamples: 1 })).toThrow(/y must be \[2\]/);
    expect(() => baseline(forward, tile(f64([y]), [3, 1]), prior, { numSamples: 2 })).toThrow(
      /one for each of the 2 chains/,
    );
    expect(() => baseline(forward, y, prior, { numSamples: 1, state: whole.state })).toThrow(
      /give one of/,
    );
    expect(() => baseline(forward, y, prior, { state: whole.state })).toThrow(/already/);
  });
});

describe.each(general)("%s, nonlinear", (_, baseline) => {
  it("takes one-bit measurements", () => {
    const bits = quantizedSensing(identityOperator(3), 0.4);
    const { samples } = baseline(bits, [-1, -1, 1], prior, { numSamples: 30 });
    const average = mean(samples, { axis: 0 });
    expect(average.get(0)).toBeLessThan(0);
    expect(average.get(1)).toBeLessThan(0);
  });

  it("asks networks for derivatives, or does without", () => {
    const network = scoreNetwork({ side: 4, channels: 8 });
    const model = networkModel(network, network.init(key(0)));
    const masked = gaussianNoise(
      inpainting(Array.from({ length: 16 }, (_unused, i) => i % 2)),
      0.3,
    );
    const { samples } = baseline(masked, new Array<number>(8).fill(0.5), model, { numSamples: 2 });
    expect(samples.shape).toEqual([2, 16]);
    expect(samples.dtype).toBe("float64");
  });
});

describe("baselines for linear measurements", () => {
  it.each(spectral)("%s refuses others", (_, baseline) => {
    expect(() => baseline(quantizedSensing(3), [1, 1, 1], prior, { numSamples: 1 })).toThrow(
      /must be linear with Gaussian noise/,
    );
    const blind = linearOperator({
      inputSize: 3,
      outputSize: 3,
      apply: (x) => x,
      adjoint: (x) => x,
    });
    expect(() => baseline(gaussianNoise(blind, 1), [1, 1, 1], prior, { numSamples: 1 })).toThrow(
      /spectrum of linearOperator is not known/,
    );
  });

  it("piGdm by conjugate gradients equals piGdm by the spectrum", () => {
    const { apply, adjoint } = matrixOperator(matrix);
    const blind = gaussianNoise(
      linearOperator({
        inputSize: 3,
        outputSize: 2,
        apply: (x) => apply(x),
        adjoint: (v) => adjoint(v),
      }),
      0.2,
    );
    const [a, b] = [forward, blind].map(
      (f) => piGdm(f, y, prior, run, { numSamples: 5, numSteps: 20 }).samples,
    ) as [NdArray, NdArray];
    for (const difference of toTypedArray(abs(sub(a, b)))) expect(difference).toBeLessThan(1e-3);
  });

  it("piGdm asks for an information, and misfits for a bound", () => {
    const own = forwardModel({
      name: "own",
      inputSize: 3,
      outputSize: 1,
      measure: (x) => x,
      logLikelihood: (x) => mean(x, { axis: 1 }),
      curvature: 1,
    });
    expect(() => piGdm(own, [0], prior, run, { numSamples: 1 })).toThrow(/own has no information/);
    expect(() => dps(own, [0], prior, run, { start: f64([[5, 5, 5]]), numSteps: 1 })).toThrow(
      /must not exceed 0/,
    );
  });
});

describe("pnpDm", () => {
  it("finds the region of the posterior, and checks its couplings", () => {
    const options = { numSamples: 40, numRounds: 25, rhoMax: 4, rhoMin: 0.15, denoisingSteps: 15 };
    const { samples } = pnpDm(forward, y, prior, run, options);
    const error = abs(sub(mean(samples, { axis: 0 }), mixtureMoments(exact).mean));
    for (const value of toTypedArray(error)) expect(value).toBeLessThan(0.5);
    expect(() => pnpDm(forward, y, prior, run, { ...options, rhoMin: 5 })).toThrow(
      /rhoMax must be at least rhoMin/,
    );
    expect(() => pnpDm(forward, y, prior, run, { ...options, decay: 2 })).toThrow(/decay/);
  });
});

describe("a model that answers later", () => {
  const prior = gaussianMixture({ weights: [1, 2], means: [[-1, 0], [1, 1]], variances: [0.1, 0.2] }); // prettier-ignore
  const later: AsyncModel = {
    prediction: prior.prediction,
    evaluate: (x, level) => Promise.resolve(prior.evaluate(x, level)),
  };
  const forward = gaussianNoise(inpainting([1, 0]), 0.3);
  const few = { numSamples: 3, numSteps: 5 };

  it("is taken by every method that needs no derivative, with the same numbers", async () => {
    const given = [forward, [0.7]] as const;
    const pairs = [
      [diffPir(...given, prior, key(1), few), await diffPirAsync(...given, later, key(1), few)],
      [ddnm(...given, prior, key(1), few), await ddnmAsync(...given, later, key(1), few)],
      [ddrm(...given, prior, key(1), few), await ddrmAsync(...given, later, key(1), few)],
      [redDiff(...given, prior, key(1), few), await redDiffAsync(...given, later, key(1), few)],
      [daps(...given, prior, key(1), few), await dapsAsync(...given, later, key(1), few)],
      [
        pnpDm(...given, prior, key(1), { numSamples: 3, numRounds: 2 }),
        await pnpDmAsync(...given, later, key(1), { numSamples: 3, numRounds: 2 }),
      ],
    ] as const;
    for (const [now, then] of pairs) {
      expect(toNested(then.samples)).toEqual(toNested(now.samples));
      expect(then.numEvaluations).toBe(now.numEvaluations);
    }
  });

  it("is refused by the others, which say where it can go", () => {
    for (const method of [dps, lgdMc, piGdm, mcg, diffPir])
      expect(() =>
        method(forward, [0.7], later as never, key(0), { numSamples: 1, numSteps: 2 }),
      ).toThrow(/the model answers later.*diffPirAsync/);
  });

  it("can be stopped while it is waited for", async () => {
    const controller = new AbortController();
    const never: AsyncModel = { prediction: "eps", evaluate: () => new Promise(() => undefined) };
    const run = diffPirAsync(forward, [0.7], never, key(0), { ...few, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(run).rejects.toThrow("enough");
  });
});
