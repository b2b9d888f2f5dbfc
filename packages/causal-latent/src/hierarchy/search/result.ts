/** What the search returns: the structure it ends with, written out latent by latent, beside the evidence. */
import type { ConceptGraph } from "../graph/graph.js";
import { equivalenceEnds } from "../internal/pdag.js";
import type { Decision } from "./clusters.js";
import { expandTo } from "./cover-graph.js";
import type { Found } from "./search-once.js";
import type { Alternative } from "./settle.js";

/**
 * A latent that was found.
 * @category Search
 */
export interface FoundLatent {
  readonly name: string;
  readonly states: number;
  /** Names of all latents of its cover, itself included. */
  readonly cover: readonly string[];
  /** Longest distance to the observed variables below. */
  readonly level: number;
  /** Whether its state count could as well be that of several latents: it is not prime, and was estimated. */
  readonly ambiguousFactorisation: boolean;
}

/**
 * An edge that was found.
 * @category Search
 */
export interface FoundEdge {
  readonly from: string;
  readonly to: string;
  /** `directed`: every graph of the equivalence class has it this way. */
  readonly kind: "directed" | "undirected";
  /** Below a cover: p-value of the claim that its children share it. Between covers: the greatest p-value of their independence, rejected. NaN where refinement made it. */
  readonly pValue: number;
}

/**
 * What the search found.
 * @category Search
 */
export interface HierarchyResult {
  /** One graph of the equivalence class, edges pointing down. */
  readonly graph: ConceptGraph;
  readonly latents: readonly FoundLatent[];
  readonly edges: readonly FoundEdge[];
  /** Covers with more than their names: what hangs below, and the p-value of that. */
  readonly covers: readonly {
    readonly latents: readonly string[];
    readonly children: readonly string[];
    readonly pValue: number;
  }[];
  /** Names by level; observed variables first. */
  readonly levels: readonly (readonly string[])[];
  /** Every decision with its p-value, in order. */
  readonly log: readonly Decision[];
  /** Tables that were tested, answers that were known already, and questions left unasked because of `maxTests`. */
  readonly tests: {
    readonly performed: number;
    readonly cached: number;
    readonly unasked: number;
  };
  /** The level that was used in the end. */
  readonly significance: number;
  /** Bayesian information criterion of the fit, with refinement. */
  readonly bic?: number;
  /**
   * Graphs that the same ranks could come from, or that fit nearly as well, nearest first: a variable
   * on two latents instead of a latent between them, an observed variable in the place of a latent, an
   * edge between two observed variables, no latents at all.
   */
  readonly alternatives: readonly Alternative[];
  /** For each observed variable the codes that its states have in the data. */
  readonly codes: Readonly<Record<string, readonly number[]>>;
  readonly warnings: readonly string[];
}

/** What was searched, and how. */
interface Circumstances {
  readonly latentStates: number;
  readonly names: readonly string[];
  /** States of the observed variables, as they were given. */
  readonly states: readonly number[];
  readonly tests: HierarchyResult["tests"];
  readonly codes: readonly (readonly number[])[];
  readonly warnings: readonly string[];
  readonly significance: number;
}

export function resultOf(
  { graph: cover, log }: Found,
  { latentStates, names, states, tests, codes, warnings, significance }: Circumstances,
  alternatives: readonly Alternative[] = [],
): HierarchyResult {
  const { nodes, parents, edgePValues } = cover;
  const graph = expandTo(cover, latentStates, names, states);
  const ends = equivalenceEnds(cover);
  const level = (i: number): number => {
    const below = parents.flatMap((p, c) => (p.includes(i) ? [c] : []));
    return nodes[i]!.latent ? 1 + Math.max(0, ...below.map(level)) : 0;
  };
  const levelOf = nodes.map((_, i) => level(i));
  const edges = parents.flatMap((p, c) =>
    p.flatMap((x) =>
      nodes[x]!.names.flatMap((from) =>
        nodes[c]!.names.map((to): FoundEdge => ({
          from,
          to,
          kind: ends[c]![x]! ? "undirected" : "directed",
          pValue: edgePValues.get(`${x} ${c}`) ?? NaN,
        })),
      ),
    ),
  );
  return {
    graph,
    latents: nodes.flatMap(({ names, latent }, i) =>
      latent
        ? names.map((name): FoundLatent => ({
            name,
            states: latentStates,
            cover: names,
            level: levelOf[i]!,
            ambiguousFactorisation: false,
          }))
        : [],
    ),
    edges,
    covers: nodes.flatMap(({ names, latent, pValue }, i) =>
      latent
        ? [
            {
              latents: names,
              children: parents.flatMap((p, c) => (p.includes(i) ? nodes[c]!.names : [])),
              pValue,
            },
          ]
        : [],
    ),
    levels: Array.from({ length: 1 + Math.max(0, ...levelOf) }, (_, l) =>
      l === 0 ? names : nodes.flatMap(({ names }, i) => (levelOf[i] === l ? names : [])),
    ),
    log,
    tests: { performed: tests.performed, cached: tests.cached, unasked: tests.unasked },
    significance,
    alternatives,
    codes: Object.fromEntries(names.map((name, j) => [name, codes[j]!])),
    warnings,
  };
}
