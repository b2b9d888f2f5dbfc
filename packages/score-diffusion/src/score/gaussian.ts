/** The normal distribution: the simplest exact score. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  add,
  asType,
  expandDims,
  eye,
  mul,
  neg,
  sub,
  transpose,
} from "@provably/core-tensor";
import { anything, check, recordOf } from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";
import type { Moments } from "../metrics/gaussian.js";
import { type NoiseLevel, checkLevel } from "../schedule/level.js";
import { type GaussianMixture, gaussianMixture } from "./gaussian-mixture.js";

const MOMENTS = recordOf({ mean: anything, covariance: anything });

/**
 * The normal distribution with the given mean and covariance: a {@link gaussianMixture} of one component.
 *
 * @param moments - `mean`, shape `[d]`, and `covariance`, symmetric and positive semi-definite, shape `[d, d]`
 * @returns see {@link GaussianMixture}
 * @throws `ShapeError` when the shapes do not fit
 * @throws `DomainError` when the covariance has a negative eigenvalue
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { gaussian, levelOf } from "@provably/score-diffusion";
 *
 * const standard = gaussian({ mean: [0], covariance: [[1]] });
 * toNested(standard.evaluate(array([[2]], { dtype: "float64" }), levelOf(0.5))); // => [[-2]]
 * ```
 * @category Scores
 */
export function gaussian(moments: Moments): GaussianMixture {
  const { mean, covariance } = check("gaussian", "moments", moments, MOMENTS);
  return gaussianMixture({
    weights: [1],
    means: expandDims(asType(mean, "float64"), 0),
    covariances: expandDims(asType(covariance, "float64"), 0),
  });
}

/**
 * The exact score of a normal distribution at a noise level, $s = -(\alpha^2 C + \sigma^2 I)^{-1}(x - \alpha m)$.
 *
 * @param moments - mean $m$, shape `[d]`, and covariance $C$, shape `[d, d]`
 * @param x - points, shape `[n, d]`
 * @param level - noise level
 * @returns array of shape `[n, d]`
 * @throws `ShapeError` when the shapes do not fit
 * @throws `LinAlgError` of core-tensor when the distribution has no density at this level
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { gaussianScore } from "@provably/score-diffusion";
 *
 * toNested(gaussianScore({ mean: [1], covariance: [[3]] }, [[5]], { alpha: 1, sigma: 1 })); // => [[-1]]
 * ```
 * @category Scores
 */
export function gaussianScore(moments: Moments, x: ArrayInput, level: NoiseLevel): NdArray {
  checkLevel("gaussianScore", level);
  check("gaussianScore", "moments", moments, MOMENTS);
  const [mean, covariance, points] = [moments.mean, moments.covariance, x].map((a) =>
    asType(a, "float64"),
  ) as [NdArray, NdArray, NdArray];
  const d = mean.shape[0] ?? 0;
  if (
    mean.shape.length !== 1 ||
    covariance.shape.join() !== `${d},${d}` ||
    points.shape.length !== 2 ||
    points.shape[1] !== d
  )
    throw new ShapeError(
      `gaussianScore: mean [d], covariance [d, d] and x [n, d] must fit, got [${mean.shape.join(", ")}], [${covariance.shape.join(", ")}] and [${points.shape.join(", ")}]`,
    );
  const spread = add(
    mul(level.alpha ** 2, covariance),
    mul(level.sigma ** 2, eye(d, d, { dtype: "float64" })),
  );
  return neg(transpose(solve(spread, transpose(sub(points, mul(level.alpha, mean))))));
}
