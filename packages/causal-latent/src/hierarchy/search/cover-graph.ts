/** Graphs whose nodes are covers and observed variables: what the search finds, before every latent gets its own name and edges. */
import { type ConceptGraph, conceptGraph } from "../graph/graph.js";
import { coversOf } from "../graph/identifiability.js";
import { extendToDag } from "../internal/pdag.js";
import type { TopLevel } from "./edges.js";
import type { Group } from "./groups.js";

export interface CoverNode {
  readonly names: readonly string[];
  readonly latent: boolean;
  /** p-value of the claim that its children share it; NaN for observed variables. */
  readonly pValue: number;
}

export interface CoverGraph {
  readonly nodes: readonly CoverNode[];
  /** Parents of every node. */
  readonly parents: readonly (readonly number[])[];
  /** p-value of the edge from the first to the second node, see {@link Decision}. */
  readonly edgePValues: ReadonlyMap<string, number>;
}

/** All groups with the edges below them, and those among the top ones directed as some member of the class directs them. */
export function coverGraphOf({ groups, ends, pValues }: TopLevel): CoverGraph {
  const nodes: CoverNode[] = [];
  const parents: number[][] = [];
  const edgePValues = new Map<string, number>();
  const add = (group: Group, parent: number): number => {
    const index =
      nodes.push({ names: group.names, latent: group.latent, pValue: group.pValue }) - 1;
    parents.push(parent < 0 ? [] : [parent]);
    for (const child of group.children)
      edgePValues.set(`${index} ${add(child, index)}`, group.pValue);
    return index;
  };
  const top = groups.map((group) => add(group, -1));
  const dag = extendToDag(ends);
  for (let i = 0; i < top.length; i++)
    for (let j = 0; j < top.length; j++)
      if (i !== j && dag[i]![j]!) {
        parents[top[j]!]!.push(top[i]!);
        edgePValues.set(`${top[i]} ${top[j]}`, pValues[i]![j]!);
      }
  return prune({ nodes, parents, edgePValues });
}

/** Without covers that have one neighbour or none: they say nothing about the observed variables. A cover between two covers, with nothing else, is bridged. */
export function prune(graph: CoverGraph): CoverGraph {
  const { nodes, parents } = graph;
  const children = nodes.map((_, i) => parents.flatMap((p, c) => (p.includes(i) ? [c] : [])));
  const idle = nodes.findIndex(
    ({ latent }, i) =>
      latent &&
      (children[i]!.length === 0 || (children[i]!.length === 1 && parents[i]!.length <= 1)),
  );
  if (idle < 0) return graph;
  const above = parents[idle]!;
  const rewired = parents.map((p) =>
    p.includes(idle) ? [...new Set([...p.filter((x) => x !== idle), ...above])] : [...p],
  );
  const shift = (i: number): number => (i > idle ? i - 1 : i);
  const edgePValues = new Map<string, number>();
  rewired.forEach((p, c) =>
    p.forEach((x) => {
      if (c !== idle)
        edgePValues.set(
          `${shift(x)} ${shift(c)}`,
          graph.edgePValues.get(`${x} ${c}`) ?? graph.edgePValues.get(`${idle} ${c}`) ?? NaN,
        );
    }),
  );
  return prune({
    nodes: nodes.filter((_, i) => i !== idle),
    parents: rewired.filter((_, i) => i !== idle).map((p) => p.map(shift)),
    edgePValues,
  });
}

/** Every latent by itself, edges all-to-all. */
export function expand(
  { nodes, parents }: CoverGraph,
  observed: readonly string[],
  states: (name: string, latent: boolean) => number,
): ConceptGraph {
  const table: Record<string, string[]> = {};
  nodes.forEach(({ names }, i) =>
    names.forEach((name) => (table[name] = parents[i]!.flatMap((p) => nodes[p]!.names))),
  );
  const counts = Object.fromEntries(
    nodes.flatMap(({ names, latent }) =>
      names.map((name) => [name, states(name, latent)] as const),
    ),
  );
  return conceptGraph(table, { observed, states: counts });
}

/** The same with `latentStates` states for every latent. */
export function expandTo(
  graph: CoverGraph,
  latentStates: number,
  names: readonly string[],
  states: readonly number[],
): ConceptGraph {
  return expand(graph, names, (name, latent) =>
    latent ? latentStates : states[names.indexOf(name)]!,
  );
}

/** A graph of single variables as one of covers; evidence of covers and edges that `from` has too is kept. */
export function coverGraphFrom(graph: ConceptGraph, from: CoverGraph): CoverGraph {
  const markOf = (names: readonly string[]): string => [...names].sort().join();
  const before = new Map(from.nodes.map(({ names }, i) => [markOf(names), i] as const));
  const nodes = [...coversOf(graph), ...graph.observed.map((name) => [name])].map(
    (names): CoverNode => ({
      names,
      latent: graph.latents.includes(names[0]!),
      pValue: from.nodes[before.get(markOf(names)) ?? -1]?.pValue ?? NaN,
    }),
  );
  const place = new Map(nodes.flatMap(({ names }, i) => names.map((name) => [name, i] as const)));
  const parents = nodes.map(({ names }) => [
    ...new Set(graph.parents[names[0]!]!.map((p) => place.get(p)!)),
  ]);
  const edgePValues = new Map<string, number>();
  parents.forEach((own, c) =>
    own.forEach((x) => {
      const [old, child] = [x, c].map((i) => before.get(markOf(nodes[i]!.names)));
      const known = from.edgePValues.get(`${old} ${child}`);
      if (known !== undefined) edgePValues.set(`${x} ${c}`, known);
    }),
  );
  return { nodes, parents, edgePValues };
}

/** Nothing but observed variables. */
export function isolated(names: readonly string[]): CoverGraph {
  return {
    nodes: names.map((name) => ({ names: [name], latent: false, pValue: NaN })),
    parents: names.map(() => []),
    edgePValues: new Map(),
  };
}
