/** Forward models: how a measurement comes from a point, and how likely a point makes it. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  all,
  asType,
  expandDims,
  grad,
  isFinite,
  item,
  mul,
  square,
  sub,
  sum,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyRecord,
  anyString,
  check,
  optional,
  positiveNumber,
  recordOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, normal } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import {
  type LinearOperator,
  type Operator,
  batchOf,
  checkOperator,
  isLinear,
  linearize,
  pullback,
  pushforward,
} from "./operator.js";

const SPEC = recordOf({
  name: anyString,
  inputSize: wholeNumber(1),
  outputSize: wholeNumber(1),
  measure: anyFunction,
  logLikelihood: anyFunction,
  score: optional(anyFunction),
  information: optional(anyFunction),
  curvature: positiveNumber,
});

/**
 * The likelihood of points for one measurement, or for one measurement each.
 * @category Forward models
 */
export interface Likelihood {
  /** Numbers in a point, d. */
  readonly inputSize: number;
  /** $\mathcal L(x; y)$ up to a constant: `[n, d]` to `[n]`, in nats. */
  logLikelihood(x: NdArray): NdArray;
  /** $\nabla_x \mathcal L(x; y)$: `[n, d]` to `[n, d]`. */
  score(x: NdArray): NdArray;
  /** Both at once, where that is cheaper. */
  valueAndScore?(x: NdArray): { readonly logLikelihood: NdArray; readonly score: NdArray };
  /** A typical largest curvature of $-\mathcal L$; steps of samplers are chosen by it. */
  readonly curvature: number;
  /** The Fisher information of the measurement at `x`, or another positive curvature of $-\mathcal L$, times vectors `v`: both `[n, d]`. */
  information?(x: NdArray, v: NdArray): NdArray;
  /** Present for $y = A(x) + N(0, \sigma^2 I)$. */
  readonly gaussian?: { readonly operator: Operator; readonly sigma: number; readonly y: NdArray };
  /** Present where moreover $A$ is linear, which allows exact sampling. */
  readonly linear?: {
    readonly operator: LinearOperator;
    readonly sigma: number;
    readonly y: NdArray;
  };
}

/**
 * A forward model.
 * @category Forward models
 */
export interface ForwardModel {
  readonly name: string;
  /** Numbers in a point, d. */
  readonly inputSize: number;
  /** Numbers in a measurement, m. */
  readonly outputSize: number;
  /** Random measurements of points: `[n, d]` to `[n, m]`. */
  measure(x: ArrayInput, key: RngKey): NdArray;
  /** The likelihood given a measurement `[m]`, or one for each point, `[n, m]`. */
  likelihood(y: ArrayInput): Likelihood;
}

/** A forward model, for functions that take one. */
export function checkForward(fn: string, forward: ForwardModel): ForwardModel {
  const { inputSize, outputSize, measure, likelihood } = check(fn, "forward", forward, anyRecord);
  check(fn, "forward.inputSize", inputSize, wholeNumber(1));
  check(fn, "forward.outputSize", outputSize, wholeNumber(1));
  check(fn, "forward.measure", measure, anyFunction);
  check(fn, "forward.likelihood", likelihood, anyFunction);
  return forward;
}

/** The likelihood of a measurement under a forward model, which may be somebody else's. */
export function likelihoodOf(fn: string, forward: ForwardModel, y: ArrayInput): Likelihood {
  return checkLikelihood(fn, checkForward(fn, forward).likelihood(y));
}

/** A likelihood, for functions that take one. */
export function checkLikelihood(fn: string, likelihood: Likelihood): Likelihood {
  const { inputSize, curvature, linear, ...functions } = check(
    fn,
    "likelihood",
    likelihood,
    anyRecord,
  );
  check(fn, "likelihood.inputSize", inputSize, wholeNumber(1));
  if (!(Number.isFinite(curvature) && curvature >= 0))
    throw new DomainError(
      `${fn}: likelihood.curvature must be finite and ≥ 0, got ${show(curvature)}`,
    );
  for (const name of ["logLikelihood", "score", "valueAndScore", "information"] as const)
    if (functions[name] !== undefined || name === "logLikelihood" || name === "score")
      check(fn, `likelihood.${name}`, functions[name], anyFunction);
  if (linear === undefined) return likelihood;
  const { operator, sigma, y } = check(fn, "likelihood.linear", linear, anyRecord);
  checkOperator(fn, operator);
  check(fn, "operator.adjoint", operator.adjoint, anyFunction);
  check(fn, "likelihood.linear.sigma", sigma, positiveNumber);
  arrayOf(fn, "likelihood.linear.y", y);
  return likelihood;
}

/** A measurement as [1 | n, m], checked. */
export function measurementOf(fn: string, y: ArrayInput, size: number): NdArray {
  const a = asType(y, "float64");
  const rank = a.shape.length;
  if ((rank !== 1 && rank !== 2) || a.shape[rank - 1] !== size)
    throw new ShapeError(`${fn}: y must be [${size}] or [n, ${size}], got [${a.shape.join(", ")}]`);
  if (!item(all(isFinite(a)))) throw new DomainError(`${fn}: y must be finite`);
  return rank === 1 ? expandDims(a, 0) : a;
}

/** Measurements, if there are several, must be one for each of the n points. */
export function checkRows(fn: string, y: ArrayInput, n: number): void {
  const { shape } = asType(y, "float64");
  if (shape.length === 2 && shape[0] !== 1 && shape[0] !== n)
    throw new ShapeError(
      `${fn}: y must hold one measurement or one for each of the ${n} chains, got [${shape.join(", ")}]`,
    );
}

/**
 * Gaussian noise on an operator, $y = A(x) + N(0, \sigma^2 I)$, linear or not.
 *
 * @param operator - what is measured
 * @param sigma - standard deviation of the noise, positive
 * @returns forward model
 * @throws `DomainError` when `sigma` is not positive
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { gaussianNoise, matrixOperator } from "@provably/score-diffusion";
 *
 * const likelihood = gaussianNoise(matrixOperator([[1, 1]]), 0.5).likelihood([3]);
 * toNested(likelihood.score(array([[1, 1]], { dtype: "float64" }))); // => [[4, 4]]
 * ```
 * @category Forward models
 */
export function gaussianNoise(operator: Operator, sigma: number): ForwardModel {
  check("gaussianNoise", "sigma", sigma, positiveNumber);
  const { inputSize, outputSize } = checkOperator("gaussianNoise", operator);
  const precision = 1 / (sigma * sigma);
  return {
    name: `${operator.name} with Gaussian noise`,
    inputSize,
    outputSize,
    measure(x, key) {
      const exact = operator.apply(batchOf("measure", "x", x, inputSize));
      return add(exact, normal(key, exact.shape, { dtype: "float64", std: sigma }));
    },
    likelihood(y) {
      const measured = measurementOf("likelihood", y, outputSize);
      const valueAndScore = (x: NdArray): { logLikelihood: NdArray; score: NdArray } => {
        const [exact, back] = linearize(operator, x);
        const residual = sub(measured, exact);
        return {
          logLikelihood: mul(-precision / 2, sum(square(residual), { axis: 1 })),
          score: mul(precision, back(residual)),
        };
      };
      return {
        inputSize,
        curvature: operator.norm ** 2 * precision,
        logLikelihood: (x) =>
          mul(-precision / 2, sum(square(sub(operator.apply(x), measured)), { axis: 1 })),
        score: (x) => valueAndScore(x).score,
        valueAndScore,
        information: (x, v) => mul(precision, pullback(operator, x, pushforward(operator, x, v))),
        gaussian: { operator, sigma, y: measured },
        ...(isLinear(operator) && { linear: { operator, sigma, y: measured } }),
      };
    },
  };
}

/**
 * A forward model of your own.
 *
 * @param spec - `name`, `inputSize`, `outputSize`; `measure` draws measurements `[n, m]` of points `[n, d]`; `logLikelihood` of points `[n, d]` given `y`
 *   `[1 | n, m]`, as `[n]`; `score`, its gradient in x, else taken by automatic differentiation; `curvature`, a typical largest curvature of
 *   $-\mathcal L$; `information`, see {@link Likelihood}, which only `piGdm` asks for
 * @returns forward model
 * @throws `DomainError` when `curvature` is not positive or a size no whole number
 * @example
 * ```ts
 * import { array, mul, square, sub, sum, toNested } from "@provably/core-tensor";
 * import { forwardModel } from "@provably/score-diffusion";
 *
 * const squares = forwardModel({
 *   name: "squares",
 *   inputSize: 2,
 *   outputSize: 2,
 *   measure: (x) => square(x),
 *   logLikelihood: (x, y) => mul(-0.5, sum(square(sub(square(x), y)), { axis: 1 })),
 *   curvature: 4,
 * });
 * toNested(squares.likelihood([1, 4]).score(array([[2, 2]], { dtype: "float64" }))); // => [[-12, 0]]
 * ```
 * @category Forward models
 */
export function forwardModel(spec: {
  readonly name: string;
  readonly inputSize: number;
  readonly outputSize: number;
  readonly measure: (x: NdArray, key: RngKey) => NdArray;
  readonly logLikelihood: (x: NdArray, y: NdArray) => NdArray;
  readonly score?: (x: NdArray, y: NdArray) => NdArray;
  readonly information?: (x: NdArray, v: NdArray, y: NdArray) => NdArray;
  readonly curvature: number;
}): ForwardModel {
  const { name, inputSize, outputSize, curvature, information, score } = check(
    "forwardModel",
    "spec",
    spec,
    SPEC,
  );
  return {
    name,
    inputSize,
    outputSize,
    measure: (x, key) => spec.measure(batchOf("measure", "x", x, inputSize), key),
    likelihood(y) {
      const measured = measurementOf("likelihood", y, outputSize);
      return {
        inputSize,
        curvature,
        logLikelihood: (x) => spec.logLikelihood(x, measured),
        score: (x) =>
          score === undefined
            ? grad((p: NdArray) => sum(spec.logLikelihood(p, measured)))(x)
            : score(x, measured),
        ...(information && {
          information: (x: NdArray, v: NdArray) => information(x, v, measured),
        }),
      };
    },
  };
}
