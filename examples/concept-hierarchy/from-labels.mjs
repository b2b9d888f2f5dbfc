// Recovery from discrete labels: a rival, and three ways to ask about ranks, on the same data.
import { foldIn, key } from "@provably/core-tensor/random";
import {
  discoverHierarchy,
  presetGraph,
  presetNames,
  randomCpts,
  sampleHierarchy,
  structureMetrics,
} from "@provably/causal-latent/hierarchy";
import { wilsonInterval } from "@provably/causal-latent/matte";
import { Plot, plotSvg } from "../tour/lib/plot.mjs";
import { gin } from "./gin.mjs";

const search = (options) => (sample, latentStates) =>
  discoverHierarchy(sample, { latentStates, ...options });

/** The contestants. The last three search the same way, and differ in the question they ask. */
export const METHODS = {
  GIN: (sample) => gin(sample),
  "linear ranks": search({ featureCoding: "gaussian" }),
  "table ranks": search({ refine: false }),
  "table ranks and BIC": search({}),
};

/** Two families: binary latents, where covariances of binary codes still carry trees; and latents of three states, where they do not. */
export const FAMILIES = [
  {
    title: "binary latents, binary observed variables",
    latentStates: 2,
    observedStates: 2,
    graphs: presetNames,
    sizes: [500, 2000, 10_000, 50_000],
  },
  { title: "latents and observed variables of three states", latentStates: 3, observedStates: 3, graphs: ["star", "twoCluster", "tree3", "chain", "collider"], sizes: [1000, 5000, 20_000] }, // prettier-ignore
];

export const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;
const halfWidth = (x) =>
  (1.96 * Math.sqrt(mean(x.map((v) => (v - mean(x)) ** 2)))) / Math.sqrt(x.length - 1);

/** F1 of a found skeleton against the true one. */
export function skeletonF1({ parents, observed }, { edges }) {
  const truth = Object.entries(parents).flatMap(([child, above]) =>
    above.map((parent) => [parent, child]),
  );
  return structureMetrics(
    truth,
    edges.map(({ from, to }) => [from, to]),
    observed,
  ).f1;
}

/** Mean F1, and how often it was 1, with Wilson's 95 % interval. */
export function summary(f1) {
  const exact = f1.filter((x) => x === 1).length;
  return {
    f1: mean(f1),
    error: halfWidth(f1),
    exact,
    runs: f1.length,
    interval: wilsonInterval(exact, f1.length).interval,
  };
}

/** One cell for every graph, size and method; every run draws new parameters and rows. `keep(name, count)` may know a run already; `step()` hears of every one. */
export function recovery({ latentStates, observedStates, graphs, sizes }, runs, keep, step) {
  return graphs.flatMap((name) =>
    sizes.flatMap((n) => {
      const graph = presetGraph(name, { latentStates, observedStates });
      const scores = Array.from({ length: runs }, (_, run) => {
        const f1 = keep(`${name} ${latentStates} ${n} ${run}`, () => {
          const seed = foldIn(foldIn(key(`${name} ${latentStates}`), run), n);
          const sample = sampleHierarchy(
            graph,
            randomCpts(graph, foldIn(seed, "tables")),
            n,
            foldIn(seed, "rows"),
          );
          return Object.fromEntries(
            Object.entries(METHODS).map(([method, find]) => [
              method,
              skeletonF1(graph, find(sample, latentStates)),
            ]),
          );
        });
        step();
        return f1;
      });
      return Object.keys(METHODS).map((method) => ({
        graph: name,
        n,
        method,
        ...summary(scores.map((f1) => f1[method])),
      }));
    }),
  );
}

export function recoveryPlot(cells, sizes) {
  return plotSvg({
    width: 80 + Math.max(400, 150 * new Set(cells.map(({ graph }) => graph)).size),
    height: 340,
    marginLeft: 46,
    marginTop: 48,
    marginBottom: 44,
    fx: { label: null, padding: 0.3, domain: [...new Set(cells.map(({ graph }) => graph))] },
    x: { type: "log", label: "rows", ticks: sizes, tickFormat: thousands },
    y: { label: "mean F1 of the skeleton, 95 % interval", domain: [0, 1], grid: true },
    color: {
      legend: false,
      domain: Object.keys(METHODS),
      range: ["#ff725c", "#9498a0", "#efb118", "#4269d0"],
    },
    marks: [
      Plot.ruleX(cells, {
        fx: "graph",
        x: "n",
        y1: (d) => Math.max(0, d.f1 - d.error),
        y2: (d) => Math.min(1, d.f1 + d.error),
        stroke: "method",
      }),
      Plot.line(cells, { fx: "graph", x: "n", y: "f1", stroke: "method", strokeWidth: 2 }),
      Plot.dot(cells, { fx: "graph", x: "n", y: "f1", fill: "method", r: 2.5 }),
    ],
  });
}

export const thousands = (n) => (n >= 1000 ? `${n / 1000}k` : String(n));
