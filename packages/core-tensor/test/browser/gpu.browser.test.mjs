// Devices in headless Chromium, from the sources as they are and minified with names kept, which would break kernels made from functions.
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noBrowser, openPage } from "../../../../scripts/browser.mjs";
import { checks } from "./gpu.page.ts";

const entry = fileURLToPath(new URL("./gpu.page.ts", import.meta.url));

describe.skipIf(noBrowser).each([
  ["bundled", {}],
  ["bundled, minified, names kept", { minify: true, keepNames: true }],
])("devices in Chromium, %s", (_, bundle) => {
  let opened;
  beforeAll(async () => {
    opened = await openPage(entry, bundle);
  });
  afterAll(() => opened?.close());

  it.each(Object.keys(checks))("%s", async (name) => {
    const outcome = await opened.page.evaluate(
      (check) =>
        globalThis.exported.checks[check]().then(
          () => "holds",
          (error) => `${error.name}: ${error.message}`,
        ),
      name,
    );
    expect(outcome).toBe("holds");
  });
});
