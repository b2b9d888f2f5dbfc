/** What a program depends on: the structure of the arguments, the extents and types of their arrays, and everything else in them. */
import { DenseArray } from "../array/ndarray.js";
import { isNdArray } from "../trace/input.js";
import { Tracer } from "../trace/tracer.js";
import { type Tree, descend } from "../tree/tree.js";
import { asTree } from "../transform/vjp.js";
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
  const walk = (node: unknown, above: readonly unknown[]): void => {
    if (isDenseArray(node)) {
      leaves.push(node);
      key += `${node instanceof ResidentArray ? "@" : ""}${node.dtype}${node.shape.join()};`;
    } else if (node instanceof Tracer) {
      traced = true;
    } else if (Array.isArray(node)) {
      const path = descend("compile", node, above);
      key += "[";
      for (const child of node) walk(child, path);
      key += "]";
    } else if (typeof node === "object" && node !== null && isPlain(node)) {
      const path = descend("compile", node, above);
      key += "{";
      for (const name of Object.keys(node)) {
        key += `${name.length}:${name}:`; // the length keeps a name with colons apart from two names
        walk((node as Record<string, unknown>)[name], path);
      }
      key += "}";
    } else {
      key += `${keyOf(node)};`;
    }
  };
  const trees = args.map((x) => (typeof x === "number" || isNdArray(x) ? x : asTree("compile", x)));
  for (const tree of trees) walk(tree, []);
  return traced ? undefined : { args: trees, leaves, key };
}

function isDenseArray(x: unknown): x is DenseArray {
  return x instanceof DenseArray;
}

function isPlain(node: object): boolean {
  const proto: unknown = Object.getPrototypeOf(node);
  return proto === Object.prototype || proto === null;
}
