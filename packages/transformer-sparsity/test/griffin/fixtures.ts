/** Golden files of GRIFFIN and the models, from test/fixtures or from the folder that PROVABLY_FIXTURES names. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

export const folder = join(
  process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("../fixtures", import.meta.url)),
  "griffin",
);

/** A golden file; one that is absent fails the test. */
export function load<T>(name: string): T {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as T;
}

/** Folders of the tiny models. */
export const modelNames = readdirSync(join(folder, "models"));
export const modelFolder = (name: string): string => join(folder, "models", name);

/** The model of the examples, trained on public-domain text. */
export const textModel = fileURLToPath(
  new URL("../../../../examples/models/tiny-llama-text/", import.meta.url),
);

/** |a − b| ≤ tolerance everywhere. */
export function expectNear(
  actual: ArrayLike<number>,
  golden: ArrayLike<number>,
  tolerance: number,
  relative = 0,
): void {
  expect(actual.length).toBe(golden.length);
  for (let i = 0; i < golden.length; i++)
    if (!(Math.abs(actual[i]! - golden[i]!) <= tolerance + relative * Math.abs(golden[i]!)))
      expect.fail(`element ${i} is ${actual[i]}, expected ${golden[i]}`);
}
