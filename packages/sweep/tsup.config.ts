import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    node: "src/node/index.ts",
    thread: "src/node/thread.ts",
    page: "src/engines/page.ts",
    "provably-worker": "src/worker/main.ts",
  },
  format: ["esm", "cjs"],
  dts: { entry: { index: "src/index.ts" } },
  sourcemap: true,
  clean: true,
  target: "es2022",
  platform: "neutral",
  splitting: true,
  shims: true,
  external: [/^node:/, "piscina", "bullmq", "ioredis"],
});
