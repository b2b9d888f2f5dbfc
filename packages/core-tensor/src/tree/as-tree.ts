/** Trees as people bring them: with whatever functions take as an array in the places of arrays. */
import { type ArrayInput, isArrayLike, isNdArray, toArray } from "../trace/input.js";
import { type Tree, descend, isPlain } from "./tree.js";

/** What besides arrays, typed arrays and ndarrays counts as an array. */
export interface Reading {
  /** Lists of numbers or truth values, nested to any depth. Default true. */
  readonly lists?: boolean;
  /** Numbers by themselves. Default true. */
  readonly numbers?: boolean;
}

/**
 * The tree with an array wherever there is something that functions take as one: a typed array, an ndarray, a list of nothing but
 * numbers, a number. A list with arrays in it, an empty list and an object stay inner nodes; truth values by themselves, text and
 * everything else stay constants.
 */
export function asTree(
  fn: string,
  tree: unknown,
  { lists = true, numbers = true }: Reading = {},
): Tree {
  const walk = (node: unknown, above: readonly unknown[]): unknown => {
    if (isNdArray(node)) return node;
    if (typeof node === "number") return numbers ? toArray(fn, node) : node;
    if (typeof node !== "object" || node === null) return node;
    if (isArrayLike(node)) return toArray(fn, node);
    const isList = Array.isArray(node);
    if (isList && isNumbers(node, 0)) return lists ? toArray(fn, node as ArrayInput) : node;
    if (!isList && !isPlain(node)) return node;
    const path = descend(fn, node, above);
    if (isList) return keep(node, (child) => walk(child, path));
    const entries = Object.entries(node);
    const children = entries.map(([, child]) => walk(child, path));
    return children.every((child, i) => child === entries[i]![1])
      ? node
      : Object.fromEntries(entries.map(([key], i) => [key, children[i]]));
  };
  return walk(tree, []);
}

/** Deeper lists of numbers are no arrays. */
const MAX_DEPTH = 32;

/** Whether a list holds nothing but numbers, or lists of such, and at least one. */
function isNumbers(list: readonly unknown[], depth: number): boolean {
  return (
    list.length > 0 &&
    depth < MAX_DEPTH &&
    list.every((x) =>
      Array.isArray(x) ? isNumbers(x, depth + 1) : typeof x === "number" || typeof x === "boolean",
    )
  );
}

/** The list itself where nothing changes. */
function keep(list: readonly unknown[], f: (x: unknown) => unknown): readonly unknown[] {
  const changed = list.map(f);
  return changed.every((x, i) => x === list[i]) ? list : changed;
}
