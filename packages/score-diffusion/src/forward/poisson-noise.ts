/** Counts of photons. */
import {
  DomainError,
  type NdArray,
  add,
  all,
  array,
  div,
  equal,
  floor,
  greater,
  greaterEqual,
  item,
  log,
  logicalAnd,
  maximum,
  mul,
  sub,
  sum,
  toTypedArray,
  where,
} from "@provably/core-tensor";
import { check, optional, positiveNumber, recordOf } from "@provably/core-tensor/internal";
import { type RngKey, uniform } from "@provably/core-tensor/random";
import { type ForwardModel, measurementOf } from "./forward-model.js";
import { type Operator, batchOf, checkOperator, pullback, pushforward } from "./operator.js";

const OPTIONS = recordOf({ gain: positiveNumber, background: optional(positiveNumber) });

/**
 * Poisson noise: counts with means $\mu = g \max\!\left(\tfrac{A(x) + 1}{2}, 0\right) + b$, for images in $[-1, 1]$, and
 * $\mathcal L(x; y) = \sum_i y_i \ln(\mu_i/y_i) - \mu_i + y_i$, which is 0 where the means are the counts.
 *
 * @param operator - what is measured before counting
 * @param options - `gain` $g$: mean count of a bright place; `background` $b > 0$, default 1, keeps the likelihood finite
 * @returns forward model; measurements are counts
 * @throws `DomainError` when a constant is not positive, or a measurement is no count
 * @example
 * ```ts
 * import { identityOperator, poissonNoise } from "@provably/score-diffusion";
 *
 * poissonNoise(identityOperator(4), { gain: 50 }).outputSize; // => 4
 * ```
 * @category Forward models
 */
export function poissonNoise(
  operator: Operator,
  options: { readonly gain: number; readonly background?: number },
): ForwardModel {
  const { gain, background = 1 } = check("poissonNoise", "options", options, OPTIONS);
  const { inputSize, outputSize } = checkOperator("poissonNoise", operator);
  const rate = (exact: NdArray): NdArray =>
    add(mul(gain / 2, maximum(add(exact, 1), 0)), background);
  return {
    name: `${operator.name} with Poisson noise`,
    inputSize,
    outputSize,
    measure(x, key) {
      return poisson(key, rate(operator.apply(batchOf("measure", "x", x, inputSize))));
    },
    likelihood(y) {
      const counts = measurementOf("poissonNoise", y, outputSize);
      if (!item(all(logicalAnd(greaterEqual(counts, 0), equal(floor(counts), counts)))))
        throw new DomainError("poissonNoise: measurements must be counts, whole numbers ≥ 0");
      // at the rate that explains a count of y best the curvature is (g/2)² / y
      const least = (toTypedArray(counts) as Float64Array).reduce(
        (a, b) => Math.min(a, b),
        Infinity,
      );
      return {
        inputSize,
        curvature: (operator.norm ** 2 * (gain / 2) ** 2) / Math.max(least, background),
        logLikelihood(x) {
          const mu = rate(operator.apply(x));
          return sum(add(sub(mul(counts, log(div(mu, maximum(counts, 1)))), mu), counts), {
            axis: 1,
          });
        },
        score(x) {
          const exact = operator.apply(x);
          const slope = mul(gain / 2, sub(div(counts, rate(exact)), 1));
          return pullback(operator, x, where(greater(exact, -1), slope, mul(0, slope)));
        },
        information(x, v) {
          const exact = operator.apply(x);
          const information = div((gain / 2) ** 2, rate(exact));
          return pullback(
            operator,
            x,
            mul(
              where(greater(exact, -1), information, mul(0, information)),
              pushforward(operator, x, v),
            ),
          );
        },
      };
    },
  };
}

/** Means above this are split into equal parts, whose counts add up to one of the right distribution. */
const PART = 30;

/** Poisson counts by inversion: the first count whose cumulative probability exceeds a uniform number. */
function poisson(key: RngKey, means: NdArray): NdArray {
  const flat = toTypedArray(means) as Float64Array;
  const most = Math.max(1, Math.ceil(flat.reduce((a, b) => Math.max(a, b), 0) / PART));
  const draws = toTypedArray(uniform(key, [flat.length, most], { dtype: "float64" }));
  const counts = Float64Array.from({ length: flat.length }, (_, i) => {
    const parts = Math.max(1, Math.ceil(flat[i]! / PART));
    const mean = flat[i]! / parts;
    let count = 0;
    for (let part = 0; part < parts; part++) {
      const u = draws[i * most + part]!;
      let probability = Math.exp(-mean);
      let below = probability;
      // beyond 200 nothing is left of the probability, only of its rounding
      for (let k = 1; u >= below && k < 200; k++) {
        count++;
        probability *= mean / k;
        below += probability;
      }
    }
    return count;
  });
  return array(counts, { shape: means.shape });
}
