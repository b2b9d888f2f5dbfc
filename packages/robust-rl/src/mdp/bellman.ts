/** Bellman operators of robust decision processes. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  isNdArray,
} from "@provably/core-tensor";
import {
  anyRecord,
  check,
  checkOptions,
  numberIn,
  type Schema,
  wholeNumber,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { shaped } from "../internal/read.js";
import { type Nature, type SortedValues, sortAgain, sortValues } from "../uncertainty/mass.js";
import { type UncertaintySet, checkSet } from "../uncertainty/set.js";
import { checkSetSize, checkValues, worstCaseOf } from "../uncertainty/worst-case.js";
import { type Mdp, checkMdp, isSparse } from "./model.js";
import { type Rows, addRow, rowsOf } from "./rows.js";
import {
  type SRectangularSet,
  type StateProblem,
  bestMixture,
  mixtureValue,
  saddleKernel,
} from "./s-rectangular.js";

/**
 * A rectangular uncertainty set: one ball for every state and action, or one shared budget for every state.
 * @category Uncertainty
 */
export type RectangularSet = UncertaintySet | SRectangularSet;

/** What one sweep over all states computes from. */
export interface Problem {
  readonly model: Mdp;
  readonly rows: Rows;
  readonly set: RectangularSet;
  readonly discount: number;
}

/** Largest number of entries in what a call gives. */
const MOST_ENTRIES = 2 ** 30;

/** A number of steps whose values and policies can be stored, and for which the process is known. */
export function checkHorizon(fn: string, horizon: number, model: Mdp): number {
  const { numStates, numActions, steps } = model;
  check(fn, "horizon", horizon, wholeNumber());
  if ((horizon + 1) * numStates * numActions > MOST_ENTRIES)
    throw new DomainError(
      `${fn}: horizon ${horizon} is too long: ${numStates} states and ${numActions} actions a step are more than 2³⁰ entries`,
    );
  if (steps !== undefined && horizon > steps)
    throw new ShapeError(
      `${fn}: horizon ${horizon} is longer than the ${steps} steps of the process`,
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
  const whole = checkMdp(fn, model);
  const { numStates, numActions, transitions, steps, rewardAxes } = whole;
  const rows = rowsOf(fn, whole);
  const problem = { model: whole, rows, set, discount };
  check(fn, "set", set, anyRecord);
  const everywhere =
    "support" in set
      ? set.support === "full"
      : ["wasserstein", "interval", "sRectangularL1"].includes(set.kind);
  if (rewardAxes === "entries" && everywhere && !nothingMoves(set))
    throw new DomainError(
      `${fn}: the set "${set.kind}" lets nature go where a row lists no successor, and rewards.entries do not say what arriving there is worth; give rewards [S, A, S] or [S, A], or use support "nominal"`,
    );
  if (set.kind === "sRectangularL1") {
    if (typeof set.radius === "number" ? !(set.radius >= 0) : !isNdArray(set.radius))
      throw new DomainError(`${fn}: set must be made by sRectangularL1()`);
    if (typeof set.radius !== "number" && set.radius.size !== numStates)
      throw new ShapeError(
        `${fn}: the set has ${set.radius.size} budgets, the process ${numStates} states`,
      );
    if (set.weights && set.weights.size !== numActions)
      throw new ShapeError(
        `${fn}: the set has ${set.weights.size} weights, the process ${numActions} actions`,
      );
    return problem;
  }
  checkSet(fn, set);
  const count = numStates * numActions;
  if (
    typeof set.radius !== "number" &&
    set.radius.size !== count &&
    set.radius.size !== count * (steps ?? 1)
  )
    throw new ShapeError(
      `${fn}: the set has radii of shape [${set.radius.shape.join(", ")}], the process has ${numStates} states and ${numActions} actions`,
    );
  const timed = !isSparse(transitions) && transitions.shape.length === 4;
  checkSetSize(fn, set, numStates, count, count * (timed ? steps! : 1));
  return problem;
}

/** A radius of 0 leaves nature no choice. */
const nothingMoves = (set: RectangularSet): boolean =>
  set.kind !== "interval" && set.kind !== "cvar" && set.radius === 0;

/** The robust action values of one step: q(s, a) = r + γ inf q·v, for the rows asked for. */
export interface Sweep {
  /** The value of one state and action; `nature` receives the kernel row and the dual variable. */
  readonly action: (row: number, nature?: Nature) => number;
}

export function sweepOf(
  problem: Problem & { readonly set: UncertaintySet },
  values: Float64Array,
  step: number,
): Sweep {
  const { rows, set, discount } = problem;
  const { count, numStates, onArrival, dense, first, reward } = rows;
  const radii = typeof set.radius === "number" ? undefined : flatNumbers(set.radius);
  const radiusAt = radii && radii.length > count ? step * count : 0;
  const radius = (row: number): number => (radii ? radii[radiusAt + row]! : (set.radius as number));
  if (onArrival) {
    const worst = listedOnly(rows, set)
      ? compactRows(problem, values, step)
      : spreadRows(problem, values, step);
    return { action: (row, nature) => worst(row, radius(row), nature) };
  }
  let worst: RowCase;
  if (dense && set.kind !== "interval") {
    const direct = worstCaseOf(set, sortValues(values));
    const offset = first(step);
    worst = (row, r, nature) => direct(dense, (offset + row) * numStates, r, nature);
  } else
    worst = listedOnly(rows, set)
      ? compactRows(problem, values, step)
      : spreadRows(problem, values, step);
  return {
    action: (row, nature) => {
      const now = reward(step, row);
      const value = now + discount * worst(row, radius(row), nature);
      if (nature) nature.dual = dualOfWorth(set, nature.dual, now, discount);
      return value;
    },
  };
}

/** The dual variable of the problem in z = r + γ v from that in v. */
function dualOfWorth(
  { kind, ...set }: UncertaintySet,
  dual: number,
  reward: number,
  discount: number,
): number {
  if (kind === "l2") return dual / discount;
  const price =
    kind === "kullbackLeibler" || kind === "wasserstein" || (kind === "l1" && "weights" in set);
  return price ? (dual === Infinity ? Infinity : discount * dual) : reward + discount * dual;
}

/** inf q·z for a row given by number, whatever the storage; z is the value, or reward and discounted value, of what follows. */
type RowCase = (row: number, radius: number, nature: Nature | undefined) => number;

/** Whether nature's choice is known from the successors that a sparse row lists, and the worst of all states. */
function listedOnly({ listed }: Rows, set: UncertaintySet): boolean {
  if (!listed) return false;
  if (nothingMoves(set) && set.kind !== "wasserstein") return true;
  if (set.kind === "totalVariation" || set.kind === "contamination") return true;
  if (set.kind === "l1") return !set.weights || set.support === "nominal";
  return "support" in set
    ? set.support === "nominal"
    : set.kind !== "wasserstein" && set.kind !== "interval";
}

/** Where one row is laid out for nature: filled anew for each. */
interface Bench {
  readonly p: Float64Array;
  readonly sorted: SortedValues;
  readonly weights: Float64Array;
  readonly worst: (radius: number, nature: Nature | undefined) => number;
  readonly nature: Nature;
}

function bench(set: UncertaintySet, n: number): Bench {
  const [p, weights] = [new Float64Array(n), new Float64Array(n)];
  const sorted = sortValues(new Float64Array(n));
  const worst = worstCaseOf(set, sorted, weights);
  return {
    p,
    sorted,
    weights,
    worst: (radius, nature) => worst(p, 0, radius, nature),
    nature: { kernel: new Float64Array(n), at: 0, dual: 0 },
  };
}

/** Sparse rows made compact: the listed successors, and the worst of all states where nature may go anywhere. */
function compactRows(
  { rows, set, discount }: Problem & { readonly set: UncertaintySet },
  values: Float64Array,
  step: number,
): RowCase {
  const { listed, onArrival, arrival, numStates } = rows;
  const { pointers, columns, probabilities } = listed!;
  const everywhere = "support" in set && set.support === "full" && !nothingMoves(set);
  const weights = set.kind === "l1" && set.weights ? flatNumbers(set.weights) : undefined;
  const worth = onArrival
    ? (row: number, s: number): number => arrival(step, row, s) + discount * values[s]!
    : (_: number, s: number): number => values[s]!;
  let worst = 0;
  for (let s = 1; s < numStates; s++) if (values[s]! < values[worst]!) worst = s;
  const worstOf = (row: number): number => {
    if (!onArrival) return worst;
    let lowest = 0;
    for (let s = 1; s < numStates; s++) if (worth(row, s) < worth(row, lowest)) lowest = s;
    return lowest;
  };
  const benches = new Map<number, Bench>();
  return (row, radius, nature) => {
    const [from, to] = [pointers[row]!, pointers[row + 1]!];
    const length = to - from;
    const n = length + (everywhere ? 1 : 0);
    let place = benches.get(n);
    if (!place) benches.set(n, (place = bench(set, n)));
    const { p, sorted } = place;
    for (let k = 0; k < length; k++) {
      const s = columns[from + k]!;
      p[k] = probabilities[from + k]!;
      sorted.values[k] = worth(row, s);
      if (weights) place.weights[k] = weights[s]!;
    }
    const lowest = everywhere ? worstOf(row) : 0;
    if (everywhere) sorted.values[length] = worth(row, lowest);
    sortAgain(sorted);
    if (!nature) return place.worst(radius, undefined);
    const value = place.worst(radius, place.nature);
    nature.kernel.fill(0, nature.at, nature.at + numStates);
    for (let k = 0; k < length; k++)
      nature.kernel[nature.at + columns[from + k]!]! += place.nature.kernel[k]!;
    if (everywhere) nature.kernel[nature.at + lowest]! += place.nature.kernel[length]!;
    nature.dual = place.nature.dual;
    return value;
  };
}

/** Rows written out over all states. */
function spreadRows(
  { rows, set, discount }: Problem & { readonly set: UncertaintySet },
  values: Float64Array,
  step: number,
): RowCase {
  const { numStates: n, onArrival, arrival, first, count } = rows;
  const p = new Float64Array(n);
  const sorted = sortValues(onArrival ? new Float64Array(n) : values);
  const worst = worstCaseOf(set, sorted);
  // bounds of one step serve all
  const once = set.kind === "interval" && set.lower.size <= count * n;
  return (row, radius, nature) => {
    p.fill(0);
    addRow(rows, step, row, 1, p, 0);
    if (onArrival) {
      for (let s = 0; s < n; s++) sorted.values[s] = arrival(step, row, s) + discount * values[s]!;
      sortAgain(sorted);
    }
    // bounds stand in the place of the distribution, so they need the row's
    const at = set.kind === "interval" ? ((once ? 0 : first(step)) + row) * n : 0;
    return worst(p, at, radius, nature);
  };
}

/** The problems of the states under an s-rectangular set; each call fills the same memory. */
export function stateProblems(
  { rows, set, discount }: Problem & { readonly set: SRectangularSet },
  values: Float64Array,
  step: number,
) {
  const { numStates, numActions, onArrival, reward, arrival } = rows;
  const weights = set.weights ? flatNumbers(set.weights) : undefined;
  const budgets = typeof set.radius === "number" ? undefined : flatNumbers(set.radius);
  const [p, z] = [
    new Float64Array(numActions * numStates),
    new Float64Array(numActions * numStates),
  ];
  const shared = onArrival ? undefined : sortValues(values).order;
  const orders = Array.from({ length: numActions }, () => shared ?? new Int32Array(numStates));
  return {
    budget: (s: number): number => (budgets ? budgets[s]! : (set.radius as number)),
    problem: (s: number): StateProblem => {
      p.fill(0);
      for (let a = 0; a < numActions; a++) {
        const [row, at] = [s * numActions + a, a * numStates];
        addRow(rows, step, row, 1, p, at);
        const now = reward(step, row);
        for (let t = 0; t < numStates; t++)
          z[at + t] = now + (onArrival ? arrival(step, row, t) : 0) + discount * values[t]!;
        if (!shared) sortAgain({ values: z.subarray(at, at + numStates), order: orders[a]! });
      }
      return { p, z, numStates, numActions, orders, weights: (a) => weights?.[a] ?? 1 };
    },
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
      const state = at(s);
      out[s] = bestMixture(state, budget(s), mixture);
      for (let a = 0; a < numActions; a++) {
        const only = Float64Array.from({ length: numActions }, (_, b) => (a === b ? 1 : 0));
        q[s * numActions + a] = mixtureValue(state, budget(s), only);
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
        kernel?.subarray(s * numActions * numStates, (s + 1) * numActions * numStates),
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
  if (problem.set.kind === "sRectangularL1") {
    const { budget, problem: at } = stateProblems({ ...problem, set: problem.set }, v, step);
    const mixture = new Float64Array(numActions);
    for (let s = 0; s < numStates; s++) {
      const state = at(s);
      const level = bestMixture(state, budget(s), mixture);
      saddleKernel(state, level, kernel.subarray(s * block, (s + 1) * block));
    }
  } else {
    const { action } = sweepOf({ ...problem, set: problem.set }, v, step);
    for (let row = 0; row < numStates * numActions; row++) {
      nature.at = row * numStates;
      action(row, nature);
    }
  }
  return array<"float64">(kernel, { shape: [numStates, numActions, numStates] });
}
