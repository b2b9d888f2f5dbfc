/** The values themselves. */
import type { Reduction } from "./reduction.js";

/**
 * The values of all replicates, in their order. They are kept in memory.
 *
 * @returns reduction for the option `reduce` of {@link sweep}; replicates that failed are left out
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { collect, defineTask, inline, sweep } from "@provably/sweep";
 *
 * const task = defineTask({ name: "squares", run: ({ x }: { x: number }) => ({ y: x * x }) });
 * const { table } = await sweep(task, key(0), { cases: [{ x: 3 }], engine: inline(), reduce: { y: collect() } });
 * table[0]!.reductions["y"]!.collect; // => [9]
 * ```
 * @category Reductions
 */
export function collect(): Reduction {
  return Object.freeze<Reduction>({
    name: "collect",
    make() {
      const values = new Map<number, unknown>();
      return {
        add(replicate, value) {
          values.set(replicate, value);
          return undefined;
        },
        result: () => [...values].sort(([a], [b]) => a - b).map(([, value]) => value),
      };
    },
  });
}
