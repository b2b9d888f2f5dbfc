/** Playing a policy in a decision process. */
import { type ArrayInput, type NdArray, array } from "@provably/core-tensor";
import {
  type Schema,
  anything,
  check,
  checkOptions,
  numberIn,
  numberInside,
  satisfying,
  wholeNumber,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { type RngKey, uniform } from "@provably/core-tensor/random";
import { cumulativeRows, drawFrom } from "../game/sampling.js";
import { startOf } from "../internal/distributions.js";
import { checkHorizon } from "./problem.js";
import { checkMdp } from "./model.js";
import type { Mdp } from "./process.js";
import { policySteps } from "./policy.js";
import { rowsOf } from "./rows.js";

/**
 * Options of {@link simulate}.
 * @category Sampling
 */
export interface SimulateOptions {
  readonly numEpisodes: number;
  /** Steps of each episode. */
  readonly numSteps: number;
  /** $\gamma \in [0, 1]$; default 1. */
  readonly discount?: number;
  /** Distribution of the first state, [states]; default uniform. */
  readonly start?: ArrayInput;
}

const SIMULATE: Schema<SimulateOptions> = {
  numEpisodes: wholeNumber(),
  numSteps: wholeNumber(),
  discount: numberIn(0, 1),
  start: anything,
};

/**
 * Discounted sums of rewards of simulated episodes.
 *
 * To see what a policy is worth in nature's kernel, simulate in a process made of {@link worstCaseKernel}.
 *
 * @param key - random key
 * @param model - process
 * @param policy - actions [S] or probabilities [S, A], also with leading steps
 * @param options - see {@link SimulateOptions}
 * @returns float64 [episodes]
 * @throws `ShapeError`, `DomainError` when sizes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { mdp, simulate } from "@provably/robust-rl";
 *
 * simulate(key(0), mdp({ transitions: [[[1]]], rewards: [[1]] }), [0], { numEpisodes: 2, numSteps: 3 }); // => [3, 3]
 * ```
 * @category Sampling
 */
export function simulate(
  key: RngKey,
  model: Mdp,
  policy: ArrayInput,
  options: SimulateOptions,
): NdArray<"float64"> {
  const fn = "simulate";
  const {
    numEpisodes,
    numSteps,
    discount = 1,
    start,
  } = checkOptions<SimulateOptions>(fn, options, SIMULATE);
  check(fn, "numEpisodes", numEpisodes, wholeNumber());
  check(fn, "numSteps", numSteps, wholeNumber());
  const whole = checkMdp(fn, model);
  checkHorizon(fn, numSteps, whole);
  const { numStates, numActions } = whole;
  const rows = rowsOf(fn, whole);
  const { listed, dense, first, reward, arrival } = rows;
  const begin = cumulativeRows(startOf(fn, start, numStates), numStates);
  const policies = policySteps(fn, policy, numSteps, whole);
  const cumulative = new Map<Float64Array, Float64Array>();
  const actionsAt = (t: number): Float64Array => {
    const probabilities = policies[t]!;
    const sums = cumulative.get(probabilities) ?? cumulativeRows(probabilities, numActions);
    cumulative.set(probabilities, sums);
    return sums;
  };
  const sums = listed ? Float64Array.from(listed.probabilities) : cumulativeRows(dense!, numStates);
  if (listed)
    for (let row = 0; row < numStates * numActions; row++)
      for (let k = listed.pointers[row]! + 1; k < listed.pointers[row + 1]!; k++)
        sums[k]! += sums[k - 1]!;
  const next = (t: number, row: number, u: number): number => {
    if (!listed) return drawFrom(sums, (first(t) + row) * numStates, numStates, u);
    const from = listed.pointers[row]!;
    return listed.columns[from + drawFrom(sums, from, listed.pointers[row + 1]! - from, u)]!;
  };
  const draws = flatNumbers(uniform(key, [numEpisodes, 1 + 2 * numSteps], { dtype: "float64" }));
  const returns = new Float64Array(numEpisodes);
  for (let e = 0; e < numEpisodes; e++) {
    const at = e * (1 + 2 * numSteps);
    let s = drawFrom(begin, 0, numStates, draws[at]!);
    let weight = 1;
    for (let t = 0; t < numSteps; t++) {
      const row =
        s * numActions + drawFrom(actionsAt(t), s * numActions, numActions, draws[at + 1 + 2 * t]!);
      s = next(t, row, draws[at + 2 + 2 * t]!);
      returns[e]! += weight * (reward(t, row) + arrival(t, row, s));
      weight *= discount;
    }
  }
  return array<"float64">(returns);
}

/**
 * The L1 radius around an empirical distribution that holds the true one with probability 1 − δ: $\sqrt{2 \ln((2^S - 2)/\delta)/n}$. Half of it is a radius in
 * total variation.
 *
 * @param numSamples - $n$, number of samples of the row
 * @param numStates - $S \ge 2$
 * @param failureProbability - $\delta \in (0, 1)$
 * @returns the radius
 * @throws `DomainError` for arguments out of range
 * @example
 * ```ts
 * import { weissmanRadius } from "@provably/robust-rl";
 *
 * weissmanRadius(400, 5, 0.05) / weissmanRadius(100, 5, 0.05); // => 0.5
 * ```
 * @see Weissman, Ordentlich, Seroussi, Verdu, Weinberger (2003), "Inequalities for the L1 deviation of the empirical distribution"
 * @category Sampling
 */
export function weissmanRadius(
  numSamples: number,
  numStates: number,
  failureProbability: number,
): number {
  const fn = "weissmanRadius";
  check(
    fn,
    "numSamples",
    numSamples,
    satisfying("≥ 1", (x) => Number.isFinite(x) && (x as number) >= 1),
  );
  check(fn, "numStates", numStates, wholeNumber(2));
  check(fn, "failureProbability", failureProbability, numberInside(0, 1));
  // ln(2^S − 2), which overflows where S is large
  const subsets =
    Math.log(2 ** Math.min(numStates, 1000) - 2) + Math.LN2 * Math.max(0, numStates - 1000);
  return Math.sqrt((2 * (subsets - Math.log(failureProbability))) / numSamples);
}
