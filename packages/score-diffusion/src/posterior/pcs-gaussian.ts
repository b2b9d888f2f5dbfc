/** Proximal consistency sampling for linear measurements with Gaussian noise: exact. */
import {
  DomainError,
  LinAlgError,
  type NdArray,
  add,
  any,
  div,
  eye,
  greater,
  item,
  matmul,
  max,
  maximum,
  mul,
  sub,
  sum,
  transpose,
  where,
} from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  oneOf,
  positiveNumber,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { cholesky, solve, triangularSolve } from "@provably/core-tensor/linalg";
import { type RngKey, foldIn, normalRows } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import { type Likelihood, checkLikelihood } from "../forward/forward-model.js";
import { blend } from "../forward/operator.js";

const OPTIONS = {
  method: oneOf("spectral", "cholesky", "cg"),
  noise: anything,
  tolerance: positiveNumber,
  maxIterations: wholeNumber(1),
  firstRow: wholeNumber(0),
};

/**
 * Options of {@link pcsGaussian}.
 * @category Posterior sampling
 */
export interface PcsGaussianOptions {
  /**
   * How to take the root of the precision: `spectral` through the spectrum of $A^\top A$ (the default where the operator knows it), `cholesky` of the
   * matrix (where there is one), or `cg`, exact by perturbation and conjugate gradients, for any operator.
   */
  readonly method?: "spectral" | "cholesky" | "cg";
  /** Standard normal numbers to use instead of drawn ones, shape of `x`; not for `cg`. */
  readonly noise?: NdArray;
  /** Relative residual of conjugate gradients; default 1e-10. */
  readonly tolerance?: number;
  /** Most steps of conjugate gradients; default 1000. */
  readonly maxIterations?: number;
  /** Number of the first row, as in {@link SampleOptions}. Default 0. */
  readonly firstRow?: number;
}

/**
 * A sample of the density proportional to $e^{\mathcal L(z; y) - \|z - x\|^2/(2\eta^2)}$ for each row of `x`, where $y = Ax + N(0, \sigma^2 I)$: normal with
 * precision $P = A^\top A/\sigma^2 + I/\eta^2$ and mean $P^{-1}(A^\top y/\sigma^2 + x/\eta^2)$.
 *
 * @param likelihood - of a linear forward model with Gaussian noise
 * @param x - points, shape `[n, d]`
 * @param eta - $\eta > 0$
 * @param key - random key
 * @param options - see {@link PcsGaussianOptions}
 * @returns array of shape `[n, d]`
 * @throws `DomainError` when the likelihood is not linear and Gaussian, or the method does not fit
 * @throws `LinAlgError` when conjugate gradients do not converge
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { ones } from "@provably/core-tensor";
 * import { gaussianNoise, inpainting, pcsGaussian } from "@provably/score-diffusion";
 *
 * const likelihood = gaussianNoise(inpainting([1, 0]), 1e-6).likelihood([7]);
 * pcsGaussian(likelihood, ones([1, 2], { dtype: "float64" }), 1, key(0)).get(0, 0).toFixed(3); // => "7.000"
 * ```
 * @see Xu, Chi (2024), "Provably robust score-based diffusion posterior sampling for plug-and-play image reconstruction", section 4.1
 * @category Posterior sampling
 */
export function pcsGaussian(
  likelihood: Likelihood,
  x: NdArray,
  eta: number,
  key: RngKey,
  options: PcsGaussianOptions = {},
): NdArray {
  const fn = "pcsGaussian";
  checkLikelihood(fn, likelihood);
  arrayOf(fn, "x", x);
  if (likelihood.linear === undefined)
    throw new DomainError(`${fn}: the likelihood must be linear with Gaussian noise; use pcsMala`);
  check(fn, "eta", eta, positiveNumber);
  check(fn, "key", key, rngKey);
  const { operator, sigma, y } = likelihood.linear;
  const {
    method = operator.normalFunction === undefined ? "cg" : "spectral",
    firstRow = 0,
    tolerance = 1e-10,
    maxIterations = 1000,
  } = checkOptions(fn, options, OPTIONS);
  const [p, q] = [1 / (sigma * sigma), 1 / (eta * eta)];
  const draw = (name: string, shape: readonly number[]): NdArray =>
    normalRows(foldIn(key, name), [...shape], { dtype: "float64", firstRow });
  const z = options.noise ?? draw("z", x.shape);
  const right = add(mul(p, operator.adjoint(y)), mul(q, x));
  switch (method) {
    case "spectral": {
      const { normalFunction } = operator;
      if (normalFunction === undefined)
        throw new DomainError(
          `${fn}: the spectrum of ${operator.name} is not known; use method cg`,
        );
      const mean = normalFunction((eigenvalue) => 1 / (p * eigenvalue + q), right);
      return add(
        mean,
        normalFunction((eigenvalue) => 1 / Math.sqrt(p * eigenvalue + q), z),
      );
    }
    case "cholesky": {
      const { matrix } = operator;
      if (matrix === undefined)
        throw new DomainError(`${fn}: ${operator.name} has no matrix; use another method`);
      const precision = add(
        mul(p, matmul(transpose(matrix), matrix)),
        mul(q, eye(operator.inputSize, operator.inputSize, { dtype: "float64" })),
      );
      const mean = solve(precision, transpose(right));
      return transpose(
        add(mean, triangularSolve(transpose(cholesky(precision)), transpose(z), { lower: false })),
      );
    }
    case "cg": {
      if (options.noise !== undefined)
        throw new DomainError(
          `${fn}: noise cannot be given to method cg, which draws one for y and one for x`,
        );
      const noisyY = add(y, mul(sigma, draw("y", [x.shape[0]!, operator.outputSize])));
      const perturbed = add(mul(p, operator.adjoint(noisyY)), mul(q, blend(1, x, eta, z)));
      const apply = (v: NdArray): NdArray => blend(p, operator.adjoint(operator.apply(v)), q, v);
      return conjugateGradients(fn, apply, perturbed, tolerance, maxIterations);
    }
  }
}

const TINY = 1e-300;

/** Solves P u = b for every row of b by itself: a row stops when it is solved, so that its bits do not depend on its neighbours. */
export function conjugateGradients(
  fn: string,
  apply: (v: NdArray) => NdArray,
  b: NdArray,
  tolerance: number,
  maxIterations: number,
): NdArray {
  const dots = (u: NdArray, v: NdArray): NdArray => sum(mul(u, v), { axis: 1, keepDims: true });
  const ratio = (p: NdArray, q: NdArray, active: NdArray): NdArray =>
    where(active, div(p, maximum(TINY, q)), mul(0, p));
  let u: NdArray = mul(0, b);
  let residual = b;
  let direction = b;
  let energy = dots(residual, residual);
  const goal = mul(tolerance * tolerance, energy);
  for (let i = 0; i < maxIterations; i++) {
    const active = greater(energy, goal);
    if (!item(any(active))) return u;
    const image = apply(direction);
    const step = ratio(energy, dots(direction, image), active);
    u = add(u, mul(step, direction));
    residual = sub(residual, mul(step, image));
    const next = where(active, dots(residual, residual), energy);
    direction = add(residual, mul(ratio(next, energy, active), direction));
    energy = next;
  }
  const left = Math.sqrt(item(max(div(energy, maximum(TINY, dots(b, b))))));
  if (left <= tolerance) return u;
  throw new LinAlgError(
    `${fn}: conjugate gradients left a relative residual of ${left.toExponential(1)} after ${maxIterations} steps; allow more`,
  );
}
