/** What the latents of a model probably are, given what is seen. */
import { type NdArray } from "@provably/core-tensor";
import { anyRecord, check } from "@provably/core-tensor/internal";
import type { LabelData } from "../data/labels.js";
import type { ConceptGraph } from "../graph/graph.js";
import { float64Of, product, toArray, toInts } from "../internal/arrays.js";
import { inferRows, junctionTree } from "../internal/junction-tree.js";
import { type Cpts, factorsOf } from "./cpts.js";
import { rowsFor } from "./fit.js";

/**
 * Posteriors of latents.
 * @category Models
 */
export interface InferredConcepts {
  /** For each latent, in the order of `graph.latents`, $P(z \mid d)$: float64 [n, states]. */
  readonly posteriors: readonly NdArray<"float64">[];
  /** The most probable state of each latent by itself, int32 [n, latents]. */
  readonly labels: NdArray<"int32">;
  /** Log-likelihood of each row, float64 [n]. */
  readonly logLikelihoods: NdArray<"float64">;
}

/**
 * The posterior of every latent for every row of data, by exact inference.
 *
 * @param model - graph and tables, such as {@link FittedHierarchy}
 * @param input - labels with the columns of `graph.observed`
 * @returns see {@link InferredConcepts}
 * @throws what {@link fitHierarchy} throws for bad data
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { conceptGraph, inferConcepts } from "@provably/causal-latent/hierarchy";
 *
 * const graph = conceptGraph({ L: [], X1: ["L"], X2: ["L"] });
 * const noisy = array([[0.9, 0.1], [0.1, 0.9]], { dtype: "float64" });
 * const cpts = { L: array([0.5, 0.5], { dtype: "float64" }), X1: noisy, X2: noisy };
 * // 0.81 against 0.01 for the state that both point to
 * inferConcepts({ graph, cpts }, { data: [[0, 0]] }).posteriors[0].get(0, 0).toFixed(4); // => "0.9878"
 * ```
 * @category Models
 */
export function inferConcepts(
  model: { readonly graph: ConceptGraph; readonly cpts: Cpts },
  input: LabelData,
): InferredConcepts {
  const { graph, cpts } = check("inferConcepts", "model", model, anyRecord);
  const checked = rowsFor("inferConcepts", graph, input);
  const tables = factorsOf("inferConcepts", graph, cpts).map(({ data }) => data);
  const tree = junctionTree(graph);
  const extents = graph.latents.map((name) => graph.states[name]!);
  const distinct = extents.map((states) => new Float64Array(checked.weights.length * states));
  const logs = new Float64Array(checked.weights.length);
  const places = graph.latents.map((name) => {
    const clique = tree.cliques.findIndex(({ variables }) => variables.includes(name));
    const { variables } = tree.cliques[clique]!;
    const inner = product(
      variables.slice(variables.indexOf(name) + 1).map((v) => graph.states[v]!),
    );
    return { clique, inner };
  });
  inferRows(tree, tables, checked.columns, checked.weights, (row, beliefs, logLikelihood) => {
    logs[row] = logLikelihood;
    places.forEach(({ clique, inner }, l) => {
      const belief = beliefs[clique]!;
      const states = extents[l]!;
      let total = 0;
      for (const b of belief) total += b;
      for (let cell = 0; cell < belief.length; cell++)
        distinct[l]![row * states + (Math.floor(cell / inner) % states)]! += belief[cell]! / total;
    });
  });
  // from distinct rows back to the rows of the data
  const marks = new Map<string, number>();
  for (let row = 0; row < logs.length; row++)
    marks.set(checked.columns.map((column) => column[row]).join(), row);
  const all = expand(graph, input);
  const n = all.length;
  const posteriors = extents.map((states) => new Float64Array(n * states));
  const labels = new Int32Array(n * extents.length);
  const logLikelihoods = new Float64Array(n);
  all.forEach((labelsOfRow, i) => {
    const row = marks.get(labelsOfRow.join())!;
    logLikelihoods[i] = logs[row]!;
    extents.forEach((states, l) => {
      const own = distinct[l]!.subarray(row * states, row * states + states);
      posteriors[l]!.set(own, i * states);
      labels[i * extents.length + l] = own.indexOf(Math.max(...own));
    });
  });
  return {
    posteriors: posteriors.map((p, l) => toArray(p, [n, extents[l]!])),
    labels: toInts(labels, [n, extents.length]),
    logLikelihoods: toArray(logLikelihoods, [n]),
  };
}

/** Every row of the data with columns in the order of the graph. */
function expand(graph: ConceptGraph, input: LabelData): number[][] {
  const names = input.names ?? graph.observed;
  const { data, shape } = float64Of(input.data);
  const [n, q] = shape as [number, number];
  const order = graph.observed.map((name) => names.indexOf(name));
  return Array.from({ length: n }, (_, i) => order.map((j) => data[i * q + j]!));
}
