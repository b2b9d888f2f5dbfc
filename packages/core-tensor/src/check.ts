/** Checks of arguments that every package makes, so that wrong types are said in the same words everywhere. */
import { DomainError } from "./errors.js";

/** What a value is, in a few words, for messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return `an object with keys [${Object.keys(value).slice(0, 5).join(", ")}]`;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "string"
    ? `the ${typeof value} ${String(value)}`
    : `a ${typeof value}`;
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
    throw new DomainError(`${fn}: ${argument} must be an object, got ${describe(value)}`);
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
  if (!Array.isArray(value)) throw new DomainError(`${fn}: ${argument} must be a list, got ${describe(value)}`);
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
  if (typeof value !== "function") throw new DomainError(`${fn}: ${argument} must be a function, got ${describe(value)}`);
  return value;
}
