/** Offline VPO: pessimistic policies from a fixed set of preferences. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  array,
} from "@provably/core-tensor";
import { anyRecord, check, checkHooks, show, wholeNumber } from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";
import { atLeast, finite, numbers, positive } from "../arrays.js";
import { certifyStationary } from "../certify/stationary.js";
import {
  type FlatProblem,
  type ObjectiveOptions,
  type PreferenceProblem,
  evaluate,
  flattenProblem,
  logPolicyOf,
  rewardsOf,
} from "../exact/problem.js";
import {
  type OptimizerName,
  type OptimizerState,
  checkOptimizer,
  initialState,
  optimizerStep,
  workingState,
} from "./optimizer.js";

/**
 * Constants of the objective.
 * @category Training
 */
export interface VpoConstants {
  /** Temperature $\beta > 0$. */
  readonly beta: number;
  /** Weight $\alpha \ge 0$ in mean form; see {@link alphaFromSum}. 0 is maximum likelihood (DPO). */
  readonly alpha: number;
  /** −1 (default) for pessimism, +1 for optimism. */
  readonly sign?: 1 | -1;
}

/**
 * What training on a finite problem gives.
 * @category Training
 */
export interface TrainingResult {
  /** Reward parameters $\theta$, float64 [d]. */
  readonly theta: NdArray<"float64">;
  /** $\ln\pi_\theta$, float64 [X, Y]. */
  readonly logPolicy: NdArray<"float64">;
  /** Objective before every step and after the last, [steps + 1]. */
  readonly losses: NdArray<"float64">;
  /** Steps taken. */
  readonly iterations: number;
  /** Whether the gradient became smaller than the tolerance; always false for a fixed number of steps. */
  readonly converged: boolean;
  /** Plain data from which training goes on; absent after {@link solveOffline}. */
  readonly state?: OptimizerState;
  /** The size of the gradient, recomputed. */
  readonly certificate: Certificate;
}

export function constantsOf(fn: string, constants: VpoConstants): ObjectiveOptions {
  const { beta, alpha, sign = -1 } = check(fn, "constants", constants, anyRecord);
  if (sign !== 1 && sign !== -1)
    throw new DomainError(`${fn}: sign must be 1 (optimism) or -1 (pessimism), got ${show(sign)}`);
  return { beta: positive(fn, "beta", beta), alpha: atLeast(fn, "alpha", alpha, 0), sign };
}

function resultOf(
  problem: FlatProblem,
  constants: ObjectiveOptions,
  theta: Float64Array,
  losses: readonly number[],
  converged: boolean,
): Omit<TrainingResult, "state"> {
  return {
    theta: array<"float64">(theta),
    logPolicy: array<"float64">(logPolicyOf(problem, theta, constants.beta), {
      shape: [problem.prompts, problem.responses],
    }),
    losses: array<"float64">(Float64Array.from(losses)),
    iterations: losses.length - 1,
    converged,
    certificate: certifyStationary(problem, constants, theta),
  };
}

/**
 * The VPO objective on a finite problem, in mean form, with its gradient:
 * $\frac1N\sum_i \mathrm{softplus}(-z_i) + s\,\alpha\,\beta\,\mathbb E_{\rho,\pi_{\mathrm{cal}}}[\ln\pi_\theta - \ln\pi_{\mathrm{ref}}]$.
 *
 * @param problem - see {@link PreferenceProblem}
 * @param theta - parameters, [d]
 * @param constants - see {@link VpoConstants}
 * @returns `value` and `gradient` [d]
 * @throws `ShapeError`, `DomainError` when the problem does not fit together
 * @example
 * ```ts
 * import { objective } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * objective(problem, [0, 0], { beta: 1, alpha: 0 }).gradient; // => [-0.5, 0.5]
 * ```
 * @category Training
 */
export function objective(
  problem: PreferenceProblem,
  theta: ArrayInput,
  constants: VpoConstants,
): { readonly value: number; readonly gradient: NdArray<"float64"> } {
  const flat = flattenProblem("objective", problem);
  const gradient = new Float64Array(flat.dimension);
  const value = evaluate(
    flat,
    constantsOf("objective", constants),
    finite("objective", "theta", theta, [flat.dimension]),
    gradient,
  );
  return { value, gradient: array<"float64">(gradient) };
}

/** Without a value term, pairs that can be separated have no minimiser: the gradient fades while their margins grow beyond what counts can explain. */
function runsAway(problem: FlatProblem, theta: Float64Array): boolean {
  const r = rewardsOf(problem, theta);
  const { chosen, rejected, total } = problem.pairs;
  return chosen.some((a, k) => Math.abs(r[a]! - r[rejected[k]!]!) > 15 + Math.log(total));
}

/** A step of a table of rewards without its mean over each prompt's responses: along it only the rounding of the gradient would be seen, a trillion times as large. */
function withoutShifts(
  { features, prompts, responses }: FlatProblem,
  step: Float64Array,
): Float64Array {
  if (features !== undefined) return step;
  const still = step.slice();
  for (let x = 0; x < prompts; x++) {
    const row = still.subarray(x * responses, (x + 1) * responses);
    const mean = row.reduce((sum, v) => sum + v, 0) / responses;
    row.forEach((v, y) => (row[y] = v - mean));
  }
  return still;
}

/**
 * The minimiser of the pessimistic objective, by damped Newton steps: the problem is convex, and with a calibration policy of full support its solution is
 * finite even where maximum likelihood runs away.
 *
 * O(d³) a step; for d up to about a thousand. The objective does not change when all rewards of a prompt do by the same amount; of the minimisers this gives
 * the one whose rewards have mean 0 for each prompt, where $\theta$ is a table of rewards.
 *
 * @param problem - see {@link PreferenceProblem}
 * @param constants - see {@link VpoConstants}; the sign must be −1 unless α is 0
 * @param options - `tolerance` of the gradient, default 1e-12; `maxIterations`, default 200
 * @returns see {@link TrainingResult}; `converged` is false where no finite minimiser exists (α = 0 and a response that never wins or never loses)
 * @throws `DomainError` for an optimistic sign: that objective is unbounded below, see {@link solveBounded}
 * @throws `ShapeError`, `DomainError` when the problem does not fit together
 * @example
 * ```ts
 * import { solveOffline } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1], [0, 0, 1]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * // Two wins to none: maximum likelihood is certain, pessimism is not.
 * solveOffline(problem, { beta: 1, alpha: 0 }).converged; // => false
 * const { logPolicy } = solveOffline(problem, { beta: 1, alpha: 0.5 });
 * Math.exp(logPolicy.get(0, 0)).toFixed(4); // => "0.8333"
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization", Algorithm 2
 * @category Training
 */
export function solveOffline(
  problem: PreferenceProblem,
  constants: VpoConstants,
  options: { readonly tolerance?: number; readonly maxIterations?: number } = {},
): TrainingResult {
  const fn = "solveOffline";
  const { tolerance = 1e-12, maxIterations = 200 } = check(fn, "options", options, anyRecord);
  atLeast(fn, "tolerance", tolerance, 0);
  check(fn, "maxIterations", maxIterations, wholeNumber(0));
  const checked = constantsOf(fn, constants);
  if (checked.sign === 1 && checked.alpha > 0)
    throw new DomainError(
      `${fn}: the optimistic objective is unbounded below; use solveBounded, or trainOffline with few steps`,
    );
  const flat = flattenProblem(fn, problem);
  const d = flat.dimension;
  let theta = new Float64Array(d);
  let gradient = new Float64Array(d);
  const hessian = new Float64Array(d * d);
  let value = evaluate(flat, checked, theta, gradient, hessian);
  const losses = [value];
  const size = (g: Float64Array): number => g.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  let converged = size(gradient) <= tolerance;
  for (let iteration = 0; iteration < maxIterations && !converged; iteration++) {
    // Shifts by prompt change nothing, so the Hessian is singular along them; a little of its own size makes the system solvable.
    const ridge = 1e-12 * hessian.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-300);
    for (let i = 0; i < d; i++) hessian[i * d + i]! += ridge;
    const step = withoutShifts(
      flat,
      numbers(solve(array(hessian, { shape: [d, d] }), array(gradient))),
    );
    const descent = gradient.reduce((sum, g, i) => sum + g * step[i]!, 0);
    const length = Math.max(1, size(step) / 20);
    const trialGradient = new Float64Array(d);
    let moved = false;
    for (let scale = 1 / length; scale > 1e-10; scale /= 2) {
      const trial = theta.map((t, i) => t - scale * step[i]!);
      const there = evaluate(flat, checked, trial, trialGradient);
      if (!(there <= value - 1e-4 * scale * descent + 1e-15 * Math.abs(value))) continue;
      moved = true;
      theta = trial;
      break;
    }
    if (!moved) break;
    gradient = new Float64Array(d);
    value = evaluate(flat, checked, theta, gradient, hessian);
    losses.push(value);
    if (checked.alpha === 0 && runsAway(flat, theta)) break;
    converged = size(gradient) <= tolerance;
  }
  return resultOf(flat, checked, theta, losses, converged);
}

/**
 * Options of {@link trainOffline}.
 * @category Training
 */
export interface TrainOptions {
  /** Default `"adamw"`. */
  readonly optimizer?: OptimizerName;
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Decoupled weight decay of `"adamw"`; default 0.01. */
  readonly weightDecay?: number;
  /** Number of steps; default 1000. */
  readonly steps?: number;
  /** Goes on from an earlier run, to the same bits. */
  readonly state?: OptimizerState;
  /** Called after every step. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly loss: number;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * Trains a log-linear policy by gradient steps, as a network would be. Any sign; the optimistic objective only for few steps or with weight decay.
 *
 * @param problem - see {@link PreferenceProblem}
 * @param constants - see {@link VpoConstants}
 * @param options - see {@link TrainOptions}
 * @returns see {@link TrainingResult}, with the `state` to go on from
 * @throws `ShapeError`, `DomainError` when the problem does not fit together
 * @example
 * ```ts
 * import { trainOffline } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * const { losses } = trainOffline(problem, { beta: 1, alpha: 0.1 }, { optimizer: "gd", learningRate: 1, steps: 10 });
 * losses.get(10) < losses.get(0); // => true
 * ```
 * @category Training
 */
export function trainOffline(
  problem: PreferenceProblem,
  constants: VpoConstants,
  options: TrainOptions = {},
): TrainingResult & { readonly state: OptimizerState } {
  const fn = "trainOffline";
  const {
    optimizer = "adamw",
    learningRate = 0.01,
    weightDecay = 0.01,
    steps = 1000,
  } = check(fn, "options", options, anyRecord);
  const checked = constantsOf(fn, constants);
  positive(fn, "learningRate", learningRate);
  atLeast(fn, "weightDecay", weightDecay, 0);
  check(fn, "steps", steps, wholeNumber(0));
  checkOptimizer(fn, optimizer);
  checkHooks(fn, options);
  const flat = flattenProblem(fn, problem);
  const working = workingState(
    fn,
    "state",
    options.state ?? initialState(flat.dimension),
    flat.dimension,
  );
  const gradient = new Float64Array(flat.dimension);
  const losses: number[] = [];
  for (let k = 0; k < steps; k++) {
    options.signal?.throwIfAborted();
    losses.push(evaluate(flat, checked, working.theta, gradient));
    optimizerStep(working, gradient, { optimizer, learningRate, weightDecay });
    options.onProgress?.({ iteration: k + 1, total: steps, loss: losses[k]! });
  }
  losses.push(evaluate(flat, checked, working.theta, gradient));
  return {
    ...resultOf(flat, checked, working.theta, losses, false),
    state: {
      theta: [...working.theta],
      first: [...working.first],
      second: [...working.second],
      step: working.step,
    },
  };
}
