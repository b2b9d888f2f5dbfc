/** A lowered graph in memory, ready to run. */
import { type DType, allocate } from "../../array/dtype.js";
import { dense } from "../../array/ndarray.js";
import { sizeOf } from "../../array/shape.js";
import type { Graph } from "../../graph/graph.js";
import type { Executable } from "../../graph/interpret.js";
import { SIZES } from "./plan/group.js";
import { planArena } from "./plan/lifetime.js";
import { isWhole } from "./plan/place.js";
import { ResidentArray } from "./resident.js";
import { lower } from "./lower.js";
import { inPieces, longRow } from "./pieces.js";
import {
  type Lowered,
  type Machine,
  type Step,
  type Way,
  copyInto,
  viewAt,
  write,
} from "./machine.js";
import { type Store, aligned, outOfMemory } from "./store.js";

/** Returns the constants' memory when a program is collected. */
const collected = new FinalizationRegistry<() => void>((release) => {
  release();
});

/** Outputs that can be computed right where they will stay: whole buffers of their own. Buffer id by position. */
function directOutputs({ inputs, outputs }: Lowered): Map<number, number> {
  const direct = new Map<number, number>();
  const taken = new Set(inputs.map((place) => place?.buffer.id));
  outputs.forEach((place, i) => {
    const { id, kind } = place.buffer;
    if (kind === "arena" && isWhole(place) && !taken.has(id)) direct.set(i, id);
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
export interface Calling {
  /** Which inputs come as resident arrays. */
  readonly external: readonly boolean[];
  /** Which inputs the call uses up. */
  readonly donated: readonly boolean[];
  /** Whether results stay in memory. */
  readonly resident: boolean;
  readonly threads: number;
}

/** All of the arguments in, one call after the other, all of the results out. */
function atOnce(lowered: Lowered, machine: Machine, { donated, resident }: Calling): Way {
  const { steps, inputs, outputs } = lowered;
  const { store } = machine;
  const direct = resident ? directOutputs(lowered) : new Map<number, number>();
  const { offsets, total, followers, origins } = planArena(lowered, new Set(direct.values()));
  // results that take over the memory of a donated input, by position
  const takesOver = new Map<number, number>();
  for (const [i, id] of direct) {
    const input = inputs.findIndex(
      (place) => place !== undefined && place.buffer.id === origins.get(id),
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
      const arena = store.arena(total);
      if (arena === undefined) return outOfMemory();
      if (arena !== base) {
        base = arena;
        for (const [id, offset] of offsets) machine.address[id] = arena + offset;
      }
      inputs.forEach((place, i) => {
        const x = arrays[i]!;
        if (place?.buffer.kind === "external" && x instanceof ResidentArray)
          machine.address[place.buffer.id] = x.addressIn(store);
      });
      // what the call uses up comes back after it
      const usedUp = arrays.reduce(
        (sum, x, i) =>
          donated[i] && x instanceof ResidentArray ? sum + x.size * SIZES[x.dtype] : sum,
        0,
      );
      const stays = resident && store.hasRoomFor(resultBytes - usedUp);
      const handedOver = new Set<number>();
      const kept = outputs.map((place, i) => {
        if (!resident) return undefined;
        const old = arrays[takesOver.get(i) ?? -1];
        const isAlone =
          old instanceof ResidentArray && arrays.indexOf(old) === arrays.lastIndexOf(old);
        if (!isAlone) return ResidentArray.reserve(store, place.dtype, place.shape, true);
        handedOver.add(i);
        return old.handOver(store, place.dtype, place.shape);
      });
      for (const [i, id] of direct)
        machine.address[id] = kept[i]?.addressIn(store) ?? outOfMemory();
      for (const [id, home] of followers) machine.address[id] = machine.address[home]!;
      inputs.forEach((place, i) => {
        if (place !== undefined && place.buffer.kind !== "external")
          write(machine, place, arrays[i]!);
      });
      for (const step of steps) step.run(machine);
      return outputs.map((place, i) => {
        const size = sizeOf(place.shape);
        const home = kept[i];
        if (home !== undefined) {
          if (!direct.has(i))
            copyInto(
              viewAt(machine, place),
              store.views[place.dtype],
              home.addressIn(store) / SIZES[place.dtype],
            );
          return stays || handedOver.has(i) ? home : home.movedOut();
        }
        const data = allocate(place.dtype, size);
        copyInto(viewAt(machine, place), data, 0);
        return dense<DType>(data, place.dtype, place.shape);
      });
    },
  };
}

/** Lowers a graph; undefined when the memory cannot hold it. */
export function wasmProgram(graph: Graph, store: Store, calling: Calling): Executable | undefined {
  const { external, resident, threads } = calling;
  const lowered = lower(graph, store, external, threads);
  const { steps, buffers, constants } = lowered;
  const machine: Machine = { store, address: new Array<number>(buffers.length).fill(0) };
  const row = resident || store.crew !== undefined ? undefined : longRow(lowered);

  const constantBytes = constants.reduce((sum, { bytes }) => sum + aligned(bytes), 0);
  const constantsAt = store.take(constantBytes);
  if (constantsAt === undefined) return undefined;
  let at = constantsAt;
  for (const { bytes, place } of constants) {
    place(machine, at);
    at += aligned(bytes);
  }

  const { total, run, words } =
    row === undefined ? atOnce(lowered, machine, calling) : inPieces(lowered, row, machine);
  if (store.arena(total) === undefined) {
    store.give(constantsAt, constantBytes);
    return undefined;
  }
  const executable: Executable = {
    run,
    explain: () =>
      [
        `WebAssembly SIMD${store.crew === undefined ? "" : ` on ${threads} threads, ${Math.min(threads, store.crew.numReady + 1)} of them up`}, ${words ?? `${steps.length} calls`}; ${total} bytes of arena, ${constantBytes} of constants, ${store.size} bytes of memory in all programs`,
        ...describe(steps, "  "),
      ].join("\n"),
  };
  collected.register(executable, () => {
    store.give(constantsAt, constantBytes);
  });
  return executable;
}
