// The documentation site: it builds without a warning, its pages lead nowhere that is not there, and a screen reader finds its way in them.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import { build } from "vite";
import { describe, expect, it } from "vitest";
import { noBrowser, openSite, violations } from "../../browser.mjs";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const site = `${root}.cache/site`;
const DESK = { width: 1280, height: 720 };
const PHONE = { width: 390, height: 844 };

describe("documentation site", () => {
  it("builds without a warning", () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        `${root}node_modules/typedoc/bin/typedoc`,
        "--treatWarningsAsErrors",
        "--cleanOutputDir",
        "--out",
        site,
      ],
      { cwd: root, encoding: "utf8" },
    );
    expect(status, `${stdout}${stderr}`.slice(-4000)).toBe(0);
  });

  it("has a playground", async () => {
    await build({
      configFile: `${root}docs/playground/vite.config.mjs`,
      logLevel: "error",
      build: { outDir: `${site}/playground`, emptyOutDir: true },
    });
    expect(existsSync(`${site}/playground/index.html`)).toBe(true);
  });

  it("links only to pages that exist, and loads nothing from elsewhere", () => {
    const wrong = [];
    for (const page of globSync("**/*.html", { cwd: site })) {
      const html = readFileSync(join(site, page), "utf8");
      for (const [, target] of html.matchAll(/(?:href|src)="([^"#]*)[^"]*"/g)) {
        if (target === "" || /^(https?:|mailto:|data:)/.test(target)) continue;
        if (!existsSync(join(site, dirname(page), decodeURIComponent(target))))
          wrong.push(`${page}: ${target}`);
      }
      for (const [tag] of html.matchAll(
        /<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)="(?:https?:)?\/\/[^>]*>/g,
      ))
        wrong.push(`${page}: ${tag}`);
    }
    expect(wrong).toEqual([]);
  });

  // every page of one kind is made by the same template, and the tree beside it is the same on all: looked at once; RUN_SLOW looks at all pages
  it.skipIf(noBrowser)(
    "is accessible, as far as axe can tell, and fits a phone",
    async () => {
      const pages = globSync("**/*.html", { cwd: site }).sort();
      const kinds = new Set(pages.map((path) => path.split("/")[0]));
      const found = [];
      const { page, close } = await openSite(`${site}/`);
      const base = page.url();
      const look = async (tab, path, tree) => {
        await tab.goto(base + path);
        if (!tree)
          await tab.evaluate(() =>
            globalThis.document.getElementById("tsd-nav-container")?.replaceChildren(),
          );
        for (const violation of await violations(tab)) found.push(`${path}: ${violation}`);
        await tab.setViewportSize(PHONE);
        const width = await tab.evaluate(() => globalThis.document.documentElement.scrollWidth);
        if (width > PHONE.width)
          found.push(`${path}: ${width} pixels wide on a phone of ${PHONE.width}`);
        await tab.setViewportSize(DESK);
      };
      try {
        for (const [i, kind] of [...kinds].entries()) {
          const [first, ...others] = pages.filter((path) => path.split("/")[0] === kind);
          // a tab for each kind: memory grows from page to page
          const tab = await page.context().browser().newPage();
          await look(tab, first, i === 0);
          if (process.env.RUN_SLOW) for (const path of others) await look(tab, path, false);
          await tab.close();
        }
      } finally {
        await close();
      }
      expect(found).toEqual([]);
    },
    process.env.RUN_SLOW ? 3_600_000 : 300_000,
  );
});
