/**
 * Other graphs that could stand behind the same ranks, one small change away: what a latent may be
 * instead. Tables of ranks cannot tell a latent between two others from a variable that hangs on both,
 * nor a latent from an observed variable in its place; how well each fits can.
 */
import { type ConceptGraph, childrenOf, conceptGraph } from "../graph/graph.js";
import { coversOf } from "../graph/identifiability.js";

/** In which way a rival differs. */
export type RivalKind =
  | "crossLoading"
  | "edgeInsteadOfLatent"
  | "observedCause"
  | "merge"
  | "otherParent"
  | "edgeBetweenObserved"
  | "noEdge"
  | "noLatents";

/** A graph with the change that leads to it, in words. */
export interface Rival {
  readonly kind: RivalKind;
  readonly graph: ConceptGraph;
  readonly text: string;
  /** Whether its tables have the same ranks, so that these cannot decide. */
  readonly sameRanks: boolean;
  /** Variables concerned; a latent first. */
  readonly nodes: readonly string[];
}

type Parents = Record<string, readonly string[]>;

/** All rivals one change away. Latents that share a cover with others are only merged or cross-loaded as they are. */
export function rivalsOf(graph: ConceptGraph): Rival[] {
  const { parents, observed } = graph;
  const children = childrenOf(graph);
  const seen = new Set(observed);
  const found: Rival[] = [];
  const known = new Set<string>();
  const consider = (
    kind: RivalKind,
    next: Parents,
    text: string,
    nodes: readonly string[],
    sameRanks = false,
  ): void => {
    const rival = graphOf(graph, next);
    if (rival === undefined) return;
    const mark = JSON.stringify(
      Object.keys(next)
        .sort()
        .map((name) => [name, [...next[name]!].sort()]),
    );
    if (!known.has(mark)) found.push({ kind, graph: rival, text, sameRanks, nodes });
    known.add(mark);
  };
  const without = (gone: string): Parents =>
    Object.fromEntries(
      Object.entries(parents).flatMap(([name, own]) =>
        name === gone ? [] : [[name, own.filter((p) => p !== gone)]],
      ),
    );
  const single = new Set(coversOf(graph).flatMap((cover) => (cover.length === 1 ? cover : [])));

  for (const z of graph.latents.filter((name) => single.has(name))) {
    const above = parents[z]!;
    const own = children[z]!.filter((name) => seen.has(name));
    const below = children[z]!.filter((name) => !seen.has(name));
    const near = [...above, ...below];
    for (const x of own) {
      if (children[x]!.length > 0 || parents[x]!.length > 1) continue;
      const next: Parents = { ...without(z), [x]: above };
      for (const child of children[z]!)
        if (child !== x) next[child] = parents[child]!.map((p) => (p === z ? x : p));
      consider("observedCause", next, `${x} itself in the place of ${z}`, [z, x], true);
    }
    if (near.length === 2) {
      const [a, b] = near as [string, string];
      // the two become neighbours, and what hung on z hangs on both
      const next: Parents = without(z);
      const up = above.includes(b) ? [b, a] : [a, b];
      next[up[1]!] = [...next[up[1]!]!, up[0]!];
      for (const x of own) next[x] = [...new Set([...next[x]!, a, b])];
      const text =
        own.length > 0
          ? `${own.join(", ")} below both ${a} and ${b}, without ${z}`
          : `${a} and ${b} adjacent, without ${z}`;
      consider("crossLoading", next, text, [z, ...own], own.length < 2);
    }
    if (own.length === 2 && below.length === 0 && above.length <= 1) {
      const [x, y] = own as [string, string];
      const next: Parents = { ...without(z), [x]: above, [y]: [...above, x] };
      consider(
        "edgeInsteadOfLatent",
        next,
        `an edge between ${x} and ${y} in the place of ${z}`,
        [z, x, y],
        true,
      );
    }
    for (const a of above) {
      const next: Parents = without(z);
      for (const child of children[z]!) next[child] = [...new Set([...next[child]!, a])];
      for (const other of above)
        if (other !== a && !seen.has(a)) next[a] = [...new Set([...next[a]!, other])];
      consider("merge", next, `${z} and ${a} are one`, [z, a]);
    }
    for (const x of own)
      for (const a of near) {
        if (parents[x]!.includes(a)) continue;
        const rest = parents[x]!.filter((p) => p !== z);
        consider("crossLoading", { ...parents, [x]: [...parents[x]!, a] }, `${x} below ${a} too`, [
          z,
          x,
        ]);
        consider(
          "otherParent",
          { ...parents, [x]: [...rest, a] },
          `${x} below ${a} instead of ${z}`,
          [z, x],
        );
      }
  }
  for (const [i, x] of observed.entries())
    for (const y of observed.slice(i + 1)) {
      if (parents[y]!.includes(x) || parents[x]!.includes(y)) continue;
      const together = parents[x]!.some((p) => parents[y]!.includes(p));
      if (!together) continue;
      const z = parents[x]!.find((p) => parents[y]!.includes(p))!;
      consider(
        "edgeBetweenObserved",
        { ...parents, [y]: [...parents[y]!, x] },
        `an edge between ${x} and ${y} beside ${z}`,
        [z, x, y],
      );
    }
  for (const c of graph.order)
    for (const p of parents[c]!) {
      if (seen.has(c) && !seen.has(p) && parents[c]!.length < 2) continue;
      consider(
        "noEdge",
        { ...parents, [c]: parents[c]!.filter((x) => x !== p) },
        `no edge between ${p} and ${c}`,
        [p, c],
      );
    }
  return found;
}

/** The graph with other parents, where it is one: without a cycle, and with no latent that has fewer than two neighbours. */
function graphOf(from: ConceptGraph, parents: Parents): ConceptGraph | undefined {
  const kept = Object.fromEntries(
    Object.entries(parents).map(([name, own]) => [
      name,
      [...new Set(own)].filter((p) => p !== name),
    ]),
  );
  let changed = true;
  while (changed) {
    changed = false;
    for (const name of Object.keys(kept)) {
      if (from.observed.includes(name)) continue;
      const below = Object.keys(kept).filter((c) => kept[c]!.includes(name));
      if (below.length > 1 || (below.length === 1 && kept[name]!.length > 1)) continue;
      for (const c of below)
        kept[c] = [...new Set([...kept[c]!.filter((p) => p !== name), ...kept[name]!])];
      Reflect.deleteProperty(kept, name);
      changed = true;
    }
  }
  if (hasCycle(kept)) return undefined;
  const names = Object.keys(kept);
  return conceptGraph(kept, {
    observed: from.observed,
    states: Object.fromEntries(names.map((name) => [name, from.states[name]!])),
  });
}

function hasCycle(parents: Parents): boolean {
  const state = new Map<string, "open" | "done">();
  const visit = (name: string): boolean => {
    if (state.get(name) !== undefined) return state.get(name) === "open";
    state.set(name, "open");
    const cyclic = parents[name]!.some(visit);
    state.set(name, "done");
    return cyclic;
  };
  return Object.keys(parents).some(visit);
}
