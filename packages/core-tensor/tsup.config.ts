import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    random: "src/random/index.ts",
    linalg: "src/linalg/index.ts",
    optim: "src/optim/index.ts",
    pinned: "src/pinned/index.ts",
    compile: "src/compile/index.ts",
    io: "src/io/index.ts",
    testing: "src/testing/index.ts",
    ndarray: "src/ndarray/index.ts",
  },
  format: ["esm", "cjs"],
  dts: true,
  sourcemap: true,
  clean: true,
  target: "es2022",
  platform: "neutral",
  splitting: true,
});
