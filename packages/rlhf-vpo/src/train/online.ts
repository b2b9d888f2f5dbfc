/** Online VPO: optimistic exploration with preferences asked for as it goes. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  zeros,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyRecord,
  check,
  checkHooks,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { atLeast, finite, numbers, positive } from "../arrays.js";
import {
  type FlatProblem,
  type PreferenceProblem,
  addPair,
  evaluate,
  flattenProblem,
  logPolicyOf,
  noPairs,
} from "../exact/problem.js";
import { sigmoid } from "../numerics.js";
import {
  type OptimizerName,
  type OptimizerState,
  checkOptimizer,
  initialState,
  optimizerStep,
  workingState,
} from "./optimizer.js";

/**
 * Who answers: 1 when the first of two responses is preferred. `u` is a uniform number for oracles that draw.
 * @category Training
 */
export type PreferenceOracle = (prompt: number, first: number, second: number, u: number) => 0 | 1;

/**
 * An oracle that follows the Bradley-Terry model of a reward.
 *
 * @param reward - $r$, [X, Y]
 * @returns oracle: the first response wins when $u < \sigma(r_1 - r_2)$
 * @throws `ShapeError`, `DomainError` when `reward` is no finite table
 * @example
 * ```ts
 * import { bradleyTerryOracle } from "@provably/rlhf-vpo";
 *
 * bradleyTerryOracle([[100, 0]])(0, 0, 1, 0.5); // => 1
 * ```
 * @category Training
 */
export function bradleyTerryOracle(reward: ArrayInput): PreferenceOracle {
  const table = array(reward, { dtype: "float64" });
  if (table.shape.length !== 2)
    throw new ShapeError(
      `bradleyTerryOracle: reward must have shape [X, Y], got [${table.shape.join(", ")}]`,
    );
  const r = finite("bradleyTerryOracle", "reward", table);
  const responses = table.shape[1]!;
  return (prompt, first, second, u) => {
    const fits =
      [prompt, first, second].every((i) => Number.isInteger(i) && i >= 0) &&
      first < responses &&
      second < responses;
    if (!fits || prompt >= table.shape[0]! || !Number.isFinite(u))
      throw new DomainError(
        `bradleyTerryOracle: no answer for prompt ${show(prompt)}, responses ${show(first)} and ${show(second)}, u ${show(u)}`,
      );
    return u < sigmoid(r[prompt * responses + first]! - r[prompt * responses + second]!) ? 1 : 0;
  };
}

/**
 * A bounded class of rewards: a box |r| ≤ size for the reward calibrated by prompt, or a ball ‖θ‖ ≤ size.
 * @category Training
 */
export interface RewardBound {
  readonly kind: "box" | "norm";
  readonly size: number;
}

/**
 * Options of online runs.
 * @category Training
 */
export interface OnlineOptions {
  /** Temperature $\beta > 0$. */
  readonly beta: number;
  /** $\alpha$ in sum form: after t pairs it counts as α/t in the mean loss. 0 is greedy maximum likelihood. */
  readonly alphaSum: number;
  /** +1 (default) for optimism. */
  readonly sign?: 1 | -1;
  /** Number of iterations, one pair each. */
  readonly iterations: number;
  /** Where the second response comes from; default `"policy"`, as in the paper. `"reference"` keeps exploring. */
  readonly secondResponse?: "policy" | "reference" | "calibration";
  /** The class of rewards. Without one, optimism has no minimiser and tends to collapse on one response; a warning says so. */
  readonly bound?: RewardBound;
  /** Gradient steps after each pair; default 20. */
  readonly innerSteps?: number;
  /** Default `"adamw"`. */
  readonly optimizer?: OptimizerName;
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Default 0.01. */
  readonly weightDecay?: number;
  /** Recorded uniform numbers [iterations, 4] (prompt, first response, second response, preference) in place of the key's. */
  readonly uniforms?: ArrayInput;
  /** Goes on from an earlier run of the same problem, `iterations` more, to the same bits. */
  readonly state?: OnlineState;
  /** Called after every iteration. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly loss: number;
  }) => void;
  /** Stops between two iterations. */
  readonly signal?: AbortSignal;
}

/**
 * A run so far, as plain data for `JSON.stringify`.
 * @category Training
 */
export interface OnlineState {
  /** Pairs asked for, [prompt, chosen, rejected]. */
  readonly data: readonly (readonly [number, number, number])[];
  readonly optimizer: OptimizerState;
}

/**
 * What an online run gives.
 * @category Training
 */
export interface OnlineResult {
  /** All pairs, int32 [T, 3]. */
  readonly data: NdArray<"int32">;
  /** $\theta$ at the end, [d]. */
  readonly theta: NdArray<"float64">;
  /** $\ln\pi$ at the end, [X, Y]. */
  readonly logPolicy: NdArray<"float64">;
  /** $\ln\pi^{(t)}$ that drew the responses of each iteration of this call, [T, X, Y]. */
  readonly policies: NdArray<"float64">;
  /** Objective at the last inner step of each iteration. */
  readonly losses: NdArray<"float64">;
  /** From here the run can go on. */
  readonly state: OnlineState;
  readonly warnings: readonly string[];
}

/** The smallest index whose running sum exceeds u. */
function drawIndex(probability: (k: number) => number, n: number, u: number): number {
  let sum = 0;
  for (let k = 0; k < n; k++) {
    sum += probability(k);
    if (u < sum) return k;
  }
  return n - 1;
}

function checkBound(fn: string, bound: RewardBound | undefined): void {
  if (bound === undefined) return;
  const { kind, size } = check(fn, "bound", bound, anyRecord);
  if (kind !== "box" && kind !== "norm")
    throw new DomainError(`${fn}: bound.kind must be "box" or "norm", got ${show(kind)}`);
  positive(fn, "bound.size", size);
}

/** The pairs of an earlier run, each with a prompt and responses that the problem has. */
function stateData(
  fn: string,
  state: OnlineState | undefined,
  { prompts, responses }: FlatProblem,
): OnlineState["data"] {
  if (state === undefined) return [];
  const { data } = check(fn, "state", state, anyRecord);
  const limits = [prompts, responses, responses];
  check(fn, "state.data", data, anyList).forEach((row, i) => {
    if (
      check(fn, `state.data[${i}]`, row, anyList).length !== 3 ||
      !row.every((v, k) => Number.isInteger(v) && v >= 0 && v < limits[k]!)
    )
      throw new DomainError(
        `${fn}: state.data[${i}] must be a prompt below ${prompts} and two responses below ${responses}, got ${show(row)}`,
      );
  });
  return data;
}

function applyBound(theta: Float64Array, flat: FlatProblem, bound: RewardBound): void {
  if (bound.kind === "norm") {
    const norm = Math.sqrt(theta.reduce((sum, t) => sum + t * t, 0));
    if (norm > bound.size) for (let i = 0; i < theta.length; i++) theta[i]! *= bound.size / norm;
    return;
  }
  const { prompts, responses, calibration } = flat;
  for (let x = 0; x < prompts; x++) {
    let mean = 0;
    for (let k = x * responses; k < (x + 1) * responses; k++) mean += calibration[k]! * theta[k]!;
    for (let k = x * responses; k < (x + 1) * responses; k++)
      theta[k] = Math.min(bound.size, Math.max(-bound.size, theta[k]! - mean));
  }
}

/**
 * Online VPO: draw a prompt and two responses, ask which is preferred, improve the policy on all pairs so far with the optimistic objective, repeat.
 *
 * The same key gives the same run. A run can be stopped, saved through JSON and continued with `state`. O(distinct pairs + X·Y) an inner step.
 *
 * @param key - random key
 * @param problem - reference, calibration and features, see {@link PreferenceProblem}; `data` are pairs to start with, usually none
 * @param oracle - who answers
 * @param options - see {@link OnlineOptions}
 * @returns pairs, policies and the final policy
 * @throws `ShapeError`, `DomainError` when problem or options do not fit together
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { bradleyTerryOracle, runOnline } from "@provably/rlhf-vpo";
 *
 * const third = Math.log(1 / 3);
 * const problem = { data: [], logReference: [[third, third, third]] };
 * const options = { beta: 1, alphaSum: 1, iterations: 30, bound: { kind: "box", size: 2 } };
 * const { logPolicy } = runOnline(key(0), problem, bradleyTerryOracle([[2, 0, 0]]), options);
 * logPolicy.get(0, 0) > logPolicy.get(0, 1); // => true
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization", Algorithm 1
 * @category Training
 */
export function runOnline(
  key: RngKey,
  problem: PreferenceProblem,
  oracle: PreferenceOracle,
  options: OnlineOptions,
): OnlineResult {
  const fn = "runOnline";
  const {
    iterations,
    bound,
    innerSteps = 20,
    optimizer = "adamw",
    learningRate = 0.01,
    weightDecay = 0.01,
    secondResponse = "policy",
    sign = 1,
  } = check(fn, "options", options, anyRecord);
  const beta = positive(fn, "beta", options.beta);
  const alphaSum = atLeast(fn, "alphaSum", options.alphaSum, 0);
  check(fn, "iterations", iterations, wholeNumber(0));
  check(fn, "innerSteps", innerSteps, wholeNumber(0));
  positive(fn, "learningRate", learningRate);
  atLeast(fn, "weightDecay", weightDecay, 0);
  check(fn, "oracle", oracle, anyFunction);
  checkOptimizer(fn, optimizer);
  checkHooks(fn, options);
  checkBound(fn, bound);
  if (sign !== 1 && sign !== -1)
    throw new DomainError(`${fn}: sign must be 1 (optimism) or -1 (pessimism), got ${show(sign)}`);
  if (!["policy", "reference", "calibration"].includes(secondResponse))
    throw new DomainError(
      `${fn}: secondResponse must be "policy", "reference" or "calibration", got ${show(secondResponse)}`,
    );
  const flat = flattenProblem(fn, problem, { allowSame: true });
  if (bound?.kind === "box" && flat.features)
    throw new DomainError(
      `${fn}: a box bounds the table of rewards, so it needs a tabular problem; use kind "norm"`,
    );
  const { prompts, responses, rho, calibration, logReference, dimension } = flat;
  const cells = prompts * responses;
  const before = stateData(fn, options.state, flat);
  const pairs = noPairs();
  const given = numbers(array(problem.data, { dtype: "float64" }));
  const history: [number, number, number][] = [];
  const remember = (x: number, a: number, b: number): void => {
    history.push([x, a, b]);
    addPair(pairs, cells, x * responses + a, x * responses + b);
  };
  if (before.length > 0) for (const [x, a, b] of before) remember(x, a, b);
  else
    for (let i = 0; i + 2 < given.length; i += 3) remember(given[i]!, given[i + 1]!, given[i + 2]!);
  const now: FlatProblem = { ...flat, pairs };
  const working = workingState(
    fn,
    "state.optimizer",
    options.state?.optimizer ?? initialState(dimension),
    dimension,
  );
  // iterations done before: the pairs that the problem came with are not among them
  const first = before.length === 0 ? 0 : Math.max(0, before.length - Math.floor(given.length / 3));
  const recorded =
    options.uniforms === undefined
      ? undefined
      : finite(fn, "uniforms", options.uniforms, [iterations, 4]);
  const gradient = new Float64Array(dimension);
  const policies = numbers(zeros([iterations, prompts, responses], { dtype: "float64" }));
  const losses = new Float64Array(iterations);
  for (let t = 0; t < iterations; t++) {
    options.signal?.throwIfAborted();
    const u = recorded
      ? recorded.subarray(4 * t, 4 * t + 4)
      : numbers(uniform(foldIn(key, first + t), [4], { dtype: "float64" }));
    const logPolicy = logPolicyOf(now, working.theta, beta);
    policies.set(logPolicy, t * cells);
    const x = drawIndex((k) => rho[k]!, prompts, u[0]!);
    const policy = (k: number): number => Math.exp(logPolicy[x * responses + k]!);
    const other =
      secondResponse === "policy"
        ? policy
        : secondResponse === "reference"
          ? (k: number) => Math.exp(logReference[x * responses + k]!)
          : (k: number) => calibration[x * responses + k]!;
    const y1 = drawIndex(policy, responses, u[1]!);
    const y2 = drawIndex(other, responses, u[2]!);
    const wins = oracle(x, y1, y2, u[3]!) === 1;
    remember(x, wins ? y1 : y2, wins ? y2 : y1);
    const constants = { beta, alpha: alphaSum / pairs.total, sign } as const;
    let loss = innerSteps === 0 ? evaluate(now, constants, working.theta, gradient) : 0;
    for (let k = 0; k < innerSteps; k++) {
      loss = evaluate(now, constants, working.theta, gradient);
      optimizerStep(working, gradient, { optimizer, learningRate, weightDecay });
      if (bound) applyBound(working.theta, flat, bound);
    }
    losses[t] = loss;
    options.onProgress?.({ iteration: t + 1, total: iterations, loss });
  }
  const warnings =
    sign === 1 && alphaSum > 0 && bound === undefined
      ? [
          "the optimistic objective is unbounded below without a bound on rewards; runs tend to collapse on one response",
        ]
      : [];
  return {
    data: array(Int32Array.from(history.flat()), { dtype: "int32", shape: [history.length, 3] }),
    theta: array<"float64">(working.theta),
    logPolicy: array<"float64">(logPolicyOf(now, working.theta, beta), {
      shape: [prompts, responses],
    }),
    policies: array<"float64">(policies, { shape: [iterations, prompts, responses] }),
    losses: array<"float64">(losses),
    state: {
      data: history,
      optimizer: {
        theta: [...working.theta],
        first: [...working.first],
        second: [...working.second],
        step: working.step,
      },
    },
    warnings,
  };
}

/**
 * The order of the weight α, in sum form, with which the theorems hold: $\sqrt N$ offline; $e^{-2C - C/\beta}\sqrt{T / (\kappa \min\lbrace d \ln T, T\rbrace)}$ online.
 *
 * Constants are not meaningful; in our runs a fixed α of a few units does better than $\sqrt N$ once data are plentiful.
 *
 * @param options - `mode`; `pairs` N or T; online also `dimension` d, `bound` C, `beta`, `concentration` κ = sup π_cal/π_ref
 * @returns α in sum form
 * @throws `DomainError` for numbers out of range
 * @example
 * ```ts
 * import { theoreticalAlpha } from "@provably/rlhf-vpo";
 *
 * theoreticalAlpha({ mode: "offline", pairs: 100 }); // => 10
 * ```
 * @see Cen and others (2025), Theorems 1 and 2
 * @category Training
 */
export function theoreticalAlpha(
  options:
    | { readonly mode: "offline"; readonly pairs: number }
    | {
        readonly mode: "online";
        readonly pairs: number;
        readonly dimension: number;
        readonly bound: number;
        readonly beta: number;
        readonly concentration: number;
      },
): number {
  const fn = "theoreticalAlpha";
  const pairs = atLeast(fn, "pairs", check(fn, "options", options, anyRecord).pairs, 1);
  if (options.mode !== "offline" && options.mode !== "online")
    throw new DomainError(
      `${fn}: mode must be "offline" or "online", got ${show((options as { mode?: unknown }).mode)}`,
    );
  if (options.mode === "offline") return Math.sqrt(pairs);
  const { dimension, bound, beta, concentration } = options;
  const spread = Math.min(
    atLeast(fn, "dimension", dimension, 1) * Math.log(Math.max(pairs, 2)),
    pairs,
  );
  return (
    Math.exp(-2 * positive(fn, "bound", bound) - bound / positive(fn, "beta", beta)) *
    Math.sqrt(pairs / (positive(fn, "concentration", concentration) * spread))
  );
}
