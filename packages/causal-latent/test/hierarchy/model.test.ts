import { array, toTypedArray } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  checkIdentifiability,
  collapseStates,
  conceptGraph,
  conceptObservations,
  exactJoint,
  fitHierarchy,
  fromAdjacency,
  graphRank,
  hierarchyPicture,
  inferConcepts,
  intervene,
  isDSeparated,
  noiseLevelCurve,
  presetGraph,
  presetNames,
  randomCpts,
  sampleHierarchy,
  tSeparationRank,
  toAdjacency,
  toDagitty,
  toDot,
  toMermaid,
} from "../../src/hierarchy/index.js";

const flat = (x: Parameters<typeof toTypedArray>[0]): number[] => [...toTypedArray(x)];

describe("graphs", () => {
  it("spell out a cycle", () => {
    expect(() => conceptGraph({ a: ["c"], b: ["a"], c: ["b"] })).toThrow(/cycle: .* → .* → /);
  });

  it("separate at forks and chains, and open at colliders", () => {
    const g = presetGraph("collider");
    expect(isDSeparated(g, ["L1"], ["L2"], [])).toBe(true);
    expect(isDSeparated(g, ["L1"], ["L2"], ["L3"])).toBe(false);
    expect(isDSeparated(g, ["L1"], ["L2"], ["X5"])).toBe(false); // a descendant of the collider
    expect(isDSeparated(g, ["X1"], ["X5"], ["L1"])).toBe(true);
  });

  it("refuse sides that overlap", () => {
    expect(() => graphRank(presetGraph("star"), ["X1"], ["X1", "X2"])).toThrow(/must not overlap/);
  });

  it("tell trek separation from d-separation", () => {
    // the spider: one trek system through L in two directions
    expect(tSeparationRank(presetGraph("cover2"), ["X1", "X2", "X3"], ["X4", "X5", "X6"])).toBe(2);
    expect(graphRank(presetGraph("cover2"), ["X1", "X2", "X3"], ["X4", "X5", "X6"])).toBe(4);
  });

  it("of the presets can all be identified, the collider but for the sufficient condition on colliders", () => {
    for (const name of presetNames) {
      const violated = checkIdentifiability(presetGraph(name)).map(({ condition }) => condition);
      expect(violated, name).toEqual(name === "collider" ? ["colliderSize"] : []);
    }
  });

  it("go to other programs and back", () => {
    const g = presetGraph("diamond");
    const { names, ends } = toAdjacency(g);
    const back = fromAdjacency(names, ends, { observed: g.observed });
    for (const name of names)
      expect([...back.parents[name]!].sort()).toEqual([...g.parents[name]!].sort());
    expect(toDot(g).match(/->/g)).toHaveLength(13);
    expect(toMermaid(g).match(/-->/g)).toHaveLength(13);
    expect(toDagitty(g)).toContain("L2 -> L4");
    expect(hierarchyPicture(g).match(/<line/g)).toHaveLength(13);
    expect(hierarchyPicture(g, { labels: { L1: "<b>" } })).toContain("&lt;b&gt;");
  });
});

describe("models", () => {
  const graph = presetGraph("diamond");
  const cpts = randomCpts(graph, key(1));

  it("have tables that brute force agrees with", () => {
    const names = graph.order;
    const joint = exactJoint(graph, cpts, { variables: names });
    const states = names.map(() => 2);
    for (let cell = 0; cell < 2 ** names.length; cell += 97) {
      const at = states.map((_, axis) => (cell >> (names.length - 1 - axis)) & 1);
      const value = names.reduce(
        (p, name, i) =>
          p * cpts[name]!.get(...graph.parents[name]!.map((q) => at[names.indexOf(q)]!), at[i]!),
        1,
      );
      expect(Math.abs(joint.get(...at) - value)).toBeLessThan(1e-15);
    }
  });

  it("refuse tables that are too large", () => {
    expect(() => exactJoint(graph, cpts, { maxCells: 100 })).toThrow(
      /512 cells is needed, maxCells is 100/,
    );
  });

  it("have posteriors that Bayes' rule agrees with", () => {
    const row = [0, 1, 1, 0, 0, 1, 1, 0, 1];
    const { posteriors, logLikelihoods } = inferConcepts({ graph, cpts }, { data: [row] });
    const joint = exactJoint(graph, cpts, { variables: [...graph.latents, ...graph.observed] });
    const total = Array.from({ length: 16 }, (_, z) =>
      joint.get(...[3, 2, 1, 0].map((b) => (z >> b) & 1), ...row),
    );
    const evidence = total.reduce((s, p) => s + p, 0);
    expect(logLikelihoods.get(0)).toBeCloseTo(Math.log(evidence), 12);
    graph.latents.forEach((_, l) => {
      const mass = total.reduce((s, p, z) => ((z >> (3 - l)) & 1) === 1 ? s + p : s, 0); // prettier-ignore
      expect(posteriors[l]!.get(0, 1)).toBeCloseTo(mass / evidence, 12);
    });
  });

  it("are fitted by steps that never lower the likelihood, up to the truth's or above", () => {
    const sample = sampleHierarchy(graph, cpts, 3000, key(2));
    const path: number[] = [];
    const fit = fitHierarchy(graph, sample, key(3), {
      onProgress: ({ metric }) => path.push(metric),
    });
    for (let i = 1; i < path.length; i++)
      expect(path[i]!).toBeGreaterThanOrEqual(path[i - 1]! - 1e-9 * Math.abs(path[i]!));
    const truth = flat(inferConcepts({ graph, cpts }, sample).logLikelihoods).reduce(
      (s, x) => s + x,
      0,
    );
    expect(fit.logLikelihood).toBeGreaterThan(truth);
    expect(fit.converged).toBe(true);
    // 1 + 2 + 2 + 4 parameters of latents, 2 for each of nine leaves
    expect(fit.numParameters).toBe(27);
  });

  it("fall apart at a variable that is set", () => {
    const set = intervene({ graph, cpts }, { L2: 1 }, { variables: ["L1", "L2"] });
    const free = exactJoint(graph, cpts, { variables: ["L1"] });
    [0, 1].forEach((s) => expect(set.get(s, 1)).toBeCloseTo(free.get(s), 14));
    expect(() => intervene({ graph, cpts }, { L2: 2 })).toThrow(/settings.L2/);
  });

  it("give a variable the same samples whatever else is in the graph", () => {
    const sample = (n: number): number[] =>
      flat(sampleHierarchy(graph, cpts, n, key(4)).data).slice(0, 9);
    expect(sample(10)).toEqual(sample(10));
  });
});

describe("data", () => {
  it("merge states that stand for the same", () => {
    const graph = presetGraph("star", { observedStates: 3 });
    const sample = sampleHierarchy(graph, randomCpts(graph, key(5)), 2000, key(6));
    const { states, maps, losses } = collapseStates(sample, 2);
    expect(states).toEqual([2, 2, 2, 2, 2]);
    expect(maps.every((map) => new Set(map).size === 2)).toBe(true);
    expect(losses.every((loss) => loss < 0.2)).toBe(true);
  });

  it("refuse bad labels by row and column", () => {
    expect(() => collapseStates({ data: [[0, 1], [-1, 0]] }, 2)).toThrow(/-1 in row 1, column X1/); // prettier-ignore
    expect(() => collapseStates({ data: array([], { shape: [0, 3] }) }, 2)).toThrow(
      /at least one row/,
    );
  });

  it("show high-level concepts at high noise and details at low noise", () => {
    // four groups of which two and two are far forbiddenClusters: the coarse split survives noise that hides the fine one
    const fine = Array.from({ length: 400 }, (_, i) => i % 4);
    const { x } = conceptObservations(fine.map((s) => [s >> 1, s & 1]), key(7), { noise: 0.01, blockDims: 2, nuisanceDims: 0 }); // prettier-ignore
    const scaled = Array.from({ length: 400 }, (_, i) =>
      [0, 1, 2, 3].map((j) => (j < 2 ? 6 : 1) * x.get(i, j)),
    );
    const curve = noiseLevelCurve(scaled, [fine.map((s) => s >> 1), fine], [0.01, 0.5], key(8));
    expect(curve[1]![0]).toBeGreaterThan(0.95);
    expect(curve[0]![1]).toBeGreaterThan(curve[1]![1]!);
  });
});
