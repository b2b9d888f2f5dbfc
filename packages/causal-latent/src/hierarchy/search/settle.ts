/**
 * The last word on a structure that ranks have found: its fit, and that of its rivals. What fits as
 * well with fewer parameters, or clearly better, takes its place; what cannot be told from it is named.
 */
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { type Rows, compactRows, crossTable } from "../data/labels.js";
import { type ConceptGraph, childrenOf } from "../graph/graph.js";
import { sumOf } from "../internal/arrays.js";
import { combinations } from "../internal/subsets.js";
import type { FittedHierarchy } from "../model/fit.js";
import { agreement } from "../model/certificate.js";
import { chiSquareTail } from "../rank/chi-square.js";
import { observedGraph } from "./observed-graph.js";
import { type Rival, rivalsOf } from "./rivals.js";
import { adaptCpts, scoreGraph } from "./score.js";

/** Difference of the information criterion from which on it decides. */
export const DECISIVE_BIC = 10;
/** Iterations that tell which rivals are worth a closer look. */
export const QUICK = 15;
/** Rows that an exact distribution counts for: a divergence of 10⁻⁴ nats a row is 20 units of the criterion. */
const EXACT_ROWS = 1e5;
/** Further random starts for the graph of exact ranks. */
const STARTS = 12;

/**
 * A graph beside the one that was found.
 * @category Search
 */
export interface Alternative {
  readonly graph: ConceptGraph;
  /** How it differs from the graph that was found, in words. */
  readonly text: string;
  /** How much greater its Bayesian information criterion is; below 10 the two can hardly be told apart. On an exact distribution, of 10⁵ rows; absent where nothing was fitted. */
  readonly bicDifference?: number;
  /** How much less likely it makes a row than the graph that was found, in nats; absent where nothing was fitted. */
  readonly lossPerRow?: number;
  /** Whether the ranks of all tables are the same, so that fit and parsimony alone decide. */
  readonly sameRanks: boolean;
}

/** A graph that was fitted, with its criterion. */
export interface Scored {
  readonly graph: ConceptGraph;
  readonly fit: FittedHierarchy;
  readonly cost: number;
}

export interface Settled extends Scored {
  /** What was changed, in order. */
  readonly steps: readonly { readonly text: string; readonly nodes: readonly string[] }[];
  readonly alternatives: readonly Alternative[];
  readonly warnings: readonly string[];
}

/** Fits of graphs to the same rows. */
export interface Scorer {
  readonly rows: Rows;
  readonly size: number;
  /** Entropy of the rows: no model makes them likelier. */
  readonly entropy: number;
  /** The best fit from tables of a graph nearby and from random starts; with `steps`, so many iterations from nearby alone. */
  fit: (
    graph: ConceptGraph,
    near?: FittedHierarchy,
    steps?: number,
    attempt?: number,
  ) => Scored | undefined;
}

export function scorerOf(rows: Rows, key: RngKey, signal: AbortSignal | undefined): Scorer {
  const compact = compactRows(rows);
  const size = rows.exact ? EXACT_ROWS : rows.total;
  let entropy = 0;
  for (const w of compact.weights) entropy -= w * Math.log(w / compact.total);
  const scored = (fit: FittedHierarchy): Scored => ({
    graph: fit.graph,
    fit,
    cost: (-2 * fit.logLikelihood * size) / compact.total + fit.numParameters * Math.log(size),
  });
  return {
    rows: compact,
    size,
    entropy: entropy / compact.total,
    fit(graph, near, steps, attempt = 0) {
      signal?.throwIfAborted();
      const maxIterations = steps ?? 400;
      const starts = near === undefined ? [] : [adaptCpts(near, graph, foldIn(key, "adapted"))];
      const anew = steps === undefined || near === undefined;
      const fits = [
        ...starts.map((cpts) => scoreGraph(graph, compact, key, signal, { cpts, maxIterations })),
        ...(anew
          ? [
              scoreGraph(
                graph,
                compact,
                foldIn(key, attempt === 0 ? "anew" : `anew ${attempt}`),
                signal,
              ),
            ]
          : []),
      ].filter((fit) => fit !== undefined);
      if (fits.length === 0) return undefined;
      return scored(fits.reduce((x, y) => (y.logLikelihood > x.logLikelihood ? y : x)));
    },
  };
}

/** Of a fit: p-value of its agreement with the rows it was made from; 1 or 0 on an exact distribution. */
function fitOf({ fit }: Scored, { rows, entropy }: Scorer): number {
  if (rows.exact) return -fit.logLikelihood - entropy < 1e-5 ? 1 : 0;
  return agreement(fit, rows, fit.numParameters).pValue;
}

export function settle(
  start: ConceptGraph,
  scorer: Scorer,
  options: { readonly significance: number; readonly signal: AbortSignal | undefined },
): Settled | undefined {
  const { rows, size, entropy } = scorer;
  let first = scorer.fit(start);
  if (first === undefined) return undefined;
  // exact ranks are not refuted by a fit that stopped at a local optimum
  for (let attempt = 1; rows.exact && attempt <= STARTS; attempt++) {
    if (fitOf(first, scorer) > 0) break;
    const other = scorer.fit(start, undefined, undefined, attempt);
    if (other !== undefined && other.cost < first.cost) first = other;
  }
  let best = first;
  const steps: { text: string; nodes: readonly string[] }[] = [];
  const outdone: (Rival & Scored)[] = [];
  const move = (to: Scored, rival: Omit<Rival, "graph">): void => {
    const text = `${rival.text}: BIC falls by ${(best.cost - to.cost).toPrecision(3)}`;
    steps.push({ text, nodes: rival.nodes });
    if (rival.sameRanks || best.graph.latents.length > 0)
      outdone.push({
        ...rival,
        ...best,
        text: `${best.graph.latents.join(", ")} as ranks alone have it, not ${rival.text}`,
      });
    best = to;
  };
  for (let round = 0; round < 8; round++) {
    const good = fitOf(best, scorer) > 0.05;
    const tried = rivalsOf(best.graph)
      .filter((rival) => worthwhile(rival, best.graph, rows, good))
      .flatMap((rival) => {
        const quick = scorer.fit(rival.graph, best.fit, QUICK);
        return quick === undefined ? [] : [{ rival, quick }];
      })
      .sort((x, y) => x.quick.cost - y.quick.cost)
      .slice(0, 4)
      .map(({ rival, quick }) => ({ ...rival, ...scorer.fit(rival.graph, quick.fit)! }));
    const next = tried.reduce<(Rival & Scored) | undefined>(
      (x, y) => (y.cost < (x?.cost ?? best.cost - margin(y, rows, good)) ? y : x),
      undefined,
    );
    if (next === undefined) break;
    move(next, next);
  }
  const bare = scorer.fit(observedGraph(rows, size, options.signal));
  const clear = rows.exact || fitOf(best, scorer) <= 0.05 ? 0 : DECISIVE_BIC;
  if (bare !== undefined && best.graph.latents.length > 0 && bare.cost < best.cost - clear)
    move(bare, {
      kind: "noLatents",
      text: "observed variables alone, no latent",
      sameRanks: false,
      nodes: best.graph.latents,
    });

  const rivals: (Omit<Rival, "graph"> & Scored)[] = [...outdone];
  if (bare !== undefined && bare.graph !== best.graph && best.graph.latents.length > 0)
    rivals.push({
      kind: "noLatents",
      text: "observed variables alone, no latent",
      sameRanks: false,
      nodes: [],
      ...bare,
    });
  for (const rival of rivalsOf(best.graph).filter(
    (r) => r.sameRanks && worthwhile(r, best.graph, rows, true),
  )) {
    const quick = scorer.fit(rival.graph, best.fit, QUICK);
    if (quick === undefined) continue;
    const near = quick.cost - best.cost < 6 * DECISIVE_BIC;
    rivals.push({ ...rival, ...(near ? scorer.fit(rival.graph, quick.fit)! : quick) });
  }
  const alternatives = rivals
    .map(({ graph, text, cost, fit, sameRanks }) => ({
      graph,
      text,
      bicDifference: cost - best.cost,
      lossPerRow: (best.fit.logLikelihood - fit.logLikelihood) / rows.total,
      sameRanks,
    }))
    .filter(
      ({ bicDifference, sameRanks }) => sameRanks || bicDifference < 2 * DECISIVE_BIC || rows.exact,
    )
    .sort((x, y) => x.bicDifference - y.bicDifference);
  const warnings: string[] = [];
  const pValue = fitOf(best, scorer);
  if (rows.exact && pValue === 0)
    warnings.push(
      `the graph does not reproduce the table: ${(-best.fit.logLikelihood - entropy).toPrecision(2)} nats a row are missing, some condition of checkIdentifiability is violated`,
    );
  if (!rows.exact && pValue < Math.min(0.001, options.significance))
    warnings.push(
      `the fit of the graph is rejected (p = ${pValue.toPrecision(2)}): some condition of checkIdentifiability is violated, or links are missing`,
    );
  for (const { text, bicDifference } of alternatives)
    if (bicDifference < DECISIVE_BIC)
      warnings.push(
        `hardly to be told apart: ${text} (BIC greater by ${bicDifference.toPrecision(2)})`,
      );
  return { ...best, steps, alternatives, warnings };
}

/**
 * How much better a rival must be. Where the structure that the ranks have found fits the rows, only a
 * decisive difference takes its place, and an observed variable for a latent, of which it may be a near
 * copy, only one beyond doubt; the nearer ones are named beside it.
 */
function margin({ kind }: Rival, rows: Rows, good: boolean): number {
  if (rows.exact || !good) return kind === "observedCause" ? 0.5 : 2;
  return kind === "observedCause" ? 3 * DECISIVE_BIC : DECISIVE_BIC;
}

/** Whether a rival may win at all: richer ones where the fit is bad, poorer ones where what they claim is not refuted at once. */
function worthwhile(rival: Rival, graph: ConceptGraph, rows: Rows, good: boolean): boolean {
  switch (rival.kind) {
    case "observedCause":
      return separates(rival, graph, rows);
    case "merge":
    case "noEdge":
      return !rows.exact; // exact ranks have decided it
    case "edgeInsteadOfLatent":
    case "crossLoading":
      return (rival.sameRanks && !rows.exact) || !good;
    default:
      return !good;
  }
}

/** Whether what hung on a latent is independent, branch by branch, given the observed variable in its place. */
function separates({ nodes }: Rival, graph: ConceptGraph, rows: Rows): boolean {
  const [z, x] = nodes as [string, string];
  const children = childrenOf(graph);
  const seen = new Set(graph.observed);
  const firstBelow = (name: string, not: ReadonlySet<string>): string | undefined => {
    if (seen.has(name)) return name;
    for (const next of [...children[name]!, ...graph.parents[name]!]) {
      if (not.has(next)) continue;
      const found = firstBelow(next, new Set([...not, name]));
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const branches = [...children[z]!, ...graph.parents[z]!]
    .filter((name) => name !== x)
    .flatMap((name) => firstBelow(name, new Set([z])) ?? []);
  const place = (name: string): number => rows.names.indexOf(name);
  return combinations([...new Set(branches)], 2).every(([a, b]) => {
    const { statistic, df } = conditional(rows, place(a!), place(b!), place(x));
    return rows.exact ? statistic < 1e-8 : chiSquareTail(statistic, df).p > 1e-4;
  });
}

/** Likelihood-ratio statistic of the independence of two variables given a third. */
function conditional(
  rows: Rows,
  a: number,
  b: number,
  given: number,
): { statistic: number; df: number } {
  const [p, q] = [rows.states[a]!, rows.states[b]!];
  const { p: states, data } = crossTable(rows, [given], [a, b]);
  let statistic = 0;
  for (let s = 0; s < states; s++) {
    const cells = data.subarray(s * p * q, (s + 1) * p * q);
    const total = sumOf(cells);
    for (let i = 0; i < p; i++)
      for (let j = 0; j < q; j++) {
        const x = cells[i * q + j]!;
        if (x === 0) continue;
        let [row, column] = [0, 0];
        for (let c = 0; c < q; c++) row += cells[i * q + c]!;
        for (let r = 0; r < p; r++) column += cells[r * q + j]!;
        statistic += 2 * x * Math.log((x * total) / (row * column));
      }
  }
  return { statistic: Math.max(0, statistic), df: states * (p - 1) * (q - 1) };
}
