/** Steps that run one generated loop, cut among the threads where it is long. */
import { sizeOf } from "../../array/shape.js";
import type { Node } from "../../graph/graph.js";
import { type Place, byteOffset, isDense } from "./plan/place.js";
import type { Draft } from "./draft.js";
import { fuse } from "./fused/fuse.js";
import { type FusedFunction, loadFused } from "./fused/load.js";
import { StepList, laneOf } from "./fused/steps.js";
import type { FusedResult } from "./fused/spec.js";
import type { Row } from "./machine.js";
import { aligned } from "./store.js";

/** Loops over fewer elements run on one thread. */
const PARALLEL_ELEMENTS = 1 << 16;

export interface LoopResult {
  readonly place: Place;
  readonly result: FusedResult;
}

export interface Loop {
  readonly label: string;
  readonly nodes: readonly Node[];
  /** The index space. */
  readonly space: readonly number[];
  /** What is read, with strides along the space. */
  readonly operands: readonly Place[];
  readonly results: readonly LoopResult[];
  readonly steps: StepList;
}

export function addLoop(
  draft: Draft,
  { label, nodes, space, operands, results, steps }: Loop,
): void {
  const code = fuse({
    shape: space,
    operands: operands.map(({ dtype, stride }) => ({ dtype, stride })),
    results: results.map((x) => x.result),
    steps: steps.steps,
  });
  const fn: FusedFunction = loadFused(draft.store, code);
  const table = draft.table(code.constants);
  const crew = sizeOf(space) >= PARALLEL_ELEMENTS && code.grain > 0 ? draft.store.crew : undefined;
  const shares = crew === undefined ? 1 : draft.threads;
  const scratchBytes = aligned(code.scratchBytes);
  const scratch = draft.work(scratchBytes * shares);
  const places = [...operands, ...results.map((x) => x.place)];
  const ids = places.map((p) => p.buffer.id);
  const offsets = places.map(byteOffset);
  const numArgs = places.length;
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
    results: results.map((x) => x.place),
    run({ address }, count) {
      fn(...fill(lists[0]!, address, 0, 0, count));
    },
  };
  draft.step({
    label,
    nodes,
    reads: operands.map((p) => p.buffer),
    writes: [...results.map((x) => x.place.buffer), scratch],
    ...(code.grain > 1 && { row }),
    run({ address }) {
      lists.forEach((args, i) => fill(args, address, i, cuts[i]!, cuts[i + 1]!));
      if (crew === undefined) fn(...lists[0]!);
      else crew.run(fn, lists);
    },
  });
}

/** Copies elements to a place of the same shape. */
export function addCopy(
  draft: Draft,
  from: Place,
  to: Place,
  label: string,
  nodes: readonly Node[],
): void {
  const steps = new StepList();
  const step = steps.operand(0, laneOf(from.dtype)).id;
  const result: FusedResult = { dtype: from.dtype, step, stride: to.stride };
  addLoop(draft, {
    label,
    nodes,
    space: from.shape,
    operands: [from],
    results: [{ place: to, result }],
    steps,
  });
}

/** The same elements in row-major order, copied if need be. */
export function inOrder(draft: Draft, place: Place): Place {
  if (isDense(place)) return place;
  const out = draft.fresh(place.dtype, place.shape);
  addCopy(draft, place, out, "copy", []);
  return out;
}
