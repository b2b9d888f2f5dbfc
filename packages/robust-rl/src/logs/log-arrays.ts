/** Logs in flat arrays, as data sets of offline learning have them. */
import { DomainError, ShapeError } from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  numberList,
  optional,
  recordOf,
  show,
} from "@provably/core-tensor/internal";
import { LOG, logOf, type LogOptions, type TransitionLog } from "./log.js";
import { flagOf } from "./flags.js";

/**
 * A log in flat arrays as offline datasets have it: one row a step, episodes one after the other.
 * @category Logs
 */
export interface FlatLog {
  readonly observations: ArrayLike<number>;
  readonly actions: ArrayLike<number>;
  readonly rewards: ArrayLike<number>;
  /** 1 or true where the episode ended for good. */
  readonly terminals: ArrayLike<number | boolean>;
  /** 1 or true where it was cut off; default nowhere. */
  readonly timeouts?: ArrayLike<number | boolean>;
  /** What followed; without, the next row tells, and a row that ends an episode for good leads to a state of its own. */
  readonly nextObservations?: ArrayLike<number>;
}

const FLAT = recordOf<FlatLog>({
  observations: numberList,
  actions: numberList,
  rewards: numberList,
  terminals: anything,
  timeouts: optional(anything),
  nextObservations: optional(numberList),
});

/**
 * The log in flat arrays with terminals and timeouts. Without `nextObservations` rows at a timeout, and a last row that
 * ends nothing, tell no transition and are dropped.
 *
 * @param arrays - see {@link FlatLog}
 * @param options - see {@link LogOptions}
 * @returns the log, with `numDropped`
 * @throws `ShapeError`, `DomainError` as {@link transitionLog}
 * @example
 * ```ts
 * import { logFromArrays } from "@provably/robust-rl";
 *
 * const log = logFromArrays({ observations: [0, 1, 0], actions: [0, 0, 0], rewards: [0, 1, 0], terminals: [0, 1, 0] });
 * [log.numStates, log.terminalStates, log.numDropped]; // => [3, [2], 1]
 * ```
 * @category Logs
 */
export function logFromArrays(arrays: FlatLog, options: LogOptions = {}): TransitionLog {
  const fn = "logFromArrays";
  const given = checkOptions<LogOptions>(fn, options, LOG);
  const { observations, actions, rewards, nextObservations, ...marks } = check(
    fn,
    "arrays",
    arrays,
    FLAT,
  );
  if (nextObservations === undefined && given.endState === "recorded")
    throw new DomainError(
      `${fn}: endState "recorded" needs nextObservations: without them nothing says which state a terminal row leads to`,
    );
  const n = observations.length;
  const flags = (name: "terminals" | "timeouts"): number[] => {
    const list = marks[name];
    if (list === undefined) return new Array<number>(n).fill(0);
    if (typeof list !== "object" || typeof list.length !== "number" || list.length !== n)
      throw new ShapeError(
        `${fn}: arrays.${name} must have ${n} entries, one for each observation`,
      );
    return Array.from(list, (x, k) => {
      const flag = flagOf(x);
      if (flag === undefined)
        throw new DomainError(`${fn}: arrays.${name}[${k}] must be true or false, got ${show(x)}`);
      return flag;
    });
  };
  const [terminals, timeouts] = [flags("terminals"), flags("timeouts")];
  for (const [name, list] of Object.entries({ actions, rewards, nextObservations }))
    if (list !== undefined && list.length !== n)
      throw new ShapeError(
        `${fn}: arrays.${name} must have ${n} entries, one for each observation, got ${list.length}`,
      );
  const rows = Array.from({ length: n }, (_, k) => k).filter(
    (k) => nextObservations !== undefined || terminals[k] === 1 || (timeouts[k] === 0 && k + 1 < n),
  );
  const pick = (x: ArrayLike<number>): number[] => rows.map((k) => x[k]!);
  const after = rows.map((k) =>
    nextObservations ? nextObservations[k]! : terminals[k] === 1 ? 0 : observations[k + 1]!,
  );
  let top = -1;
  for (let k = 0; k < n; k++) if (observations[k]! > top) top = observations[k]!;
  const settings: LogOptions = nextObservations
    ? given
    : { ...given, endState: "own", numStates: given.numStates ?? Math.min(2 ** 30, top + 1) };
  return logOf(
    fn,
    {
      states: pick(observations),
      actions: pick(actions),
      rewards: pick(rewards),
      nextStates: after,
      done: pick(terminals),
    },
    settings,
    (name, k) =>
      `arrays.${name === "states" ? "observations" : name === "nextStates" ? "nextObservations" : name === "done" ? "terminals" : name}[${rows[k]!}]`,
    n - rows.length,
  );
}
