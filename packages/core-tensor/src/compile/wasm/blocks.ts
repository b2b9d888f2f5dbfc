/** Arrays put together from parts, each copied to its place. */
import { rowMajorStrides, sizeOf } from "../../array/shape.js";
import type { Node } from "../../graph/graph.js";
import { type Place, byteOffset } from "./plan/place.js";
import type { Draft } from "./draft.js";
import { addCopy } from "./loop.js";

interface Window {
  readonly start: readonly number[];
  readonly step: readonly number[];
}

export function lowerBlocks(draft: Draft, node: Node, inputs: readonly Place[]): boolean {
  const [y] = node.outputs as [Node["outputs"][number]];
  if (node.primitive.name === "concat") {
    const { axis } = node.attrs as { readonly axis: number };
    const out = draft.fresh(y.dtype, y.shape);
    draft.set(y, out);
    let at = 0;
    inputs.forEach((part, i) => {
      const to = { ...out, shape: part.shape, offset: at * out.stride[axis]! };
      if (sizeOf(part.shape) > 0) addCopy(draft, part, to, `concat, part ${i}`, [node]);
      at += part.shape[axis]!;
    });
    return true;
  }
  if (node.primitive.name !== "embed") return false;
  const [x] = inputs as [Place];
  const { start, step } = node.attrs as Window;
  const stride = rowMajorStrides(y.shape).map((s, i) => s * step[i]!);
  const out = draft.fresh(y.dtype, y.shape);
  draft.set(y, out);
  const bytes = out.buffer.bytes;
  draft.step({
    label: "zeros",
    nodes: [node],
    reads: [],
    writes: [out.buffer],
    run({ store, address }) {
      const at = address[out.buffer.id]! + byteOffset(out);
      store.views.uint8.fill(0, at, at + bytes);
    },
  });
  const offset = start.reduce((sum, s, i) => sum + s * rowMajorStrides(y.shape)[i]!, 0);
  if (sizeOf(x.shape) > 0)
    addCopy(draft, x, { ...out, shape: x.shape, stride, offset }, "embed", [node]);
  return true;
}
