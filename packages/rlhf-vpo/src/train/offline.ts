/** Offline VPO: pessimistic policies from a fixed set of preferences. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  array,
} from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  flatNumbers,
  longWork,
  nonNegativeNumber,
  optional,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { minimize } from "@provably/core-tensor/optim";
import { finite } from "../arrays.js";
import { certifyStationary } from "../certify/stationary.js";
import { attainsMinimum } from "../exact/existence.js";
import {
  type FlatProblem,
  type Hyperparameters,
  type PreferenceProblem,
  evaluate,
  flattenProblem,
  logPolicyOf,
  rewardsOf,
} from "../exact/problem.js";
import { type Attitude, attitudeGuard, signOf } from "../losses/vpo.js";
import {
  type OptimizerName,
  type OptimizerState,
  initialState,
  optimizerNames,
  optimizerStep,
  plainState,
  workingState,
} from "./optimizer.js";

/**
 * Hyperparameters of the objective.
 * @category Training
 */
export interface VpoHyperparameters {
  /** Temperature $\beta > 0$. */
  readonly beta: number;
  /** Weight $\alpha \ge 0$ in mean form; see {@link alphaFromSum}. 0 is maximum likelihood (DPO). */
  readonly alpha: number;
  /** Default `"pessimistic"`. */
  readonly attitude?: Attitude | undefined;
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
  /** Objective before every step and after the last, [numSteps + 1]. */
  readonly losses: NdArray<"float64">;
  /** Steps taken. */
  readonly iterations: number;
  /** Whether the gradient became smaller than the tolerance; always false for a fixed number of steps. */
  readonly converged: boolean;
  /** Plain data from which training goes on; absent after {@link solveVpo}. */
  readonly state?: OptimizerState;
  /** The size of the gradient, from the policy and the preferences as given; undecided where no finite minimum exists. */
  readonly certificate: Certificate;
}

const HYPERPARAMETERS = recordOf<VpoHyperparameters>({
  beta: positiveNumber,
  alpha: nonNegativeNumber,
  attitude: optional(attitudeGuard),
});

/** Checked hyperparameters, with the sign of the attitude. */
export function hyperparametersOf(fn: string, given: VpoHyperparameters): Hyperparameters {
  const {
    beta,
    alpha,
    attitude = "pessimistic",
  } = check(fn, "hyperparameters", given, HYPERPARAMETERS);
  return { beta, alpha, sign: signOf(attitude) };
}

function resultOf(
  problem: PreferenceProblem,
  flat: FlatProblem,
  hyperparameters: Hyperparameters,
  theta: Float64Array,
  losses: readonly number[],
  converged: boolean,
): Omit<TrainingResult, "state"> {
  const convex = hyperparameters.sign === -1 || hyperparameters.alpha === 0;
  const attained = !convex || attainsMinimum(flat, hyperparameters, theta);
  const logPolicy = array<"float64">(logPolicyOf(flat, theta, hyperparameters.beta), {
    shape: [flat.prompts, flat.responses],
  });
  return {
    theta: array<"float64">(theta),
    logPolicy,
    losses: array<"float64">(Float64Array.from(losses)),
    iterations: losses.length - 1,
    converged: converged && attained,
    certificate: certifyStationary(problem, hyperparameters, logPolicy, attained),
  };
}

/**
 * The VPO objective on a finite problem, in mean form, with its gradient:
 * $\frac1N\sum_i \mathrm{softplus}(-z_i) + s\,\alpha\,\beta\,\mathbb E_{\rho,\pi_{\mathrm{cal}}}[\ln\pi_\theta - \ln\pi_{\mathrm{ref}}]$.
 *
 * @param problem - see {@link PreferenceProblem}
 * @param theta - parameters, [d]
 * @param hyperparameters - see {@link VpoHyperparameters}
 * @returns `value` and `gradient` [d]
 * @throws `ShapeError`, `DomainError` when the problem does not fit together
 * @example
 * ```ts
 * import { vpoObjective } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * vpoObjective(problem, [0, 0], { beta: 1, alpha: 0 }).gradient; // => [-0.5, 0.5]
 * ```
 * @category Training
 */
export function vpoObjective(
  problem: PreferenceProblem,
  theta: ArrayInput,
  hyperparameters: VpoHyperparameters,
): { readonly value: number; readonly gradient: NdArray<"float64"> } {
  const fn = "vpoObjective";
  const flat = flattenProblem(fn, problem);
  const checked = hyperparametersOf(fn, hyperparameters);
  const gradient = new Float64Array(flat.dimension);
  const value = evaluate(flat, checked, finite(fn, "theta", theta, [flat.dimension]), gradient);
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
 * Options of {@link solveVpo}.
 * @category Training
 */
export interface SolveOptions {
  /** Of the gradient; default 1e-12. */
  readonly tolerance?: number;
  /** Newton steps; default 200. */
  readonly maxIterations?: number;
}

const SOLVE = { tolerance: nonNegativeNumber, maxIterations: wholeNumber(0) };

/**
 * The minimiser of the pessimistic objective, by damped Newton steps: the problem is convex, and with a calibration policy of full support its solution is
 * finite even where maximum likelihood runs away.
 *
 * O(d³) a step; for d up to about a thousand. The objective does not change when all rewards of a prompt do by the same amount; of the minimisers this gives
 * the one whose rewards have mean 0 for each prompt, where $\theta$ is a table of rewards.
 *
 * @param problem - see {@link PreferenceProblem}
 * @param hyperparameters - see {@link VpoHyperparameters}; pessimistic unless α is 0
 * @param options - see {@link SolveOptions}
 * @returns see {@link TrainingResult}; where no finite minimiser exists (a response never wins or never loses, and α = 0 or the calibration policy lacks it) `converged` is false and the certificate undecided
 * @throws `DomainError` for optimism: that objective is unbounded below, see {@link solveBoundedVpo}
 * @throws `ShapeError`, `DomainError` when the problem does not fit together
 * @example
 * ```ts
 * import { solveVpo } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1], [0, 0, 1]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * // Two wins to none: maximum likelihood is certain, pessimism is not.
 * solveVpo(problem, { beta: 1, alpha: 0 }).converged; // => false
 * const { logPolicy } = solveVpo(problem, { beta: 1, alpha: 0.5 });
 * Math.exp(logPolicy.get(0, 0)).toFixed(4); // => "0.8333"
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization", Algorithm 2
 * @category Training
 */
export function solveVpo(
  problem: PreferenceProblem,
  hyperparameters: VpoHyperparameters,
  options: SolveOptions = {},
): TrainingResult {
  const fn = "solveVpo";
  const { tolerance = 1e-12, maxIterations = 200 } = checkOptions<SolveOptions>(fn, options, SOLVE);
  const checked = hyperparametersOf(fn, hyperparameters);
  if (checked.sign === 1 && checked.alpha > 0)
    throw new DomainError(
      `${fn}: the optimistic objective is unbounded below; use solveBoundedVpo, or trainVpo with few steps`,
    );
  const flat = flattenProblem(fn, problem);
  const end = minimize(
    (theta, gradient, hessian) => evaluate(flat, checked, theta, gradient, hessian),
    new Float64Array(flat.dimension),
    {
      tolerance,
      maxIterations,
      maxStep: 20,
      restrict: (step) => withoutShifts(flat, step),
      stop: (theta) => checked.alpha === 0 && runsAway(flat, theta),
    },
  );
  const history = Array.from(flatNumbers(end.history));
  return resultOf(problem, flat, checked, flatNumbers(end.x), history, end.converged);
}

/**
 * Options of {@link trainVpo}.
 * @category Training
 */
export interface TrainOptions {
  /** Default `"adamw"`. */
  readonly optimizer?: OptimizerName;
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Decoupled weight decay of `"adamw"`; default 0.01. */
  readonly weightDecay?: number;
  /** Number of gradient steps; default 1000. */
  readonly numSteps?: number;
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

const TRAIN = {
  optimizer: optimizerNames,
  learningRate: positiveNumber,
  weightDecay: nonNegativeNumber,
  numSteps: wholeNumber(0),
  state: anything,
  ...longWork,
};

/**
 * Trains a log-linear policy by gradient steps, as a network would be. The optimistic objective only for few steps or with weight decay.
 *
 * @param problem - see {@link PreferenceProblem}
 * @param hyperparameters - see {@link VpoHyperparameters}
 * @param options - see {@link TrainOptions}
 * @returns see {@link TrainingResult}, with the `state` to go on from
 * @throws `ShapeError`, `DomainError` when the problem does not fit together
 * @example
 * ```ts
 * import { trainVpo } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * const { losses } = trainVpo(problem, { beta: 1, alpha: 0.1 }, { optimizer: "gd", learningRate: 1, numSteps: 10 });
 * losses.get(10) < losses.get(0); // => true
 * ```
 * @category Training
 */
export function trainVpo(
  problem: PreferenceProblem,
  hyperparameters: VpoHyperparameters,
  options: TrainOptions = {},
): TrainingResult & { readonly state: OptimizerState } {
  const fn = "trainVpo";
  const {
    optimizer = "adamw",
    learningRate = 0.01,
    weightDecay = 0.01,
    numSteps = 1000,
    state,
    onProgress,
    signal,
  } = checkOptions<TrainOptions>(fn, options, TRAIN);
  const checked = hyperparametersOf(fn, hyperparameters);
  const flat = flattenProblem(fn, problem);
  const { dimension } = flat;
  const working = workingState(fn, "state", state ?? initialState(dimension), dimension);
  const gradient = new Float64Array(dimension);
  const losses: number[] = [];
  for (let k = 0; k < numSteps; k++) {
    signal?.throwIfAborted();
    losses.push(evaluate(flat, checked, working.theta, gradient));
    optimizerStep(working, gradient, { optimizer, learningRate, weightDecay });
    onProgress?.({ iteration: k + 1, total: numSteps, loss: losses[k]! });
  }
  losses.push(evaluate(flat, checked, working.theta, gradient));
  return {
    ...resultOf(problem, flat, checked, working.theta, losses, false),
    state: plainState(working),
  };
}
