/** Checks of arguments beyond those of core-tensor: made before any work, so that wrong types end in a typed error that names the argument. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  isNdArray,
} from "@provably/core-tensor";
import { anyList, check, show } from "@provably/core-tensor/internal";

/** A number of which `fits` is true; `range` says in words when it is. NaN never fits. */
export function checkNumber(
  fn: string,
  name: string,
  value: number,
  range: string,
  fits: (x: number) => boolean,
): void {
  if (!(typeof value === "number" && fits(value)))
    throw new DomainError(`${fn}: ${name} must ${range}, got ${show(value)}`);
}

/** A list of strings. */
export function checkStrings(fn: string, name: string, list: readonly string[]): readonly string[] {
  check(fn, name, list, anyList);
  const wrong = list.findIndex((value) => typeof value !== "string");
  if (wrong >= 0)
    throw new DomainError(`${fn}: ${name}[${wrong}] must be a string, got ${show(list[wrong])}`);
  return list;
}

/** A list of finite numbers. */
export function checkNumbers(fn: string, name: string, list: readonly number[]): readonly number[] {
  check(fn, name, list, anyList);
  const wrong = list.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    throw new DomainError(
      `${fn}: ${name}[${wrong}] must be a finite number, got ${show(list[wrong])}`,
    );
  return list;
}

/** Numbers of core-tensor's arrays, or nested lists, as an array; anything else is a typed error. */
export function arrayOf(x: ArrayInput): NdArray {
  return isNdArray(x) ? x : array(x);
}

/** An array itself, as the functions on models take. */
export function checkArray(fn: string, name: string, x: NdArray): NdArray {
  if (!isNdArray(x))
    throw new ShapeError(`${fn}: ${name} must be an array of core-tensor, got ${show(x)}`);
  return x;
}
