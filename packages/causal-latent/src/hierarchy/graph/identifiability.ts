/** What a graph must satisfy for its tables to determine its equivalence class. */
import { combinations } from "../internal/subsets.js";
import { type ConceptGraph, checkGraph, childrenOf } from "./graph.js";
import { isDSeparated } from "./separation.js";

/**
 * A condition that a graph violates.
 * @category Graphs
 */
export interface Violation {
  readonly condition:
    | "observedHasChildren"
    | "tooFewPureChildren"
    | "tooFewNeighbours"
    | "overlappingCovers"
    | "crossLoading"
    | "triangle"
    | "colliderSize"
    | "states";
  /** The variables concerned. */
  readonly nodes: readonly string[];
  /** The condition in words, with the numbers found, and which other graphs give the same ranks. */
  readonly message: string;
}

/** Latents with the same children and the same parents. */
export function coversOf(graph: ConceptGraph): string[][] {
  const children = childrenOf(graph);
  const groups = new Map<string, string[]>();
  for (const name of graph.latents) {
    const mark = `${[...children[name]!].sort().join()}|${[...graph.parents[name]!].sort().join()}`;
    groups.set(mark, [...(groups.get(mark) ?? []), name]);
  }
  return [...groups.values()];
}

/**
 * The conditions for identification from probability tables that a graph violates; an empty list says that its Markov equivalence class is determined, up to
 * names of latents and states, merging of latents that add no rank, and all-to-all edges between covers.
 *
 * Checked are: observed variables are leaves; none of them hangs on two covers that depend on each other; every cover of k latents has k + 1 pure children and k + 1 observed variables beyond those; every latent lies in one
 * cover; no three covers are adjacent to each other; and $|C| + |A| \ge |L_1| + |L_2|$ where the variables $C$ are colliders of covers $L_1, L_2$ that the set
 * $A$ separates. The last is sufficient, not necessary: the preset `collider` breaks it, and is still found.
 *
 * @param graph - the graph
 * @returns violations, none when all conditions hold
 * @example
 * ```ts
 * import { checkIdentifiability, conceptGraph, presetGraph } from "@provably/causal-latent/hierarchy";
 *
 * checkIdentifiability(presetGraph("diamond")).length; // => 0
 * checkIdentifiability(conceptGraph({ L: [], X: ["L"], Y: ["L"] }))[0].condition; // => "tooFewNeighbours"
 * ```
 * @see Dong, Huang, Ng, Song, Zheng, Jin, Legaspi, Spirtes, Zhang (2024), "A versatile causal discovery framework to allow causally-related hidden variables", conditions 1 and 2
 * @category Graphs
 */
export function checkIdentifiability(graph: ConceptGraph): readonly Violation[] {
  checkGraph("checkIdentifiability", graph);
  const children = childrenOf(graph);
  const found: Violation[] = [];
  const add = (
    condition: Violation["condition"],
    nodes: readonly string[],
    message: string,
  ): void => void found.push({ condition, nodes, message });

  for (const name of graph.order)
    if (graph.states[name]! < 2)
      add("states", [name], `${name} has ${graph.states[name]} state; a variable needs at least 2`);
  for (const name of graph.observed)
    if (children[name]!.length > 0)
      add(
        "observedHasChildren",
        [name, ...children[name]!],
        observedParent(graph, name, children[name]!),
      );

  const covers = coversOf(graph);
  const coverOf = new Map(covers.flatMap((cover) => cover.map((name) => [name, cover] as const)));
  for (const [first, second] of combinations(graph.latents, 2) as [string, string][]) {
    if (coverOf.get(first) === coverOf.get(second)) continue;
    const shared = children[first]!.filter((child) => children[second]!.includes(child));
    if (
      shared.length > 1 &&
      shared.length === Math.min(children[first]!.length, children[second]!.length)
    )
      add(
        "overlappingCovers",
        [first, second],
        `all children of one of ${first} and ${second} are children of the other, so that they are in two covers`,
      );
  }
  for (const name of graph.observed) {
    const above = [...new Set(graph.parents[name]!.flatMap((p) => coverOf.get(p) ?? []))];
    const own = [...new Set(above.map((p) => coverOf.get(p)!))];
    for (const [x, y] of combinations(own, 2) as [string[], string[]][]) {
      if (isDSeparated(graph, x, y, [])) continue;
      add(
        "crossLoading",
        [name, ...x, ...y],
        `${name} hangs on ${x.join(", ")} and on ${y.join(", ")}, which depend on each other: a latent of its own between them gives the same ranks, and so does ${name} with other variables below that latent; likelihoods can tell them apart`,
      );
    }
  }
  for (const cover of covers) {
    const k = cover.length;
    const pure = children[cover[0]!]!.filter((child) =>
      graph.parents[child]!.every((parent) => cover.includes(parent)),
    );
    if (pure.length < k + 1)
      add(
        "tooFewPureChildren",
        cover,
        `{${cover.join(", ")}} has ${pure.length} children of its own; ${k} latents need ${k + 1}${pure.length <= 1 && k === 1 ? `: without it, ${pure.length === 1 ? `with ${pure[0]!} in its place` : "with its neighbours joined"}, the distributions of what is seen may be the same` : ""}`,
      );
    const below = pure
      .map((child) => observedBelow(graph, children, child).length)
      .sort((x, y) => x - y);
    const beyond = graph.observed.length - below.slice(0, k + 1).reduce((x, y) => x + y, 0);
    if (beyond < k + 1)
      add(
        "tooFewNeighbours",
        cover,
        `beside ${k + 1} children of {${cover.join(", ")}} there are ${beyond} observed variables; ${k + 1} are needed`,
      );
  }

  const adjacent = (x: readonly string[], y: readonly string[]): boolean =>
    x.some((p) => y.some((c) => graph.parents[c]!.includes(p) || graph.parents[p]!.includes(c)));
  for (const [x, y, z] of combinations(covers, 3) as [string[], string[], string[]][])
    if (adjacent(x, y) && adjacent(y, z) && adjacent(x, z))
      add("triangle", [...x, ...y, ...z], "three covers are all adjacent to each other");

  for (const [x, y] of combinations(covers, 2) as [string[], string[]][]) {
    if (adjacent(x, y)) continue;
    const colliders = graph.latents.filter(
      (name) =>
        x.every((p) => graph.parents[name]!.includes(p)) &&
        y.every((p) => graph.parents[name]!.includes(p)),
    );
    if (colliders.length === 0) continue;
    const separator = smallestSeparator(graph, x, y, colliders);
    if (separator !== undefined && colliders.length + separator.length < x.length + y.length)
      add(
        "colliderSize",
        [...x, ...y, ...colliders],
        `${colliders.join(", ")} collide{s} {${x.join(", ")}} and {${y.join(", ")}}: ${colliders.length} + ${separator.length} separating latents are fewer than ${x.length + y.length}`.replace(
          "{s}",
          colliders.length === 1 ? "s" : "",
        ),
      );
  }
  return found;
}

/** Which other graphs have the ranks of one in which an observed variable has children. */
function observedParent(graph: ConceptGraph, name: string, children: readonly string[]): string {
  const seen = children.filter((child) => graph.observed.includes(child));
  const siblings = seen.filter((child) =>
    graph.parents[child]!.some((p) => p !== name && graph.parents[name]!.includes(p)),
  );
  const rivals = [
    `a latent in its place with ${name} below it has the same ranks`,
    ...siblings.map((child) => `so has a latent over ${name} and ${child} instead of their edge`),
  ];
  return `observed ${name} has children ${children.join(", ")}: ${rivals.join("; ")}; fit and parsimony can tell them apart`;
}

function observedBelow(
  graph: ConceptGraph,
  children: Readonly<Record<string, readonly string[]>>,
  name: string,
): string[] {
  const found = new Set<string>();
  const descend = (at: string): void => {
    if (graph.observed.includes(at)) found.add(at);
    children[at]!.forEach(descend);
  };
  descend(name);
  return [...found];
}

function smallestSeparator(
  graph: ConceptGraph,
  x: readonly string[],
  y: readonly string[],
  not: readonly string[],
): readonly string[] | undefined {
  const candidates = graph.latents.filter(
    (name) => !x.includes(name) && !y.includes(name) && !not.includes(name),
  );
  for (let size = 0; size <= Math.min(candidates.length, x.length + y.length); size++)
    for (const set of combinations(candidates, size))
      if (isDSeparated(graph, x, y, set)) return set;
  return undefined;
}
