/**
 * What arguments must look like, said once: a guard looks at a value and names the first place
 * inside it that does not fit. Functions hold what they are given against such descriptions
 * before they work, so that a wrong type ends in one typed error and not three levels below.
 */
import { DomainError } from "../errors.js";
import { show } from "./show.js";

/** The first thing wrong with a value. */
export interface Fault {
  /** Where inside the value, such as `[3].name`; empty for the value itself. */
  readonly path: string;
  /** What belongs there, in words that follow "must be". */
  readonly expected: string;
  /** What is there. */
  readonly got: unknown;
  /** A whole message of its own, where "must be" does not fit. */
  readonly says?: string;
}

/**
 * A description of values; `undefined` for those that fit it.
 *
 * `T` is what it lets through. A guard that takes less than a type has cannot stand for that type
 * in a schema, and the compiler says so.
 */
export interface Guard<in T = unknown> {
  (x: unknown): Fault | undefined;
  readonly takes?: (x: T) => void;
  /** Whether the place may not be left out; places of options always may. */
  readonly optional?: boolean;
}

const word = (name: unknown): string => (typeof name === "string" ? name : show(name));

/** The typed error of a fault: function, argument, expected, got. */
export function faultError(fn: string, name: string, fault: Fault): DomainError {
  const place = `${word(name)}${fault.path}`;
  return new DomainError(
    fault.says === undefined
      ? `${word(fn)}: ${place} must be ${fault.expected}, got ${show(fault.got)}`
      : `${word(fn)}: ${place}${fault.says}`,
  );
}

/**
 * `value`, or a typed error that names the function, the argument and the place inside it that does
 * not fit.
 *
 * @param fn - name of the function that the user called
 * @param name - name of the argument
 * @param value - what was passed
 * @param guard - what it must look like
 * @returns `value`
 * @throws {@link DomainError} when the guard finds a fault
 */
export function check<V extends object>(fn: string, name: string, value: V, guard: Guard<never>): V;
export function check<V, T>(
  fn: string,
  name: string,
  value: V,
  guard: Guard<T>,
): unknown extends V ? T : V;
export function check(fn: string, name: string, value: unknown, guard: Guard<never>): unknown {
  const fault = guard(value);
  if (fault !== undefined) throw faultError(fn, name, fault);
  return value;
}

/** Values of which `fits` is true; `expected` says in words which those are. */
export function satisfying<T>(expected: string, fits: (x: unknown) => boolean): Guard<T> {
  return (got) => (fits(got) ? undefined : { path: "", expected, got });
}

/** Anything at all: the function looks at it in its own words. */
export const anything: Guard = () => undefined;

/** `true` or `false`. */
export const trueOrFalse: Guard<boolean> = /* @__PURE__ */ satisfying(
  "true or false",
  (x) => typeof x === "boolean",
);

/** A number, NaN and the infinities included. */
export const anyNumber: Guard<number> = /* @__PURE__ */ satisfying(
  "a number",
  (x) => typeof x === "number",
);

/** A finite number. */
export const finiteNumber: Guard<number> = /* @__PURE__ */ satisfying("a finite number", (x) =>
  Number.isFinite(x),
);

/** A positive and finite number. */
export const positiveNumber: Guard<number> = /* @__PURE__ */ satisfying(
  "positive and finite",
  (x) => Number.isFinite(x) && (x as number) > 0,
);

/** A finite number that is not negative. */
export const nonNegativeNumber: Guard<number> = /* @__PURE__ */ satisfying(
  "finite and ≥ 0",
  (x) => Number.isFinite(x) && (x as number) >= 0,
);

/** A number between two others, both included. */
export function numberIn(low: number, high: number): Guard<number> {
  return satisfying(`in [${low}, ${high}]`, (x) => typeof x === "number" && x >= low && x <= high);
}

/** A number strictly between two others, such as a significance in (0, 1). */
export function numberInside(low: number, high: number): Guard<number> {
  return satisfying(`in (${low}, ${high})`, (x) => typeof x === "number" && x > low && x < high);
}

/** From here on a count is a mistake: no list has so many places. */
const MOST = 2 ** 31;

/** A whole number such as a count or a size. */
export function wholeNumber(least = 1, below = MOST): Guard<number> {
  return (got) => {
    if (Number.isInteger(got) && (got as number) >= least && (got as number) < below)
      return undefined;
    const huge = Number.isInteger(got) && (got as number) >= below;
    const bound = huge ? ` and below ${below === MOST ? "2³¹" : below}` : "";
    return { path: "", expected: `an integer ≥ ${least}${bound}`, got };
  };
}

/** Text. */
export const anyString: Guard<string> = /* @__PURE__ */ satisfying(
  "text",
  (x) => typeof x === "string",
);

/** A function. */
export const anyFunction: Guard<(...args: never[]) => unknown> = /* @__PURE__ */ satisfying(
  "a function",
  (x) => typeof x === "function",
);

/** A list; a typed array is none. */
export const anyList: Guard<readonly unknown[]> = /* @__PURE__ */ satisfying(
  "a list",
  Array.isArray,
);

/** One of a few words or numbers. */
export function oneOf<const T extends string | number>(...choices: readonly T[]): Guard<T> {
  return satisfying(`one of ${choices.map(show).join(", ")}`, (x) =>
    (choices as readonly unknown[]).includes(x),
  );
}

/** A value that fits one of two descriptions. */
export function either<A, B>(a: Guard<A>, b: Guard<B>): Guard<A | B> {
  return (x) => {
    const [first, second] = [a(x), b(x)];
    if (first === undefined || second === undefined) return undefined;
    // the fault that lies deeper belongs to the description that was meant
    if (first.path !== "" || second.path !== "") return first.path !== "" ? first : second;
    return { path: "", expected: `${first.expected}, or ${second.expected}`, got: x };
  };
}

/** `null`, or what fits. */
export function nullable<T>(guard: Guard<T>): Guard<T | null> {
  return (x) => (x === null ? undefined : guard(x));
}

/** What fits, or nothing: a field of a record that may be left out. */
export function optional<T>(guard: Guard<T>): Guard<T | undefined> {
  const maybe = (x: unknown): Fault | undefined => (x === undefined ? undefined : guard(x));
  return Object.assign(maybe, { optional: true });
}

/** A list whose every entry fits, of the given length where there is one. */
export function listOf<T>(guard: Guard<T>, length?: number): Guard<readonly T[]> {
  return (x) => {
    if (!Array.isArray(x) || (length !== undefined && x.length !== length))
      return { path: "", expected: `a list${length === undefined ? "" : ` of ${length}`}`, got: x };
    for (let i = 0; i < x.length; i++) {
      const fault = guard(x[i]);
      if (fault !== undefined) return { ...fault, path: `[${i}]${fault.path}` };
    }
    return undefined;
  };
}

/** Whether a value has named fields: an object that is no list, typed array, map or set. */
export function isRecord(x: unknown): x is Readonly<Record<string, unknown>> {
  if (typeof x !== "object" || x === null) return false;
  if (Object.getPrototypeOf(x) === Object.prototype) return true;
  // maps, sets and typed arrays have methods, such as `set`, that would pass for fields
  const tag = Object.prototype.toString.call(x);
  return (
    !Array.isArray(x) && !ArrayBuffer.isView(x) && tag !== "[object Map]" && tag !== "[object Set]"
  );
}

/** An object with named fields, whatever they are: results and models, which may have grown. */
export const anyRecord: Guard<object> = /* @__PURE__ */ satisfying("an object", isRecord);

/** What stops long work. */
export const abortSignal: Guard<AbortSignal> = /* @__PURE__ */ satisfying(
  "an AbortSignal",
  (x) => typeof (x as AbortSignal | null | undefined)?.throwIfAborted === "function",
);

/** What every long work takes beside its own options. */
export const longWork = {
  onProgress: /* @__PURE__ */ optional(anyFunction),
  signal: /* @__PURE__ */ optional(abortSignal),
};
