/** Certificates of values and plans: bounds from nature's side and from the dual side, on the process as it was given. */
import { type ArrayInput, type Certificate, toTypedArray } from "@provably/core-tensor";
import {
  type Schema,
  abortSignal,
  anything,
  certificate,
  checkOptions,
  nonNegativeNumber,
  numberIn,
  recordWith,
  check,
  wholeNumber,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { key, permutation } from "@provably/core-tensor/random";
import { shaped } from "../internal/read.js";
import { wordOf } from "../uncertainty/bounds.js";
import { type Nature, sortAgain, sortValues } from "../uncertainty/mass.js";
import { type UncertaintySet } from "../uncertainty/set.js";
import { checkValues } from "../uncertainty/worst-case.js";
import {
  type Problem,
  type RectangularSet,
  checkHorizon,
  checkProblem,
  isShared,
} from "./problem.js";
import { radiusOfRow } from "./sweep.js";
import { stateProblems, worthless } from "./state-problems.js";
import { checkMdp } from "./model.js";
import type { Mdp } from "./process.js";
import { naiveRows } from "./naive.js";
import { checkSpan } from "./span.js";
import { policySteps } from "./policy.js";
import { type SRectangularSet, bestMixture, mixtureValue } from "./s-rectangular.js";
import { type StateBounds, stateBounds } from "./s-rectangular-bounds.js";

/**
 * Options of {@link certifyValues}.
 * @category Certificates
 */
export interface CertifyValuesOptions extends CertifyPlanOptions {
  /** Whose robust values they are, with a horizon perhaps with a leading axis of steps; default: the optimum. */
  readonly policy?: ArrayInput;
}

/**
 * Options of {@link certifyPlan}.
 * @category Certificates
 */
export interface CertifyPlanOptions {
  /** $\gamma$; below 1 without a horizon, default 1 with one. */
  readonly discount?: number;
  /** $H \ge 1$; without it rewards are summed for ever. */
  readonly horizon?: number;
  /** Largest bound with which the claim holds; default 1e-6. */
  readonly tolerance?: number;
  /** Looked at between two steps of a horizon. */
  readonly signal?: AbortSignal;
}

const PLAN: Schema<CertifyPlanOptions> = {
  discount: numberIn(0, 1),
  horizon: wholeNumber(),
  tolerance: nonNegativeNumber,
  signal: abortSignal,
};
const VALUES: Schema<CertifyValuesOptions> = { ...PLAN, policy: anything };

/**
 * A certificate that values are close to the robust optimum, or, with `policy`, to that policy's robust values.
 *
 * It bounds the values from two sides, on the transitions and rewards as they were given, written out one by one.
 * From above by nature: a kernel $q$ that is seen to lie in the set, and $\varepsilon_1 = \max_s [\max_a q_{sa}\cdot z_{sa} - V(s)]$
 * with $z = r + \gamma V$. From below by duality: numbers $d_{sa} \le \inf_q q \cdot z_{sa}$, each from a dual variable,
 * and $\varepsilon_2 = \max_s [V(s) - \max_a d_{sa}]$. Then
 * $\lVert V - V^\star \rVert_\infty \le \max(\varepsilon_1, \varepsilon_2, 0) / (1-\gamma)$; over a finite horizon the
 * discounted numbers of the steps add up. For a policy the means over its actions stand in place of the maxima.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param values - $V$, [states], or with a horizon [horizon + 1, states]; the last row are the terminal values, which
 *   are taken as given
 * @param options - see {@link CertifyValuesOptions}
 * @returns certificate of kind `"bound"`; of kind `"statistical"` where the process is so large that only states drawn at
 *   random are looked at
 * @throws `DomainError` when neither a discount below 1 nor a horizon is given
 * @throws `ShapeError` when the sizes do not fit
 * @example
 * ```ts
 * import { certifyValues, mdp, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[1]]], rewards: [[1]] });
 * certifyValues(model, totalVariation(0), [10], { discount: 0.9 }).holds; // => true
 * certifyValues(model, totalVariation(0), [9], { discount: 0.9 }).value.toFixed(9); // => "1.000000000"
 * certifyValues(model, totalVariation(0), [[2], [1], [0]], { horizon: 2 }).holds; // => true
 * ```
 * @category Certificates
 */
export function certifyValues(
  model: Mdp,
  set: RectangularSet,
  values: ArrayInput,
  options: CertifyValuesOptions,
): Certificate {
  const fn = "certifyValues";
  const { policy, ...rest } = checkOptions<CertifyValuesOptions>(fn, options, VALUES);
  return policy === undefined
    ? certify(fn, model, set, values, { ...rest, claim: "the robust optimum" })
    : certify(fn, model, set, values, {
        ...rest,
        floor: policy,
        ceiling: policy,
        claim: "the policy's robust values",
      });
}

/**
 * A certificate that values are close to the robust optimum and that a policy attains them: as {@link certifyValues},
 * with the bound from above over all actions and the bound from below for the actions that the policy plays. So it bounds
 * both $\lVert V - V^\star \rVert_\infty$ and $\max_s [V(s) - V^\pi(s)]$, where $V^\pi$ are the policy's robust values.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param plan - `values` and `policy`, such as a {@link RobustPlan}
 * @param options - see {@link CertifyPlanOptions}
 * @returns certificate as of {@link certifyValues}
 * @throws `DomainError`, `ShapeError` as {@link certifyValues}
 * @example
 * ```ts
 * import { certifyPlan, mdp, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[1], [1]]], rewards: [[1, 0]] });
 * certifyPlan(model, totalVariation(0.1), { values: [2], policy: [0] }, { discount: 0.5 }).holds; // => true
 * certifyPlan(model, totalVariation(0.1), { values: [2], policy: [1] }, { discount: 0.5 }).holds; // => false
 * ```
 * @category Certificates
 */
export function certifyPlan(
  model: Mdp,
  set: RectangularSet,
  plan: { readonly values: ArrayInput; readonly policy: ArrayInput },
  options: CertifyPlanOptions,
): Certificate {
  const fn = "certifyPlan";
  const { values, policy } = check(
    fn,
    "plan",
    plan,
    recordWith({ values: anything, policy: anything }),
  );
  const rest = checkOptions<CertifyPlanOptions>(fn, options, PLAN);
  return certify(fn, model, set, values, {
    ...rest,
    floor: policy,
    claim: "the robust optimum, and to what the policy is sure to get",
  });
}

/** Numbers that one look at all states may read; beyond them states are drawn at random. */
const MOST_READ = 2 ** 26;
/** So many states drawn, all of them within the bound, leave a share of at most one in a hundred outside, with confidence 0.95. */
const DRAWN = 300;

interface Claim extends CertifyPlanOptions {
  /** The policy whose sure values bound from below; default the best of all. */
  readonly floor?: ArrayInput;
  /** The policy that is held against nature's kernel; default the best of all. */
  readonly ceiling?: ArrayInput;
  readonly claim: string;
}

export function certify(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  given: ArrayInput,
  { discount, horizon, tolerance = 1e-6, signal, floor, ceiling, claim }: Claim,
): Certificate {
  checkSpan(fn, { discount, horizon }, checkMdp(fn, model));
  const problem = checkProblem(fn, model, set, discount ?? 1);
  const { numStates, numActions } = problem.model;
  if (horizon !== undefined) checkHorizon(fn, horizon, problem.model);
  const values = shaped(
    fn,
    "values",
    given,
    horizon === undefined ? [numStates] : [horizon + 1, numStates],
  );
  checkValues(fn, values, "values");
  const stepsOf = (policy: ArrayInput | undefined) =>
    policy === undefined ? undefined : policySteps(fn, policy, horizon ?? 1, problem.model);
  const [floors, ceilings] = [stepsOf(floor), stepsOf(ceiling)];
  const looks = numStates * numActions * numStates * (horizon ?? 1);
  const perStep = Math.max(
    Math.ceil(DRAWN / (horizon ?? 1)),
    Math.floor((numStates * MOST_READ) / looks),
  );
  const sample = perStep < numStates;
  const statesAt = (h: number): Int32Array =>
    sample ? drawn(numStates, perStep, h) : all(numStates);
  const errors = (v: Float64Array, after: Float64Array, h: number): number =>
    stepError(problem, statesAt(h), v, after, h, floors?.[h], ceilings?.[h]);
  let bound = 0;
  if (horizon === undefined) bound = errors(values, values, 0) / (1 - discount!);
  else {
    const at = (h: number): Float64Array => values.subarray(h * numStates, (h + 1) * numStates);
    for (let h = horizon - 1; h >= 0; h--) {
      signal?.throwIfAborted();
      bound = errors(at(h), at(h + 1), h) + problem.discount * bound;
    }
  }
  return certificate({
    claim: `largest distance of the values to ${claim}`,
    kind: sample ? "statistical" : "bound",
    value: bound,
    expected: 0,
    tolerance,
    ...(sample ? { confidence: 0.95 } : {}),
    verdict: bound <= tolerance,
    note: `${
      isShared(set) || set.bounds
        ? "from above by a kernel of nature that lies in the set, from below by dual variables"
        : `the set "${set.kind}" brings no bounds, so the certificate takes its worst case at its word, solved once more, and sees only that nature's kernel is a distribution worth as much`
    }, on the transitions and rewards as given${
      sample
        ? `; at ${perStep} of ${numStates} states${horizon === undefined ? "" : " a step"} drawn at random, so up to 1 % of them may be off`
        : ""
    }${horizon === undefined ? "" : "; the terminal values are taken as given"}. It cannot see whether the process and the set describe the world`,
  });
}

const all = (n: number): Int32Array => Int32Array.from({ length: n }, (_, s) => s);

/** Different states at random: the same ones at every call, others at every step. */
const drawn = (n: number, count: number, step: number): Int32Array =>
  Int32Array.from(toTypedArray(permutation(key(step), n)).slice(0, count));

/** Largest distance of values from what is sure about them one step before, over some states. */
function stepError(
  problem: Problem,
  states: Int32Array,
  values: Float64Array,
  after: Float64Array,
  step: number,
  floor: Float64Array | undefined,
  ceiling: Float64Array | undefined,
): number {
  const { numActions } = problem.model;
  const bounds = stepBounds(problem, after, step);
  let worst = 0;
  for (const s of states) {
    const part = (policy: Float64Array | undefined): Float64Array | undefined =>
      policy?.subarray(s * numActions, (s + 1) * numActions);
    const { low, high } = bounds(s, part(floor), part(ceiling));
    const error = Math.max(values[s]! - low, high - values[s]!);
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

type BoundsOfState = (
  state: number,
  floor: Float64Array | undefined,
  ceiling: Float64Array | undefined,
) => StateBounds;

/** What is sure about the value of each state one step before, from values `after`. */
export function stepBounds(problem: Problem, after: Float64Array, step: number): BoundsOfState {
  const { set } = problem;
  return isShared(set)
    ? sharedBounds({ ...problem, set }, after, step)
    : separateBounds({ ...problem, set }, after, step);
}

/** One set for every state and action. */
function separateBounds(
  problem: Problem & { readonly set: UncertaintySet },
  after: Float64Array,
  step: number,
): BoundsOfState {
  const { set, model, discount, rows } = problem;
  const { numStates, numActions } = model;
  const row = naiveRows(model, discount);
  const boundsOf = set.bounds ?? wordOf(set.leavesSupport);
  const [p, q] = [new Float64Array(numStates), new Float64Array(numStates)];
  // what follows is worth more where its value is, unless rewards depend on it
  const sorted = sortValues(Float64Array.from(after));
  const z = sorted.values;
  const solve = set.worstCase(sorted);
  const nature: Nature = { kernel: q, at: 0, dual: 0 };
  const radiusOf = radiusOfRow(problem, step);
  return (s, floor, ceiling) => {
    let low = floor ? 0 : -Infinity;
    let high = ceiling ? 0 : -Infinity;
    for (let a = 0; a < numActions; a++) {
      const needed = !floor || !ceiling || floor[a] !== 0 || ceiling[a] !== 0;
      const place = s * numActions + a;
      if (!needed || (rows.allows && !rows.allows(step, place))) continue;
      row(step, s, a, after, p, z);
      if (rows.onArrival) sortAgain(sorted);
      const [radius, index] = [radiusOf(place), rows.first(step) + place];
      const value = solve(p, 0, radius, nature, index);
      const sure = boundsOf({ p, z }, radius, { q, dual: nature.dual, value }, index);
      if (!floor) low = Math.max(low, sure.low);
      else if (floor[a] !== 0) low += floor[a]! * sure.low;
      if (!ceiling) high = Math.max(high, sure.high);
      else if (ceiling[a] !== 0) high += ceiling[a]! * sure.high;
    }
    return { low, high };
  };
}

/** One budget for all actions of a state. */
function sharedBounds(
  problem: Problem & { readonly set: SRectangularSet },
  after: Float64Array,
  step: number,
): BoundsOfState {
  const { set, model, discount } = problem;
  const { numStates, numActions } = model;
  const row = naiveRows(model, discount);
  const size = numActions * numStates;
  const [p, z, q] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
  const mixture = new Float64Array(numActions);
  const { budget, problem: solverState } = stateProblems(problem, after, step);
  const weights = set.weights
    ? Array.from(flatNumbers(set.weights))
    : new Array<number>(numActions).fill(1);
  return (s, floor, ceiling) => {
    for (let a = 0; a < numActions; a++)
      row(
        step,
        s,
        a,
        after,
        p.subarray(a * numStates, (a + 1) * numStates),
        z.subarray(a * numStates, (a + 1) * numStates),
      );
    const { allows } = problem.rows;
    if (allows) worthless(z, numStates, (a) => !allows(step, s * numActions + a));
    const state = solverState(s);
    if (!floor) bestMixture(state, budget(s), mixture);
    if (ceiling) mixtureValue(state, budget(s), ceiling, q);
    return stateBounds(
      { p, z, weights },
      budget(s),
      floor ?? mixture,
      ceiling && { policy: ceiling, q },
    );
  };
}

/** Largest |a − b|. */
export function distance(a: Float64Array, b: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    if (!(d <= largest)) largest = d;
  }
  return largest;
}
