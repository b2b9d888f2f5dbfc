/** Optimal transport between samples: exact on a line, and along lines through more dimensions. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  asType,
  div,
  norm,
  toTypedArray,
} from "@provably/core-tensor";
import { check, wholeNumber } from "@provably/core-tensor/internal";
import { type RngKey, normal } from "@provably/core-tensor/random";
import { type Points, pairOfPoints } from "../internal/points.js";

/** ∫₀¹ (F⁻¹(u) − G⁻¹(u))² du of two sorted samples, whose quantile functions are steps. */
function squaredTransport(x: Float64Array, y: Float64Array): number {
  const [n, m] = [x.length, y.length];
  let [i, j, done, total] = [0, 0, 0, 0];
  while (i < n && j < m) {
    // ends of the two steps, compared in whole numbers: (i + 1)/n against (j + 1)/m
    const [endX, endY] = [(i + 1) * m, (j + 1) * n];
    const end = Math.min(endX, endY);
    total += (end - done) * (x[i]! - y[j]!) ** 2;
    done = end;
    if (endX === end) i++;
    if (endY === end) j++;
  }
  return total / (n * m);
}

/**
 * The Wasserstein distance $W_2 = \left(\int_0^1 (F^{-1}(u) - G^{-1}(u))^2\,du\right)^{1/2}$ between two samples on a line, which may differ in size.
 *
 * Exact, by sorting; $O(n \log n)$.
 *
 * @param x - sample, shape `[n]` or `[n, 1]`
 * @param y - sample, shape `[m]` or `[m, 1]`
 * @returns distance, in the unit of the points
 * @throws `ShapeError` when a sample is empty or not on a line
 * @throws `DomainError` when a value is not finite
 * @example
 * ```ts
 * import { wasserstein1d } from "@provably/score-diffusion";
 *
 * wasserstein1d([0, 1], [3, 2]); // => 2
 * wasserstein1d([0, 0], [1]); // => 1
 * ```
 * @category Metrics
 */
export function wasserstein1d(x: ArrayInput, y: ArrayInput): number {
  const [a, b] = pairOfPoints("wasserstein1d", x, y);
  if (a.d !== 1)
    throw new ShapeError(
      `wasserstein1d: x and y must be [n] or [n, 1], got [${a.n}, ${a.d}]; see slicedWasserstein`,
    );
  return Math.sqrt(squaredTransport(a.data.sort(), b.data.sort()));
}

/**
 * Directions drawn evenly from the sphere, for {@link slicedWasserstein}.
 *
 * @param key - random key
 * @param numDirections - how many; 128 make the Monte-Carlo error of the distance a few percent
 * @param dimension - $d$
 * @returns array of shape `[numDirections, dimension]`, rows of length 1
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { randomDirections } from "@provably/score-diffusion";
 *
 * randomDirections(key(0), 128, 3).shape; // => [128, 3]
 * ```
 * @category Metrics
 */
export function randomDirections(key: RngKey, numDirections: number, dimension: number): NdArray {
  check("randomDirections", "numDirections", numDirections, wholeNumber(1));
  check("randomDirections", "dimension", dimension, wholeNumber(1));
  const z = normal(key, [numDirections, dimension], { dtype: "float64" });
  return div(z, norm(z, { axis: 1, keepDims: true }));
}

/**
 * The sliced Wasserstein distance $\left(\tfrac1K\sum_k W_2^2(\langle u_k, X\rangle, \langle u_k, Y\rangle)\right)^{1/2}$ between two samples, which may differ in size.
 *
 * Give the same directions to every comparison that you mean to rank. Between two samples of one distribution it is not 0 but of order $n^{-1/2}$: compare
 * with the distance between two exact samples of the same size. Costs $O(K n (d + \log n))$.
 *
 * @param x - sample, shape `[n, d]`
 * @param y - sample, shape `[m, d]`
 * @param directions - $u_k$, shape `[K, d]`, of any length but 0, for example {@link randomDirections}
 * @returns distance, in the unit of the points
 * @throws `ShapeError` when shapes do not fit
 * @throws `DomainError` when a value is not finite or a direction is 0
 * @example
 * ```ts
 * import { slicedWasserstein } from "@provably/score-diffusion";
 *
 * slicedWasserstein([[0, 0]], [[3, 4]], [[1, 0], [0, 1]]).toFixed(4); // => "3.5355"
 * ```
 * @see Bonneel, Rabin, Peyré, Pfister (2015), "Sliced and Radon Wasserstein barycenters of measures"
 * @category Metrics
 */
export function slicedWasserstein(x: ArrayInput, y: ArrayInput, directions: ArrayInput): number {
  const [a, b] = pairOfPoints("slicedWasserstein", x, y);
  const lines = asType(directions, "float64");
  const [numLines, d] = lines.shape;
  if (lines.shape.length !== 2 || d !== a.d || !numLines)
    throw new ShapeError(
      `slicedWasserstein: directions must be [K ≥ 1, ${a.d}], got [${lines.shape.join(", ")}]`,
    );
  const u = toTypedArray<"float64">(lines);
  let total = 0;
  for (let k = 0; k < numLines; k++) {
    const direction = u.subarray(k * d, (k + 1) * d);
    const length = Math.hypot(...direction);
    if (!(length > 0 && length < Infinity))
      throw new DomainError(`slicedWasserstein: directions[${k}] must be finite and not 0`);
    total += squaredTransport(shadow(a, direction, length), shadow(b, direction, length));
  }
  return Math.sqrt(total / numLines);
}

/** The sorted coordinates of the points along a direction. */
function shadow({ data, n, d }: Points, direction: Float64Array, length: number): Float64Array {
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    let dot = 0;
    for (let j = 0; j < d; j++) dot += data[i * d + j]! * direction[j]!;
    out[i] = dot / length;
  }
  return out.sort();
}
