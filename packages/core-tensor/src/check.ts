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
  if (typeof value === "string") return value.length > 60 ? `"${value.slice(0, 60)}…"` : `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) {
    if (depth > 1) return "a list";
    const shown = value.slice(0, LONGEST).map((entry: unknown) => inWords(entry, depth + 1));
    return `[${shown.join(", ")}${value.length > LONGEST ? ", …" : ""}]`;
  }
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if ("dtype" in value && "shape" in value && depth === 0) return `${String(value.dtype)}${inWords(value.shape, 1)}`;
  return depth > 0 ? "an object" : `an object with keys [${Object.keys(value).slice(0, 5).join(", ")}]`;
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
 * @throws {@link DomainError} unless `value` is an object that is no list
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
  if (typeof value !== "object" || value === null || Array.isArray(value))
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
  if (!Array.isArray(value)) throw new DomainError(`${word(fn)}: ${word(argument)} must be a list, got ${show(value)}`);
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
  if (typeof value !== "function") throw new DomainError(`${word(fn)}: ${word(argument)} must be a function, got ${show(value)}`);
  return value;
}
