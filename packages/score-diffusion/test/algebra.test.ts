import { describe, expect, it } from "vitest";
import {
  type NdArray,
  allClose,
  array,
  grad,
  item,
  matmul,
  mean,
  mul,
  reshape,
  square,
  sub,
  sum,
  tile,
  toNested,
  toTypedArray,
  transpose,
} from "@provably/core-tensor";
import { key, normal, uniform } from "@provably/core-tensor/random";
import {
  type ForwardModel,
  type LinearOperator,
  type Operator,
  blockOperators,
  blur,
  codedPhaseRetrieval,
  composeOperators,
  gaussianKernel,
  gaussianNoise,
  gradientSimilarityDeviation,
  identityOperator,
  imageModel,
  inpainting,
  jpeg,
  laplaceNoise,
  matrixOperator,
  mosaic,
  motionKernel,
  mri,
  operatorNorm,
  perChannel,
  poissonNoise,
  quantizedSensing,
  radon,
  roundedSensing,
  saturation,
  scaleOperator,
  stackOperators,
  superResolution,
} from "../src/index.js";
import { f64 } from "./fixtures.js";

const draw = (name: string, shape: number[]): NdArray =>
  normal(key(name), shape, { dtype: "float64" });
const numbers = (x: NdArray): number[] => [...(toTypedArray(x) as Float64Array)];
const dot = (a: NdArray, b: NdArray): number => item(sum(mul(a, b)));
const image = { height: 8, width: 8 };
const matrix = (name: string, m: number, d: number): NdArray => draw(name, [m, d]);
/** The matrix of a linear operator, column by column. */
const denseOf = (operator: Pick<Operator, "inputSize" | "apply">): NdArray =>
  transpose(
    operator.apply(
      array(
        Float64Array.from({ length: operator.inputSize ** 2 }, (_, i) =>
          Number(i % (operator.inputSize + 1) === 0),
        ),
        { shape: [operator.inputSize, operator.inputSize] },
      ),
    ),
  );
const blurred = blur({ ...image, kernel: gaussianKernel(3, 1) });
const [a, b] = [matrixOperator(matrix("a", 3, 5)), matrixOperator(matrix("b", 5, 4))];

const made: readonly (readonly [string, LinearOperator])[] = [
  ["one after another", composeOperators(a, b)],
  ["a reduction of a blur", composeOperators(superResolution({ ...image, factor: 2 }), blurred)],
  [
    "one beneath the other",
    stackOperators([b, matrixOperator(matrix("c", 2, 4)), identityOperator(4)]),
  ],
  ["side by side", blockOperators([a, identityOperator(2), inpainting([1, 0, 1])])],
  ["scaled", scaleOperator(b, -2.5)],
];

describe.each(made)("an operator made of others, %s,", (_, operator) => {
  const [x, y] = [draw("x", [3, operator.inputSize]), draw("y", [3, operator.outputSize])];

  it("has the adjoint of its products", () => {
    expect(dot(operator.apply(x), y)).toBeCloseTo(dot(x, operator.adjoint(y)), 9);
  });

  it("is the linear map of its matrix", () => {
    const dense = denseOf(operator);
    expect(allClose(operator.apply(x), matmul(x, transpose(dense)))).toBe(true);
    expect(allClose(operator.adjoint(y), matmul(y, dense))).toBe(true);
  });

  it("is no longer than its norm", () => {
    expect(operatorNorm(operator, { iterations: 60 })).toBeLessThan(operator.norm * (1 + 1e-9));
  });

  it("has functions of AᵀA, where it has them, that agree with products", () => {
    if (operator.normalFunction === undefined) return;
    const normalOf = (f: (v: number) => number): NdArray => operator.normalFunction!(f, x);
    expect(
      allClose(
        normalOf((v) => v),
        operator.adjoint(operator.apply(x)),
      ),
    ).toBe(true);
    expect(
      allClose(
        normalOf(() => 1),
        x,
      ),
    ).toBe(true);
  });
});

describe("operators made of others", () => {
  it("are the products, stacks and blocks of their matrices", () => {
    const x = draw("p", [2, 4]);
    expect(allClose(composeOperators(a, b).apply(x), a.apply(b.apply(x)))).toBe(true);
    expect(
      toNested(
        stackOperators([scaleOperator(identityOperator(1), 2), identityOperator(1)]).apply(
          f64([[3]]),
        ),
      ),
    ).toEqual([[6, 3]]);
    expect(
      toNested(
        blockOperators([identityOperator(1), scaleOperator(identityOperator(1), 2)]).apply(
          f64([[3, 4]]),
        ),
      ),
    ).toEqual([[3, 8]]);
  });

  it("have functions of the spectrum when they are side by side or scaled", () => {
    expect(blockOperators([blurred, identityOperator(2)]).normalFunction).toBeDefined();
    expect(scaleOperator(blurred, 3).normalFunction).toBeDefined();
  });

  const curved = saturation({ size: 64, scale: 1.5 });
  const x = mul(0.3, draw("inside", [2, 64]));
  it.each([
    ["one after another", composeOperators(curved, blurred)],
    ["one after another, the curved one first", composeOperators(blurred, curved)],
    ["one beneath the other", stackOperators([curved, blurred])],
    ["side by side", blockOperators([codedPhaseRetrieval({ ...image, key: key(1) })])],
    ["scaled", scaleOperator(curved, 3)],
  ])("that are not linear have the derivative of what they compute: %s", (_, operator) => {
    const [value, back] = operator.vjp!(x);
    expect(allClose(value, operator.apply(x))).toBe(true);
    const y = draw("cotangent", [2, operator.outputSize]);
    const step = 1e-6;
    const direction = draw("direction", [2, 64]);
    const moved = (sign: number): NdArray =>
      operator.apply(f64(toNested(sub(x, mul(-sign * step, direction))) as number[][]));
    const slope = dot(mul(1 / (2 * step), sub(moved(1), moved(-1))), y);
    expect(dot(direction, back(y)) / slope).toBeCloseTo(1, 4);
  });

  it("refuse sizes that do not fit, and what is no operator, by name", () => {
    expect(() => composeOperators(b, a)).toThrow(/composeOperators: outer must take the 3 outputs/);
    expect(() => stackOperators([a, b])).toThrow(/stackOperators: operators\[1\] must take the 5/);
    expect(() => stackOperators([])).toThrow(/stackOperators: operators must hold at least one/);
    expect(() => blockOperators([{} as Operator])).toThrow(/blockOperators: operator\.name/);
    expect(() => scaleOperator(a, NaN)).toThrow(/scaleOperator: factor must be a finite number/);
    expect(() => blockOperators([a]).apply(f64([[1]]))).toThrow(
      /blockOperators: x must be \[n, 5\]/,
    );
  });
});

const colour = { height: 16, width: 16, channels: 3 } as const;
const operators: readonly (readonly [string, Operator])[] = [
  ["inpainting", inpainting(Array.from({ length: 64 }, (_, i) => i % 3))],
  ["super-resolution", superResolution({ ...image, factor: 2 })],
  ["blur", blurred],
  [
    "motion blur with zeros beyond",
    blur({ ...image, kernel: motionKernel(3, 0.5), boundary: "zero" }),
  ],
  ["mosaic", mosaic({ height: 8, width: 8 })],
  ["radon", radon({ height: 8, width: 8, angles: [0, 0.7, 1.4] })],
  [
    "mri",
    mri({
      height: 8,
      width: 8,
      mask: Array.from({ length: 8 }, (_, i) => new Array<number>(8).fill(i % 2)),
    }),
  ],
  ["saturation", saturation({ size: 64, scale: 1.5 })],
  ["phase retrieval", codedPhaseRetrieval({ ...image, key: key("mask") })],
  ["two channels of a blur", perChannel(blurred, 2)],
];
const noises: readonly (readonly [string, (operator: Operator) => ForwardModel])[] = [
  ["Gaussian", (operator) => gaussianNoise(operator, 0.3)],
  ["Laplace", (operator) => laplaceNoise(operator, 0.3)],
  ["Poisson", (operator) => poissonNoise(operator, { gain: 30 })],
  ["one-bit", (operator) => quantizedSensing(operator, 0.4)],
  ["quantised", (operator) => roundedSensing(operator, 0.25)],
];
const pairs = operators.flatMap(([of, operator]) =>
  noises.map(([kind, noise]) => [kind, of, noise(operator)] as const),
);

describe.each(pairs)("%s likelihood of %s", (_, __, model) => {
  it("has the slope of its values as its score", () => {
    const x = sub(
      uniform(key("x"), [2, model.inputSize], { dtype: "float64", low: 0, high: 1.2 }),
      0.6,
    );
    const likelihood = model.likelihood(model.measure(x, key("y")));
    const direction = draw("d", [2, model.inputSize]);
    const at = (h: number): number =>
      item(sum(likelihood.logLikelihood(sub(x, mul(-h, direction)))));
    const step = 1e-7;
    const slope = (at(step) - at(-step)) / (2 * step);
    const exact = dot(likelihood.score(x), direction);
    expect(Math.abs(exact - slope)).toBeLessThan(1e-4 * (1 + Math.abs(slope)));
    expect(item(mean(likelihood.logLikelihood(x)))).toBeLessThanOrEqual(0);
  });
});

describe("Laplace noise", () => {
  it("has the spread and the tails of its distribution", () => {
    const n = 20000;
    const noise = numbers(
      laplaceNoise(identityOperator(1), 0.5).measure(
        array(new Float64Array(n), { shape: [n, 1] }),
        key(0),
      ),
    );
    const share = (f: (v: number) => boolean): number => noise.filter(f).length / n;
    expect(noise.reduce((s, v) => s + v * v, 0) / n).toBeCloseTo(0.5, 1);
    for (const bound of [0.2, 0.5, 1.5])
      expect(Math.abs(share((v) => Math.abs(v) > bound) - Math.exp(-2 * bound))).toBeLessThan(
        0.015,
      );
    expect(Math.abs(share((v) => v > 0) - 0.5)).toBeLessThan(0.015);
  });

  it("has a centred score whose variance is the information", () => {
    const n = 4000;
    const x = tile(draw("t", [1, 4]), [n, 1]);
    const model = laplaceNoise(b, 0.4);
    const likelihood = model.likelihood(model.measure(x, key("many")));
    const v = draw("v", [1, 4]);
    const along = numbers(sum(mul(likelihood.score(x), v), { axis: 1 }));
    const average = along.reduce((s, w) => s + w, 0) / n;
    const variance = along.reduce((s, w) => s + (w - average) ** 2, 0) / n;
    const information = dot(likelihood.information!(reshape(x.pick(0, null), [1, 4]), v), v);
    expect(Math.abs(average)).toBeLessThan(4.5 * Math.sqrt(variance / n));
    expect(Math.abs(variance / information - 1)).toBeLessThan(0.15);
  });

  it("refuses a scale that is not positive", () => {
    expect(() => laplaceNoise(b, 0)).toThrow(/laplaceNoise: scale/);
    expect(() => laplaceNoise(b, 1).likelihood([1])).toThrow(/y must be \[5\]/);
  });
});

describe("JPEG in colour", () => {
  const model = jpeg({ ...colour, quality: 95 });
  const x = mul(0.8, sub(uniform(key(4), [1, 768], { dtype: "float64" }), 0.5));

  it("measures a quarter of the differences of colour, or all of them", () => {
    expect(model.outputSize).toBe(256 + 2 * 64);
    expect(jpeg({ ...colour, chroma: 1 }).outputSize).toBe(768);
  });

  it("puts a grey image into luminance alone, and its mean into the first coefficient", () => {
    const grey = array(new Float64Array(768).fill(0.5), { shape: [1, 768] });
    const y = toTypedArray(jpeg({ ...colour, quality: 99, theta: 1e-6 }).measure(grey, key(0)));
    // the orthonormal transform of a constant 0.5 in an 8 × 8 block
    expect(y[0]).toBeCloseTo(4, 1);
    expect(Math.max(...y.slice(256).map(Math.abs))).toBe(0);
  });

  it("rounds differences of colour more coarsely than luminance", () => {
    const red = array(
      Float64Array.from({ length: 768 }, (_, i) => (i < 256 ? 0.02 : 0)),
      { shape: [1, 768] },
    );
    const fine = toTypedArray(jpeg({ ...colour, quality: 99, theta: 1e-6 }).measure(red, key(0)));
    const coarse = toTypedArray(jpeg({ ...colour, quality: 10, theta: 1e-6 }).measure(red, key(0)));
    expect(Math.max(...fine.slice(256).map(Math.abs))).toBeGreaterThan(0);
    expect(Math.max(...coarse.slice(256).map(Math.abs))).toBe(0);
  });

  it("has the score that automatic differentiation gives", () => {
    const likelihood = model.likelihood(model.measure(x, key(1)));
    const automatic = grad((p: NdArray) => sum(likelihood.logLikelihood(p)))(x);
    expect(
      allClose(likelihood.score(x), automatic, {
        absoluteTolerance: 1e-7,
        relativeTolerance: 1e-7,
      }),
    ).toBe(true);
  });

  it("refuses extents that the halved blocks do not divide, and chroma for grey images", () => {
    expect(() => jpeg({ height: 8, width: 8, channels: 3 })).toThrow(/block · 2 must divide/);
    expect(() => jpeg({ ...image, chroma: 2 })).toThrow(/jpeg: chroma is for images of 3 channels/);
    expect(() => jpeg({ ...image, channels: 2 as 3 })).toThrow(/channels/);
  });
});

describe("gradientSimilarityDeviation", () => {
  const side = 12;
  const picture = Float64Array.from({ length: side * side }, (_, i) => Math.sin(i * 0.37) * 0.8);
  const noisy = picture.map((v, i) => v + 0.3 * Math.cos(i * 1.7));
  const grey = (values: Float64Array): NdArray => array(values, { shape: [side, side] });

  it("is the standard deviation of the similarity of Prewitt's gradients, written out", () => {
    const half = side / 2;
    const halved = (p: Float64Array): number[][] =>
      Array.from({ length: half }, (_, r) =>
        Array.from({ length: half }, (_unused, c) =>
          [0, 1]
            .flatMap((i) => [0, 1].map((j) => p[(2 * r + i) * side + 2 * c + j]!))
            .reduce((s, v) => s + v / 4, 0),
        ),
      );
    const gradient = (p: number[][]): number[] =>
      p.flatMap((row, r) =>
        row.map((_, c) => {
          const at = (i: number, j: number): number => p[r + i]?.[c + j] ?? 0;
          const three = [-1, 0, 1];
          const across = three.reduce((s, i) => s + (at(i, -1) - at(i, 1)) / 3, 0);
          const down = three.reduce((s, j) => s + (at(-1, j) - at(1, j)) / 3, 0);
          return Math.hypot(across, down);
        }),
      );
    const [g, h] = [gradient(halved(picture)), gradient(halved(noisy))];
    const c = 170 * (2 / 255) ** 2;
    const similarity = g.map((v, i) => (2 * v * h[i]! + c) / (v * v + h[i]! ** 2 + c));
    const average = similarity.reduce((s, v) => s + v, 0) / similarity.length;
    const expected = Math.sqrt(
      similarity.reduce((s, v) => s + (v - average) ** 2, 0) / similarity.length,
    );
    expect(gradientSimilarityDeviation(grey(picture), grey(noisy))).toBeCloseTo(expected, 12);
  });

  it("of colours is that of their luminance, and of equal images 0", () => {
    const three = (p: Float64Array): NdArray =>
      array(Float64Array.from([...p, ...p, ...p]), { shape: [3, side, side] });
    expect(gradientSimilarityDeviation(three(picture), three(noisy))).toBeCloseTo(
      gradientSimilarityDeviation(grey(picture), grey(noisy)),
      12,
    );
    expect(gradientSimilarityDeviation(grey(picture), grey(picture))).toBe(0);
  });

  it("refuses images of two channels, of different shapes, and too small ones", () => {
    const zeros = (shape: number[]): NdArray =>
      array(new Float64Array(shape.reduce((p, q) => p * q)), { shape });
    expect(() => gradientSimilarityDeviation(zeros([2, 8, 8]), zeros([2, 8, 8]))).toThrow(/1 or 3/);
    expect(() => gradientSimilarityDeviation(zeros([8, 8]), zeros([8, 9]))).toThrow(/same shape/);
    expect(() => gradientSimilarityDeviation(zeros([3, 8]), zeros([3, 8]))).toThrow(/at least 4/);
  });
});

describe("imageModel", () => {
  const half = { prediction: "eps", evaluate: (x: NdArray) => mul(0.5, x) } as const;

  it("shows the model images and gives back rows", () => {
    const seen: number[][] = [];
    const model = imageModel(
      { ...half, evaluate: (x) => (seen.push([...x.shape]), mul(0.5, x)) },
      [3, 2, 4],
    );
    const x = draw("rows", [2, 24]);
    expect(toNested(model.evaluate(x, { alpha: 1, sigma: 1 }))).toEqual(toNested(mul(0.5, x)));
    expect(seen).toEqual([[2, 3, 2, 4]]);
  });

  it("refuses rows of another length before the model is asked, and answers of another shape", () => {
    const level = { alpha: 1, sigma: 1 };
    const never = { ...half, evaluate: () => expect.fail("was asked") };
    expect(() => imageModel(never, [3, 2, 2]).evaluate(draw("r", [1, 4]), level)).toThrow(
      /imageModel: x must be \[n, 12\] for images of \[3, 2, 2\], got \[1, 4\]/,
    );
    const bad = { ...half, evaluate: (x: NdArray) => sum(square(x), { axis: 1 }) };
    expect(() => imageModel(bad, [3, 2, 2]).evaluate(draw("r", [1, 12]), level)).toThrow(
      /must return the shape of its input/,
    );
    expect(() => imageModel(half, [])).toThrow(/shape must hold at least one extent/);
    expect(() => imageModel(half, [0, 2])).toThrow(/shape/);
  });
});
