import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  adjustedRandIndex,
  conceptObservations,
  factorStates,
  learnConcepts,
  presetGraph,
  randomCpts,
  sampleHierarchy,
} from "../../src/hierarchy/index.js";
import { load } from "./fixtures.js";

interface Golden {
  readonly blocks: number[][];
  readonly states: number[];
  readonly x: number[][];
  readonly labels: number[][];
}
const golden = load<Golden>("concepts");
const column = (
  data: { readonly get: (i: number, j: number) => number; readonly shape: readonly number[] },
  j: number,
): number[] => Array.from({ length: data.shape[0]! }, (_, i) => data.get(i, j));

describe("golden concepts", () => {
  it.each(["mixture", "connected"] as const)("finds three states a block, %s", (method) => {
    const { x, blocks, states, labels } = golden;
    const found = learnConcepts(x, key(0), { blocks, method });
    expect(found.states).toEqual(states);
    blocks.forEach((_, j) =>
      expect(
        adjustedRandIndex(
          column(found.data, j),
          labels.map((row) => row[j]!),
        ),
      ).toBeGreaterThanOrEqual(0.99),
    );
  });

  it("finds the blocks", () => {
    expect(learnConcepts(golden.x, key(0)).blocks.map((b) => b.join()).sort()).toEqual(golden.blocks.map((b) => b.join()).sort()); // prettier-ignore
  });
});

describe("learnConcepts", () => {
  const graph = presetGraph("twoCluster");
  const sample = sampleHierarchy(graph, randomCpts(graph, key(3)), 700, key(4));

  it.each([2.5, 1.1])(
    "merges the pieces that mixtures make of uniform nuisance, separation %d",
    (separation) => {
      const { x, blocks } = conceptObservations(sample.data, key(5), { separation });
      const found = learnConcepts(x, key(6), { blocks, states: 2 });
      expect(Math.max(...found.components)).toBeGreaterThan(2);
      for (let j = 0; j < 6; j++)
        expect(
          adjustedRandIndex(column(found.data, j), column(sample.data, j)),
        ).toBeGreaterThanOrEqual(0.98);
    },
  );

  it("finds the number of states", () => {
    const { x, blocks } = conceptObservations(sample.data, key(5));
    expect(learnConcepts(x, key(6), { blocks }).states).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it("gives the same bits for the same key", () => {
    const { x, blocks } = conceptObservations(sample.data, key(5));
    const run = (): string => learnConcepts(x, key(6), { blocks, states: 2, merge: "none" }).posteriors.map((p) => p.data.join()).join(";"); // prettier-ignore
    expect(run()).toBe(run());
  });

  it("factors joint states of components that move their own coordinates", () => {
    const labels = Array.from({ length: 600 }, (_, i) => [i % 2, (i >> 1) % 3]);
    const { x } = conceptObservations(labels, key(7), { separation: 5, mixing: "dense" });
    const found = learnConcepts(x, key(8), { mode: "joint", states: [2, 3] });
    [0, 1].forEach((j) => expect(adjustedRandIndex(column(found.data, j), labels.map((row) => row[j]!))).toBe(1)); // prettier-ignore
  });

  it("refuses joint states that form no grid", () => {
    expect(() => factorStates([[0, 0], [0, 1], [5, 0], [9, 9]], [2, 2])).toThrow(/factorStates: no grid/); // prettier-ignore
  });

  it("names what is wrong with its input", () => {
    expect(() => learnConcepts([[1, NaN], [2, 3]], key(0))).toThrow(/row 0, column 1/); // prettier-ignore
    expect(() => learnConcepts([[1, 3], [2, 3]], key(0))).toThrow(/column 1 of x is constant/); // prettier-ignore
    expect(() => learnConcepts([[1, 2], [2, 3]], key(0), { blocks: [[0], [2]] })).toThrow(/blocks\[1\]/); // prettier-ignore
  });
});
