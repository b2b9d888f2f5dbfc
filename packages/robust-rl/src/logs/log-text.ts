/** Logs in text: comma-separated values, and a line of JSON for each transition. */
import { DomainError, FormatError } from "@provably/core-tensor";
import {
  type Schema,
  anyString,
  check,
  checkOptions,
  isRecord,
  optional,
  recordOf,
  show,
} from "@provably/core-tensor/internal";
import { column, tableFromCsv } from "@provably/core-tensor/table";
import { LOG, logOf, type LogOptions, type TransitionLog } from "./log.js";
import { flagOf } from "./flags.js";

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
      const number =
        typeof word === "number" ||
        (word !== undefined && word.trim() !== "" && !Number.isNaN(value));
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
        new FormatError(
          `${fn}: line ${k + 1}${field === undefined ? "" : `, field ${show(field)}`}: ${says}`,
        );
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
        if (typeof x !== "number")
          throw fail(field, `expected a number, got ${x === undefined ? "nothing" : show(x)}`);
        return x;
      };
      states!.push(number(names.state));
      actions!.push(number(names.action));
      rewards!.push(number(names.reward));
      nextStates!.push(number(names.nextState));
      if (names.done !== null) {
        const flag = Object.hasOwn(record, names.done) ? flagOf(record[names.done]) : undefined;
        if (flag === undefined)
          throw fail(names.done, `expected true, false, 0 or 1, got ${show(record[names.done])}`);
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
