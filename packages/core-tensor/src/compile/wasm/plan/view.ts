/** Where values lie: strided views of buffers, and the operations on values that only change the view. */
import type { DType } from "../../../array/dtype.js";
import {
  type Shape,
  broadcastStrides,
  isRowMajor,
  rowMajorStrides,
  sizeOf,
} from "../../../array/shape.js";
import type { Node } from "../../../graph/graph.js";
import { SIZES } from "./group.js";

/** A stretch of memory. `arena` ones are placed by the plan, `constant` ones lie in the program's own memory, `external` ones with the caller. */
export interface Buffer {
  readonly id: number;
  readonly kind: "arena" | "constant" | "external";
  readonly bytes: number;
}

/** A value's elements inside a buffer; offset and strides count elements. */
export interface BufferView {
  readonly buffer: Buffer;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly stride: readonly number[];
  readonly offset: number;
}

export function rowMajorView(buffer: Buffer, dtype: DType, shape: Shape): BufferView {
  return { buffer, dtype, shape, stride: rowMajorStrides(shape), offset: 0 };
}

export function isDense(view: BufferView): boolean {
  return isRowMajor(view.shape, view.stride);
}

/** Whether the view takes up its buffer, in row-major order. */
export function isWhole(view: BufferView): boolean {
  return (
    isDense(view) &&
    view.offset === 0 &&
    view.buffer.bytes === sizeOf(view.shape) * SIZES[view.dtype]
  );
}

export function byteOffset(view: BufferView): number {
  return view.offset * SIZES[view.dtype];
}

/** The view of a node that only looks at its input differently; undefined when elements have to move. */
export function viewOf(node: Node, x: BufferView): BufferView | undefined {
  const out = node.outputs[0]!;
  switch (node.primitive.name) {
    case "stopGradient":
    case "barrier":
      return x;
    case "reshape":
      return reshaped(x, out.shape);
    case "sum":
    case "max":
    case "min":
      // over axes of extent one there is nothing to combine
      return sizeOf(out.shape) === sizeOf(x.shape) && out.dtype === x.dtype
        ? reshaped(x, out.shape)
        : undefined;
    case "broadcastTo":
      return { ...x, shape: out.shape, stride: broadcastStrides(x.shape, x.stride, out.shape) };
    case "transpose": {
      const { axes } = node.attrs as { readonly axes: readonly number[] };
      return { ...x, shape: out.shape, stride: axes.map((a) => x.stride[a]!) };
    }
    case "slice": {
      const { start, step } = node.attrs as {
        readonly start: readonly number[];
        readonly step: readonly number[];
      };
      const offset =
        sizeOf(out.shape) === 0
          ? x.offset
          : start.reduce((at, s, i) => at + s * x.stride[i]!, x.offset);
      return { ...x, shape: out.shape, stride: x.stride.map((s, i) => s * step[i]!), offset };
    }
    default:
      return undefined;
  }
}

/** Another shape on the same elements, where axes of extent one come and go or the elements are in order anyway. */
function reshaped(x: BufferView, shape: Shape): BufferView | undefined {
  if (isDense(x)) return { ...x, shape, stride: rowMajorStrides(shape) };
  const long = x.shape.flatMap((extent, i) =>
    extent === 1 ? [] : [{ extent, stride: x.stride[i]! }],
  );
  const stride: number[] = [];
  let at = 0;
  for (const extent of shape) {
    if (extent === 1) stride.push(0);
    else if (long[at]?.extent === extent) stride.push(long[at++]!.stride);
    else return undefined;
  }
  return { ...x, shape, stride };
}
