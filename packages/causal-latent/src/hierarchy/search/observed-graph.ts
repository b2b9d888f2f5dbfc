/** The rival of all hierarchies: no latent at all, edges between the observed variables, found by the score of each with its parents. */
import type { Rows } from "../data/labels.js";
import { crossTable } from "../data/labels.js";
import { type ConceptGraph, conceptGraph } from "../graph/graph.js";
import { product, sumOf } from "../internal/arrays.js";

/** A variable has at most so many parents, and a table so many cells. */
const [MOST_PARENTS, MOST_CELLS] = [3, 4096];

/**
 * Greedy search over acyclic graphs (Chickering 2002): the edge whose addition, removal or reversal lowers
 * the information criterion most, until none does. `size` is the number of rows that the criterion counts.
 */
export function observedGraph(
  rows: Rows,
  size: number,
  signal: AbortSignal | undefined,
): ConceptGraph {
  const q = rows.names.length;
  const known = new Map<string, number>();
  /** -2 log L + k log n of one variable given its parents. */
  const score = (child: number, parents: readonly number[]): number => {
    const mark = `${child}|${parents.join()}`;
    const before = known.get(mark);
    if (before !== undefined) return before;
    const cells = product([...parents, child].map((j) => rows.states[j]!));
    if (cells > MOST_CELLS) return Infinity;
    const { p, q: states, data } = crossTable(rows, parents, [child]);
    let log = 0;
    for (let row = 0; row < p; row++) {
      const own = data.subarray(row * states, row * states + states);
      const total = sumOf(own);
      for (const x of own) if (x > 0) log += x * Math.log(x / total);
    }
    const value = (-2 * log * size) / rows.total + p * (states - 1) * Math.log(size);
    known.set(mark, value);
    return value;
  };
  const parents: number[][] = Array.from({ length: q }, () => []);
  const reaches = (from: number, to: number): boolean =>
    parents[to]!.some((x) => x === from || reaches(from, x));
  const plus = (c: number, x: number): number[] => [...parents[c]!, x].sort((a, b) => a - b);
  const minus = (c: number, x: number): number[] => parents[c]!.filter((y) => y !== x);
  const gain = (c: number, next: readonly number[]): number =>
    score(c, next) - score(c, parents[c]!);
  for (let step = 0; step < q * q; step++) {
    signal?.throwIfAborted();
    let best = { change: -1e-6, apply: (): void => undefined };
    const offer = (change: number, apply: () => void): void => {
      if (change < best.change) best = { change, apply };
    };
    for (let c = 0; c < q; c++)
      for (let x = 0; x < q; x++) {
        if (x === c) continue;
        if (parents[c]!.includes(x)) {
          const fewer = minus(c, x);
          const removal = gain(c, fewer);
          offer(removal, () => void (parents[c] = fewer));
          const own = parents[c]!;
          parents[c] = fewer;
          const turns = !reaches(x, c) && parents[x]!.length < MOST_PARENTS;
          parents[c] = own;
          if (turns)
            offer(removal + gain(x, plus(x, c)), () => {
              parents[c] = fewer;
              parents[x] = plus(x, c);
            });
        } else if (!parents[x]!.includes(c) && parents[c]!.length < MOST_PARENTS && !reaches(c, x))
          offer(gain(c, plus(c, x)), () => void (parents[c] = plus(c, x)));
      }
    if (best.change >= -1e-6) break;
    best.apply();
  }
  return conceptGraph(
    Object.fromEntries(rows.names.map((name, c) => [name, parents[c]!.map((x) => rows.names[x]!)])),
    {
      observed: rows.names,
      states: Object.fromEntries(rows.names.map((name, c) => [name, rows.states[c]!])),
    },
  );
}
