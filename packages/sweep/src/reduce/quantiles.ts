/** Quantiles over replicates. */
import { check, listOf, numberIn } from "@provably/core-tensor/internal";
import type { QuantileOfReplicates, Reduction } from "./reduction.js";
import { NUMBER, asNumber } from "./reduction.js";

/**
 * Quantiles over replicates with their standard errors.
 *
 * The value at a level $p$ is interpolated between order statistics at the place $(n - 1)p$. Its standard error is half the distance between
 * the values at ranks $np \mp \sqrt{np(1-p)}$, which needs no density. Eight bytes are kept for each replicate.
 *
 * @param levels - each in [0, 1]
 * @returns reduction for the option `reduce` of {@link sweep}; where a value is NaN, all quantiles are
 * @throws `DomainError` when a level is not in [0, 1]
 * @example
 * ```ts
 * import { key, uniform } from "@provably/core-tensor/random";
 * import { defineTask, inline, quantiles, sweep } from "@provably/sweep";
 *
 * const task = defineTask({ name: "uniform", run: (_: object, key) => ({ u: uniform(key, []).get() }) });
 * const options = { cases: [{}], replicates: 999, engine: inline(), reduce: { u: quantiles([0.5]) } };
 * const { table } = await sweep(task, key(0), options);
 * const { value, standardError } = table[0]!.reductions["u"]!.quantiles![0]!;
 * Math.abs(value - 0.5) < 4 * standardError; // => true
 * ```
 * @category Reductions
 */
export function quantiles(levels: readonly number[]): Reduction {
  const asked = [...check("quantiles", "levels", levels, listOf(numberIn(0, 1)))];
  return Object.freeze<Reduction>({
    name: "quantiles",
    make(numReplicates) {
      const values = new Float64Array(numReplicates);
      const here = new Uint8Array(numReplicates);
      return {
        add(replicate, value) {
          const x = asNumber(value);
          if (x === undefined) return NUMBER;
          [values[replicate], here[replicate]] = [x, 1];
          return undefined;
        },
        result: (): QuantileOfReplicates[] => {
          // sorted, NaN last
          const sorted = values.filter((_, i) => here[i] === 1).sort();
          return asked.map((level) => ({ level, ...quantileOf(sorted, level) }));
        },
      };
    },
  });
}

function quantileOf(sorted: Float64Array, p: number): Omit<QuantileOfReplicates, "level"> {
  const n = sorted.length;
  if (n === 0 || Number.isNaN(sorted[n - 1]))
    return { value: Number.NaN, standardError: Number.NaN };
  const spread = Math.sqrt(n * p * (1 - p)) / n;
  const standardError = n < 2 ? Number.NaN : (at(sorted, p + spread) - at(sorted, p - spread)) / 2;
  return { value: at(sorted, p), standardError };
}

/** The value at a place between order statistics. */
function at(sorted: Float64Array, level: number): number {
  const place = Math.max(0, Math.min(1, level)) * (sorted.length - 1);
  const low = Math.floor(place);
  const [a, b] = [sorted[low]!, sorted[Math.min(low + 1, sorted.length - 1)]!];
  return a === b || place === low ? a : a + (place - low) * (b - a);
}
