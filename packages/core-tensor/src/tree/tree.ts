/** Trees: arrays in nested plain objects and lists, the form in which parameters, states and gradients travel. */
import { anyFunction, check } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { DomainError, ShapeError } from "../errors.js";
import { isNdArray } from "../trace/input.js";

/**
 * Arrays in nested objects and lists. Anything that is neither array, plain object nor list is a constant and is carried along unchanged.
 * @category Trees
 */
export type Tree = unknown;

const MAX_DEPTH = 64;

/** Plain objects and lists are inner nodes; class instances, typed arrays and foreign ndarrays are not. */
function isPlain(node: unknown): node is Record<string, unknown> {
  if (typeof node !== "object" || node === null) return false;
  const proto: unknown = Object.getPrototypeOf(node);
  return proto === Object.prototype || proto === null;
}

/**
 * The arrays of a tree, in order: lists by index, objects by key as they were written.
 *
 * @param tree - arrays in nested objects and lists
 * @returns the arrays
 * @throws {@link DomainError} when the tree contains itself or is nested deeper than 64 levels
 * @example
 * ```ts
 * import { treeLeaves, zeros } from "@provably/core-tensor";
 *
 * treeLeaves({ w: zeros([2]), layers: [zeros([3])] }).map((x) => x.size); // => [2, 3]
 * ```
 * @category Trees
 */
export function treeLeaves(tree: Tree): NdArray[] {
  const leaves: NdArray[] = [];
  walk("treeLeaves", tree, [], (leaf) => {
    leaves.push(leaf);
    return leaf;
  });
  return leaves;
}

/**
 * A tree of the same structure with `f` applied to every array, together with the arrays in the same places of the other trees.
 *
 * @param f - function of one array from each tree
 * @param tree - gives the structure
 * @param others - trees of the same structure
 * @returns tree of the structure of `tree`
 * @throws {@link ShapeError} when the structures differ
 * @example
 * ```ts
 * import { add, array, item, treeMap } from "@provably/core-tensor";
 *
 * const sum = treeMap(add, { a: array([1]) }, { a: array([2]) });
 * item(sum.a); // => 3
 * ```
 * @category Trees
 */
export function treeMap<T>(f: (...arrays: NdArray[]) => NdArray, tree: T, ...others: T[]): T {
  check("treeMap", "f", f, anyFunction);
  const rest = others.map(treeLeaves);
  const count = treeLeaves(tree).length;
  for (const leaves of rest)
    if (leaves.length !== count)
      throw new ShapeError(
        `treeMap: trees must have the same structure, got ${count} and ${leaves.length} arrays`,
      );
  let i = 0;
  return walk("treeMap", tree, [], (leaf) => {
    const k = i++;
    return f(leaf, ...rest.map((leaves) => leaves[k]!));
  }) as T;
}

/** The structure of `tree` filled with `leaves` in order. */
export function treeFill<T>(tree: T, leaves: readonly unknown[]): T {
  let i = 0;
  return walk("treeFill", tree, [], () => leaves[i++]) as T;
}

/** The way to the children of `node`, which neither repeats a node nor is longer than trees may be deep. */
export function descend(fn: string, node: unknown, above: readonly unknown[]): readonly unknown[] {
  if (above.includes(node))
    throw new DomainError(`${fn}: tree contains itself, ${above.length} levels down`);
  if (above.length > MAX_DEPTH)
    throw new DomainError(`${fn}: tree is nested deeper than ${MAX_DEPTH} levels`);
  return [...above, node];
}

/** `above`: the nodes on the way from the root, of which none may come again. */
function walk(
  fn: string,
  node: unknown,
  above: readonly unknown[],
  onLeaf: (leaf: NdArray) => unknown,
): unknown {
  if (isNdArray(node)) return onLeaf(node);
  const isList = Array.isArray(node);
  if (!isList && !isPlain(node)) return node;
  const path = descend(fn, node, above);
  if (isList) return node.map((child) => walk(fn, child, path, onLeaf));
  const entries = Object.entries(node).map(
    ([key, child]) => [key, walk(fn, child, path, onLeaf)] as const,
  );
  return Object.fromEntries(entries);
}
