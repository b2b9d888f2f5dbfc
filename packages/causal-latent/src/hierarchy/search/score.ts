/** Scores of whole structures: the Bayesian information criterion of their best fit, and starts for the fit of one from that of another. */
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import type { Rows } from "../data/labels.js";
import type { ConceptGraph } from "../graph/graph.js";
import { product, toArray } from "../internal/arrays.js";
import { junctionTree } from "../internal/junction-tree.js";
import type { Cpts } from "../model/cpts.js";
import { type FittedHierarchy, alignRows, fitRows } from "../model/fit.js";

/** Largest clique that a structure may need to be scored. */
const MAX_CLIQUE = 1024;

export function scoreGraph(
  graph: ConceptGraph,
  rows: Rows,
  key: RngKey,
  signal: AbortSignal | undefined,
  initial?: { readonly cpts: Cpts; readonly maxIterations: number },
): FittedHierarchy | undefined {
  if (junctionTree(graph).cliques.some(({ cells }) => cells > MAX_CLIQUE)) return undefined;
  const aligned = alignRows("discoverHierarchy", graph, rows);
  const settings = initial
    ? { restarts: 1, tolerance: 1e-7, maxIterations: initial.maxIterations, initial: initial.cpts }
    : { restarts: 12, tolerance: 1e-8, maxIterations: 400 };
  return fitRows(graph, aligned, key, { ...settings, ...(signal && { signal }) });
}

/** Tables of one graph as a start for another: averaged over parents that are gone, repeated with some noise over new ones. */
export function adaptCpts(from: FittedHierarchy, to: ConceptGraph, key: RngKey): Cpts {
  return Object.fromEntries(
    to.order.map((name) => {
      const states = to.states[name]!;
      const parents = to.parents[name]!;
      const extents = parents.map((p) => to.states[p]!);
      const rows = product(extents);
      const old = from.graph.parents[name];
      const noise = uniform(foldIn(key, name), [rows * states], {
        dtype: "float64",
        low: 0.7,
        high: 1.3,
      }).data;
      const data = new Float64Array(rows * states);
      const same = old?.join() === parents.join();
      for (let row = 0; row < rows; row++) {
        const at = digits(row, extents);
        let total = 0;
        for (let s = 0; s < states; s++) {
          let value = 1 / states;
          if (old !== undefined) {
            const gone = old.filter((p) => !parents.includes(p));
            const goneExtents = gone.map((p) => to.states[p] ?? from.graph.states[p]!);
            value = 0;
            for (let g = 0; g < product(goneExtents); g++) {
              const other = digits(g, goneExtents);
              const index = old.map((p) =>
                parents.includes(p) ? at[parents.indexOf(p)]! : other[gone.indexOf(p)]!,
              );
              value += from.cpts[name]!.get(...index, s);
            }
          }
          total += data[row * states + s] = value * (same ? 1 : noise[row * states + s]!);
        }
        for (let s = 0; s < states; s++) data[row * states + s]! /= total;
      }
      return [name, toArray(data, [...extents, states])] as const;
    }),
  );
}

function digits(index: number, extents: readonly number[]): number[] {
  const out = new Array<number>(extents.length).fill(0);
  for (let axis = extents.length - 1, rest = index; axis >= 0; axis--) {
    out[axis] = rest % extents[axis]!;
    rest = Math.floor(rest / extents[axis]!);
  }
  return out;
}
