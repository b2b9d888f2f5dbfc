// Pages in a real browser, for tests: a module is bundled from the sources, served from localhost (WebGPU wants a secure context) and run.
import { createServer } from "node:http";
import { existsSync } from "node:fs";
import { build } from "esbuild";

/** Where Chromium is, whether or not there is one. */
export const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why browser tests cannot run here, or undefined. */
export const noBrowser = existsSync(chromium) ? undefined : `there is no Chromium at ${chromium}`;

// a software adapter, pinned, so that machines with a GPU give the same numbers
const FLAGS = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
const QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

/**
 * Opens a page that has loaded `entry`, a module whose exports become `window.exported`.
 *
 * `bundle` are options of esbuild beside its usual ones. Returns the page of playwright, and `close`.
 */
export async function openPage(entry, bundle = {}) {
  const { outputFiles } = await build({
    stdin: { contents: `import * as exported from ${JSON.stringify(entry)};\nwindow.exported = exported;`, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["@provably/source", "import"],
    // gpu.js asks for them inside `try`
    external: ["gl", "os", "worker_threads"],
    logLevel: "silent",
    ...bundle,
  });
  const server = createServer((request, response) => {
    const script = request.url === "/main.js";
    response.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" });
    response.end(script ? outputFiles[0].contents : '<!doctype html><script type="module" src="main.js"></script>');
  }).listen(0);
  const playwright = await import("playwright-core");
  const browser = await playwright.chromium.launch({ executablePath: chromium, headless: true, args: [...FLAGS, ...QUIET] });
  const close = async () => {
    await browser.close();
    server.close();
  };
  try {
    const page = await browser.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error));
    await page.goto(`http://localhost:${server.address().port}/`);
    await page.waitForFunction("window.exported !== undefined", undefined, { timeout: 30_000 }).catch((error) => {
      throw errors[0] ?? error;
    });
    return { page, close };
  } catch (error) {
    await close();
    throw error;
  }
}
