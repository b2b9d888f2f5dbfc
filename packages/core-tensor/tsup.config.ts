import { readFileSync, rmSync } from "node:fs";
import { defineConfig } from "tsup";

const common = { format: ["esm", "cjs"], target: "es2022", platform: "neutral" } as const;
// both builds write here, so neither may clean
rmSync("dist", { recursive: true, force: true });
const thirdParty = readFileSync("THIRD-PARTY.md", "utf8");

export default defineConfig([
  {
    ...common,
    entry: {
      index: "src/index.ts",
      random: "src/random/index.ts",
      linalg: "src/linalg/index.ts",
      fft: "src/fft/index.ts",
      eig: "src/eig/index.ts",
      optim: "src/optim/index.ts",
      pinned: "src/pinned/index.ts",
      compile: "src/compile/index.ts",
      gpu: "src/gpu/index.ts",
      io: "src/io/index.ts",
      table: "src/table/index.ts",
      testing: "src/testing/index.ts",
      internal: "src/internal/index.ts",
      ndarray: "src/ndarray/index.ts",
    },
    dts: true,
    sourcemap: true,
    splitting: true,
    esbuildPlugins: [
      {
        // built below: a file of its own, loaded when a device is asked for
        name: "gpu.js apart",
        setup({ onResolve, initialOptions }) {
          const extension = initialOptions.outExtension?.[".js"] === ".cjs" ? "cjs" : "js";
          onResolve({ filter: /\/gpujs\.js$/ }, () => ({
            path: `./gpujs.${extension}`,
            external: true,
          }));
        },
      },
    ],
  },
  {
    ...common,
    entry: { gpujs: "src/compile/gpu/gpujs.ts" },
    noExternal: ["gpu.js"],
    minify: true,
    banner: { js: `/*!\n${thirdParty}*/` },
    esbuildOptions(options) {
      options.mainFields = ["module", "main"];
    },
    esbuildPlugins: [
      {
        // headless WebGL and worker threads, which gpu.js loads where it finds them; neither is used here
        name: "no native modules",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^(gl|os|worker_threads)$/ }, ({ path }) => ({
            path,
            namespace: "absent",
          }));
          onLoad({ filter: /.*/, namespace: "absent" }, ({ path }) => ({
            contents: `throw new Error("${path} is not bundled");`,
          }));
        },
      },
    ],
  },
]);
