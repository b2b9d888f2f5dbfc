import { describe, expect, it } from "vitest";
import { allClose, array } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  type Model,
  type Prediction,
  convertPrediction,
  denoised,
  empiricalDistribution,
  gaussianMixture,
  levelOf,
} from "../src/index.js";
import { f64 } from "./fixtures.js";

const mixture = gaussianMixture({
  weights: [0.3, 0.7],
  means: [
    [-1, 0.5],
    [1, 0],
  ],
  covariances: [
    [
      [0.3, 0.1],
      [0.1, 0.2],
    ],
    [
      [0.1, 0],
      [0, 0.4],
    ],
  ],
});
const empirical = empiricalDistribution(normal(key(0), [7, 2], { dtype: "float64" }), {
  chunkSize: 3,
});
const x = normal(key(1), [4, 2], { dtype: "float64" });
const v = normal(key(2), [4, 2], { dtype: "float64" });

/** The same model without its closed form. */
const differentiated = ({ prediction, evaluate }: Model): Model => ({ prediction, evaluate });

describe("denoised", () => {
  it.each([
    ["mixture", mixture],
    ["data set", empirical],
  ] as const)("closed form of a %s equals automatic differentiation", (_, model) => {
    for (const level of [levelOf(0.9), levelOf(0.4), { alpha: 1, sigma: 3 }]) {
      const [closed, automatic] = [
        denoised(model, x, level),
        denoised(differentiated(model), x, level),
      ];
      expect(
        allClose(closed.clean, automatic.clean, {
          relativeTolerance: 1e-12,
          absoluteTolerance: 1e-12,
        }),
      ).toBe(true);
      expect(
        allClose(closed.pullback(v), automatic.pullback(v), {
          relativeTolerance: 1e-9,
          absoluteTolerance: 1e-9,
        }),
      ).toBe(true);
    }
  });

  it.each(["score", "eps", "x0", "v"] as const)(
    "is the same whatever the model predicts: %s",
    (prediction: Prediction) => {
      const level = { alpha: 0.7, sigma: 0.9 };
      const model: Model = {
        prediction,
        evaluate: (p, at) => convertPrediction(mixture.evaluate(p, at), "score", prediction, p, at),
      };
      const [expected, actual] = [denoised(mixture, x, level), denoised(model, x, level)];
      expect(
        allClose(actual.clean, expected.clean, {
          relativeTolerance: 1e-10,
          absoluteTolerance: 1e-10,
        }),
      ).toBe(true);
      expect(
        allClose(actual.pullback(v), expected.pullback(v), {
          relativeTolerance: 1e-10,
          absoluteTolerance: 1e-10,
        }),
      ).toBe(true);
    },
  );

  it("names what is wrong with the model or the level", () => {
    const broken = (output: number[][]): Model => ({
      prediction: "x0",
      evaluate: () => f64(output),
      vjp: (_, __, c) => c,
    });
    expect(() => denoised(broken([[NaN, 0]]), array([[0, 0]]), levelOf(0.5))).toThrow(
      /denoised: the model returned NaN/,
    );
    expect(() => denoised(broken([[1]]), array([[0, 0]]), levelOf(0.5))).toThrow(
      /shape of its input \[1, 2\], got \[1, 1\]/,
    );
    expect(() => denoised(mixture, x, levelOf(0))).toThrow(
      /denoised: level.alpha must be positive/,
    );
  });
});
