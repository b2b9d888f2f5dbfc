/** How stable a found hierarchy is: the search repeated on resampled rows. */
import { type NdArray } from "@provably/core-tensor";
import { checkOptions, longWork, wholeNumber } from "@provably/core-tensor/internal";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { type LabelData, type Rows, rowsOfLabels } from "../data/labels.js";
import { type ConceptGraph, childrenOf } from "../graph/graph.js";
import { coversOf } from "../graph/identifiability.js";
import { toArray } from "../internal/arrays.js";
import { matchLatents } from "../metrics/structure.js";
import { multinomial } from "../rank/rank-test.js";
import { discoverHierarchy, discoverRows } from "./discover.js";
import type { HierarchyResult } from "./result.js";
import { DISCOVER, type DiscoverOptions, settingsOf } from "./settings.js";

/**
 * Options of {@link bootstrapHierarchy}: those of the search, and the number of replicates.
 * @category Search
 */
export interface BootstrapOptions extends Omit<DiscoverOptions, "onProgress"> {
  /** Default 50. */
  readonly numReplicates?: number;
  /** Called after every replicate; `metric` is the number of latents it found. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
  }) => void;
}

/**
 * Frequencies over bootstrap replicates.
 * @category Search
 */
export interface BootstrapResult {
  /** The search on all rows. */
  readonly result: HierarchyResult;
  readonly numReplicates: number;
  /** For each edge of the result, how often it was found, directions and names of latents aside. */
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly frequency: number;
  }[];
  /** For each cover, how often some cover divided the observed variables into the same two sets: below it, and the rest. */
  readonly covers: readonly {
    readonly latents: readonly string[];
    readonly observed: readonly string[];
    readonly frequency: number;
  }[];
  /** How often two observed variables had a latent parent in common, float64 [q, q], in the order of `result.graph.observed`. */
  readonly together: NdArray<"float64">;
  /** How often the whole skeleton came out the same. */
  readonly same: number;
}

/**
 * The search on resampled rows: how often its edges and covers come back.
 *
 * @param input - labels, see {@link LabelData}
 * @param key - random key; a replicate depends on it and its number only
 * @param options - see {@link BootstrapOptions}
 * @returns see {@link BootstrapResult}
 * @throws what {@link discoverHierarchy} throws
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { bootstrapHierarchy, presetGraph, randomCpts, sampleHierarchy } from "@provably/causal-latent/hierarchy";
 *
 * const graph = presetGraph("star");
 * const data = sampleHierarchy(graph, randomCpts(graph, key(0)), 3000, key(1));
 * bootstrapHierarchy(data, key(2), { numReplicates: 5 }).covers[0].frequency; // => 1
 * ```
 * @category Search
 */
export function bootstrapHierarchy(
  input: LabelData,
  key: RngKey,
  options: BootstrapOptions = {},
): BootstrapResult {
  const {
    numReplicates = 50,
    onProgress,
    ...search
  } = checkOptions<BootstrapOptions>("bootstrapHierarchy", options, {
    ...DISCOVER,
    numReplicates: wholeNumber(),
    onProgress: longWork.onProgress,
  });
  const rows = rowsOfLabels("bootstrapHierarchy", input);
  const result = discoverHierarchy(input, search);
  const settings = settingsOf(search, result.latents[0]?.states ?? 2, input);
  const q = rows.names.length;
  const pairs = result.edges.map(({ from, to }) => [from, to] as const);
  const edgeCounts = new Float64Array(result.edges.length);
  const covers = splitsOf(result.graph);
  const coverCounts = new Float64Array(covers.length);
  const together = new Float64Array(q * q);
  let same = 0;
  for (let b = 0; b < numReplicates; b++) {
    const counts = multinomial(foldIn(key, b), rows.weights, rows.total);
    // a replicate may lack a rare state, and then has a constant column
    const found = discoverRows(resampled(rows, counts), settings);
    const foundPairs = found.edges.map(({ from, to }) => [from, to] as const);
    const { names, commonEdges } = matchLatents(pairs, foundPairs, rows.names);
    const rename = (name: string): string =>
      names[name] ?? (rows.names.includes(name) ? name : `?${name}`);
    const present = new Set(
      foundPairs.flatMap(([x, y]) => [`${rename(x)}\n${rename(y)}`, `${rename(y)}\n${rename(x)}`]),
    );
    pairs.forEach(([x, y], e) => (edgeCounts[e]! += present.has(`${x}\n${y}`) ? 1 : 0));
    const splits = new Set(splitsOf(found.graph).map(({ mark }) => mark));
    covers.forEach(({ mark }, c) => (coverCounts[c]! += splits.has(mark) ? 1 : 0));
    if (commonEdges === pairs.length && foundPairs.length === pairs.length) same++;
    const latent = new Set(found.graph.latents);
    for (let i = 0; i < q; i++)
      for (let j = 0; j < q; j++) {
        const own = found.graph.parents[rows.names[i]!]!;
        if (
          i !== j &&
          found.graph.parents[rows.names[j]!]!.some((p) => latent.has(p) && own.includes(p))
        )
          together[i * q + j]! += 1 / numReplicates;
      }
    onProgress?.({ iteration: b + 1, total: numReplicates, metric: found.latents.length });
  }
  return {
    result,
    numReplicates,
    edges: result.edges.map(({ from, to }, e) => ({
      from,
      to,
      frequency: edgeCounts[e]! / numReplicates,
    })),
    covers: covers.map(({ latents, observed }, c) => ({
      latents,
      observed,
      frequency: coverCounts[c]! / numReplicates,
    })),
    together: toArray(together, [q, q]),
    same: same / numReplicates,
  };
}

/** Each cover with the division of the observed variables that it makes, written alike for a set and its complement: a tree has no top. */
function splitsOf(
  graph: ConceptGraph,
): { latents: readonly string[]; observed: readonly string[]; mark: string }[] {
  const children = childrenOf(graph);
  const below = (name: string): string[] =>
    graph.observed.includes(name) ? [name] : children[name]!.flatMap(below);
  return coversOf(graph).map((latents) => {
    const set = new Set(latents.flatMap(below));
    const observed = graph.observed.filter((name) => set.has(name));
    const rest = graph.observed.filter((name) => !set.has(name));
    return {
      latents,
      observed,
      mark: `${latents.length}: ${[observed.join(), rest.join()].sort().join(" | ")}`,
    };
  });
}

/** The distinct rows that were drawn, as often as they were. */
function resampled(rows: Rows, counts: Float64Array): Rows {
  const kept = [...counts.keys()].filter((row) => counts[row]! > 0);
  return {
    ...rows,
    columns: rows.columns.map((column) => Int32Array.from(kept, (row) => column[row]!)),
    weights: Float64Array.from(kept, (row) => counts[row]!),
    warnings: [],
  };
}
