import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  publicDir: false,
  assetsInclude: ["**/*.safetensors"],
  build: {
    outDir: fileURLToPath(new URL("../site/playground", import.meta.url)),
    emptyOutDir: true,
    chunkSizeWarningLimit: 2000,
  },
  worker: { format: "es" },
  resolve: { conditions: ["@provably/source", "module", "browser", "import", "default"] },
});
