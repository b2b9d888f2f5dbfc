/** What a network predicts, and turning one prediction into another. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  div,
  isNdArray,
  mul,
  sub,
} from "@provably/core-tensor";
import {
  anyFunction,
  check,
  isRecord,
  oneOf,
  optional,
  recordWith,
  show,
} from "@provably/core-tensor/internal";
import { arrayOf } from "../internal/check.js";
import { type NoiseLevel, checkLevel } from "../schedule/level.js";
import { type Training, checkTraining } from "../schedule/training.js";

/**
 * What a model returns at $x = \alpha x_0 + \sigma\varepsilon$: the score $s = \nabla \ln p$, the noise $\varepsilon = -\sigma s$,
 * the clean point $x_0 = (x + \sigma^2 s)/\alpha$, or the velocity $v = \alpha\varepsilon - \sigma x_0$.
 * @category Scores
 */
export type Prediction = "score" | "eps" | "x0" | "v";

/**
 * A model of the score, at any noise level. Networks that know levels by step numbers become models by {@link stepModel}.
 * @category Scores
 */
export interface Model {
  /** What `evaluate` returns. */
  readonly prediction: Prediction;
  /** The levels that the model was trained on, where it knows no others: samplers stay within them. */
  readonly trainedOn?: Training;
  /** The prediction at points `x`, shape `[n, …]`, all at one noise level. */
  evaluate(x: NdArray, level: NoiseLevel): NdArray;
  /** The product of cotangents, shape of `x`, with the Jacobian of the prediction at `x`; left out, `evaluate` is differentiated. */
  vjp?(x: NdArray, level: NoiseLevel, cotangent: NdArray): NdArray;
}

/**
 * A model that answers later: a network on a GPU or behind a runtime.
 * @category Scores
 */
export interface AsyncModel {
  /** What `evaluate` returns. */
  readonly prediction: Prediction;
  /** The levels that the model was trained on, where it knows no others: samplers stay within them. */
  readonly trainedOn?: Training;
  /** The prediction at points `x`, shape `[n, …]`, all at one noise level. */
  evaluate(x: NdArray, level: NoiseLevel): Promise<NdArray>;
}

export const PREDICTIONS: readonly Prediction[] = ["score", "eps", "x0", "v"];

const MODEL = recordWith({
  prediction: oneOf(...PREDICTIONS),
  evaluate: anyFunction,
  vjp: optional(anyFunction),
});

/** A model that says what it predicts, for functions that take one. */
export function checkModel<M extends Model | AsyncModel>(fn: string, model: M, name = "model"): M {
  if (!isRecord(model))
    throw new DomainError(
      `${fn}: ${name} must be a model of the score, got ${show(model)}; make one of a network with stepModel or onnxModel, of a distribution with gaussianMixture, of a data set with empiricalDistribution`,
    );
  if (isNdArray(model) || "shape" in model)
    throw new DomainError(
      `${fn}: ${name} must be a model of the score, got an array; make one of a data set with empiricalDistribution(data)`,
    );
  check(fn, name, model, MODEL);
  if (model.trainedOn !== undefined) checkTraining(fn, model.trainedOn, `${name}.trainedOn`);
  return model;
}

/** Points `[n, …]` and their level, as a model is asked. */
export function checkAsked(fn: string, x: NdArray, level: NoiseLevel): NoiseLevel {
  if (arrayOf(fn, "x", x).shape.length < 2)
    throw new ShapeError(`${fn}: x must be [n, …], got [${x.shape.join(", ")}]`);
  return checkLevel(fn, level);
}

/** What a model answered at `x`: an array of the same shape. */
export function answerOf(fn: string, answer: NdArray, x: NdArray): NdArray {
  if (typeof (answer as { then?: unknown } | null | undefined)?.then === "function")
    throw new DomainError(
      `${fn}: the model answers later, with a promise; such models are taken by sampleAsync, dpnpAsync, denoiseAsync, certifyScoreAsync, clippedModelAsync, guidedModelAsync and by diffPirAsync, ddnmAsync, ddrmAsync, redDiffAsync, dapsAsync, pnpDmAsync of /baselines; dps, lgdMc, piGdm and mcg differentiate the model and take those that answer at once`,
    );
  const output = arrayOf(fn, "the model's answer", answer);
  if (output.shape.join() !== x.shape.join())
    throw new ShapeError(
      `${fn}: the model must return the shape of its input [${x.shape.join(", ")}], got [${output.shape.join(", ")}]`,
    );
  return output;
}

/** A model's prediction as another kind. */
export function predict(
  fn: string,
  model: Model,
  x: NdArray,
  level: NoiseLevel,
  want: Prediction,
): NdArray {
  return convertPrediction(
    answerOf(fn, model.evaluate(x, level), x),
    model.prediction,
    want,
    x,
    level,
  );
}

/**
 * A prediction of one kind as another.
 *
 * @param value - the prediction, shape of `x`
 * @param from - its kind
 * @param to - the kind wanted
 * @param x - where it was made
 * @param level - the noise level there; needs $\sigma > 0$ to reach the score or the noise from the clean point, $\alpha > 0$ the other way
 * @returns array of the shape of `x`
 * @throws `DomainError` when the level does not allow the conversion
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { convertPrediction, levelOf } from "@provably/score-diffusion";
 *
 * const x = array([2], { dtype: "float64" });
 * toNested(convertPrediction(array([1], { dtype: "float64" }), "eps", "score", x, levelOf(0.75))); // => [-2]
 * ```
 * @see Salimans, Ho (2022), "Progressive distillation for fast sampling of diffusion models", appendix D
 * @category Scores
 */
export function convertPrediction(
  value: NdArray,
  from: Prediction,
  to: Prediction,
  x: NdArray,
  level: NoiseLevel,
): NdArray {
  if (from === to) return value;
  for (const [name, kind] of Object.entries({ from, to }))
    check("convertPrediction", name, kind, oneOf(...PREDICTIONS));
  const { alpha, sigma } = checkLevel("convertPrediction", level);
  const need = (ok: boolean, what: string): void => {
    if (!ok)
      throw new DomainError(
        `convertPrediction: from ${from} to ${to} needs ${what}, got alpha = ${alpha}, sigma = ${sigma}`,
      );
  };
  if (from === "v") {
    // x = αx₀ + σε and v = αε − σx₀ turn into each other by a rotation, up to the length of (α, σ)
    const square = alpha * alpha + sigma * sigma;
    if (to === "x0") return div(sub(mul(alpha, x), mul(sigma, value)), square);
    const eps = div(add(mul(sigma, x), mul(alpha, value)), square);
    if (to === "eps") return eps;
    need(sigma > 0, "sigma > 0");
    return div(eps, -sigma);
  }
  if (from === "x0") {
    need(sigma > 0, "sigma > 0");
    const eps = div(sub(x, mul(alpha, value)), sigma);
    return to === "eps"
      ? eps
      : to === "score"
        ? div(eps, -sigma)
        : sub(mul(alpha, eps), mul(sigma, value));
  }
  if (from === "eps" && to === "score") {
    need(sigma > 0, "sigma > 0");
    return div(value, -sigma);
  }
  const eps = from === "eps" ? value : mul(-sigma, value);
  if (to === "eps") return eps;
  need(alpha > 0, "alpha > 0");
  const clean = div(sub(x, mul(sigma, eps)), alpha);
  return to === "x0" ? clean : sub(mul(alpha, eps), mul(sigma, clean));
}
