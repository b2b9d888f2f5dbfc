/** The robust value of a given policy. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyRecord,
  check,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";
import { totalVariation } from "../uncertainty/set.js";
import { numbers } from "../uncertainty/worst-case.js";
import {
  type Problem,
  type RectangularSet,
  checkHorizon,
  checkProblem,
  policyStep,
  valuesOf,
} from "./bellman.js";
import { certifyValues, distance } from "./certificate.js";
import { type Mdp, checkMdp, isSparse } from "./model.js";
import { policyOf, policySteps } from "./policy.js";

/** Above this number of states a linear system is not solved directly. */
const DIRECT_STATES = 400;

/** Values of a policy under a fixed kernel [S, A, S]: (I − γ P_π) V = r_π. */
function solvePolicy(
  { model, discount }: Problem,
  policy: Float64Array,
  kernel: Float64Array,
): Float64Array {
  const { numStates: n, numActions } = model;
  const r = numbers(model.rewards);
  const system = new Float64Array(n * n);
  const right = new Float64Array(n);
  for (let s = 0; s < n; s++) {
    system[s * n + s] = 1;
    for (let a = 0; a < numActions; a++) {
      const share = policy[s * numActions + a]!;
      if (share === 0) continue;
      const row = (s * numActions + a) * n;
      for (let t = 0; t < n; t++) {
        system[s * n + t]! -= discount * share * kernel[row + t]!;
        if (model.rewardsOnArrival) right[s]! += share * kernel[row + t]! * r[row + t]!;
      }
      if (!model.rewardsOnArrival) right[s]! += share * r[s * numActions + a]!;
    }
  }
  return numbers(solve(array(system, { shape: [n, n] }), array(right)));
}

/**
 * The fixed point of a policy's operator. Nature's policy iteration (take the worst kernel, solve the linear system, repeat) where the system is small
 * and dense, else sweeps.
 */
export function evaluateToFixedPoint(
  problem: Problem,
  policy: Float64Array,
  start: Float64Array,
  residualBound: number,
  maxIterations: number,
  {
    method = "solve",
    signal,
  }: { readonly method?: "solve" | "sweeps"; readonly signal?: AbortSignal | undefined } = {},
): { readonly values: Float64Array; readonly iterations: number; readonly residual: number } {
  const { model } = problem;
  const { numStates: n, numActions } = model;
  const direct = method === "solve" && n <= DIRECT_STATES && !isSparse(model.transitions);
  const kernel = direct ? new Float64Array(n * numActions * n) : undefined;
  let values = Float64Array.from(start);
  let next = new Float64Array(n);
  let [iterations, residual] = [0, Infinity];
  let solved: Float64Array | undefined;
  while (iterations < maxIterations) {
    signal?.throwIfAborted();
    policyStep(problem, values, 0, policy, next, kernel);
    iterations++;
    residual = distance(next, values);
    const size = next.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    [values, next] = [next, values];
    if (residual <= Math.max(residualBound, 4e-16 * size)) break;
    if (kernel === undefined) continue;
    values = Float64Array.from(solvePolicy(problem, policy, kernel));
    // Values fall from kernel to kernel. Where none falls by more than the rounding of the linear system, the worst kernel is found.
    const before = solved;
    if (
      before !== undefined &&
      values.every((v, s) => v >= before[s]! - (4e-16 * size) / (1 - problem.discount))
    )
      break;
    solved = values.slice();
  }
  return { values, iterations, residual };
}

/**
 * Options of {@link robustPolicyEvaluation}.
 * @category Planning
 */
export interface EvaluationOptions {
  /** $\gamma \in [0, 1)$; leave it out for a finite horizon. */
  readonly discount?: number;
  /** Number of steps, without discount. */
  readonly horizon?: number;
  /** $V_H$, [states]; default 0. */
  readonly terminalValues?: ArrayInput;
  /** The values are within this distance of the truth; default 1e-10. */
  readonly tolerance?: number;
  /** Largest number of iterations; default 100000. */
  readonly maxIterations?: number;
}

/**
 * The robust values of a policy.
 * @category Planning
 */
export interface RobustEvaluation {
  /** float64 [states], or [horizon + 1, states]. */
  readonly values: NdArray<"float64">;
  /** Iterations: sweeps, or kernels that nature tried. */
  readonly iterations: number;
  /** Whether `tolerance` was reached. */
  readonly converged: boolean;
  /** Bound on the error of the values; absent for a finite horizon, where they are exact. */
  readonly certificate?: Certificate;
}

/**
 * The value of a policy against the worst kernel.
 *
 * With a discount and up to 400 states nature's policy iteration is used: its values fall from kernel to kernel, and end exactly for polyhedral sets.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param policy - actions [states], probabilities [states, actions], or with a horizon either with leading steps
 * @param options - `discount` or `horizon`, see {@link EvaluationOptions}
 * @returns values, and a certificate when discounted
 * @throws `DomainError` when the policy is none, or not exactly one of discount and horizon is given
 * @throws `ShapeError` when sizes do not fit
 * @example
 * ```ts
 * import { mdp, robustPolicyEvaluation, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[1, 0]], [[0, 1]]], rewards: [[1], [0]] });
 * // Nature leaves the good state with probability 0.1 at every step: 1 / (1 − 0.5 · 0.9).
 * robustPolicyEvaluation(model, totalVariation(0.1), [0, 0], { discount: 0.5 }).values; // => [1 / 0.55, 0]
 * ```
 * @category Planning
 */
export function robustPolicyEvaluation(
  model: Mdp,
  set: RectangularSet,
  policy: ArrayInput,
  options: EvaluationOptions,
): RobustEvaluation {
  const fn = "robustPolicyEvaluation";
  const {
    discount,
    horizon,
    tolerance = 1e-10,
    maxIterations = 100_000,
  } = check("robustPolicyEvaluation", "options", options, anyRecord);
  if ((discount === undefined) === (horizon === undefined))
    throw new DomainError(`${fn}: give either discount or horizon`);
  const { numStates } = checkMdp(fn, model);
  if (!(typeof tolerance === "number" && tolerance > 0))
    throw new DomainError(`${fn}: tolerance must be positive, got ${show(tolerance)}`);
  check(fn, "maxIterations", maxIterations, wholeNumber());
  if (horizon !== undefined) {
    checkHorizon(fn, horizon, model);
    const problem = checkProblem(fn, model, set, 1);
    const values = new Float64Array((horizon + 1) * numStates);
    if (options.terminalValues !== undefined)
      values.set(valuesOf(fn, options.terminalValues, numStates), horizon * numStates);
    const steps = policySteps(fn, policy, horizon, model);
    const at = (h: number): Float64Array => values.subarray(h * numStates, (h + 1) * numStates);
    for (let h = horizon - 1; h >= 0; h--) policyStep(problem, at(h + 1), h, steps[h]!, at(h));
    return {
      values: array<"float64">(values, { shape: [horizon + 1, numStates] }),
      iterations: horizon,
      converged: true,
    };
  }
  if (!(typeof discount === "number" && discount >= 0 && discount < 1))
    throw new DomainError(`${fn}: discount must lie in [0, 1), got ${show(discount)}`);
  if (model.steps !== undefined)
    throw new ShapeError(`${fn}: a process that depends on the step needs a horizon`);
  const problem = checkProblem(fn, model, set, discount);
  const probabilities = policyOf(fn, policy, model);
  const bound = tolerance * (1 - discount);
  const { values, iterations, residual } = evaluateToFixedPoint(
    problem,
    probabilities,
    new Float64Array(numStates),
    bound,
    maxIterations,
  );
  const result = array<"float64">(values);
  const certificate = certifyValues(model, set, result, {
    discount: discount,
    policy,
    tolerance: Math.max(tolerance, 1e-12 / (1 - discount)),
  });
  return {
    values: result,
    iterations,
    converged: residual <= bound || certificate.holds,
    certificate,
  };
}

/**
 * The value of a policy in the model as it is: {@link robustPolicyEvaluation} with radius 0.
 *
 * @param model - decision process
 * @param policy - actions [states] or probabilities [states, actions]
 * @param options - `discount` or `horizon`
 * @returns see {@link RobustEvaluation}
 * @throws `DomainError`, `ShapeError` as {@link robustPolicyEvaluation}
 * @example
 * ```ts
 * import { evaluatePolicy, mdp } from "@provably/robust-rl";
 *
 * evaluatePolicy(mdp({ transitions: [[[1]]], rewards: [[1]] }), [0], { discount: 0.75 }).values; // => [4]
 * ```
 * @category Planning
 */
export function evaluatePolicy(
  model: Mdp,
  policy: ArrayInput,
  options: EvaluationOptions,
): RobustEvaluation {
  return robustPolicyEvaluation(model, totalVariation(0), policy, options);
}

/**
 * The robust value of a policy as a function of the radius, from one start: how gracefully it ages when the model is wrong.
 *
 * @param model - decision process
 * @param setOf - the set of each radius, such as `totalVariation`
 * @param policy - as for {@link robustPolicyEvaluation}
 * @param options - evaluation options; `radii`, and `start` [states], the distribution of the first state (default uniform)
 * @returns one value for each radius, float64; never rising when sets grow
 * @throws `DomainError`, `ShapeError` as {@link robustPolicyEvaluation}
 * @example
 * ```ts
 * import { mdp, robustnessProfile, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[1, 0]], [[0, 1]]], rewards: [[1], [0]] });
 * robustnessProfile(model, totalVariation, [0, 0], { radii: [0, 0.5], start: [1, 0], horizon: 2 }); // => [2, 1.5]
 * ```
 * @category Planning
 */
export function robustnessProfile(
  model: Mdp,
  setOf: (radius: number) => RectangularSet,
  policy: ArrayInput,
  options: EvaluationOptions & { readonly radii: readonly number[]; readonly start?: ArrayInput },
): NdArray<"float64"> {
  const { radii, start, ...rest } = check("robustnessProfile", "options", options, anyRecord);
  const { numStates } = checkMdp("robustnessProfile", model);
  check("robustnessProfile", "setOf", setOf, anyFunction);
  check("robustnessProfile", "options.radii", radii, anyList);
  const weights =
    start === undefined
      ? new Float64Array(numStates).fill(1 / numStates)
      : valuesOf("robustnessProfile", start, numStates);
  return array<"float64">(
    Float64Array.from(radii, (radius) => {
      const values = numbers(robustPolicyEvaluation(model, setOf(radius), policy, rest).values);
      return weights.reduce((sum, w, s) => sum + w * values[s]!, 0);
    }),
  );
}
