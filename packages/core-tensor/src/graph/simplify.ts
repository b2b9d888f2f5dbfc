/** Rewriting a graph before it is lowered: what only mattered to derivatives goes, and neutral arithmetic too. */
import type { DType } from "../array/dtype.js";
import { sameShape } from "../array/shape.js";
import { scalar } from "../trace/input.js";
import { type Graph, GraphBuilder, type Node, type Value, isGraph } from "./graph.js";

/** The same function with fewer nodes, in the graphs inside control flow too. Of the nodes that only hand an array on, `barrier` stays: it keeps apart what is to be computed anew. The derivative of the result is not that of the original: simplify last. */
export function simplify(graph: Graph): Graph {
  const builder = new GraphBuilder();
  const renamed = new Map<Value, Value>();
  for (const x of graph.inputs) renamed.set(x, builder.input(x));
  const rename = (x: Value): Value =>
    x.constant === undefined ? renamed.get(x)! : builder.constant(x.constant);
  const simplified = new Map<Graph, Graph>();
  const inner = (x: Graph): Graph => {
    let y = simplified.get(x);
    if (y === undefined) simplified.set(x, (y = simplify(x)));
    return y;
  };
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(rename);
    const outputs =
      alias(node, inputs) ??
      builder.apply(node.primitive, narrowed(node, inputs, builder), withGraphs(node.attrs, inner));
    node.outputs.forEach((y, k) => renamed.set(y, outputs[k]!));
  }
  return builder.build(graph.outputs.map(rename));
}

/** Attributes with the graphs among them changed. */
function withGraphs(attrs: unknown, change: (graph: Graph) => Graph): unknown {
  if (typeof attrs !== "object" || attrs === null || !Object.values(attrs).some(isGraph))
    return attrs;
  return Object.fromEntries(
    Object.entries(attrs).map(([name, value]) => [
      name,
      isGraph(value) ? change(value) : (value as unknown),
    ]),
  );
}

/** The inputs that a node hands through unchanged, if it does nothing else. */
function alias(node: Node, inputs: readonly Value[]): readonly Value[] | undefined {
  const [a, b] = inputs;
  const out = node.outputs[0]!;
  const keeps = (x: Value): readonly Value[] | undefined =>
    x.dtype === out.dtype && sameShape(x.shape, out.shape) ? [x] : undefined;
  switch (node.primitive.name) {
    case "stopGradient":
    case "asType":
    case "broadcastTo":
    case "reshape":
      return keeps(a!);
    case "customVjp": {
      const { args, results } = node.attrs as { readonly args: number; readonly results: number };
      return inputs.slice(args, args + results);
    }
    case "mul":
      return isUniform(b!, 1) ? keeps(a!) : isUniform(a!, 1) ? keeps(b!) : undefined;
    case "div":
      return isUniform(b!, 1) ? keeps(a!) : undefined;
    case "sub":
      return isUniform(b!, 0) ? keeps(a!) : undefined;
    default:
      return undefined;
  }
}

/** The one number of which a constant consists. */
export function uniformValue(x: Value): number | undefined {
  const c = x.constant;
  if (c === undefined || c.size === 0) return undefined;
  return c.size === 1 || c.shape.every((extent, i) => extent === 1 || c.stride[i] === 0)
    ? c.storage[c.offset]
    : undefined;
}

function isUniform(x: Value, value: number): boolean {
  return Object.is(uniformValue(x), value);
}

/** Uniform constants of elementwise nodes as single numbers, where the other inputs give the shape. */
function narrowed(node: Node, inputs: readonly Value[], builder: GraphBuilder): readonly Value[] {
  if (node.primitive.elementwise === undefined) return inputs;
  const shape = node.outputs[0]!.shape;
  return inputs.map((x, i) => {
    const value = uniformValue(x);
    if (value === undefined || x.shape.length === 0) return x;
    const others = inputs.some(
      (other, j) => j !== i && sameShape(other.shape, shape) && uniformValue(other) === undefined,
    );
    return others ? builder.constant(scalar<DType>(value, x.dtype)) : x;
  });
}
