/** Offline training of any differentiable policy on finitely many responses: the objective of offline VPO with a network in place of a table. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  array,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyFunction,
  anything,
  check,
  checkOptions,
  either,
  finiteNumber,
  longWork,
  nonNegativeNumber,
  optional,
  positiveNumber,
  recordOf,
  recordWith,
  rngKey,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, permutation } from "@provably/core-tensor/random";
import { finite } from "../arrays.js";
import { certifyPolicy } from "../certify/policy.js";
import {
  type FlatProblem,
  type PreferenceProblem,
  addAnswer,
  answersOf,
  checkProblem,
  flattenProblem,
  noPairs,
} from "../exact/problem.js";
import { type FinitePolicy, type PolicyModel, networkModel } from "./model.js";
import { type VpoHyperparameters, hyperparametersOf } from "./offline.js";
import { type OptimizerState, optimizerStep, plainState, workingState } from "./optimizer.js";

/**
 * Where a run of {@link trainPolicy} stands, as plain data for `JSON.stringify`: all parameters in the order of their tree, with their moments.
 * @category Training
 */
export interface PolicyState extends OptimizerState {
  /** The best parameters so far on held-out preferences, and how many evaluations ago. */
  readonly best?: {
    readonly theta: readonly number[];
    readonly nll: number;
    readonly waited: number;
  };
}

/**
 * Likelihood of held-out preferences after so many steps.
 * @category Training
 */
export interface Evaluation {
  readonly step: number;
  /** Mean negative log-likelihood of a preference, in nats. */
  readonly nll: number;
}

/**
 * What {@link trainPolicy} gives.
 * @category Training
 */
export interface PolicyTraining<P> {
  /** The last parameters; with an `evaluation` those that were best on it. */
  readonly params: P;
  /** $\ln\pi_\theta$ of `params`, float64 [X, Y]. */
  readonly logPolicy: NdArray<"float64">;
  /** Objective of each step's batch before it, and of all data after the last. */
  readonly losses: NdArray<"float64">;
  /** On held-out preferences, in the order of steps. */
  readonly evaluations: readonly Evaluation[];
  /** Whether training ended early, since held-out preferences were explained no better. */
  readonly stoppedEarly: boolean;
  /** Goes on from the last step, to the same bits. */
  readonly state: PolicyState;
  /** The largest component of the gradient at `params`, recomputed. */
  readonly certificate: Certificate;
}

/**
 * Options of {@link trainPolicy}.
 * @category Training
 */
export interface TrainPolicyOptions {
  /** A number, or a function of the step from 0 such as `warmup` or `cosineDecay` of `core-tensor/optim`; default 0.01. */
  readonly learningRate?: number | ((step: number) => number);
  /** Decoupled weight decay; default 0. */
  readonly weightDecay?: number;
  /** Number of AdamW steps of this call; default 500. */
  readonly numSteps?: number;
  /** Preferences a step, in an order drawn anew for every pass; needs a `key`. Default all of them. */
  readonly batchSize?: number;
  /** Draws the order of the batches; the same one to go on from a state. */
  readonly key?: RngKey;
  /** Longer gradients are cut to this norm; default never. */
  readonly clipNorm?: number;
  /** Held-out preferences: judged `every` so many steps (default 50); training ends when `patience` of them brought nothing better (default never). */
  readonly evaluation?: {
    /** Rows as in {@link PreferenceProblem}. */
    readonly data: ArrayInput;
    readonly every?: number;
    readonly patience?: number;
  };
  /** Largest component of the gradient at which a point counts as stationary; default 1e-4. */
  readonly tolerance?: number;
  /** Goes on from an earlier run, to the same bits. */
  readonly state?: PolicyState;
  /** Called after every step. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly loss: number;
    /** What to save to go on from here. */
    readonly state: PolicyState;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

const TRAIN_POLICY = {
  learningRate: either(positiveNumber, anyFunction),
  weightDecay: nonNegativeNumber,
  numSteps: wholeNumber(0),
  batchSize: wholeNumber(),
  key: rngKey,
  clipNorm: positiveNumber,
  evaluation: recordOf({
    data: anything,
    every: optional(wholeNumber()),
    patience: optional(wholeNumber()),
  }) as never,
  tolerance: nonNegativeNumber,
  state: anything,
  ...longWork,
};

const BEST = recordOf({ theta: anything, nll: finiteNumber, waited: wholeNumber(0) });

/**
 * Trains a policy of your own by AdamW on the VPO objective over a finite problem, gradients by automatic differentiation:
 * $\frac1N\sum_i \mathrm{softplus}(-z_i) + s\,\alpha\,\beta\,\mathbb E_{\rho,\pi_{\mathrm{cal}}}[\ln\pi_\theta - \ln\pi_{\mathrm{ref}}]$ with
 * $z_i = s_\theta(x_i, y_i^+) - s_\theta(x_i, y_i^-)$. With α = 0 it is DPO.
 *
 * The value term is summed over all responses, exactly. A network is not convex: another start may end elsewhere.
 *
 * @param policy - see {@link FinitePolicy}; {@link mlpPolicy} makes one
 * @param problem - see {@link PreferenceProblem}, without features: they belong to the policy
 * @param hyperparameters - see {@link VpoHyperparameters}
 * @param options - see {@link TrainPolicyOptions}
 * @returns see {@link PolicyTraining}
 * @throws `ShapeError` when scores do not have the shape of the reference, `DomainError` when they or an option are out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { mlpPolicy, trainPolicy } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * const policy = mlpPolicy([[[1, 0], [0, 1]]], key(0));
 * const { logPolicy } = trainPolicy(policy, problem, { beta: 1, alpha: 0.1 }, { numSteps: 50 });
 * logPolicy.get(0, 0) > logPolicy.get(0, 1); // => true
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization", Algorithm 2
 * @category Training
 */
export function trainPolicy<P>(
  policy: FinitePolicy<P>,
  problem: PreferenceProblem,
  hyperparameters: VpoHyperparameters,
  options: TrainPolicyOptions = {},
): PolicyTraining<P> {
  const fn = "trainPolicy";
  const {
    learningRate = 0.01,
    weightDecay = 0,
    numSteps = 500,
    clipNorm = Infinity,
    tolerance = 1e-4,
    evaluation,
    onProgress,
    signal,
  } = checkOptions<TrainPolicyOptions>(fn, options, TRAIN_POLICY);
  const checked = hyperparametersOf(fn, hyperparameters);
  check(fn, "policy", policy, recordWith({ init: anything, scores: anyFunction }));
  if (checkProblem(fn, problem).features !== undefined)
    throw new DomainError(
      `${fn}: features belong to the policy, not to the problem; use trainVpo for a log-linear one`,
    );
  const flat = flattenProblem(fn, problem);
  const model = networkModel(fn, policy, [flat.prompts, flat.responses]);
  const zeros = new Array<number>(model.dimension).fill(0);
  const { best: kept, ...start } = options.state ?? {
    theta: [...model.start],
    first: zeros,
    second: zeros,
    step: 0,
  };
  const working = workingState(fn, options.state ? "state" : "policy.init", start, model.dimension);
  let best = kept && bestOf(fn, kept, model.dimension);
  const batchAt = batchesOf(fn, problem, flat, options);
  const heldOut = evaluation && heldOutLoss(fn, model, flat, checked.beta, evaluation.data);
  const { every = 50, patience = Infinity } = evaluation ?? {};
  checkBest(fn, best, heldOut);

  const stateNow = (): PolicyState => ({ ...plainState(working), ...(best && { best }) });
  const gradient = new Float64Array(model.dimension);
  const losses: number[] = [];
  const evaluations: Evaluation[] = [];
  let stoppedEarly = false;
  for (let k = 0; k < numSteps && !stoppedEarly; k++) {
    signal?.throwIfAborted();
    const { step } = working;
    const rate = typeof learningRate === "number" ? learningRate : learningRate(step);
    check(fn, "learningRate", rate, nonNegativeNumber);
    losses.push(model.evaluate(batchAt(step), checked, working.theta, gradient));
    clip(gradient, clipNorm);
    optimizerStep(working, gradient, { optimizer: "adamw", learningRate: rate, weightDecay });
    if (heldOut && working.step % every === 0) {
      const nll = heldOut(working.theta);
      evaluations.push({ step: working.step, nll });
      best =
        best === undefined || nll < best.nll
          ? { theta: [...working.theta], nll, waited: 0 }
          : { ...best, waited: best.waited + 1 };
      stoppedEarly = best.waited >= patience;
    }
    onProgress?.({
      iteration: k + 1,
      total: numSteps,
      loss: losses[k]!,
      get state() {
        return stateNow();
      },
    });
  }
  const theta = best && heldOut ? Float64Array.from(best.theta) : working.theta;
  losses.push(model.evaluate(flat, checked, theta, gradient));
  const params = model.tree.restore(theta);
  return {
    params,
    logPolicy: array<"float64">(model.logPolicy(flat, theta, checked.beta), {
      shape: [flat.prompts, flat.responses],
    }),
    losses: array<"float64">(Float64Array.from(losses)),
    evaluations,
    stoppedEarly,
    state: stateNow(),
    certificate: certifyPolicy(policy, params, problem, checked, tolerance),
  };
}

function bestOf(
  fn: string,
  best: NonNullable<PolicyState["best"]>,
  dimension: number,
): NonNullable<PolicyState["best"]> {
  check(fn, "state.best", best, BEST);
  finite(fn, "state.best.theta", best.theta, [dimension]);
  return best;
}

/** Refuses a best of other held-out preferences: no later parameters could be compared with it. */
function checkBest(
  fn: string,
  best: PolicyState["best"],
  heldOut: ((theta: Float64Array) => number) | undefined,
): void {
  if (best === undefined || heldOut === undefined) return;
  const nll = heldOut(Float64Array.from(best.theta));
  if (!(Math.abs(nll - best.nll) <= 1e-9 * (1 + Math.abs(nll))))
    throw new DomainError(
      `${fn}: state.best.nll is ${best.nll}, and evaluation.data give ${nll}: go on with the same held-out preferences, or leave best out of the state`,
    );
}

/** The problem of the preferences that a step learns from. */
function batchesOf(
  fn: string,
  problem: PreferenceProblem,
  flat: FlatProblem,
  { batchSize, key }: TrainPolicyOptions,
): (step: number) => FlatProblem {
  if (batchSize === undefined) return () => flat;
  if (key === undefined) throw new DomainError(`${fn}: batchSize needs a key to draw the order`);
  const { prompts, responses } = flat;
  const rows = answersOf(fn, "data", problem.data, prompts, responses);
  if (batchSize > rows.length)
    throw new DomainError(`${fn}: batchSize is ${batchSize}, data have ${rows.length} rows`);
  const perPass = Math.floor(rows.length / batchSize);
  let pass = -1;
  let order: ArrayLike<number> = [];
  return (step) => {
    const now = Math.floor(step / perPass);
    if (now !== pass) order = toTypedArray(permutation(foldIn(key, now), rows.length));
    pass = now;
    const from = (step % perPass) * batchSize;
    const pairs = noPairs();
    for (let i = from; i < from + batchSize; i++) {
      const [x, a, b, p] = rows[order[i]!]!;
      addAnswer(pairs, prompts * responses, x * responses + a, x * responses + b, p);
    }
    return { ...flat, pairs };
  };
}

/** Mean negative log-likelihood of other preferences. */
function heldOutLoss(
  fn: string,
  model: PolicyModel,
  flat: FlatProblem,
  beta: number,
  data: ArrayInput,
): (theta: Float64Array) => number {
  const { prompts, responses } = flat;
  const pairs = noPairs();
  for (const [x, a, b, p] of answersOf(fn, "evaluation.data", data, prompts, responses))
    addAnswer(pairs, prompts * responses, x * responses + a, x * responses + b, p);
  if (pairs.total === 0) throw new DomainError(`${fn}: evaluation.data must have at least one row`);
  const gradient = new Float64Array(model.dimension);
  return (theta) =>
    model.evaluate({ ...flat, pairs }, { beta, alpha: 0, sign: -1 }, theta, gradient);
}

function clip(gradient: Float64Array, most: number): void {
  const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
  if (norm > most) for (let i = 0; i < gradient.length; i++) gradient[i]! *= most / norm;
}
