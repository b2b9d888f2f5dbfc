// Workers in headless Chromium: on a cross-origin isolated page they take their share, elsewhere the page computes by itself.
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ISOLATED, noBrowser, openPage } from "../../../../scripts/browser.mjs";

const entry = fileURLToPath(new URL("./threads.page.ts", import.meta.url));

describe.skipIf(noBrowser)("threads in Chromium", () => {
  const run = async (headers, threads) => {
    const { page, close } = await openPage(entry, { minify: true }, undefined, headers);
    const result = await page.evaluate((n) => globalThis.exported.onThreads(n), threads);
    await close();
    return result;
  };

  it.each([2, 3])("%i give the bits of one on an isolated page", async (threads) => {
    const told = `WebAssembly SIMD on ${threads} threads, ${threads} of them up`;
    expect(await run(ISOLATED, threads)).toEqual({ isolated: true, same: true, told });
  });

  it("stay with the page where memory cannot be shared", async () => {
    expect(await run({}, 2)).toEqual({ isolated: false, same: true, told: "WebAssembly SIMD" });
  });
});
