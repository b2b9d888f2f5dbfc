/** Arrays put together from parts, each copied to its place. */
import { rowMajorStrides, sizeOf } from "../../array/shape.js";
import type { Node } from "../../graph/graph.js";
import { type BufferView, byteOffset } from "./plan/view.js";
import type { Builder } from "./builder.js";
import { addCopy } from "./loop.js";

interface Window {
  readonly start: readonly number[];
  readonly step: readonly number[];
}

export function lowerBlocks(builder: Builder, node: Node, inputs: readonly BufferView[]): boolean {
  const [y] = node.outputs as [Node["outputs"][number]];
  if (node.primitive.name === "concat") {
    const { axis } = node.attrs as { readonly axis: number };
    const out = builder.fresh(y.dtype, y.shape);
    builder.set(y, out);
    let at = 0;
    inputs.forEach((part, i) => {
      const to = { ...out, shape: part.shape, offset: at * out.stride[axis]! };
      if (sizeOf(part.shape) > 0) addCopy(builder, part, to, `concat, part ${i}`, [node]);
      at += part.shape[axis]!;
    });
    return true;
  }
  if (node.primitive.name !== "embed") return false;
  const [x] = inputs as [BufferView];
  const { start, step } = node.attrs as Window;
  const stride = rowMajorStrides(y.shape).map((s, i) => s * step[i]!);
  const out = builder.fresh(y.dtype, y.shape);
  builder.set(y, out);
  const bytes = out.buffer.bytes;
  builder.step({
    label: "zeros",
    nodes: [node],
    reads: [],
    writes: [out.buffer],
    run({ allocator, address }) {
      const at = address[out.buffer.id]! + byteOffset(out);
      allocator.views.uint8.fill(0, at, at + bytes);
    },
  });
  const offset = start.reduce((sum, s, i) => sum + s * rowMajorStrides(y.shape)[i]!, 0);
  if (sizeOf(x.shape) > 0)
    addCopy(builder, x, { ...out, shape: x.shape, stride, offset }, "embed", [node]);
  return true;
}
