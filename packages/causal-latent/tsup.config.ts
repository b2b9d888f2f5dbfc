import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    hierarchy: "src/hierarchy/index.ts",
    matte: "src/matte/index.ts",
  },
  format: ["esm", "cjs"],
  dts: true,
  sourcemap: true,
  clean: true,
  target: "es2022",
  platform: "neutral",
  splitting: true,
});
