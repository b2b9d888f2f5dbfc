// What the documentation site has beyond TypeDoc's own theme: rendered equations, the playground, the sources, and pages that a screen reader finds its way in.
// Everything lies in the site, so that no page asks another host for anything.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import { JSX, PageEvent, RendererEvent } from "typedoc";

const root = fileURLToPath(new URL("../", import.meta.url));
const katex = dirname(createRequire(import.meta.url).resolve("katex/dist/katex.min.css"));

export function load(app) {
  app.renderer.hooks.on("head.end", (context) =>
    JSX.createElement("link", {
      rel: "stylesheet",
      href: context.relativeURL("assets/katex/katex.min.css"),
    }),
  );
  app.renderer.hooks.on("pageSidebar.begin", (context) =>
    JSX.createElement(
      "p",
      null,
      JSX.createElement("a", { href: context.relativeURL("playground/index.html") }, "Playground"),
    ),
  );
  app.renderer.on(RendererEvent.BEGIN, ({ project }) => {
    for (const reflection of Object.values(project.reflections)) linkSources(reflection);
    for (const document of project.documents ?? []) document.name = titleOf(document);
  });
  app.renderer.on(PageEvent.END, (page) => {
    page.contents = accessible(withoutSecondTitle(page.contents));
  });
  app.renderer.on(RendererEvent.END, ({ outputDirectory }) => {
    copyEquationStyle(join(outputDirectory, "assets", "katex"));
    writeSources(join(outputDirectory, "source"));
  });
}

/** Leads "Defined in" to the page of the source; every page of the interface lies one folder deep. */
function linkSources(reflection) {
  let owner = reflection;
  while (owner && !owner.name.startsWith("@provably/")) owner = owner.parent;
  // inherited from TypeScript's own library or Node's: not ours to show
  reflection.sources = reflection.sources?.filter(
    ({ fileName }) => !fileName.includes("node_modules"),
  );
  for (const source of reflection.sources ?? []) {
    // relative to its own package, unless it comes from another one
    const [name, path] = /([\w-]+)\/src\/(.+)$/.exec(source.fileName)?.slice(1) ?? [
      owner.name.slice("@provably/".length),
      source.fileName,
    ];
    source.fileName = `packages/${name}/src/${path}`;
    source.url = `../source/${source.fileName}.html#L${source.line}`;
  }
}

/** Pages have their addresses by now, after their files; to a reader they go by the folder's name and their first line. */
function titleOf({ name, content }) {
  const folder = { guides: "Guides", adr: "Decisions" }[name.split("/")[0]];
  const [title] = content[0].text.split("\n");
  return `${folder}/${title.replace(/^# /, "").replaceAll("`", "")}`;
}

/** A page made from a text begins with the title of that text, without the trail or the name of the project that the theme puts above it. */
function withoutSecondTitle(html) {
  return /<div class="tsd-panel tsd-typography">\s*<h1/.test(html)
    ? html.replace(/<div class="tsd-page-title">[^]*?<\/div>/, "")
    : html;
}

/** The default theme names no landmarks, skips levels of headings, and puts links inside the buttons that fold a section. */
function accessible(html) {
  let level = 0;
  return html
    .replace('<div class="col-content">', '<div class="col-content" role="main">')
    .replace(
      '<div class="page-menu">',
      '<div class="page-menu" role="navigation" aria-label="On this page">',
    )
    .replaceAll(/<summary[^]*?<\/summary>/g, (summary) =>
      summary.replaceAll(/<a [^>]*tsd-anchor-icon[^]*?<\/a>/g, ""),
    )
    .replaceAll("<pre>", '<pre tabindex="0">')
    .replaceAll(/<table[^]*?<\/table>/g, (table) => `<div class="wide" tabindex="0">${table}</div>`)
    .replaceAll('<span class="katex-display">', '<span class="katex-display" tabindex="0">')
    .replaceAll(/<h([1-6])\b/g, (heading, own) => {
      const shown = Math.min(Number(own), level + 1);
      level = shown;
      return shown === Number(own) ? heading : `${heading} aria-level="${shown}"`;
    });
}

function copyEquationStyle(out) {
  mkdirSync(join(out, "fonts"), { recursive: true });
  copyFileSync(join(katex, "katex.min.css"), join(out, "katex.min.css"));
  for (const font of readdirSync(join(katex, "fonts")).filter((name) => name.endsWith(".woff2")))
    copyFileSync(join(katex, "fonts", font), join(out, "fonts", font));
}

/** One page for each source file, with an anchor for each line: what "Defined in" leads to. */
function writeSources(folder) {
  const escape = (text) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
  for (const path of globSync("packages/*/src/**/*.ts", { cwd: root })) {
    const lines = readFileSync(root + path, "utf8")
      .trimEnd()
      .split("\n");
    const numbered = lines
      .map((line, i) => `<span id="L${i + 1}">${escape(line)}\n</span>`)
      .join("");
    const up = "../".repeat(path.split("/").length);
    const page = join(folder, `${path}.html`);
    mkdirSync(dirname(page), { recursive: true });
    writeFileSync(
      page,
      `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${basename(path)}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="${up}assets/custom.css"><body class="source">
<header><a href="${up}index.html">provably</a></header><main><h1>${path}</h1><pre tabindex="0">${numbered}</pre></main></body></html>\n`,
    );
  }
}
