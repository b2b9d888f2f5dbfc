/**
 * Blocks at computed places: the rows of a block are copied from where they lie, or to where they go. An update writes into the old array
 * itself where the plan says that nothing else needs it.
 */
import { rowMajorStrides, sizeOf } from "../../array/shape.js";
import { blockOffsets, memberStrides } from "../../ops/dynamic-slice.js";
import type { Node } from "../../graph/graph.js";
import { SIZES } from "./plan/group.js";
import { type Buffer, type BufferView, isWhole } from "./plan/view.js";
import type { Builder } from "./builder.js";
import { inOrder } from "./loop.js";
import { type Runtime, addressOf } from "./runtime.js";

/** The rows of a block along its last axes, as far as they are contiguous in the large array too. */
interface Rows {
  /** Byte offsets of each row in the large array, relative to the block's first element, and in the block. */
  readonly offsets: Int32Array;
  readonly count: number;
  readonly bytes: number;
}

function rowsOf(
  within: readonly number[],
  size: readonly number[],
  elementBytes: number,
  blockFirst: boolean,
): Rows {
  const inBlock = rowMajorStrides(size);
  let axis = size.length;
  let length = 1;
  while (axis > 0 && (within[axis - 1] === length || size[axis - 1] === 1)) length *= size[--axis]!;
  const count = sizeOf(size.slice(0, axis));
  const offsets = new Int32Array(2 * count);
  for (let row = 0; row < count; row++) {
    let [rest, large, small] = [row, 0, 0];
    for (let a = axis - 1; a >= 0; a--) {
      const i = rest % size[a]!;
      rest = (rest - i) / size[a]!;
      large += i * within[a]! * elementBytes;
      small += i * inBlock[a]! * elementBytes;
    }
    offsets.set(blockFirst ? [small, large] : [large, small], 2 * row);
  }
  return { offsets, count, bytes: length * elementBytes };
}

export function lowerDynamicSlice(
  builder: Builder,
  node: Node,
  inputs: readonly BufferView[],
): boolean {
  const { name } = node.primitive;
  if (name !== "dynamicSlice" && name !== "dynamicUpdateSlice") return false;
  const updates = name === "dynamicUpdateSlice";
  const views = inputs.map((view) => inOrder(builder, view));
  const [x, start] = [views[0]!, views[views.length - 1]!];
  const [y] = node.outputs as [Node["outputs"][number]];
  const { size } = node.attrs as { readonly size: readonly number[] };
  const out = builder.fresh(y.dtype, y.shape);
  builder.set(y, out);
  const elementBytes = SIZES[y.dtype];
  const rows = rowsOf(memberStrides(x.shape, size), size, elementBytes, updates);
  const table = builder.table(rows.offsets);
  const blockBytes = sizeOf(size) * elementBytes;
  const copyRows = builder.allocator.kernel("places", "float32")["copyRows"]!;
  const firsts = ({ allocator, address }: Runtime): number[] => {
    const at = addressOf({ allocator, address }, start) / 4;
    return blockOffsets(
      name,
      x.shape,
      size,
      allocator.views.int32.subarray(at, at + sizeOf(start.shape)),
    );
  };
  const each = (runtime: Runtime, large: number, small: number): void => {
    firsts(runtime).forEach((first, b) => {
      const [inLarge, inSmall] = [large + first * elementBytes, small + b * blockBytes];
      copyRows(
        runtime.address[table.id]!,
        rows.count,
        rows.bytes,
        updates ? inSmall : inLarge,
        updates ? inLarge : inSmall,
      );
    });
  };
  const reads: Buffer[] = [...views.map((p) => p.buffer), table];
  const label = `${name} ${size.join("x")}`;
  if (!updates) {
    builder.step({
      label,
      nodes: [node],
      reads,
      writes: [out.buffer],
      run: (runtime) => each(runtime, addressOf(runtime, x), addressOf(runtime, out)),
    });
    return true;
  }
  const update = views[1]!;
  const replaces =
    isWhole(x) && update.buffer !== x.buffer && start.buffer !== x.buffer
      ? [{ old: x.buffer, by: out.buffer }]
      : [];
  builder.step({
    label,
    nodes: [node],
    reads,
    writes: [out.buffer],
    replaces,
    run(runtime) {
      const [old, fresh] = [addressOf(runtime, x), addressOf(runtime, out)];
      // a start out of range throws before anything is written
      firsts(runtime);
      if (old !== fresh)
        runtime.allocator.views.uint8.copyWithin(fresh, old, old + out.buffer.bytes);
      each(runtime, fresh, addressOf(runtime, update));
    },
  });
  return true;
}
