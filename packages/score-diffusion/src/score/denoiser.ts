/** The denoiser of any model, together with the derivative that guidance by a measurement needs. */
import {
  DomainError,
  type NdArray,
  add,
  all,
  isFinite,
  item,
  mul,
  vjp,
} from "@provably/core-tensor";
import { check, positiveNumber } from "@provably/core-tensor/internal";
import { arrayOf } from "../internal/check.js";
import { type NoiseLevel, checkLevel } from "../schedule/level.js";
import {
  type Model,
  type Prediction,
  answerOf,
  checkModel,
  convertPrediction,
} from "./prediction.js";

/**
 * A prediction of the clean point, and what derivatives of it lead back to the noisy one.
 * @category Scores
 */
export interface Denoised {
  /** $\hat x_0(x)$, the shape of `x`. */
  readonly clean: NdArray;
  /** The product of cotangents, the shape of `x`, with $\partial \hat x_0/\partial x$. */
  pullback(cotangent: NdArray): NdArray;
}

/** The clean point as carry · x + gain · prediction. */
function affine(
  prediction: Prediction,
  { alpha, sigma }: NoiseLevel,
): { carry: number; gain: number } {
  switch (prediction) {
    case "x0":
      return { carry: 0, gain: 1 };
    case "score":
      return { carry: 1 / alpha, gain: sigma ** 2 / alpha };
    case "eps":
      return { carry: 1 / alpha, gain: -sigma / alpha };
    case "v": {
      const square = alpha ** 2 + sigma ** 2;
      return { carry: alpha / square, gain: -sigma / square };
    }
  }
}

/**
 * The expected clean point $\hat x_0(x) = \mathbb E[x_0 \mid x]$ of a model, with its vector-Jacobian product: in closed form for mixtures and data sets,
 * by automatic differentiation for networks.
 *
 * For an exact score the Jacobian is $\tfrac{\alpha}{\sigma^2}\operatorname{Cov}(x_0 \mid x)$, symmetric.
 *
 * @param model - exact score or network
 * @param x - points, shape `[n, …]`
 * @param level - noise level, $\alpha > 0$
 * @returns see {@link Denoised}
 * @throws `DomainError` when the model returns NaN, or there is only noise
 * @throws `ShapeError` when it returns another shape
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { denoised, gaussianMixture } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
 * const x = array([[2]], { dtype: "float64" });
 * const { clean, pullback } = denoised(mixture, x, { alpha: 1, sigma: 1 });
 * toNested(clean); // => [[1]]
 * toNested(pullback(x)); // => [[1]]
 * ```
 * @see Chung et al. (2023), "Diffusion posterior sampling for general noisy inverse problems", proposition 1
 * @category Scores
 */
export function denoised(model: Model, x: NdArray, level: NoiseLevel): Denoised {
  check("denoised", "level.alpha", checkLevel("denoised", level).alpha, positiveNumber);
  const { prediction } = checkModel("denoised", model);
  arrayOf("denoised", "x", x);
  const direct = model.vjp === undefined ? undefined : model.evaluate(x, level);
  const [answer, pull] =
    direct === undefined ? vjp((p: NdArray) => model.evaluate(p, level), x) : [direct, undefined];
  const output = answerOf("denoised", answer, x);
  if (!item(all(isFinite(output))))
    throw new DomainError("denoised: the model returned NaN or infinite values");
  const { carry, gain } = affine(prediction, level);
  return {
    clean: convertPrediction(output, prediction, "x0", x, level),
    pullback(cotangent) {
      const scaled = mul(gain, cotangent);
      const back = pull === undefined ? model.vjp!(x, level, scaled) : pull(scaled)[0];
      return carry === 0 ? back : add(mul(carry, cotangent), back);
    },
  };
}
