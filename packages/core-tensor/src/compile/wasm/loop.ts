/** Steps that run one generated loop, cut among the threads where it is long. */
import { sizeOf } from "../../array/shape.js";
import type { Node } from "../../graph/graph.js";
import { type BufferView, byteOffset, isDense } from "./plan/view.js";
import type { Builder } from "./builder.js";
import { fuse } from "./fused/fuse.js";
import { type FusedFunction, loadFused } from "./fused/load.js";
import { StepList, laneOf } from "./fused/steps.js";
import type { FusedResult } from "./fused/spec.js";
import type { Row } from "./runtime.js";
import { aligned } from "./allocator.js";

/** Loops over fewer elements run on one thread. */
const PARALLEL_ELEMENTS = 1 << 16;

export interface LoopResult {
  readonly view: BufferView;
  readonly result: FusedResult;
}

export interface Loop {
  readonly label: string;
  readonly nodes: readonly Node[];
  /** The index space. */
  readonly space: readonly number[];
  /** What is read, with strides along the space. */
  readonly operands: readonly BufferView[];
  readonly results: readonly LoopResult[];
  readonly steps: StepList;
}

export function addLoop(
  builder: Builder,
  { label, nodes, space, operands, results, steps }: Loop,
): void {
  const code = fuse({
    shape: space,
    operands: operands.map(({ dtype, stride }) => ({ dtype, stride })),
    results: results.map((x) => x.result),
    steps: steps.steps,
  });
  const fn: FusedFunction = loadFused(builder.allocator, code);
  const table = builder.table(code.constants);
  const pool =
    sizeOf(space) >= PARALLEL_ELEMENTS && code.grain > 0 ? builder.allocator.pool : undefined;
  const shares = pool === undefined ? 1 : builder.threads;
  const scratchBytes = aligned(code.scratchBytes);
  const scratch = builder.work(scratchBytes * shares);
  const views = [...operands, ...results.map((x) => x.view)];
  const ids = views.map((p) => p.buffer.id);
  const offsets = views.map(byteOffset);
  const numArgs = views.length;
  const cuts = Array.from({ length: shares + 1 }, (_, i) =>
    i === shares
      ? code.range
      : Math.min(code.range, Math.round((code.range * i) / shares / code.grain) * code.grain || 0),
  );
  const lists = Array.from({ length: shares }, () => new Array<number>(numArgs + 4).fill(0));
  const fill = (
    args: number[],
    address: readonly number[],
    share: number,
    from: number,
    to: number,
  ): number[] => {
    for (let k = 0; k < numArgs; k++) args[k] = address[ids[k]!]! + offsets[k]!;
    args[numArgs] = address[scratch.id]! + share * scratchBytes;
    args[numArgs + 1] = address[table.id]!;
    args[numArgs + 2] = from;
    args[numArgs + 3] = to;
    return args;
  };
  const row: Row = {
    length: code.range,
    operands,
    results: results.map((x) => x.view),
    run({ address }, count) {
      fn(...fill(lists[0]!, address, 0, 0, count));
    },
  };
  builder.step({
    label,
    nodes,
    reads: operands.map((p) => p.buffer),
    writes: [...results.map((x) => x.view.buffer), scratch],
    ...(code.grain > 1 && { row }),
    run({ address }) {
      lists.forEach((args, i) => fill(args, address, i, cuts[i]!, cuts[i + 1]!));
      if (pool === undefined) fn(...lists[0]!);
      else pool.run(fn, lists);
    },
  });
}

/** Copies elements to a view of the same shape. */
export function addCopy(
  builder: Builder,
  from: BufferView,
  to: BufferView,
  label: string,
  nodes: readonly Node[],
): void {
  const steps = new StepList();
  const step = steps.operand(0, laneOf(from.dtype)).id;
  const result: FusedResult = { dtype: from.dtype, step, stride: to.stride };
  addLoop(builder, {
    label,
    nodes,
    space: from.shape,
    operands: [from],
    results: [{ view: to, result }],
    steps,
  });
}

/** The same elements in row-major order, copied if need be. */
export function inOrder(builder: Builder, view: BufferView): BufferView {
  if (isDense(view)) return view;
  const out = builder.fresh(view.dtype, view.shape);
  addCopy(builder, view, out, "copy", []);
  return out;
}
