/**
 * Graphs: what a function does to arrays, written down once. Executors lower a graph; they never see the function.
 *
 * A graph is a list of nodes in an order in which every value is defined before it is used. A node applies one primitive, the very
 * object that eager evaluation applies, so its shape rule, its meaning in JavaScript and its derivative are at hand. Three facts an
 * executor may rely on:
 *
 * - An array computed twice from the same values is one value (hash consing), and nodes that no output needs are gone.
 * - Extents and types are numbers and names, known for every value; nothing depends on elements.
 * - A node whose primitive has `elementwise` computes each element of its one output from the elements of its inputs in the same
 *   place after broadcasting. Its `name` is the key into the executor's table of expressions, which lies in the executor's folder
 *   and is checked by a test against all elementwise primitives: an expression, or a reason for the fall-back. `asType` (attrs
 *   `{ dtype }`) is elementwise too. Everything else is told apart by `primitive.name`, with the attributes its file in `ops` documents.
 * - Every node can be computed without being understood: `primitive.evaluate(inputs, attrs, outputs)` on arrays of any layout.
 *
 * Control flow is nodes with graphs among their attributes; see `control/`.
 */
import type { DType } from "../array/dtype.js";
import type { DenseArray, NdArray } from "../array/ndarray.js";
import { type Shape, sizeOf } from "../array/shape.js";
import { bind, outputsOf } from "../trace/bind.js";
import type { Aval, Primitive } from "../trace/primitive.js";
import { constantKey, identity, keyOf } from "./key.js";

/** One array of a graph: an input when it has neither `node` nor `constant`. Values are compared by identity. */
export interface Value extends Aval {
  /** Number within its graph, in order of definition. */
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: DType;
  /** The node that computes it. */
  readonly node?: Node;
  /** The array itself, where it is known already; any layout. */
  readonly constant?: DenseArray;
}

/** One application of a primitive. */
export interface Node {
  readonly primitive: Primitive<unknown>;
  /** Static parameters, as the primitive takes them; undefined for most. */
  readonly attrs: unknown;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** A function of arrays as data. */
export interface Graph {
  readonly inputs: readonly Value[];
  /** In an order of evaluation. */
  readonly nodes: readonly Node[];
  /** May repeat a value, and may name inputs and constants. */
  readonly outputs: readonly Value[];
}

export function isGraph(x: unknown): x is Graph {
  return typeof x === "object" && x !== null && "nodes" in x && "outputs" in x;
}

/** The graphs among the attributes of a node: branches, conditions and bodies of loops. */
export function graphsInside({ attrs }: Node): Graph[] {
  return typeof attrs === "object" && attrs !== null ? Object.values(attrs).filter(isGraph) : [];
}

/** Largest constant that is compared element by element rather than by identity. */
const SMALL = 64;

/** Results of at most this many elements are computed at once when all inputs are constants. */
const FOLDED = 1 << 16;

/** Builds one graph. Equal applications of a primitive give the same values. */
export class GraphBuilder {
  private count = 0;
  private readonly inputs: Value[] = [];
  private readonly applied = new Map<string, readonly Value[]>();
  private readonly constants = new Map<string, Value>();

  input({ shape, dtype }: Aval): Value {
    const value: Value = { id: this.count++, shape, dtype };
    this.inputs.push(value);
    return value;
  }

  constant(array: DenseArray): Value {
    const key = array.size <= SMALL ? constantKey(array) : `#${identity(array)}`;
    let value = this.constants.get(key);
    if (value === undefined)
      this.constants.set(
        key,
        (value = { id: this.count++, shape: array.shape, dtype: array.dtype, constant: array }),
      );
    return value;
  }

  /** The outputs of `primitive` on `inputs`: those of an equal node, constants where all inputs are, or those of a new node. */
  apply<A>(primitive: Primitive<A>, inputs: readonly Value[], attrs: A): readonly Value[] {
    const key = `${identity(primitive)}(${inputs.map((x) => x.id).join(",")})${keyOf(attrs)}`;
    const known = this.applied.get(key);
    if (known !== undefined) return known;
    const avals = outputsOf(primitive, inputs, attrs);
    const constants = inputs.flatMap((x) => x.constant ?? []);
    let outputs: Value[];
    if (constants.length === inputs.length && avals.every((a) => sizeOf(a.shape) <= FOLDED)) {
      outputs = (
        primitive.wasm?.(constants, attrs, avals) ?? primitive.evaluate(constants, attrs, avals)
      ).map((y) => this.constant(y));
    } else {
      // a node and its outputs name each other: the outputs are pushed into the list that the node already holds
      outputs = [];
      const node: Node = { primitive: primitive as Primitive<unknown>, attrs, inputs, outputs };
      for (const { shape, dtype } of avals) outputs.push({ id: this.count++, shape, dtype, node });
    }
    this.applied.set(key, outputs);
    return outputs;
  }

  /** The graph of `outputs`: inputs in the order they were made, and the nodes that the outputs need. */
  build(outputs: readonly Value[]): Graph {
    return { inputs: [...this.inputs], nodes: neededNodes(outputs), outputs };
  }
}

/** The nodes on which `outputs` depend, in order of definition. */
function neededNodes(outputs: readonly Value[]): Node[] {
  const seen = new Set<Node>();
  const stack = outputs.flatMap((y) => y.node ?? []);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    for (const x of node.inputs) if (x.node !== undefined) stack.push(x.node);
  }
  const order = (node: Node): number => node.outputs[0]!.id;
  return [...seen].sort((a, b) => order(a) - order(b));
}

/** The constants that nodes or outputs of the graph use, in order of first use. */
export function constantsOf(graph: Graph): Value[] {
  const used = [...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs];
  return [...new Set(used.filter((x) => x.constant !== undefined))];
}

/** Applies a graph to arrays, traced ones included: every node is bound as if the function ran again. */
export function applyGraph(graph: Graph, inputs: readonly NdArray[]): NdArray[] {
  const arrays = new Map<Value, NdArray>();
  graph.inputs.forEach((value, i) => arrays.set(value, inputs[i]!));
  const read = (x: Value): NdArray => x.constant ?? arrays.get(x)!;
  for (const { primitive, inputs: from, attrs, outputs } of graph.nodes)
    bind(primitive, from.map(read), attrs).forEach((y, k) => arrays.set(outputs[k]!, y));
  return graph.outputs.map(read);
}
