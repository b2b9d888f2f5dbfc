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
  anything,
  byKind,
  check,
  checkOptions,
  flatNumbers,
  longWork,
  nonNegativeNumber,
  oneOf,
  positiveNumber,
  recordOf,
  rngKey,
  show,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { finite, read } from "../arrays.js";
import {
  type Answer,
  type FlatProblem,
  type PreferenceProblem,
  addAnswer,
  answersOf,
  evaluate,
  flattenProblem,
  logPolicyOf,
  noPairs,
} from "../exact/problem.js";
import { type Attitude, attitudeGuard, signOf } from "../losses/vpo.js";
import { sigmoid } from "../numerics.js";
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
 * Who answers: with the probability that the first of two responses is preferred. 1 is the first, 0 the second, 0.5 a tie; any number between them counts
 * as that share of an answer for each. Nothing else is taken. `u` is a uniform number for oracles that draw.
 * @category Training
 */
export type PreferenceOracle = (prompt: number, first: number, second: number, u: number) => number;

/**
 * A {@link PreferenceOracle} that may take its time: a person, a model, a service.
 * @category Training
 */
export type PreferenceJudge = (...query: Parameters<PreferenceOracle>) => number | Promise<number>;

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
  const table = read("bradleyTerryOracle", "reward", reward);
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
  /** Default `"optimistic"`. */
  readonly attitude?: Attitude;
  /** Number of rounds: queries, answers, and a better policy. */
  readonly numSteps: number;
  /** Queries of a round, all drawn from the policy before it; default 1. */
  readonly batchSize?: number;
  /** Where the second response comes from; default `"policy"`, as in the paper. `"reference"` keeps exploring. */
  readonly secondResponse?: "policy" | "reference" | "calibration";
  /** Never ask about a response and itself: the second is drawn from the others. Default false. */
  readonly distinct?: boolean;
  /** The class of rewards. Without one, optimism has no minimiser and tends to collapse on one response; a warning says so. */
  readonly bound?: RewardBound;
  /** Gradient steps of a round; default 20. */
  readonly innerSteps?: number;
  /** Default `"adamw"`. */
  readonly optimizer?: OptimizerName;
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Default 0.01. */
  readonly weightDecay?: number;
  /** Recorded uniform numbers, [numSteps · batchSize, 4] (prompt, first response, second response, preference) in place of the key's. */
  readonly uniforms?: ArrayInput;
  /** Goes on from an earlier run of the same problem, `numSteps` more, to the same bits. */
  readonly state?: OnlineState;
  /** Called after every round. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly loss: number;
  }) => void;
  /** Stops between two rounds. */
  readonly signal?: AbortSignal;
}

/**
 * A run so far, as plain data for `JSON.stringify`.
 * @category Training
 */
export interface OnlineState {
  /** Pairs asked for and answers, as {@link PreferenceProblem} takes them: [prompt, first, second, probability that the first is preferred]. */
  readonly data: readonly (readonly [number, number, number, number])[];
  readonly optimizer: OptimizerState;
}

/**
 * What an online run gives.
 * @category Training
 */
export interface OnlineResult {
  /** All queries with their answers, [T, 4], as {@link PreferenceProblem} takes them. */
  readonly data: NdArray<"float64">;
  /** $\theta$ at the end, [d]. */
  readonly theta: NdArray<"float64">;
  /** $\ln\pi$ at the end, [X, Y]. */
  readonly logPolicy: NdArray<"float64">;
  /** $\ln\pi^{(t)}$ that drew the responses of each round of this call, [numSteps, X, Y]. */
  readonly policies: NdArray<"float64">;
  /** Objective at the last inner step of each round. */
  readonly losses: NdArray<"float64">;
  /** From here the run can go on. */
  readonly state: OnlineState;
  readonly warnings: readonly string[];
}

const ONLINE = {
  beta: positiveNumber,
  alphaSum: nonNegativeNumber,
  attitude: attitudeGuard,
  numSteps: wholeNumber(0),
  batchSize: wholeNumber(),
  secondResponse: oneOf("policy", "reference", "calibration"),
  distinct: trueOrFalse,
  bound: recordOf<RewardBound>({ kind: oneOf("box", "norm"), size: positiveNumber }),
  innerSteps: wholeNumber(0),
  optimizer: optimizerNames,
  learningRate: positiveNumber,
  weightDecay: nonNegativeNumber,
  uniforms: anything,
  state: recordOf<OnlineState>({ data: anything, optimizer: anything }),
  ...longWork,
};

/** The smallest index whose running sum exceeds u; the last possible one where rounding leaves none. */
function drawIndex(probability: (k: number) => number, n: number, u: number): number {
  let sum = 0;
  let last = 0;
  for (let k = 0; k < n; k++) {
    const p = probability(k);
    if (p > 0) last = k;
    sum += p;
    if (u < sum) return k;
  }
  return last;
}

/** The second response: from a distribution, or from what is left of it without the first. */
function drawSecond(
  probability: (k: number) => number,
  n: number,
  u: number,
  without: number | undefined,
): number {
  if (without === undefined) return drawIndex(probability, n, u);
  let left = 0;
  for (let k = 0; k < n; k++) if (k !== without) left += probability(k);
  // where rounding has left nothing, every other response is as good
  return left > 0
    ? drawIndex((k) => (k === without ? 0 : probability(k) / left), n, u)
    : drawIndex((k) => (k === without ? 0 : 1 / (n - 1)), n, u);
}

/** An answer of an oracle, or an error that says what an answer is. */
function answerOf(fn: string, answer: unknown): number {
  if (typeof answer === "number" && answer >= 0 && answer <= 1) return answer;
  const later = typeof (answer as { then?: unknown } | null | undefined)?.then === "function";
  throw new DomainError(
    later
      ? `${fn}: the oracle answered with a promise; onlineVpoAsync awaits its answers`
      : `${fn}: the oracle must answer with the probability that the first response is preferred, 1 (the first), 0 (the second), 0.5 (a tie) or between, got ${show(answer)}`,
  );
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
 * Online VPO: draw a prompt and two responses, ask which is preferred, improve the policy on all answers so far with the optimistic objective, repeat.
 *
 * The same key gives the same run. A run can be stopped, saved through JSON and continued with `state`. O(distinct pairs + X·Y) an inner step. Judges that
 * take their time are for {@link onlineVpoAsync}.
 *
 * @param key - random key
 * @param problem - reference, calibration and features, see {@link PreferenceProblem}; `data` are answers to start with, usually none
 * @param oracle - who answers, see {@link PreferenceOracle}
 * @param options - see {@link OnlineOptions}
 * @returns answers, policies and the final policy
 * @throws `ShapeError`, `DomainError` when problem or options do not fit together, or an answer is no number in [0, 1]
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { bradleyTerryOracle, onlineVpo } from "@provably/rlhf-vpo";
 *
 * const third = Math.log(1 / 3);
 * const problem = { data: [], logReference: [[third, third, third]] };
 * const options = { beta: 1, alphaSum: 1, numSteps: 30, bound: { kind: "box", size: 2 } };
 * const { logPolicy } = onlineVpo(key(0), problem, bradleyTerryOracle([[2, 0, 0]]), options);
 * logPolicy.get(0, 0) > logPolicy.get(0, 1); // => true
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization", Algorithm 1
 * @category Training
 */
export function onlineVpo(
  key: RngKey,
  problem: PreferenceProblem,
  oracle: PreferenceOracle,
  options: OnlineOptions,
): OnlineResult {
  const fn = "onlineVpo";
  check(fn, "oracle", oracle, anyFunction);
  const run = rounds(fn, key, problem, options);
  let now = run.next([]);
  while (!now.done) now = run.next(now.value.map((query) => answerOf(fn, oracle(...query))));
  return now.value;
}

/**
 * {@link onlineVpo} with a judge who takes time: every answer of a round is awaited, the queries of a round are asked at once.
 *
 * @param key - random key
 * @param problem - see {@link onlineVpo}
 * @param judge - who answers, see {@link PreferenceJudge}
 * @param options - see {@link OnlineOptions}
 * @returns what {@link onlineVpo} gives for the same answers, bit for bit
 * @throws as {@link onlineVpo}, and what the judge throws
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { onlineVpoAsync } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * const options = { beta: 1, alphaSum: 0, numSteps: 20 };
 * const judge = async (prompt, first, second) => (first === second ? 0.5 : first === 0 ? 1 : 0);
 * const { logPolicy } = await onlineVpoAsync(key(0), problem, judge, options);
 * logPolicy.get(0, 0) > logPolicy.get(0, 1); // => true
 * ```
 * @category Training
 */
export async function onlineVpoAsync(
  key: RngKey,
  problem: PreferenceProblem,
  judge: PreferenceJudge,
  options: OnlineOptions,
): Promise<OnlineResult> {
  const fn = "onlineVpoAsync";
  check(fn, "judge", judge, anyFunction);
  const run = rounds(fn, key, problem, options);
  let now = run.next([]);
  while (!now.done) {
    const answers = await Promise.all(now.value.map(async (query) => judge(...query)));
    now = run.next(answers.map((answer) => answerOf(fn, answer)));
  }
  return now.value;
}

/** The rounds of a run: gives the queries of each and takes their answers. */
function* rounds(
  fn: string,
  key: RngKey,
  problem: PreferenceProblem,
  options: OnlineOptions,
): Generator<readonly Parameters<PreferenceOracle>[], OnlineResult, readonly number[]> {
  const {
    bound,
    attitude = "optimistic",
    batchSize = 1,
    distinct = false,
    innerSteps = 20,
    optimizer = "adamw",
    learningRate = 0.01,
    weightDecay = 0.01,
    secondResponse = "policy",
    state,
    uniforms,
    onProgress,
    signal,
  } = checkOptions<OnlineOptions>(fn, options, ONLINE);
  const beta = check(fn, "beta", options.beta, positiveNumber);
  const alphaSum = check(fn, "alphaSum", options.alphaSum, nonNegativeNumber);
  const numSteps = check(fn, "numSteps", options.numSteps, wholeNumber(0));
  check(fn, "key", key, rngKey);
  const sign = signOf(attitude);
  const flat = flattenProblem(fn, problem, { allowSame: true });
  if (bound?.kind === "box" && flat.features)
    throw new DomainError(
      `${fn}: a box bounds the table of rewards, so it needs a tabular problem; use kind "norm"`,
    );
  const { prompts, responses, rho, calibration, logReference, dimension } = flat;
  if (distinct && responses < 2)
    throw new DomainError(`${fn}: distinct pairs need two responses, the problem has one`);
  const cells = prompts * responses;
  const same = { allowSame: true };
  const given = answersOf(fn, "data", problem.data, prompts, responses, same);
  const before = state && answersOf(fn, "state.data", state.data, prompts, responses, same);
  const pairs = noPairs();
  const history: Answer[] = [];
  const remember = ([x, a, b, p]: Answer): void => {
    history.push([x, a, b, p]);
    addAnswer(pairs, cells, x * responses + a, x * responses + b, p);
  };
  (before && before.length > 0 ? before : given).forEach(remember);
  const now: FlatProblem = { ...flat, pairs };
  const working = workingState(
    fn,
    "state.optimizer",
    state?.optimizer ?? initialState(dimension),
    dimension,
  );
  // queries asked before: the answers that the problem came with are not among them
  const asked = history.length - given.length;
  if (asked < 0)
    throw new DomainError(`${fn}: state.data must begin with the ${given.length} rows of data`);
  const recorded =
    uniforms === undefined
      ? undefined
      : finite(fn, "uniforms", uniforms, [numSteps * batchSize, 4]);
  const gradient = new Float64Array(dimension);
  const policies = flatNumbers(zeros([numSteps, prompts, responses], { dtype: "float64" }));
  const losses = new Float64Array(numSteps);
  for (let t = 0; t < numSteps; t++) {
    signal?.throwIfAborted();
    const logPolicy = logPolicyOf(now, working.theta, beta);
    policies.set(logPolicy, t * cells);
    const queries = Array.from({ length: batchSize }, (_, i): Parameters<PreferenceOracle> => {
      const k = t * batchSize + i;
      const u = recorded
        ? recorded.subarray(4 * k, 4 * k + 4)
        : flatNumbers(uniform(foldIn(key, asked + k), [4], { dtype: "float64" }));
      const x = drawIndex((c) => rho[c]!, prompts, u[0]!);
      const policy = (y: number): number => Math.exp(logPolicy[x * responses + y]!);
      const other = {
        policy,
        reference: (y: number) => Math.exp(logReference[x * responses + y]!),
        calibration: (y: number) => calibration[x * responses + y]!,
      }[secondResponse];
      const first = drawIndex(policy, responses, u[1]!);
      const second = drawSecond(other, responses, u[2]!, distinct ? first : undefined);
      return [x, first, second, u[3]!];
    });
    const answers = yield queries;
    queries.forEach(([x, first, second], i) => remember([x, first, second, answers[i]!]));
    const hyperparameters = { beta, alpha: alphaSum / pairs.total, sign } as const;
    let loss = innerSteps === 0 ? evaluate(now, hyperparameters, working.theta, gradient) : 0;
    for (let k = 0; k < innerSteps; k++) {
      loss = evaluate(now, hyperparameters, working.theta, gradient);
      optimizerStep(working, gradient, { optimizer, learningRate, weightDecay });
      if (bound) applyBound(working.theta, flat, bound);
    }
    losses[t] = loss;
    onProgress?.({ iteration: t + 1, total: numSteps, loss });
  }
  return {
    data: array<"float64">(Float64Array.from(history.flat()), { shape: [history.length, 4] }),
    theta: array<"float64">(working.theta),
    logPolicy: array<"float64">(logPolicyOf(now, working.theta, beta), {
      shape: [prompts, responses],
    }),
    policies: array<"float64">(policies, { shape: [numSteps, prompts, responses] }),
    losses: array<"float64">(losses),
    state: { data: history, optimizer: plainState(working) },
    warnings:
      attitude === "optimistic" && alphaSum > 0 ? warningsOf(problem, flat, history, bound) : [],
  };
}

/** What a reader of an optimistic run should know. */
function warningsOf(
  { calibration }: PreferenceProblem,
  { prompts, rho }: FlatProblem,
  history: readonly Answer[],
  bound: RewardBound | undefined,
): readonly string[] {
  const warnings: string[] = [];
  if (bound === undefined)
    warnings.push(
      "the optimistic objective is unbounded below without a bound on rewards; runs tend to collapse on one response",
    );
  const visited = new Set(history.map(([x]) => x));
  const unvisited = Array.from({ length: prompts }, (_, x) => x).filter(
    (x) => rho[x]! > 0 && !visited.has(x),
  );
  if (calibration === undefined && unvisited.length > 0)
    warnings.push(
      `no query about ${unvisited.length} of ${prompts} prompts: where the calibration policy is the reference, optimism leaves their policy on an unstable point, and rounding decides where it goes`,
    );
  return warnings;
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
  check("theoreticalAlpha", "options", options, ALPHA);
  const { pairs } = options;
  if (options.mode === "offline") return Math.sqrt(pairs);
  const { dimension, bound, beta, concentration } = options;
  const spread = Math.min(dimension * Math.log(Math.max(pairs, 2)), pairs);
  return Math.exp(-2 * bound - bound / beta) * Math.sqrt(pairs / (concentration * spread));
}

const OFFLINE_ALPHA = { mode: oneOf("offline", "online"), pairs: wholeNumber() };
const ALPHA = byKind("mode", {
  offline: recordOf(OFFLINE_ALPHA),
  online: recordOf({
    ...OFFLINE_ALPHA,
    dimension: wholeNumber(),
    bound: positiveNumber,
    beta: positiveNumber,
    concentration: positiveNumber,
  }),
});
