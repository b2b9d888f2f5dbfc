/** Trees of arrays with the way to each of them. */
import { type NdArray, isNdArray } from "@provably/core-tensor";

/** Objects without a class: the inner nodes of trees. */
export function isPlain(node: unknown): node is Readonly<Record<string, unknown>> {
  if (typeof node !== "object" || node === null || ArrayBuffer.isView(node)) return false;
  const proto: unknown = Object.getPrototypeOf(node);
  return proto === null || Object.getPrototypeOf(proto) === null;
}

/** Calls `f` on every array of a tree, with the path to it, such as `layers.0.query`. */
export function mapPaths(
  node: unknown,
  path: string,
  f: (x: NdArray, path: string) => unknown,
): unknown {
  if (isNdArray(node)) return f(node, path);
  const inner = (key: string): string => (path === "" ? key : `${path}.${key}`);
  if (Array.isArray(node)) return node.map((x, i) => mapPaths(x, inner(String(i)), f));
  if (!isPlain(node)) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, x]) => [key, mapPaths(x, inner(key), f)]),
  );
}
