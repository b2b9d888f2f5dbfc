/** Measurements rounded to a grid, and the coefficients that JPEG rounds. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  all,
  array,
  asType,
  div,
  greater,
  isFinite,
  item,
  log,
  logSigmoid,
  matmul,
  mul,
  neg,
  reshape,
  round,
  sigmoid,
  sub,
  sum,
  transpose,
} from "@provably/core-tensor";
import {
  check,
  checkOptions,
  numberIn,
  optional,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { uniform } from "@provably/core-tensor/random";
import { type ForwardModel, measurementOf } from "./forward-model.js";
import {
  type LinearOperator,
  type Operator,
  batchOf,
  checkOperator,
  pullback,
  pushforward,
  spectralArguments,
} from "./operator.js";

const ROUNDED = { theta: positiveNumber };
const JPEG = recordOf({
  height: wholeNumber(1),
  width: wholeNumber(1),
  quality: optional(numberIn(1, 99)),
  block: optional(wholeNumber(1)),
  theta: optional(positiveNumber),
});

/**
 * Rounding with dither: logistic noise of scale $\theta$ is added to $z = A(x)$, and the sum rounded to a multiple of the step $q$. A measured $y$ says that the
 * noisy number lay within $y \pm q/2$, so
 * $\mathcal L(x; y) = \sum_i \ln\left[F\!\left(\tfrac{y_i + q_i/2 - z_i}{\theta}\right) - F\!\left(\tfrac{y_i - q_i/2 - z_i}{\theta}\right)\right]$ with the logistic function $F$: concave in z.
 *
 * @param operator - what is measured before rounding
 * @param step - $q > 0$, for all numbers or one each, `[m]`
 * @param options - `theta` $\theta > 0$; default a quarter of the least step
 * @returns forward model; measurements are multiples of the steps
 * @throws `DomainError` when a step or `theta` is not positive
 * @throws `ShapeError` when the steps do not fit
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { identityOperator, roundedSensing } from "@provably/score-diffusion";
 *
 * const likelihood = roundedSensing(identityOperator(1), 1, { theta: 0.1 }).likelihood([2]);
 * likelihood.logLikelihood(array([[2], [2.5], [3]], { dtype: "float64" })).get(1).toFixed(3); // => "-0.693"
 * ```
 * @see Zymnis, Boyd, Candès (2010), "Compressed sensing with quantized measurements", for the likelihood
 * @category Forward models
 */
export function roundedSensing(
  operator: Operator,
  step: number | ArrayInput,
  options: { readonly theta?: number } = {},
): ForwardModel {
  const fn = "roundedSensing";
  const { inputSize, outputSize } = checkOperator(fn, operator);
  const { theta: asked } = checkOptions(fn, options, ROUNDED);
  const q =
    typeof step === "number"
      ? array(new Float64Array(outputSize).fill(step))
      : asType(step, "float64");
  if (q.shape.join() !== String(outputSize))
    throw new ShapeError(
      `${fn}: step must be a number or [${outputSize}], got [${q.shape.join(", ")}]`,
    );
  if (!item(all(greater(q, 0))) || !item(all(isFinite(q))))
    throw new DomainError(`${fn}: step must be positive and finite`);
  let least = Infinity;
  for (let i = 0; i < outputSize; i++) least = Math.min(least, q.get(i));
  const theta = check(fn, "theta", asked ?? least / 4, positiveNumber);
  const half = mul(0.5, q);
  /** The places of the upper and the lower end of what was seen, in units of the noise. */
  const ends = (y: NdArray, z: NdArray): { upper: NdArray; lower: NdArray } => ({
    upper: mul(1 / theta, sub(add(y, half), z)),
    lower: mul(1 / theta, sub(sub(y, half), z)),
  });
  // F(b) − F(a) = F(b) F(−a) (1 − e^{a−b}), where the last factor is known
  const width = sum(
    log(
      sub(
        1,
        array(Float64Array.from({ length: outputSize }, (_, i) => Math.exp(-q.get(i) / theta))),
      ),
    ),
  );
  return {
    name: `${operator.name} rounded`,
    inputSize,
    outputSize,
    measure(x, key) {
      const exact = operator.apply(batchOf("measure", "x", x, inputSize));
      const u = uniform(key, exact.shape, { dtype: "float64", low: Number.EPSILON, high: 1 });
      return mul(q, round(div(add(exact, mul(theta, log(div(u, sub(1, u))))), q)));
    },
    likelihood(y) {
      const measured = measurementOf(fn, y, outputSize);
      return {
        inputSize,
        curvature: operator.norm ** 2 / (2 * theta * theta),
        logLikelihood(x) {
          const { upper, lower } = ends(measured, operator.apply(x));
          return add(sum(add(logSigmoid(upper), logSigmoid(neg(lower))), { axis: 1 }), width);
        },
        score(x) {
          const { upper, lower } = ends(measured, operator.apply(x));
          return pullback(operator, x, mul(1 / theta, sub(sigmoid(lower), sigmoid(neg(upper)))));
        },
        information(x, v) {
          const { upper, lower } = ends(measured, operator.apply(x));
          const bend = (s: NdArray): NdArray => mul(s, sub(1, s));
          const curvature = mul(
            1 / (theta * theta),
            add(bend(sigmoid(upper)), bend(sigmoid(lower))),
          );
          return pullback(operator, x, mul(curvature, pushforward(operator, x, v)));
        },
      };
    },
  };
}

/** The orthonormal cosine transform of one axis in blocks, [n, n]. */
function blockCosine(n: number, block: number): NdArray {
  const weights = new Float64Array(n * n);
  for (let start = 0; start < n; start += block)
    for (let k = 0; k < block; k++)
      for (let j = 0; j < block; j++)
        weights[(start + k) * n + start + j] =
          Math.sqrt((k === 0 ? 1 : 2) / block) *
          Math.cos((Math.PI * (2 * j + 1) * k) / (2 * block));
  return array(weights, { shape: [n, n] });
}

/** Steps of the luminance of JPEG at quality 50, for 8 × 8 coefficients of values from 0 to 255. */
const LUMINANCE = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
  14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
  92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];

/**
 * JPEG-like compression of grey images in $[-1, 1]$: the cosine transform of blocks, rounded with the standard's luminance steps at a quality.
 *
 * Dithered as in {@link roundedSensing}, so that it has a likelihood. In blocks of other than 8 the steps of the nearest frequencies are taken.
 *
 * @param options - `height`, `width`: multiples of `block`; `quality` in [1, 99], default 50; `block`, default 8; `theta` as in {@link roundedSensing}
 * @returns forward model on images `[n, height · width]`
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { jpeg } from "@provably/score-diffusion";
 *
 * jpeg({ height: 28, width: 28, block: 4, quality: 10 }).outputSize; // => 784
 * ```
 * @see ITU-T Recommendation T.81 (1992), table K.1
 * @category Forward models
 */
export function jpeg(options: {
  readonly height: number;
  readonly width: number;
  readonly quality?: number;
  readonly block?: number;
  readonly theta?: number;
}): ForwardModel {
  const { height, width, quality = 50, block = 8, theta } = check("jpeg", "options", options, JPEG);
  if (height % block !== 0 || width % block !== 0)
    throw new DomainError(
      `jpeg: block must divide height and width, got ${block} for ${height} × ${width}`,
    );
  const factor = (quality < 50 ? 50 / quality : 2 - quality / 50) * (2 / 255) * (block / 8);
  const frequency = (i: number): number => Math.floor(((i % block) * 8) / block);
  const steps = Float64Array.from({ length: height * width }, (_, at) => {
    const [row, column] = [Math.floor(at / width), at % width];
    return factor * LUMINANCE[8 * frequency(row) + frequency(column)]!;
  });
  return {
    ...roundedSensing(
      cosineBlocks(height, width, block),
      array(steps),
      theta === undefined ? {} : { theta },
    ),
    name: `jpeg(${quality})`,
  };
}

/** The cosine transform of all blocks of an image: orthonormal. */
function cosineBlocks(height: number, width: number, block: number): LinearOperator {
  const rows = blockCosine(height, block);
  const columns = height === width ? rows : blockCosine(width, block);
  const d = height * width;
  const image = (x: NdArray): NdArray =>
    reshape(batchOf("jpeg", "x", x, d), [x.shape[0]!, height, width]);
  const flat = (x: NdArray): NdArray => reshape(x, [x.shape[0]!, d]);
  return {
    name: "cosine blocks",
    inputSize: d,
    outputSize: d,
    norm: 1,
    apply: (x) => flat(matmul(matmul(rows, image(x)), transpose(columns))),
    adjoint: (y) => flat(matmul(matmul(transpose(rows), image(y)), columns)),
    normalFunction(f, points) {
      const v = spectralArguments("jpeg", f, points, d);
      return mul(f(1), v);
    },
  };
}
