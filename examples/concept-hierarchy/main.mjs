// How often the hierarchy is found: recovery rates against sample size, from labels and from continuous data, against the linear baseline.
//   node examples/concept-hierarchy/main.mjs [runs] [graph …]
// Every run draws new parameters and new data. About ten minutes with 10 runs on one core; the report lies in out/.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  adjustedRandIndex,
  conceptObservations,
  discoverHierarchy,
  learnConcepts,
  presetGraph,
  presetNames,
  randomCpts,
  sampleHierarchy,
  structureMetrics,
} from "@provably/causal-latent/hierarchy";
import { Plot, plotSvg } from "../tour/lib/plot.mjs";
import { progressBar } from "../tour/lib/progress.mjs";
import { figure, heading, paragraph, renderReport, table } from "../tour/lib/report.mjs";

const RUNS = Number(process.argv[2] ?? 10);
if (!Number.isInteger(RUNS) || RUNS < 2) {
  console.error(`runs must be an integer of at least 2, got ${process.argv[2]}`);
  process.exit(1);
}

const ONLY = process.argv.slice(3);

/** The three contestants: all search the same way, and differ in the question they ask. */
const METHODS = {
  "linear ranks": { featureCoding: "gaussian" },
  "table ranks": { refine: false },
  "table ranks and BIC": {},
};

/** Two families: binary latents, where covariances of binary codes still carry trees; and latents of three states, where they do not. */
const FAMILIES = [
  { title: "binary latents, binary observed variables", latentStates: 2, observedStates: 2, graphs: presetNames, sizes: [500, 2000, 10_000, 50_000] },
  { title: "latents and observed variables of three states", latentStates: 3, observedStates: 3, graphs: ["star", "twoCluster", "tree3", "chain", "collider"], sizes: [1000, 5000, 20_000] }, // prettier-ignore
];

const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;
const halfWidth = (x) => (1.96 * Math.sqrt(mean(x.map((v) => (v - mean(x)) ** 2)))) / Math.sqrt(x.length - 1);

/** Wilson's 95 % interval of a share. */
function wilson(hits, n) {
  const z = 1.96;
  const centre = (hits + (z * z) / 2) / (n + z * z);
  const half = (z / (n + z * z)) * Math.sqrt((hits * (n - hits)) / n + (z * z) / 4);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

const edgesOf = ({ parents }) => Object.entries(parents).flatMap(([child, above]) => above.map((parent) => [parent, child]));

/** F1 of the skeleton for every graph, size, method and run. */
function recovery({ title, latentStates, observedStates, graphs, sizes }) {
  const bar = progressBar(title, graphs.length * sizes.length * RUNS);
  let done = 0;
  const cells = graphs.flatMap((name) =>
    sizes.flatMap((n) => {
      const graph = presetGraph(name, { latentStates, observedStates });
      const scores = Object.fromEntries(Object.keys(METHODS).map((method) => [method, []]));
      for (let run = 0; run < RUNS; run++) {
        const seed = foldIn(foldIn(key(`${name} ${latentStates}`), run), n);
        const sample = sampleHierarchy(graph, randomCpts(graph, foldIn(seed, "tables")), n, foldIn(seed, "rows"));
        for (const [method, options] of Object.entries(METHODS)) {
          const { edges } = discoverHierarchy(sample, { latentStates, ...options });
          const pairs = edges.map(({ from, to }) => [from, to]);
          scores[method].push(structureMetrics(edgesOf(graph), pairs, graph.observed).f1);
        }
        bar.step(++done);
      }
      return Object.entries(scores).map(([method, f1]) => {
        const exact = f1.filter((x) => x === 1).length;
        return { graph: name, n, method, f1: mean(f1), error: halfWidth(f1), exact, interval: wilson(exact, RUNS) };
      });
    }),
  );
  bar.finish();
  return cells;
}

/** From continuous observations: concepts first, then the hierarchy of the concepts. */
function fromContinuous() {
  const sizes = [500, 1000, 2000, 4000];
  const runs = Math.min(RUNS, 8);
  const graph = presetGraph("twoCluster");
  const bar = progressBar("from continuous data", 2 * sizes.length * runs);
  let done = 0;
  const cells = [2.5, 1.1].flatMap((separation) =>
    sizes.map((n) => {
      const [rand, f1] = [[], []];
      for (let run = 0; run < runs; run++) {
        const seed = foldIn(foldIn(key("continuous"), run), n);
        const { data } = sampleHierarchy(graph, randomCpts(graph, foldIn(seed, "tables")), n, foldIn(seed, "rows"));
        const { x, blocks } = conceptObservations(data, foldIn(seed, "x"), { separation });
        const concepts = learnConcepts(x, foldIn(seed, "learn"), { blocks, states: 2 });
        const column = (labels, j) => Array.from({ length: n }, (_, i) => labels.get(i, j));
        rand.push(mean(blocks.map((_, j) => adjustedRandIndex(column(concepts.data, j), column(data, j)))));
        const { edges } = discoverHierarchy({ data: concepts.data, states: concepts.states });
        f1.push(structureMetrics(edgesOf(graph), edges.map(({ from, to }) => [from, to]), graph.observed).f1); // prettier-ignore
        bar.step(++done);
      }
      const exact = f1.filter((v) => v === 1).length;
      return { separation, n, rand: mean(rand), error: halfWidth(rand), f1: mean(f1), exact, runs, interval: wilson(exact, runs) };
    }),
  );
  bar.finish();
  return cells;
}

function recoveryPlot(cells, sizes) {
  return plotSvg({
    width: 80 + Math.max(400, 130 * new Set(cells.map(({ graph }) => graph)).size),
    height: 320,
    marginLeft: 46,
    marginBottom: 44,
    fx: { label: null },
    x: { type: "log", label: "rows", ticks: sizes, tickFormat: (n) => (n >= 1000 ? `${n / 1000}k` : String(n)) },
    y: { label: "mean F1 of the skeleton, 95 % interval", domain: [0.2, 1], grid: true },
    color: { legend: false, domain: Object.keys(METHODS), range: ["#9498a0", "#efb118", "#4269d0"] },
    marks: [
      Plot.ruleX(cells, { fx: "graph", x: "n", y1: (d) => Math.max(0.2, d.f1 - d.error), y2: (d) => Math.min(1, d.f1 + d.error), stroke: "method" }),
      Plot.line(cells, { fx: "graph", x: "n", y: "f1", stroke: "method", strokeWidth: 2 }),
      Plot.dot(cells, { fx: "graph", x: "n", y: "f1", fill: "method", r: 2.5 }),
    ],
  });
}

const percent = ([low, high]) => `${Math.round(100 * low)}–${Math.round(100 * high)} %`;
const started = performance.now();
const sections = [
  paragraph(
    `Each cell: ${RUNS} runs, each with new random parameters (strength 0.75) and new data. Exact: the whole skeleton, latents matched, is right. Grey: the same search on covariances of the labels as numbers (the linear baseline); yellow: on ranks of probability tables; blue: tables, and structures of several levels compared by BIC.`,
  ),
];
const out = fileURLToPath(new URL("./out/", import.meta.url));
mkdirSync(out, { recursive: true });
const chosen = FAMILIES.map((f) => ({ ...f, graphs: f.graphs.filter((name) => ONLY.length === 0 || ONLY.includes(name)) })).filter(
  (f) => f.graphs.length > 0,
);
for (const family of chosen) {
  const cells = recovery(family);
  const plot = recoveryPlot(cells, family.sizes);
  writeFileSync(`${out}recovery-${family.latentStates}.svg`, plot);
  const rows = family.graphs.flatMap((graph) =>
    Object.keys(METHODS).map((method) => [
      `${graph}, ${method}`,
      ...family.sizes.map((n) => {
        const { f1, exact, interval } = cells.find((c) => c.graph === graph && c.n === n && c.method === method);
        return `${f1.toFixed(2)}  ${exact}/${RUNS} (${percent(interval)})`;
      }),
    ]),
  );
  const columns = ["graph and method", ...family.sizes.map((n) => `n = ${n}`)];
  console.log(`\n${family.title}: mean F1, exact recoveries with 95 % intervals`);
  console.log(columns.join(" | "));
  for (const row of rows) console.log(row.join(" | "));
  for (const method of Object.keys(METHODS)) {
    const own = cells.filter((c) => c.method === method);
    console.log(
      `all graphs and sizes, ${method}: F1 ${mean(own.map((c) => c.f1)).toFixed(3)}, exact ${Math.round(100 * mean(own.map((c) => c.exact / RUNS)))} %`,
    );
  }
  sections.push(heading(family.title), figure(plot, "Mean F1 of the skeleton against the number of rows."), table(columns, rows));
}
const continuous = ONLY.length === 0 || ONLY.includes("continuous") ? fromContinuous() : [];
const columns = ["separation of centres", "n", "adjusted Rand index", "F1", "exact"];
const rows = continuous.map(({ separation, n, rand, error, f1, exact, runs, interval }) => [
  separation,
  n,
  `${rand.toFixed(3)} ± ${error.toFixed(3)}`,
  f1.toFixed(2),
  `${exact}/${runs} (${percent(interval)})`,
]);
console.log(`\nfrom continuous data, twoCluster, 6 blocks of 3 coordinates with uniform nuisance`);
for (const row of [columns, ...rows]) console.log(row.join(" | "));
sections.push(heading("From continuous data"), table(columns, rows));
writeFileSync(
  `${out}report.html`,
  renderReport([{ name: "recovery", title: "How often the hierarchy is found", sections, seconds: (performance.now() - started) / 1000 }]),
);
console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s. The report is in ${out}report.html`);
