/** What a program depends on: the structure of the arguments, the extents and types of their arrays, and everything else in them. */
import { DenseArray } from "../array/ndarray.js";
import { isArrayLike } from "../trace/input.js";
import { Tracer } from "../trace/tracer.js";
import { asTree } from "../tree/as-tree.js";
import { type Tree, descend, isPlain } from "../tree/tree.js";
import { keyOf } from "../graph/key.js";
import { ResidentArray } from "./wasm/resident.js";

/** Arguments taken apart. */
export interface Call {
  /** The arguments, with foreign ndarrays converted. */
  readonly args: readonly Tree[];
  /** Their arrays in order. */
  readonly leaves: readonly DenseArray[];
  /** Equal for calls that one program can serve. */
  readonly key: string;
}

/** The call of a compiled function; undefined when an argument is traced, so that the function should run inside that trace. */
export function callOf(args: readonly unknown[]): Call | undefined {
  const leaves: DenseArray[] = [];
  let key = "";
  let traced = false;
  let foreign = false;
  const walk = (node: unknown, above: readonly unknown[]): void => {
    if (isDenseArray(node)) {
      leaves.push(node);
      key += `${node instanceof ResidentArray ? "@" : ""}${node.dtype}${node.shape.join()};`;
    } else if (node instanceof Tracer) {
      traced = true;
    } else if (typeof node === "object" && node !== null && isArrayLike(node)) {
      foreign = true;
    } else if (Array.isArray(node)) {
      const path = descend("compile", node, above);
      key += "[";
      for (const child of node) walk(child, path);
      key += "]";
    } else if (isPlain(node)) {
      const path = descend("compile", node, above);
      key += "{";
      for (const name of Object.keys(node)) {
        key += `${name.length}:${name}:`; // the length keeps a name with colons apart from two names
        walk(node[name], path);
      }
      key += "}";
    } else {
      key += `${keyOf(node)};`;
    }
  };
  for (const tree of args) walk(tree, []);
  // numbers and lists of them are part of the kind
  if (foreign)
    return callOf(args.map((x) => asTree("compile", x, { lists: false, numbers: false })));
  return traced ? undefined : { args, leaves, key };
}

function isDenseArray(x: unknown): x is DenseArray {
  return x instanceof DenseArray;
}
