/** Keys for hash consing: equal strings for equal static data. */
import type { DenseArray } from "../array/ndarray.js";
import { rowMajorData } from "../array/ndarray.js";

const numbers = new WeakMap<object, number>();
let next = 0;

/** A number that is the same for the same object only. */
export function identity(x: object): number {
  let id = numbers.get(x);
  if (id === undefined) numbers.set(x, (id = next++));
  return id;
}

/** Plain data by content; functions, graphs and instances of classes by identity. */
export function keyOf(x: unknown): string {
  if (typeof x === "number") return Object.is(x, -0) ? "-0" : String(x);
  if (typeof x === "bigint") return `${x}n`;
  if (typeof x === "string") return JSON.stringify(x);
  if (typeof x === "function") return `#${identity(x)}`;
  if (typeof x !== "object" || x === null) return String(x);
  if (Array.isArray(x)) return `[${x.map(keyOf).join()}]`;
  const proto: unknown = Object.getPrototypeOf(x);
  if ((proto !== null && Object.getPrototypeOf(proto) !== null) || "nodes" in x)
    return `#${identity(x)}`;
  return `{${Object.entries(x)
    .map(([key, value]) => `${JSON.stringify(key)}:${keyOf(value)}`)
    .join()}}`;
}

/** Type, extents and elements of a small array. */
export function constantKey(x: DenseArray): string {
  return `${x.dtype}[${x.shape.join()}]${Array.from(rowMajorData(x), keyOf).join()}`;
}
