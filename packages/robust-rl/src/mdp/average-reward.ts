/** Average reward: what a policy gains a step in the long run, and its bias. */
import { type Certificate, DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  type Schema,
  certificate,
  checkOptions,
  longWork,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { largest } from "../internal/read.js";
import { optimalStep, policyStep } from "./bellman.js";
import { stepBounds } from "./certificate.js";
import { type ChainWorth, worthOfChain } from "./chain.js";
import { checkMdp } from "./model.js";
import type { Mdp } from "./process.js";
import { naiveRows } from "./naive.js";
import { actionsOf } from "./policy.js";
import {
  MOST_KERNEL,
  type Problem,
  type RectangularSet,
  checkProblem,
  isShared,
} from "./problem.js";
import { addRow, expectedReward, rowsOf } from "./rows.js";

/**
 * Options of {@link averageReward} and {@link robustAverageReward}.
 * @category Planning
 */
export interface AverageRewardOptions {
  /** Gains are within this distance of the optimum, on the scale of rewards; default 1e-9. */
  readonly tolerance?: number;
  /** Largest number of policies; default 1000. When reached, `converged` is false. */
  readonly maxIterations?: number;
  /** Called after each policy. */
  readonly onProgress?: (progress: { readonly iteration: number }) => void;
  /** Stops between two policies. */
  readonly signal?: AbortSignal;
}

const AVERAGE: Schema<AverageRewardOptions> = {
  tolerance: positiveNumber,
  maxIterations: wholeNumber(),
  ...longWork,
};

/**
 * A plan for the long run.
 * @category Planning
 */
export interface AveragePlan {
  /** Reward a step in the long run from each state, float64 [states]. */
  readonly gain: NdArray<"float64">;
  /** What a state is worth beyond its gain, float64 [states]: mean 0 under the stationary distribution of every class of states that the policy does not leave. */
  readonly bias: NdArray<"float64">;
  /** Best actions, int32 [states]; for s-rectangular sets probabilities, float64 [states, actions]. */
  readonly policy: NdArray;
  /** How many classes of states the policy does not leave: with one the gain is the same everywhere. */
  readonly numRecurrentClasses: number;
  /** Policies tried. */
  readonly iterations: number;
  /** Whether no action improves the policy any more. */
  readonly converged: boolean;
  /** What is sure about the gain. */
  readonly certificate: Certificate;
}

/** P [n, n] and r [n] of a policy [S, A] in the process as it is. */
function chainOf(model: Mdp, policy: Float64Array, fn: string) {
  const rows = rowsOf(fn, model);
  const n = model.numStates;
  const [p, r] = [new Float64Array(n * n), new Float64Array(n)];
  policy.forEach((share, row) => {
    if (share === 0) return;
    const s = Math.floor(row / model.numActions);
    addRow(rows, 0, row, share, p, s * n);
    r[s]! += share * expectedReward(rows, 0, row);
  });
  return { p, r };
}

function begin(fn: string, model: Mdp, options: AverageRewardOptions) {
  const given = checkOptions<AverageRewardOptions>(fn, options, AVERAGE);
  const whole = checkMdp(fn, model);
  if (whole.steps !== undefined)
    throw new DomainError(`${fn}: a process that depends on the step has no average reward`);
  const size = whole.numStates ** 2 * whole.numActions;
  if (size > MOST_KERNEL)
    throw new DomainError(
      `${fn}: a process of ${whole.numStates} states and ${whole.numActions} actions needs ${size} numbers, more than 2²⁶`,
    );
  return { tolerance: 1e-9, maxIterations: 1000, ...given, whole };
}

/**
 * The policy of largest reward a step in the long run, by policy iteration (Howard), with exact gains and biases:
 * $g = \max_a P_a g$, and $g + h = \max_a \lbrace r_a + P_a h \rbrace$ over the actions that attain the first maximum.
 *
 * Periodic chains and policies that split the states into several classes (multichain) are treated too. O(S³) a policy.
 *
 * @param model - process that does not depend on the step
 * @param options - see {@link AverageRewardOptions}
 * @returns gain, bias and policy, with a certificate that no policy gains more and that this one gains as much
 * @throws `DomainError` for a process that depends on the step or is too large
 * @example
 * ```ts
 * import { averageReward, mdp } from "@provably/robust-rl";
 *
 * // Two states in turn, one of which pays.
 * averageReward(mdp({ transitions: [[[0, 1]], [[1, 0]]], rewards: [[1], [0]] })).gain; // => [0.5, 0.5]
 * ```
 * @see Puterman (1994), "Markov decision processes", sections 8.6 and 9.2
 * @category Planning
 */
export function averageReward(model: Mdp, options: AverageRewardOptions = {}): AveragePlan {
  const fn = "averageReward";
  const { tolerance, maxIterations, onProgress, signal, whole } = begin(fn, model, options);
  const { numStates: n, numActions } = whole;
  const rows = rowsOf(fn, whole);
  const rewards = Float64Array.from({ length: n * numActions }, (_, row) =>
    expectedReward(rows, 0, row),
  );
  const row = new Float64Array(n);
  const expected = (of: Float64Array, at: number): number => {
    row.fill(0);
    addRow(rows, 0, at, 1, row, 0);
    return row.reduce((sum, p, t) => sum + p * of[t]!, 0);
  };
  const there = (at: number): boolean => !rows.allows || rows.allows(0, at);
  const actions = Int32Array.from({ length: n }, (_, s) => {
    let a = 0;
    while (!there(s * numActions + a)) a++;
    return a;
  });
  const shares = (): Float64Array => {
    const policy = new Float64Array(n * numActions);
    actions.forEach((a, s) => (policy[s * numActions + a] = 1));
    return policy;
  };
  const better = (x: number, y: number): boolean => x > y + 1e-12 * (1 + Math.abs(y) + Math.abs(x));
  /** Takes actions that are better by a score, among those that another score does not set back. */
  const improve = (
    score: (at: number) => number,
    keeps?: (at: number, own: number) => boolean,
  ): boolean => {
    let changed = false;
    for (let s = 0; s < n; s++) {
      const own = s * numActions + actions[s]!;
      let [best, choice] = [score(own), actions[s]!];
      for (let a = 0; a < numActions; a++) {
        const at = s * numActions + a;
        if (!there(at) || (keeps && !keeps(at, own))) continue;
        const value = score(at);
        if (better(value, best)) [best, choice] = [value, a];
      }
      if (choice !== actions[s]) changed = true;
      actions[s] = choice;
    }
    return changed;
  };
  let worth: ChainWorth | undefined;
  let [iterations, converged] = [0, false];
  while (iterations < maxIterations && !converged) {
    signal?.throwIfAborted();
    const { p, r } = chainOf(whole, shares(), fn);
    worth = worthOfChain(p, r);
    iterations++;
    onProgress?.({ iteration: iterations });
    const { gain, bias } = worth;
    const gains = (at: number): number => expected(gain, at);
    converged =
      !improve(gains) &&
      !improve(
        (at) => rewards[at]! + expected(bias, at),
        (at, own) => !better(gains(own), gains(at)),
      );
  }
  const { gain, bias, numClasses } = worth!;
  const off = multichainError(whole, gain, bias, actions);
  return {
    gain: array<"float64">(gain),
    bias: array<"float64">(bias),
    policy: actionsOf(shares(), numActions, [n]),
    numRecurrentClasses: numClasses,
    iterations,
    converged,
    certificate: certificate({
      claim:
        "largest violation of the optimality equations of gain and bias, by any action, and by the policy's own",
      kind: "bound",
      value: off,
      expected: 0,
      tolerance: tolerance * (1 + largest(gain.map(Math.abs)) + 1e-3 * largest(bias.map(Math.abs))),
      verdict:
        off <= tolerance * (1 + largest(gain.map(Math.abs)) + 1e-3 * largest(bias.map(Math.abs))),
      note: "on the transitions and rewards as given; gains that differ by less than the tolerance between actions count as the same",
    }),
  };
}

/** The equations of gain and bias, read from the process as it was written down. */
function multichainError(
  model: Mdp,
  gain: Float64Array,
  bias: Float64Array,
  actions: Int32Array,
): number {
  const { numStates: n, numActions } = model;
  const [p, z] = [new Float64Array(n), new Float64Array(n)];
  const row = naiveRows(model, 1);
  const { allows } = rowsOf("averageReward", model);
  let worst = 0;
  for (let s = 0; s < n; s++)
    for (let a = 0; a < numActions; a++) {
      if (allows && !allows(0, s * numActions + a)) continue;
      row(0, s, a, bias, p, z);
      let [g, b] = [0, 0];
      for (let t = 0; t < n; t++) {
        g += p[t]! * gain[t]!;
        if (p[t]! > 0) b += p[t]! * z[t]!;
      }
      const [rise, more] = [g - gain[s]!, b - bias[s]! - gain[s]!];
      const own = actions[s] === a;
      worst = Math.max(worst, rise, own ? Math.abs(rise) : 0, own ? Math.abs(more) : 0);
      if (rise > -1e-9 * (1 + Math.abs(gain[s]!))) worst = Math.max(worst, more);
    }
  return worst;
}

/**
 * The policy of largest reward a step in the long run against the worst kernels: policy iteration for both sides, where
 * $g + h(s) = \max_a \inf_{q \in \mathcal U(s,a)} q \cdot (r + h)$.
 *
 * Every chain that comes up must keep to one class of states in the end (unichain): else the gain depends on the start,
 * and the method says so. O(S³) a kernel.
 *
 * @param model - process that does not depend on the step
 * @param set - uncertainty set
 * @param options - see {@link AverageRewardOptions}
 * @returns gain (the same for all states), bias and policy; the certificate bounds the best gain from above and the policy's from below
 * @throws `DomainError` where nature or the policy can split the states into classes
 * @example
 * ```ts
 * import { mdp, robustAverageReward, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[0.5, 0.5]], [[0.5, 0.5]]], rewards: [[1], [0]] });
 * robustAverageReward(model, totalVariation(0.25)).gain; // => [0.25, 0.25]
 * ```
 * @see Wang, Velasquez, Atia, Prater-Bennette, Zou (2023), "Robust average-reward Markov decision processes"
 * @category Planning
 */
export function robustAverageReward(
  model: Mdp,
  set: RectangularSet,
  options: AverageRewardOptions = {},
): AveragePlan {
  const fn = "robustAverageReward";
  const { tolerance, maxIterations, onProgress, signal, whole } = begin(fn, model, options);
  const problem = checkProblem(fn, whole, set, 1);
  const { numStates: n, numActions } = whole;
  let bias = new Float64Array(n);
  const next = new Float64Array(n);
  const [q, policy, greedy] = [0, 1, 2].map(() => new Float64Array(n * numActions)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  optimalStep(problem, bias, 0, next, q, policy);
  let [iterations, converged, gain] = [0, false, 0];
  while (iterations < maxIterations && !converged) {
    signal?.throwIfAborted();
    ({ gain, bias } = againstNature(fn, problem, policy, bias));
    iterations++;
    onProgress?.({ iteration: iterations });
    optimalStep(problem, bias, 0, next, q, greedy);
    const rises = Float64Array.from(next, (x, s) => x - bias[s]! - gain);
    const scale = 1e-12 * (1 + Math.abs(gain) + largest(bias.map(Math.abs)));
    converged = largest(rises) <= Math.max(scale, 0.1 * tolerance);
    if (!converged)
      rises.forEach((rise, s) => {
        // an action that is as good as the best is kept
        if (rise > scale)
          policy.set(greedy.subarray(s * numActions, (s + 1) * numActions), s * numActions);
      });
  }
  const bounds = stepBounds(problem, bias, 0);
  let [low, high] = [Infinity, -Infinity];
  for (let s = 0; s < n; s++) {
    const sure = bounds(s, policy.subarray(s * numActions, (s + 1) * numActions), undefined);
    low = Math.min(low, sure.low - bias[s]!);
    high = Math.max(high, sure.high - bias[s]!);
  }
  const off = Math.max(high - gain, gain - low, 0);
  return {
    gain: array<"float64">(new Float64Array(n).fill(gain)),
    bias: array<"float64">(bias),
    policy: isShared(set)
      ? array(policy, { shape: [n, numActions] })
      : actionsOf(policy, numActions, [n]),
    numRecurrentClasses: 1,
    iterations,
    converged,
    certificate: certificate({
      claim:
        "largest distance of the gain to the best robust gain, and to what the policy is sure to gain",
      kind: "bound",
      value: off,
      expected: 0,
      tolerance: tolerance * (1 + Math.abs(gain)),
      verdict: off <= tolerance * (1 + Math.abs(gain)),
      note: "from above by kernels that lie in the set, from below by dual variables, one step from the bias, on the transitions and rewards as given",
    }),
  };
}

/** The worst gain of a policy: nature's policy iteration. */
function againstNature(
  fn: string,
  problem: Problem,
  policy: Float64Array,
  start: Float64Array,
): { gain: number; bias: Float64Array<ArrayBuffer> } {
  const { numStates: n, numActions } = problem.model;
  const { onArrival, reward, arrival } = problem.rows;
  const kernel = new Float64Array(n * numActions * n);
  const next = new Float64Array(n);
  let bias = Float64Array.from(start);
  let gain = Infinity;
  for (let i = 0; i < 1000; i++) {
    policyStep(problem, bias, 0, policy, next, kernel);
    const scale = 1e-13 * (1 + largest(bias.map(Math.abs)));
    if (next.every((x, s) => x - bias[s]! >= gain - scale)) break;
    const [p, r] = [new Float64Array(n * n), new Float64Array(n)];
    policy.forEach((share, row) => {
      if (share === 0) return;
      const s = Math.floor(row / numActions);
      r[s]! += share * reward(0, row);
      for (let t = 0; t < n; t++) {
        const mass = share * kernel[row * n + t]!;
        p[s * n + t]! += mass;
        if (onArrival && mass !== 0) r[s]! += mass * arrival(0, row, t);
      }
    });
    // mass that rounding left below 0
    for (let k = 0; k < p.length; k++) if (p[k]! < 0) p[k] = 0;
    const worth = worthOfChain(p, r);
    if (worth.numClasses > 1)
      throw new DomainError(
        `${fn}: against this policy nature can keep to one of ${worth.numClasses} classes of states, so the gain depends on the start; the method needs one class`,
      );
    gain = worth.gain[0]!;
    bias = Float64Array.from(worth.bias);
  }
  return { gain, bias };
}
