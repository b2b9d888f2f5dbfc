/** Golden files of mim, from test/fixtures or from the folder that PROVABLY_FIXTURES names. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { expect } from "vitest";

const folder = process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("../fixtures", import.meta.url));

/** The file's contents, or undefined where this folder does not have it. */
export function load<T>(name: string): T | undefined {
  const file = join(folder, "mim", `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : undefined;
}

export type Nested = number | readonly Nested[];

export const f64 = (x: Nested): NdArray => array(x as number[], { dtype: "float64" });

export function flat(x: NdArray | Nested): number[] {
  if (typeof x === "number") return [x];
  return Array.isArray(x) ? (x as Nested[]).flatMap(flat) : [...toTypedArray(x as NdArray)];
}

/** |a − b| ≤ tolerance (1 + |b|) everywhere. */
export function expectNear(actual: NdArray | Nested, golden: NdArray | Nested, tolerance: number): void {
  const [a, b] = [flat(actual), flat(golden)];
  expect(a.length).toBe(b.length);
  b.forEach((value, i) => {
    if (!(Math.abs(a[i]! - value) <= tolerance * (1 + Math.abs(value)))) expect.fail(`element ${i} is ${a[i]!}, expected ${value}`);
  });
}
