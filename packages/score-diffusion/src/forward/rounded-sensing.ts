/** Measurements rounded to a grid. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  all,
  array,
  asType,
  div,
  greater,
  isFinite,
  item,
  log,
  logSigmoid,
  mul,
  neg,
  round,
  sigmoid,
  sub,
  sum,
} from "@provably/core-tensor";
import { check, checkOptions, positiveNumber } from "@provably/core-tensor/internal";
import { uniform } from "@provably/core-tensor/random";
import { type ForwardModel, measurementOf } from "./forward-model.js";
import { type Operator, batchOf, checkOperator, pullback, pushforward } from "./operator.js";

const ROUNDED = { theta: positiveNumber };

/**
 * Rounding with dither: logistic noise of scale $\theta$ is added to $z = A(x)$, and the sum rounded to a multiple of the step $q$. A measured $y$ says that the
 * noisy number lay within $y \pm q/2$, so
 * $\mathcal L(x; y) = \sum_i \ln\left[F\!\left(\tfrac{y_i + q_i/2 - z_i}{\theta}\right) - F\!\left(\tfrac{y_i - q_i/2 - z_i}{\theta}\right)\right]$ with the logistic function $F$: concave in z.
 *
 * @param operator - what is measured before rounding
 * @param step - $q > 0$, for all numbers or one each, `[m]`
 * @param options - `theta` $\theta > 0$; default a quarter of the least step
 * @returns forward model; measurements are multiples of the steps
 * @throws `DomainError` when a step or `theta` is not positive
 * @throws `ShapeError` when the steps do not fit
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { identityOperator, roundedSensing } from "@provably/score-diffusion";
 *
 * const likelihood = roundedSensing(identityOperator(1), 1, { theta: 0.1 }).likelihood([2]);
 * likelihood.logLikelihood(array([[2], [2.5], [3]], { dtype: "float64" })).get(1).toFixed(3); // => "-0.693"
 * ```
 * @see Zymnis, Boyd, Candès (2010), "Compressed sensing with quantized measurements", for the likelihood
 * @category Forward models
 */
export function roundedSensing(
  operator: Operator,
  step: number | ArrayInput,
  options: { readonly theta?: number } = {},
): ForwardModel {
  const fn = "roundedSensing";
  const { inputSize, outputSize } = checkOperator(fn, operator);
  const { theta: asked } = checkOptions(fn, options, ROUNDED);
  const q =
    typeof step === "number"
      ? array(new Float64Array(outputSize).fill(step))
      : asType(step, "float64");
  if (q.shape.join() !== String(outputSize))
    throw new ShapeError(
      `${fn}: step must be a number or [${outputSize}], got [${q.shape.join(", ")}]`,
    );
  if (!item(all(greater(q, 0))) || !item(all(isFinite(q))))
    throw new DomainError(`${fn}: step must be positive and finite`);
  let least = Infinity;
  for (let i = 0; i < outputSize; i++) least = Math.min(least, q.get(i));
  const theta = check(fn, "theta", asked ?? least / 4, positiveNumber);
  const half = mul(0.5, q);
  /** The places of the upper and the lower end of what was seen, in units of the noise. */
  const ends = (y: NdArray, z: NdArray): { upper: NdArray; lower: NdArray } => ({
    upper: mul(1 / theta, sub(add(y, half), z)),
    lower: mul(1 / theta, sub(sub(y, half), z)),
  });
  // F(b) − F(a) = F(b) F(−a) (1 − e^{a−b}), where the last factor is known
  const width = sum(
    log(
      sub(
        1,
        array(Float64Array.from({ length: outputSize }, (_, i) => Math.exp(-q.get(i) / theta))),
      ),
    ),
  );
  return {
    name: `${operator.name} rounded`,
    inputSize,
    outputSize,
    measure(x, key) {
      const exact = operator.apply(batchOf("measure", "x", x, inputSize));
      const u = uniform(key, exact.shape, { dtype: "float64", low: Number.EPSILON, high: 1 });
      return mul(q, round(div(add(exact, mul(theta, log(div(u, sub(1, u))))), q)));
    },
    likelihood(y) {
      const measured = measurementOf(fn, y, outputSize);
      return {
        inputSize,
        curvature: operator.norm ** 2 / (2 * theta * theta),
        logLikelihood(x) {
          const { upper, lower } = ends(measured, operator.apply(x));
          return add(sum(add(logSigmoid(upper), logSigmoid(neg(lower))), { axis: 1 }), width);
        },
        score(x) {
          const { upper, lower } = ends(measured, operator.apply(x));
          return pullback(operator, x, mul(1 / theta, sub(sigmoid(lower), sigmoid(neg(upper)))));
        },
        information(x, v) {
          const { upper, lower } = ends(measured, operator.apply(x));
          const bend = (s: NdArray): NdArray => mul(s, sub(1, s));
          const curvature = mul(
            1 / (theta * theta),
            add(bend(sigmoid(upper)), bend(sigmoid(lower))),
          );
          return pullback(operator, x, mul(curvature, pushforward(operator, x, v)));
        },
      };
    },
  };
}
