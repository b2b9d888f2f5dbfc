/** The Fréchet distance of two samples, seen through features. */
import { type ArrayInput, type NdArray, asType } from "@provably/core-tensor";
import { anyFunction, checkOptions } from "@provably/core-tensor/internal";
import { sampleMoments, squaredWasserstein } from "./gaussian.js";

const OPTIONS = { features: anyFunction };

/**
 * Options of {@link frechetDistance} and {@link precisionRecall}.
 * @category Metrics
 */
export interface FrechetOptions {
  /** What to compare: a function from samples `[n, d]` to features `[n, f]`, such as the last layer of a classifier; default the samples themselves. */
  readonly features?: (x: NdArray) => NdArray;
}

/**
 * The squared Fréchet distance $\|m_x - m_y\|^2 + \operatorname{tr}(C_x + C_y - 2(C_x^{1/2} C_y C_x^{1/2})^{1/2})$ of two samples' features, as in the score FID.
 *
 * Biased upwards in small samples: compare equal sizes only. For numbers like published ones, give the features of the published network.
 *
 * @param x - sample, shape `[n, d]`, n ≥ 2
 * @param y - sample, shape `[m, d]`, m ≥ 2
 * @param options - see {@link FrechetOptions}
 * @returns squared distance
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { frechetDistance } from "@provably/score-diffusion";
 *
 * frechetDistance([[0], [2]], [[3], [5]]); // => 9
 * ```
 * @see Heusel et al. (2017), "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", eq. 6
 * @category Metrics
 */
export function frechetDistance(
  x: ArrayInput,
  y: ArrayInput,
  options: FrechetOptions = {},
): number {
  const { features = (points: NdArray) => points } = checkOptions(
    "frechetDistance",
    options,
    OPTIONS,
  );
  const moments = (points: ArrayInput): ReturnType<typeof sampleMoments> =>
    sampleMoments(features(asType(points, "float64")));
  return squaredWasserstein("frechetDistance", moments(x), moments(y));
}
