/** From a graph to a list of kernel calls: every value gets a place, every unit one or more steps. */
import { rowMajorStrides, sizeOf } from "../../array/shape.js";
import type { Graph, Node, Value } from "../../graph/graph.js";
import { type Unit, readersOf, resultsOf, unitsOf } from "./plan/group.js";
import { type Place, rowMajorPlace, viewOf } from "./plan/place.js";
import { lowerBlocks } from "./blocks.js";
import { lowerConv } from "./conv.js";
import { Draft } from "./draft.js";
import { lowerDynamicSlice } from "./dynamic-slice.js";
import { FUSIBLE } from "./fusible.js";
import { lowerGroup } from "./group.js";
import { inOrder } from "./loop.js";
import { type Lowered, viewAt, write } from "./machine.js";
import { lowerMatmul } from "./matmul.js";
import { lowerPlaces, lowerRunningSums } from "./places.js";
import { lowerControl } from "./routine.js";
import { lowerColumns, lowerSoftmax } from "./rows.js";
import type { Store } from "./store.js";

/** What lowers single nodes, in the order in which they are asked; each tells whether it did. */
const LOWERINGS: readonly ((draft: Draft, node: Node, inputs: readonly Place[]) => boolean)[] = [
  lowerView,
  lowerControl,
  lowerBlocks,
  lowerConv,
  lowerMatmul,
  lowerSoftmax,
  lowerColumns,
  lowerDynamicSlice,
  lowerPlaces,
  lowerRunningSums,
  lowerDetour,
];

/** Lowers a graph; `external` tells which inputs lie in memory already. */
export function lower(
  graph: Graph,
  store: Store,
  external: readonly boolean[],
  threads: number,
): Lowered {
  const nested = (inner: Graph): Lowered =>
    lower(inner, store, new Array<boolean>(inner.inputs.length).fill(true), threads);
  const draft = new Draft(store, threads, nested);
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs);
  const inputs = graph.inputs.map((x, i) => {
    if (!readers.has(x) && !outputs.has(x)) return undefined;
    const place = rowMajorPlace(
      draft.buffer(external[i] ? "external" : "arena", x.dtype, sizeOf(x.shape)),
      x.dtype,
      x.shape,
    );
    draft.set(x, place);
    return place;
  });
  for (const unit of unitsOf(graph, FUSIBLE)) {
    if (unit.nodes.every((node) => node.outputs.every((y) => sizeOf(y.shape) === 0)))
      placeEmpty(draft, unit);
    else if (unit.space !== undefined)
      lowerGroup(draft, unit, unit.space, resultsOf(unit, readers, outputs));
    else {
      const [node] = unit.nodes as [Node];
      const places = node.inputs.map((x) => draft.place(x));
      LOWERINGS.some((lowering) => lowering(draft, node, places));
    }
  }
  const places = graph.outputs.map((y) => draft.place(y));
  const { steps, buffers, constants } = draft;
  return { steps, buffers, constants, inputs, outputs: places };
}

function placeEmpty(draft: Draft, unit: Unit): void {
  for (const node of unit.nodes)
    for (const y of node.outputs) draft.set(y, draft.fresh(y.dtype, y.shape));
}

/** A node that only looks at its input differently, if need be after a copy. */
function lowerView(draft: Draft, node: Node, inputs: readonly Place[]): boolean {
  if (node.outputs.length !== 1 || inputs.length !== 1) return false;
  const [x] = inputs as [Place];
  const [y] = node.outputs as [Value];
  const view =
    viewOf(node, x) ??
    (node.primitive.name === "reshape"
      ? { ...inOrder(draft, x), shape: y.shape, stride: rowMajorStrides(y.shape) }
      : undefined);
  if (view !== undefined) draft.set(y, view);
  return view !== undefined;
}

/** A node that runs in JavaScript, or by its own copy in and out of SIMD, on views of the memory. */
function lowerDetour(draft: Draft, node: Node, inputs: readonly Place[]): true {
  const outputs = node.outputs.map((y) => draft.fresh(y.dtype, y.shape));
  node.outputs.forEach((y, k) => draft.set(y, outputs[k]!));
  const { primitive, attrs } = node;
  draft.step({
    label: primitive.name,
    nodes: [node],
    reason: reasonOf(primitive),
    reads: inputs.map((p) => p.buffer),
    writes: outputs.map((p) => p.buffer),
    run(machine) {
      const arrays = inputs.map((p) => viewAt(machine, p));
      const results =
        primitive.wasm?.(arrays, attrs, node.outputs) ??
        primitive.evaluate(arrays, attrs, node.outputs);
      results.forEach((y, k) => write(machine, outputs[k]!, y));
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
