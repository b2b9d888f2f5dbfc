import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { buildBinaries } from "../../../scripts/build-wasm.mjs";

const committed = (name: string) =>
  readFileSync(new URL(`../../../src/exec/wasm/binaries/${name}`, import.meta.url), "utf8");

describe("the embedded binaries", () => {
  it("are what the AssemblyScript sources compile to", async () => {
    for (const [name, text] of await buildBinaries())
      expect(text === committed(name), `${name} is stale; run scripts/build-wasm.mjs`).toBe(true);
  });

  it("stay under 4 KiB each, the size that may be compiled synchronously everywhere", () => {
    for (const name of [
      "gemm",
      "vecmat",
      "exponential",
      "logarithm",
      "gaussian",
      "softmax",
      "reduce",
    ])
      for (const [, code] of committed(`${name}.ts`).matchAll(/: "([^"]*)"/g))
        expect(Buffer.from(code!, "hex").length, name).toBeLessThan(4096);
  });
});
