/** Networks trained by flow matching as models: they know points on straight paths from data to noise. */
import { type NdArray, div, mul, sub } from "@provably/core-tensor";
import { anyFunction, check } from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import { type AsyncModel, type Model, answerOf, checkAsked } from "./prediction.js";

/** Time on the straight path $w = (1 - u)x_0 + u\varepsilon$ that passes a level, and the factor from its points to the level's. */
export function straight({ alpha, sigma }: NoiseLevel): { time: number; scale: number } {
  return { time: sigma / (alpha + sigma), scale: alpha + sigma };
}

/** At time 0 the point is clean already, even where the velocity, which divides by the time, is infinite. */
function cleanPoint(w: NdArray, time: number, velocity: NdArray): NdArray {
  return time === 0 ? w : sub(w, mul(time, velocity));
}

/**
 * A network trained by flow matching as a model at any noise level: it knows points $w = (1 - u)x_0 + u\varepsilon$ by their time $u$ and predicts the
 * velocity $\varepsilon - x_0$.
 *
 * @param velocity - points `[n, …]` and time in $[0, 1]$ (1 is noise) to an array of the same shape
 * @returns model of the clean point
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { flowMatchingModel, levelOfSigma } from "@provably/score-diffusion";
 *
 * // data in one point, 3: the velocity is (w − 3) / u
 * const model = flowMatchingModel((w, u) => w.get(0, 0) === 0 ? array([[-3 / u]]) : array([[0]]));
 * toNested(model.evaluate(array([[0]]), levelOfSigma(1))); // => [[3]]
 * ```
 * @see Lipman et al. (2023), "Flow matching for generative modeling", eq. 22; Liu, Gong, Liu (2023), "Flow straight and fast", eq. 1
 * @category Scores
 */
export function flowMatchingModel(velocity: (w: NdArray, time: number) => NdArray): Model {
  check("flowMatchingModel", "velocity", velocity, anyFunction);
  return {
    prediction: "x0",
    evaluate(x, level) {
      const { time, scale } = straight(checkAsked("flowMatchingModel", x, level));
      const w = div(x, scale);
      return cleanPoint(w, time, answerOf("flowMatchingModel", velocity(w, time), x));
    },
  };
}

/**
 * {@link flowMatchingModel} for a network that answers later.
 *
 * @param velocity - points and time to a promise of an array of the same shape
 * @returns model for `sampleAsync`
 * @example
 * ```ts
 * import { flowMatchingModelAsync } from "@provably/score-diffusion";
 *
 * flowMatchingModelAsync(async (w) => w).prediction; // => "x0"
 * ```
 * @category Scores
 */
export function flowMatchingModelAsync(
  velocity: (w: NdArray, time: number) => Promise<NdArray>,
): AsyncModel {
  check("flowMatchingModelAsync", "velocity", velocity, anyFunction);
  return {
    prediction: "x0",
    async evaluate(x, level) {
      const { time, scale } = straight(checkAsked("flowMatchingModelAsync", x, level));
      const w = div(x, scale);
      return cleanPoint(w, time, answerOf("flowMatchingModelAsync", await velocity(w, time), x));
    },
  };
}
