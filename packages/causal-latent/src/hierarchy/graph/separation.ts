/** Separation in graphs, and the ranks of probability tables that follow from it. */
import { GraphError } from "../errors.js";
import { product } from "../internal/arrays.js";
import { type ConceptGraph, checkGraph, checkNames, childrenOf } from "./graph.js";

/**
 * Whether two sets of variables are d-separated by a third, so that $A \perp B \mid C$ in every distribution of the graph.
 *
 * Reachability by "Bayes balls": linear in the size of the graph.
 *
 * @param graph - the graph
 * @param a - names $A$
 * @param b - names $B$, none of them in $A$
 * @param given - names $C$; members of $A$ and $B$ that are in $C$ do not count
 * @returns true when no active path is left
 * @throws `GraphError` for unknown names or sets that overlap
 * @example
 * ```ts
 * import { conceptGraph, isDSeparated } from "@provably/causal-latent/hierarchy";
 *
 * const fork = conceptGraph({ L: [], X: ["L"], Y: ["L"] });
 * isDSeparated(fork, ["X"], ["Y"], []); // => false
 * isDSeparated(fork, ["X"], ["Y"], ["L"]); // => true
 * ```
 * @see Geiger, Verma, Pearl (1990), "d-separation: from theorems to algorithms"
 * @category Graphs
 */
export function isDSeparated(
  graph: ConceptGraph,
  a: readonly string[],
  b: readonly string[],
  given: readonly string[],
): boolean {
  checkSides("isDSeparated", graph, a, b);
  checkNames("isDSeparated", "given", graph, given);
  return separated(graph, childrenOf(graph), a, b, given);
}

function checkSides(
  fn: string,
  graph: ConceptGraph,
  a: readonly string[],
  b: readonly string[],
): void {
  checkGraph(fn, graph);
  checkNames(fn, "a", graph, a);
  checkNames(fn, "b", graph, b);
  const both = a.filter((name) => b.includes(name));
  if (both.length > 0)
    throw new GraphError(`${fn}: a and b must not overlap, both have ${both.join(", ")}`);
}

function separated(
  { parents }: ConceptGraph,
  children: Readonly<Record<string, readonly string[]>>,
  a: readonly string[],
  b: readonly string[],
  given: readonly string[],
): boolean {
  const blocked = new Set(given);
  const target = new Set(b.filter((name) => !blocked.has(name)));
  const opened = new Set<string>(); // blocked nodes and their ancestors: colliders there are open
  const climb = (name: string): void => {
    if (opened.has(name)) return;
    opened.add(name);
    parents[name]!.forEach(climb);
  };
  given.forEach(climb);
  const visited = new Set<string>();
  // `up`: arrived from a child; `down`: arrived from a parent
  const stack: (readonly [string, "up" | "down"])[] = a
    .filter((name) => !blocked.has(name))
    .map((name) => [name, "up"]);
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const [name, direction] = next;
    const mark = `${direction} ${name}`;
    if (visited.has(mark)) continue;
    visited.add(mark);
    if (target.has(name)) return false;
    const passes = !blocked.has(name);
    if (passes) for (const child of children[name]!) stack.push([child, "down"]);
    if (direction === "up" ? passes : opened.has(name))
      for (const parent of parents[name]!) stack.push([parent, "up"]);
  }
  return true;
}

/**
 * The separator of two sets with the fewest joint states, and that number.
 *
 * $$\min \Big\lbrace \prod_{l \in L} |\Omega_l| \;:\; L \subseteq Z \cup A \cup B,\ (A \setminus L) \perp_d (B \setminus L) \mid L \Big\rbrace$$
 *
 * Exhaustive over the latents $Z$ and the two sets, cut off where the product exceeds the best so far: fine up to some 20 latents.
 *
 * @param graph - the graph
 * @param a - observed names $A$
 * @param b - observed names $B$, none of them in $A$
 * @returns `separator` $L$ and `states`, its number of joint states; the first in order of names among equals
 * @throws `GraphError` for unknown names or sets that overlap
 * @example
 * ```ts
 * import { minimalSeparator, presetGraph } from "@provably/causal-latent/hierarchy";
 *
 * minimalSeparator(presetGraph("twoCluster"), ["X1", "X2"], ["X4", "X5"]).states; // => 2
 * ```
 * @category Graphs
 */
export function minimalSeparator(
  graph: ConceptGraph,
  a: readonly string[],
  b: readonly string[],
): { readonly separator: readonly string[]; readonly states: number } {
  checkSides("minimalSeparator", graph, a, b);
  const children = childrenOf(graph);
  const sizes = (names: readonly string[]): number =>
    product(names.map((name) => graph.states[name]!));
  const candidates = [...graph.latents, ...a, ...b];
  let best =
    sizes(a) <= sizes(b) ? { separator: a, states: sizes(a) } : { separator: b, states: sizes(b) };
  const grow = (start: number, chosen: readonly string[], states: number): void => {
    if (states >= best.states) return;
    if (separated(graph, children, a, b, chosen)) {
      best = { separator: chosen, states };
      return;
    }
    for (let i = start; i < candidates.length; i++)
      grow(i + 1, [...chosen, candidates[i]!], states * graph.states[candidates[i]!]!);
  };
  grow(0, [], 1);
  return best;
}

/**
 * The rank that the probability table of two sets has for generic parameters: the number of joint states of their smallest separator.
 *
 * @param graph - the graph
 * @param a - observed names of the rows
 * @param b - observed names of the columns
 * @returns rank of the table $P_{A,B}$
 * @throws `GraphError` for unknown names or sets that overlap
 * @example
 * ```ts
 * import { graphRank, presetGraph } from "@provably/causal-latent/hierarchy";
 *
 * graphRank(presetGraph("star"), ["X1", "X2"], ["X3", "X4"]); // => 2
 * graphRank(presetGraph("tree3"), ["X1", "X3"], ["X2", "X4"]); // => 4
 * ```
 * @see Kong, Chen, Huang, Xing, Chi, Zhang (2024), "Learning discrete concepts in latent hierarchical models"
 * @category Graphs
 */
export function graphRank(graph: ConceptGraph, a: readonly string[], b: readonly string[]): number {
  return minimalSeparator(graph, a, b).states;
}

/**
 * The rank that the cross-covariance of two sets has in a generic **linear** model of the graph, by trek separation.
 *
 * $$\min \lbrace |C_A| + |C_B| : (C_A, C_B) \text{ t-separates } A \text{ from } B \rbrace$$
 *
 * Not to be used for probability tables: there one set has to separate on its own, see {@link graphRank}. Computed as a maximal flow.
 *
 * @param graph - the graph
 * @param a - names of the rows
 * @param b - names of the columns
 * @returns rank of the cross-covariance
 * @throws `GraphError` for unknown names
 * @example
 * ```ts
 * import { presetGraph, tSeparationRank } from "@provably/causal-latent/hierarchy";
 *
 * tSeparationRank(presetGraph("star"), ["X1", "X2"], ["X3", "X4"]); // => 1
 * ```
 * @see Sullivant, Talaska, Draisma (2010), "Trek separation for Gaussian graphical models", theorem 2.8
 * @category Graphs
 */
export function tSeparationRank(
  graph: ConceptGraph,
  a: readonly string[],
  b: readonly string[],
): number {
  checkGraph("tSeparationRank", graph);
  checkNames("tSeparationRank", "a", graph, a);
  checkNames("tSeparationRank", "b", graph, b);
  const children = childrenOf(graph);
  // a trek goes up from A, turns once, and goes down to B; every variable may be passed once on the way up and once on the way down
  const flow = new Set<string>();
  const half = (at: string): string => at.slice(0, at.indexOf(":"));
  const successors = (at: string): string[] => {
    const name = at.slice(at.indexOf(":") + 1);
    switch (half(at)) {
      case "upIn":
        return [`upOut:${name}`];
      case "upOut":
        return [...graph.parents[name]!.map((parent) => `upIn:${parent}`), `downIn:${name}`];
      case "downIn":
        return [`downOut:${name}`];
      default:
        return children[name]!.map((child) => `downIn:${child}`);
    }
  };
  const nodes = graph.order.flatMap((name) =>
    ["upIn", "upOut", "downIn", "downOut"].map((kind) => `${kind}:${name}`),
  );
  const predecessors = new Map(nodes.map((node) => [node, [] as string[]]));
  for (const node of nodes) for (const next of successors(node)) predecessors.get(next)!.push(node);
  const [used, ended] = [new Set<string>(), new Set<string>()];
  const edge = (from: string, to: string): string => `${from}>${to}`;
  // edges within a variable carry one unit; those between variables are bounded by them
  const augment = (at: string, seen: Set<string>): boolean => {
    if (seen.has(at)) return false;
    seen.add(at);
    const name = at.slice(at.indexOf(":") + 1);
    if (half(at) === "downOut" && b.includes(name) && !ended.has(name)) {
      ended.add(name);
      return true;
    }
    for (const next of successors(at))
      if (!flow.has(edge(at, next)) && augment(next, seen)) {
        flow.add(edge(at, next));
        return true;
      }
    for (const back of predecessors.get(at)!)
      if (flow.has(edge(back, at)) && augment(back, seen)) {
        flow.delete(edge(back, at));
        return true;
      }
    return false;
  };
  let rank = 0;
  for (const name of a) {
    if (used.has(name)) continue;
    used.add(name);
    if (augment(`upIn:${name}`, new Set())) rank++;
  }
  return rank;
}
