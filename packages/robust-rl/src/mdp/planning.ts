/** Optimal robust planning: value iteration, modified policy iteration, policy iteration, partial policy iteration. */
import { type ArrayInput, type Certificate, type NdArray, array } from "@provably/core-tensor";
import {
  type Schema,
  anything,
  checkOptions,
  longWork,
  numberIn,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { totalVariation } from "../uncertainty/balls.js";
import {
  type Problem,
  type RectangularSet,
  checkHorizon,
  checkProblem,
  isShared,
} from "./problem.js";
import { optimalStep, policyStep, valuesOf } from "./bellman.js";
import { certify, distance } from "./certificate.js";
import { evaluateToFixedPoint } from "./evaluation.js";
import { checkMdp } from "./model.js";
import type { Mdp } from "./process.js";
import { actionsOf } from "./policy.js";
import { checkSpan } from "./span.js";

/**
 * Options of solvers for discounted rewards.
 * @category Planning
 */
export interface DiscountedOptions {
  /** $\gamma \in [0, 1)$. */
  readonly discount: number;
  /** The values are within this distance of the optimum; default 1e-8. */
  readonly tolerance?: number;
  /** Largest number of iterations; default 10000. When reached, `converged` is false. */
  readonly maxIterations?: number;
  /** Values to start from, [states]: the values of an earlier, unfinished run continue it. Default 0. */
  readonly initialValues?: ArrayInput;
  /** Called after each iteration. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly residual: number;
  }) => void;
  /** Stops between two iterations. */
  readonly signal?: AbortSignal;
}

/**
 * Options of solvers for a finite horizon.
 * @category Planning
 */
export interface FiniteHorizonOptions {
  /** Number of steps $H \ge 1$. */
  readonly horizon: number;
  /** $\gamma \in [0, 1]$; default 1. */
  readonly discount?: number;
  /** $V_H$, [states]; default 0. */
  readonly terminalValues?: ArrayInput;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * A robust plan.
 * @category Planning
 */
export interface RobustPlan {
  /** Robust values $V$, float64 [states], or [horizon + 1, states] with the terminal values last. */
  readonly values: NdArray<"float64">;
  /** Robust action values, [states, actions] or [horizon, states, actions]. For s-rectangular sets: of playing that action alone. */
  readonly q: NdArray<"float64">;
  /** Best actions, int32 [states] or [horizon, states]; for s-rectangular sets probabilities, float64 [(horizon,) states, actions]. */
  readonly policy: NdArray;
  /** Sweeps over all states. */
  readonly iterations: number;
  /** Largest change of a value in the last sweep; 0 for a finite horizon. */
  readonly residual: number;
  /** Whether `tolerance` was reached. */
  readonly converged: boolean;
  /** Bound on the distance to the optimum, and on what the policy loses, see {@link certifyPlan}. */
  readonly certificate: Certificate;
}

const DISCOUNTED: Schema<DiscountedOptions> = {
  discount: numberIn(0, 1),
  tolerance: positiveNumber,
  maxIterations: wholeNumber(),
  initialValues: anything,
  ...longWork,
};
const FINITE: Schema<FiniteHorizonOptions> = {
  horizon: wholeNumber(),
  discount: numberIn(0, 1),
  terminalValues: anything,
  signal: longWork.signal,
};

const sizeOf = (values: Float64Array): number =>
  values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);

/** The least and the largest change of a value. */
function changes(now: Float64Array, before: Float64Array): { least: number; most: number } {
  let [least, most] = [Infinity, -Infinity];
  for (let s = 0; s < now.length; s++) {
    const d = now[s]! - before[s]!;
    least = Math.min(least, d);
    most = Math.max(most, d);
  }
  return { least, most };
}

/** What is claimed of every plan. */
const CLAIM = "the robust optimum, and to what the policy is sure to get";

/**
 * Improves a greedy policy until the values no longer change. `evaluate` may bring the values closer to those of the policy between two sweeps; it
 * returns the number of sweeps it took.
 */
function iterate(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  options: DiscountedOptions,
  evaluate: (
    problem: Problem,
    policy: Float64Array,
    values: Float64Array,
    residual: number,
  ) => Float64Array,
): RobustPlan {
  const {
    discount,
    tolerance = 1e-8,
    maxIterations = 10_000,
    initialValues,
    onProgress,
    signal,
  } = checkOptions<DiscountedOptions>(fn, options, DISCOUNTED);
  checkSpan(fn, { discount }, checkMdp(fn, model));
  const problem = checkProblem(fn, model, set, discount);
  const { numStates, numActions } = problem.model;
  let values =
    initialValues === undefined
      ? new Float64Array(numStates)
      : Float64Array.from(valuesOf(fn, initialValues, numStates, "initialValues"));
  let next = new Float64Array(numStates);
  const [q, policy] = [
    new Float64Array(numStates * numActions),
    new Float64Array(numStates * numActions),
  ];
  // a tenth is left for the rounding of the certificate
  const enough = discount === 0 ? Infinity : (0.9 * tolerance * (1 - discount)) / discount;
  let [iterations, residual] = [0, Infinity];
  let between = false;
  let settled: Float64Array | undefined;
  while (iterations < maxIterations) {
    signal?.throwIfAborted();
    optimalStep(problem, values, 0, next, q, policy);
    iterations++;
    residual = distance(next, values);
    [values, next] = [next, values];
    onProgress?.({ iteration: iterations, residual });
    // T(v + c) = Tv + γc, so the optimum lies between bounds that the least and the largest change give.
    const { least, most } = changes(values, next);
    const reach = discount / (1 - discount);
    if (0.5 * reach * (most - least) <= 0.9 * tolerance && residual > enough) {
      const shift = 0.5 * reach * (most + least);
      values = values.map((v) => v + shift);
      q.forEach((x, row) => (q[row] = x + shift));
      between = true;
      break;
    }
    // The residual bounds the error by rounding alone once it is this small.
    if (residual <= enough || residual <= 4e-16 * sizeOf(values)) break;
    values = evaluate(problem, policy, values, residual) as Float64Array<ArrayBuffer>;
    // The same values as a sweep ago will come out for ever: rounding alone keeps the residual above the tolerance.
    const before = settled;
    if (before !== undefined && values.every((v, s) => v === before[s])) break;
    settled = values.slice();
  }
  const converged = between || residual <= Math.max(enough, 4e-16 * sizeOf(values));
  const result = array<"float64">(values);
  const plan = {
    values: result,
    q: array<"float64">(q, { shape: [numStates, numActions] }),
    policy: isShared(set)
      ? array(policy, { shape: [numStates, numActions] })
      : actionsOf(policy, numActions, [numStates]),
  };
  return {
    ...plan,
    iterations,
    residual,
    converged,
    certificate: certify(fn, problem.model, set, result, {
      discount,
      tolerance: Math.max(tolerance, 1e-12),
      floor: plan.policy,
      claim: CLAIM,
    }),
  };
}

function backward(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  options: FiniteHorizonOptions,
): RobustPlan {
  const {
    horizon,
    discount = 1,
    terminalValues,
    signal,
  } = checkOptions<FiniteHorizonOptions>(fn, options, FINITE);
  const problem = checkProblem(fn, model, set, discount);
  checkHorizon(fn, horizon, problem.model);
  const { numStates, numActions } = problem.model;
  const size = numStates * numActions;
  const values = new Float64Array((horizon + 1) * numStates);
  if (terminalValues !== undefined)
    values.set(valuesOf(fn, terminalValues, numStates, "terminalValues"), horizon * numStates);
  const [q, policy] = [new Float64Array(horizon * size), new Float64Array(horizon * size)];
  const at = (h: number): Float64Array => values.subarray(h * numStates, (h + 1) * numStates);
  for (let h = horizon - 1; h >= 0; h--) {
    signal?.throwIfAborted();
    optimalStep(
      problem,
      at(h + 1),
      h,
      at(h),
      q.subarray(h * size, (h + 1) * size),
      policy.subarray(h * size, (h + 1) * size),
    );
  }
  const result = array<"float64">(values, { shape: [horizon + 1, numStates] });
  const randomised = isShared(set);
  const shape = [horizon, numStates, numActions];
  const probabilities = array<"float64">(policy, { shape });
  return {
    values: result,
    q: array<"float64">(q, { shape }),
    policy: randomised ? probabilities : actionsOf(policy, numActions, [horizon, numStates]),
    iterations: horizon,
    residual: 0,
    converged: true,
    certificate: certify(fn, problem.model, set, result, {
      horizon,
      discount,
      tolerance: 1e-9,
      floor: probabilities,
      claim: CLAIM,
      ...(signal && { signal }),
    }),
  };
}

/**
 * The best policy against the worst kernel, by robust value iteration: backwards over a finite horizon, or $V \leftarrow TV$ with a discount until the
 * values are within `tolerance` of the optimum.
 *
 * Ties go to the action of lowest index. O(S²A) a sweep; each sweep of an (s, a)-rectangular set sorts the values once.
 *
 * @param model - decision process, see {@link mdp}
 * @param set - which kernels nature may choose; with radius 0 this is ordinary value iteration
 * @param options - see {@link DiscountedOptions} or {@link FiniteHorizonOptions}
 * @returns values, action values, policy, and the certificate of the values
 * @throws `DomainError` for a discount outside [0, 1), or [0, 1] with a horizon, and a horizon below 1
 * @throws `ShapeError` when the set does not fit the process
 * @example
 * ```ts
 * import { mdp, robustValueIteration, totalVariation } from "@provably/robust-rl";
 *
 * // Safe work, or a gamble that may end in ruin (state 1).
 * const model = mdp({ transitions: [[[1, 0], [0.99, 0.01]], [[0, 1], [0, 1]]], rewards: [[1, 1.05], [0, 0]], axes: "SAS" });
 * robustValueIteration(model, totalVariation(0), { horizon: 3 }).policy; // => [[1, 0], [1, 0], [1, 0]]
 * robustValueIteration(model, totalVariation(0.05), { discount: 0.9 }).certificate.holds; // => true
 * ```
 * @see Iyengar (2005), "Robust dynamic programming"; Nilim, El Ghaoui (2005)
 * @category Planning
 */
export function robustValueIteration(
  model: Mdp,
  set: RectangularSet,
  options: DiscountedOptions | FiniteHorizonOptions,
): RobustPlan {
  return plan("robustValueIteration", model, set, options);
}

function plan(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  options: DiscountedOptions | FiniteHorizonOptions,
): RobustPlan {
  checkOptions<Partial<DiscountedOptions & FiniteHorizonOptions>>(fn, options, {
    ...DISCOUNTED,
    ...FINITE,
  });
  if ("horizon" in options && options.horizon !== undefined)
    return backward(fn, model, set, options);
  return iterate(
    fn,
    model,
    set,
    options as DiscountedOptions,
    (_problem, _policy, values) => values,
  );
}

/**
 * Options of {@link robustModifiedPolicyIteration}.
 * @category Planning
 */
export interface ModifiedOptions extends DiscountedOptions {
  /** Sweeps of the greedy policy alone between two greedy sweeps; default 20. */
  readonly evaluationSweeps?: number;
}

/**
 * The best policy against the worst kernel, by modified policy iteration: a greedy sweep, then some sweeps of the greedy policy alone, which are cheaper
 * by the number of actions.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param options - see {@link ModifiedOptions}
 * @returns see {@link RobustPlan}
 * @throws `DomainError`, `ShapeError` as {@link robustValueIteration}
 * @example
 * ```ts
 * import { mdp, robustModifiedPolicyIteration, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[0.5, 0.5]], [[0, 1]]], rewards: [[1], [0]] });
 * robustModifiedPolicyIteration(model, totalVariation(0.1), { discount: 0.9 }).converged; // => true
 * ```
 * @see Kaufman, Schaefer (2013), "Robust modified policy iteration"
 * @category Planning
 */
export function robustModifiedPolicyIteration(
  model: Mdp,
  set: RectangularSet,
  options: ModifiedOptions,
): RobustPlan {
  const fn = "robustModifiedPolicyIteration";
  const { evaluationSweeps = 20, ...rest } = checkOptions<ModifiedOptions>(fn, options, {
    ...DISCOUNTED,
    evaluationSweeps: wholeNumber(0),
  });
  return modified(fn, model, set, rest, evaluationSweeps);
}

function modified(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  options: DiscountedOptions,
  evaluationSweeps: number,
): RobustPlan {
  return iterate(fn, model, set, options, (problem, policy, values) => {
    let [a, b] = [values, new Float64Array(values.length)];
    for (let k = 0; k < evaluationSweeps; k++) {
      options.signal?.throwIfAborted();
      policyStep(problem, a, 0, policy, b);
      [a, b] = [b, a as Float64Array<ArrayBuffer>];
    }
    return a;
  });
}

/**
 * The best policy against the worst kernel, by policy iteration: every greedy policy is evaluated to the end before the next.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param options - see {@link DiscountedOptions}
 * @returns see {@link RobustPlan}
 * @throws `DomainError`, `ShapeError` as {@link robustValueIteration}
 * @example
 * ```ts
 * import { mdp, robustPolicyIteration, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[0.5, 0.5]], [[0, 1]]], rewards: [[1], [0]] });
 * robustPolicyIteration(model, totalVariation(0.1), { discount: 0.9 }).iterations <= 3; // => true
 * ```
 * @see Iyengar (2005), "Robust dynamic programming"
 * @category Planning
 */
export function robustPolicyIteration(
  model: Mdp,
  set: RectangularSet,
  options: DiscountedOptions,
): RobustPlan {
  return improve("robustPolicyIteration", model, set, options);
}

function improve(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  options: DiscountedOptions,
): RobustPlan {
  const { tolerance = 1e-8, signal } = checkOptions<DiscountedOptions>(fn, options, DISCOUNTED);
  return iterate(fn, model, set, options, (problem, policy, values) => {
    const residual = 0.1 * tolerance * (1 - problem.discount);
    return evaluateToFixedPoint(problem, policy, values, residual, 100_000, { signal }).values;
  });
}

/**
 * The best policy against the worst kernel, by partial policy iteration: policies are evaluated only as exactly as the present residual deserves.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param options - see {@link DiscountedOptions}
 * @returns see {@link RobustPlan}
 * @throws `DomainError`, `ShapeError` as {@link robustValueIteration}
 * @example
 * ```ts
 * import { mdp, partialPolicyIteration, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[0.5, 0.5]], [[0, 1]]], rewards: [[1], [0]] });
 * partialPolicyIteration(model, totalVariation(0.1), { discount: 0.9 }).converged; // => true
 * ```
 * @see Ho, Petrik, Wiesemann (2021), "Partial policy iteration for L1-robust Markov decision processes", Algorithm 1
 * @category Planning
 */
export function partialPolicyIteration(
  model: Mdp,
  set: RectangularSet,
  options: DiscountedOptions,
): RobustPlan {
  const fn = "partialPolicyIteration";
  const { signal } = checkOptions<DiscountedOptions>(fn, options, DISCOUNTED);
  let accuracy = Infinity;
  return iterate(fn, model, set, options, (problem, policy, values, residual) => {
    accuracy = Math.min(0.5 * problem.discount ** 2 * accuracy, 0.5 * residual);
    return evaluateToFixedPoint(problem, policy, values, accuracy, 100_000, {
      method: "sweeps",
      signal,
    }).values;
  });
}

/** Beyond this number of states policies are not evaluated by solving linear systems. */
const DIRECT_STATES = 400;

/**
 * The best policy against the worst kernel by the method that suits: policy iteration for up to 400 states, else modified
 * policy iteration with as many sweeps of a policy as the discount deserves; backwards over a finite horizon.
 *
 * @param model - decision process
 * @param set - uncertainty set; radius 0 for an ordinary process
 * @param options - see {@link DiscountedOptions} or {@link FiniteHorizonOptions}
 * @returns see {@link RobustPlan}; where `tolerance` is not reached `converged` is false and the certificate fails
 * @throws `DomainError`, `ShapeError` as {@link robustValueIteration}
 * @example
 * ```ts
 * import { riverSwim, robustPlan, totalVariation } from "@provably/robust-rl";
 *
 * robustPlan(riverSwim(), totalVariation(0), { discount: 0.9999 }).certificate.holds; // => true
 * ```
 * @category Planning
 */
export function robustPlan(
  model: Mdp,
  set: RectangularSet,
  options: DiscountedOptions | FiniteHorizonOptions,
): RobustPlan {
  const fn = "robustPlan";
  checkOptions<Partial<DiscountedOptions & FiniteHorizonOptions>>(fn, options, {
    ...DISCOUNTED,
    ...FINITE,
  });
  if ("horizon" in options && options.horizon !== undefined)
    return backward(fn, model, set, options);
  const given = options as DiscountedOptions;
  if (checkMdp(fn, model).numStates <= DIRECT_STATES) return improve(fn, model, set, given);
  checkSpan(fn, { discount: given.discount }, checkMdp(fn, model));
  const sweeps = Math.min(1000, Math.max(20, Math.round(2 / (1 - given.discount))));
  return modified(fn, model, set, given, sweeps);
}

/**
 * The best policy of an ordinary decision process, by value iteration: {@link robustValueIteration} with radius 0.
 *
 * @param model - decision process
 * @param options - see {@link DiscountedOptions} or {@link FiniteHorizonOptions}
 * @returns see {@link RobustPlan}
 * @throws `DomainError`, `ShapeError` as {@link robustValueIteration}
 * @example
 * ```ts
 * import { mdp, valueIteration } from "@provably/robust-rl";
 *
 * valueIteration(mdp({ transitions: [[[1]]], rewards: [[1]] }), { horizon: 3 }).values; // => [[3], [2], [1], [0]]
 * ```
 * @category Planning
 */
export function valueIteration(
  model: Mdp,
  options: DiscountedOptions | FiniteHorizonOptions,
): RobustPlan {
  return plan("valueIteration", model, totalVariation(0), options);
}

/**
 * The best policy of an ordinary decision process, by policy iteration with exact evaluation: {@link robustPolicyIteration} with radius 0.
 *
 * @param model - decision process
 * @param options - see {@link DiscountedOptions}
 * @returns see {@link RobustPlan}
 * @throws `DomainError`, `ShapeError` as {@link robustValueIteration}
 * @example
 * ```ts
 * import { mdp, policyIteration } from "@provably/robust-rl";
 *
 * policyIteration(mdp({ transitions: [[[1]]], rewards: [[1]] }), { discount: 0.5 }).values; // => [2]
 * ```
 * @see Howard (1960), "Dynamic programming and Markov processes"
 * @category Planning
 */
export function policyIteration(model: Mdp, options: DiscountedOptions): RobustPlan {
  return improve("policyIteration", model, totalVariation(0), options);
}
