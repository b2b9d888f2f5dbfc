import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import { defineConfig } from "vitest/config";
import { codeBlocks, doctest } from "./scripts/doctest.mjs";

const root = fileURLToPath(new URL(".", import.meta.url));
// inside the workspace every package resolves to its sources
const conditions = ["@provably/source", "module", "import", "default"];

const documented = globSync(
  ["README.md", "docs/guides/*.md", "packages/*/README.md", "packages/*/src/**/*.ts"],
  { cwd: root },
).filter((file) => codeBlocks(readFileSync(root + file, "utf8"), file.endsWith(".md")).length > 0);
const goldenCore = "packages/core-tensor/test/golden/*.test.ts";
// the families that have a form on devices
const goldenDevice = [
  "special-values",
  "unary",
  "binary",
  "reduce",
  "matmul",
  "nn",
  "shape",
  "conv",
  "sort",
].map((family) => `packages/core-tensor/test/golden/${family}.test.ts`);
const project = (name, test, rest = {}) => ({ extends: true, ...rest, test: { name, ...test } });
// functions without state need no fresh module for every file: loading them was nine tenths of the time of short ones
const together = (name, test, rest) => project(name, { isolate: false, ...test }, rest);

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // an assertion decides, never the clock: a machine may be six times slower
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // vitest's own choice leaves one core idle, which on two cores is half of the machine
    maxWorkers: availableParallelism(),
    setupFiles: ["scripts/test-setup.mjs"],
    projects: [
      project("unit", { include: ["packages/*/test/**/*.test.ts", "bench/gpu/*.test.mjs"] }),
      // the same golden values on the other executors
      together("golden-js", { include: [goldenCore], env: { PROVABLY_WASM: "off" } }),
      together("golden-simd", { include: [goldenCore], env: { PROVABLY_WASM: "simd" } }),
      together("golden-compiled", { include: [goldenCore], env: { PROVABLY_COMPILED: "on" } }),
      together("golden-recorded", { include: [goldenCore], env: { PROVABLY_RECORDED: "on" } }),
      together("golden-webasm", { include: goldenDevice, env: { PROVABLY_DEVICE: "webasm" } }),
      together("golden-webgpu", { include: goldenDevice, env: { PROVABLY_DEVICE: "webgpu" } }),
      project("browser", {
        include: [
          "packages/*/test/browser/*.browser.test.mjs",
          "docs/playground/*.browser.test.mjs",
        ],
        testTimeout: 300_000,
        hookTimeout: 300_000,
      }),
      together("docs", { include: documented }, { plugins: [doctest(root)] }),
      project("workspace", {
        include: ["scripts/checks/*.test.mjs"],
        testTimeout: 300_000,
        hookTimeout: 300_000,
      }),
      // what users install, the site, and long runs: npm run check:release
      project("release", {
        include: ["scripts/checks/release/*.test.mjs"],
        testTimeout: 300_000,
        hookTimeout: 300_000,
      }),
    ],
  },
});
