/** The whole search: from data, a joint distribution or an oracle to a hierarchy of latents with the evidence for every step. */
import { DomainError, isNdArray } from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyString,
  check,
  checkOptions,
  isRecord,
  listOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { foldIn } from "@provably/core-tensor/random";
import { collapsedRows } from "../data/collapse.js";
import {
  type JointData,
  type LabelData,
  type Rows,
  rowsOfJoint,
  rowsOfLabels,
} from "../data/labels.js";
import type { ConceptGraph } from "../graph/graph.js";
import { combinations } from "../internal/subsets.js";
import { numParametersOf } from "../model/fit.js";
import type { Decision } from "./clusters.js";
import { coverGraphFrom, expandTo, isolated } from "./cover-graph.js";
import { makeTester } from "./groups.js";
import { type RankOracle, covarianceOfRows, rowsOracle } from "./oracle.js";
import { refined } from "./refine.js";
import { type HierarchyResult, resultOf } from "./result.js";
import { rivalsOf } from "./rivals.js";
import { type Found, searchOnce } from "./search-once.js";
import { DISCOVER, type DiscoverOptions, type Settings, settingsOf } from "./settings.js";
import { scorerOf, settle } from "./settle.js";

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
export function discoverHierarchy(
  input: LabelData | JointData | RankOracle,
  options: DiscoverOptions = {},
): HierarchyResult {
  const { latentStates = 2 } = checkOptions<DiscoverOptions>(FN, options, DISCOVER);
  if (!isRecord(input) || isNdArray(input))
    throw new DomainError(
      `${FN}: input must be { data, names?, states? } with rows of labels as data, { joint, names? }, or an oracle, got ${show(input)}; write ${FN}({ data: rows })`,
    );
  if ("rankAtMost" in input) checkOracle(input as RankOracle);
  if (latentStates === "auto") {
    // on data the best BIC, on exact tables the fewest parameters
    const found = [2, 3, 4].map((r) =>
      discover(input, { ...settingsOf(options, r, input), scoredStates: 4 }),
    );
    const cost = ({ bic, graph }: HierarchyResult): number => bic ?? numParametersOf(graph);
    const best = found.reduce((x, y) => (cost(y) < cost(x) ? y : x));
    return {
      ...best,
      latents: best.latents.map((l) => ({ ...l, ambiguousFactorisation: l.states === 4 })),
    };
  }
  return discover(input, settingsOf(options, latentStates, input));
}

const FN = "discoverHierarchy";

function checkOracle({ names, states, rankAtMost, association }: RankOracle): void {
  const fn = FN;
  check(fn, "input.names", names, listOf(anyString));
  check(fn, "input.states", states, anyList).forEach((n, i) =>
    check(fn, `input.states[${i}]`, n, wholeNumber()),
  );
  if (states.length !== names.length)
    throw new DomainError(
      `${fn}: input.states must hold one number a name, got ${states.length} for ${names.length}`,
    );
  check(fn, "input.rankAtMost", rankAtMost, anyFunction);
  check(fn, "input.association", association, anyFunction);
}

function discover(input: LabelData | JointData | RankOracle, settings: Settings): HierarchyResult {
  if ("rankAtMost" in input) return discoverFrom(input, undefined, settings);
  const rows = "joint" in input ? rowsOfJoint(FN, input) : rowsOfLabels(FN, input);
  return discoverRows(rows, settings);
}

/** The search on rows, which may have constant columns: those are independent of all others. */
export function discoverRows(rows: Rows, settings: Settings): HierarchyResult {
  const { featureCoding, collapse, latentStates } = settings;
  const oracle =
    featureCoding === "gaussian" && !rows.exact
      ? covarianceOfRows(rows)
      : rowsOracle(collapse ? collapsedRows(rows, latentStates) : rows, settings);
  return discoverFrom(oracle, rows, settings);
}

function discoverFrom(
  oracle: RankOracle,
  original: Rows | undefined,
  settings: Settings,
): HierarchyResult {
  const { latentStates, refine, significance, signal } = settings;
  const { names } = oracle;
  const states = original?.states ?? oracle.states;
  const warnings = original === undefined ? [] : [...original.warnings, ...identical(original)];
  const about = {
    latentStates,
    names,
    states,
    codes: original?.codes ?? states.map((n) => Array.from({ length: n }, (_, s) => s)),
    warnings,
    significance,
  };
  if (names.length < 4) {
    warnings.push(`${names.length} variables are too few for a test of rank; 4 are needed`);
    return resultOf(
      { graph: isolated(names), log: [] },
      { ...about, tests: { performed: 0, cached: 0, unasked: 0 } },
    );
  }
  const tester = makeTester(oracle, {
    latentStates,
    maxTableSide: settings.maxTableSide,
    maxTables: settings.maxTables,
    maxTests: settings.maxTests,
    corrected: settings.correction === "bonferroni",
    signal,
  });
  const scored = original && collapsedRows(original, settings.scoredStates);
  const best = refine && scored ? refined(tester, scored, settings) : undefined;
  if (refine && best === undefined) warnings.push("too densely connected to be refined");
  const found = best ?? searchOnce(tester, settings, significance);
  if (tester.unasked > 0)
    warnings.push(
      `${tester.unasked} questions were left unasked after ${settings.maxTests} tests: what they concern was not merged or separated`,
    );
  if (original !== undefined && !original.exact && names.length > MOST_FOR_TABLES)
    warnings.push(
      `${names.length} variables are many for tables; for the answers of a survey there is discoverGroups`,
    );
  const wide = names.filter((_, j) => oracle.states[j]! > settings.maxTableSide);
  if (wide.length > 0)
    warnings.push(
      `no table of ${wide.join(", ")} fits into maxTableSide, so that nothing was tested of them; pass collapse: true`,
    );
  const level = { ...about, tests: tester, significance: best?.significance ?? significance };
  if (scored === undefined || !(refine || (scored.exact && settings.fits)))
    return ranksAlone(found, level, warnings);

  const start = expandTo(found.graph, latentStates, names, scored.states);
  const scorer = scorerOf(scored, foldIn(settings.key, "rivals"), signal);
  const settled =
    scorer.rows.weights.length > MOST_ROWS ? undefined : settle(start, scorer, settings);
  if (settled === undefined) {
    warnings.push("rivals were not compared: too densely connected, or too many joint states");
    return ranksAlone(found, level, warnings);
  }
  warnings.push(...settled.warnings);
  const last = {
    graph: settled.steps.length === 0 ? found.graph : coverGraphFrom(settled.graph, found.graph),
    log: [
      ...found.log,
      ...settled.steps.map(({ text, nodes }): Decision => ({
        step: "score",
        nodes,
        latents: [],
        pValue: NaN,
        text,
      })),
    ],
  };
  const restated = settled.alternatives.map((alternative) => ({
    ...alternative,
    graph: withStates(alternative.graph, names, states),
  }));
  const result = resultOf(last, level, restated);
  return scored.exact ? result : { ...result, bic: settled.cost };
}

/** Variables beyond which tables take long. */
const MOST_FOR_TABLES = 15;
/** Distinct rows up to which rivals are fitted. */
const MOST_ROWS = 2 ** 15;

/** What ranks say where nothing can be fitted: graphs that they cannot tell apart are named without a score. */
function ranksAlone(
  found: Found,
  about: Parameters<typeof resultOf>[1],
  warnings: string[],
): HierarchyResult {
  const result = resultOf(found, about);
  const alternatives = rivalsOf(result.graph)
    .filter(({ sameRanks, kind }) => sameRanks && kind !== "observedCause")
    .map(({ graph, text }) => ({ graph, text, sameRanks: true }));
  for (const { text } of alternatives) warnings.push(`ranks cannot tell this from: ${text}`);
  return { ...result, alternatives, warnings };
}

const withStates = (
  graph: ConceptGraph,
  names: readonly string[],
  states: readonly number[],
): ConceptGraph => ({
  ...graph,
  states: { ...graph.states, ...Object.fromEntries(names.map((name, j) => [name, states[j]!])) },
});

function identical(rows: Rows): string[] {
  const same = combinations(
    rows.names.map((_, j) => j),
    2,
  ).filter(([i, j]) => rows.columns[i!]!.every((x, r) => x === rows.columns[j!]![r]));
  return same.map(([i, j]) => `columns ${rows.names[i!]!} and ${rows.names[j!]!} are identical`);
}
