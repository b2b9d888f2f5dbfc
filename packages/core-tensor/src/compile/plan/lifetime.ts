/** When the contents of each buffer matter, and where in the arena it lies. */
import type { Lowered } from "../wasm/machine.js";
import { aligned } from "../wasm/store.js";
import { type Lifetime, assignOffsets } from "./arena.js";

/** Offsets of the buffers that the arena holds, by id; those in `elsewhere` get none. */
export function planArena(lowered: Lowered, elsewhere: ReadonlySet<number>): { readonly offsets: Map<number, number>; readonly total: number } {
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
  const held = buffers.filter((b) => b.kind === "arena" && first.has(b.id) && !elsewhere.has(b.id));
  const lifetimes = held.map((b): Lifetime => ({ bytes: aligned(b.bytes), first: first.get(b.id)!, last: last.get(b.id)! }));
  const { offsets, total } = assignOffsets(lifetimes);
  return { offsets: new Map(held.map((b, i) => [b.id, offsets[i]!])), total };
}
