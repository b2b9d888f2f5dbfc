// A language model in headless Chromium: fetched, written with, full and sparse, and the same texts as in Node.
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateTokens, loadModel, loadTokenizer } from "@provably/transformer-sparsity/griffin";
import { noBrowser, openPage } from "../../../../scripts/browser.mjs";

const entry = fileURLToPath(new URL("./griffin.page.ts", import.meta.url));
const folder = fileURLToPath(
  new URL("../../../../examples/models/tiny-llama-text", import.meta.url),
);
const PROMPT = "In the beginning God created the heaven and the";

describe.skipIf(noBrowser)("a language model in Chromium", () => {
  let opened;
  let written;
  beforeAll(async () => {
    opened = await openPage(entry, {}, folder);
    written = await opened.page.evaluate(
      ([prompt]) => globalThis.exported.write(globalThis.location.origin, prompt),
      [PROMPT],
    );
  });
  afterAll(() => opened?.close());

  it("writes what it writes in Node, with all neurons and with half of them", async () => {
    const [model, tokenizer] = [await loadModel(folder), await loadTokenizer(folder)];
    const write = (options) =>
      tokenizer.decode(
        [...generateTokens(model, tokenizer.encode(PROMPT), { maxNewTokens: 48, ...options })].map(
          ({ token }) => token,
        ),
      );
    // instruction sets differ in last bits, which may turn a token whose rival is as likely: the first dozen words do
    const start = (text) => text.slice(0, 60);
    expect(start(written.full.text)).toBe(start(write({})));
    expect(start(written.sparse.text)).toBe(
      start(write({ sparsity: { kind: "griffin", density: 0.5 } })),
    );
  });

  it("streams, certifies, and says how fast it was", () => {
    const { full, sparse, certified } = written;
    expect(certified).toBe(true);
    expect(full.pieces).toBeGreaterThan(20);
    expect(full.tokensPerSecond).toBeGreaterThan(20);
    expect(sparse.tokensPerSecond).toBeGreaterThan(20);
    console.info(
      `tokens a second in Chromium: ${full.tokensPerSecond.toFixed(0)} full, ${sparse.tokensPerSecond.toFixed(0)} at 50 %`,
    );
  });
});
