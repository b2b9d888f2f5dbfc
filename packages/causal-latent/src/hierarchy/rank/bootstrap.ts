/** The law of a rank statistic when the rank is k: tables drawn from the best fit with k components. */
import type { RngKey } from "@provably/core-tensor/random";
import { chiSquareTail } from "./chi-square.js";
import { countsOfProbabilities, streamOf } from "./draws.js";
import { type Cells, type Proportions, normalized, proportionsOf } from "./table.js";
import { pearsonOf } from "./statistics.js";

/** Replicates after which a p-value that is clearly high, or clearly out of reach, is settled. */
const LOOKS = [49, 199, 999];
const ENOUGH = 20;

/**
 * p-value of Pearson's statistic under a fit, p = (1 + #\{T* ≥ T\}) / (1 + B). Below 1/(1 + B) it goes on
 * as the tail of the gamma distribution with the mean and the variance of the replicates.
 */
export function bootstrapTail(
  table: Proportions,
  fit: Float64Array,
  k: number,
  observed: number,
  key: RngKey,
  numReplicates: number,
): { readonly pValue: number; readonly logPValue: number } {
  const next = streamOf(key);
  const drawn: Cells = { p: table.p, q: table.q, data: new Float64Array(fit.length) };
  let [above, sum, squares, greatest, b] = [0, 0, 0, 0, 0];
  const beyond = (): number => {
    const mean = sum / b;
    const variance = squares / b - mean ** 2;
    if (!(mean > 0 && variance > 0)) return observed > 0 ? -Infinity : 0;
    return chiSquareTail((2 * mean * observed) / variance, (2 * mean ** 2) / variance).logP;
  };
  while (b < numReplicates) {
    countsOfProbabilities(next, fit, table.n, drawn.data);
    const cells = proportionsOf(drawn);
    const t = k >= Math.min(cells.p, cells.q) ? 0 : pearsonOf(table.n, normalized(cells), k);
    if (t >= observed * (1 - 1e-9)) above++;
    sum += t;
    squares += t * t;
    greatest = Math.max(greatest, t);
    b++;
    if (!LOOKS.includes(b)) continue;
    if (above >= ENOUGH) break;
    if (above === 0 && observed > 3 * greatest && beyond() < -20) break;
  }
  const counted = Math.log((1 + above) / (1 + b));
  const logPValue = above > 0 ? counted : Math.min(counted, beyond());
  return { pValue: Math.exp(logPValue), logPValue };
}
