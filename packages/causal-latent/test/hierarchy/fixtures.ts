/** Golden files of this package, from test/fixtures or from the folder that PROVABLY_FIXTURES names. */
import { expect } from "vitest";
import { type Nested, f64, goldenFiles } from "../../../../scripts/testing/golden.js";
import { type ConceptGraph, type Cpts, conceptGraph } from "../../src/hierarchy/index.js";

export { type Nested, f64, flat } from "../../../../scripts/testing/golden.js";

export const load = goldenFiles(new URL("../fixtures", import.meta.url), "causal-latent");

/** |a − b| ≤ tolerance max(1, |b|). */
export function expectClose(actual: number, golden: number, tolerance: number): void {
  if (!(Math.abs(actual - golden) <= tolerance * Math.max(1, Math.abs(golden))))
    expect.fail(`got ${actual}, expected ${golden}`);
}

/** |a − b| ≤ tolerance |b|. */
export function expectRelative(actual: number, golden: number, tolerance: number): void {
  if (!(Math.abs(actual - golden) <= tolerance * Math.abs(golden)))
    expect.fail(`got ${actual}, expected ${golden}`);
}

export interface GoldenGraph {
  readonly name: string;
  readonly latentStates: number;
  readonly observedStates: number;
  readonly parents: Record<string, string[]>;
  readonly states: Record<string, number>;
  readonly observed: string[];
  readonly cpt: Record<string, Nested>;
  readonly jointEntropyNats: number;
  readonly table_X1X2_vs_X3X4: {
    readonly A: string[];
    readonly B: string[];
    readonly P: number[][];
  };
  readonly ranks: readonly {
    readonly A: string[];
    readonly B: string[];
    readonly rank: number;
    readonly sigma: number[];
  }[];
  readonly skeleton: readonly (readonly [string, string])[];
}

/** A golden graph with its tables; printed digits do not sum to 1 exactly, so that rows are divided by their sums. */
export function modelOf({ parents, states, observed, cpt }: GoldenGraph): {
  graph: ConceptGraph;
  cpts: Cpts;
} {
  return {
    graph: conceptGraph(parents, { states, observed }),
    cpts: Object.fromEntries(Object.entries(cpt).map(([name, table]) => [name, f64(table)])),
  };
}
