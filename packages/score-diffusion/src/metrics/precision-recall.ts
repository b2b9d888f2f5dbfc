/** Whether generated samples look real, and whether all that is real is generated. */
import { type ArrayInput, type NdArray, asType } from "@provably/core-tensor";
import { anyFunction, checkOptions, wholeNumber } from "@provably/core-tensor/internal";
import { type Points, pairOfPoints, squaredDistance } from "../internal/points.js";
import type { FrechetOptions } from "./frechet.js";

const OPTIONS = { k: wholeNumber(1), features: anyFunction };

/**
 * Shares of two samples that lie near the other.
 * @category Metrics
 */
export interface PrecisionRecall {
  /** Generated points inside the ball of some real point. */
  readonly precision: number;
  /** Real points inside the ball of some generated point. */
  readonly recall: number;
  /** Real points whose ball holds a generated point: like recall, but one stray sample cannot spoil it. */
  readonly coverage: number;
}

/** Squared distance of each point to its k-th neighbour, itself not counted. */
function radii(x: Points, k: number): Float64Array {
  return Float64Array.from({ length: x.n }, (_, i) => {
    const squares = new Float64Array(x.n);
    for (let j = 0; j < x.n; j++) squares[j] = j === i ? Infinity : squaredDistance(x, i, x, j);
    return squares.sort()[k - 1]!;
  });
}

/** Share of the points that lie in a ball around some centre. */
function shareInside(points: Points, centres: Points, squares: Float64Array): number {
  let inside = 0;
  for (let i = 0; i < points.n; i++)
    for (let j = 0; j < centres.n; j++)
      if (squaredDistance(points, i, centres, j) <= squares[j]!) {
        inside++;
        break;
      }
  return inside / points.n;
}

/** Share of the balls that hold some point. */
function shareHolding(centres: Points, squares: Float64Array, points: Points): number {
  let holding = 0;
  for (let j = 0; j < centres.n; j++)
    for (let i = 0; i < points.n; i++)
      if (squaredDistance(points, i, centres, j) <= squares[j]!) {
        holding++;
        break;
      }
  return holding / centres.n;
}

/**
 * Precision, recall and coverage of generated samples, with balls that reach from each point to its k-th neighbour in its own sample.
 *
 * All pairs, $O((n + m)^2 d)$.
 *
 * @param real - sample, shape `[n, d]`, n > k
 * @param generated - sample, shape `[m, d]`, m > k
 * @param options - `k`, default 3; `features`, see {@link FrechetOptions}
 * @returns see {@link PrecisionRecall}
 * @throws `ShapeError` when shapes do not fit or samples are too small
 * @throws `DomainError` when a value is not finite, or `k` is not a positive integer
 * @example
 * ```ts
 * import { precisionRecall } from "@provably/score-diffusion";
 *
 * const real = [[0], [1], [10], [11]];
 * precisionRecall(real, [[0.5], [0.6], [0.7], [0.8]], { k: 1 }); // => { precision: 1, recall: 0, coverage: 0.5 }
 * ```
 * @see Kynkäänniemi et al. (2019), "Improved precision and recall metric for assessing generative models", eq. 1 and 2; Naeem et al. (2020) for coverage
 * @category Metrics
 */
export function precisionRecall(
  real: ArrayInput,
  generated: ArrayInput,
  options: FrechetOptions & { readonly k?: number } = {},
): PrecisionRecall {
  const { k = 3, features = (x: NdArray) => x } = checkOptions("precisionRecall", options, OPTIONS);
  const [x, y] = pairOfPoints(
    "precisionRecall",
    features(asType(real, "float64")),
    features(asType(generated, "float64")),
    k + 1,
  );
  const [realRadii, generatedRadii] = [radii(x, k), radii(y, k)];
  return {
    precision: shareInside(y, x, realRadii),
    recall: shareInside(x, y, generatedRadii),
    coverage: shareHolding(x, realRadii, y),
  };
}
