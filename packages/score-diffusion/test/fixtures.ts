/** Golden files of this package, from test/fixtures or from the folder that PROVABLY_FIXTURES names. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { expect } from "vitest";
import { type GaussianMixture, gaussianMixture } from "../src/index.js";

const folder = process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("./fixtures", import.meta.url));

/** The file's contents, or undefined where this folder does not have it. */
export function load<T>(name: string): T | undefined {
  const file = join(folder, "score-diffusion", `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : undefined;
}

export type Nested = number | readonly Nested[];

export const f64 = (x: Nested): NdArray => array(x as number[], { dtype: "float64" });

export interface GoldenMixture {
  readonly weights: number[];
  readonly means: number[][];
  readonly covs: number[][][];
}

export function mixtureOf({ weights, means, covs }: GoldenMixture): GaussianMixture {
  return gaussianMixture({ weights: f64(weights), means: f64(means), covariances: f64(covs) });
}

function flatten(x: Nested): number[] {
  return typeof x === "number" ? [x] : x.flatMap(flatten);
}

/** |a − b| ≤ atol + rtol |b| everywhere. */
export function expectNear(actual: NdArray | readonly number[], golden: Nested, rtol = 1e-10, atol = rtol): void {
  const a = Array.isArray(actual) ? (actual as number[]) : [...toTypedArray(actual as NdArray)];
  const b = flatten(golden);
  expect(a.length).toBe(b.length);
  b.forEach((value, i) => {
    if (!(Math.abs(a[i]! - value) <= atol + rtol * Math.abs(value))) expect.fail(`element ${i} is ${a[i]}, expected ${value}`);
  });
}
