/** A watch over the memory of compiled programs: whoever writes outside of what it says that it writes is told by name. */
import type { Buffer as Block } from "../../src/compile/wasm/plan/view.js";
import { SIZES } from "../../src/compile/wasm/plan/group.js";
import type { Runtime, Step } from "../../src/compile/wasm/runtime.js";
import { WorkerPool } from "../../src/compile/wasm/worker-pool.js";
import { type Allocator, aligned } from "../../src/compile/wasm/allocator.js";

/** The first page holds tables; the mailboxes of shared memory lie behind it. */
const PAGE = 65536;

/** From and to, in bytes. */
type Stretch = readonly [number, number];

const stretchOf =
  ({ address }: Runtime) =>
  ({ id, bytes }: Block): Stretch => [address[id]!, address[id]! + bytes];

/** How far around the stretches a step is watched: all of the memory would take too long. */
const AROUND = 1 << 14;

/** Mailboxes of the threads, which any step may write to. */
const MAIL = aligned(WorkerPool.maxThreads * WorkerPool.boxBytes) + aligned(WorkerPool.moduleBytes);

/** Runs, and throws unless every byte outside of the stretches is what it was before. */
function keepsTo(label: string, runtime: Runtime, given: Stretch[], run: () => void): void {
  const { allocator } = runtime;
  const stretches = given.filter(([from, to]) => to > from).sort((a, b) => a[0] - b[0]);
  if (stretches.length === 0) {
    run();
    return;
  }
  const origin = Math.max(allocator.isShared ? PAGE + MAIL : 0, stretches[0]![0] - AROUND);
  const last = Math.min(allocator.size, Math.max(...stretches.map(([, to]) => to)) + AROUND);
  const before = allocator.views.uint8.slice(origin, last);
  run();
  const after = allocator.views.uint8.subarray(origin, last);
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
    run(runtime) {
      keepsTo(label, runtime, step.writes.map(stretchOf(runtime)), () => {
        step.run(runtime);
      });
    },
    ...(row && {
      row: {
        ...row,
        run(runtime, count) {
          const results = new Set(row.results.map((place) => place.buffer));
          const stretches = [
            ...row.results.map(({ buffer, dtype }): Stretch => [
              runtime.address[buffer.id]!,
              runtime.address[buffer.id]! + count * SIZES[dtype],
            ]),
            ...step.writes.filter((block) => !results.has(block)).map(stretchOf(runtime)),
          ];
          keepsTo(label, runtime, stretches, () => {
            row.run(runtime, count);
          });
        },
      },
    }),
  };
}

/** What `f` compiles and runs is watched; `f` must compile its functions itself. */
export function watching<T>(allocator: Allocator | undefined, f: () => T): T {
  if (allocator === undefined) return f();
  allocator.watch = watched as never;
  try {
    return f();
  } finally {
    allocator.watch = undefined;
  }
}
