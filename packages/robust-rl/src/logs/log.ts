/** Logged transitions, as learning from them needs them, and readers of the forms that people have. */
import { DomainError, ShapeError } from "@provably/core-tensor";
import {
  type Schema,
  check,
  checkOptions,
  numberList,
  oneOf,
  optional,
  recordOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";

/**
 * Transitions that were seen, in any order: episodes may differ in length. Make one with {@link transitionLog} or a reader.
 * @category Logs
 */
export interface TransitionLog {
  /** States, those that end episodes included. */
  readonly numStates: number;
  readonly numActions: number;
  /** $s$ of each transition. */
  readonly states: Int32Array;
  /** $a$ of each transition. */
  readonly actions: Int32Array;
  /** $r$ of each transition. */
  readonly rewards: Float64Array;
  /** $s'$ of each transition. */
  readonly nextStates: Int32Array;
  /** States in which episodes end, ascending: nothing is left to gain there. */
  readonly terminalStates: readonly number[];
  /** Rows that tell no transition, since what followed them was not recorded. */
  readonly numDropped: number;
}

/**
 * Options of readers of logs.
 * @category Logs
 */
export interface LogOptions {
  /** Number of states; default what occurs. */
  readonly numStates?: number;
  /** Number of actions; default what occurs. */
  readonly numActions?: number;
  /**
   * What a row that ends an episode leads to: the state it names (`"recorded"`, default), which is then left by no other row, or a
   * state of its own beyond all others (`"own"`), as where logs name the state after a reset.
   */
  readonly endState?: "recorded" | "own";
}

export const LOG: Schema<LogOptions> = {
  numStates: wholeNumber(),
  numActions: wholeNumber(),
  endState: oneOf("recorded", "own"),
};

/** Most states times actions. */
const MOST_PAIRS = 2 ** 24;

/**
 * Columns of a log, one entry a transition.
 * @category Logs
 */
export interface LogColumns {
  readonly states: ArrayLike<number>;
  readonly actions: ArrayLike<number>;
  readonly rewards: ArrayLike<number>;
  readonly nextStates: ArrayLike<number>;
  /** 1 where the transition ended its episode for good; default nowhere. */
  readonly done?: ArrayLike<number>;
}

const COLUMNS = recordOf<LogColumns>({
  states: numberList,
  actions: numberList,
  rewards: numberList,
  nextStates: numberList,
  done: optional(numberList),
});

/**
 * A log from its columns.
 *
 * @param columns - see {@link LogColumns}
 * @param options - see {@link LogOptions}
 * @returns the log
 * @throws `ShapeError` when columns differ in length
 * @throws `DomainError` for states or actions that are no whole numbers from 0 on, rewards that are not finite, or a state that both
 *   ends an episode and is left again
 * @example
 * ```ts
 * import { transitionLog } from "@provably/robust-rl";
 *
 * transitionLog({ states: [0, 1], actions: [0, 1], rewards: [0, 1], nextStates: [1, 2], done: [0, 1] }).terminalStates; // => [2]
 * ```
 * @category Logs
 */
export function transitionLog(columns: LogColumns, options: LogOptions = {}): TransitionLog {
  const fn = "transitionLog";
  const given = checkOptions<LogOptions>(fn, options, LOG);
  return logOf(
    fn,
    check(fn, "columns", columns, COLUMNS),
    given,
    (name, k) => `columns.${name}[${k}]`,
    0,
  );
}

type Place = (name: keyof LogColumns, row: number) => string;

/** The checked log; `place` says where a value stood, for errors of the function that was called. */
export function logOf(
  fn: string,
  columns: LogColumns,
  { numStates: declaredStates, numActions: declaredActions, endState = "recorded" }: LogOptions,
  place: Place,
  numDropped: number,
): TransitionLog {
  const { states, actions, rewards, nextStates, done } = columns;
  const n = states.length;
  for (const name of ["actions", "rewards", "nextStates", "done"] as const)
    if (columns[name] !== undefined && columns[name].length !== n)
      throw new ShapeError(
        `${fn}: columns must be of one length, got ${n} states and ${columns[name].length} ${name}`,
      );
  if (n === 0) throw new DomainError(`${fn}: the log has no transition`);
  let [topState, topAction] = [-1, -1];
  const whole = (name: "states" | "actions" | "nextStates", k: number, below: number): number => {
    const x = columns[name][k]!;
    if (!(Number.isInteger(x) && x >= 0 && x < below))
      throw new DomainError(
        `${fn}: ${place(name, k)} must be a whole number from 0 to ${below - 1}, got ${show(x)}`,
      );
    return x;
  };
  const own = endState === "own";
  for (let k = 0; k < n; k++) {
    topState = Math.max(topState, whole("states", k, declaredStates ?? 2 ** 30));
    topAction = Math.max(topAction, whole("actions", k, declaredActions ?? 2 ** 30));
    const flag = done?.[k] ?? 0;
    if (flag !== 0 && flag !== 1)
      throw new DomainError(`${fn}: ${place("done", k)} must be 0 or 1, got ${show(flag)}`);
    if (!(own && flag === 1))
      topState = Math.max(topState, whole("nextStates", k, declaredStates ?? 2 ** 30));
    if (!Number.isFinite(rewards[k]))
      throw new DomainError(
        `${fn}: ${place("rewards", k)} must be finite, got ${show(rewards[k])}`,
      );
  }
  const observed = declaredStates ?? topState + 1;
  const numStates = observed + (own ? 1 : 0);
  const numActions = declaredActions ?? topAction + 1;
  if (numStates * numActions > MOST_PAIRS)
    throw new DomainError(
      `${fn}: ${numStates} states and ${numActions} actions are more than 2²⁴ pairs; number states and actions from 0 on without gaps`,
    );
  const ended = new Set<number>();
  const next = Int32Array.from(nextStates, (s, k) => (own && done?.[k] === 1 ? observed : s));
  for (let k = 0; k < n; k++) if (done?.[k] === 1) ended.add(next[k]!);
  for (let k = 0; k < n; k++)
    if (ended.has(states[k]!))
      throw new DomainError(
        `${fn}: state ${states[k]!} ends an episode, but ${place("states", k)} leaves it again; where logs name the state after a reset, say endState: "own"`,
      );
  return {
    numStates,
    numActions,
    states: Int32Array.from(states),
    actions: Int32Array.from(actions),
    rewards: Float64Array.from(rewards),
    nextStates: next,
    terminalStates: [...ended].sort((a, b) => a - b),
    numDropped,
  };
}
