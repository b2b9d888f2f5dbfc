import { describe, expect, it } from "vitest";
import {
  type NdArray,
  allClose,
  item,
  max,
  min,
  mul,
  std,
  sub,
  toNested,
} from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  type AsyncModel,
  type Model,
  clippedModel,
  convertPrediction,
  edmModel,
  edmModelAsync,
  edmPrecondition,
  flowMatchingModel,
  flowMatchingModelAsync,
  gaussian,
  gaussianMixture,
  gaussianScore,
  guide,
  guidedModel,
  guidedModelAsync,
  lambdaGrid,
  levelOf,
  levelOfSigma,
  linearSubspace,
  mixtureScore,
  theorySchedule,
  perturbScore,
  productModel,
  sample,
  sampleAsync,
  scoreErrors,
  vpToVe,
} from "../src/index.js";
import { ddim } from "../src/samplers/index.js";
import { f64 } from "./fixtures.js";

const plane = gaussianMixture({ weights: [1, 2], means: [[-1, 0.5], [1, 0]], covariances: [[[0.3, 0.1], [0.1, 0.2]], [[0.1, 0], [0, 0.4]]] }); // prettier-ignore
const x = normal(key(1), [6, 2], { dtype: "float64" });
const levels = [levelOf(0.9), levelOf(0.3), { alpha: 1, sigma: 4 }];
const later = ({ prediction, evaluate }: Model): AsyncModel => ({
  prediction,
  evaluate: (...args) => Promise.resolve(evaluate(...args)),
});
const near = (a: NdArray, b: NdArray, relative = 1e-10): boolean =>
  allClose(a, b, { relativeTolerance: relative, absoluteTolerance: relative });

describe("gaussian", () => {
  it("has the score of its formula, at every level", () => {
    const moments = { mean: [1, -2], covariance: [[2, 0.5], [0.5, 1]] }; // prettier-ignore
    for (const level of levels)
      expect(
        near(gaussianScore(moments, x, level), mixtureScore(gaussian(moments), x, level)),
      ).toBe(true);
    expect(() => gaussianScore(moments, [[1]], levelOf(0.5))).toThrow(/gaussianScore: .*\[1, 1\]/);
  });
});

describe("productModel", () => {
  it("is the mixture of all pairs of components", () => {
    const parts = [
      { weights: [0.3, 0.7], means: [[-1], [2]], variances: [0.2, 0.5] },
      { weights: [0.5, 0.5], means: [[0], [3]], variances: [1, 0.1] },
    ];
    const pairs = [0, 1].flatMap((i) => [0, 1].map((j) => [i, j] as const));
    const joint = gaussianMixture({
      weights: pairs.map(([i, j]) => parts[0]!.weights[i]! * parts[1]!.weights[j]!),
      means: pairs.map(([i, j]) => [parts[0]!.means[i]![0]!, parts[1]!.means[j]![0]!]),
      covariances: pairs.map(([i, j]) => [[parts[0]!.variances[i]!, 0], [0, parts[1]!.variances[j]!]]), // prettier-ignore
    });
    const product = productModel(
      parts.map((part) => ({ model: gaussianMixture(part), dimension: 1 })),
    );
    for (const level of levels)
      expect(near(product.evaluate(x, level), mixtureScore(joint, x, level))).toBe(true);
    expect(() => productModel([])).toThrow(/at least one/);
    expect(() => productModel([{ model: plane, dimension: 0 }])).toThrow(/dimension/);
  });
});

describe("linearSubspace", () => {
  it("has the score of the flat law, seen as a singular mixture", () => {
    const basis = f64([[0.6], [0.8]]);
    const along = gaussianMixture({ weights: [1, 3], means: [[-1], [2]], variances: [0.3, 0.1] });
    const covariance = (v: number): number[][] => [[0.36 * v, 0.48 * v], [0.48 * v, 0.64 * v]]; // prettier-ignore
    const law = gaussianMixture({
      weights: [1, 3],
      means: [[1 - 0.6, 1 - 0.8], [1 + 1.2, 1 + 1.6]], // prettier-ignore
      covariances: [covariance(0.3), covariance(0.1)],
    });
    const flat = linearSubspace(along, basis, { offset: [1, 1] });
    for (const level of levels)
      expect(
        near(
          convertPrediction(flat.evaluate(x, level), "x0", "score", x, level),
          mixtureScore(law, x, level),
          1e-9,
        ),
      ).toBe(true);
    expect(() => linearSubspace(along, [[1], [1]])).toThrow(/orthonormal/);
    expect(() => linearSubspace(along, basis, { offset: [1] })).toThrow(/offset/);
  });
});

describe("perturbScore", () => {
  it("is off by as much as asked, in value and in Jacobian", () => {
    const off = perturbScore(plane, key(3), { l2: 0.2, jacobian: 3 });
    const { score, jacobian } = scoreErrors(off, plane, key(4), theorySchedule(20), {
      numSamples: 400,
    });
    // phases are spread well where the frequency of 15 meets a law of unit width; 8000 samples leave a percent
    expect(Math.abs(score / 0.2 - 1)).toBeLessThan(0.05);
    // root mean square 3 of a cosine is a mean of 3·2√2/π
    expect(Math.abs(jacobian / (3 * ((2 * Math.SQRT2) / Math.PI)) - 1)).toBeLessThan(0.05);
  });

  it("moves the law of the flow by what a constant error does to a standard normal one", () => {
    const normals = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
    const schedule = theorySchedule(20);
    const { flowVariation } = scoreErrors(
      perturbScore(normals, key(3), { l2: 0.2 }),
      normals,
      key(4),
      schedule,
      { numSamples: 2000 },
    );
    // every noised law is N(0, 1): ∇·e = 0 and E|e s| = 0.2 E|x|, so ¼ · 0.2 √(2/π) ln(ᾱ₁/ᾱ_T)
    const { alphaBar } = schedule;
    const exact = 0.05 * Math.sqrt(2 / Math.PI) * Math.log(alphaBar[0]! / alphaBar[19]!);
    // 2000 samples a step: a mean of |x| within 0.76/√2000 of its own, 5 sd at one step
    expect(Math.abs(flowVariation / exact - 1)).toBeLessThan(0.05);
  });

  it("is exact without an error, and the same for the same key", () => {
    const level = levelOf(0.5);
    expect(toNested(perturbScore(plane, key(0), { l2: 0 }).evaluate(x, level))).toEqual(
      toNested(mixtureScore(plane, x, level)),
    );
    const run = (seed: number): unknown =>
      toNested(perturbScore(plane, key(seed), { l2: 1, jacobian: 1 }).evaluate(x, level));
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
    expect(() => perturbScore(plane, key(0), { l2: -1 })).toThrow(/l2/);
    expect(() => perturbScore(plane, key(0), { l2: 0, jacobian: 1 })).toThrow(
      /l2 must be positive/,
    );
  });
});

describe("guidance", () => {
  const [narrow, wide] = [
    gaussian({ mean: [2], covariance: [[1]] }),
    gaussian({ mean: [0], covariance: [[4]] }),
  ];
  const point = f64([[0.3], [-2]]);

  it("is the conditional model at scale 1 and the other at 0, whatever the models predict", () => {
    const asEps: Model = {
      prediction: "eps",
      evaluate: (p, at) => convertPrediction(wide.evaluate(p, at), "score", "eps", p, at),
    };
    const level = levelOf(0.4);
    expect(
      near(guidedModel(narrow, asEps, 1).evaluate(point, level), narrow.evaluate(point, level)),
    ).toBe(true);
    expect(
      near(guidedModel(narrow, asEps, 0).evaluate(point, level), wide.evaluate(point, level)),
    ).toBe(true);
  });

  it("samples the tilted normal law near the data: scores add up", () => {
    // s_u + w (s_c − s_u) at no noise is the score of N(m, v) with 1/v = w/1 + (1 − w)/4 and m/v = 2w
    const w = 1.5;
    const guided = guidedModel(narrow, wide, w);
    const precision = w + (1 - w) / 4;
    const score = guided.evaluate(f64([[1]]), levelOf(1)).get(0, 0);
    expect(score).toBeCloseTo(2 * w - precision * 1, 10);
  });

  it("brings each row back to the spread of the conditional prediction", () => {
    const [c, u] = [normal(key(5), [3, 4, 4]), normal(key(6), [3, 4, 4])];
    const rows = (a: NdArray): NdArray => std(a, { axis: [1, 2] });
    expect(near(rows(guide(c, u, 5, { rescale: 1 })), rows(c), 1e-5)).toBe(true);
    expect(item(min(rows(guide(c, u, 5))))).toBeGreaterThan(item(max(rows(c))));
    expect(() => guide([[1]], [[1]], NaN)).toThrow(/scale/);
    expect(() => guidedModel(narrow, wide, 2, { rescale: 2 })).toThrow(/rescale/);
  });

  it("gives the same samples when the models answer later", async () => {
    const options = { shape: [3, 1], schedule: lambdaGrid(12) };
    const now = sample(ddim(), guidedModel(narrow, wide, 2), key(0), options).samples;
    const then = (
      await sampleAsync(ddim(), guidedModelAsync(later(narrow), later(wide), 2), key(0), options)
    ).samples;
    expect(toNested(then)).toEqual(toNested(now));
  });
});

describe("clippedModel", () => {
  it("cuts off, or divides by the quantile of each row", () => {
    const constant: Model = { prediction: "x0", evaluate: () => f64([[4, 1, -2, 0], [0.5, 0, 0, -0.5]]) }; // prettier-ignore
    const at = [f64([[0, 0, 0, 0], [0, 0, 0, 0]]), levelOf(0.5)] as const; // prettier-ignore
    expect(toNested(clippedModel(constant).evaluate(...at))).toEqual([[1, 1, -1, 0], [0.5, 0, 0, -0.5]]); // prettier-ignore
    expect(toNested(clippedModel(constant, { quantile: 1 }).evaluate(...at))).toEqual([[1, 0.25, -0.5, 0], [0.5, 0, 0, -0.5]]); // prettier-ignore
    expect(() => clippedModel(constant, { quantile: 0 })).toThrow(/quantile/);
  });
});

describe("coordinates of other families", () => {
  it("vpToVe keeps the law: scores there are alpha times as large", () => {
    const level = levelOf(0.37);
    const ve = vpToVe(x, level);
    expect(
      near(mixtureScore(plane, ve.x, ve.level), mul(level.alpha, mixtureScore(plane, x, level))),
    ).toBe(true);
    expect(() => vpToVe(x, levelOf(0))).toThrow(/alpha/);
  });

  it("edmModel makes a denoiser of the network that EDM would train", () => {
    // F of the exact denoiser D: (D − c_skip x) / c_out, at x = c_in-scaled input
    const network = (scaled: NdArray, noise: number): NdArray => {
      const sigma = Math.exp(4 * noise);
      const f = edmPrecondition(sigma);
      const at = mul(1 / f.in, scaled);
      const ve = { alpha: 1, sigma };
      return mul(
        1 / f.out,
        sub(convertPrediction(plane.evaluate(at, ve), "score", "x0", at, ve), mul(f.skip, at)),
      );
    };
    const model = edmModel(network);
    for (const level of levels)
      expect(
        near(
          model.evaluate(x, level),
          convertPrediction(plane.evaluate(x, level), "score", "x0", x, level),
          1e-9,
        ),
      ).toBe(true);
    expect(() => edmModel(network, { sigmaData: 0 })).toThrow(/sigmaData/);
  });

  it("flowMatchingModel makes a denoiser of a velocity", async () => {
    const velocity = (w: NdArray, time: number): NdArray => {
      const level = { alpha: 1 - time, sigma: time };
      const score = plane.evaluate(w, level);
      return sub(
        convertPrediction(score, "score", "eps", w, level),
        convertPrediction(score, "score", "x0", w, level),
      );
    };
    const model = flowMatchingModel(velocity);
    for (const level of [levelOf(0.9), levelOf(0.3), levelOfSigma(3)])
      expect(
        near(
          model.evaluate(x, level),
          convertPrediction(plane.evaluate(x, level), "score", "x0", x, level),
          1e-9,
        ),
      ).toBe(true);
    const options = { shape: [3, 2], schedule: lambdaGrid(8) };
    const asynchronous = flowMatchingModelAsync((w, time) => Promise.resolve(velocity(w, time)));
    const then = await sampleAsync(ddim(), asynchronous, key(0), options);
    expect(toNested(then.samples)).toEqual(
      toNested(sample(ddim(), model, key(0), options).samples),
    );
    const edm = edmModelAsync((y) => Promise.resolve(y));
    expect(toNested(await edm.evaluate(x, levelOf(0.5)))).toEqual(
      toNested(edmModel((y) => y).evaluate(x, levelOf(0.5))),
    );
  });
});
