/** The fields of one row, read by name. What was not read is kept, and what was nearly read is refused. */
import { isRecord, nearestName, show } from "@provably/core-tensor/internal";
import {
  type Content,
  type Message,
  type Preference,
  type PreferenceErrorCode,
  PreferenceFormatError,
} from "./record.js";

/** A way to store preferences, recognised by the names of its fields. */
export interface Layout {
  readonly name: string;
  readonly fits: (row: Row) => boolean;
  readonly read: (row: Row) => readonly Preference[];
}

export interface Row {
  readonly has: (...names: readonly string[]) => boolean;
  readonly fail: (reason: PreferenceErrorCode, detail: string) => never;
  /** The value of a field, or undefined where it is absent, null or empty and need not be there. */
  readonly maybe: (name: string) => unknown;
  /** The value of a field that must be there. */
  readonly take: (name: string) => unknown;
  readonly text: (name: string) => string;
  readonly content: (name: string) => Content;
  readonly messages: (name: string) => readonly Message[];
  /** A finite number above `low`, or undefined where there is none. */
  readonly number: (name: string, low?: number) => number | undefined;
  /** Fields that were not read, of which some are `known` to say nothing; nothing where there are none. */
  readonly rest: (known?: readonly string[]) => {
    readonly columns?: Readonly<Record<string, unknown>>;
  };
}

/** Fields that would change what a row says. */
const MEANT = [
  "prompt",
  "chosen",
  "rejected",
  "weight",
  "margin",
  "refChosen",
  "refRejected",
  "ref_chosen_logps",
  "ref_rejected_logps",
  "completion",
  "label",
  "labels",
  "winner",
  "preference",
  "tie",
  "scores",
  "ranks",
  "responses",
];

const letters = (name: string): string => name.toLowerCase().replaceAll(/[^a-z]/g, "");

/** The meaning of which a column's name looks like a misspelling. */
function misspelt(name: string): string | undefined {
  const near = nearestName(name, MEANT);
  const apart =
    near === undefined ? Infinity : Math.abs(letters(near).length - letters(name).length);
  return apart <= 1 ? near : undefined;
}

export function rowOf(value: unknown, line: number): Row {
  const fail = (reason: PreferenceErrorCode, detail: string): never => {
    throw new PreferenceFormatError(reason, line, detail);
  };
  if (!isRecord(value)) return fail("INVALID_TYPE", `expected an object, got ${show(value)}`);
  // tables of several layouts together leave the fields of the others null
  const unread = new Set(Object.keys(value).filter((name) => value[name] !== null));
  const has = (...names: readonly string[]): boolean =>
    names.every((name) => Object.hasOwn(value, name) && value[name] !== null);
  const maybe = (name: string): unknown => {
    unread.delete(name);
    const x = has(name) ? value[name] : undefined;
    return x === null || x === "" ? undefined : x;
  };
  const take = (name: string): unknown => {
    unread.delete(name);
    const x = has(name) ? value[name] : undefined;
    return x === undefined || x === null ? fail("MISSING_FIELD", `field "${name}" is missing`) : x;
  };
  const wrong = (name: string, expected: string, x: unknown): never =>
    fail("INVALID_TYPE", `field "${name}" must be ${expected}, got ${show(x)}`);
  const messages = (name: string): readonly Message[] => {
    const x = take(name);
    return isMessages(x) ? x : wrong(name, "a list of { role, content }", x);
  };
  return {
    has,
    fail,
    maybe,
    take,
    messages,
    text: (name) => {
      const x = take(name);
      return typeof x === "string" ? x : wrong(name, "text", x);
    },
    content: (name) => {
      const x = take(name);
      if (typeof x === "string") return x;
      return isMessages(x) ? x : wrong(name, "text or a list of { role, content }", x);
    },
    number: (name, low = -Infinity) => {
      const x = maybe(name);
      if (x === undefined) return undefined;
      if (typeof x !== "number" || !Number.isFinite(x) || !(x > low))
        return wrong(
          name,
          low === -Infinity ? "a finite number" : `a finite number above ${low}`,
          x,
        );
      return x;
    },
    rest: (known = []) => {
      for (const name of unread) {
        const meant = known.includes(name) ? undefined : misspelt(name);
        if (meant !== undefined)
          fail(
            "UNKNOWN_FIELD",
            `field "${name}" is not read in this layout${meant === name ? "" : `; did you mean "${meant}"?`}`,
          );
      }
      const columns = Object.fromEntries([...unread].map((name) => [name, value[name]]));
      return unread.size === 0 ? {} : { columns };
    },
  };
}

const isMessage = (x: unknown): x is Message => {
  if (!isRecord(x) || typeof x["role"] !== "string") return false;
  const { content } = x;
  if (typeof content === "string" || (Array.isArray(content) && content.every(isRecord)))
    return true;
  return (content === null || content === undefined) && Array.isArray(x["tool_calls"]);
};

export function isMessages(x: unknown): x is readonly Message[] {
  return Array.isArray(x) && x.length > 0 && x.every(isMessage);
}

/** Whether two values of JSON say the same, whatever the order of their fields. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((x, i) => same(x, b[i]));
  if (!isRecord(a) || !isRecord(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && same(a[name], b[name]))
  );
}
