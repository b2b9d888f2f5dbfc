/** Scores with an error of known size, to see what errors do to a sampler. */
import {
  DomainError,
  type NdArray,
  add,
  expandDims,
  matmul,
  mul,
  norm,
  reshape,
  sin,
} from "@provably/core-tensor";
import {
  check,
  nonNegativeNumber,
  optional,
  recordOf,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal, uniform } from "@provably/core-tensor/random";
import type { NoiseLevel } from "../schedule/level.js";
import { type Model, checkAsked, checkModel, predict } from "./prediction.js";

const ERROR = recordOf({ l2: nonNegativeNumber, jacobian: optional(nonNegativeNumber) });

/**
 * Sizes of the error that {@link perturbScore} adds.
 * @category Scores
 */
export interface ScoreError {
  /** Root mean square length of the error, ≥ 0. */
  readonly l2: number;
  /** Root mean square spectral norm of its Jacobian, ≥ 0; default 0, a constant error. */
  readonly jacobian?: number;
}

/**
 * A model whose score is off by $e(x) = \sqrt2\,\ell\,\sin(\omega\langle u, x\rangle + \varphi)\, v$ with random unit vectors $u$, $v$ and a random phase: its
 * length is $\ell$ = `l2` and the norm of its Jacobian $\ell\omega$ = `jacobian` in root mean square over phases.
 *
 * A small error with a large Jacobian is what ruins deterministic samplers and leaves stochastic ones alone: see {@link scoreErrors}, which measures both.
 *
 * @param model - exact score or network
 * @param key - random key
 * @param error - see {@link ScoreError}
 * @returns model of the score
 * @throws `DomainError` when a size is negative, or a Jacobian is asked for without an error
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, levelOf, perturbScore } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
 * const off = perturbScore(mixture, key(0), { l2: 0.3 });
 * Math.abs(off.evaluate(zeros([1, 1]), levelOf(0.5)).get(0, 0)).toFixed(6); // => "0.300000"
 * ```
 * @see Li, Wei, Chi, Chen (2024), "A sharp convergence theory for the probability flow ODEs of diffusion models", assumptions 1 and 2
 * @category Scores
 */
export function perturbScore(model: Model, key: RngKey, error: ScoreError): Model {
  const { trainedOn } = checkModel("perturbScore", model);
  check("perturbScore", "key", key, rngKey);
  const { l2, jacobian = 0 } = check("perturbScore", "error", error, ERROR);
  if (jacobian > 0 && l2 === 0)
    throw new DomainError("perturbScore: l2 must be positive where jacobian is");
  const unit = (name: string, d: number): NdArray => {
    const z = normal(foldIn(key, name), [d], { dtype: "float64" });
    return mul(1 / norm(z).get(), z);
  };
  const phase = 2 * Math.PI * uniform(foldIn(key, "phase"), [], { dtype: "float64" }).get();
  return {
    prediction: "score",
    ...(trainedOn && { trainedOn }),
    evaluate(x, level: NoiseLevel) {
      checkAsked("perturbScore", x, level);
      const score = predict("perturbScore", model, x, level, "score");
      const d = x.shape.slice(1).reduce((a, b) => a * b, 1);
      const rows = reshape(x, [x.shape[0]!, d]);
      const along = unit("along", d);
      if (jacobian === 0) return add(score, reshape(mul(l2, along), x.shape.slice(1)));
      const wave = sin(add(mul(jacobian / l2, matmul(rows, unit("across", d))), phase));
      return add(score, reshape(mul(expandDims(mul(Math.SQRT2 * l2, wave), 1), along), x.shape));
    },
  };
}
