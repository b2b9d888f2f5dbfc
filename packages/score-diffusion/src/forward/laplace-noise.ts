/** Measurements with heavy tails. */
import { abs, add, less, log, mul, sign, sub, sum, where } from "@provably/core-tensor";
import { check, positiveNumber } from "@provably/core-tensor/internal";
import { uniform } from "@provably/core-tensor/random";
import { type ForwardModel, measurementOf } from "./forward-model.js";
import {
  type Operator,
  batchOf,
  checkOperator,
  linearize,
  pullback,
  pushforward,
} from "./operator.js";

/**
 * Laplace noise, $y = A(x) + b\,\epsilon$ with $p(\epsilon) = \tfrac12 e^{-|\epsilon|}$, and $\mathcal L(x; y) = -\sum_i |y_i - A_i(x)|/b$: a few measurements may
 * be far off without pulling the reconstruction after them.
 *
 * The score jumps where a residual changes its sign, and is 0 there for that measurement; the information is $A'^\top A'/b^2$.
 *
 * @param operator - what is measured
 * @param scale - $b > 0$; the standard deviation is $\sqrt2\,b$
 * @returns forward model
 * @throws `DomainError` when `scale` is not positive
 * @example
 * ```ts
 * import { array, item } from "@provably/core-tensor";
 * import { identityOperator, laplaceNoise } from "@provably/score-diffusion";
 *
 * const likelihood = laplaceNoise(identityOperator(2), 0.5).likelihood([1, 2]);
 * item(likelihood.logLikelihood(array([[0, 2]], { dtype: "float64" }))); // => -2
 * ```
 * @category Forward models
 */
export function laplaceNoise(operator: Operator, scale: number): ForwardModel {
  const fn = "laplaceNoise";
  const { inputSize, outputSize } = checkOperator(fn, operator);
  check(fn, "scale", scale, positiveNumber);
  return {
    name: `${operator.name} with Laplace noise`,
    inputSize,
    outputSize,
    measure(x, key) {
      const exact = operator.apply(batchOf("measure", "x", x, inputSize));
      // the inverse of the distribution function, from either end
      const u = uniform(key, exact.shape, { dtype: "float64", low: Number.EPSILON, high: 1 });
      const lower = less(u, 0.5);
      const noise = where(lower, log(mul(2, u)), mul(-1, log(mul(2, sub(1, u)))));
      return add(exact, mul(scale, noise));
    },
    likelihood(y) {
      const measured = measurementOf(fn, y, outputSize);
      return {
        inputSize,
        curvature: (operator.norm / scale) ** 2,
        logLikelihood: (x) =>
          mul(-1 / scale, sum(abs(sub(measured, operator.apply(x))), { axis: 1 })),
        score(x) {
          const [exact, back] = linearize(operator, x);
          return mul(1 / scale, back(sign(sub(measured, exact))));
        },
        information: (x, v) =>
          mul(1 / scale ** 2, pullback(operator, x, pushforward(operator, x, v))),
      };
    },
  };
}
