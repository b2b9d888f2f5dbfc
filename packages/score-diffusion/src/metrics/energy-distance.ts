/** The energy distance of two samples. */
import { type ArrayInput } from "@provably/core-tensor";
import { checkOptions, trueOrFalse } from "@provably/core-tensor/internal";
import { pairOfPoints, sumOverPairs } from "../internal/points.js";

const OPTIONS = { unbiased: trueOrFalse };

/**
 * The energy distance $2\,\mathbb E\|X - Y\| - \mathbb E\|X - X'\| - \mathbb E\|Y - Y'\|$ between two samples: 0 exactly for equal distributions.
 *
 * All pairs, $O((n + m)^2 d)$.
 *
 * @param x - sample, shape `[n, d]`
 * @param y - sample, shape `[m, d]`
 * @param options - `unbiased`: leave a point's distance to itself out of the means, which takes away the bias and may go below 0; default false
 * @returns number in the unit of the points, ≥ 0 unless `unbiased`
 * @throws `ShapeError` when shapes do not fit, or a sample is too small
 * @throws `DomainError` when a value is not finite
 * @example
 * ```ts
 * import { energyDistance } from "@provably/score-diffusion";
 *
 * energyDistance([[0], [0]], [[1], [1]]); // => 2
 * ```
 * @see Székely, Rizzo (2013), "Energy statistics: a class of statistics based on distances", eq. 5
 * @category Metrics
 */
export function energyDistance(
  x: ArrayInput,
  y: ArrayInput,
  options: { readonly unbiased?: boolean } = {},
): number {
  const { unbiased = false } = checkOptions("energyDistance", options, OPTIONS);
  const [a, b] = pairOfPoints("energyDistance", x, y, unbiased ? 2 : 1);
  const within = (p: typeof a): number =>
    sumOverPairs(p, p, Math.sqrt) / (p.n * (unbiased ? p.n - 1 : p.n));
  return (2 * sumOverPairs(a, b, Math.sqrt)) / (a.n * b.n) - within(a) - within(b);
}
