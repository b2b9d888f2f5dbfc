/** Playing a policy in a decision process. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { anyRecord, check, show } from "@provably/core-tensor/internal";
import { type RngKey, uniform } from "@provably/core-tensor/random";
import { cumulativeRows, drawFrom } from "../game/sampling.js";
import { checkRows, numbers } from "../uncertainty/worst-case.js";
import { type Mdp, checkMdp, isSparse } from "./model.js";
import { policyOf } from "./policy.js";

/**
 * Discounted sums of rewards of simulated episodes.
 *
 * To see what a policy is worth in nature's kernel, simulate in a process made of {@link worstCaseKernel}.
 *
 * @param key - random key
 * @param model - process that does not depend on the step, dense or sparse
 * @param policy - actions [S] or probabilities [S, A]
 * @param options - `episodes`; `steps` in each; `discount`, default 1; `start`, distribution of the first state [S], default uniform
 * @returns float64 [episodes]
 * @throws `ShapeError`, `DomainError` when sizes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { mdp, simulate } from "@provably/robust-rl";
 *
 * simulate(key(0), mdp({ transitions: [[[1]]], rewards: [[1]] }), [0], { episodes: 2, steps: 3 }); // => [3, 3]
 * ```
 * @category Sampling
 */
export function simulate(
  key: RngKey,
  model: Mdp,
  policy: ArrayInput,
  options: {
    readonly episodes: number;
    readonly steps: number;
    readonly discount?: number;
    readonly start?: ArrayInput;
  },
): NdArray<"float64"> {
  const fn = "simulate";
  const { episodes, steps, discount = 1 } = check("simulate", "options", options, anyRecord);
  for (const [name, n] of [
    ["episodes", episodes],
    ["steps", steps],
  ] as const)
    // prettier-ignore
    if (!Number.isInteger(n) || n < 1) throw new DomainError(`${fn}: ${name} must be a positive integer, got ${show(n)}`);
  if (!(typeof discount === "number" && discount >= 0 && discount <= 1))
    throw new DomainError(`${fn}: discount must lie in [0, 1], got ${show(discount)}`);
  if (checkMdp(fn, model).steps !== undefined)
    throw new ShapeError(`${fn}: the process depends on the step`);
  const { numStates, numActions, transitions, rewards, rewardsOnArrival } = model;
  const first =
    options.start === undefined
      ? new Float64Array(numStates).fill(1 / numStates)
      : numbers(array(options.start, { dtype: "float64" }));
  if (first.length !== numStates)
    throw new ShapeError(
      `${fn}: start must have shape [${numStates}], got ${first.length} entries`,
    );
  checkRows(fn, "start", first, numStates, []);
  const start = cumulativeRows(first, numStates);
  const actions = cumulativeRows(policyOf(fn, policy, model), numActions);
  const r = numbers(rewards);
  const cumulative = isSparse(transitions)
    ? Float64Array.from(transitions.probabilities)
    : cumulativeRows(numbers(transitions), numStates);
  if (isSparse(transitions))
    for (let row = 0; row < numStates * numActions; row++)
      for (let k = transitions.rowPointers[row]! + 1; k < transitions.rowPointers[row + 1]!; k++)
        cumulative[k]! += cumulative[k - 1]!;
  const next = (row: number, u: number): number => {
    if (!isSparse(transitions)) return drawFrom(cumulative, row * numStates, numStates, u);
    const from = transitions.rowPointers[row]!;
    return transitions.columns[
      from + drawFrom(cumulative, from, transitions.rowPointers[row + 1]! - from, u)
    ]!;
  };
  const draws = numbers(uniform(key, [episodes, 1 + 2 * steps], { dtype: "float64" }));
  const returns = new Float64Array(episodes);
  for (let e = 0; e < episodes; e++) {
    const at = e * (1 + 2 * steps);
    let s = drawFrom(start, 0, numStates, draws[at]!);
    let weight = 1;
    for (let t = 0; t < steps; t++) {
      const row =
        s * numActions + drawFrom(actions, s * numActions, numActions, draws[at + 1 + 2 * t]!);
      s = next(row, draws[at + 2 + 2 * t]!);
      returns[e]! += weight * (rewardsOnArrival ? r[row * numStates + s]! : r[row]!);
      weight *= discount;
    }
  }
  return array<"float64">(returns);
}

/**
 * The L1 radius around an empirical distribution that holds the true one with probability 1 − δ: $\sqrt{2 \ln((2^S - 2)/\delta)/n}$. Half of it is a radius in
 * total variation.
 *
 * @param samples - $n$, number of samples of the row
 * @param states - $S \ge 2$
 * @param failure - $\delta \in (0, 1)$
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
export function weissmanRadius(samples: number, states: number, failure: number): number {
  if (
    ![samples, states, failure].every(Number.isFinite) ||
    !(samples >= 1 && states >= 2 && failure > 0 && failure < 1)
  )
    throw new DomainError(
      `weissmanRadius: needs samples ≥ 1, states ≥ 2 and failure in (0, 1), got ${show(samples)}, ${show(states)} and ${show(failure)}`,
    );
  return Math.sqrt(
    (2 *
      (Math.log(2 ** Math.min(states, 1000) - 2) +
        Math.LN2 * Math.max(0, states - 1000) -
        Math.log(failure))) /
      samples,
  );
}
