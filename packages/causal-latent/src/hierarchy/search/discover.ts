/** The whole search: from data, a joint distribution or an oracle to a hierarchy of latents with the evidence for every step. */
import { DomainError } from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyRecord,
  check,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { checkOptions, checkStrings } from "../../internal/check.js";
import { collapsedRows } from "../data/collapse.js";
import {
  type JointData,
  type LabelData,
  type Rows,
  rowsOfJoint,
  rowsOfLabels,
} from "../data/labels.js";
import { combinations } from "../internal/subsets.js";
import { numParametersOf } from "../model/fit.js";
import { isolated } from "./cover-graph.js";
import { makeTester } from "./groups.js";
import { type RankOracle, covarianceOracle, rowsOracle } from "./oracle.js";
import { refined } from "./refine.js";
import { type HierarchyResult, resultOf } from "./result.js";
import { searchOnce } from "./search-once.js";
import { type DiscoverOptions, type Settings, settingsOf } from "./settings.js";

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
  const { latentStates = 2 } = checkOptions("discoverHierarchy", options);
  check("discoverHierarchy", "input", input, anyRecord);
  if ("rankAtMost" in input) checkOracle(input);
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

function checkOracle({ names, states, rankAtMost, association }: RankOracle): void {
  const fn = "discoverHierarchy";
  checkStrings(fn, "input.names", names);
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
  const { latentStates, featureCoding, collapse, refine } = settings;
  let original: Rows | undefined;
  let oracle: RankOracle;
  if ("rankAtMost" in input) oracle = input;
  else {
    original =
      "joint" in input
        ? rowsOfJoint("discoverHierarchy", input)
        : rowsOfLabels("discoverHierarchy", input);
    const rows = collapse ? collapsedRows(original, latentStates) : original;
    oracle =
      featureCoding === "gaussian" && "data" in input
        ? covarianceOracle(input)
        : rowsOracle(rows, settings);
  }
  const warnings = original === undefined ? [] : warningsOf(original);
  const about = {
    latentStates,
    names: oracle.names,
    states: original?.states ?? oracle.states,
    warnings,
    alpha: settings.alpha,
  };
  if (oracle.names.length < 4) {
    warnings.push(`${oracle.names.length} variables are too few for a test of rank; 4 are needed`);
    return resultOf(
      { graph: isolated(oracle.names), log: [] },
      { ...about, tests: { performed: 0, cached: 0 } },
    );
  }
  const tester = makeTester(oracle, {
    latentStates,
    maxCells: settings.maxCells,
    maxTables: settings.maxTables,
    corrected: settings.correction === "bonferroni",
    signal: settings.signal,
  });
  if (refine && original !== undefined) {
    const best = refined(
      tester,
      collapse ? collapsedRows(original, settings.scoredStates) : original,
      settings,
    );
    if (best !== undefined)
      return {
        ...resultOf(best, { ...about, tests: tester, alpha: best.alpha }),
        bic: best.fit.bic,
      };
    warnings.push("too densely connected to be refined");
  }
  return resultOf(searchOnce(tester, settings, settings.alpha), { ...about, tests: tester });
}

function warningsOf(rows: Rows): string[] {
  const same = combinations(rows.names.map((_, j) => j), 2).filter(([i, j]) => rows.columns[i!]!.every((x, r) => x === rows.columns[j!]![r])); // prettier-ignore
  return same.map(([i, j]) => `columns ${rows.names[i!]!} and ${rows.names[j!]!} are identical`);
}
