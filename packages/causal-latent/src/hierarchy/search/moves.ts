/** Small changes of a structure: an edge between covers more, less or turned, all edges of a cover turned, a cover less. */
import { equivalenceEnds } from "../internal/pdag.js";
import { type CoverGraph, prune } from "./cover-graph.js";

export interface Move {
  readonly graph: CoverGraph;
  readonly text: string;
  readonly nodes: readonly string[];
}

type Parents = readonly (readonly number[])[];

/** What all members of an equivalence class have in common, as text. */
export function classOf(graph: CoverGraph): string {
  return JSON.stringify([graph.nodes.map(({ names }) => names), equivalenceEnds(graph)]);
}

/**
 * Whether three nodes are all adjacent to each other. Such a triangle fits as well as a latent over the three with as many parameters; the conditions of identification
 * exclude it.
 */
export function hasTriangle({ parents }: CoverGraph): boolean {
  return parents.some((p) => p.some((x) => p.some((y) => x !== y && parents[y]!.includes(x))));
}

/** All changes that leave the graph acyclic and without triangles, one of each equivalence class. */
export function movesFrom(graph: CoverGraph): Move[] {
  const { nodes, parents } = graph;
  const covers = nodes.flatMap(({ latent }, i) => (latent ? [i] : []));
  const name = (i: number): string => nodes[i]!.names.join(", ");
  const found: Move[] = [];
  const seen = new Set([classOf(graph)]);
  const consider = (next: Parents, text: string, concerned: readonly number[]): void => {
    if (!isAcyclic(next)) return;
    const move = {
      graph: { ...graph, parents: next },
      text,
      nodes: concerned.flatMap((i) => nodes[i]!.names),
    };
    const mark = classOf(move.graph);
    if (!seen.has(mark) && !hasTriangle(move.graph)) found.push(move);
    seen.add(mark);
  };
  const without = (c: number, x: number): readonly number[][] =>
    parents.map((p, i) => (i === c ? p.filter((y) => y !== x) : [...p]));
  const plus = (from: Parents, c: number, x: number): Parents =>
    from.map((p, i) => (i === c ? [...p, x] : p));
  for (const x of covers)
    for (const c of covers) {
      if (x === c) continue;
      if (parents[c]!.includes(x)) {
        consider(without(c, x), `no edge between ${name(x)} and ${name(c)}`, [x, c]);
        consider(plus(without(c, x), x, c), `${name(c)} → ${name(x)} instead of the other way`, [
          c,
          x,
        ]);
      } else if (!parents[x]!.includes(c))
        consider(plus(parents, c, x), `an edge ${name(x)} → ${name(c)}`, [x, c]);
    }
  for (const c of covers) {
    const near = covers.filter((x) => parents[c]!.includes(x) || parents[x]!.includes(c));
    if (near.length < 2) continue;
    const bare = parents.map((p, i) =>
      i === c
        ? p.filter((y) => !near.includes(y))
        : near.includes(i)
          ? p.filter((y) => y !== c)
          : p,
    );
    consider(
      bare.map((p, i) => (i === c ? [...p, ...near] : p)),
      `${name(c)} below all of its neighbours`,
      [c, ...near],
    );
    consider(
      bare.map((p, i) => (near.includes(i) ? [...p, c] : p)),
      `${name(c)} above all of its neighbours`,
      [c, ...near],
    );
  }
  // a cover without observed children, bridged: its neighbours hang on one of them
  for (const c of covers) {
    const children = parents.flatMap((p, i) => (p.includes(c) ? [i] : []));
    if (children.some((i) => !nodes[i]!.latent)) continue;
    const near = [...parents[c]!, ...children];
    for (const centre of near) {
      const next = parents.map((p, i) => {
        const rest = p.filter((y) => y !== c && !(i === c));
        return near.includes(i) && i !== centre && !rest.includes(centre)
          ? [...rest, centre]
          : rest;
      });
      if (isAcyclic(next) && !hasTriangle({ ...graph, parents: next }))
        found.push({
          graph: prune({ ...graph, parents: next }),
          text: `${name(centre)} in place of ${name(c)}`,
          nodes: [...nodes[centre]!.names, ...nodes[c]!.names],
        });
    }
  }
  return found;
}

function isAcyclic(parents: Parents): boolean {
  const state = new Uint8Array(parents.length); // 1: on the way, 2: done
  const visit = (i: number): boolean => {
    if (state[i] === 2) return true;
    if (state[i] === 1) return false;
    state[i] = 1;
    const fine = parents[i]!.every(visit);
    state[i] = 2;
    return fine;
  };
  return parents.every((_, i) => visit(i));
}
