/** Distances between normal distributions, and between whatever is summed up by mean and covariance. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  abs,
  add,
  asType,
  diagonal,
  div,
  item,
  matmul,
  maximum,
  mean,
  min,
  mul,
  sqrt,
  sub,
  sum,
  transpose,
} from "@provably/core-tensor";
import { anything, check, recordOf } from "@provably/core-tensor/internal";
import { eigh, slogdet, solve } from "@provably/core-tensor/linalg";

const MOMENTS = recordOf({ mean: anything, covariance: anything });

/**
 * Mean and covariance of a distribution.
 * @category Metrics
 */
export interface Moments {
  /** Shape `[d]`. */
  readonly mean: ArrayInput;
  /** Symmetric and positive semi-definite, shape `[d, d]`. */
  readonly covariance: ArrayInput;
}

function checked(
  fn: string,
  name: string,
  moments: Moments,
): { mean: NdArray; covariance: NdArray } {
  const { mean: m, covariance: c } = check(fn, name, moments, MOMENTS);
  const [center, covariance] = [asType(m, "float64"), asType(c, "float64")];
  const d = center.shape[0];
  if (center.shape.length !== 1 || covariance.shape.join() !== `${d},${d}`)
    throw new ShapeError(
      `${fn}: ${name} must have mean [d] and covariance [d, d], got [${center.shape.join(", ")}] and [${covariance.shape.join(", ")}]`,
    );
  return { mean: center, covariance };
}

function checkedPair(
  fn: string,
  p: Moments,
  q: Moments,
): readonly [{ mean: NdArray; covariance: NdArray }, { mean: NdArray; covariance: NdArray }] {
  const [a, b] = [checked(fn, "p", p), checked(fn, "q", q)];
  if (a.mean.shape[0] !== b.mean.shape[0])
    throw new ShapeError(
      `${fn}: p and q must have the same dimension, got ${a.mean.shape[0]} and ${b.mean.shape[0]}`,
    );
  return [a, b];
}

/** Eigenvalues of a covariance; rounding may leave them a little below 0. */
function spectrum(
  fn: string,
  name: string,
  covariance: NdArray,
): { values: NdArray; vectors: NdArray; least: number; scale: number } {
  const { eigenvalues: values, eigenvectors: vectors } = eigh(covariance);
  const [least, scale] = [item(min(values)), item(sum(abs(values)))];
  if (!(least >= -1e-10 * scale))
    throw new DomainError(
      `${fn}: the covariance of ${name} must be positive semi-definite, has eigenvalue ${least}`,
    );
  return { values, vectors, least, scale };
}

/**
 * The Wasserstein distance between two normal distributions,
 * $W_2^2 = \|m_1 - m_2\|^2 + \operatorname{tr}\!\left(C_1 + C_2 - 2\,(C_1^{1/2} C_2\, C_1^{1/2})^{1/2}\right)$.
 *
 * Covariances may be singular. $O(d^3)$.
 *
 * @param p - moments of the one distribution
 * @param q - moments of the other
 * @returns distance $W_2$, in the unit of the points
 * @throws `ShapeError` when dimensions differ
 * @throws `DomainError` when a covariance has a negative eigenvalue
 * @example
 * ```ts
 * import { wasserstein2Gaussian } from "@provably/score-diffusion";
 *
 * wasserstein2Gaussian({ mean: [0], covariance: [[1]] }, { mean: [3], covariance: [[25]] }); // => 5
 * ```
 * @see Dowson, Landau (1982), "The Fréchet distance between multivariate normal distributions"
 * @category Metrics
 */
export function wasserstein2Gaussian(p: Moments, q: Moments): number {
  return Math.sqrt(squaredWasserstein("wasserstein2Gaussian", p, q));
}

/** W₂² of two normal distributions, for callers that name themselves in errors. */
export function squaredWasserstein(fn: string, p: Moments, q: Moments): number {
  const [a, b] = checkedPair(fn, p, q);
  const { values, vectors } = spectrum(fn, "p", a.covariance);
  spectrum(fn, "q", b.covariance);
  const clipped = (x: NdArray): NdArray => sqrt(maximum(x, 0));
  const root = matmul(mul(vectors, clipped(values)), transpose(vectors));
  const product = matmul(matmul(root, b.covariance), root);
  const overlap = item(sum(clipped(eigh(mul(0.5, add(product, transpose(product)))).eigenvalues)));
  const gap = sub(a.mean, b.mean);
  const trace = item(sum(diagonal(add(a.covariance, b.covariance))));
  return Math.max(0, item(sum(mul(gap, gap))) + trace - 2 * overlap);
}

/**
 * The Kullback-Leibler divergence of two normal distributions,
 * $\mathrm{KL}(p\,\|\,q) = \tfrac12\left(\operatorname{tr}(C_q^{-1}C_p) + (m_q - m_p)^\top C_q^{-1}(m_q - m_p) - d + \ln\tfrac{\det C_q}{\det C_p}\right)$.
 *
 * @param p - moments of the distribution that is averaged over
 * @param q - moments of the other; its covariance must be invertible
 * @returns divergence in nats; infinite when the covariance of `p` is singular
 * @throws `ShapeError` when dimensions differ
 * @throws `DomainError` when a covariance has a negative eigenvalue, or that of `q` is singular
 * @example
 * ```ts
 * import { klGaussian } from "@provably/score-diffusion";
 *
 * klGaussian({ mean: [1], covariance: [[1]] }, { mean: [0], covariance: [[1]] }); // => 0.5
 * ```
 * @category Metrics
 */
export function klGaussian(p: Moments, q: Moments): number {
  const [a, b] = checkedPair("klGaussian", p, q);
  spectrum("klGaussian", "p", a.covariance);
  const { least, scale } = spectrum("klGaussian", "q", b.covariance);
  if (!(least > 1e-14 * scale))
    throw new DomainError("klGaussian: the covariance of q must be invertible");
  const d = a.mean.shape[0]!;
  const gap = sub(b.mean, a.mean);
  const trace = item(sum(diagonal(solve(b.covariance, a.covariance))));
  const shift = item(sum(mul(gap, solve(b.covariance, gap))));
  return (
    0.5 *
    (trace +
      shift -
      d +
      item(slogdet(b.covariance).logAbsDet) -
      item(slogdet(a.covariance).logAbsDet))
  );
}

/**
 * Mean and covariance of a sample.
 *
 * @param x - sample, shape `[n, d]`, n ≥ 2
 * @returns moments, with the unbiased covariance (divided by $n - 1$)
 * @throws `ShapeError` when there are fewer than two points
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { sampleMoments } from "@provably/score-diffusion";
 *
 * toNested(sampleMoments([[0], [2]]).covariance); // => [[2]]
 * ```
 * @category Metrics
 */
export function sampleMoments(x: ArrayInput): {
  readonly mean: NdArray;
  readonly covariance: NdArray;
} {
  const points = asType(x, "float64");
  const n = points.shape[0] ?? 0;
  if (points.shape.length !== 2 || n < 2)
    throw new ShapeError(`sampleMoments: x must be [n ≥ 2, d], got [${points.shape.join(", ")}]`);
  const center = mean(points, { axis: 0 });
  const offsets = sub(points, center);
  return { mean: center, covariance: div(matmul(transpose(offsets), offsets), n - 1) };
}
