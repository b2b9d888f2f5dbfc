/** The tail of the chi-square distribution, accurate far out. */
import { array, lgamma } from "@provably/core-tensor";
import { check, nonNegativeNumber, numberIn } from "@provably/core-tensor/internal";

/**
 * The probability that a chi-square variable exceeds a value, and its logarithm.
 *
 * $$P(\chi^2_\nu > x) = Q(\nu/2, x/2) = \frac{\Gamma(\nu/2, x/2)}{\Gamma(\nu/2)}$$
 *
 * Series below the mean, continued fraction above, both in logarithms: relative error below 1e-10 down to 1e-300, and `logP` beyond.
 *
 * @param x - value, ≥ 0
 * @param df - degrees of freedom $\nu$ > 0; 0 gives 1 at x = 0
 * @returns `p` in [0, 1] and `logP`
 * @throws `DomainError` for NaN or negative numbers
 * @example
 * ```ts
 * import { chiSquareTail } from "@provably/causal-latent/hierarchy";
 *
 * chiSquareTail(2, 2).logP; // => -1
 * ```
 * @see Press, Teukolsky, Vetterling, Flannery (2007), "Numerical recipes", 6.2
 * @category Rank tests
 */
export function chiSquareTail(
  x: number,
  df: number,
): { readonly p: number; readonly logP: number } {
  check("chiSquareTail", "x", x, numberIn(0, Infinity));
  check("chiSquareTail", "df", df, nonNegativeNumber);
  if (x === 0 || df === 0) return x === 0 ? { p: 1, logP: 0 } : { p: 0, logP: -Infinity };
  if (x === Infinity) return { p: 0, logP: -Infinity };
  const [a, z] = [df / 2, x / 2];
  const logFront = a * Math.log(z) - z - lgamma(array(Float64Array.of(a))).get(0);
  if (z < a + 1) {
    let [term, sum] = [1 / a, 1 / a];
    for (let k = 1; k < 10_000 && term > sum * 1e-17; k++) sum += term *= z / (a + k);
    const below = Math.exp(logFront) * sum;
    return { p: 1 - below, logP: Math.log1p(-below) };
  }
  // modified Lentz
  let b = z + 1 - a;
  let [c, d] = [1e300, 1 / b];
  let h = d;
  for (let k = 1; k < 10_000; k++) {
    const an = -k * (k - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  const logP = logFront + Math.log(h);
  return { p: Math.exp(logP), logP };
}
