/** A watch over the memory of compiled programs: whoever writes outside of what it says that it writes is told by name. */
import type { Buffer as Block } from "../../src/compile/wasm/plan/place.js";
import { SIZES } from "../../src/compile/wasm/plan/group.js";
import type { Machine, Step } from "../../src/compile/wasm/machine.js";
import { Crew } from "../../src/compile/wasm/crew.js";
import { type Store, aligned } from "../../src/compile/wasm/store.js";

/** The first page holds tables; the mailboxes of shared memory lie behind it. */
const PAGE = 65536;

/** From and to, in bytes. */
type Stretch = readonly [number, number];

const stretchOf =
  ({ address }: Machine) =>
  ({ id, bytes }: Block): Stretch => [address[id]!, address[id]! + bytes];

/** How far around the stretches a step is watched: all of the memory would take too long. */
const AROUND = 1 << 14;

/** Mailboxes of the threads, which any step may write to. */
const MAIL = aligned(Crew.maxThreads * Crew.boxBytes) + aligned(Crew.moduleBytes);

/** Runs, and throws unless every byte outside of the stretches is what it was before. */
function keepsTo(label: string, machine: Machine, given: Stretch[], run: () => void): void {
  const { store } = machine;
  const stretches = given.filter(([from, to]) => to > from).sort((a, b) => a[0] - b[0]);
  if (stretches.length === 0) {
    run();
    return;
  }
  const origin = Math.max(store.isShared ? PAGE + MAIL : 0, stretches[0]![0] - AROUND);
  const last = Math.min(store.size, Math.max(...stretches.map(([, to]) => to)) + AROUND);
  const before = store.views.uint8.slice(origin, last);
  run();
  const after = store.views.uint8.subarray(origin, last);
  let at = 0;
  for (const [from, to] of [...stretches, [last, last] as const]) {
    const [start, end] = [from - origin, to - origin];
    if (start > at && Buffer.compare(before.subarray(at, start), after.subarray(at, start)) !== 0) {
      const bad = after.subarray(at, start).findIndex((byte, i) => byte !== before[at + i]);
      const allowed = stretches.map((s) => s.join("-")).join();
      throw new Error(`${label} wrote at ${origin + at + bad}, outside of ${allowed}`);
    }
    at = Math.max(at, end);
  }
}

/** The same step under the watch. */
function watched(step: Step): Step {
  const { label, row } = step;
  return {
    ...step,
    run(machine) {
      keepsTo(label, machine, step.writes.map(stretchOf(machine)), () => {
        step.run(machine);
      });
    },
    ...(row && {
      row: {
        ...row,
        run(machine, count) {
          const results = new Set(row.results.map((place) => place.buffer));
          const stretches = [
            ...row.results.map(({ buffer, dtype }): Stretch => [
              machine.address[buffer.id]!,
              machine.address[buffer.id]! + count * SIZES[dtype],
            ]),
            ...step.writes.filter((block) => !results.has(block)).map(stretchOf(machine)),
          ];
          keepsTo(label, machine, stretches, () => {
            row.run(machine, count);
          });
        },
      },
    }),
  };
}

/** What `f` compiles and runs is watched; `f` must compile its functions itself. */
export function watching<T>(store: Store | undefined, f: () => T): T {
  if (store === undefined) return f();
  store.watch = watched as never;
  try {
    return f();
  } finally {
    store.watch = undefined;
  }
}
