// How often the hierarchy is found: recovery rates against sample size, from labels and from continuous data, against the linear baseline.
//   node examples/concept-hierarchy/main.mjs                  3 runs a cell, five minutes of one core
//   node examples/concept-hierarchy/main.mjs --full           20 runs a cell: the numbers of the guide
//   node examples/concept-hierarchy/main.mjs treeDeep …       these graphs alone, or "continuous"; also --runs N
// Every run draws new parameters and new data; the report with curves and tables lies in out/. What was stopped goes on where it was: runs lie in out/runs.json until all are done.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { presetNames } from "@provably/causal-latent/hierarchy";
import { progressBar } from "../tour/lib/progress.mjs";
import { figure, heading, paragraph, renderReport, table } from "../tour/lib/report.mjs";
import {
  GRAPHS,
  SIZES,
  SOURCES,
  continuousPlot,
  fromContinuous,
  untold,
} from "./from-continuous.mjs";
import { storedRuns } from "./stored.mjs";
import { FAMILIES, METHODS, mean, recovery, recoveryPlot } from "./from-labels.mjs";

const { values, positionals: only } = parseArgs({
  options: { full: { type: "boolean", default: false }, runs: { type: "string" } },
  allowPositionals: true,
});
const runs = Number(values.runs ?? (values.full ? 20 : 3));
const unknown = only.filter((name) => name !== "continuous" && !presetNames.includes(name));
if (!Number.isInteger(runs) || runs < 2 || unknown.length > 0) {
  console.error(
    `runs must be an integer of at least 2, and graphs among ${presetNames.join(", ")}, continuous; got ${process.argv.slice(2).join(" ")}`,
  );
  process.exit(1);
}
const wanted = (name) => only.length === 0 || only.includes(name);

const out = fileURLToPath(new URL("./out/", import.meta.url));
mkdirSync(out, { recursive: true });
const stored = storedRuns(`${out}runs.json`);
const started = performance.now();
const sections = [
  paragraph(
    `Each cell: ${runs} runs, each with new random parameters (strength 0.75) and new data. Exact: the whole skeleton, latents matched, is right. Red: generalised independent noise on the labels as numbers; grey: our search on covariances of the same (the linear baseline); yellow: on ranks of probability tables; blue: tables, and structures of several levels compared by BIC.`,
  ),
];

function counted(title, total, work) {
  const bar = progressBar(title, total);
  let done = 0;
  const result = work(() => bar.step(++done));
  bar.finish();
  return result;
}

const percent = ([low, high]) => `${Math.round(100 * low)}–${Math.round(100 * high)} %`;
const cellText = ({ f1, exact, runs: of, interval }) =>
  `${f1.toFixed(2)}  ${exact}/${of} (${percent(interval)})`;

function show(title, plot, file, caption, columns, rows) {
  writeFileSync(`${out}${file}`, plot);
  console.log(`\n${title}: mean F1, exact recoveries with 95 % intervals`);
  for (const row of [columns, ...rows]) console.log(row.join(" | "));
  sections.push(heading(title), figure(plot, caption), table(columns, rows));
}

for (const family of FAMILIES.map((f) => ({ ...f, graphs: f.graphs.filter(wanted) })).filter(
  (f) => f.graphs.length > 0,
)) {
  const { title, graphs, sizes, latentStates } = family;
  const found = counted(title, graphs.length * sizes.length * runs, (step) =>
    recovery(family, runs, stored.of, step),
  );
  const rows = graphs.flatMap((graph) =>
    Object.keys(METHODS).map((method) => [
      `${graph}, ${method}`,
      ...sizes.map((n) =>
        cellText(found.find((c) => c.graph === graph && c.n === n && c.method === method)),
      ),
    ]),
  );
  const caption = "Mean F1 of the skeleton against the number of rows.";
  show(
    title,
    recoveryPlot(found, sizes),
    `recovery-${latentStates}.svg`,
    caption,
    ["graph and method", ...sizes.map((n) => `n = ${n}`)],
    rows,
  );
  for (const method of Object.keys(METHODS)) {
    const own = found.filter((c) => c.method === method);
    const share = Math.round(100 * mean(own.map((c) => c.exact / runs)));
    console.log(
      `all graphs and sizes, ${method}: F1 ${mean(own.map((c) => c.f1)).toFixed(3)}, exact ${share} %`,
    );
  }
}

if (wanted("continuous")) {
  const found = counted("from continuous data", GRAPHS.length * SIZES.length * runs, (step) =>
    fromContinuous(runs, stored.of, step),
  );
  const rows = GRAPHS.flatMap((graph) =>
    SOURCES.map((source) => [
      `${graph}, ${source}`,
      ...SIZES.map((n) => {
        const cell = found.find((c) => c.graph === graph && c.n === n && c.source === source);
        return `${cellText(cell)} Rand ${cell.rand.toFixed(3)}`;
      }),
    ]),
  );
  const caption =
    "Share of exact recoveries against the number of rows. Blue and yellow: from labels learned from blocks of three columns with uniform nuisance, states apart and overlapping; broad and grey: from the true labels.";
  show(
    "from continuous data",
    continuousPlot(found),
    "continuous.svg",
    caption,
    ["graph and labels", ...SIZES.map((n) => `n = ${n}`)],
    rows,
  );
  const tries = Math.min(runs, 5); // slow: every column gets mixtures of its own
  const blind = counted("blocks to be found", tries, (step) => untold(tries, stored.of, step));
  const told = `With blocks and states untold (twoCluster, n = ${blind.n}), ${(100 * blind.f1).toFixed(0)} % of the blocks are found, all of them in ${blind.exact} of ${blind.runs} runs (${percent(blind.interval)}).`;
  console.log(told);
  sections.push(paragraph(told));
}
stored.forget();
const seconds = (performance.now() - started) / 1000;
writeFileSync(
  `${out}report.html`,
  renderReport([
    { name: "recovery", title: "How often the hierarchy is found", sections, seconds },
  ]),
);
console.log(`\n${seconds.toFixed(0)} s. The report is in ${out}report.html`);
