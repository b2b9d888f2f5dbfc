/** Bayesian networks for other programs: the interchange format BIF. */
import { GraphError } from "../errors.js";
import { type ConceptGraph, checkGraph } from "../graph/graph.js";
import { float64Of, product } from "../internal/arrays.js";
import { type Cpts, factorsOf } from "./cpts.js";

/**
 * A graph with its conditional tables in the Bayesian interchange format, as pgmpy, bnlearn and SamIam read it. States are called s0, s1, ….
 *
 * @param graph - the graph; names of letters, digits and underscores
 * @param cpts - conditional tables, such as from {@link fitHierarchy}
 * @returns BIF text
 * @throws `GraphError` for a name with other characters
 * @throws `ShapeError` for tables that do not fit the graph
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { conceptGraph, randomCpts, toBif } from "@provably/causal-latent/hierarchy";
 *
 * const graph = conceptGraph({ L: [], X: ["L"] });
 * toBif(graph, randomCpts(graph, key(0))).includes("probability ( X | L ) {"); // => true
 * ```
 * @category Export
 */
export function toBif(graph: ConceptGraph, cpts: Cpts): string {
  const { order, parents, states } = checkGraph("toBif", graph);
  factorsOf("toBif", graph, cpts);
  for (const name of order)
    if (!/^[A-Za-z_]\w*$/.test(name))
      throw new GraphError(`toBif: names must be letters, digits and underscores, got "${name}"`);
  const stateNames = (name: string): string =>
    Array.from({ length: states[name]! }, (_, s) => `s${s}`).join(", ");
  const variables = order.map(
    (name) =>
      `variable ${name} {\n  type discrete [ ${states[name]!} ] { ${stateNames(name)} };\n}`,
  );
  const tables = order.map((name) => {
    const own = parents[name]!;
    const { data } = float64Of(cpts[name]!);
    const m = states[name]!;
    const row = (r: number): string =>
      Array.from(data.subarray(r * m, (r + 1) * m), String).join(", ");
    if (own.length === 0) return `probability ( ${name} ) {\n  table ${row(0)};\n}`;
    const extents = own.map((p) => states[p]!);
    const rows = Array.from({ length: product(extents) }, (_, r) => {
      let rest = r;
      const places = extents.map(() => 0);
      for (let a = extents.length - 1; a >= 0; a--) {
        places[a] = rest % extents[a]!;
        rest = Math.floor(rest / extents[a]!);
      }
      return `  (${places.map((s) => `s${s}`).join(", ")}) ${row(r)};`;
    });
    return `probability ( ${name} | ${own.join(", ")} ) {\n${rows.join("\n")}\n}`;
  });
  return ["network hierarchy {\n}", ...variables, ...tables, ""].join("\n");
}
