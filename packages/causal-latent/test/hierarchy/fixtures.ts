/** Golden files of this package, from test/fixtures or from the folder that PROVABLY_FIXTURES names. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ArrayInput, type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { expect } from "vitest";
import { type ConceptGraph, type Cpts, conceptGraph } from "../../src/hierarchy/index.js";

const folder = process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("../fixtures", import.meta.url));

/** The file's contents, or undefined where this folder does not have it. */
export function load<T>(name: string): T | undefined {
  const file = join(folder, "causal-latent", `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : undefined;
}

export type Nested = number | readonly Nested[];

export const f64 = (x: Nested): NdArray<"float64"> => array<"float64">(x, { dtype: "float64" });

export const flat = (x: ArrayInput): number[] => [...toTypedArray(array(x, { dtype: "float64" }))];

/** |a − b| ≤ tolerance max(1, |b|). */
export function expectClose(actual: number, golden: number, tolerance: number): void {
  if (!(Math.abs(actual - golden) <= tolerance * Math.max(1, Math.abs(golden)))) expect.fail(`got ${actual}, expected ${golden}`);
}

/** |a − b| ≤ tolerance |b|. */
export function expectRelative(actual: number, golden: number, tolerance: number): void {
  if (!(Math.abs(actual - golden) <= tolerance * Math.abs(golden))) expect.fail(`got ${actual}, expected ${golden}`);
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
  readonly table_X1X2_vs_X3X4: { readonly A: string[]; readonly B: string[]; readonly P: number[][] };
  readonly ranks: readonly { readonly A: string[]; readonly B: string[]; readonly rank: number; readonly sigma: number[] }[];
  readonly skeleton: readonly (readonly [string, string])[];
}

/** A golden graph with its tables; printed digits do not sum to 1 exactly, so that rows are divided by their sums. */
export function modelOf({ parents, states, observed, cpt }: GoldenGraph): { graph: ConceptGraph; cpts: Cpts } {
  return {
    graph: conceptGraph(parents, { states, observed }),
    cpts: Object.fromEntries(Object.entries(cpt).map(([name, table]) => [name, f64(table)])),
  };
}
