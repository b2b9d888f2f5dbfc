/** When the contents of each buffer matter, which buffers can be one, and where in the arena they lie. */
import type { LoweredGraph } from "../runtime.js";
import { aligned } from "../allocator.js";
import { type Lifetime, assignOffsets } from "./arena.js";

export interface Arena {
  /** Offsets of the buffers that the arena holds, by id. */
  readonly offsets: ReadonlyMap<number, number>;
  readonly total: number;
  /** Buffers that are one with a buffer elsewhere: id, and id of that. */
  readonly followers: readonly (readonly [number, number])[];
  /** For buffers elsewhere that take over an input: the input's buffer. They may have the same address; the contents are copied if not. */
  readonly origins: ReadonlyMap<number, number>;
}

/** First and last step that touches each buffer; −1 is the time before the first step, and their number that after the last. */
function touches({ steps, inputs, outputs }: LoweredGraph): {
  readonly first: Map<number, number>;
  readonly last: Map<number, number>;
} {
  const first = new Map<number, number>();
  const last = new Map<number, number>();
  const touch = (id: number, at: number): void => {
    if (!first.has(id)) first.set(id, at);
    last.set(id, at);
  };
  for (const view of inputs) if (view !== undefined) touch(view.buffer.id, -1);
  steps.forEach(({ reads, writes }, at) => {
    for (const buffer of [...reads, ...writes]) touch(buffer.id, at);
  });
  for (const view of outputs) touch(view.buffer.id, steps.length);
  return { first, last };
}

/** Plans the buffers of the arena; those in `elsewhere` get their addresses from the caller. */
export function planArena(lowered: LoweredGraph, elsewhere: ReadonlySet<number>): Arena {
  const { buffers, steps } = lowered;
  const { first, last } = touches(lowered);
  // a buffer whose contents go over into another at the last step that needs them is one with it
  const chains = new Map<number, number[]>();
  const chainOf = (id: number): number[] => {
    let chain = chains.get(id);
    if (chain === undefined) chains.set(id, (chain = [id]));
    return chain;
  };
  steps.forEach(({ replaces = [] }, at) => {
    for (const { old, by } of replaces) {
      if (
        old.kind === "constant" ||
        old.bytes !== by.bytes ||
        last.get(old.id) !== at ||
        first.get(by.id) !== at
      )
        continue;
      const chain = chainOf(old.id);
      chain.push(by.id);
      chains.set(by.id, chain);
    }
  });
  const isHeld = (id: number): boolean =>
    buffers[id]!.kind === "arena" && first.has(id) && !elsewhere.has(id);
  const followers: [number, number][] = [];
  const origins = new Map<number, number>();
  const held: number[][] = [];
  for (const chain of new Set(buffers.map((b) => chainOf(b.id)))) {
    const inArena = chain.filter(isHeld);
    const home = chain.find((id) => elsewhere.has(id));
    if (home === undefined) {
      if (inArena.length > 0) held.push(inArena);
      continue;
    }
    followers.push(...inArena.map((id): [number, number] => [id, home]));
    if (buffers[chain[0]!]!.kind === "external") origins.set(home, chain[0]!);
  }
  const lifetimes = held.map((chain): Lifetime => {
    const [start, end] = [chain[0]!, chain[chain.length - 1]!];
    return {
      bytes: aligned(buffers[start]!.bytes),
      first: first.get(start)!,
      last: last.get(end)!,
    };
  });
  const { offsets, total } = assignOffsets(lifetimes);
  return {
    offsets: new Map(
      held.flatMap((chain, i) => chain.map((id): [number, number] => [id, offsets[i]!])),
    ),
    total,
    followers,
    origins,
  };
}
