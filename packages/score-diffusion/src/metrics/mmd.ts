/** The maximum mean discrepancy of two samples. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import { checkOptions, positiveNumber, trueOrFalse } from "@provably/core-tensor/internal";
import { type Points, pairOfPoints, squaredDistance, sumOverPairs } from "../internal/points.js";

const OPTIONS = { biased: trueOrFalse, bandwidth: positiveNumber };

/**
 * Options of {@link mmd2}.
 * @category Metrics
 */
export interface MmdOptions {
  /** Width $h$ of the kernel; default the median distance within both samples together (of up to 500 points of each). */
  readonly bandwidth?: number;
  /** Count a point's kernel with itself, which keeps the value ≥ 0 but biases it; default false. */
  readonly biased?: boolean;
}

/** The median distance of different points. */
function medianDistance(x: Points, y: Points): number {
  const [n, m] = [Math.min(x.n, 500), Math.min(y.n, 500)];
  const data = new Float64Array((n + m) * x.d);
  data.set(x.data.subarray(0, n * x.d));
  data.set(y.data.subarray(0, m * x.d), n * x.d);
  const all: Points = { data, n: n + m, d: x.d };
  const squares: number[] = [];
  for (let i = 1; i < all.n; i++)
    for (let j = 0; j < i; j++) squares.push(squaredDistance(all, i, all, j));
  const sorted = Float64Array.from(squares).sort();
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return Math.sqrt(median);
}

/**
 * The squared maximum mean discrepancy $\mathbb E k(X, X') + \mathbb E k(Y, Y') - 2\,\mathbb E k(X, Y)$ with the kernel $k(x, y) = e^{-\|x - y\|^2/(2h^2)}$.
 *
 * All pairs, $O((n + m)^2 d)$. The unbiased form may go below 0 when the distributions are equal.
 *
 * @param x - sample, shape `[n, d]`
 * @param y - sample, shape `[m, d]`
 * @param options - see {@link MmdOptions}
 * @returns number without unit
 * @throws `ShapeError` when shapes do not fit, or a sample is too small
 * @throws `DomainError` when a value is not finite, or the bandwidth is not positive
 * @example
 * ```ts
 * import { mmd2 } from "@provably/score-diffusion";
 *
 * mmd2([[0], [0]], [[50], [50]], { bandwidth: 1 }); // => 2
 * ```
 * @see Gretton et al. (2012), "A kernel two-sample test", eq. 3 and 5
 * @category Metrics
 */
export function mmd2(x: ArrayInput, y: ArrayInput, options: MmdOptions = {}): number {
  const { biased = false, bandwidth: asked } = checkOptions("mmd2", options, OPTIONS);
  const [a, b] = pairOfPoints("mmd2", x, y, biased ? 1 : 2);
  const bandwidth = asked ?? medianDistance(a, b);
  if (!(bandwidth > 0 && bandwidth < Infinity))
    throw new DomainError(
      `mmd2: bandwidth must be positive, got ${bandwidth}${asked === undefined ? " as the median distance" : ""}`,
    );
  const scale = -1 / (2 * bandwidth * bandwidth);
  const kernel = (squared: number): number => Math.exp(scale * squared);
  const within = (p: Points): number => {
    const others = sumOverPairs(p, p, kernel);
    return biased ? (others + p.n) / (p.n * p.n) : others / (p.n * (p.n - 1));
  };
  return within(a) + within(b) - (2 * sumOverPairs(a, b, kernel)) / (a.n * b.n);
}
