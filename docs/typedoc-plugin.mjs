// Equations are rendered while the site is built; this adds KaTeX's style sheet and fonts to it, so that no page asks another host for anything, and
// a link to the playground to every page.
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { JSX, RendererEvent } from "typedoc";

const katex = dirname(createRequire(import.meta.url).resolve("katex/dist/katex.min.css"));

export function load(app) {
  app.renderer.hooks.on("head.end", (context) =>
    JSX.createElement("link", { rel: "stylesheet", href: context.relativeURL("assets/katex/katex.min.css") }),
  );
  app.renderer.hooks.on("pageSidebar.begin", (context) =>
    JSX.createElement("p", null, JSX.createElement("a", { href: context.relativeURL("playground/index.html") }, "Playground")),
  );
  app.renderer.on(RendererEvent.END, ({ outputDirectory }) => {
    const out = join(outputDirectory, "assets", "katex");
    mkdirSync(join(out, "fonts"), { recursive: true });
    copyFileSync(join(katex, "katex.min.css"), join(out, "katex.min.css"));
    for (const font of readdirSync(join(katex, "fonts")).filter((name) => name.endsWith(".woff2")))
      copyFileSync(join(katex, "fonts", font), join(out, "fonts", font));
  });
}
