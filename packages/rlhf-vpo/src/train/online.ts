/** Online VPO, driven to its end: optimistic exploration with preferences asked for as it goes. */
import { CoreTensorError, type NdArray, array, zeros } from "@provably/core-tensor";
import {
  anyFunction,
  check,
  checkOptions,
  flatNumbers,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import { finite } from "../arrays.js";
import type { PreferenceProblem } from "../exact/problem.js";
import { type OnlineConversation, type PairQuery, converse } from "./conversation.js";
import { ONLINE, type OnlineOptions, type OnlineState } from "./online-options.js";
import { type PreferenceJudge, type PreferenceOracle, answerOf } from "./oracle.js";

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

/**
 * A judge who failed in the middle of an online run. Nothing is lost: go on from `state`.
 * @category Training
 */
export class JudgeError extends CoreTensorError {
  override readonly name = "JudgeError";
  /** All answers that came before, those of the unfinished round included. */
  readonly state: OnlineState;
  constructor(fn: string, { x, y1, y2 }: PairQuery, state: OnlineState, cause: unknown) {
    super(
      `${fn}: no answer about prompt ${x}, responses ${y1} and ${y2}: ${cause instanceof Error ? cause.message : show(cause)}; the error's state holds the answers so far`,
      "ERR_JUDGE",
    );
    this.state = state;
    this.cause = cause;
  }
}

/**
 * How {@link onlineVpoAsync} asks.
 * @category Training
 */
export interface JudgeOptions {
  /** Queries of a round that are on their way at the same time; default all of them. */
  readonly concurrency?: number;
  /** How often a query is asked again whose judge failed; default 0. */
  readonly retries?: number;
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
 * @throws `ShapeError`, `DomainError` when problem or options do not fit together, or an answer is no number in [0, 1]; {@link JudgeError} where the oracle throws
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
  checkOptions<OnlineOptions>(fn, options, ONLINE);
  check(fn, "oracle", oracle, anyFunction);
  const run = follow(fn, key, problem, options);
  for (let t = 0; t < options.numSteps; t++) {
    options.signal?.throwIfAborted();
    run.begin();
    for (const query of run.online.next()) {
      let answer: unknown;
      try {
        answer = oracle(query.x, query.y1, query.y2, query.u);
      } catch (cause) {
        throw new JudgeError(fn, query, run.online.state, cause);
      }
      run.take(query, answerOf(fn, answer));
    }
    run.end(t);
  }
  return run.result();
}

/**
 * {@link onlineVpo} with a judge who takes time: the answers of a round are awaited, several at once.
 *
 * An answer that came is never lost. A query whose judge fails is asked again, `retries` times; then the answers on their way are awaited and the run ends
 * with a {@link JudgeError} whose `state` holds all of them. At an abort the run ends at once, and answers that still come in are handed to `onState`.
 *
 * @param key - random key
 * @param problem - see {@link onlineVpo}
 * @param judge - who answers, see {@link PreferenceJudge}
 * @param options - see {@link OnlineOptions} and {@link JudgeOptions}
 * @returns what {@link onlineVpo} gives for the same answers, bit for bit
 * @throws as {@link onlineVpo}; {@link JudgeError} where the judge fails
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
  options: OnlineOptions & JudgeOptions,
): Promise<OnlineResult> {
  const fn = "onlineVpoAsync";
  checkOptions<OnlineOptions & JudgeOptions>(fn, options, ASYNC);
  check(fn, "judge", judge, anyFunction);
  const run = follow(fn, key, problem, options);
  for (let t = 0; t < options.numSteps; t++) {
    options.signal?.throwIfAborted();
    run.begin();
    await unlessAborted(askAll(fn, run, judge, options), options.signal);
    run.end(t);
  }
  return run.result();
}

const ASYNC = { ...ONLINE, concurrency: wholeNumber(), retries: wholeNumber(0) };

/** Asks the open queries of a round, so many at the same time. */
async function askAll(
  fn: string,
  { online, take }: Run,
  judge: PreferenceJudge,
  { concurrency = Infinity, retries = 0, signal }: OnlineOptions & JudgeOptions,
): Promise<void> {
  const waiting = [...online.next()];
  let failure: { readonly query: PairQuery; readonly cause: unknown } | undefined;
  const ask = async (query: PairQuery): Promise<void> => {
    for (let attempt = 0; ; attempt++)
      try {
        take(query, answerOf(fn, await judge(query.x, query.y1, query.y2, query.u)));
        return;
      } catch (cause) {
        if (attempt < retries && !signal?.aborted) continue;
        failure ??= { query, cause };
        return;
      }
  };
  const line = async (): Promise<void> => {
    for (
      let query = waiting.shift();
      query && !failure && !signal?.aborted;
      query = waiting.shift()
    )
      await ask(query);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, waiting.length) }, line));
  if (failure) throw new JudgeError(fn, failure.query, online.state, failure.cause);
}

/** The work, or the reason of an abort as soon as there is one; the work goes on behind it. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return work;
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener("abort", stop);
  });
  try {
    await Promise.race([work, aborted]);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", stop!);
  }
}

/** A conversation with the records of its rounds. */
interface Run {
  readonly online: OnlineConversation;
  readonly begin: () => void;
  readonly take: (query: PairQuery, answer: number) => void;
  readonly end: (round: number) => void;
  readonly result: () => OnlineResult;
}

function follow(fn: string, key: RngKey, problem: PreferenceProblem, options: OnlineOptions): Run {
  const numSteps = check(fn, "numSteps", options.numSteps, wholeNumber(0));
  const { batchSize = 1, uniforms, onState, onProgress } = options;
  if (uniforms !== undefined) finite(fn, "uniforms", uniforms, [numSteps * batchSize, 4]);
  const online = converse(fn, problem, options, key, "the first query of this call");
  const shape = online.logPolicy.shape as readonly [number, number];
  const cells = shape[0] * shape[1];
  const policies = flatNumbers(zeros([numSteps, ...shape], { dtype: "float64" }));
  const losses = new Float64Array(numSteps);
  let round = 0;
  return {
    online,
    begin: () => policies.set(flatNumbers(online.logPolicy), round * cells),
    take: ({ id }, answer) => {
      online.answer(id, answer);
      onState?.(online.state);
    },
    end: (t) => {
      round = t + 1;
      losses[t] = online.loss!;
      onProgress?.({ iteration: t + 1, total: numSteps, loss: losses[t] });
    },
    result: () => {
      const { state, logPolicy, warnings } = online;
      return {
        data: array<"float64">(Float64Array.from(state.data.flat()), {
          shape: [state.data.length, 4],
        }),
        theta: array<"float64">(Float64Array.from(state.optimizer.theta)),
        logPolicy,
        policies: array<"float64">(policies, { shape: [numSteps, ...shape] }),
        losses: array<"float64">(losses),
        state,
        warnings,
      };
    },
  };
}
