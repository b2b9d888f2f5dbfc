/** Gaussian mixtures: a distribution whose score, density and posterior are known exactly at every noise level. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  abs,
  add,
  asType,
  diag,
  div,
  expandDims,
  eye,
  item,
  log,
  logSumExp,
  matmul,
  matrixTranspose,
  max,
  min,
  mul,
  neg,
  ones,
  softmax,
  sqrt,
  sub,
  sum,
  transpose,
} from "@provably/core-tensor";
import { anything, check, optional, recordOf } from "@provably/core-tensor/internal";
import { eigh } from "@provably/core-tensor/linalg";
import { arrayOf } from "../internal/check.js";
import { type NoiseLevel, checkLevel } from "../schedule/level.js";
import { scoreByColumns, suitsColumns } from "./mixture-columns.js";
import { type Model, checkModel } from "./prediction.js";

const INPUT = recordOf({
  weights: anything,
  means: anything,
  covariances: optional(anything),
  variances: optional(anything),
});

/**
 * What a mixture is made of. Give either `covariances` or `variances`.
 * @category Scores
 */
export interface GaussianMixtureInput {
  /** Weight of each component, shape `[K]`, ≥ 0, not all 0; scaled to sum 1. */
  readonly weights: ArrayInput;
  /** Means, shape `[K, d]`. */
  readonly means: ArrayInput;
  /** Covariances, symmetric and positive semi-definite, shape `[K, d, d]`. */
  readonly covariances?: ArrayInput;
  /** Variances of isotropic components, shape `[K]`, ≥ 0. */
  readonly variances?: ArrayInput;
}

/**
 * A Gaussian mixture, and at the same time a {@link Model} with its exact score.
 * @category Scores
 */
export interface GaussianMixture extends Model {
  readonly prediction: "score";
  /** Shape `[K]`, summing to 1. */
  readonly weights: NdArray;
  /** Shape `[K, d]`. */
  readonly means: NdArray;
  /** Eigenvalues of the covariances, shape `[K, d]`. */
  readonly eigenvalues: NdArray;
  /** Their eigenvectors, one in each column, shape `[K, d, d]`: decomposed once, used at every noise level. */
  readonly eigenvectors: NdArray;
}

/**
 * The mixture $\sum_k w_k\, N(m_k, C_k)$ in float64.
 *
 * @param input - see {@link GaussianMixtureInput}
 * @returns see {@link GaussianMixture}
 * @throws `ShapeError` when the shapes do not fit
 * @throws `DomainError` when weights are negative or all 0, or a covariance has a negative eigenvalue, naming the component
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { gaussianMixture } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1, 3], means: [[0], [4]], variances: [1, 1] });
 * toNested(mixture.weights); // => [0.25, 0.75]
 * ```
 * @category Scores
 */
export function gaussianMixture(input: GaussianMixtureInput): GaussianMixture {
  const means = asType(check("gaussianMixture", "input", input, INPUT).means, "float64");
  const weights = asType(input.weights, "float64");
  const [k, d] = means.shape;
  if (k === undefined || d === undefined || means.shape.length !== 2 || k === 0)
    throw new ShapeError(
      `gaussianMixture: means must be [K, d] with K ≥ 1, got [${means.shape.join(", ")}]`,
    );
  if (weights.shape.length !== 1 || weights.shape[0] !== k)
    throw new ShapeError(
      `gaussianMixture: weights must be [${k}], got [${weights.shape.join(", ")}]`,
    );
  const total = item(sum(weights));
  if (!(item(min(weights)) >= 0 && total > 0 && Number.isFinite(total)))
    throw new DomainError(
      `gaussianMixture: weights must be ≥ 0 and not all 0, got ${weights.toString()}`,
    );
  const { eigenvalues, eigenvectors } = spectrum(input, k, d);
  const mixture: GaussianMixture = {
    prediction: "score",
    weights: div(weights, total),
    means,
    eigenvalues,
    eigenvectors,
    evaluate: (x, level) => mixtureScore(mixture, x, level),
    vjp: (x, level, cotangent) => scoreVjp(mixture, x, level, cotangent),
  };
  return mixture;
}

function spectrum(
  { covariances, variances }: GaussianMixtureInput,
  k: number,
  d: number,
): { eigenvalues: NdArray; eigenvectors: NdArray } {
  if ((covariances === undefined) === (variances === undefined))
    throw new DomainError("gaussianMixture: give either covariances or variances");
  if (variances !== undefined) {
    const v = asType(variances, "float64");
    if (v.shape.length !== 1 || v.shape[0] !== k)
      throw new ShapeError(
        `gaussianMixture: variances must be [${k}], got [${v.shape.join(", ")}]`,
      );
    if (!(item(min(v)) >= 0))
      throw new DomainError(`gaussianMixture: variances must be ≥ 0, got ${v.toString()}`);
    return {
      eigenvalues: mul(expandDims(v, 1), ones([1, d], { dtype: "float64" })),
      eigenvectors: mul(ones([k, 1, 1], { dtype: "float64" }), eye(d, d, { dtype: "float64" })),
    };
  }
  const c = asType(covariances!, "float64");
  if (c.shape.length !== 3 || c.shape[0] !== k || c.shape[1] !== d || c.shape[2] !== d)
    throw new ShapeError(
      `gaussianMixture: covariances must be [${k}, ${d}, ${d}], got [${c.shape.join(", ")}]`,
    );
  if (item(max(abs(sub(c, matrixTranspose(c))))) > 1e-10 * item(max(abs(c))))
    throw new DomainError("gaussianMixture: covariances must be symmetric");
  const { eigenvalues, eigenvectors } = eigh(c);
  for (let i = 0; i < k; i++) {
    const [least, trace] = [eigenvalues.get(i, 0), item(sum(eigenvalues.pick(i, null)))];
    if (!(least >= -1e-10 * trace))
      throw new DomainError(
        `gaussianMixture: covariances[${i}] must be positive semi-definite, its least eigenvalue is ${least}`,
      );
  }
  return { eigenvalues, eigenvectors };
}

/** A mixture as {@link gaussianMixture} makes it, for functions that take one. */
export function checkMixture(fn: string, mixture: GaussianMixture): GaussianMixture {
  const { weights, means, eigenvalues, eigenvectors } = checkModel(fn, mixture, "mixture");
  const [k, d] = arrayOf(fn, "mixture.means", means).shape;
  for (const [name, part, shape] of [
    ["weights", weights, [k]],
    ["means", means, [k, d]],
    ["eigenvalues", eigenvalues, [k, d]],
    ["eigenvectors", eigenvectors, [k, d, d]],
  ] as const)
    if (d === undefined || arrayOf(fn, `mixture.${name}`, part).shape.join() !== shape.join())
      throw new ShapeError(
        `${fn}: mixture.${name} must be [${shape.join(", ")}], got [${part.shape.join(", ")}]`,
      );
  return mixture;
}

/** Variances of the components along their axes at a level, `[K, d]`. */
function spreads(mixture: GaussianMixture, x: NdArray, level: NoiseLevel): NdArray {
  const { means, eigenvalues } = mixture;
  const { alpha, sigma } = checkLevel("gaussianMixture", level);
  arrayOf("gaussianMixture", "x", x);
  const d = means.shape[1]!;
  if (x.shape.length !== 2 || x.shape[1] !== d)
    throw new ShapeError(`gaussianMixture: x must be [n, ${d}], got [${x.shape.join(", ")}]`);
  const variances = add(mul(alpha * alpha, eigenvalues), sigma * sigma);
  if (!(item(min(variances)) > 0))
    throw new DomainError(
      `gaussianMixture: a covariance is singular at alpha = ${alpha}, sigma = ${sigma}; there is no density`,
    );
  return variances;
}

/** What score, density and Jacobian share: everything by component, `[K, n, …]`. */
function components(
  mixture: GaussianMixture,
  x: NdArray,
  level: NoiseLevel,
): { logits: NdArray; slopes: NdArray; variances: NdArray } {
  const { weights, means, eigenvectors } = checkMixture("gaussianMixture", mixture);
  const variances = spreads(mixture, x, level);
  const { alpha } = level;
  const d = means.shape[1]!;
  const offsets = sub(expandDims(x, 0), mul(alpha, expandDims(means, 1)));
  const coordinates = matmul(offsets, eigenvectors);
  const scaled = div(coordinates, expandDims(variances, 1));
  const quadratic = sum(mul(coordinates, scaled), { axis: -1 });
  const volume = add(sum(log(variances), { axis: -1 }), d * Math.log(2 * Math.PI));
  const logits = sub(expandDims(log(weights), 1), mul(0.5, add(quadratic, expandDims(volume, 1))));
  return { logits, slopes: neg(matmul(scaled, matrixTranspose(eigenvectors))), variances };
}

/**
 * The exact score $\nabla \ln p$ of a mixture at a noise level, $s = -\sum_k r_k C_k'^{-1}(x - \alpha m_k)$ with $C_k' = \alpha^2 C_k + \sigma^2 I$.
 *
 * Responsibilities come from a softmax, so the tails are right too. Costs $O(nKd^2)$; mixtures with $Kd^2 \le 64$ take a compiled path.
 *
 * @param mixture - distribution of the data
 * @param x - points, shape `[n, d]`
 * @param level - noise level
 * @returns array of shape `[n, d]`
 * @throws `ShapeError` when `x` does not fit
 * @throws `DomainError` when a component has no density at this level
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { gaussianMixture, levelOf, mixtureScore } from "@provably/score-diffusion";
 *
 * const standard = gaussianMixture({ weights: [1], means: [[0, 0]], variances: [1] });
 * toNested(mixtureScore(standard, array([[1, -2]], { dtype: "float64" }), levelOf(0.5))); // => [[-1, 2]]
 * ```
 * @category Scores
 */
export function mixtureScore(mixture: GaussianMixture, x: NdArray, level: NoiseLevel): NdArray {
  const { weights, means, eigenvectors } = checkMixture("mixtureScore", mixture);
  const [k, d] = means.shape as readonly [number, number];
  if (suitsColumns(k, d)) {
    const variances = spreads(mixture, x, level);
    const logits = sub(log(weights), mul(0.5, sum(log(variances), { axis: 1 })));
    const whitening = div(matrixTranspose(eigenvectors), sqrt(expandDims(variances, 2)));
    return scoreByColumns(asType(x, "float64"), logits, mul(level.alpha, means), whitening);
  }
  const { logits, slopes } = components(mixture, x, level);
  return sum(mul(expandDims(softmax(logits, { axis: 0 }), 2), slopes), { axis: 0 });
}

/**
 * The logarithm of the density of a mixture at a noise level.
 *
 * @param mixture - distribution of the data
 * @param x - points, shape `[n, d]`
 * @param level - noise level
 * @returns array of shape `[n]`, in nats
 * @throws `DomainError` when a component has no density at this level
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { gaussianMixture, levelOf, mixtureLogDensity } from "@provably/score-diffusion";
 *
 * const standard = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
 * toNested(mixtureLogDensity(standard, array([[0]], { dtype: "float64" }), levelOf(1))); // => [-0.9189385332046727]
 * ```
 * @category Scores
 */
export function mixtureLogDensity(
  mixture: GaussianMixture,
  x: NdArray,
  level: NoiseLevel,
): NdArray {
  return logSumExp(components(mixture, x, level).logits, { axis: 0 });
}

/**
 * The probability of each component given a point, at a noise level.
 *
 * @param mixture - distribution of the data
 * @param x - points, shape `[n, d]`
 * @param level - noise level
 * @returns array of shape `[n, K]`, rows summing to 1
 * @throws `DomainError` when a component has no density at this level
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { gaussianMixture, levelOf, mixtureResponsibilities } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [1, 1] });
 * toNested(mixtureResponsibilities(mixture, array([[0]], { dtype: "float64" }), levelOf(1))); // => [[0.5, 0.5]]
 * ```
 * @category Scores
 */
export function mixtureResponsibilities(
  mixture: GaussianMixture,
  x: NdArray,
  level: NoiseLevel,
): NdArray {
  return transpose(softmax(components(mixture, x, level).logits, { axis: 0 }));
}

/** The Jacobian of the score, which is symmetric, times a vector for each point: O(nKd²), where the Jacobian itself would take O(nKd²) memory. */
function scoreVjp(mixture: GaussianMixture, x: NdArray, level: NoiseLevel, v: NdArray): NdArray {
  const { logits, slopes, variances } = components(mixture, x, level);
  const { eigenvectors } = mixture;
  const r = expandDims(softmax(logits, { axis: 0 }), 2);
  const along = (u: NdArray): NdArray => sum(mul(u, v), { axis: -1, keepDims: true });
  const precise = matmul(
    div(matmul(v, eigenvectors), expandDims(variances, 1)),
    matrixTranspose(eigenvectors),
  );
  const score = sum(mul(r, slopes), { axis: 0 });
  return sub(
    sum(mul(r, sub(mul(slopes, along(slopes)), precise)), { axis: 0 }),
    mul(score, along(score)),
  );
}

/**
 * The Jacobian of the score of a mixture, $\sum_k r_k(g_k g_k^\top - P_k) - s s^\top$ with $P_k = C_k'^{-1}$ and $g_k = -P_k(x - \alpha m_k)$.
 *
 * @param mixture - distribution of the data
 * @param x - points, shape `[n, d]`
 * @param level - noise level
 * @returns array of shape `[n, d, d]`, symmetric
 * @throws `DomainError` when a component has no density at this level
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { gaussianMixture, levelOf, mixtureJacobian } from "@provably/score-diffusion";
 *
 * const standard = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
 * toNested(mixtureJacobian(standard, array([[3]], { dtype: "float64" }), levelOf(1))); // => [[[-1]]]
 * ```
 * @category Scores
 */
export function mixtureJacobian(mixture: GaussianMixture, x: NdArray, level: NoiseLevel): NdArray {
  const { logits, slopes, variances } = components(mixture, x, level);
  const { eigenvectors } = mixture;
  const precision = matmul(
    matmul(eigenvectors, diag(div(1, variances))),
    matrixTranspose(eigenvectors),
  );
  const r = expandDims(expandDims(softmax(logits, { axis: 0 }), 2), 3);
  const products = mul(expandDims(slopes, 3), expandDims(slopes, 2));
  const score = sum(mul(expandDims(softmax(logits, { axis: 0 }), 2), slopes), { axis: 0 });
  return sub(
    sum(mul(r, sub(products, expandDims(precision, 1))), { axis: 0 }),
    mul(expandDims(score, 2), expandDims(score, 1)),
  );
}
