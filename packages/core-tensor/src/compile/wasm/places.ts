/** Reading and adding at listed places of one axis, and running sums along one, on memory in place. */
import type { DType } from "../../array/dtype.js";
import { type Shape, sizeOf } from "../../array/shape.js";
import { IndexError } from "../../errors.js";
import type { Node } from "../../graph/graph.js";
import { SIZES } from "./plan/group.js";
import type { Place } from "./plan/place.js";
import type { Draft } from "./draft.js";
import { inOrder } from "./loop.js";
import { addressOf } from "./machine.js";

/** Endings of the kernels that add. */
const SUMMED: Partial<Record<DType, string>> = { float32: "F32", float64: "F64", int32: "I32" };

function along(
  shape: Shape,
  axis: number,
): { readonly outer: number; readonly n: number; readonly inner: number } {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    n: shape[axis]!,
    inner: sizeOf(shape.slice(axis + 1)),
  };
}

/** The function of the kernel for a primitive and an element type, and by what name its errors go. */
function kernelFor(
  name: string,
  dtype: DType,
): { readonly fn: string; readonly called: string } | undefined {
  const summed = SUMMED[dtype];
  switch (name) {
    case "take":
      return { fn: "takeRows", called: "take" };
    case "takeAlongAxis":
      return { fn: `takeEach${SIZES[dtype]}`, called: name };
    case "scatterAdd":
      return summed === undefined ? undefined : { fn: `addRows${summed}`, called: name };
    case "scatterAddAlongAxis":
      return summed === undefined ? undefined : { fn: `addEach${summed}`, called: "scatterAdd" };
    default:
      return undefined;
  }
}

export function lowerPlaces(draft: Draft, node: Node, inputs: readonly Place[]): boolean {
  const [y] = node.outputs as [Node["outputs"][number]];
  const { name } = node.primitive;
  const kernel = kernelFor(name, y.dtype);
  if (
    kernel === undefined ||
    inputs[1]!.dtype !== "int32" ||
    inputs.some((x) => sizeOf(x.shape) === 0)
  )
    return false;
  const { axis } = node.attrs as { readonly axis: number };
  const takes = name.startsWith("take");
  const [x, places] = inputs.map((place) => inOrder(draft, place)) as [Place, Place];
  const { outer, n, inner } = along(takes ? x.shape : y.shape, axis);
  const m = (takes ? y : x).shape[axis]!;
  const out = draft.fresh(y.dtype, y.shape);
  draft.set(y, out);
  const run = draft.store.kernel("places", "float32")[kernel.fn]!;
  const width = kernel.fn === "takeRows" ? inner * SIZES[y.dtype] : inner;
  draft.step({
    label: `${name} of ${m} places among ${n}`,
    nodes: [node],
    reads: [x.buffer, places.buffer],
    writes: [out.buffer],
    run(machine) {
      const list = addressOf(machine, places);
      const bad = run(addressOf(machine, x), outer, n, width, list, m, addressOf(machine, out));
      if (bad < 0) return;
      const at = machine.store.views.int32[list / 4 + bad];
      throw new IndexError(
        `${kernel.called}: index ${at} (at position ${bad}) is out of range for an axis of extent ${n}`,
      );
    },
  });
  return true;
}

export function lowerRunningSums(draft: Draft, node: Node, inputs: readonly Place[]): boolean {
  const [y] = node.outputs as [Node["outputs"][number]];
  const summed = SUMMED[y.dtype];
  if (node.primitive.name !== "cumsum" || summed === undefined) return false;
  const x = inOrder(draft, inputs[0]!);
  const { outer, n, inner } = along(y.shape, (node.attrs as { readonly axis: number }).axis);
  const out = draft.fresh(y.dtype, y.shape);
  draft.set(y, out);
  const totals = draft.work(inner * 8);
  const run = draft.store.kernel("places", "float32")[`runningSums${summed}`]!;
  draft.step({
    label: `cumsum ${outer > 1 ? `${outer} of ` : ""}${n}x${inner}`,
    nodes: [node],
    reads: [x.buffer],
    writes: [out.buffer, totals],
    run(machine) {
      run(
        addressOf(machine, x),
        outer,
        n,
        inner,
        machine.address[totals.id]!,
        addressOf(machine, out),
      );
    },
  });
  return true;
}
