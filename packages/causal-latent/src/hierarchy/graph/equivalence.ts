/** What data can tell of the directions of a graph's edges. */
import { equivalenceEnds } from "../internal/pdag.js";
import { type ConceptGraph, checkGraph } from "./graph.js";
import { coversOf } from "./identifiability.js";

/**
 * An edge of an equivalence class.
 * @category Graphs
 */
export interface ClassEdge {
  readonly from: string;
  readonly to: string;
  /** `directed`: all members of the class have it this way; `undirected`: not compelled. */
  readonly kind: "directed" | "undirected";
}

/**
 * The Markov equivalence class of a graph: edges that a collider or Meek's rules compel are directed, and so are those to observed variables; all others are
 * undirected. A latent tree, for one, is determined up to the choice of its root.
 *
 * Latents with the same children and parents are one cover, and edges to a cover are all-to-all.
 *
 * @param graph - the graph
 * @returns its edges with their kinds
 * @example
 * ```ts
 * import { presetGraph, toEquivalenceClass } from "@provably/causal-latent/hierarchy";
 *
 * const kinds = (name) => toEquivalenceClass(presetGraph(name)).filter(({ to }) => to.startsWith("L")).map(({ kind }) => kind);
 * kinds("twoCluster"); // => ["undirected"]
 * kinds("collider"); // => ["directed", "directed"]
 * ```
 * @see Meek (1995), "Causal inference and causal explanation with background knowledge"
 * @category Graphs
 */
export function toEquivalenceClass(graph: ConceptGraph): readonly ClassEdge[] {
  checkGraph("toEquivalenceClass", graph);
  const nodes = [
    ...coversOf(graph).map((names) => ({ names, latent: true, pValue: NaN })),
    ...graph.observed.map((name) => ({ names: [name], latent: false, pValue: NaN })),
  ];
  const indexOf = new Map(nodes.flatMap(({ names }, i) => names.map((name) => [name, i] as const)));
  const parents = nodes.map(({ names }) => [
    ...new Set(graph.parents[names[0]!]!.map((p) => indexOf.get(p)!)),
  ]);
  const ends = equivalenceEnds({ nodes, parents });
  return graph.order.flatMap((to) =>
    graph.parents[to]!.map((from): ClassEdge => {
      const [x, c] = [indexOf.get(from)!, indexOf.get(to)!];
      return { from, to, kind: ends[c]![x]! ? "undirected" : "directed" };
    }),
  );
}
