import { describe, expect, it } from "vitest";
import { exactJoint, graphRank, rankTest, structureMetrics } from "../../src/hierarchy/index.js";
import { type GoldenGraph, expectClose, flat, load, modelOf } from "./fixtures.js";

const golden = load<GoldenGraph[]>("population_graphs");
const cases = (golden ?? []).map(
  (g) => [`${g.name}, ${g.observedStates} observed states`, g] as const,
);

describe("golden population tables", () => {
  it.each(cases)("joint, marginal table and entropy of %s", (_, g) => {
    const { graph, cpts } = modelOf(g);
    let entropy = 0;
    for (const p of flat(exactJoint(graph, cpts))) if (p > 0) entropy -= p * Math.log(p);
    expectClose(entropy, g.jointEntropyNats, 1e-9);
    const { A, B, P } = g.table_X1X2_vs_X3X4;
    const table = flat(exactJoint(graph, cpts, { variables: [...A, ...B] }));
    P.flat().forEach((p, i) => expectClose(table[i]!, p, 1e-10));
  });

  it.each(cases)("ranks of tables of %s, from the table and from the graph", (_, g) => {
    const { graph, cpts } = modelOf(g);
    for (const { A, B, rank } of g.ranks) {
      const joint = exactJoint(graph, cpts, { variables: [...A, ...B] });
      const rows = A.reduce((m, name) => m * g.states[name]!, 1);
      const cells = flat(joint);
      const table = Array.from({ length: rows }, (_, i) =>
        cells.slice((i * cells.length) / rows, ((i + 1) * cells.length) / rows),
      );
      expect(graphRank(graph, A, B), `graph rank of ${A.join()} and ${B.join()}`).toBe(rank);
      expect(rankTest(table, { rank, method: "exact" }).rejected).toBe(false);
      if (rank > 1)
        expect(rankTest(table, { rank: rank - 1, method: "exact" }).rejected).toBe(true);
    }
  });
});

interface MetricsCase {
  readonly name: string;
  readonly trueEdges: [string, string][];
  readonly estimatedEdges: [string, string][];
  readonly metrics: {
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    readonly shd: number;
    readonly n_latent_true: number;
    readonly n_latent_est: number;
  };
}
const metrics = load<{ structure: MetricsCase[]; observed: string[] }>("structure_metrics");

describe("golden structure metrics", () => {
  it.each((metrics?.structure ?? []).map((c) => [c.name, c] as const))("%s", (_, c) => {
    const got = structureMetrics(c.trueEdges, c.estimatedEdges, metrics.observed);
    for (const name of ["precision", "recall", "f1", "shd"] as const)
      expectClose(got[name], c.metrics[name], 1e-12);
    expect(got.trueLatents).toBe(c.metrics.n_latent_true);
    expect(got.estimatedLatents).toBe(c.metrics.n_latent_est);
  });
});
