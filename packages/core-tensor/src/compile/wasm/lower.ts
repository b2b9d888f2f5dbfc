/** From a graph to a list of kernel calls: every value gets a place, every unit one or more steps. */
import { rowMajorStrides, sizeOf } from "../../array/shape.js";
import type { Graph, Node, Value } from "../../graph/graph.js";
import { type Unit, readersOf, resultsOf, unitsOf } from "./plan/group.js";
import { type BufferView, rowMajorView, viewOf } from "./plan/view.js";
import { lowerBlocks } from "./blocks.js";
import { lowerConv } from "./conv.js";
import { Builder } from "./builder.js";
import { lowerDynamicSlice } from "./dynamic-slice.js";
import { FUSIBLE } from "./fusible.js";
import { lowerGroup } from "./group.js";
import { inOrder } from "./loop.js";
import { type LoweredGraph, viewAt, write } from "./runtime.js";
import { lowerMatmul } from "./matmul.js";
import { lowerGatherScatter, lowerRunningSums } from "./gather-scatter.js";
import { lowerControl } from "./routine.js";
import { lowerColumns, lowerSoftmax } from "./rows.js";
import type { Allocator } from "./allocator.js";

/** What lowers single nodes, in the order in which they are asked; each tells whether it did. */
const LOWERINGS: readonly ((
  builder: Builder,
  node: Node,
  inputs: readonly BufferView[],
) => boolean)[] = [
  lowerView,
  lowerControl,
  lowerBlocks,
  lowerConv,
  lowerMatmul,
  lowerSoftmax,
  lowerColumns,
  lowerDynamicSlice,
  lowerGatherScatter,
  lowerRunningSums,
  lowerDetour,
];

/** Lowers a graph; `external` tells which inputs lie in memory already. */
export function lower(
  graph: Graph,
  allocator: Allocator,
  external: readonly boolean[],
  threads: number,
): LoweredGraph {
  const nested = (inner: Graph): LoweredGraph =>
    lower(inner, allocator, new Array<boolean>(inner.inputs.length).fill(true), threads);
  const builder = new Builder(allocator, threads, nested);
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs);
  const inputs = graph.inputs.map((x, i) => {
    if (!readers.has(x) && !outputs.has(x)) return undefined;
    const view = rowMajorView(
      builder.buffer(external[i] ? "external" : "arena", x.dtype, sizeOf(x.shape)),
      x.dtype,
      x.shape,
    );
    builder.set(x, view);
    return view;
  });
  for (const unit of unitsOf(graph, FUSIBLE)) {
    if (unit.nodes.every((node) => node.outputs.every((y) => sizeOf(y.shape) === 0)))
      placeEmpty(builder, unit);
    else if (unit.space !== undefined)
      lowerGroup(builder, unit, unit.space, resultsOf(unit, readers, outputs));
    else {
      const [node] = unit.nodes as [Node];
      const views = node.inputs.map((x) => builder.view(x));
      LOWERINGS.some((lowering) => lowering(builder, node, views));
    }
  }
  const views = graph.outputs.map((y) => builder.view(y));
  const { steps, buffers, constants } = builder;
  return { steps, buffers, constants, inputs, outputs: views };
}

function placeEmpty(builder: Builder, unit: Unit): void {
  for (const node of unit.nodes)
    for (const y of node.outputs) builder.set(y, builder.fresh(y.dtype, y.shape));
}

/** A node that only looks at its input differently, if need be after a copy. */
function lowerView(builder: Builder, node: Node, inputs: readonly BufferView[]): boolean {
  if (node.outputs.length !== 1 || inputs.length !== 1) return false;
  const [x] = inputs as [BufferView];
  const [y] = node.outputs as [Value];
  const view =
    viewOf(node, x) ??
    (node.primitive.name === "reshape"
      ? { ...inOrder(builder, x), shape: y.shape, stride: rowMajorStrides(y.shape) }
      : undefined);
  if (view !== undefined) builder.set(y, view);
  return view !== undefined;
}

/** A node that runs in JavaScript, or by its own copy in and out of SIMD, on views of the memory. */
function lowerDetour(builder: Builder, node: Node, inputs: readonly BufferView[]): true {
  const outputs = node.outputs.map((y) => builder.fresh(y.dtype, y.shape));
  node.outputs.forEach((y, k) => builder.set(y, outputs[k]!));
  const { primitive, attrs } = node;
  builder.step({
    label: primitive.name,
    nodes: [node],
    reason: reasonOf(primitive),
    reads: inputs.map((p) => p.buffer),
    writes: outputs.map((p) => p.buffer),
    run(runtime) {
      const arrays = inputs.map((p) => viewAt(runtime, p));
      const results =
        primitive.wasm?.(arrays, attrs, node.outputs) ??
        primitive.evaluate(arrays, attrs, node.outputs);
      results.forEach((y, k) => write(runtime, outputs[k]!, y));
    },
  });
  return true;
}

/** Why a primitive runs outside generated loops. */
function reasonOf({ elementwise }: Node["primitive"]): string {
  if (elementwise === undefined) return "no kernel on resident memory";
  const { vector } = elementwise;
  return ("reason" in vector ? vector.reason : undefined) ?? "types without vector instructions";
}
