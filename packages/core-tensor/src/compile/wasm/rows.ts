/** Softmax and its relatives over rows, and reductions over leading or middle axes, on memory in place. */
import { isFloat } from "../../array/dtype.js";
import { sizeOf } from "../../array/shape.js";
import type { Node, Value } from "../../graph/graph.js";
import { SIZES } from "./plan/group.js";
import { type BufferView, isDense } from "./plan/view.js";
import type { Builder } from "./builder.js";
import { inOrder } from "./loop.js";
import { addressOf } from "./runtime.js";

export function lowerSoftmax(builder: Builder, node: Node, inputs: readonly BufferView[]): boolean {
  const { name } = node.primitive;
  if (name !== "softmax" && name !== "logSoftmax" && name !== "logSumExp") return false;
  const [x] = node.inputs as [Value];
  const [y] = node.outputs as [Value];
  const cols = x.shape[x.shape.length - 1]!;
  if (!isFloat(y.dtype) || cols === 0) return false;
  const rows = sizeOf(x.shape) / cols;
  const from = inOrder(builder, inputs[0]!);
  const to = builder.fresh(y.dtype, y.shape);
  builder.set(y, to);
  const kernel = builder.allocator.kernel("softmax", y.dtype);
  const { dtype } = y;
  const work = builder.work(name === "softmax" ? 0 : rows * 16);
  builder.step({
    label: `${name} ${rows}x${cols}`,
    nodes: [node],
    reads: [from.buffer],
    writes: [to.buffer, work],
    run(runtime) {
      const [input, output] = [addressOf(runtime, from), addressOf(runtime, to)];
      if (name === "softmax") {
        kernel["softmax"]!(input, output, rows, cols);
        return;
      }
      const shifts = runtime.address[work.id]!;
      const totals = shifts + rows * 8;
      kernel["sums"]!(input, rows, cols, shifts, totals, Number(name === "logSumExp"));
      const doubles = runtime.allocator.views.float64;
      if (name === "logSoftmax") {
        for (let r = totals / 8; r < totals / 8 + rows; r++) doubles[r] = Math.log(doubles[r]!);
        kernel["subtract"]!(input, output, rows, cols, shifts, totals);
      } else {
        const out = runtime.allocator.views[dtype];
        const at = output / SIZES[dtype];
        for (let r = 0; r < rows; r++)
          out[at + r] = doubles[shifts / 8 + r]! + Math.log(doubles[totals / 8 + r]!);
      }
    },
  });
  return true;
}

/** Sums and extrema over neighbouring axes that are not the last ones. */
export function lowerColumns(builder: Builder, node: Node, inputs: readonly BufferView[]): boolean {
  const { name } = node.primitive;
  if (name !== "sum" && name !== "max" && name !== "min") return false;
  const [x] = node.inputs as [Value];
  const [y] = node.outputs as [Value];
  if (!isFloat(x.dtype) || sizeOf(x.shape) === 0 || !isDense(inputs[0]!)) return false;
  const { axes } = node.attrs as { readonly axes: readonly number[] };
  const [first, last] = [axes[0]!, axes[axes.length - 1]!];
  if (axes.length === 0 || last - first + 1 !== axes.length) return false;
  const outer = sizeOf(x.shape.slice(0, first));
  const rows = sizeOf(x.shape.slice(first, last + 1));
  const cols = sizeOf(x.shape.slice(last + 1));
  const bytes = SIZES[x.dtype];
  const from = inputs[0]!;
  const to = builder.fresh(x.dtype, y.shape);
  builder.set(y, to);
  const columns = builder.allocator.kernel("reduce", x.dtype)[`${name}Columns`]!;
  const work = builder.work(cols * bytes);
  // sums of long columns in blocks, so that the error stays small
  const block = Math.max(4, Math.min(rows, 512));
  builder.step({
    label: `${name} of columns ${outer > 1 ? `${outer}x` : ""}${rows}x${cols}`,
    nodes: [node],
    reads: [from.buffer],
    writes: [to.buffer, work],
    run(runtime) {
      const [input, output, part] = [
        addressOf(runtime, from),
        addressOf(runtime, to),
        runtime.address[work.id]!,
      ];
      for (let p = 0; p < outer; p++)
        for (let i = 0; i < rows; i += block)
          columns(
            input + (p * rows + i) * cols * bytes,
            Math.min(block, rows - i),
            cols,
            part,
            output + p * cols * bytes,
            Number(i === 0),
          );
    },
  });
  return true;
}
