/** Measurements of one bit. */
import {
  DomainError,
  abs,
  all,
  asType,
  equal,
  item,
  less,
  logSigmoid,
  mul,
  neg,
  sigmoid,
  sub,
  sum,
} from "@provably/core-tensor";
import { check, positiveNumber } from "@provably/core-tensor/internal";
import { uniform } from "@provably/core-tensor/random";
import { type ForwardModel, measurementOf } from "./forward-model.js";
import {
  type Operator,
  batchOf,
  checkOperator,
  identityOperator,
  pullback,
  pushforward,
} from "./operator.js";

/**
 * One-bit dithered quantisation: the sign of each number plus logistic noise, $P(y_i = +1) = \operatorname{sigmoid}(x_i/\theta)$ and
 * $\mathcal L(x; y) = -\sum_i \ln(1 + e^{-y_i x_i/\theta})$, concave.
 *
 * @param input - numbers in a point, or an operator whose outputs are quantised
 * @param theta - scale of the dither, positive; 0.4 for images in $[-1, 1]$
 * @returns forward model; measurements are −1 and 1
 * @throws `DomainError` when `theta` is not positive, or a measurement is neither −1 nor 1
 * @example
 * ```ts
 * import { array, item } from "@provably/core-tensor";
 * import { quantizedSensing } from "@provably/score-diffusion";
 *
 * const likelihood = quantizedSensing(1, 0.4).likelihood([1]);
 * item(likelihood.logLikelihood(array([[0]], { dtype: "float64" }))); // => -0.6931471805599453
 * ```
 * @see Xu, Chi (2024), "Provably robust score-based diffusion posterior sampling for plug-and-play image reconstruction", section 5
 * @category Forward models
 */
export function quantizedSensing(input: number | Operator, theta = 0.4): ForwardModel {
  check("quantizedSensing", "theta", theta, positiveNumber);
  const operator =
    typeof input === "number" ? identityOperator(input) : checkOperator("quantizedSensing", input);
  const { inputSize, outputSize } = operator;
  return {
    name: "quantizedSensing",
    inputSize,
    outputSize,
    measure(x, key) {
      const exact = operator.apply(batchOf("measure", "x", x, inputSize));
      const up = less(
        uniform(key, exact.shape, { dtype: "float64" }),
        sigmoid(mul(1 / theta, exact)),
      );
      return sub(mul(2, asType(up, "float64")), 1);
    },
    likelihood(y) {
      const bits = measurementOf("quantizedSensing", y, outputSize);
      if (!item(all(equal(abs(bits), 1))))
        throw new DomainError("quantizedSensing: measurements must be −1 or 1");
      const scaled = mul(1 / theta, bits);
      return {
        inputSize,
        curvature: operator.norm ** 2 / (4 * theta * theta),
        logLikelihood: (x) => sum(logSigmoid(mul(scaled, operator.apply(x))), { axis: 1 }),
        score: (x) =>
          pullback(operator, x, mul(scaled, sigmoid(neg(mul(scaled, operator.apply(x)))))),
        information(x, v) {
          const up = sigmoid(mul(1 / theta, operator.apply(x)));
          const variance = mul(up, sub(1, up));
          return pullback(
            operator,
            x,
            mul(mul(1 / (theta * theta), variance), pushforward(operator, x, v)),
          );
        },
      };
    },
  };
}
