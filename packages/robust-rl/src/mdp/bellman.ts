/** Bellman operators of robust decision processes. */
import { type ArrayInput, DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  type Schema,
  check,
  checkOptions,
  numberIn,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { shaped } from "../internal/read.js";
import type { Nature } from "../uncertainty/mass.js";
import { checkValues } from "../uncertainty/worst-case.js";
import type { Mdp } from "./process.js";
import {
  MOST_ENTRIES,
  type Problem,
  type RectangularSet,
  checkProblem,
  isShared,
} from "./problem.js";
import { bestMixture, mixtureValue, saddleKernel } from "./s-rectangular.js";
import { stateProblems } from "./state-problems.js";
import { sweepOf } from "./sweep.js";

/** One application of the optimality operator: new values, action values (for sa-rectangular sets) and a greedy policy [S, A]. */
export function optimalStep(
  problem: Problem,
  values: Float64Array,
  step: number,
  out: Float64Array,
  q: Float64Array,
  policy: Float64Array,
): void {
  const { numStates, numActions } = problem.model;
  const { allows } = problem.rows;
  if (isShared(problem.set)) {
    const { budget, problem: at } = stateProblems({ ...problem, set: problem.set }, values, step);
    for (let s = 0; s < numStates; s++) {
      const mixture = policy.subarray(s * numActions, (s + 1) * numActions);
      const state = at(s);
      out[s] = bestMixture(state, budget(s), mixture);
      for (let a = 0; a < numActions; a++) {
        const only = Float64Array.from({ length: numActions }, (_, b) => (a === b ? 1 : 0));
        const there = !allows || allows(step, s * numActions + a);
        q[s * numActions + a] = there ? mixtureValue(state, budget(s), only) : -Infinity;
      }
    }
    return;
  }
  const action = sweepOf({ ...problem, set: problem.set }, values, step);
  policy.fill(0);
  for (let s = 0; s < numStates; s++) {
    let best = -Infinity;
    let choice = 0;
    for (let a = 0; a < numActions; a++) {
      if (allows && !allows(step, s * numActions + a)) {
        q[s * numActions + a] = -Infinity;
        continue;
      }
      const value = action(s * numActions + a);
      q[s * numActions + a] = value;
      if (value > best) {
        best = value;
        choice = a;
      }
    }
    out[s] = best;
    policy[s * numActions + choice] = 1;
  }
}

/** One application of the operator of a policy [S, A]. `kernel` [S, A, S] receives nature's choice for actions that are played. */
export function policyStep(
  problem: Problem,
  values: Float64Array,
  step: number,
  policy: Float64Array,
  out: Float64Array,
  kernel?: Float64Array,
): void {
  const { numStates, numActions } = problem.model;
  if (isShared(problem.set)) {
    const { budget, problem: at } = stateProblems({ ...problem, set: problem.set }, values, step);
    for (let s = 0; s < numStates; s++)
      out[s] = mixtureValue(
        at(s),
        budget(s),
        policy.subarray(s * numActions, (s + 1) * numActions),
        kernel?.subarray(s * numActions * numStates, (s + 1) * numActions * numStates),
      );
    return;
  }
  const action = sweepOf({ ...problem, set: problem.set }, values, step);
  const nature: Nature | undefined = kernel && { kernel, at: 0, dual: 0 };
  for (let s = 0; s < numStates; s++) {
    let value = 0;
    for (let a = 0; a < numActions; a++) {
      const share = policy[s * numActions + a]!;
      if (share === 0) continue;
      if (nature) nature.at = (s * numActions + a) * numStates;
      value += share * action(s * numActions + a, nature);
    }
    out[s] = value;
  }
}

/**
 * Options of one application of an operator.
 * @category Planning
 */
export interface OperatorOptions {
  /** $\gamma \in [0, 1]$; default 1. */
  readonly discount?: number;
  /** The step of a process that depends on it; default 0. */
  readonly step?: number;
}

const OPERATOR: Schema<OperatorOptions> = { discount: numberIn(0, 1), step: wholeNumber(0) };

/**
 * One application of the robust Bellman operator, $(TV)(s) = \max_a \lbrace r(s,a) + \gamma \inf_{q \in \mathcal U(s,a)} q \cdot V \rbrace$.
 *
 * The operator is monotone and a γ-contraction in the largest norm.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param values - $V$, [states]
 * @param options - `discount` $\gamma$, default 1; `step` for processes that depend on it, default 0
 * @returns `values` [states], `q` [states, actions] (−∞ for actions that a state does not have) and the greedy `policy` [states, actions], float64
 * @throws `ShapeError` when the sizes do not fit
 * @example
 * ```ts
 * import { mdp, robustBellman, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[0.5, 0.5]], [[0, 1]]], rewards: [[1], [0]] });
 * robustBellman(model, totalVariation(0.25), [4, 0]).values; // => [2, 0]
 * ```
 * @see Iyengar (2005); Nilim, El Ghaoui (2005)
 * @category Planning
 */
export function robustBellman(
  model: Mdp,
  set: RectangularSet,
  values: ArrayInput,
  options: OperatorOptions = {},
): {
  readonly values: NdArray<"float64">;
  readonly q: NdArray<"float64">;
  readonly policy: NdArray<"float64">;
} {
  const fn = "robustBellman";
  const { problem, v, step } = operands(fn, model, set, values, options);
  const { numStates, numActions } = problem.model;
  const [out, q, policy] = [
    new Float64Array(numStates),
    new Float64Array(numStates * numActions),
    new Float64Array(numStates * numActions),
  ];
  optimalStep(problem, v, step, out, q, policy);
  const shape = [numStates, numActions];
  return {
    values: array<"float64">(out),
    q: array<"float64">(q, { shape }),
    policy: array<"float64">(policy, { shape }),
  };
}

function operands(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  values: ArrayInput,
  options: OperatorOptions,
) {
  const { discount = 1, step = 0 } = checkOptions<OperatorOptions>(fn, options, OPERATOR);
  const problem = checkProblem(fn, model, set, discount);
  check(fn, "step", step, wholeNumber(0, problem.model.steps));
  return { problem, step, v: valuesOf(fn, values, problem.model.numStates) };
}

/** A vector with one finite value for each state. */
export function valuesOf(
  fn: string,
  values: ArrayInput,
  numStates: number,
  name = "values",
): Float64Array {
  const v = shaped(fn, name, values, [numStates]);
  checkValues(fn, v, name);
  return v;
}

/**
 * The kernel that nature chooses against given values, one minimiser for every state and action.
 *
 * Against an s-rectangular set it is nature's side of the saddle point: no action is worth more than the robust value
 * under it.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param values - $V$, [states]
 * @param options - `discount`, default 1, matters for rewards on arrival; `step`, default 0
 * @returns $q(s' \mid s, a)$, float64 [states, actions, states]
 * @throws `ShapeError` when the sizes do not fit
 * @throws `DomainError` when the kernel would have more than 2³⁰ entries
 * @example
 * ```ts
 * import { mdp, totalVariation, worstCaseKernel } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[0.5, 0.5]], [[0, 1]]], rewards: [[1], [0]] });
 * worstCaseKernel(model, totalVariation(0.25), [4, 0]); // => [[[0.25, 0.75]], [[0, 1]]]
 * ```
 * @category Planning
 */
export function worstCaseKernel(
  model: Mdp,
  set: RectangularSet,
  values: ArrayInput,
  options: OperatorOptions = {},
): NdArray<"float64"> {
  const fn = "worstCaseKernel";
  const { problem, v, step } = operands(fn, model, set, values, options);
  const { numStates, numActions } = problem.model;
  const block = numActions * numStates;
  if (numStates * block > MOST_ENTRIES)
    throw new DomainError(`${fn}: a kernel of ${numStates * block} entries is more than 2³⁰`);
  const kernel = new Float64Array(numStates * block);
  const nature: Nature = { kernel, at: 0, dual: 0 };
  if (isShared(problem.set)) {
    const { budget, problem: at } = stateProblems({ ...problem, set: problem.set }, v, step);
    const mixture = new Float64Array(numActions);
    for (let s = 0; s < numStates; s++) {
      const state = at(s);
      const level = bestMixture(state, budget(s), mixture);
      saddleKernel(state, level, kernel.subarray(s * block, (s + 1) * block));
    }
  } else {
    const action = sweepOf({ ...problem, set: problem.set }, v, step);
    for (let row = 0; row < numStates * numActions; row++) {
      nature.at = row * numStates;
      action(row, nature);
    }
  }
  return array<"float64">(kernel, { shape: [numStates, numActions, numStates] });
}
