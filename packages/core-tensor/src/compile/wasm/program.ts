/** A lowered graph in memory, ready to run. */
import { type DType, allocate } from "../../array/dtype.js";
import { dense } from "../../array/ndarray.js";
import { sizeOf } from "../../array/shape.js";
import type { Graph } from "../../graph/graph.js";
import type { Executable } from "../../graph/interpret.js";
import { SIZES } from "./plan/group.js";
import { planArena } from "./plan/lifetime.js";
import { isWhole } from "./plan/view.js";
import { ResidentArray } from "./resident.js";
import { lower } from "./lower.js";
import { inTiles, longRow } from "./tiles.js";
import {
  type LoweredGraph,
  type Runtime,
  type Step,
  type Strategy,
  copyInto,
  viewAt,
  write,
} from "./runtime.js";
import { type Allocator, aligned, outOfMemory } from "./allocator.js";

/** Returns the constants' memory when a program is collected. */
const collected = new FinalizationRegistry<() => void>((release) => {
  release();
});

/** Outputs that can be computed right where they will stay: whole buffers of their own. Buffer id by position. */
function directOutputs({ inputs, outputs }: LoweredGraph): Map<number, number> {
  const direct = new Map<number, number>();
  const taken = new Set(inputs.map((view) => view?.buffer.id));
  outputs.forEach((view, i) => {
    const { id, kind } = view.buffer;
    if (kind === "arena" && isWhole(view) && !taken.has(id)) direct.set(i, id);
    taken.add(id);
  });
  return direct;
}

/** One line for each step, those inside control flow indented. */
function describe(steps: readonly Step[], indent: string): string[] {
  return steps.flatMap(({ label, reason, inner = [] }) => [
    `${indent}${label}${reason === undefined ? "" : ` [in JavaScript: ${reason}]`}`,
    ...describe(inner, `${indent}  `),
  ]);
}

/** How a program is called. */
export interface CallLayout {
  /** Which inputs come as resident arrays. */
  readonly external: readonly boolean[];
  /** Which inputs the call uses up. */
  readonly donated: readonly boolean[];
  /** Whether results stay in memory. */
  readonly resident: boolean;
  readonly threads: number;
}

/** All of the arguments in, one call after the other, all of the results out. */
function atOnce(
  lowered: LoweredGraph,
  runtime: Runtime,
  { donated, resident }: CallLayout,
): Strategy {
  const { steps, inputs, outputs } = lowered;
  const { allocator } = runtime;
  const direct = resident ? directOutputs(lowered) : new Map<number, number>();
  const { offsets, total, followers, origins } = planArena(lowered, new Set(direct.values()));
  // results that take over the memory of a donated input, by position
  const takesOver = new Map<number, number>();
  for (const [i, id] of direct) {
    const input = inputs.findIndex(
      (view) => view !== undefined && view.buffer.id === origins.get(id),
    );
    if (input >= 0 && donated[input]) takesOver.set(i, input);
  }
  const resultBytes = outputs.reduce(
    (sum, { dtype, shape }) => sum + sizeOf(shape) * SIZES[dtype],
    0,
  );
  let base = -1;
  return {
    total,
    run(arrays) {
      const arena = allocator.arena(total);
      if (arena === undefined) return outOfMemory();
      if (arena !== base) {
        base = arena;
        for (const [id, offset] of offsets) runtime.address[id] = arena + offset;
      }
      inputs.forEach((view, i) => {
        const x = arrays[i]!;
        if (view?.buffer.kind === "external" && x instanceof ResidentArray)
          runtime.address[view.buffer.id] = x.addressIn(allocator);
      });
      // what the call uses up comes back after it
      const usedUp = arrays.reduce(
        (sum, x, i) =>
          donated[i] && x instanceof ResidentArray ? sum + x.size * SIZES[x.dtype] : sum,
        0,
      );
      const stays = resident && allocator.hasRoomFor(resultBytes - usedUp);
      const handedOver = new Set<number>();
      const kept = outputs.map((view, i) => {
        if (!resident) return undefined;
        const old = arrays[takesOver.get(i) ?? -1];
        const isAlone =
          old instanceof ResidentArray && arrays.indexOf(old) === arrays.lastIndexOf(old);
        if (!isAlone) return ResidentArray.reserve(allocator, view.dtype, view.shape, true);
        handedOver.add(i);
        return old.handOver(allocator, view.dtype, view.shape);
      });
      for (const [i, id] of direct)
        runtime.address[id] = kept[i]?.addressIn(allocator) ?? outOfMemory();
      for (const [id, home] of followers) runtime.address[id] = runtime.address[home]!;
      inputs.forEach((view, i) => {
        if (view !== undefined && view.buffer.kind !== "external") write(runtime, view, arrays[i]!);
      });
      for (const step of steps) step.run(runtime);
      return outputs.map((view, i) => {
        const size = sizeOf(view.shape);
        const home = kept[i];
        if (home !== undefined) {
          if (!direct.has(i))
            copyInto(
              viewAt(runtime, view),
              allocator.views[view.dtype],
              home.addressIn(allocator) / SIZES[view.dtype],
            );
          return stays || handedOver.has(i) ? home : home.movedOut();
        }
        const data = allocate(view.dtype, size);
        copyInto(viewAt(runtime, view), data, 0);
        return dense<DType>(data, view.dtype, view.shape);
      });
    },
  };
}

/** Lowers a graph; undefined when the memory cannot hold it. */
export function wasmProgram(
  graph: Graph,
  allocator: Allocator,
  layout: CallLayout,
): Executable | undefined {
  const { external, resident, threads } = layout;
  const lowered = lower(graph, allocator, external, threads);
  const { steps, buffers, constants } = lowered;
  const runtime: Runtime = { allocator, address: new Array<number>(buffers.length).fill(0) };
  const row = resident || allocator.pool !== undefined ? undefined : longRow(lowered);

  const constantBytes = constants.reduce((sum, { bytes }) => sum + aligned(bytes), 0);
  const constantsAt = allocator.take(constantBytes);
  if (constantsAt === undefined) return undefined;
  let at = constantsAt;
  for (const { bytes, load } of constants) {
    load(runtime, at);
    at += aligned(bytes);
  }

  const { total, run, words } =
    row === undefined ? atOnce(lowered, runtime, layout) : inTiles(lowered, row, runtime);
  if (allocator.arena(total) === undefined) {
    allocator.give(constantsAt, constantBytes);
    return undefined;
  }
  const executable: Executable = {
    run,
    explain: () =>
      [
        `WebAssembly SIMD${allocator.pool === undefined ? "" : ` on ${threads} threads, ${Math.min(threads, allocator.pool.numReady + 1)} of them up`}, ${words ?? `${steps.length} calls`}; ${total} bytes of arena, ${constantBytes} of constants, ${allocator.size} bytes of memory in all programs`,
        ...describe(steps, "  "),
      ].join("\n"),
  };
  collected.register(executable, () => {
    allocator.give(constantsAt, constantBytes);
  });
  return executable;
}
