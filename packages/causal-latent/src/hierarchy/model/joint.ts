/** What a model says of the observed variables: exact tables, and samples. */
import { type NdArray } from "@provably/core-tensor";
import { anything, check, checkOptions, wholeNumber } from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { type ConceptGraph, checkGraph, checkNames } from "../graph/graph.js";
import { toArray, toInts } from "../internal/arrays.js";
import { eliminate } from "../internal/factor.js";
import { type Cpts, factorsOf } from "./cpts.js";

/**
 * The exact joint distribution of some variables, by summing out all others.
 *
 * @param graph - the graph
 * @param cpts - its tables
 * @param options - `variables` in the order of the axes (default: the observed ones); `maxCells`, the largest table allowed on the way, default 2²⁴
 * @returns probabilities, one axis a variable
 * @throws `TableSizeError` when a table would exceed `maxCells`; the message names its size
 * @throws `ShapeError` or `DomainError` when a table does not fit
 * @example
 * ```ts
 * import { conceptGraph, exactJoint } from "@provably/causal-latent/hierarchy";
 * import { array } from "@provably/core-tensor";
 *
 * const coin = array([0.5, 0.5], { dtype: "float64" });
 * const noisy = array([[0.9, 0.1], [0.1, 0.9]], { dtype: "float64" });
 * const graph = conceptGraph({ L: [], X: ["L"], Y: ["L"] });
 * exactJoint(graph, { L: coin, X: noisy, Y: noisy }); // => [[0.41, 0.09], [0.09, 0.41]]
 * ```
 * @category Models
 */
export function exactJoint(
  graph: ConceptGraph,
  cpts: Cpts,
  options: { readonly variables?: readonly string[]; readonly maxCells?: number } = {},
): NdArray<"float64"> {
  checkGraph("exactJoint", graph);
  const { variables = graph.observed, maxCells = 2 ** 24 } = checkOptions("exactJoint", options, {
    variables: anything,
    maxCells: anything,
  });
  check("exactJoint", "maxCells", maxCells, wholeNumber());
  checkNames("exactJoint", "variables", graph, variables);
  const joint = eliminate("exactJoint", factorsOf("exactJoint", graph, cpts), variables, maxCells);
  return toArray(joint.data, joint.extents);
}

/**
 * Independent samples of a model.
 * @category Models
 */
export interface HierarchySample {
  /** Labels of the observed variables, int32 [n, q]. */
  readonly data: NdArray<"int32">;
  /** State counts of the observed variables. */
  readonly states: readonly number[];
  /** Names of the observed variables. */
  readonly names: readonly string[];
  /** Labels of the latents, int32 [n, latents], in the order of `graph.latents`. */
  readonly latents: NdArray<"int32">;
}

/**
 * Samples of a model, from the roots down.
 *
 * @param graph - the graph
 * @param cpts - its tables
 * @param count - how many rows n, an integer ≥ 1
 * @param key - random key; a variable's noise depends on it and the variable's name only
 * @returns see {@link HierarchySample}
 * @throws `DomainError` when `count` is not an integer ≥ 1
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { presetGraph, randomCpts, sampleHierarchy } from "@provably/causal-latent/hierarchy";
 *
 * const graph = presetGraph("star");
 * sampleHierarchy(graph, randomCpts(graph, key(0)), 100, key(1)).data.shape; // => [100, 5]
 * ```
 * @category Models
 */
export function sampleHierarchy(
  graph: ConceptGraph,
  cpts: Cpts,
  count: number,
  key: RngKey,
): HierarchySample {
  check("sampleHierarchy", "count", count, wholeNumber());
  const columns = new Map<string, Int32Array>();
  for (const { variables, extents, data } of factorsOf("sampleHierarchy", graph, cpts)) {
    const name = variables.at(-1)!;
    const states = extents.at(-1)!;
    const parents = variables.slice(0, -1).map((parent) => columns.get(parent)!);
    const noise = uniform(foldIn(key, name), [count], { dtype: "float64" }).data as Float64Array;
    const own = new Int32Array(count);
    for (let row = 0; row < count; row++) {
      let at = 0;
      for (let axis = 0; axis < parents.length; axis++)
        at = at * extents[axis]! + parents[axis]![row]!;
      let left = noise[row]!;
      let state = 0;
      while (state < states - 1 && left >= data[at * states + state]!)
        left -= data[at * states + state++]!;
      own[row] = state;
    }
    columns.set(name, own);
  }
  const gather = (names: readonly string[]): NdArray<"int32"> => {
    const out = new Int32Array(count * names.length);
    names.forEach((name, j) => {
      const column = columns.get(name)!;
      for (let row = 0; row < count; row++) out[row * names.length + j] = column[row]!;
    });
    return toInts(out, [count, names.length]);
  };
  return {
    data: gather(graph.observed),
    states: graph.observed.map((name) => graph.states[name]!),
    names: graph.observed,
    latents: gather(graph.latents),
  };
}
