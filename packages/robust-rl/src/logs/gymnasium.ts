/** Decision processes from the tables of gymnasium's toy environments. */
import { DomainError, FormatError } from "@provably/core-tensor";
import { check, isRecord, satisfying, show } from "@provably/core-tensor/internal";
import { mdp } from "../mdp/model.js";
import type { Mdp } from "../mdp/process.js";

/** `[probability, next state, reward, done]`. */
type Entry = readonly [number, number, number, boolean | number];

/**
 * A process from a `P` table: for every state and action a list of `[probability, next state, reward, done]`, as
 * `env.unwrapped.P` holds it, by objects with numbers as names or by lists.
 *
 * Successors that are listed again add up, with the mean of their rewards. A state that is entered with `done` ends the
 * episode: it keeps to itself for nothing, whatever the table says about it. Where the same state is also entered without
 * `done`, all ends lead to one more state instead. Rewards depend on the state that is reached.
 *
 * @param table - `P[state][action]`
 * @returns the process
 * @throws `FormatError` naming state, action and entry where the table is not like that
 * @throws `DomainError` when probabilities do not sum to 1
 * @example
 * ```ts
 * import { mdpFromGymnasium, valueIteration } from "@provably/robust-rl";
 *
 * const P = { 0: { 0: [[0.5, 0, 0, false], [0.5, 1, 1, true]] }, 1: { 0: [[1, 0, 7, false]] } };
 * valueIteration(mdpFromGymnasium(P), { discount: 0.5 }).values.get(1); // => 0
 * ```
 * @category Logs
 */
export function mdpFromGymnasium(table: object): Mdp {
  const fn = "mdpFromGymnasium";
  check(
    fn,
    "table",
    table,
    satisfying("an object or a list of states", (x) => typeof x === "object" && x !== null),
  );
  const states = numbered(fn, table, "P");
  const rows = states.map((actions, s) =>
    numbered(fn, actions, `P[${s}]`).map((list, a) =>
      entriesOf(fn, list, `P[${s}][${a}]`, states.length),
    ),
  );
  const numActions = rows.reduce((most, own) => Math.max(most, own.length), 0);
  const [ended, passed] = [new Set<number>(), new Set<number>()];
  rows.forEach((own) =>
    own.forEach((list) =>
      list.forEach(([p, to, , done]) => {
        if (p > 0) (done ? ended : passed).add(to);
      }),
    ),
  );
  // states that end an episode are left by nobody, so what their own rows say does not count
  passed.clear();
  rows.forEach((own, s) => {
    if (ended.has(s)) return;
    own.forEach((list) => list.forEach(([p, to, , done]) => p > 0 && !done && passed.add(to)));
  });
  const apart = [...ended].some((s) => passed.has(s));
  const numStates = states.length + (apart ? 1 : 0);
  const terminal = (s: number): boolean => (apart ? s === states.length : ended.has(s));
  const rowPointers = [0];
  const [columns, probabilities, entries]: number[][] = [[], [], []];
  const allowed: number[][] = [];
  for (let s = 0; s < numStates; s++) {
    allowed.push(
      Array.from({ length: numActions }, (_, a) => (terminal(s) || a < rows[s]!.length ? 1 : 0)),
    );
    for (let a = 0; a < numActions; a++) {
      const merged = new Map<number, [number, number]>();
      if (terminal(s)) merged.set(s, [1, 0]);
      else
        for (const [p, to, r, done] of rows[s]![a] ?? []) {
          const target = done && apart ? states.length : to;
          const [mass, paid] = merged.get(target) ?? [0, 0];
          merged.set(target, [mass + p, paid + p * r]);
        }
      for (const [to, [mass, paid]] of merged) {
        if (mass === 0) continue;
        columns!.push(to);
        probabilities!.push(mass);
        entries!.push(paid / mass);
      }
      rowPointers.push(columns!.length);
    }
  }
  try {
    return mdp({
      transitions: {
        shape: [numStates, numActions, numStates],
        rowPointers,
        columns: columns!,
        probabilities: probabilities!,
      },
      rewards: { entries: entries! },
      ...(allowed.some((own) => own.includes(0)) && { allowed }),
    });
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw new DomainError(`${fn}: ${error.message.replace(/^\w+: /, "")}`);
  }
}

/** The parts of a list, or of an object whose names are 0, 1, 2, … */
function numbered(fn: string, x: unknown, place: string): unknown[] {
  if (Array.isArray(x) && x.length > 0) return Array.from(x as unknown[]);
  const keys = isRecord(x) ? Object.keys(x) : [];
  if (keys.length === 0)
    throw new FormatError(`${fn}: ${place} must hold entries 0, 1, …, got ${show(x)}`);
  return keys.map((_, k) => {
    if (!Object.hasOwn(x as object, String(k)))
      throw new FormatError(
        `${fn}: ${place} must hold entries 0 to ${keys.length - 1}, but ${k} is missing`,
      );
    return (x as Record<string, unknown>)[k];
  });
}

function entriesOf(fn: string, x: unknown, place: string, numStates: number): Entry[] {
  if (!Array.isArray(x) || x.length === 0)
    throw new FormatError(
      `${fn}: ${place} must be a list of [probability, next state, reward, done], got ${show(x)}`,
    );
  return x.map((entry: unknown, k) => {
    const [p, to, r, done] = Array.isArray(entry) ? (entry as unknown[]) : [];
    const sound =
      Array.isArray(entry) &&
      entry.length === 4 &&
      typeof p === "number" &&
      p >= 0 &&
      p <= 1 + 1e-8 &&
      Number.isInteger(to) &&
      (to as number) >= 0 &&
      (to as number) < numStates &&
      Number.isFinite(r) &&
      (typeof done === "boolean" || done === 0 || done === 1);
    if (!sound)
      throw new FormatError(
        `${fn}: ${place}[${k}] must be [probability, next state below ${numStates}, reward, done], got ${show(entry)}`,
      );
    return entry as unknown as Entry;
  });
}
