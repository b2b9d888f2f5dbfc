/** Bellman operators of robust decision processes. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  isNdArray,
} from "@provably/core-tensor";
import { anyRecord, check, show, wholeNumber } from "@provably/core-tensor/internal";
import { type Nature, sortValues } from "../uncertainty/mass.js";
import { type UncertaintySet, checkSet } from "../uncertainty/set.js";
import { checkSetSize, checkValues, numbers, worstCaseOf } from "../uncertainty/worst-case.js";
import { type Mdp, type SparseTransitions, checkMdp, isSparse } from "./model.js";
import {
  type SRectangularSet,
  type StateProblem,
  bestMixture,
  mixtureValue,
} from "./s-rectangular.js";

/**
 * A rectangular uncertainty set: one ball for every state and action, or one shared budget for every state.
 * @category Uncertainty
 */
export type RectangularSet = UncertaintySet | SRectangularSet;

/** What one sweep over all states computes from. */
export interface Problem {
  readonly model: Mdp;
  readonly set: RectangularSet;
  readonly discount: number;
}

/** Largest number of entries in what a call gives. */
const MOST_ENTRIES = 2 ** 30;

/** A number of steps whose values and policies can be stored. */
export function checkHorizon(fn: string, horizon: number, { numStates, numActions }: Mdp): number {
  check(fn, "horizon", horizon, wholeNumber());
  if ((horizon + 1) * numStates * numActions > MOST_ENTRIES)
    throw new DomainError(
      `${fn}: horizon ${horizon} is too long: ${numStates} states and ${numActions} actions a step are more than 2³⁰ entries`,
    );
  return horizon;
}

/** Checks that a set fits a process. */
export function checkProblem(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  discount: number,
): Problem {
  const { numStates, numActions, transitions, steps } = checkMdp(fn, model);
  check(fn, "set", set, anyRecord);
  if (set.kind === "sRectangularL1") {
    if (typeof set.radius === "number" ? !(set.radius >= 0) : !isNdArray(set.radius))
      throw new DomainError(`${fn}: set must be made by sRectangularL1()`);
    if (isSparse(transitions) || model.rewardsOnArrival)
      throw new DomainError(
        `${fn}: s-rectangular sets need dense transitions and rewards of shape [S, A]`,
      );
    if (typeof set.radius !== "number" && set.radius.size !== numStates)
      throw new ShapeError(
        `${fn}: the set has ${set.radius.size} budgets, the process ${numStates} states`,
      );
    if (set.weights && set.weights.size !== numActions)
      throw new ShapeError(
        `${fn}: the set has ${set.weights.size} weights, the process ${numActions} actions`,
      );
    return { model, set, discount };
  }
  checkSet(fn, set);
  const rows = numStates * numActions;
  if (
    typeof set.radius !== "number" &&
    set.radius.size !== rows &&
    set.radius.size !== rows * (steps ?? 1)
  )
    throw new ShapeError(
      `${fn}: the set has radii of shape [${set.radius.shape.join(", ")}], the process has ${numStates} states and ${numActions} actions`,
    );
  checkSetSize(fn, set, numStates, isSparse(transitions) ? rows : transitions.size / numStates);
  const closed =
    "support" in set
      ? set.support === "nominal"
      : set.kind !== "wasserstein" && set.kind !== "interval";
  if (
    isSparse(transitions) &&
    !closed &&
    set.kind !== "totalVariation" &&
    set.kind !== "l1" &&
    set.kind !== "contamination"
  )
    throw new DomainError(
      `${fn}: the set "${set.kind}" may put mass on every state, which sparse transitions do not allow; use support "nominal" or dense transitions`,
    );
  return { model, set, discount };
}

/** inf q·v for a row given by number, whatever the storage. */
type RowCase = (row: number, radius: number, nature: Nature | undefined) => number;

function denseRows(
  set: UncertaintySet,
  p: Float64Array,
  offset: number,
  values: Float64Array,
): RowCase {
  const worst = worstCaseOf(set, values);
  const n = values.length;
  return (row, radius, nature) => worst(p, offset + row * n, radius, nature);
}

/** Rewards on arrival change the values from row to row, so each row is sorted for itself. */
function arrivalRows(
  set: UncertaintySet,
  p: Float64Array,
  rewards: Float64Array,
  values: Float64Array,
  discount: number,
): RowCase {
  const n = values.length;
  const local = new Float64Array(n);
  return (row, radius, nature) => {
    for (let s = 0; s < n; s++) local[s] = rewards[row * n + s]! + discount * values[s]!;
    return worstCaseOf(set, local)(p, row * n, radius, nature);
  };
}

/** A sparse row is made compact: its successors, and the worst of all states where nature may go there. */
function sparseRows(
  set: UncertaintySet,
  { rowPointers, columns, probabilities }: SparseTransitions,
  values: Float64Array,
): RowCase {
  let worst = 0;
  for (let s = 1; s < values.length; s++) if (values[s]! < values[worst]!) worst = s;
  const everywhere = "support" in set && set.support === "full";
  if (set.kind === "totalVariation" || (set.kind === "l1" && !set.weights)) {
    const scale = set.kind === "l1" ? 0.5 : 1;
    return (row, radius) => {
      const from = rowPointers[row]!;
      const to = rowPointers[row + 1]!;
      let low = everywhere ? values[worst]! : Infinity;
      let value = 0;
      for (let k = from; k < to; k++) {
        const p = probabilities[k]!;
        const v = values[columns[k]!]!;
        value += p * v;
        if (p > 0 && v < low) low = v;
      }
      // The best successors first: a selection, since rows are short and budgets soon spent.
      let left = scale * radius;
      let ceiling = Infinity;
      let after = -1;
      while (left > 0) {
        let best = low;
        let pick = -1;
        for (let k = from; k < to; k++) {
          const v = values[columns[k]!]!;
          if (v > best && (v < ceiling || (v === ceiling && k > after))) {
            best = v;
            pick = k;
          }
        }
        if (pick < 0) break;
        const moved = Math.min(left, probabilities[pick]!);
        value -= moved * (best - low);
        left -= moved;
        ceiling = best;
        after = pick;
      }
      return value;
    };
  }
  return (row, radius) => {
    const [from, to] = [rowPointers[row]!, rowPointers[row + 1]!];
    const extra = everywhere ? 1 : 0;
    const p = new Float64Array(to - from + extra);
    const local = new Float64Array(to - from + extra);
    p.set(probabilities.subarray(from, to));
    for (let k = from; k < to; k++) local[k - from] = values[columns[k]!]!;
    if (everywhere) local[to - from] = values[worst]!;
    return worstCaseOf(set, local)(p, 0, radius, undefined);
  };
}

/** The robust action values of one step: q(s, a) = r + γ inf q·v, for the rows asked for. */
export interface Sweep {
  /** The value of one state and action. */
  readonly action: (row: number, nature?: Nature) => number;
}

const noNature = undefined;

export function sweepOf(
  { model, set, discount }: Problem & { readonly set: UncertaintySet },
  values: Float64Array,
  step: number,
): Sweep {
  const { transitions, rewards, numStates, numActions, rewardsOnArrival } = model;
  const rows = numStates * numActions;
  const r = numbers(rewards);
  const rewardAt = rewards.shape.length === 3 && !rewardsOnArrival ? step * rows : 0;
  const radii = typeof set.radius === "number" ? undefined : numbers(set.radius);
  const radiusAt = radii && radii.length > rows ? step * rows : 0;
  const radius = (row: number): number => (radii ? radii[radiusAt + row]! : (set.radius as number));
  if (rewardsOnArrival && !isSparse(transitions)) {
    const worst = arrivalRows(set, numbers(transitions), r, values, discount);
    return { action: (row, nature = noNature) => worst(row, radius(row), nature) };
  }
  const offset =
    !isSparse(transitions) && transitions.shape.length === 4 ? step * rows * numStates : 0;
  const worst = isSparse(transitions)
    ? sparseRows(set, transitions, values)
    : denseRows(set, numbers(transitions), offset, values);
  return {
    action: (row, nature = noNature) =>
      r[rewardAt + row]! + discount * worst(row, radius(row), nature),
  };
}

/** The problem of one state under an s-rectangular set. */
export function stateProblems(
  { model, set, discount }: Problem & { readonly set: SRectangularSet },
  values: Float64Array,
  step: number,
) {
  const { transitions, rewards, numStates, numActions } = model;
  const dense = transitions as NdArray;
  const rows = numStates * numActions;
  const offset = dense.shape.length === 4 ? step * rows * numStates : 0;
  const rewardAt = rewards.shape.length === 3 ? step * rows : 0;
  const [p, r] = [numbers(dense), numbers(rewards)];
  const { order } = sortValues(values);
  const weights = set.weights ? numbers(set.weights) : undefined;
  const budgets = typeof set.radius === "number" ? undefined : numbers(set.radius);
  return {
    budget: (s: number): number => (budgets ? budgets[s]! : (set.radius as number)),
    problem: (s: number): StateProblem => ({
      p,
      at: offset + s * numActions * numStates,
      numActions,
      values,
      order,
      rewards: (a) => r[rewardAt + s * numActions + a]!,
      discount,
      weights: (a) => weights?.[a] ?? 1,
    }),
  };
}

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
  if (problem.set.kind === "sRectangularL1") {
    const { budget, problem: at } = stateProblems({ ...problem, set: problem.set }, values, step);
    for (let s = 0; s < numStates; s++) {
      const mixture = policy.subarray(s * numActions, (s + 1) * numActions);
      out[s] = bestMixture(at(s), budget(s), mixture);
      for (let a = 0; a < numActions; a++) {
        const only = Float64Array.from({ length: numActions }, (_, b) => (a === b ? 1 : 0));
        q[s * numActions + a] = mixtureValue(at(s), budget(s), only);
      }
    }
    return;
  }
  const { action } = sweepOf({ ...problem, set: problem.set }, values, step);
  policy.fill(0);
  for (let s = 0; s < numStates; s++) {
    let best = -Infinity;
    let choice = 0;
    for (let a = 0; a < numActions; a++) {
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
  if (problem.set.kind === "sRectangularL1") {
    const { budget, problem: at } = stateProblems({ ...problem, set: problem.set }, values, step);
    for (let s = 0; s < numStates; s++)
      out[s] = mixtureValue(
        at(s),
        budget(s),
        policy.subarray(s * numActions, (s + 1) * numActions),
        kernel,
      );
    return;
  }
  const { action } = sweepOf({ ...problem, set: problem.set }, values, step);
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
 * One application of the robust Bellman operator, $(TV)(s) = \max_a \lbrace r(s,a) + \gamma \inf_{q \in \mathcal U(s,a)} q \cdot V \rbrace$.
 *
 * The operator is monotone and a γ-contraction in the largest norm.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param values - $V$, [states]
 * @param options - `discount` $\gamma$, default 1; `step` for processes that depend on it, default 0
 * @returns `values` [states], `q` [states, actions] and the greedy `policy` [states, actions], float64
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
  options: { readonly discount?: number; readonly step?: number } = {},
): {
  readonly values: NdArray<"float64">;
  readonly q: NdArray<"float64">;
  readonly policy: NdArray<"float64">;
} {
  const { discount = 1, step = 0 } = check("robustBellman", "options", options, anyRecord);
  if (!(typeof discount === "number" && discount >= 0 && discount <= 1))
    throw new DomainError(`robustBellman: discount must lie in [0, 1], got ${show(discount)}`);
  const problem = checkProblem("robustBellman", model, set, discount);
  if (!Number.isInteger(step) || step < 0 || step >= (model.steps ?? Infinity))
    throw new DomainError(
      `robustBellman: step must be an integer from 0 and within the process, got ${show(step)}`,
    );
  const v = valuesOf("robustBellman", values, model.numStates);
  const { numStates, numActions } = model;
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

/** A vector with one finite value for each state. */
export function valuesOf(fn: string, values: ArrayInput, numStates: number): Float64Array {
  const v = array(values, { dtype: "float64" });
  if (v.shape.length !== 1 || v.size !== numStates)
    throw new ShapeError(
      `${fn}: values must have shape [${numStates}], got [${v.shape.join(", ")}]`,
    );
  checkValues(fn, numbers(v));
  return numbers(v);
}

/**
 * The kernel that nature chooses against given values, one minimiser for every state and action.
 *
 * @param model - decision process with dense transitions
 * @param set - (s, a)-rectangular uncertainty set
 * @param values - $V$, [states]
 * @param options - `discount`, default 1, matters for rewards on arrival; `step`, default 0
 * @returns $q(s' \mid s, a)$, float64 [states, actions, states]
 * @throws `ShapeError` when the sizes do not fit
 * @throws `DomainError` for sparse transitions
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
  set: UncertaintySet,
  values: ArrayInput,
  options: { readonly discount?: number; readonly step?: number } = {},
): NdArray<"float64"> {
  const { discount = 1, step = 0 } = check("worstCaseKernel", "options", options, anyRecord);
  if (!(typeof discount === "number" && discount >= 0 && discount <= 1))
    throw new DomainError(`worstCaseKernel: discount must lie in [0, 1], got ${show(discount)}`);
  check("worstCaseKernel", "step", step, wholeNumber(0));
  if (isSparse(checkMdp("worstCaseKernel", model).transitions))
    throw new DomainError("worstCaseKernel: transitions must be dense, since the worst kernel is");
  const problem = checkProblem("worstCaseKernel", model, set, discount);
  const v = valuesOf("worstCaseKernel", values, model.numStates);
  const { numStates, numActions } = model;
  const nature: Nature = {
    kernel: new Float64Array(numStates * numActions * numStates),
    at: 0,
    dual: 0,
  };
  const { action } = sweepOf({ ...problem, set }, v, step);
  for (let row = 0; row < numStates * numActions; row++) {
    nature.at = row * numStates;
    action(row, nature);
  }
  return array<"float64">(nature.kernel, { shape: [numStates, numActions, numStates] });
}
