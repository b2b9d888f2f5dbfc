// Pages in a real browser, for tests: a module is bundled from the sources, served from localhost (WebGPU wants a secure context) and run.
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { build } from "esbuild";

/** Where Chromium is, whether or not there is one. */
export const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why browser tests cannot run here, or undefined. */
export const noBrowser = existsSync(chromium) ? undefined : `there is no Chromium at ${chromium}`;

// a software adapter, pinned, so that machines with a GPU give the same numbers
const FLAGS = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
const QUIET = [
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Headers under which a page may share memory with workers. */
export const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** A page on a site given by its files: `read(path)` is their bytes, or undefined. Returns the page of playwright, its `errors`, and `close`. */
async function openOn(read, { path = "/", headers = {}, ...pageOptions } = {}) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const body = read(
      pathname.endsWith("/") ? `${pathname}index.html` : decodeURIComponent(pathname),
    );
    response.writeHead(body === undefined ? 404 : 200, {
      "content-type": TYPES[/\.\w+$/.exec(pathname)?.[0] ?? ".html"] ?? "application/octet-stream",
      ...headers,
    });
    response.end(body);
  }).listen(0);
  const playwright = await import("playwright-core");
  const browser = await playwright.chromium.launch({
    executablePath: chromium,
    headless: true,
    args: [...FLAGS, ...QUIET],
  });
  const close = async () => {
    await browser.close();
    server.close();
  };
  const page = await browser.newPage(pageOptions);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error));
  await page.goto(`http://localhost:${server.address().port}${path}`);
  return { page, errors, close };
}

/** Opens a page of a built site that lies in `folder`. */
export const openSite = (folder, options) =>
  openOn(
    (path) => (existsSync(`${folder}${path}`) ? readFileSync(`${folder}${path}`) : undefined),
    options,
  );

/** What axe has against the page as it stands: one line for each broken rule, with the first element that breaks it. */
export async function violations(page) {
  await page.evaluate(
    readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
  );
  const found = await page.evaluate(() =>
    globalThis.axe.run(globalThis.document, { resultTypes: ["violations"] }),
  );
  return found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.length} of ${nodes[0].html.slice(0, 200)}`,
  );
}

/**
 * Opens a page that has loaded `entry`, a module whose exports become `window.exported`.
 *
 * `bundle` are options of esbuild beside its usual ones; the page can fetch the files of `folder`; `headers` come with all of it. Returns the page of playwright, and `close`.
 */
export async function openPage(entry, bundle = {}, folder = undefined, headers = {}) {
  const { outputFiles } = await build({
    stdin: {
      contents: `import * as exported from ${JSON.stringify(entry)};\nwindow.exported = exported;`,
      resolveDir: process.cwd(),
      loader: "ts",
    },
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
  const files = {
    "/index.html": '<!doctype html><script type="module" src="main.js"></script>',
    "/main.js": outputFiles[0].contents,
  };
  const inFolder = (path) =>
    folder && existsSync(`${folder}${path}`) ? readFileSync(`${folder}${path}`) : undefined;
  const { page, errors, close } = await openOn((path) => files[path] ?? inFolder(path), {
    headers,
  });
  try {
    await page
      .waitForFunction("window.exported !== undefined", undefined, { timeout: 180_000 })
      .catch((error) => {
        throw errors[0] ?? error;
      });
    return { page, close };
  } catch (error) {
    await close();
    throw error;
  }
}
