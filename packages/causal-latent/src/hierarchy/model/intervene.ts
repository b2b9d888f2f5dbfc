/** Interventions on concepts, and models compared. */
import { DomainError, type NdArray } from "@provably/core-tensor";
import {
  anyList,
  anyNumber,
  anyRecord,
  anything,
  check,
  checkOptions,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { GraphError } from "../errors.js";
import { type ConceptGraph, checkGraph, checkNames, childrenOf } from "../graph/graph.js";
import { toArray } from "../internal/arrays.js";
import { eliminate } from "../internal/factor.js";
import { type Cpts, factorsOf } from "./cpts.js";
import type { FittedHierarchy } from "./fit.js";

/**
 * The distribution of the observed variables after variables have been set: their tables are replaced by the set states, whatever their parents.
 *
 * @param model - graph and tables
 * @param settings - name → state
 * @param options - `variables` in the order of the axes (default: the observed ones); `maxCells`, default 2²⁴
 * @returns probabilities, one axis a variable
 * @throws `GraphError` for unknown names, `DomainError` for a state that a variable does not have
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { conceptGraph, intervene } from "@provably/causal-latent/hierarchy";
 *
 * const graph = conceptGraph({ L: [], X: ["L"] });
 * const cpts = { L: array([0.5, 0.5], { dtype: "float64" }), X: array([[0.9, 0.1], [0.2, 0.8]], { dtype: "float64" }) };
 * intervene({ graph, cpts }, { L: 1 }); // => [0.2, 0.8]
 * ```
 * @category Models
 */
export function intervene(
  model: { readonly graph: ConceptGraph; readonly cpts: Cpts },
  settings: Readonly<Record<string, number>>,
  options: { readonly variables?: readonly string[]; readonly maxCells?: number } = {},
): NdArray<"float64"> {
  const { graph, cpts } = check("intervene", "model", model, anyRecord);
  checkGraph("intervene", graph);
  const { variables = graph.observed, maxCells = 2 ** 24 } = checkOptions("intervene", options, {
    variables: anything,
    maxCells: anything,
  });
  check("intervene", "maxCells", maxCells, wholeNumber());
  checkNames(
    "intervene",
    "settings",
    graph,
    Object.keys(check("intervene", "settings", settings, anyRecord)),
  );
  checkNames("intervene", "variables", graph, variables);
  for (const [name, state] of Object.entries(settings))
    if (!(Number.isInteger(state) && state >= 0 && state < graph.states[name]!))
      throw new DomainError(
        `intervene: settings.${name} must be a state below ${graph.states[name]}, got ${show(state)}`,
      );
  const factors = factorsOf("intervene", graph, cpts).map((factor) => {
    const name = factor.variables.at(-1)!;
    const state = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (state === undefined) return factor;
    const data = new Float64Array(graph.states[name]!);
    data[state] = 1;
    return { variables: [name], extents: [graph.states[name]!], data };
  });
  const table = eliminate("intervene", factors, variables, maxCells);
  return toArray(table.data, table.extents);
}

/**
 * The level of every variable: 0 for observed ones, else one more than the highest level right below.
 *
 * @param graph - the graph
 * @returns name → level
 * @example
 * ```ts
 * import { conceptLevels, presetGraph } from "@provably/causal-latent/hierarchy";
 *
 * conceptLevels(presetGraph("treeDeep"))["L1"]; // => 3
 * ```
 * @category Models
 */
export function conceptLevels(graph: ConceptGraph): Readonly<Record<string, number>> {
  const children = childrenOf(checkGraph("conceptLevels", graph));
  const levels: Record<string, number> = {};
  for (const name of [...graph.order].reverse())
    levels[name] = graph.observed.includes(name)
      ? 0
      : 1 + Math.max(0, ...children[name]!.map((child) => levels[child]!));
  return levels;
}

/**
 * Fitted models in the order of their Bayesian information criterion, best first, each with its distance to the best.
 *
 * @param models - models fitted to the same data
 * @returns models with `deltaBic`; a difference above 10 is usually called decisive
 * @throws `GraphError` when the models describe different variables
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { compareHierarchies, fitHierarchy, presetGraph, randomCpts, sampleHierarchy } from "@provably/causal-latent/hierarchy";
 *
 * const [one, two] = [presetGraph("star"), presetGraph("twoCluster")];
 * const sample = sampleHierarchy(two, randomCpts(two, key(0)), 2000, key(1));
 * const star = { ...one, parents: { L1: [], ...Object.fromEntries(two.observed.map((x) => [x, ["L1"]])) }, observed: two.observed, order: ["L1", ...two.observed], states: two.states };
 * compareHierarchies([fitHierarchy(star, sample, key(2)), fitHierarchy(two, sample, key(2))])[0].model.graph.latents.length; // => 2
 * ```
 * @category Models
 */
export function compareHierarchies(
  models: readonly FittedHierarchy[],
): readonly { readonly model: FittedHierarchy; readonly deltaBic: number }[] {
  const names = ({ graph }: FittedHierarchy): string => [...graph.observed].sort().join(", ");
  check("compareHierarchies", "models", models, anyList).forEach((model, i) => {
    checkGraph(
      "compareHierarchies",
      check("compareHierarchies", `models[${i}]`, model, anyRecord).graph,
    );
    check("compareHierarchies", `models[${i}].bic`, model.bic, anyNumber);
  });
  for (const model of models)
    if (names(model) !== names(models[0]!))
      throw new GraphError(
        `compareHierarchies: models must describe the same variables, got ${names(models[0]!)} and ${names(model)}`,
      );
  const sorted = [...models].sort((x, y) => x.bic - y.bic);
  return sorted.map((model) => ({ model, deltaBic: model.bic - sorted[0]!.bic }));
}
