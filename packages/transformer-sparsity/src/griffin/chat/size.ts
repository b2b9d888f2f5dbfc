/** How large the values of a template may be. Templates are not to be trusted, and a few lines of one can double a list as often as they like. */
import { type Value, Tuple, View, fail, isDict, isList } from "./values.js";

/** Characters of a text, or of everything in a list: no prompt is as long. */
export const MAX_LENGTH = 1 << 23;

const known = new WeakMap<object, number>();

/** Characters and items of a value, everything inside counted as often as it is there. */
export function sizeOf(x: Value): number {
  if (typeof x === "string") return x.length;
  const items = isList(x)
    ? x
    : x instanceof Tuple || x instanceof View
      ? x.items
      : isDict(x)
        ? x.values()
        : undefined;
  if (items === undefined || x === null || typeof x !== "object") return 1;
  const before = known.get(x);
  if (before !== undefined) return before;
  let size = 1;
  for (const item of items) size += sizeOf(item);
  known.set(x, size);
  return size;
}

/** Refuses a text before it is made. */
export function checkLength(length: number): void {
  if (length > MAX_LENGTH) fail(`a value is longer than ${MAX_LENGTH}`);
}

/** Parts with something between them, unless they are too long. */
export function joined(parts: readonly string[], between: string): string {
  checkLength(parts.reduce((sum, part) => sum + part.length, parts.length * between.length));
  return parts.join(between);
}
