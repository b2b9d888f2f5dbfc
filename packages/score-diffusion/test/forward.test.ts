import { describe, expect, it } from "vitest";
import {
  type NdArray,
  allClose,
  array,
  grad,
  item,
  mean,
  mul,
  reshape,
  square,
  sub,
  sum,
  tile,
  toTypedArray,
  transpose,
} from "@provably/core-tensor";
import { bernoulli, key, normal } from "@provably/core-tensor/random";
import {
  type ForwardModel,
  type LinearOperator,
  type Operator,
  blur,
  codedPhaseRetrieval,
  compressedSensing,
  forwardModel,
  gaussianKernel,
  gaussianNoise,
  identityOperator,
  inpainting,
  jpeg,
  linearOperator,
  matrixOperator,
  motionKernel,
  operatorNorm,
  poissonNoise,
  quantizedSensing,
  roundedSensing,
  superResolution,
} from "../src/index.js";
import { f64 } from "./fixtures.js";

const image = { height: 8, width: 8 };
const linear: readonly (readonly [string, LinearOperator])[] = [
  ["identity", identityOperator(64)],
  ["matrix", matrixOperator(normal(key(1), [5, 64], { dtype: "float64" }))],
  ["compressed sensing", compressedSensing(64, 16, key(2))],
  ["inpainting", inpainting(bernoulli(key(3), 0.4, [8, 8]))],
  ["super-resolution", superResolution({ ...image, factor: 4 })],
  ["oblong super-resolution", superResolution({ height: 4, width: 16, factor: 2 })],
  ["circular Gaussian blur", blur({ ...image, kernel: gaussianKernel(5, 1.3) })],
  ["circular motion blur", blur({ ...image, kernel: motionKernel(5, 0.7) })],
  ["oblong circular blur", blur({ height: 4, width: 16, kernel: motionKernel(3, 0.3) })],
  ["valid blur", blur({ ...image, kernel: motionKernel(3, 0.4), boundary: "valid" })],
];

const draw = (name: string, shape: number[]): NdArray =>
  normal(key(name), shape, { dtype: "float64" });
const dot = (a: NdArray, b: NdArray): number => item(sum(mul(a, b)));

describe.each(linear)("%s", (_, operator) => {
  const x = draw("x", [3, operator.inputSize]);
  const y = draw("y", [3, operator.outputSize]);

  it("has the adjoint of its products", () => {
    expect(dot(operator.apply(x), y)).toBeCloseTo(dot(x, operator.adjoint(y)), 9);
  });

  it("gives functions of AᵀA that agree with products", () => {
    const { normalFunction } = operator;
    if (normalFunction === undefined) return;
    const close = (a: NdArray, b: NdArray): boolean =>
      allClose(a, b, { relativeTolerance: 1e-9, absoluteTolerance: 1e-9 });
    expect(
      close(
        normalFunction((v) => v, x),
        operator.adjoint(operator.apply(x)),
      ),
    ).toBe(true);
    expect(
      close(
        normalFunction(() => 1, x),
        x,
      ),
    ).toBe(true);
    const root = (v: NdArray): NdArray =>
      normalFunction((eigenvalue) => Math.sqrt(eigenvalue + 0.1), v);
    expect(
      close(
        root(root(x)),
        normalFunction((v) => v + 0.1, x),
      ),
    ).toBe(true);
  });

  it("knows its norm", () => {
    const estimate = operatorNorm(operator, { iterations: 400 });
    // where the norm is not known it is estimated from below, by fewer iterations
    expect(estimate).toBeLessThan(operator.norm * 1.001);
    expect(estimate).toBeGreaterThan(0.97 * operator.norm);
  });

  it("names the function and both shapes when points do not fit", () => {
    expect(() => operator.apply(f64([[1]]))).toThrow(/\[n, \d+\], got \[1, 1\]/);
  });
});

const phase = codedPhaseRetrieval({ ...image, key: key("mask") });
const models: readonly (readonly [string, ForwardModel])[] = [
  ["Gaussian noise on a matrix", gaussianNoise(linear[1]![1], 0.5)],
  ["phase retrieval", gaussianNoise(phase, 0.2)],
  ["one-bit", quantizedSensing(64, 0.4)],
  ["one-bit of a matrix", quantizedSensing(linear[1]![1], 0.7)],
  ["Poisson", poissonNoise(identityOperator(64), { gain: 20 })],
  ["Poisson of a blur", poissonNoise(linear[6]![1], { gain: 50, background: 2 })],
  ["rounding", roundedSensing(linear[1]![1], 0.5, { theta: 0.2 })],
  ["JPEG", jpeg({ ...image, quality: 20 })],
  [
    "a model of one's own",
    forwardModel({
      name: "squares",
      inputSize: 64,
      outputSize: 64,
      measure: (x) => square(x),
      logLikelihood: (x, y) => mul(-0.5, sum(square(sub(square(x), y)), { axis: 1 })),
      curvature: 4,
    }),
  ],
];

describe.each(models)("likelihood of %s", (_, model) => {
  const x = mul(0.5, draw("points", [3, 64]));
  const y = model.measure(x, key("noise"));
  const likelihood = model.likelihood(y);

  it("has the score that automatic differentiation gives", () => {
    const automatic = grad((p: NdArray) => sum(likelihood.logLikelihood(p)))(x);
    expect(
      allClose(likelihood.score(x), automatic, {
        relativeTolerance: 1e-8,
        absoluteTolerance: 1e-8,
      }),
    ).toBe(true);
  });

  it("takes one measurement for all points, or one for each", () => {
    const first = model.likelihood(y.pick(0, null)).logLikelihood(x);
    const each = likelihood.logLikelihood(x);
    expect(first.get(0)).toBeCloseTo(each.get(0), 9);
    expect(first.get(1)).not.toBeCloseTo(each.get(1), 3);
  });

  it("has an information that is symmetric and positive", () => {
    if (likelihood.information === undefined) return;
    const [u, v] = [draw("u", [3, 64]), draw("v", [3, 64])];
    expect(dot(u, likelihood.information(x, v))).toBeCloseTo(
      dot(v, likelihood.information(x, u)),
      7,
    );
    expect(dot(u, likelihood.information(x, u))).toBeGreaterThanOrEqual(0);
  });

  it("refuses measurements of another size, or that are not finite", () => {
    expect(() => model.likelihood([1])).toThrow(/y must be \[\d+\]/);
    expect(() => model.likelihood(array(new Float64Array(model.outputSize).fill(NaN)))).toThrow(
      /finite/,
    );
  });
});

describe("likelihoods against simulation", () => {
  // E over y of the score at the true point is 0, and its covariance is the Fisher information: 4,000 measurements of one point
  it.each(models.slice(0, 8))(
    "score of %s is centred, with the information as its variance",
    (name, model) => {
      const n = 2000;
      const x = tile(mul(0.5, draw("truth", [1, 64])), [n, 1]);
      const likelihood = model.likelihood(model.measure(x, key("many")));
      const direction = transpose(draw("direction", [1, 64]));
      const along = likelihood.score(x);
      const values = [...toTypedArray(sum(mul(along, reshape(direction, [1, 64])), { axis: 1 }))];
      const average = values.reduce((a, b) => a + b, 0) / n;
      const variance = values.reduce((a, b) => a + (b - average) ** 2, 0) / n;
      expect(Math.abs(average)).toBeLessThan(4.5 * Math.sqrt(variance / n));
      const one = reshape(direction, [1, 64]);
      const information = item(
        mean(sum(mul(likelihood.information!(x, tile(one, [n, 1])), one), { axis: 1 })),
      );
      // the relative error of a variance from n draws is √(2/n) for normal ones
      expect(Math.abs(variance / information - 1)).toBeLessThan(6 * Math.sqrt(2 / n));
    },
  );

  it("phase retrieval does not see the sign, nor what the mask hides", () => {
    const x = draw("x", [2, 64]);
    expect(allClose(phase.apply(x), phase.apply(mul(-1, x)))).toBe(true);
    const half = codedPhaseRetrieval({
      ...image,
      mask: Array.from({ length: 8 }, (_, i) => new Array<number>(8).fill(i < 4 ? 1 : 0)),
    });
    const hidden = array(
      Float64Array.from({ length: 64 }, (_, i) => (i < 32 ? 0 : 1)),
      { shape: [1, 64] },
    );
    expect(allClose(half.apply(x), half.apply(sub(x, hidden)))).toBe(true);
  });

  it("the transform of phase retrieval keeps the energy", () => {
    const full = codedPhaseRetrieval({
      ...image,
      mask: Array.from({ length: 8 }, () => new Array<number>(8).fill(1)),
    });
    const x = draw("x", [1, 64]);
    expect(item(sum(square(full.apply(x))))).toBeCloseTo(item(sum(square(x))), 9);
  });
});

describe("bad forward models", () => {
  const rejected = (make: () => unknown, message: RegExp, code: string): void => {
    try {
      make();
    } catch (error) {
      expect(error).toMatchObject({ code });
      expect(String(error)).toMatch(message);
      return;
    }
    expect.fail("nothing was thrown");
  };

  it("are refused with the name of the argument", () => {
    rejected(
      () => gaussianNoise(identityOperator(2), 0),
      /gaussianNoise: sigma must be positive/,
      "ERR_DOMAIN",
    );
    rejected(() => inpainting([0, 0]), /hides everything/, "ERR_DOMAIN");
    rejected(() => blur({ ...image, kernel: [[1, 1]] }), /blur: kernel/, "ERR_SHAPE");
    rejected(
      () => blur({ ...image, kernel: [[1]], boundary: "mirror" as "valid" }),
      /boundary/,
      "ERR_DOMAIN",
    );
    rejected(() => gaussianKernel(4, 1), /size must be a positive odd/, "ERR_DOMAIN");
    rejected(() => motionKernel(3, NaN), /angle/, "ERR_DOMAIN");
    rejected(
      () => superResolution({ height: 9, width: 8, factor: 4 }),
      /factor must divide/,
      "ERR_DOMAIN",
    );
    rejected(() => codedPhaseRetrieval({ ...image }), /either key or mask/, "ERR_DOMAIN");
    rejected(
      () => codedPhaseRetrieval({ height: 7, width: 8, key: key(0) }),
      /must be whole/,
      "ERR_DOMAIN",
    );
    rejected(() => quantizedSensing(3, -1), /theta/, "ERR_DOMAIN");
    rejected(() => quantizedSensing(1).likelihood([0.5]), /must be −1 or 1/, "ERR_DOMAIN");
    rejected(() => poissonNoise(identityOperator(1), { gain: 0 }), /gain/, "ERR_DOMAIN");
    rejected(
      () => poissonNoise(identityOperator(1), { gain: 1 }).likelihood([0.5]),
      /counts/,
      "ERR_DOMAIN",
    );
    rejected(
      () => roundedSensing(identityOperator(2), [1, 0]),
      /step must be positive/,
      "ERR_DOMAIN",
    );
    rejected(
      () => roundedSensing(identityOperator(2), [1]),
      /step must be a number or \[2\]/,
      "ERR_SHAPE",
    );
    rejected(() => jpeg({ ...image, quality: 0 }), /quality/, "ERR_DOMAIN");
    rejected(() => jpeg({ ...image, block: 3 }), /block must divide/, "ERR_DOMAIN");
    rejected(() => compressedSensing(4, 0, key(0)), /measurements/, "ERR_DOMAIN");
    rejected(() => identityOperator(0), /size/, "ERR_DOMAIN");
    rejected(() => matrixOperator([1, 2]), /matrix must be \[m, d\]/, "ERR_SHAPE");
  });

  it("an adjoint that is not one is found out", () => {
    const wrong = (): Operator =>
      linearOperator({ inputSize: 3, outputSize: 3, apply: (x) => mul(2, x), adjoint: (y) => y });
    rejected(wrong, /adjoint is not the adjoint of apply/, "ERR_DOMAIN");
  });
});
