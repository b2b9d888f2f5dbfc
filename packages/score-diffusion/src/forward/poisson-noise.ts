/** Counts of photons. */
import {
  DomainError,
  type NdArray,
  add,
  all,
  array,
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
  div,
} from "@provably/core-tensor";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { type ForwardModel, measurementOf, positive } from "./forward-model.js";
import { type Operator, batchOf, pullback, pushforward } from "./operator.js";

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
export function poissonNoise(operator: Operator, options: { readonly gain: number; readonly background?: number }): ForwardModel {
  const { gain, background = 1 } = options;
  positive("poissonNoise", "gain", gain);
  positive("poissonNoise", "background", background);
  const { inputSize, outputSize } = operator;
  const rate = (exact: NdArray): NdArray => add(mul(gain / 2, maximum(add(exact, 1), 0)), background);
  return {
    name: `${operator.name} with Poisson noise`,
    inputSize,
    outputSize,
    measure(x, key) {
      const mean = rate(operator.apply(batchOf("measure", "x", x, inputSize)));
      const means = toTypedArray(mean);
      return array(
        Float64Array.from(means, (mu, i) => poisson(foldIn(key, i), mu)),
        { shape: mean.shape },
      );
    },
    likelihood(y) {
      const counts = measurementOf("poissonNoise", y, outputSize);
      if (!item(all(logicalAnd(greaterEqual(counts, 0), equal(floor(counts), counts)))))
        throw new DomainError("poissonNoise: measurements must be counts, whole numbers ≥ 0");
      // at the rate that explains a count of y best the curvature is (g/2)² / y
      const least = (toTypedArray(counts) as Float64Array).reduce((a, b) => Math.min(a, b), Infinity);
      return {
        inputSize,
        curvature: (operator.norm ** 2 * (gain / 2) ** 2) / Math.max(least, background),
        logLikelihood(x) {
          const mu = rate(operator.apply(x));
          return sum(add(sub(mul(counts, log(div(mu, maximum(counts, 1)))), mu), counts), { axis: 1 });
        },
        score(x) {
          const exact = operator.apply(x);
          const slope = mul(gain / 2, sub(div(counts, rate(exact)), 1));
          return pullback(operator, x, where(greater(exact, -1), slope, mul(0, slope)));
        },
        information(x, v) {
          const exact = operator.apply(x);
          const information = div((gain / 2) ** 2, rate(exact));
          return pullback(operator, x, mul(where(greater(exact, -1), information, mul(0, information)), pushforward(operator, x, v)));
        },
      };
    },
  };
}

/** A Poisson count by products of uniforms, in parts of mean at most 30, whose sum has the right law. */
function poisson(key: RngKey, mean: number): number {
  let count = 0;
  const parts = Math.max(1, Math.ceil(mean / 30));
  const limit = Math.exp(-mean / parts);
  for (let part = 0; part < parts; part++) {
    const partKey = foldIn(key, part);
    // 30 + 12 standard deviations of 30 and more: the product falls below the limit long before
    const draws = toTypedArray(uniform(partKey, [128], { dtype: "float64" }));
    let product = 1;
    for (const u of draws) {
      product *= u;
      if (product < limit) break;
      count++;
    }
  }
  return count;
}
