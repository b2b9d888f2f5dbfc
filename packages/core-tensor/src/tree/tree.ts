/** Trees: arrays in nested plain objects and lists, the form in which parameters, states and gradients travel. */
import { anyFunction, check, show } from "../check/index.js";
import { TWO_COPIES, isBranded } from "../array/copies.js";
import type { NdArray } from "../array/ndarray.js";
import { DomainError, ShapeError } from "../errors.js";
import { isNdArray } from "../trace/input.js";

/**
 * Arrays in nested objects and lists. Anything that is neither array, plain object nor list is a constant and is carried along unchanged.
 *
 * Transforms such as `grad` and `scan` also take what stands for an array in the place of one: typed arrays, ndarrays, numbers, and lists
 * of nothing but numbers, which then are one array. A list with arrays in it is a list of arrays; truth values by themselves and text stay
 * constants. {@link treeLeaves} and {@link treeMap} see arrays only.
 * @category Trees
 */
export type Tree = unknown;

const MAX_DEPTH = 64;

/** Plain objects and lists are inner nodes; class instances, typed arrays and foreign ndarrays are not. */
export function isPlain(node: unknown): node is Record<string, unknown> {
  if (typeof node !== "object" || node === null) return false;
  const proto: unknown = Object.getPrototypeOf(node);
  // every realm has an Object.prototype of its own
  return proto === null || Object.getPrototypeOf(proto) === null;
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
  return leavesOf("treeLeaves", tree);
}

/** The arrays of a tree that was given to `fn`. */
export function leavesOf(fn: string, tree: Tree): NdArray[] {
  const leaves: NdArray[] = [];
  walk(fn, tree, [], (leaf) => {
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
  const rest = others.map((other) =>
    leavesLike("treeMap", "trees must have the same structure", tree, other),
  );
  let i = 0;
  return walk("treeMap", tree, [], (leaf) => {
    const k = i++;
    return f(leaf, ...rest.map((leaves) => leaves[k]!));
  }) as T;
}

/**
 * The arrays of `other` in the places of those of `tree`, in its order: fields are found by name, in whatever order they were written.
 * Throws, after `says`, where the two have arrays in different places; where `constants` must agree, also where those do not.
 */
export function leavesLike(
  fn: string,
  says: string,
  tree: Tree,
  other: Tree,
  constants = false,
): NdArray[] {
  const leaves: NdArray[] = [];
  const refuse = (path: string, a: unknown, b: unknown): never => {
    const place = path === "" ? "" : ` at ${path.replace(/^\./, "")}`;
    throw new ShapeError(`${fn}: ${says}, got ${what(a)} and ${what(b)}${place}`);
  };
  const match = (a: unknown, b: unknown, path: string): void => {
    if (isNdArray(a) || isNdArray(b)) {
      if (!isNdArray(a) || !isNdArray(b)) refuse(path, a, b);
      else leaves.push(b);
    } else if (isNode(a) && isNode(b) && Array.isArray(a) === Array.isArray(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
        match(a[key], b[key], Array.isArray(a) ? `${path}[${key}]` : `${path}.${key}`);
    } else if (treeLeaves(a).length + treeLeaves(b).length > 0) refuse(path, a, b);
    else if (constants && !Object.is(a, b)) refuse(path, a, b);
  };
  // refuses trees that contain themselves
  leavesOf(fn, tree);
  leavesOf(fn, other);
  match(tree, other, "");
  return leaves;
}

function isNode(x: unknown): x is Record<string, unknown> {
  return Array.isArray(x) || isPlain(x);
}

const what = (x: unknown): string =>
  isNdArray(x) ? `an array of shape ${show(x.shape)}` : x === undefined ? "nothing" : show(x);

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
  if (!isList && !isPlain(node)) {
    if (isBranded(node))
      throw new DomainError(`${fn}: an array of the tree cannot be used, ${TWO_COPIES}`);
    return node;
  }
  const path = descend(fn, node, above);
  if (isList) return node.map((child) => walk(fn, child, path, onLeaf));
  const entries = Object.entries(node).map(
    ([key, child]) => [key, walk(fn, child, path, onLeaf)] as const,
  );
  return Object.fromEntries(entries);
}
