/** How close a found graph is to the true one, whatever the latents are called. */
import { anyList, anyString, check, listOf } from "@provably/core-tensor/internal";
import { GraphError } from "../errors.js";
import { assign } from "../../internal/assignment.js";

/**
 * Two names joined by an edge; direction does not matter for the skeleton.
 * @category Metrics
 */
export type Edge = readonly [string, string];

/**
 * Names of true latents for those of an estimate.
 * @category Metrics
 */
export interface LatentMatching {
  /** Estimated name → true name; latents without a partner are missing. */
  readonly names: Readonly<Record<string, string>>;
  /** Edges of the skeletons that then agree. */
  readonly commonEdges: number;
}

const undirected = ([a, b]: Edge): string => (a < b ? `${a}\n${b}` : `${b}\n${a}`);
function checkEdges(
  fn: string,
  trueEdges: readonly Edge[],
  estimatedEdges: readonly Edge[],
  observed: readonly string[],
): void {
  for (const [name, edges] of Object.entries({ trueEdges, estimatedEdges }))
    check(fn, name, edges, anyList).forEach((edge, i) => {
      if (check(fn, `${name}[${i}]`, edge, listOf(anyString)).length !== 2)
        throw new GraphError(`${fn}: ${name}[${i}] must be two names, got ${edge.length}`);
    });
  check(fn, "observed", observed, listOf(anyString));
}

const latentsOf = (edges: readonly Edge[], observed: ReadonlySet<string>): string[] =>
  [...new Set(edges.flat())].filter((name) => !observed.has(name)).sort();

/**
 * The one-to-one matching of latents under which most edges of two skeletons agree.
 *
 * All matchings are tried up to 7 latents; beyond that the assignment with the most common neighbours is improved by exchanges.
 *
 * @param trueEdges - edges of the true graph
 * @param estimatedEdges - edges of the estimate
 * @param observed - names of the observed variables, the same in both
 * @returns see {@link LatentMatching}
 * @example
 * ```ts
 * import { matchLatents } from "@provably/causal-latent/hierarchy";
 *
 * matchLatents([["L", "X"], ["L", "Y"]], [["Z1", "X"], ["Z1", "Y"]], ["X", "Y"]).names; // => { Z1: "L" }
 * ```
 * @category Metrics
 */
export function matchLatents(
  trueEdges: readonly Edge[],
  estimatedEdges: readonly Edge[],
  observed: readonly string[],
): LatentMatching {
  checkEdges("matchLatents", trueEdges, estimatedEdges, observed);
  const seen = new Set(observed);
  const [own, found] = [latentsOf(trueEdges, seen), latentsOf(estimatedEdges, seen)];
  const truth = new Set(trueEdges.map(undirected));
  const common = (names: ReadonlyMap<string, string>): number => {
    const rename = (name: string): string =>
      seen.has(name) ? name : (names.get(name) ?? `?${name}`);
    return new Set(
      estimatedEdges
        .map(([a, b]) => undirected([rename(a), rename(b)]))
        .filter((edge) => truth.has(edge)),
    ).size;
  };
  let best: { names: Map<string, string>; count: number } = { names: new Map(), count: -1 };
  const consider = (names: Map<string, string>): void => {
    const count = common(names);
    if (count > best.count) best = { names: new Map(names), count };
  };
  if (Math.max(own.length, found.length) <= 7) {
    // every injection of the shorter list into the longer one
    const reverse = found.length > own.length;
    const [from, to] = reverse ? [own, found] : [found, own];
    const place = (
      i: number,
      used: ReadonlySet<string>,
      names: ReadonlyMap<string, string>,
    ): void => {
      if (i === from.length) {
        consider(new Map(names));
        return;
      }
      for (const target of to)
        if (!used.has(target))
          place(
            i + 1,
            new Set([...used, target]),
            new Map([
              ...names,
              reverse ? ([target, from[i]!] as const) : ([from[i]!, target] as const),
            ]),
          );
    };
    place(0, new Set(), new Map());
  } else {
    const neighbours = (edges: readonly Edge[], name: string): Set<string> =>
      new Set(
        edges
          .filter((e) => e.includes(name))
          .map(([a, b]) => (a === name ? b : a))
          .filter((x) => seen.has(x)),
      );
    const gain = found.map((z) => {
      const near = neighbours(estimatedEdges, z);
      return own.map((l) => [...neighbours(trueEdges, l)].filter((x) => near.has(x)).length);
    });
    const names = new Map(
      assign(gain).map(
        (column, row) => [found[row]!, column < own.length ? own[column]! : `?${row}`] as const,
      ),
    );
    consider(names);
    for (let improved = true; improved;) {
      improved = false;
      for (const z of found)
        for (const target of own) {
          const next = new Map(best.names);
          const holder = [...next].find(([, l]) => l === target)?.[0];
          const old = next.get(z);
          next.set(z, target);
          if (holder !== undefined && old !== undefined) next.set(holder, old);
          if (common(next) > best.count) {
            consider(next);
            improved = true;
          }
        }
    }
  }
  return {
    names: Object.fromEntries([...best.names].filter(([, name]) => own.includes(name))),
    commonEdges: Math.max(0, best.count),
  };
}

/**
 * How well a skeleton was recovered.
 * @category Metrics
 */
export interface StructureMetrics {
  /** Share of estimated edges that are true; 1 when there are none. */
  readonly precision: number;
  /** Share of true edges that were found; 1 when there are none. */
  readonly recall: number;
  readonly f1: number;
  /** Structural Hamming distance: edges missing plus edges too many. */
  readonly shd: number;
  readonly trueLatents: number;
  readonly estimatedLatents: number;
  /** Whether the skeletons are the same. */
  readonly exact: boolean;
}

/**
 * Precision, recall and distance of a skeleton after the best matching of latents.
 *
 * @param trueEdges - edges of the true graph
 * @param estimatedEdges - edges of the estimate
 * @param observed - names of the observed variables
 * @returns see {@link StructureMetrics}
 * @throws `GraphError` for an edge that joins a name to itself
 * @example
 * ```ts
 * import { structureMetrics } from "@provably/causal-latent/hierarchy";
 *
 * structureMetrics([["L", "X"], ["L", "Y"]], [["Z", "X"]], ["X", "Y"]).recall; // => 0.5
 * ```
 * @category Metrics
 */
export function structureMetrics(
  trueEdges: readonly Edge[],
  estimatedEdges: readonly Edge[],
  observed: readonly string[],
): StructureMetrics {
  checkEdges("structureMetrics", trueEdges, estimatedEdges, observed);
  for (const [a, b] of [...trueEdges, ...estimatedEdges])
    if (a === b) throw new GraphError(`structureMetrics: an edge joins "${a}" to itself`);
  const { commonEdges } = matchLatents(trueEdges, estimatedEdges, observed);
  const count = (edges: readonly Edge[]): number => new Set(edges.map(undirected)).size;
  const [wanted, found] = [count(trueEdges), count(estimatedEdges)];
  const precision = found === 0 ? 1 : commonEdges / found;
  const recall = wanted === 0 ? 1 : commonEdges / wanted;
  const seen = new Set(observed);
  const shd = wanted + found - 2 * commonEdges;
  return {
    precision,
    recall,
    f1: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall),
    shd,
    trueLatents: latentsOf(trueEdges, seen).length,
    estimatedLatents: latentsOf(estimatedEdges, seen).length,
    exact: shd === 0,
  };
}
