// The tour: every package at work on real inputs, in one report with pictures.
//   npm start                      all chapters
//   npm start -- score-diffusion   one chapter
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { causalLatent } from "./chapters/causal-latent.mjs";
import { rlhfVpo } from "./chapters/rlhf-vpo.mjs";
import { robustRl } from "./chapters/robust-rl.mjs";
import { scoreDiffusion } from "./chapters/score-diffusion.mjs";
import { transformerSparsity } from "./chapters/transformer-sparsity.mjs";
import { progressBar } from "./lib/progress.mjs";
import { renderReport } from "./lib/report.mjs";

const chapters = [scoreDiffusion, robustRl, rlhfVpo, transformerSparsity, causalLatent];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !chapters.some((chapter) => chapter.name === name));
if (unknown.length > 0) {
  console.error(
    `No chapter named ${unknown.join(", ")}. There ${chapters.length === 1 ? "is" : "are"}: ${chapters.map((c) => c.name).join(", ")}.`,
  );
  process.exit(1);
}

const out = fileURLToPath(new URL("./out/", import.meta.url));
mkdirSync(out, { recursive: true });
const written = [];
for (const chapter of chapters.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  console.log(`\n${chapter.title}`);
  const started = performance.now();
  const sections = await chapter.run({
    progress: progressBar,
    savePng: (name, png) => writeFileSync(`${out}${name}`, png),
  });
  written.push({ ...chapter, sections, seconds: (performance.now() - started) / 1000 });
}

const report = `${out}report.html`;
writeFileSync(report, renderReport(written));
console.log(`\nThe report, with all pictures, is in ${report}`);
