/** A lowered graph in memory, ready to run. */
import { type DType, allocate } from "../../array/dtype.js";
import { dense } from "../../array/ndarray.js";
import { sizeOf } from "../../array/shape.js";
import type { Graph } from "../graph.js";
import type { Executable } from "../interpret.js";
import { type Lifetime, assignOffsets } from "../plan/arena.js";
import { type Lowered, Lowering, type Machine, copyInto, viewAt, write } from "./lower.js";
import { type Store, aligned } from "./store.js";

/** Offsets of the buffers that the arena holds, by id. */
export function planArena(lowered: Lowered): { readonly offsets: Map<number, number>; readonly total: number } {
  const { buffers, steps, inputs, outputs } = lowered;
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  const touch = (id: number, at: number): void => {
    if (!first.has(id)) first.set(id, at);
    last.set(id, at);
  };
  for (const place of inputs) if (place !== undefined) touch(place.buffer.id, -1);
  steps.forEach(({ reads, writes }, at) => {
    for (const buffer of [...reads, ...writes]) touch(buffer.id, at);
  });
  for (const place of outputs) touch(place.buffer.id, steps.length);
  const held = buffers.filter((b) => b.kind !== "constant" && first.has(b.id));
  const lifetimes = held.map((b): Lifetime => ({ bytes: aligned(b.bytes), first: first.get(b.id)!, last: last.get(b.id)! }));
  const { offsets, total } = assignOffsets(lifetimes);
  return { offsets: new Map(held.map((b, i) => [b.id, offsets[i]!])), total };
}

/** Returns the constants' memory when a program is collected. */
const collected = new FinalizationRegistry<() => void>((release) => {
  release();
});

/** Lowers a graph; undefined when the memory cannot hold it. */
export function wasmProgram(graph: Graph, store: Store): Executable | undefined {
  const lowered = new Lowering(store, graph).lower();
  const { steps, buffers, inputs, outputs, constants } = lowered;
  const { offsets, total } = planArena(lowered);
  const machine: Machine = { store, address: new Array<number>(buffers.length).fill(0) };

  const constantBytes = constants.reduce((sum, { buffer }) => sum + aligned(buffer.bytes), 0);
  const constantsAt = store.take(constantBytes);
  if (constantsAt === undefined) return undefined;
  let at = constantsAt;
  for (const { buffer, array } of constants) {
    machine.address[buffer.id] = at;
    at += aligned(buffer.bytes);
    const address = machine.address[buffer.id]!;
    if (array instanceof Uint8Array) store.views.uint8.set(array, address);
    else copyInto(array, store.views[array.dtype], address / array.data.BYTES_PER_ELEMENT);
  }

  let base = -1;
  const executable: Executable = {
    run(arrays) {
      const arena = store.arena(total);
      if (arena === undefined) throw new RangeError("the memory of compiled programs is full");
      if (arena !== base) {
        base = arena;
        for (const [id, offset] of offsets) machine.address[id] = arena + offset;
      }
      inputs.forEach((place, i) => {
        if (place !== undefined) write(machine, place, arrays[i]!);
      });
      for (const step of steps) step.run(machine);
      return outputs.map((place) => {
        const size = sizeOf(place.shape);
        const data = allocate(place.dtype, size);
        copyInto(viewAt(machine, place), data, 0);
        return dense<DType>(data, place.dtype, place.shape);
      });
    },
    explain: () =>
      [
        `WebAssembly SIMD, ${steps.length} calls; ${total} bytes of arena, ${constantBytes} bytes of constants`,
        ...steps.map((step, i) => `${i}: ${step.label}${step.reason === undefined ? "" : ` [JavaScript: ${step.reason}]`}`),
      ].join("\n"),
  };
  collected.register(executable, () => {
    store.give(constantsAt, constantBytes);
  });
  return executable;
}
