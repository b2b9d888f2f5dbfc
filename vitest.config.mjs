import { defineConfig } from "vitest/config";
const conditions = ["@provably/source", "module", "import", "default"];
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ["packages/*/test/**/*.test.ts"] },
});
