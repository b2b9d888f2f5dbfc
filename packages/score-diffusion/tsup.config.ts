import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    samplers: "src/samplers/index.ts",
    baselines: "src/baselines/index.ts",
  },
  format: ["esm", "cjs"],
  dts: true,
  sourcemap: true,
  clean: true,
  target: "es2022",
  platform: "neutral",
  splitting: true,
});
