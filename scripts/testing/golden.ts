/** What tests of several packages need to compare with golden files. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ArrayInput, type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { expect } from "vitest";

/**
 * Reads `<topic>/<name>.json` from a package's test/fixtures, or from the folder that
 * PROVABLY_FIXTURES names. A file that is absent fails the test: what is not compared is not known.
 */
export function goldenFiles(fixtures: URL, topic: string): <T>(name: string) => T {
  const folder = join(process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(fixtures), topic);
  return <T>(name: string) => {
    const file = join(folder, `${name}.json`);
    if (!existsSync(file)) throw new Error(`golden file ${topic}/${name}.json is absent`);
    return JSON.parse(readFileSync(file, "utf8")) as T;
  };
}

export type Nested = number | readonly Nested[];

export const f64 = (x: Nested): NdArray<"float64"> => array<"float64">(x, { dtype: "float64" });

export const flat = (x: ArrayInput): number[] => [...toTypedArray(array(x, { dtype: "float64" }))];

/** |a − b| ≤ atol + rtol |b| everywhere. */
export function expectNear(actual: ArrayInput, golden: ArrayInput, rtol = 1e-8, atol = rtol): void {
  const [a, b] = [flat(actual), flat(golden)];
  expect(a.length).toBe(b.length);
  b.forEach((value, i) => {
    if (!(Math.abs(a[i]! - value) <= atol + rtol * Math.abs(value)))
      expect.fail(`element ${i} is ${a[i]}, expected ${value}`);
  });
}
