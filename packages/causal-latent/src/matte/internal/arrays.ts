/** Inputs as arrays, and checks of them that several files share. */
import { type ArrayInput, DomainError, type NdArray, array, isNdArray } from "@provably/core-tensor";

/** The input itself when it is an array already, traced or not; a copy otherwise. */
export function asArray(x: ArrayInput): NdArray {
  return isNdArray(x) ? x : array(x);
}

export function checkCount(fn: string, name: string, value: number, least = 1): void {
  if (!Number.isInteger(value) || value < least) throw new DomainError(`${fn}: ${name} must be an integer ≥ ${least}, got ${String(value)}`);
}
