/** Checks of arguments beyond those of core-tensor: made before any work, so that wrong types end in a typed error that names the argument. */
import { DomainError, type NdArray, array, isNdArray } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";

/** Every one of the named values a number: what follows may compare and print them. NaN passes, since comparisons with it fail. */
export function checkNumbers(fn: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    if (typeof value !== "number")
      throw new DomainError(`${fn}: ${name} must be a number, got ${show(value)}`);
}

/** A positive and finite number. */
export function positive(fn: string, name: string, value: number): number {
  if (!(typeof value === "number" && value > 0 && value < Infinity))
    throw new DomainError(`${fn}: ${name} must be positive and finite, got ${show(value)}`);
  return value;
}

/** A number in [0, 1]. */
export function checkFraction(fn: string, name: string, value: number): void {
  if (!(typeof value === "number" && value >= 0 && value <= 1))
    throw new DomainError(`${fn}: ${name} must be in [0, 1], got ${show(value)}`);
}

/** A list of numbers. */
export function checkNumberList(fn: string, name: string, list: readonly number[]): void {
  if (!Array.isArray(list))
    throw new DomainError(`${fn}: ${name} must be a list of numbers, got ${show(list)}`);
  const wrong = list.findIndex((value) => typeof value !== "number");
  if (wrong >= 0)
    throw new DomainError(`${fn}: ${name}[${wrong}] must be a number, got ${show(list[wrong])}`);
}

/** An array, as callbacks must return and functions on points take; arrays of another copy of core-tensor are taken over. */
export function arrayOf(fn: string, name: string, x: NdArray): NdArray {
  if (isNdArray(x)) return x;
  if (typeof x !== "object" || x === null || !("stride" in x))
    throw new DomainError(`${fn}: ${name} must be an array of core-tensor, got ${show(x)}`);
  return array(x);
}

/** A generator, as the steps of samplers are. */
export function checkGenerator<G>(fn: string, name: string, generator: G): G {
  if (typeof (generator as { next?: unknown } | null | undefined)?.next !== "function")
    throw new DomainError(`${fn}: ${name} must return a generator, got ${show(generator)}`);
  return generator;
}
