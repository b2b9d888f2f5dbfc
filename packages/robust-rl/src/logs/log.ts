/** Logged transitions, as learning from them needs them, and readers of the forms that people have. */
import { DomainError, FormatError, ShapeError } from "@provably/core-tensor";
import {
  type Schema,
  anyString,
  anything,
  check,
  checkOptions,
  isRecord,
  numberList,
  oneOf,
  optional,
  recordOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { column, tableFromCsv } from "@provably/core-tensor/table";

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

const LOG: Schema<LogOptions> = {
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
  return logOf(fn, check(fn, "columns", columns, COLUMNS), given, (name, k) => `columns.${name}[${k}]`, 0); // prettier-ignore
}

type Place = (name: keyof LogColumns, row: number) => string;

function logOf(
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

/**
 * Names of the columns, or fields, of a log.
 * @category Logs
 */
export interface LogNames {
  /** Default `"s"`. */
  readonly state?: string;
  /** Default `"a"`. */
  readonly action?: string;
  /** Default `"r"`. */
  readonly reward?: string;
  /** Default `"s_next"`. */
  readonly nextState?: string;
  /** Default `"done"`; `null` when there is none. */
  readonly done?: string | null;
}

/**
 * Options of {@link logFromCsv} and {@link logFromJsonl}.
 * @category Logs
 */
export interface LogTextOptions extends LogOptions {
  readonly names?: LogNames;
}

const NAMES = recordOf<LogNames>({
  state: optional(anyString),
  action: optional(anyString),
  reward: optional(anyString),
  nextState: optional(anyString),
  done: optional((x) => (x === null ? undefined : anyString(x))),
});

const TEXT: Schema<LogTextOptions> = { ...LOG, names: NAMES };

function namesOf(given: LogNames = {}) {
  const { state = "s", action = "a", reward = "r", nextState = "s_next", done = "done" } = given;
  return { state, action, reward, nextState, done };
}

/**
 * The log in comma-separated text with a line of names; columns beside the named ones are passed over. Flags may be 0, 1,
 * true or false in any case.
 *
 * @param text - the whole text
 * @param options - see {@link LogTextOptions}
 * @returns the log
 * @throws `FormatError` with the line where the text is none, or a value is missing or of the wrong kind
 * @throws `DomainError` as {@link transitionLog}, with the line
 * @example
 * ```ts
 * import { logFromCsv } from "@provably/robust-rl";
 *
 * const log = logFromCsv("s,a,r,s_next,done\n0,0,-1,1,False\n1,0,5,2,True\n");
 * [log.numStates, log.terminalStates]; // => [3, [2]]
 * ```
 * @category Logs
 */
export function logFromCsv(text: string, options: LogTextOptions = {}): TransitionLog {
  const fn = "logFromCsv";
  const { names: given, ...rest } = checkOptions<LogTextOptions>(fn, options, TEXT);
  check(fn, "text", text, anyString);
  const names = namesOf(given);
  const table = renamed(fn, () => tableFromCsv(text, { header: true, missing: [] }));
  const lineOf = linesOf(text);
  const line = (row: number): number => lineOf[row + 1] ?? row + 2;
  const read = (name: string, flags = false): Float64Array => {
    const found = renamed(fn, () => column(table, name));
    const label = found.kind === "category" ? found.labels : undefined;
    return Float64Array.from({ length: table.numRows }, (_, row) => {
      const missing = found.missing[row] === 1;
      const word = found.kind === "category" ? label![found.codes[row]!] : found.values[row]!;
      const value = missing ? undefined : flags ? flagOf(word) : Number(word);
      const number = typeof word === "number" || (word !== undefined && word.trim() !== "" && !Number.isNaN(value)); // prettier-ignore
      if (value === undefined || !number)
        throw new FormatError(
          `${fn}: line ${line(row)}, column ${show(name)}: expected ${flags ? "0, 1, true or false" : "a number"}, got ${missing ? "nothing" : show(word)}`,
        );
      return value;
    });
  };
  const columns = {
    states: read(names.state),
    actions: read(names.action),
    rewards: read(names.reward),
    nextStates: read(names.nextState),
    ...(names.done !== null && { done: read(names.done, true) }),
  };
  return logOf(fn, columns, rest, (name, row) => `line ${line(row)}, ${name}`, 0);
}

/** An error of the table under the name of the function that was called. */
function renamed<T>(fn: string, of: () => T): T {
  try {
    return of();
  } catch (error) {
    const Kind = error instanceof FormatError ? FormatError : DomainError;
    if (!(error instanceof FormatError || error instanceof DomainError)) throw error;
    throw new Kind(`${fn}: ${error.message.replace(/^\w+: /, "")}`);
  }
}

/** The line on which each row begins, the names included: blank lines count, line ends within quotes do not begin a row. */
function linesOf(text: string): number[] {
  const found: number[] = [];
  let [line, quoted, blank] = [1, false, true];
  for (const c of text) {
    if (c === '"') quoted = !quoted;
    if (c === "\n") {
      line++;
      if (!quoted) blank = true;
    } else if (blank && c.trim() !== "") {
      found.push(line);
      blank = false;
    }
  }
  return found;
}

/** A flag as people write it; undefined when it is none. */
function flagOf(x: unknown): 0 | 1 | undefined {
  const word = String(x).toLowerCase();
  if (word === "1" || word === "true") return 1;
  return word === "0" || word === "false" ? 0 : undefined;
}

/**
 * The log in text with one object in JSON a line. Fields beside the named ones are passed over, and so are blank lines.
 *
 * @param text - the whole text
 * @param options - see {@link LogTextOptions}
 * @returns the log
 * @throws `FormatError` with the line and the field where something is missing or of the wrong kind
 * @throws `DomainError` as {@link transitionLog}, with the line
 * @example
 * ```ts
 * import { logFromJsonl } from "@provably/robust-rl";
 *
 * logFromJsonl('{"s": 0, "a": 1, "r": 0.5, "s_next": 1, "done": true}').numActions; // => 2
 * ```
 * @category Logs
 */
export function logFromJsonl(text: string, options: LogTextOptions = {}): TransitionLog {
  const fn = "logFromJsonl";
  const { names: given, ...rest } = checkOptions<LogTextOptions>(fn, options, TEXT);
  const names = namesOf(given);
  const [states, actions, rewards, nextStates, done, places]: number[][] = [[], [], [], [], [], []];
  check(fn, "text", text, anyString)
    .replace(/^\uFEFF/, "")
    .split("\n")
    .forEach((source, k) => {
      if (source.trim() === "") return;
      const fail = (field: string | undefined, says: string): FormatError =>
        new FormatError(`${fn}: line ${k + 1}${field === undefined ? "" : `, field ${show(field)}`}: ${says}`); // prettier-ignore
      let row: unknown;
      try {
        row = JSON.parse(source);
      } catch {
        throw fail(undefined, "expected an object in JSON, got other text");
      }
      if (!isRecord(row) || Array.isArray(row))
        throw fail(undefined, `expected an object in JSON, got ${show(row)}`);
      const record = row;
      const number = (field: string): number => {
        const x = Object.hasOwn(record, field) ? record[field] : undefined;
        if (typeof x !== "number") throw fail(field, `expected a number, got ${x === undefined ? "nothing" : show(x)}`); // prettier-ignore
        return x;
      };
      states!.push(number(names.state));
      actions!.push(number(names.action));
      rewards!.push(number(names.reward));
      nextStates!.push(number(names.nextState));
      if (names.done !== null) {
        const flag = Object.hasOwn(record, names.done) ? flagOf(record[names.done]) : undefined;
        if (flag === undefined) throw fail(names.done, `expected true, false, 0 or 1, got ${show(record[names.done])}`); // prettier-ignore
        done!.push(flag);
      }
      places!.push(k + 1);
    });
  const columns = {
    states: states!,
    actions: actions!,
    rewards: rewards!,
    nextStates: nextStates!,
  };
  return logOf(
    fn,
    names.done === null ? columns : { ...columns, done: done! },
    rest,
    (name, row) => `line ${places![row]!}, ${name}`,
    0,
  );
}

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
  const { observations, actions, rewards, nextObservations, ...marks } = check(fn, "arrays", arrays, FLAT); // prettier-ignore
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
