/** The reference executor: a graph node by node in plain JavaScript. */
import type { DenseArray } from "../array/ndarray.js";
import type { Graph, Node, Value } from "./graph.js";

/** Something that runs a graph. */
export interface Executable {
  /** The outputs of the graph; `inputs` are not written to. */
  run(inputs: readonly DenseArray[]): DenseArray[];
  /** How it runs, in words. */
  explain(): string;
}

/** Watches every node and what it computes. */
export type Watch = (
  node: Node,
  inputs: readonly DenseArray[],
  outputs: readonly DenseArray[],
) => void;

export function interpreter(graph: Graph, watch?: Watch): Executable {
  const dying = lastUses(graph);
  return {
    run(inputs) {
      const arrays = new Map<Value, DenseArray>();
      graph.inputs.forEach((value, i) => arrays.set(value, inputs[i]!));
      const read = (x: Value): DenseArray => x.constant ?? arrays.get(x)!;
      for (const node of graph.nodes) {
        const given = node.inputs.map(read);
        const outputs = node.primitive.evaluate(given, node.attrs, node.outputs);
        watch?.(node, given, outputs);
        outputs.forEach((y, k) => arrays.set(node.outputs[k]!, y));
        for (const x of dying.get(node) ?? []) arrays.delete(x);
      }
      return graph.outputs.map(read);
    },
    explain: () => `plain JavaScript, ${graph.nodes.length} nodes one by one`,
  };
}

/** The values that each node is the last to use. */
function lastUses(graph: Graph): Map<Node, Value[]> {
  const last = new Map<Value, Node>();
  for (const node of graph.nodes)
    for (const x of [...node.inputs, ...node.outputs]) last.set(x, node);
  for (const y of graph.outputs) last.delete(y);
  const dying = new Map<Node, Value[]>();
  for (const [value, node] of last) dying.set(node, [...(dying.get(node) ?? []), value]);
  return dying;
}
