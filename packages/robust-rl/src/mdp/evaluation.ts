/** The robust value of a given policy. */
import { type ArrayInput, type Certificate, type NdArray, array } from "@provably/core-tensor";
import {
  type Schema,
  abortSignal,
  anyFunction,
  anything,
  check,
  checkOptions,
  listOf,
  nonNegativeNumber,
  numberIn,
  positiveNumber,
  wholeNumber,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";
import { startOf } from "../internal/distributions.js";
import { totalVariation } from "../uncertainty/balls.js";
import { type Problem, type RectangularSet, checkHorizon, checkProblem } from "./problem.js";
import { policyStep, valuesOf } from "./bellman.js";
import { certify, distance } from "./certificate.js";
import { checkMdp } from "./model.js";
import type { Mdp } from "./process.js";
import { policyOf, policySteps } from "./policy.js";
import { checkSpan } from "./span.js";

/** Above this number of states a linear system is not solved directly. */
const DIRECT_STATES = 400;

/** Values of a policy under a fixed kernel [S, A, S]: (I − γ P_π) V = r_π. */
function solvePolicy(
  { rows, discount }: Problem,
  policy: Float64Array,
  kernel: Float64Array,
): Float64Array {
  const { numStates: n, numActions, onArrival, reward, arrival } = rows;
  const system = new Float64Array(n * n);
  const right = new Float64Array(n);
  for (let s = 0; s < n; s++) {
    system[s * n + s] = 1;
    for (let a = 0; a < numActions; a++) {
      const share = policy[s * numActions + a]!;
      if (share === 0) continue;
      const row = s * numActions + a;
      right[s]! += share * reward(0, row);
      for (let t = 0; t < n; t++) {
        const mass = kernel[row * n + t]!;
        if (mass === 0) continue;
        system[s * n + t]! -= discount * share * mass;
        if (onArrival) right[s]! += share * mass * arrival(0, row, t);
      }
    }
  }
  return flatNumbers(solve(array(system, { shape: [n, n] }), array(right)));
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
  const direct = method === "solve" && n <= DIRECT_STATES;
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
  /** $\gamma$; below 1 without a horizon, default 1 with one. */
  readonly discount?: number;
  /** Number of steps; without it rewards are summed for ever. */
  readonly horizon?: number;
  /** $V_H$, [states]; default 0. */
  readonly terminalValues?: ArrayInput;
  /** The values are within this distance of the truth; default 1e-10. */
  readonly tolerance?: number;
  /** Largest number of iterations; default 100000. */
  readonly maxIterations?: number;
  /** Stops between two sweeps. */
  readonly signal?: AbortSignal;
}

const EVALUATION: Schema<EvaluationOptions> = {
  discount: numberIn(0, 1),
  horizon: wholeNumber(),
  terminalValues: anything,
  tolerance: positiveNumber,
  maxIterations: wholeNumber(),
  signal: abortSignal,
};

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
  /** Bound on the error of the values, see {@link certifyValues}. */
  readonly certificate: Certificate;
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
 * @returns values and their certificate
 * @throws `DomainError` when the policy is none, or neither a discount below 1 nor a horizon is given
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
  return evaluate("robustPolicyEvaluation", model, set, policy, options);
}

function evaluate(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  policy: ArrayInput,
  options: EvaluationOptions,
): RobustEvaluation {
  const {
    discount,
    horizon,
    terminalValues,
    tolerance = 1e-10,
    maxIterations = 100_000,
    signal,
  } = checkOptions<EvaluationOptions>(fn, options, EVALUATION);
  checkSpan(fn, { discount, horizon, terminalValues }, checkMdp(fn, model));
  const problem = checkProblem(fn, model, set, discount ?? 1);
  const { numStates } = problem.model;
  const claim = "the policy's robust values";
  if (horizon !== undefined) {
    checkHorizon(fn, horizon, problem.model);
    const values = new Float64Array((horizon + 1) * numStates);
    if (terminalValues !== undefined)
      values.set(valuesOf(fn, terminalValues, numStates, "terminalValues"), horizon * numStates);
    const policies = policySteps(fn, policy, horizon, problem.model);
    const at = (h: number): Float64Array => values.subarray(h * numStates, (h + 1) * numStates);
    for (let h = horizon - 1; h >= 0; h--) {
      signal?.throwIfAborted();
      policyStep(problem, at(h + 1), h, policies[h]!, at(h));
    }
    const result = array<"float64">(values, { shape: [horizon + 1, numStates] });
    return {
      values: result,
      iterations: horizon,
      converged: true,
      certificate: certify(fn, problem.model, set, result, {
        horizon,
        ...(discount !== undefined && { discount }),
        tolerance: 1e-9,
        floor: policy,
        ceiling: policy,
        claim,
      }),
    };
  }
  const probabilities = policyOf(fn, policy, problem.model);
  const bound = tolerance * (1 - discount!);
  const { values, iterations, residual } = evaluateToFixedPoint(
    problem,
    probabilities,
    new Float64Array(numStates),
    bound,
    maxIterations,
    { signal },
  );
  const result = array<"float64">(values);
  const certificate = certify(fn, problem.model, set, result, {
    discount: discount!,
    tolerance: Math.max(tolerance, 1e-12 / (1 - discount!)),
    floor: policy,
    ceiling: policy,
    claim,
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
  return evaluate("evaluatePolicy", model, totalVariation(0), policy, options);
}

/**
 * Options of {@link robustnessProfile}.
 * @category Planning
 */
export interface ProfileOptions extends EvaluationOptions {
  readonly radii: readonly number[];
  /** Distribution of the first state, [states]; default uniform. */
  readonly start?: ArrayInput;
}

const PROFILE: Schema<ProfileOptions> = {
  ...EVALUATION,
  radii: listOf(nonNegativeNumber),
  start: anything,
};

/**
 * The robust value of a policy as a function of the radius, from one start: how gracefully it ages when the model is wrong.
 *
 * @param model - decision process
 * @param setOf - the set of each radius, such as `totalVariation`
 * @param policy - as for {@link robustPolicyEvaluation}
 * @param options - see {@link ProfileOptions}
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
  options: ProfileOptions,
): NdArray<"float64"> {
  const fn = "robustnessProfile";
  const { radii, start, ...rest } = checkOptions<ProfileOptions>(fn, options, PROFILE);
  const { numStates } = checkMdp(fn, model);
  check(fn, "setOf", setOf, anyFunction);
  check(fn, "radii", radii, listOf(nonNegativeNumber));
  const weights = startOf(fn, start, numStates);
  return array<"float64">(
    Float64Array.from(radii, (radius) => {
      const values = flatNumbers(evaluate(fn, model, setOf(radius), policy, rest).values);
      return weights.reduce((sum, w, s) => sum + w * values[s]!, 0);
    }),
  );
}
