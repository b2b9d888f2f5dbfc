// Module workers in headless Chromium: the bits of the page itself, by workers that serve a task and by workers that load it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { noBrowser, openPage } from "../../../../scripts/browser.mjs";

const file = (name) => fileURLToPath(new URL(name, import.meta.url));

describe.skipIf(noBrowser)("workers in Chromium", () => {
  it("give the bits of the page, audit each other, and a worker that cannot be loaded is reported", async () => {
    const folder = mkdtempSync(join(tmpdir(), "workers-"));
    const bundle = { bundle: true, format: "esm", platform: "neutral", mainFields: ["module", "main"], conditions: ["@provably/source", "import"], minify: true, external: ["gl", "os", "worker_threads"] }; // prettier-ignore
    const serving = `import { serve } from "@provably/sweep"; import task from ${JSON.stringify(file("./pure.task.mjs"))}; serve(task);`;
    await build({ ...bundle, stdin: { contents: serving, resolveDir: process.cwd() }, outfile: join(folder, "worker.js") }); // prettier-ignore
    await build({ ...bundle, entryPoints: [file("../../src/engines/page.ts")], outfile: join(folder, "page.js") }); // prettier-ignore
    writeFileSync(join(folder, "pure.task.mjs"), readFileSync(file("./pure.task.mjs")));
    const { page, close } = await openPage(file("./workers.page.ts"), { minify: true }, folder);
    try {
      const found = await page.evaluate(() => globalThis.exported.compare());
      expect(found).toMatchObject({ served: true, loaded: true, holds: true, broken: ["ERR_WORKER_LOST"] }); // prettier-ignore
      expect(found.note).toMatch(/^\d\d of 80 tasks audited, 0 disagreements/);
    } finally {
      await close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
