/** Graphs that break purity: the search on their exact tables finds them by fit and parsimony, or says that it does not. */
import { describe, expect, it } from "vitest";
import {
  checkIdentifiability,
  conceptGraph,
  discoverHierarchy,
  structureMetrics,
} from "../../src/hierarchy/index.js";
import { array } from "@provably/core-tensor";
import { load } from "./fixtures.js";

interface Golden {
  readonly name: string;
  readonly parents: Record<string, string[]>;
  readonly states: Record<string, number>;
  readonly observed: string[];
  readonly latents: string[];
  readonly edges: [string, string][];
  readonly joint: number[];
  readonly rivals: readonly {
    readonly parents: Record<string, string[]>;
    readonly klPerRow: number;
  }[];
}
const graphs = load<Golden[]>("impure_graphs");
const edgesOf = (
  parents: Readonly<Record<string, readonly string[]>>,
): (readonly [string, string])[] =>
  Object.entries(parents).flatMap(([c, own]) => own.map((p) => [p, c] as const));

describe("impure graphs, from their exact tables", () => {
  it.each(graphs.map((g) => [g.name, g] as const))(
    "%s: the graph up to equivalence, or its misfit and alternatives by name",
    { timeout: 600_000 },
    (_, g) => {
      const joint = array(Float64Array.from(g.joint), {
        shape: g.observed.map((name) => g.states[name]!),
        dtype: "float64",
      });
      const found = discoverHierarchy({ joint, names: g.observed, normalize: true });
      const edges = edgesOf(found.graph.parents);
      if (structureMetrics(g.edges, edges, g.observed).exact) return;
      // an equivalent graph is right as well; a wrong one must not come without a warning
      const same = (parents: Record<string, string[]>): boolean =>
        structureMetrics(edgesOf(parents), edges, g.observed).exact;
      const rival = g.rivals.find(({ parents }) => same(parents));
      if (rival !== undefined && rival.klPerRow < 1e-3 && g.latents.length > 0) return;
      expect(found.alternatives.length + found.warnings.length, JSON.stringify(found.graph.parents)).toBeGreaterThan(0); // prettier-ignore
      if (g.latents.length === 0)
        expect(found.alternatives.some(({ graph }) => graph.latents.length === 0)).toBe(true);
    },
  );

  it("are told by checkIdentifiability, with the graphs that have the same ranks", () => {
    for (const g of graphs) {
      const violations = checkIdentifiability(conceptGraph(g.parents, { observed: g.observed, states: g.states })); // prettier-ignore
      expect(
        violations.map(({ condition }) => condition),
        g.name,
      ).not.toEqual([]);
    }
    const one = graphs.find(({ name }) => name === "one cross-loading");
    if (one === undefined) return;
    const [first] = checkIdentifiability(conceptGraph(one.parents, { observed: one.observed }));
    expect(first!.condition).toBe("crossLoading");
    expect(first!.message).toMatch(/a latent of its own between them gives the same ranks/);
  });
});
