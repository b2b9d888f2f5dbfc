/** The whole search: from data, a joint distribution or an oracle to a hierarchy of latents with the evidence for every step. */
import { DomainError, checkChoice, checkCount, checkFunction, checkList, checkRecord } from "@provably/core-tensor";
import { type RngKey, foldIn, key as keyOf } from "@provably/core-tensor/random";
import { checkNumber, checkOptions, checkStrings } from "../../internal/check.js";
import { collapsedRows } from "../data/collapse.js";
import { type JointData, type LabelData, type Rows, rowsOfJoint, rowsOfLabels } from "../data/labels.js";
import { GraphError } from "../errors.js";
import type { ConceptGraph } from "../graph/graph.js";
import { equivalenceEnds } from "../internal/pdag.js";
import { combinations } from "../internal/subsets.js";
import { type FittedHierarchy, numParametersOf } from "../model/fit.js";
import type { RankTestMethod } from "../rank/rank-test.js";
import { type Decision, clusterGroups } from "./clusters.js";
import { type CoverGraph, coverGraphOf, expand } from "./cover-graph.js";
import { findEdges } from "./edges.js";
import { type Group, type Tester, makeTester } from "./groups.js";
import { type RankOracle, covarianceOracle, rowsOracle } from "./oracle.js";
import { hasTriangle, movesFrom } from "./moves.js";
import { adaptCpts, scoreGraph } from "./score.js";

/**
 * What is known beforehand, in terms of observed variables.
 * @category Search
 */
export interface BackgroundKnowledge {
  /** Sets of observed variables that share a latent parent. */
  readonly clusters?: readonly (readonly string[])[];
  /** Pairs that are not to be merged into one cluster. */
  readonly apart?: readonly (readonly [string, string])[];
  /** Pairs whose covers, where adjacent, are directed from the first to the second. */
  readonly causes?: readonly (readonly [string, string])[];
}

/**
 * Options of {@link discoverHierarchy}.
 * @category Search
 */
export interface DiscoverOptions {
  /** States r of every latent, an integer ≥ 2, or `auto`: the best of 2, 3 and 4. Default 2. */
  readonly latentStates?: number | "auto";
  /** Most latents in a cover; default 2. */
  readonly maxCover?: number;
  /** Level of every question, in (0, 1); default 0.01. */
  readonly alpha?: number;
  /** Rank test of tables of counts; default `auto`. */
  readonly test?: RankTestMethod;
  /** `gaussian`: the linear baseline on labels as numbers, see {@link covarianceOracle}. Default `table`. */
  readonly featureCoding?: "table" | "gaussian";
  /** Whether main effects are tested beside joint states; default true. */
  readonly features?: boolean;
  /** Whether states beyond `latentStates` are merged first, see {@link collapseStates}; default true for data. */
  readonly collapse?: boolean;
  /** Joint states allowed on a side of a table; default 64. */
  readonly maxCells?: number;
  /** Tables asked for each set, on data; default 12. */
  readonly maxTables?: number;
  /** Correction for the number of tables of a question; default `bonferroni`. */
  readonly correction?: "bonferroni" | "none";
  /** Most covers that are conditioned on; default 2. */
  readonly maxConditioning?: number;
  /** Whether the search is repeated at other levels, the structure with the best BIC kept, and its edges improved; default true for data on tables. */
  readonly refine?: boolean;
  readonly background?: BackgroundKnowledge;
  /** Key of the starts of the fits of `refine`; default `key(0)`. */
  readonly key?: RngKey;
  /** `metric` is the number of groups left. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly total: number; readonly metric: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * A latent that was found.
 * @category Search
 */
export interface FoundLatent {
  readonly name: string;
  readonly states: number;
  /** Names of all latents of its cover, itself included. */
  readonly cover: readonly string[];
  /** Longest distance to the observed variables below. */
  readonly level: number;
  /** Whether its state count could as well be that of several latents: it is not prime, and was estimated. */
  readonly ambiguousFactorisation: boolean;
}

/**
 * An edge that was found.
 * @category Search
 */
export interface FoundEdge {
  readonly from: string;
  readonly to: string;
  /** `directed`: every graph of the equivalence class has it this way. */
  readonly kind: "directed" | "undirected";
  /** Below a cover: p-value of the claim that its children share it. Between covers: the greatest p-value of their independence, rejected. NaN where refinement made it. */
  readonly pValue: number;
}

/**
 * What the search found.
 * @category Search
 */
export interface HierarchyResult {
  /** One graph of the equivalence class, edges pointing down. */
  readonly graph: ConceptGraph;
  readonly latents: readonly FoundLatent[];
  readonly edges: readonly FoundEdge[];
  /** Covers with more than their names: what hangs below, and the p-value of that. */
  readonly covers: readonly { readonly latents: readonly string[]; readonly children: readonly string[]; readonly pValue: number }[];
  /** Names by level; observed variables first. */
  readonly levels: readonly (readonly string[])[];
  /** Every decision with its p-value, in order. */
  readonly log: readonly Decision[];
  readonly tests: { readonly performed: number; readonly cached: number };
  /** The level that was used in the end. */
  readonly alpha: number;
  /** Bayesian information criterion of the fit, with refinement. */
  readonly bic?: number;
  readonly warnings: readonly string[];
}

type Settings = Required<Omit<DiscoverOptions, "latentStates" | "onProgress" | "signal" | "background">> & {
  readonly latentStates: number;
  /** States of the observed variables, at most, when structures are scored: the same for all that are compared. */
  readonly scoredStates: number;
  readonly background: BackgroundKnowledge;
  readonly onProgress: DiscoverOptions["onProgress"];
  readonly signal: AbortSignal | undefined;
};

/**
 * The hierarchy of latent variables behind discrete data, from the ranks of its probability tables.
 *
 * Sets of k + 1 variables whose tables with the others have rank at most $r^k$ hang on k latents of r states; they are merged under a cover, which takes their place,
 * from k = 1 upwards and again after every merge. What is left is joined by a PC search in which "g and h are independent given C" is the question whether
 * $\operatorname{rank} P_{g \cup c^1, h \cup c^2} \le r^{|C|}$, with two disjoint sets of variables below C standing for it. On data a set counts when no table rejects
 * it; tables are chosen by association, and their number corrected for. With `refine` the search runs at several levels, the structure with the best BIC stays, and
 * single edges between covers change while that improves.
 *
 * On exact tables the Markov equivalence class is recovered under the conditions of {@link checkIdentifiability}. Variables that are independent of all others are set
 * aside; two identical columns form a cluster and are warned about. Fewer than 4 variables give no latents and a warning. Cost: $O(q^{k+1})$ sets a sweep.
 *
 * @param input - labels ({@link LabelData}), a joint distribution ({@link JointData}) or any {@link RankOracle}
 * @param options - see {@link DiscoverOptions}
 * @returns see {@link HierarchyResult}; latents are called Z1, Z2, … in order of discovery
 * @throws `InvalidDataError` for bad labels, a constant column, or a joint distribution that is none
 * @throws `DomainError` for options out of range
 * @throws `GraphError` for unknown names in `background`
 * @example
 * ```ts
 * import { discoverHierarchy, graphOracle, presetGraph } from "@provably/causal-latent/hierarchy";
 *
 * const found = discoverHierarchy(graphOracle(presetGraph("twoCluster")));
 * found.covers.map(({ children }) => children.join(" ")); // => ["X1 X2 X3", "Z1 X4 X5 X6"]
 * found.log[0].text; // => "X1, X2, X3 share Z1"
 * ```
 * @see Kong, Chen, Huang, Xing, Chi, Zhang (2024), "Learning discrete concepts in latent hierarchical models"
 * @see Dong, Huang, Ng, Song, Zheng, Jin, Legaspi, Spirtes, Zhang (2024), "A versatile causal discovery framework to allow causally-related hidden variables", algorithm 1
 * @category Search
 */
export function discoverHierarchy(input: LabelData | JointData | RankOracle, options: DiscoverOptions = {}): HierarchyResult {
  const { latentStates = 2 } = checkOptions("discoverHierarchy", options);
  checkRecord("discoverHierarchy", "input", input);
  if ("rankAtMost" in input) checkOracle(input);
  if (latentStates === "auto") {
    // on data the best BIC, on exact tables the fewest parameters
    const found = [2, 3, 4].map((r) => discover(input, { ...settingsOf(options, r, input), scoredStates: 4 }));
    const cost = ({ bic, graph }: HierarchyResult): number => bic ?? numParametersOf(graph);
    const best = found.reduce((x, y) => (cost(y) < cost(x) ? y : x));
    return { ...best, latents: best.latents.map((l) => ({ ...l, ambiguousFactorisation: l.states === 4 })) };
  }
  return discover(input, settingsOf(options, latentStates, input));
}

function checkOracle({ names, states, rankAtMost, association }: RankOracle): void {
  const fn = "discoverHierarchy";
  checkStrings(fn, "input.names", names);
  checkList(fn, "input.states", states).forEach((n, i) => checkCount(fn, `input.states[${i}]`, n));
  if (states.length !== names.length)
    throw new DomainError(`${fn}: input.states must hold one number a name, got ${states.length} for ${names.length}`);
  checkFunction(fn, "input.rankAtMost", rankAtMost);
  checkFunction(fn, "input.association", association);
}

function settingsOf(options: DiscoverOptions, latentStates: number, input: LabelData | JointData | RankOracle): Settings {
  const isData = "data" in input;
  const {
    maxCover = 2,
    alpha = 0.01,
    test = "auto",
    featureCoding = "table",
    features = true,
    collapse = isData && featureCoding === "table",
    maxCells = 64,
    maxTables = 12,
    correction = "bonferroni",
    maxConditioning = 2,
    refine = isData && featureCoding === "table",
    background = {},
    key = keyOf(0),
    onProgress,
    signal,
  } = options;
  const fn = "discoverHierarchy";
  checkCount(fn, "latentStates", latentStates, 2);
  checkCount(fn, "maxCover", maxCover);
  checkCount(fn, "maxCells", maxCells, 4);
  checkCount(fn, "maxTables", maxTables);
  checkCount(fn, "maxConditioning", maxConditioning, 0);
  checkNumber(fn, "alpha", alpha, "lie in (0, 1)", (x) => x > 0 && x < 1);
  checkChoice(fn, "featureCoding", featureCoding, ["table", "gaussian"]);
  checkChoice(fn, "correction", correction, ["bonferroni", "none"]);
  const { clusters = [], apart = [], causes = [] } = checkRecord(fn, "background", background);
  for (const [name, sets] of Object.entries({ clusters, apart, causes }))
    checkList(fn, `background.${name}`, sets).forEach((set, i) => checkStrings(fn, `background.${name}[${i}]`, set));
  if (refine && !isData) throw new DomainError("discoverHierarchy: refine needs data; a joint distribution or an oracle has no sample size");
  return { latentStates, scoredStates: latentStates, maxCover, alpha, test, featureCoding, features, collapse, maxCells, maxTables, correction, maxConditioning, refine, background, key, onProgress, signal }; // prettier-ignore
}

function discover(input: LabelData | JointData | RankOracle, settings: Settings): HierarchyResult {
  const { latentStates, featureCoding, collapse, refine } = settings;
  let rows: Rows | undefined;
  let original: Rows | undefined;
  let oracle: RankOracle;
  if ("rankAtMost" in input) oracle = input;
  else {
    rows = "joint" in input ? rowsOfJoint("discoverHierarchy", input) : rowsOfLabels("discoverHierarchy", input);
    original = rows;
    if (collapse) rows = collapsedRows(rows, latentStates);
    oracle = featureCoding === "gaussian" && "data" in input ? covarianceOracle(input) : rowsOracle(rows, settings);
  }
  const warnings = original === undefined ? [] : warningsOf(original);
  const states = original?.states ?? oracle.states;
  if (oracle.names.length < 4) {
    warnings.push(`${oracle.names.length} variables are too few for a test of rank; 4 are needed`);
    return resultOf(isolated(oracle.names), [], settings, oracle.names, states, { performed: 0, cached: 0 }, warnings, settings.alpha);
  }
  const tester = makeTester(oracle, {
    latentStates,
    maxCells: settings.maxCells,
    maxTables: settings.maxTables,
    corrected: settings.correction === "bonferroni",
    signal: settings.signal,
  });
  if (!refine || rows === undefined) {
    const { graph, log } = searchOnce(tester, settings, settings.alpha);
    return resultOf(graph, log, settings, oracle.names, states, tester, warnings, settings.alpha);
  }
  return refined(tester, collapse ? collapsedRows(original!, settings.scoredStates) : rows, states, settings, warnings);
}

function isolated(names: readonly string[]): CoverGraph {
  return { nodes: names.map((name) => ({ names: [name], latent: false, pValue: NaN })), parents: names.map(() => []), edgePValues: new Map() };
}

function warningsOf(rows: Rows): string[] {
  const same = combinations(rows.names.map((_, j) => j), 2).filter(([i, j]) => rows.columns[i!]!.every((x, r) => x === rows.columns[j!]![r])); // prettier-ignore
  return same.map(([i, j]) => `columns ${rows.names[i!]!} and ${rows.names[j!]!} are identical`);
}

function searchOnce(tester: Tester, settings: Settings, alpha: number): { graph: CoverGraph; log: Decision[] } {
  const { oracle } = tester;
  const { background, maxCover, maxConditioning, onProgress, signal } = settings;
  const indexOf = (name: string): number => {
    const j = oracle.names.indexOf(name);
    if (j < 0) throw new GraphError(`discoverHierarchy: background names "${name}", which is no observed variable`);
    return j;
  };
  const pair = ([a, b]: readonly [string, string]): [number, number] => [indexOf(a), indexOf(b)];
  const log: Decision[] = [];
  const groups = oracle.names.map((name, j): Group => ({ names: [name], size: 1, latent: false, measured: [j], children: [], pValue: NaN }));
  const alone = groups.filter((g) => {
    const others = groups.filter((h) => h !== g);
    const pValues = others.map((h) => tester.independent(g, h, []) ?? 1);
    const pValue = oracle.exact ? Math.min(...pValues) : Math.min(1, others.length * Math.min(...pValues));
    if (pValue <= alpha) return false;
    log.push({ step: "setAside", nodes: g.names, latents: [], pValue, text: `${g.names[0]!} is independent of all others` });
    return true;
  });
  let iteration = 0;
  const active = clusterGroups(
    groups.filter((g) => !alone.includes(g)),
    tester,
    {
      alpha,
      maxCover,
      clusters: (background.clusters ?? []).map((set) => set.map(indexOf)),
      apart: (background.apart ?? []).map(pair),
      onProgress: (left) => {
        signal?.throwIfAborted();
        onProgress?.({ iteration: ++iteration, total: oracle.names.length, metric: left });
      },
    },
    log,
  );
  const top = findEdges(active, tester, { alpha, maxConditioning, causes: (background.causes ?? []).map(pair) }, log);
  const graph = coverGraphOf(top);
  const rest = isolated(alone.flatMap((g) => g.names));
  return { graph: { nodes: [...graph.nodes, ...rest.nodes], parents: [...graph.parents, ...rest.parents], edgePValues: graph.edgePValues }, log };
}

/** The structure with the best BIC among those of several levels, then single edges between covers changed while that improves it. */
function refined(tester: Tester, rows: Rows, states: readonly number[], settings: Settings, warnings: readonly string[]): HierarchyResult {
  const { alpha, key, signal } = settings;
  const levels = [1, 3, 10, 30, 1 / 3, 1 / 10, 1 / 100, 1e-4].map((factor) => Math.min(0.5, factor * alpha));
  const seen = new Set<string>();
  let best: { graph: CoverGraph; log: Decision[]; fit: FittedHierarchy; level: number; triangle: boolean } | undefined;
  let first: { graph: CoverGraph; log: Decision[] } | undefined;
  for (const level of levels) {
    signal?.throwIfAborted();
    const { graph, log } = searchOnce(tester, settings, level);
    first ??= { graph, log };
    const mark = JSON.stringify([graph.nodes.map(({ names }) => names), graph.parents]);
    if (seen.has(mark)) continue;
    seen.add(mark);
    const fit = scoreGraph(expandWith(graph, settings.latentStates, rows.names, rows.states), rows, foldIn(key, "score"), signal);
    if (fit === undefined) continue;
    const triangle = hasTriangle(graph);
    if (best === undefined || (triangle === best.triangle ? fit.bic < best.fit.bic : best.triangle)) best = { graph, log, fit, level, triangle };
  }
  if (best === undefined)
    return resultOf(first!.graph, first!.log, settings, rows.names, states, tester, [...warnings, "too densely connected to be refined"], alpha);
  const log = [...best.log];
  for (let round = 0; round < 10; round++) {
    signal?.throwIfAborted();
    const { graph, fit } = best;
    // a few iterations tell which changes are worth a closer look
    const tried = movesFrom(graph).flatMap((move, i) => {
      const target = expandWith(move.graph, settings.latentStates, rows.names, rows.states);
      const own = foldIn(foldIn(key, round), i);
      const short = scoreGraph(target, rows, own, signal, { cpts: adaptCpts(fit, target, own), maxIterations: 12 });
      return short === undefined ? [] : [{ ...move, target, fit: short }];
    });
    let next: { graph: CoverGraph; fit: FittedHierarchy; text: string; nodes: readonly string[] } | undefined;
    for (const { target, ...move } of tried.sort((x, y) => x.fit.bic - y.fit.bic).slice(0, 6)) {
      const long = scoreGraph(target, rows, key, signal, { cpts: move.fit.cpts, maxIterations: 200 })!;
      if (long.bic < (next?.fit.bic ?? fit.bic - 0.5)) next = { ...move, fit: long };
    }
    if (next === undefined) break;
    log.push({
      step: "score",
      nodes: next.nodes,
      latents: [],
      pValue: NaN,
      text: `${next.text}: BIC falls by ${(fit.bic - next.fit.bic).toPrecision(3)}`,
    });
    best = { ...best, graph: next.graph, fit: next.fit };
  }
  return { ...resultOf(best.graph, log, settings, rows.names, states, tester, warnings, best.level), bic: best.fit.bic };
}

function expandWith(graph: CoverGraph, latentStates: number, names: readonly string[], states: readonly number[]): ConceptGraph {
  return expand(graph, names, (name, latent) => (latent ? latentStates : states[names.indexOf(name)]!));
}

function resultOf(
  cover: CoverGraph,
  log: readonly Decision[],
  settings: Settings,
  names: readonly string[],
  states: readonly number[],
  tests: { readonly performed: number; readonly cached: number },
  warnings: readonly string[],
  alpha: number,
): HierarchyResult {
  const { nodes, parents, edgePValues } = cover;
  const graph = expandWith(cover, settings.latentStates, names, states);
  const ends = equivalenceEnds(cover);
  const level = (i: number): number => {
    const below = parents.flatMap((p, c) => (p.includes(i) ? [c] : []));
    return nodes[i]!.latent ? 1 + Math.max(0, ...below.map(level)) : 0;
  };
  const levelOf = nodes.map((_, i) => level(i));
  const edges = parents.flatMap((p, c) =>
    p.flatMap((x) =>
      nodes[x]!.names.flatMap((from) =>
        nodes[c]!.names.map((to): FoundEdge => ({
          from,
          to,
          kind: ends[c]![x]! ? "undirected" : "directed",
          pValue: edgePValues.get(`${x} ${c}`) ?? NaN,
        })),
      ),
    ),
  );
  return {
    graph,
    latents: nodes.flatMap(({ names, latent }, i) =>
      latent
        ? names.map((name): FoundLatent => ({ name, states: settings.latentStates, cover: names, level: levelOf[i]!, ambiguousFactorisation: false }))
        : [],
    ),
    edges,
    covers: nodes.flatMap(({ names, latent, pValue }, i) =>
      latent ? [{ latents: names, children: parents.flatMap((p, c) => (p.includes(i) ? nodes[c]!.names : [])), pValue }] : [],
    ),
    levels: Array.from({ length: 1 + Math.max(0, ...levelOf) }, (_, l) =>
      l === 0 ? names : nodes.flatMap(({ names }, i) => (levelOf[i] === l ? names : [])),
    ),
    log,
    tests: { performed: tests.performed, cached: tests.cached },
    alpha,
    warnings,
  };
}
