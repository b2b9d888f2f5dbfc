/** The mean of replicates, by a fixed tree. */
import type { MeanOfReplicates, Reduction } from "./reduction.js";
import { NUMBER, asNumber } from "./reduction.js";

/** Count, mean and sum of squared deviations of some replicates. */
interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly squares: number;
}

/** The moments of two sets together (Chan, Golub, LeVeque 1983). */
function merge(a: Moments, b: Moments): Moments {
  const count = a.count + b.count;
  const delta = b.mean - a.mean;
  return {
    count,
    mean: a.mean + (delta * b.count) / count,
    squares: a.squares + b.squares + (delta * delta * a.count * b.count) / count,
  };
}

/**
 * The binary tree over replicates: a node joins with its neighbour as soon as both are there, so that of replicates which come
 * almost in order only a handful of nodes is kept, and the sums are those of the tree, whatever the order.
 */
function momentsTree() {
  const levels: Map<number, Moments>[] = [];
  const put = (level: number, index: number, node: Moments): void => {
    const nodes = (levels[level] ??= new Map());
    const beside = nodes.get(index ^ 1);
    if (beside === undefined) {
      nodes.set(index, node);
      return;
    }
    nodes.delete(index ^ 1);
    put(level + 1, index >>> 1, index & 1 ? merge(beside, node) : merge(node, beside));
  };
  return {
    add: (replicate: number, value: number) =>
      put(0, replicate, { count: 1, mean: value, squares: 0 }),
    /** Nodes without a neighbour go up as they are, level by level. */
    root(): Moments | undefined {
      let above = new Map<number, Moments>();
      for (let level = 0; level < levels.length || above.size > 1; level++) {
        const here = new Map([...(levels[level] ?? []), ...above]);
        above = new Map();
        for (const [index, node] of here) {
          const beside = here.get(index ^ 1);
          if (beside === undefined) above.set(index >>> 1, node);
          else if ((index & 1) === 0) above.set(index >>> 1, merge(node, beside));
        }
      }
      return [...above.values()][0];
    },
  };
}

/**
 * The mean over replicates with its standard error; of true and false, the share that is true.
 *
 * $\bar x = \frac1n \sum_i x_i$ and $\sqrt{\frac{1}{n(n-1)} \sum_i (x_i - \bar x)^2}$, summed by the binary tree over the numbers of the
 * replicates: the order in which they come does not show in the bits. A value that is NaN or infinite makes the mean so.
 *
 * @returns reduction for the option `reduce` of {@link sweep}; the standard error is NaN where there is one replicate alone
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { defineTask, inline, mean, sweep } from "@provably/sweep";
 *
 * const task = defineTask({ name: "halves", run: ({ x }: { x: number }) => ({ half: x / 2 }) });
 * const { table } = await sweep(task, key(0), { cases: [{ x: 3 }], replicates: 5, engine: inline(), reduce: { half: mean() } });
 * table[0]!.reductions["half"]!.mean; // => { value: 1.5, standardError: 0 }
 * ```
 * @see Chan, Golub, LeVeque (1983), "Algorithms for computing the sample variance"
 * @category Reductions
 */
export function mean(): Reduction {
  return Object.freeze<Reduction>({
    name: "mean",
    make() {
      const tree = momentsTree();
      return {
        add(replicate, value) {
          const x = asNumber(value);
          if (x === undefined) return NUMBER;
          tree.add(replicate, x);
          return undefined;
        },
        result(): MeanOfReplicates {
          const root = tree.root();
          if (root === undefined) return { value: Number.NaN, standardError: Number.NaN };
          const { count, mean: value, squares } = root;
          const standardError = count < 2 ? Number.NaN : Math.sqrt(squares / (count - 1) / count);
          return { value, standardError };
        },
      };
    },
  });
}
