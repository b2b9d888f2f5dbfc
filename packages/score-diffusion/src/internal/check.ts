/** Checks of arguments beyond those of core-tensor: made before any work, so that wrong types end in a typed error that names the argument. */
import { DomainError, type NdArray, array, isNdArray } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";

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
