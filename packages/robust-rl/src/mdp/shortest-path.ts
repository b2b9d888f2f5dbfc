/** Stochastic shortest paths: rewards are summed, undiscounted, until a terminal state is reached. */
import { DomainError, array } from "@provably/core-tensor";
import {
  type Schema,
  certificate,
  check,
  checkOptions,
  flatNumbers,
  longWork,
  numberList,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";
import { largest } from "../internal/read.js";
import { totalVariation } from "../uncertainty/balls.js";
import { optimalStep, policyStep } from "./bellman.js";
import { stepBounds } from "./certificate.js";
import { checkMdp } from "./model.js";
import { betterWithoutEnd } from "./never-ending.js";
import type { Mdp } from "./process.js";
import type { RobustPlan } from "./planning.js";
import { actionsOf } from "./policy.js";
import {
  MOST_KERNEL,
  type Problem,
  type RectangularSet,
  checkProblem,
  isShared,
} from "./problem.js";
import { type Rows, addRow, expectedReward } from "./rows.js";

/**
 * Options of {@link robustShortestPath}.
 * @category Planning
 */
export interface ShortestPathOptions {
  /** States that end an episode, with value 0 whatever their rows say; default those that all their actions keep, for no reward. */
  readonly terminal?: ArrayLike<number>;
  /** Values are within this distance of the optimum, on the scale of values; default 1e-9. */
  readonly tolerance?: number;
  /** Largest number of policies; default 1000. When reached, `converged` is false. */
  readonly maxIterations?: number;
  /** Called after each policy. */
  readonly onProgress?: (progress: { readonly iteration: number }) => void;
  /** Stops between two policies. */
  readonly signal?: AbortSignal;
}

const OPTIONS: Schema<ShortestPathOptions> = {
  terminal: numberList,
  tolerance: positiveNumber,
  maxIterations: wholeNumber(),
  ...longWork,
};

/**
 * The best undiscounted sum of rewards until a terminal state, against the worst kernel of a set, by policy iteration among
 * policies that end: $V(s) = \max_a \inf_{q \in \mathcal U(s,a)} q \cdot (r + V)$ and $V = 0$ at terminal states.
 *
 * Policies that never end may exist as long as they are worth less. Terminal states stay out of nature's reach. O(S³) a kernel.
 *
 * @param model - process that does not depend on the step
 * @param set - uncertainty set; radius 0 for an ordinary process
 * @param options - see {@link ShortestPathOptions}
 * @returns see {@link RobustPlan}; for s-rectangular sets the policy is randomised
 * @throws `DomainError` where a state cannot reach a terminal one, where never ending pays better (for s-rectangular sets: by a gain a
 *   step), or where nature can keep an episode from ending
 * @example
 * ```ts
 * import { mdp, robustShortestPath, totalVariation } from "@provably/robust-rl";
 *
 * // A step costs 1 and arrives half of the time.
 * const model = mdp({ transitions: [[[0.5, 0.5]], [[0, 1]]], rewards: [[-1], [0]] });
 * robustShortestPath(model, totalVariation(0)).values; // => [-2, 0]
 * robustShortestPath(model, totalVariation(0.25)).values; // => [-4, 0]
 * ```
 * @see Bertsekas, Tsitsiklis (1991), "An analysis of stochastic shortest path problems"
 * @category Planning
 */
export function robustShortestPath(
  model: Mdp,
  set: RectangularSet,
  options: ShortestPathOptions = {},
): RobustPlan {
  return planToTheEnd("robustShortestPath", model, set, options);
}

/** The plan, for the function that the user called. */
function planToTheEnd(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  options: ShortestPathOptions,
): RobustPlan {
  const given = checkOptions<ShortestPathOptions>(fn, options, OPTIONS);
  const { tolerance = 1e-9, maxIterations = 1000, onProgress, signal } = given;
  const whole = checkMdp(fn, model);
  const { numStates: n, numActions } = whole;
  if (whole.steps !== undefined)
    throw new DomainError(`${fn}: a process that depends on the step has a finite horizon`);
  if (n * n * numActions > MOST_KERNEL)
    throw new DomainError(
      `${fn}: a process of ${n} states and ${numActions} actions needs ${n * n * numActions} numbers, more than 2²⁶`,
    );
  const problem = checkProblem(fn, whole, set, 1);
  const ends = terminalStates(fn, problem.rows, given.terminal);
  const policy = endingPolicy(fn, problem.rows, ends);
  const [q, greedy] = [new Float64Array(n * numActions), new Float64Array(n * numActions)];
  const next = new Float64Array(n);
  let values = new Float64Array(n);
  let steps = values;
  let [iterations, residual, converged] = [0, Infinity, false];
  while (iterations < maxIterations && !converged) {
    signal?.throwIfAborted();
    ({ values, steps } = untilTheEnd(fn, problem, policy, ends));
    iterations++;
    onProgress?.({ iteration: iterations });
    optimalStep(problem, values, 0, next, q, greedy);
    residual = 0;
    let changed = false;
    for (let s = 0; s < n; s++) {
      const row = s * numActions;
      if (ends[s]) {
        q.fill(0, row, row + numActions);
        continue;
      }
      const rise = next[s]! - values[s]!;
      residual = Math.max(residual, rise);
      // an action that is as good as the best is kept
      if (!(rise > 1e-12 * (1 + Math.abs(values[s]!)))) continue;
      policy.set(greedy.subarray(row, row + numActions), row);
      changed = true;
    }
    converged = !changed;
    if (!converged) checkEnds(fn, problem.rows, policy, ends);
  }
  if (converged && !isShared(set)) {
    const kernel = new Float64Array(n * numActions * n);
    policyStep(
      problem,
      values,
      0,
      q.map((x) => (x > -Infinity ? 1 : 0)),
      next,
      kernel,
    );
    const lost = betterWithoutEnd({ values, q, kernel, ends });
    if (lost >= 0)
      throw new DomainError(
        `${fn}: from state ${lost} a policy that never ends gains more than those that do, so the best sum of rewards is not that of an episode; give waiting a cost, or a discount to another planner`,
      );
  }
  const off = pathError(problem, values, policy, ends) * Math.max(1, largest(steps));
  const bound = tolerance * (1 + largest(values.map(Math.abs)));
  return {
    values: array<"float64">(values),
    q: array<"float64">(q, { shape: [n, numActions] }),
    policy: isShared(set)
      ? array(policy, { shape: [n, numActions] })
      : actionsOf(policy, numActions, [n]),
    iterations,
    residual,
    converged,
    certificate: certificate({
      claim:
        "largest violation of the optimality equation, times the expected number of steps until the end",
      kind: "measured",
      value: off,
      expected: 0,
      tolerance: bound,
      verdict: converged && off <= bound,
      note: "from above by kernels that lie in the set, from below by dual variables, on the transitions and rewards as given; steps are those of the policy against nature's kernel, so it cannot see a policy that takes far longer and gains by less than the violation a step",
    }),
  };
}

function terminalStates(fn: string, rows: Rows, given: ArrayLike<number> | undefined): Uint8Array {
  const { numStates: n, numActions, allows } = rows;
  const ends = new Uint8Array(n);
  if (given !== undefined) {
    for (let k = 0; k < given.length; k++) {
      const s = given[k]!;
      check(fn, `terminal[${k}]`, s, wholeNumber(0, n));
      ends[s] = 1;
    }
  } else {
    const row = new Float64Array(n);
    for (let s = 0; s < n; s++) {
      ends[s] = 1;
      for (let a = 0; a < numActions; a++) {
        const at = s * numActions + a;
        if (allows && !allows(0, at)) continue;
        row.fill(0);
        addRow(rows, 0, at, 1, row, 0);
        for (let t = 0; t < n; t++) if (t !== s && row[t]! > 0) ends[s] = 0;
        if (expectedReward(rows, 0, at) !== 0) ends[s] = 0;
      }
    }
  }
  if (!ends.includes(1))
    throw new DomainError(
      `${fn}: there is no terminal state: none keeps to itself for no reward under all its actions; name them in terminal, or give a discount to another planner`,
    );
  return ends;
}

/** States in the order in which they reach an end, each with the first action that gets nearer. */
function endingPolicy(fn: string, rows: Rows, ends: Uint8Array): Float64Array {
  const { numStates: n, numActions, allows } = rows;
  const policy = new Float64Array(n * numActions);
  const reached = Uint8Array.from(ends);
  const row = new Float64Array(n);
  for (let s = 0; s < n; s++) {
    if (!ends[s]) continue;
    let a = 0;
    while (allows && !allows(0, s * numActions + a)) a++;
    policy[s * numActions + a] = 1;
  }
  for (let grown = true; grown;) {
    grown = false;
    const before = Uint8Array.from(reached);
    for (let s = 0; s < n; s++) {
      if (before[s]) continue;
      for (let a = 0; a < numActions && !reached[s]; a++) {
        const at = s * numActions + a;
        if (allows && !allows(0, at)) continue;
        row.fill(0);
        addRow(rows, 0, at, 1, row, 0);
        if (!row.some((p, t) => p > 0 && before[t])) continue;
        policy[at] = 1;
        reached[s] = 1;
        grown = true;
      }
    }
  }
  const lost = reached.indexOf(0);
  if (lost >= 0)
    throw new DomainError(
      `${fn}: no policy leads from state ${lost} to a terminal state, so its sum of rewards has no end`,
    );
  return policy;
}

/** Whether every state leads to an end along a chain of positive entries; the first that does not, else −1. */
function stuck(n: number, ends: Uint8Array, leads: (s: number, t: number) => boolean): number {
  const reached = Uint8Array.from(ends);
  for (let grown = true; grown;) {
    grown = false;
    for (let s = 0; s < n; s++) {
      if (reached[s]) continue;
      for (let t = 0; t < n; t++)
        if (reached[t] && leads(s, t)) {
          reached[s] = 1;
          grown = true;
          break;
        }
    }
  }
  return reached.indexOf(0);
}

function checkEnds(fn: string, rows: Rows, policy: Float64Array, ends: Uint8Array): void {
  const { numStates: n, numActions } = rows;
  const chain = new Float64Array(n * n);
  policy.forEach((share, row) => {
    if (share > 0) addRow(rows, 0, row, share, chain, Math.floor(row / numActions) * n);
  });
  const lost = stuck(n, ends, (s, t) => chain[s * n + t]! > 0);
  if (lost >= 0)
    throw new DomainError(
      `${fn}: from state ${lost} a policy that never ends gains at least as much as those that do, so the sum of rewards has no largest value`,
    );
}

/** The worst values of a policy that ends, and its expected number of steps against that kernel: nature's policy iteration. */
function untilTheEnd(fn: string, problem: Problem, policy: Float64Array, ends: Uint8Array) {
  const { numStates: n, numActions, onArrival, reward, arrival } = problem.rows;
  const kernel = new Float64Array(n * numActions * n);
  const next = new Float64Array(n);
  let values = new Float64Array(n);
  let steps = new Float64Array(n);
  for (let i = 0; i < 1000; i++) {
    policyStep(problem, values, 0, policy, next, kernel);
    const before = values;
    if (
      i > 0 &&
      next.every((x, s) => ends[s] || x >= before[s]! - 1e-13 * (1 + Math.abs(before[s]!)))
    )
      break;
    const system = new Float64Array(n * n);
    const right = new Float64Array(n * 2);
    for (let s = 0; s < n; s++) {
      system[s * n + s] = 1;
      if (ends[s]) continue;
      right[s * 2 + 1] = 1;
      for (let a = 0; a < numActions; a++) {
        const row = s * numActions + a;
        const share = policy[row]!;
        if (share === 0) continue;
        right[s * 2]! += share * reward(0, row);
        for (let t = 0; t < n; t++) {
          const mass = Math.max(0, kernel[row * n + t]!);
          if (mass === 0) continue;
          system[s * n + t]! -= share * mass;
          if (onArrival) right[s * 2]! += share * mass * arrival(0, row, t);
        }
      }
    }
    const lost = stuck(n, ends, (s, t) => s !== t && system[s * n + t]! < -1e-15);
    if (lost >= 0)
      throw new DomainError(
        `${fn}: nature can keep an episode from ending after state ${lost}; take a smaller radius, or support "nominal"`,
      );
    const both = flatNumbers(
      solve(array(system, { shape: [n, n] }), array(right, { shape: [n, 2] })),
    );
    values = Float64Array.from({ length: n }, (_, s) => both[s * 2]! + 0);
    steps = Float64Array.from({ length: n }, (_, s) => both[s * 2 + 1]!);
  }
  return { values, steps };
}

/** Largest violation of V = max_a inf q·(r + V), by certified bounds, outside the terminal states. */
function pathError(
  problem: Problem,
  values: Float64Array,
  policy: Float64Array,
  ends: Uint8Array,
): number {
  const { numStates, numActions } = problem.model;
  const bounds = stepBounds(problem, values, 0);
  let worst = 0;
  for (let s = 0; s < numStates; s++) {
    if (ends[s]) continue;
    const own = policy.subarray(s * numActions, (s + 1) * numActions);
    const { low, high } = bounds(s, own, undefined);
    const error = Math.max(values[s]! - low, high - values[s]!);
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

/**
 * {@link robustShortestPath} in the process as it is.
 *
 * @param model - process that does not depend on the step
 * @param options - see {@link ShortestPathOptions}
 * @returns see {@link RobustPlan}
 * @throws `DomainError` as {@link robustShortestPath}
 * @example
 * ```ts
 * import { mdp, shortestPath } from "@provably/robust-rl";
 *
 * shortestPath(mdp({ transitions: [[[0, 1]], [[0, 1]]], rewards: [[-3], [0]] })).values; // => [-3, 0]
 * ```
 * @category Planning
 */
export function shortestPath(model: Mdp, options: ShortestPathOptions = {}): RobustPlan {
  return planToTheEnd("shortestPath", model, totalVariation(0), options);
}
