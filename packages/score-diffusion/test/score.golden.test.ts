import { describe, expect, it } from "vitest";
import {
  type Prediction,
  addNoise,
  convertPrediction,
  empiricalDenoiser,
  empiricalDistribution,
  empiricalLogDensity,
  empiricalScore,
  levelOf,
  mixtureJacobian,
  mixtureLogDensity,
  mixtureResponsibilities,
  mixtureScore,
} from "../src/index.js";
import { allClose, item, slice, square, sub, sum, toTypedArray } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import { type GoldenMixture, expectNear, f64, load, mixtureOf } from "./fixtures.js";

interface ParameterCase extends Record<Prediction | "x", number[][]> {
  readonly alpha: number;
  readonly sigma: number;
}
interface GoldenDsm extends Record<"x0" | "eps" | "xt" | "targetScore" | "exactScore", number[][]> {
  readonly prior: GoldenMixture;
  readonly alphaBar: number[];
  readonly lossEps: number;
}
const parameters = load<{ cases: ParameterCase[]; dsm: GoldenDsm }>("parameterizations");

describe("golden parameterisations", () => {
  const kinds = ["score", "eps", "x0", "v"] as const;
  it.each(parameters?.cases.map((c, i) => [i, c] as const) ?? [])(
    "case %i turns every prediction into every other",
    (_, c) => {
      for (const from of kinds)
        for (const to of kinds) {
          // at alpha ≈ 1, sigma = 1e-4 the way from x0 loses about 8 digits to cancellation (the fixtures' README)
          const rtol = c.sigma < 1e-3 && from === "x0" ? 1e-6 : 1e-8;
          expectNear(
            convertPrediction(f64(c[from]), from, to, f64(c.x), {
              alpha: c.alpha,
              sigma: c.sigma,
            }),
            c[to],
            rtol,
          );
        }
    },
  );
  it("the mixture's score at noised points is the golden one, level by level", () => {
    const { prior, alphaBar, xt, exactScore } = parameters.dsm;
    alphaBar.forEach((a, i) =>
      expectNear(mixtureScore(mixtureOf(prior), f64([xt[i]!]), levelOf(a)), exactScore[i]!),
    );
  });
  it("noised points, target scores and the loss of the exact score are the golden ones", () => {
    const { prior, alphaBar, x0, eps, xt, targetScore, lossEps } = parameters.dsm;
    const losses = alphaBar.map((a, i) => {
      const [level, noise] = [levelOf(a), f64([eps[i]!])];
      const x = addNoise(f64([x0[i]!]), noise, level);
      expectNear(x, xt[i]!);
      expectNear(convertPrediction(noise, "eps", "score", x, level), targetScore[i]!);
      const predicted = convertPrediction(
        mixtureScore(mixtureOf(prior), x, level),
        "score",
        "eps",
        x,
        level,
      );
      return item(sum(square(sub(predicted, noise))));
    });
    expectNear([losses.reduce((a, b) => a + b, 0) / losses.length], [lossEps]);
  });
});

interface MixtureCase {
  readonly prior: GoldenMixture;
  readonly alpha: number;
  readonly sigma: number;
  readonly x: number[][];
  readonly logpdf: number[];
  readonly score: number[][];
  readonly responsibilities: number[][];
  readonly jacobian: number[][][];
}
const mixtures = load<{ cases: MixtureCase[] }>("gmm_score");

describe("golden mixture scores", () => {
  it.each(mixtures?.cases.map((c, i) => [i, c] as const) ?? [])(
    "case %i: density, score, responsibilities, Jacobian",
    (_, c) => {
      const law = mixtureOf(c.prior);
      const level = { alpha: c.alpha, sigma: c.sigma };
      const x = f64(c.x);
      expectNear(mixtureLogDensity(law, x, level), c.logpdf);
      expectNear(mixtureScore(law, x, level), c.score);
      expectNear(mixtureResponsibilities(law, x, level), c.responsibilities);
      expectNear(mixtureJacobian(law, slice(x, [0], [c.jacobian.length]), level), c.jacobian);
    },
  );
});

interface EmpiricalCase {
  readonly data: number[][];
  readonly weights?: number[];
  readonly x: number[][];
  readonly alpha: number;
  readonly sigma: number;
  readonly denoised: number[][];
  readonly score?: number[][];
  readonly logDensity?: number[];
}
const empirical = load<{ cases: EmpiricalCase[] }>("empirical_score");

describe("golden empirical scores", () => {
  it.each(empirical?.cases.map((c, i) => [i, c] as const) ?? [])(
    "case %i: the same for every chunk size",
    (_, c) => {
      const level = { alpha: c.alpha, sigma: c.sigma };
      for (const chunkSize of [1, 7, 2048]) {
        const law = empiricalDistribution(f64(c.data), {
          chunkSize,
          ...(c.weights && { weights: f64(c.weights) }),
        });
        const x = f64(c.x);
        expectNear(empiricalDenoiser(law, x, level), c.denoised);
        // the score divides by sigma squared: 1e-6 at tiny sigma (the fixtures' README)
        if (c.score)
          expectNear(empiricalScore(law, x, level), c.score, c.sigma < 1e-2 ? 1e-6 : 1e-10);
        // at sigma = 1e-4 the golden densities are themselves off by up to 3e-10 (they expand the squares); see the exact values below
        if (c.logDensity)
          expectNear(
            empiricalLogDensity(law, x, level),
            c.logDensity,
            c.sigma < 1e-3 ? 1e-9 : 1e-10,
          );
      }
    },
  );
  it("in float32 is as good as its doc comment says", () => {
    const points = normal(key(1), [300, 20], { dtype: "float64" });
    const x = normal(key(2), [9, 20], { dtype: "float64" });
    for (const sigma of [0.1, 0.5, 2]) {
      const level = { alpha: 0.9, sigma };
      const [single, double] = (["float32", "float64"] as const).map((dtype) =>
        empiricalDenoiser(empiricalDistribution(points, { dtype }), x, level),
      );
      // logits of size α‖x‖‖x_i‖/σ² ≈ 18/σ² carry 6e-8 of themselves; a softmax of them, times points of size 3
      expect(
        allClose(single!, double!, {
          relativeTolerance: 0,
          absoluteTolerance: 3 * (1e-6 + (18 * 1e-7) / sigma ** 2),
        }),
      ).toBe(true);
    }
    expect(() => empiricalDistribution([[1]], { dtype: "int32" as "float32" })).toThrow(/dtype/);
  });
  it("agrees with 50-digit arithmetic where the noise is smallest", () => {
    const exact = [-353.17158504951201, -82.032553095673735];
    [2, 6].forEach((i, k) => {
      const c = empirical.cases[i];
      if (c?.sigma !== 1e-4) return;
      const value = empiricalLogDensity(empiricalDistribution(f64(c.data)), f64([c.x[0]!]), {
        alpha: c.alpha,
        sigma: c.sigma,
      });
      expectNear(value, [exact[k]!], 1e-11);
    });
  });
  it("its score is a gradient: it vanishes where a lone point sits", () => {
    const law = empiricalDistribution([[3, 4]]);
    expect([...toTypedArray(empiricalScore(law, f64([[3, 4]]), { alpha: 1, sigma: 0.5 }))]).toEqual(
      [0, 0],
    );
  });
});
