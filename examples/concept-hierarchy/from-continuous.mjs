// Recovery from continuous observations: concepts are learned first, then the hierarchy of the concepts.
import { foldIn, key } from "@provably/core-tensor/random";
import {
  adjustedRandIndex,
  conceptObservations,
  discoverHierarchy,
  learnConcepts,
  presetGraph,
  randomCpts,
  sampleHierarchy,
} from "@provably/causal-latent/hierarchy";
import { Plot, plotSvg } from "../tour/lib/plot.mjs";
import { mean, skeletonF1, summary, thousands } from "./from-labels.mjs";

export const GRAPHS = ["twoCluster", "tree3"];
export const SIZES = [125, 250, 500, 1000, 2000];
/** Distance of the centres of two states, in radii of the nuisance around them: apart, and overlapping. */
const SEPARATIONS = [2.5, 1.1];

/** What the search is given: labels that were learned, at two separations, or the true ones. */
export const SOURCES = [...SEPARATIONS.map((s) => `learned, separation ${s}`), "true labels"];

const column = (labels, j) => Array.from({ length: labels.shape[0] }, (_, i) => labels.get(i, j));
const agreement = (found, truth) =>
  mean(
    Array.from({ length: truth.shape[1] }, (_, j) =>
      adjustedRandIndex(column(found, j), column(truth, j)),
    ),
  );

/** One cell for every graph, size and source of labels. Columns of each concept and their two states are given; `keep` and `step` as in `recovery`. */
export function fromContinuous(runs, keep, step) {
  return GRAPHS.flatMap((name) =>
    SIZES.flatMap((n) => {
      const graph = presetGraph(name);
      const scores = Array.from({ length: runs }, (_, run) => {
        const found = keep(`continuous ${name} ${n} ${run}`, () => {
          const seed = foldIn(foldIn(key(`continuous ${name}`), run), n);
          const { data: labels } = sampleHierarchy(
            graph,
            randomCpts(graph, foldIn(seed, "tables")),
            n,
            foldIn(seed, "rows"),
          );
          const sources = SEPARATIONS.map((separation) => {
            const { x, blocks } = conceptObservations(labels, foldIn(seed, "x"), { separation });
            return learnConcepts(x, foldIn(seed, "learn"), { blocks, states: 2 });
          });
          return [...sources, { data: labels }].map(({ data, states }) => ({
            rand: agreement(data, labels),
            f1: skeletonF1(graph, discoverHierarchy({ data, ...(states && { states }) })),
          }));
        });
        step();
        return found;
      });
      return SOURCES.map((source, i) => {
        const own = scores.map((found) => found[i]);
        return {
          graph: name,
          n,
          source,
          rand: mean(own.map(({ rand }) => rand)),
          ...summary(own.map(({ f1 }) => f1)),
        };
      });
    }),
  );
}

/** Nothing but the columns: blocks and state counts are to be found as well. */
export function untold(runs, keep, step, n = 1000) {
  const graph = presetGraph("twoCluster");
  const one = (run) => {
    const seed = foldIn(key("untold"), run);
    const { data } = sampleHierarchy(
      graph,
      randomCpts(graph, foldIn(seed, "tables")),
      n,
      foldIn(seed, "rows"),
    );
    const { x, blocks } = conceptObservations(data, foldIn(seed, "x"));
    const learned = learnConcepts(x, foldIn(seed, "learn")).blocks.map((block) => block.join());
    return blocks.filter((block) => learned.includes(block.join())).length / blocks.length;
  };
  const found = Array.from({ length: runs }, (_, run) => {
    const share = keep(`untold ${n} ${run}`, () => one(run));
    step();
    return share;
  });
  return { n, ...summary(found) };
}

export function continuousPlot(cells) {
  const truth = cells.filter(({ source }) => source === "true labels");
  const learned = cells.filter(({ source }) => source !== "true labels");
  const at = { fx: "graph", x: "n", y: (d) => d.exact / d.runs };
  const rules = (of, dx) =>
    Plot.ruleX(of, {
      fx: "graph",
      x: "n",
      y1: (d) => d.interval[0],
      y2: (d) => d.interval[1],
      stroke: "source",
      dx,
    });
  return plotSvg({
    width: 720,
    height: 340,
    marginLeft: 46,
    marginTop: 48,
    marginBottom: 44,
    fx: { label: null, domain: GRAPHS },
    x: { type: "log", label: "rows", ticks: SIZES, tickFormat: thousands },
    y: {
      label: "share of exact recoveries, Wilson 95 % interval",
      domain: [0, 1],
      grid: true,
      labelOffset: 40,
    },
    color: { legend: false, domain: SOURCES, range: ["#4269d0", "#efb118", "#9498a0"] },
    marks: [
      // the curves lie on each other: the true labels broad and pale below, the intervals side by side
      Plot.line(truth, { ...at, stroke: "source", strokeWidth: 8, strokeOpacity: 0.35 }),
      rules(truth, 0),
      ...SOURCES.slice(0, -1).map((source, i) => rules(learned.filter((c) => c.source === source), 4 * i - 6)), // prettier-ignore
      Plot.line(learned, { ...at, stroke: "source", strokeWidth: 2 }),
      Plot.dot(learned, { ...at, fill: "source", r: 2.5 }),
    ],
  });
}
