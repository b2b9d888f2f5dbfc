/** Reading and adding at listed places of one axis, and running sums along one, on memory in place. */
import type { DType } from "../../array/dtype.js";
import { type Shape, sizeOf } from "../../array/shape.js";
import { IndexError } from "../../errors.js";
import type { Node } from "../../graph/graph.js";
import { SIZES } from "./plan/group.js";
import type { BufferView } from "./plan/view.js";
import type { Builder } from "./builder.js";
import { inOrder } from "./loop.js";
import { addressOf } from "./runtime.js";

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

export function lowerGatherScatter(
  builder: Builder,
  node: Node,
  inputs: readonly BufferView[],
): boolean {
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
  const [x, views] = inputs.map((view) => inOrder(builder, view)) as [BufferView, BufferView];
  const { outer, n, inner } = along(takes ? x.shape : y.shape, axis);
  const m = (takes ? y : x).shape[axis]!;
  const out = builder.fresh(y.dtype, y.shape);
  builder.set(y, out);
  const run = builder.allocator.kernel("places", "float32")[kernel.fn]!;
  const width = kernel.fn === "takeRows" ? inner * SIZES[y.dtype] : inner;
  builder.step({
    label: `${name} of ${m} places among ${n}`,
    nodes: [node],
    reads: [x.buffer, views.buffer],
    writes: [out.buffer],
    run(runtime) {
      const list = addressOf(runtime, views);
      const bad = run(addressOf(runtime, x), outer, n, width, list, m, addressOf(runtime, out));
      if (bad < 0) return;
      const at = runtime.allocator.views.int32[list / 4 + bad];
      throw new IndexError(
        `${kernel.called}: index ${at} (at position ${bad}) is out of range for an axis of extent ${n}`,
      );
    },
  });
  return true;
}

export function lowerRunningSums(
  builder: Builder,
  node: Node,
  inputs: readonly BufferView[],
): boolean {
  const [y] = node.outputs as [Node["outputs"][number]];
  const summed = SUMMED[y.dtype];
  if (node.primitive.name !== "cumsum" || summed === undefined) return false;
  const x = inOrder(builder, inputs[0]!);
  const { outer, n, inner } = along(y.shape, (node.attrs as { readonly axis: number }).axis);
  const out = builder.fresh(y.dtype, y.shape);
  builder.set(y, out);
  const totals = builder.work(inner * 8);
  const run = builder.allocator.kernel("places", "float32")[`runningSums${summed}`]!;
  builder.step({
    label: `cumsum ${outer > 1 ? `${outer} of ` : ""}${n}x${inner}`,
    nodes: [node],
    reads: [x.buffer],
    writes: [out.buffer, totals],
    run(runtime) {
      run(
        addressOf(runtime, x),
        outer,
        n,
        inner,
        runtime.address[totals.id]!,
        addressOf(runtime, out),
      );
    },
  });
  return true;
}
