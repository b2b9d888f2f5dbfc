import { defineConfig } from "tsup";

export default defineConfig({
  entry: { griffin: "src/griffin/index.ts", mim: "src/mim/index.ts" },
  format: ["esm", "cjs"],
  dts: true,
  sourcemap: true,
  clean: true,
  target: "es2022",
  platform: "neutral",
  splitting: true,
});
