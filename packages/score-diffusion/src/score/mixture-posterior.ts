/** The exact posterior of a Gaussian mixture under a linear measurement: what every posterior sampler can be held against. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  exp,
  expandDims,
  log,
  logSumExp,
  matmul,
  matrixTranspose,
  mul,
  stack,
  sub,
  sum,
  take,
  toTypedArray,
  transpose,
} from "@provably/core-tensor";
import { check, wholeNumber } from "@provably/core-tensor/internal";
import { slogdet, solve } from "@provably/core-tensor/linalg";
import { type RngKey, categorical, foldIn, normal } from "@provably/core-tensor/random";
import { type GaussianMixture, checkMixture, gaussianMixture } from "./gaussian-mixture.js";

/**
 * The covariance matrices of a mixture.
 *
 * @param mixture - see {@link gaussianMixture}
 * @returns array of shape `[K, d, d]`
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { gaussianMixture, mixtureCovariances } from "@provably/score-diffusion";
 *
 * toNested(mixtureCovariances(gaussianMixture({ weights: [1], means: [[0]], variances: [4] }))); // => [[[4]]]
 * ```
 * @category Scores
 */
export function mixtureCovariances(mixture: GaussianMixture): NdArray {
  const { eigenvalues, eigenvectors } = checkMixture("mixtureCovariances", mixture);
  return matmul(mul(eigenvectors, expandDims(eigenvalues, 1)), matrixTranspose(eigenvectors));
}

/**
 * Mean and covariance of a mixture as a whole.
 *
 * @param mixture - see {@link gaussianMixture}
 * @returns `mean` `[d]` and `covariance` `[d, d]`
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { gaussianMixture, mixtureMoments } from "@provably/score-diffusion";
 *
 * toNested(mixtureMoments(gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [1, 1] })).covariance); // => [[2]]
 * ```
 * @category Scores
 */
export function mixtureMoments(mixture: GaussianMixture): {
  readonly mean: NdArray;
  readonly covariance: NdArray;
} {
  const { weights, means } = checkMixture("mixtureMoments", mixture);
  const mean = matmul(weights, means);
  const offsets = sub(means, mean);
  const spread = matmul(transpose(mul(offsets, expandDims(weights, 1))), offsets);
  const within = sum(mul(mixtureCovariances(mixture), expandDims(expandDims(weights, 1), 2)), {
    axis: 0,
  });
  return { mean, covariance: add(within, spread) };
}

/**
 * Independent samples of a mixture.
 *
 * @param mixture - see {@link gaussianMixture}
 * @param key - random key
 * @param n - how many
 * @returns array of shape `[n, d]`
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, mixtureSamples } from "@provably/score-diffusion";
 *
 * mixtureSamples(gaussianMixture({ weights: [1], means: [[0, 0]], variances: [1] }), key(0), 5).shape; // => [5, 2]
 * ```
 * @category Scores
 */
export function mixtureSamples(mixture: GaussianMixture, key: RngKey, n: number): NdArray {
  const { weights, means, eigenvalues, eigenvectors } = checkMixture("mixtureSamples", mixture);
  check("mixtureSamples", "n", n, wholeNumber(0));
  const d = means.shape[1]!;
  const component = categorical(
    foldIn(key, "component"),
    mul(log(weights), array(new Float64Array(n).fill(1), { shape: [n, 1] })),
  );
  const z = normal(foldIn(key, "z"), [n, d], { dtype: "float64" });
  const roots = array(
    Float64Array.from(toTypedArray(eigenvalues), (v) => Math.sqrt(Math.max(0, v))),
    { shape: eigenvalues.shape },
  );
  const scaled = expandDims(mul(z, take(roots, component)), 2);
  const turned = matmul(take(eigenvectors, component), scaled);
  return add(take(means, component), turned.pick(null, null, 0));
}

/**
 * The posterior of a mixture after a linear measurement $y = Ax + N(0, R)$: again a mixture, with $S_k = A C_k A^\top + R$, gains $K_k = C_k A^\top S_k^{-1}$,
 * means $m_k + K_k(y - A m_k)$, covariances $C_k - K_k A C_k$ and weights $\propto w_k\, N(y; A m_k, S_k)$.
 *
 * The stationary distribution of {@link dpnp} at a constant $\eta$ is the posterior with $R = \sigma^2 I + \eta^2 A A^\top$.
 *
 * @param prior - mixture
 * @param matrix - $A$, shape `[m, d]`
 * @param y - measurement, shape `[m]`
 * @param noiseCovariance - $R$, shape `[m, m]`, positive definite
 * @returns mixture of as many components
 * @throws `ShapeError` when the shapes do not fit
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { gaussianMixture, mixturePosterior } from "@provably/score-diffusion";
 *
 * const prior = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
 * toNested(mixturePosterior(prior, [[1]], [2], [[1]]).means); // => [[1]]
 * ```
 * @see Xu, Chi (2024), "Provably robust score-based diffusion posterior sampling for plug-and-play image reconstruction", theorem 2, for the stationary distribution
 * @category Scores
 */
export function mixturePosterior(
  prior: GaussianMixture,
  matrix: ArrayInput,
  y: ArrayInput,
  noiseCovariance: ArrayInput,
): GaussianMixture {
  checkMixture("mixturePosterior", prior);
  const a = asType(matrix, "float64");
  const measured = asType(y, "float64");
  const noise = asType(noiseCovariance, "float64");
  const [k, d] = prior.means.shape as readonly [number, number];
  const m = a.shape[0];
  if (a.shape.length !== 2 || m === undefined || a.shape[1] !== d)
    throw new ShapeError(`mixturePosterior: matrix must be [m, ${d}], got [${a.shape.join(", ")}]`);
  if (measured.shape.join() !== String(m))
    throw new ShapeError(`mixturePosterior: y must be [${m}], got [${measured.shape.join(", ")}]`);
  if (noise.shape.join() !== `${m},${m}`)
    throw new ShapeError(
      `mixturePosterior: noiseCovariance must be [${m}, ${m}], got [${noise.shape.join(", ")}]`,
    );
  const covariances = mixtureCovariances(prior);
  const parts = Array.from({ length: k }, (_, i) => {
    const [mean, covariance] = [prior.means.pick(i, null), covariances.pick(i, null, null)];
    const cross = matmul(covariance, transpose(a));
    const total = add(matmul(a, cross), noise);
    const gain = transpose(solve(total, transpose(cross)));
    const residual = sub(measured, matmul(a, mean));
    const quadratic = sum(mul(residual, solve(total, residual)));
    const posterior = sub(covariance, matmul(gain, transpose(cross)));
    return {
      mean: add(mean, matmul(gain, residual)),
      covariance: mul(0.5, add(posterior, transpose(posterior))),
      logWeight: sub(
        log(prior.weights.pick(i)),
        mul(0.5, add(quadratic, slogdet(total).logAbsDet)),
      ),
    };
  });
  const logWeights = stack(parts.map((part) => part.logWeight));
  return gaussianMixture({
    weights: exp(sub(logWeights, logSumExp(logWeights))),
    means: stack(parts.map((part) => part.mean)),
    covariances: stack(parts.map((part) => part.covariance)),
  });
}
