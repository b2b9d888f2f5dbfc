/** Checks of arguments that every package makes, so that wrong types are said in the same words everywhere. */
import { DomainError } from "./errors.js";

/**
 * A value in a few words, for messages: what it is where it is short, what it is like where it is not.
 *
 * Never throws, whatever it is given: symbols, objects without a prototype, storage transferred away, proxies that refuse.
 *
 * @param value - anything
 * @returns such as `-1`, `"mean"`, `[2, 3]`, `float32[2, 3]`, `an object with keys [shape, scale]`
 * @example
 * ```ts
 * import { show, zeros } from "@provably/core-tensor";
 *
 * show([1, Symbol("x")]); // => "[1, Symbol(x)]"
 * show(zeros([2, 3])); // => "float32[2, 3]"
 * ```
 * @category Errors
 */
export function show(value: unknown): string {
  try {
    return inWords(value, 0);
  } catch {
    return "an object that cannot be read";
  }
}

const LONGEST = 16;

function inWords(value: unknown, depth: number): string {
  if (typeof value === "string")
    return value.length > 60 ? `"${value.slice(0, 60)}…"` : `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) {
    if (depth > 1) return "a list";
    const shown = value.slice(0, LONGEST).map((entry: unknown) => inWords(entry, depth + 1));
    return `[${shown.join(", ")}${value.length > LONGEST ? ", …" : ""}]`;
  }
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if ("dtype" in value && "shape" in value && depth === 0)
    return `${String(value.dtype)}${inWords(value.shape, 1)}`;
  return depth > 0
    ? "an object"
    : `an object with keys [${Object.keys(value).slice(0, 5).join(", ")}]`;
}

const word = (name: unknown): string => (typeof name === "string" ? name : show(name));

/** A number, NaN and infinities included: comparing anything else may throw, or quietly convert it. */
export function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

/**
 * A record such as options or a model, or a typed error: for functions of packages that build on this one.
 *
 * @param fn - name of the function, for the message
 * @param argument - name of the argument, for the message
 * @param value - what was passed
 * @returns `value`
 * @throws {@link DomainError} unless `value` is an object that is no list, typed array, map or set
 * @example
 * ```ts
 * import { checkRecord } from "@provably/core-tensor";
 *
 * checkRecord("drop", "options", { radius: 0.1 }).radius; // => 0.1
 * checkRecord("drop", "options", undefined); // throws DomainError
 * ```
 * @category Errors
 */
export function checkRecord<T>(fn: string, argument: string, value: T): T & object {
  // maps, sets and typed arrays have methods, such as `set`, that would pass for options
  if (
    typeof value !== "object" ||
    value === null ||
    Array.isArray(value) ||
    ArrayBuffer.isView(value) ||
    value instanceof Map ||
    value instanceof Set
  )
    throw new DomainError(`${word(fn)}: ${word(argument)} must be an object, got ${show(value)}`);
  return value;
}

/**
 * A list, or a typed error.
 *
 * @param fn - name of the function, for the message
 * @param argument - name of the argument, for the message
 * @param value - what was passed
 * @returns `value`
 * @throws {@link DomainError} unless `value` is a list; a typed array is none
 * @example
 * ```ts
 * import { checkList } from "@provably/core-tensor";
 *
 * checkList("drNvi", "sigma", [0.1, 0.2]).length; // => 2
 * checkList("drNvi", "sigma", "0.1"); // throws DomainError
 * ```
 * @category Errors
 */
export function checkList<L extends readonly unknown[]>(fn: string, argument: string, value: L): L {
  if (!Array.isArray(value))
    throw new DomainError(`${word(fn)}: ${word(argument)} must be a list, got ${show(value)}`);
  return value;
}

/**
 * A function passed as an argument, or a typed error.
 *
 * @param fn - name of the function, for the message
 * @param argument - name of the argument, for the message
 * @param value - what was passed
 * @returns `value`
 * @throws {@link DomainError} unless `value` is a function
 * @example
 * ```ts
 * import { checkFunction } from "@provably/core-tensor";
 *
 * checkFunction("robustnessProfile", "setOf", Math.abs)(-1); // => 1
 * checkFunction("robustnessProfile", "setOf", 3); // throws DomainError
 * ```
 * @category Errors
 */
export function checkFunction<F>(fn: string, argument: string, value: F): F {
  if (typeof value !== "function")
    throw new DomainError(`${word(fn)}: ${word(argument)} must be a function, got ${show(value)}`);
  return value;
}

/** From here on a count is a mistake: no list has so many places. */
const MOST = 2 ** 31;

/**
 * A whole number such as a count or a size, or a typed error.
 *
 * @param fn - name of the function, for the message
 * @param argument - name of the argument, for the message
 * @param value - what was passed
 * @param least - the smallest that is right; default 1
 * @returns `value`
 * @throws {@link DomainError} unless `value` is an integer, at least `least` and below $2^{31}$
 * @example
 * ```ts
 * import { checkCount } from "@provably/core-tensor";
 *
 * checkCount("sample", "numSteps", 20); // => 20
 * checkCount("sample", "numSteps", 0.5); // throws DomainError
 * ```
 * @category Errors
 */
export function checkCount(fn: string, argument: string, value: number, least = 1): number {
  if (!isNumber(least))
    throw new DomainError(`checkCount: least must be a number, got ${show(least)}`);
  if (!Number.isInteger(value) || value < least || value >= MOST)
    throw new DomainError(
      `${word(fn)}: ${word(argument)} must be an integer ≥ ${show(least)}${Number.isInteger(value) && value >= MOST ? " and below 2³¹" : ""}, got ${show(value)}`,
    );
  return value;
}

/**
 * One of a few words or numbers, or a typed error.
 *
 * @param fn - name of the function, for the message
 * @param argument - name of the argument, for the message
 * @param value - what was passed
 * @param choices - those that are right
 * @returns `value`
 * @throws {@link DomainError} unless `value` is one of `choices`
 * @example
 * ```ts
 * import { checkChoice } from "@provably/core-tensor";
 *
 * checkChoice("offlineVpo", "optimizer", "adam", ["adam", "sgd"]); // => "adam"
 * checkChoice("offlineVpo", "optimizer", "Adam", ["adam", "sgd"]); // throws DomainError
 * ```
 * @category Errors
 */
export function checkChoice<T extends string | number>(
  fn: string,
  argument: string,
  value: T,
  choices: readonly T[],
): T {
  if (!checkList("checkChoice", "choices", choices).includes(value))
    throw new DomainError(
      `${word(fn)}: ${word(argument)} must be one of ${choices.map(show).join(", ")}, got ${show(value)}`,
    );
  return value;
}

/**
 * What long work is given beside its data, or a typed error: whom to tell of its progress, and what stops it.
 *
 * @param fn - name of the function, for the message
 * @param options - the options of the long work
 * @throws {@link DomainError} when `onProgress` is there and no function, or `signal` is there and no `AbortSignal`
 * @example
 * ```ts
 * import { checkHooks } from "@provably/core-tensor";
 *
 * checkHooks("trainScore", { onProgress: console.log });
 * checkHooks("trainScore", { signal: 3 }); // throws DomainError
 * ```
 * @category Errors
 */
export function checkHooks(
  fn: string,
  options: { readonly onProgress?: unknown; readonly signal?: unknown },
): void {
  const { onProgress, signal } = checkRecord(fn, "options", options);
  if (onProgress !== undefined) checkFunction(fn, "onProgress", onProgress);
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.throwIfAborted !== "function")
    throw new DomainError(`${word(fn)}: signal must be an AbortSignal, got ${show(signal)}`);
}
