/** Total variation of two distributions given by their masses on common cells. */
import {
  type ArrayInput,
  DomainError,
  ShapeError,
  asType,
  toTypedArray,
} from "@provably/core-tensor";

function masses(name: string, x: ArrayInput): Float64Array {
  const values = toTypedArray<"float64">(asType(x, "float64"));
  const total = values.reduce((a, b) => a + b, 0);
  if (!(values.every((v) => v >= 0) && total > 0 && Number.isFinite(total)))
    throw new DomainError(`totalVariationDistance: ${name} must be finite, ≥ 0 and not all 0`);
  return values.map((v) => v / total);
}

/**
 * The total variation $\tfrac12\sum_i |p_i - q_i|$ of two distributions on common cells: histograms, or densities on one evenly spaced grid.
 *
 * Both are scaled to sum 1 first, so counts and unnormalised densities will do.
 *
 * @param p - masses, any shape
 * @param q - masses, the same shape
 * @returns number in [0, 1]
 * @throws `ShapeError` when the shapes differ
 * @throws `DomainError` when a mass is negative, or all are 0
 * @example
 * ```ts
 * import { totalVariationDistance } from "@provably/score-diffusion";
 *
 * totalVariationDistance([1, 1], [3, 1]); // => 0.25
 * ```
 * @category Metrics
 */
export function totalVariationDistance(p: ArrayInput, q: ArrayInput): number {
  const [a, b] = [asType(p, "float64"), asType(q, "float64")];
  if (a.shape.join() !== b.shape.join())
    throw new ShapeError(
      `totalVariationDistance: p and q must have the same shape, got [${a.shape.join(", ")}] and [${b.shape.join(", ")}]`,
    );
  const [left, right] = [masses("p", a), masses("q", b)];
  return left.reduce((sum, mass, i) => sum + Math.abs(mass - right[i]!), 0) / 2;
}
