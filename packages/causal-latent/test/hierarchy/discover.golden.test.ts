import { describe, expect, it } from "vitest";
import {
  collapseStates,
  discoverHierarchy,
  exactJoint,
  graphOracle,
  structureMetrics,
} from "../../src/hierarchy/index.js";
import { type GoldenGraph, flat, load, modelOf } from "./fixtures.js";

const graphs = load<GoldenGraph[]>("population_graphs");

describe("search on exact tables", () => {
  it("recovers the skeletons of all golden models from their tables", ({ task }) => {
    for (const g of graphs) {
      const { graph, cpts } = modelOf(g);
      const found = discoverHierarchy({ joint: exactJoint(graph, cpts), names: graph.observed });
      const edges = found.edges.map(({ from, to }) => [from, to] as const);
      const { exact } = structureMetrics(g.skeleton, edges, graph.observed);
      expect(
        exact,
        `${g.name}, ${g.observedStates} observed states\n${found.log.map(({ text }) => text).join("\n")}`,
      ).toBe(true);
    }
    task.meta.claim = {
      says: "The hierarchy of latents is determined, up to equivalence, by the ranks of the tables of the observed variables",
      source:
        "Kong and others (2024), identification of the hierarchy; Dong and others (2024), conditions. The search is our reconstruction",
      measured: `${graphs.length} of ${graphs.length} golden models recovered exactly from their joint tables: nine graphs, with two and three observed states`,
    };
  });

  it.each(
    (graphs ?? []).map((g) => [`${g.name}, ${g.observedStates} observed states`, g] as const),
  )("recovers %s from its graph", (_, g) => {
    const { graph } = modelOf(g);
    const edges = discoverHierarchy(graphOracle(graph)).edges.map(
      ({ from, to }) => [from, to] as const,
    );
    expect(structureMetrics(g.skeleton, edges, graph.observed).exact).toBe(true);
  });
});

interface Sampled {
  readonly name: string;
  readonly m: number;
  readonly observed: string[];
  readonly dataRowsAsDigits: string[];
  readonly collapsedFirst20: number[][];
  readonly trueEdges: [string, string][];
  readonly reference: Record<"kp" | "bartlett", { readonly metrics: { readonly f1: number } }>;
}
const sampled = load<Sampled[]>("sampled_structures");

describe("golden samples", () => {
  const cases = (sampled ?? []).map((s) => [s.name, s] as const);
  const dataOf = ({ dataRowsAsDigits }: Sampled): number[][] =>
    dataRowsAsDigits.map((row) => [...row].map(Number));

  it.each(cases)("collapsed states of %s", (_, s) => {
    const { data, shape } = {
      data: flat(collapseStates({ data: dataOf(s), names: s.observed }, 2).data),
      shape: s.observed.length,
    };
    s.collapsedFirst20.forEach((row, i) =>
      expect(data.slice(i * shape, (i + 1) * shape)).toEqual(row),
    );
  });

  it.each(cases)("structure of %s is at least as good as the reference's", (_, s) => {
    for (const test of ["kp", "bartlett"] as const)
      for (const refine of [false, true]) {
        const found = discoverHierarchy({ data: dataOf(s), names: s.observed }, { test, refine });
        const edges = found.edges.map(({ from, to }) => [from, to] as const);
        expect(structureMetrics(s.trueEdges, edges, s.observed).f1).toBeGreaterThanOrEqual(
          s.reference[test].metrics.f1,
        );
      }
  });
});
