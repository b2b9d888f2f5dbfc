// The playground in headless Chromium: every system draws, follows its controls, by keyboard too, fits a phone, and asks no other host for anything.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noBrowser, openSite, violations } from "../../scripts/browser.mjs";
import { catalogue } from "./catalogue.mjs";

const cache = fileURLToPath(new URL("../../.cache/", import.meta.url));
const site = `${cache}playground`;

describe.skipIf(noBrowser)("playground", () => {
  let page;
  let errors;
  let close;
  const elsewhere = [];
  const settled = (id) =>
    page.waitForFunction((wanted) => document.body.dataset.done?.startsWith(wanted), id, {
      timeout: 180_000,
    });

  beforeAll(async () => {
    mkdirSync(cache, { recursive: true });
    const config = fileURLToPath(new URL("./vite.config.mjs", import.meta.url));
    await build({
      configFile: config,
      logLevel: "error",
      build: { outDir: site, emptyOutDir: true },
    });
    ({ page, errors, close } = await openSite(site, { viewport: { width: 390, height: 844 } }));
    page.on("request", (request) => {
      if (!/^(http:\/\/localhost|data:|blob:)/.test(request.url())) elsewhere.push(request.url());
    });
  });
  afterAll(() => close?.());

  it.each(catalogue.map(({ id }) => id))(
    "%s draws a picture that fits a phone and reads well",
    async (id) => {
      await page.evaluate((hash) => (location.hash = hash), id);
      await settled(id);
      expect(await page.textContent("#status")).toBe("");
      expect(
        await page.evaluate(
          () =>
            document.querySelector("#picture").textContent.length +
            document.querySelectorAll("#picture img").length,
        ),
      ).toBeGreaterThan(0);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
        390,
      );
      expect(await violations(page)).toEqual([]);
      await page.screenshot({ path: `${cache}playground-${id}.png`, fullPage: true });
    },
  );

  it("moves the picture with a slider, by keyboard, and keeps the parameters in the address", async () => {
    await page.evaluate(() => (location.hash = "grid-world"));
    await settled("grid-world");
    const before = await page.innerHTML("#picture");
    await page.focus('input[name="radius"]');
    for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowRight");
    await page.waitForFunction(
      (html) => document.querySelector("#picture").innerHTML !== html,
      before,
      { timeout: 180_000 },
    );
    expect(await page.evaluate(() => location.hash)).toMatch(/radius=0\.34/);
    expect(await page.textContent("#certificate")).toMatch(/holds/);
  });

  it("runs a program by WebGPU, here on a software adapter", async () => {
    await page.evaluate(
      () => (location.hash = "compiled-flow?runs=the+GPU%2C+where+there+is+WebGPU&particles=10000"),
    );
    await settled("compiled-flow");
    expect(await page.textContent("#status")).toBe("");
    expect(await page.textContent("#facts")).toMatch(/ran onWebGPU/);
    expect(await page.textContent("#certificate")).toMatch(/holds/);
    await page.screenshot({ path: `${cache}playground-webgpu.png`, fullPage: true });
  });

  it("takes votes by pointer and by keyboard, keeps them in the address, and asks on", async () => {
    const voted = (n) =>
      page.waitForFunction(
        (count) => document.querySelector("#facts dd")?.textContent === String(count),
        n,
        { timeout: 50_000 },
      );
    await page.evaluate(() => (location.hash = "votes"));
    await settled("votes");
    await voted(0);
    const chance = () => page.textContent("#facts dd:nth-of-type(2)");
    const before = Number(await chance());
    const name = (await page.textContent(".choice button:first-child")).trim();
    await page.click(".choice button:first-child");
    await voted(1);
    // the focus stays at the votes
    await page.keyboard.press("Enter");
    await voted(2);
    expect(
      await page.evaluate(() => new URLSearchParams(location.hash.split("?")[1]).get("votes")),
    ).toMatch(/^\d>\d\.\d>\d$/);
    expect(await page.textContent("#certificate")).toMatch(/holds/);
    // ten votes for one picture against every other
    const ids = await page.evaluate(() => location.hash);
    const index = Number(/votes=(\d)/.exec(decodeURIComponent(ids))[1]);
    const many = [0, 1, 2, 3, 4, 5]
      .filter((i) => i !== index)
      .map((i) => `${index}>${i}.${index}>${i}`)
      .join(".");
    await page.evaluate(
      (hash) => (location.hash = hash),
      `votes?votes=${encodeURIComponent(many)}`,
    );
    await voted(10);
    expect(Number(await chance())).toBeGreaterThan(before + 0.3);
    expect(await page.textContent("#picture")).toContain(name);
    await page.click("#picture p button");
    await voted(0);
  });

  it("reaches every system from the keyboard", async () => {
    await page.evaluate(() => document.querySelector("#systems a").focus());
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await settled(catalogue[1].id);
    expect(await page.textContent("h2")).toBe(catalogue[1].title);
  });

  it("says what is wrong in words, and goes on", async () => {
    await page.evaluate(() => (location.hash = "preferences?comparisons=5&seed=3"));
    await settled("preferences");
    await page.evaluate(() => (location.hash = "samplers"));
    await settled("samplers");
    expect(errors).toEqual([]);
    expect(elsewhere).toEqual([]);
  });
});
