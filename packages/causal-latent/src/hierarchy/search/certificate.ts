/** A found hierarchy held against data again: every cover, every child and every pair of covers. */
import { type Certificate, DomainError, ShapeError } from "@provably/core-tensor";
import {
  type Schema,
  anything,
  certificate,
  checkOptions,
  isRecord,
  longWork,
  numberInside,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, key as keyOf } from "@provably/core-tensor/random";
import { collapsedRows } from "../data/collapse.js";
import { type LabelData, type Rows, rowsOfLabels } from "../data/labels.js";
import {
  type ConceptGraph,
  checkGraph,
  checkNames,
  childrenOf,
  conceptGraph,
} from "../graph/graph.js";
import { coversOf } from "../graph/identifiability.js";
import { isDSeparated } from "../graph/separation.js";
import { combinedPValue } from "../internal/p-values.js";
import { combinations, evenlySpaced } from "../internal/subsets.js";
import { agreement } from "../model/certificate.js";
import { alignRows } from "../model/fit.js";
import { streamOf, tableOfMargins } from "../rank/draws.js";
import { type Group, makeTester } from "./groups.js";
import { observedGraph } from "./observed-graph.js";
import { rowsOracle } from "./oracle.js";
import { type Rival, rivalsOf } from "./rivals.js";
import { DECISIVE_BIC, QUICK, type Scored, scorerOf } from "./settle.js";

/**
 * Options of {@link certifyHierarchy}.
 * @category Certificates
 */
export interface CertifyOptions {
  /** Level of each statement that is a test, in (0, 1); default 0.001. */
  readonly significance?: number;
  /** Most covers that are conditioned on; default 2. */
  readonly maxConditioning?: number;
  /** Key of the halves that fit and test, and of the starts of the fits; default `key(0)`. */
  readonly key?: RngKey;
  readonly signal?: AbortSignal;
}

const OPTIONS: Schema<CertifyOptions> = {
  significance: numberInside(0, 1),
  maxConditioning: wholeNumber(0),
  key: anything,
  signal: longWork.signal,
};

/**
 * Certificates of a hierarchy against data, best such that the search has not seen.
 *
 * - The first is its **fit**: tables fitted to one half of the rows agree with the other half.
 * - For every cover that its children have no more between them and the rest than its latents (p-value of the ranks, must be high), and for every child that it
 *   depends on its siblings (must be low); for adjacent covers that they are dependent given what would separate them without their edge (must be low), for covers
 *   apart that they are independent given what separates them (must be high).
 * - For every cover and edge that no **rival** stands in its place: a variable that loads on two latents, an edge or an observed variable instead of a latent, two latents
 *   that are one, another parent, no edge, and no latent at all. The value is by how much the rival's Bayesian information criterion is greater.
 *
 * Verdicts: a rival with fewer parameters, or as many, must be worse by 10 for the statement to hold and better by 10 for it to fail; a richer one must not be better,
 * and fails it from 10. A dependence that the data do not show is `undecided`, for power may be low. Statements that no table can test are left out.
 *
 * @param graph - the graph, such as `discoverHierarchy(…).graph`; all latents with the same number of states
 * @param input - labels, see {@link LabelData}
 * @param options - see {@link CertifyOptions}
 * @returns certificates of kind `statistical` by what they say: `fit` first, then such as `L1: latents are needed` and `X1; X2; X3 share L1`
 * @throws `GraphError` when the data has other names
 * @throws `InvalidDataError` for bad labels
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { certifyHierarchy, presetGraph, randomCpts, sampleHierarchy } from "@provably/causal-latent/hierarchy";
 *
 * const graph = presetGraph("twoCluster");
 * const data = sampleHierarchy(graph, randomCpts(graph, key(0)), 4000, key(1));
 * const statements = certifyHierarchy(graph, data);
 * Object.values(statements).every(({ holds }) => holds); // => true
 * statements.fit.verdict; // => "holds"
 * ```
 * @category Certificates
 */
export function certifyHierarchy(
  graph: ConceptGraph,
  input: LabelData,
  options: CertifyOptions = {},
): Readonly<Record<string, Certificate>> {
  const fn = "certifyHierarchy";
  const {
    significance = 0.001,
    maxConditioning = 2,
    key = keyOf(0),
    signal,
  } = checkOptions<CertifyOptions>(fn, options, OPTIONS);
  checkGraph(fn, graph);
  const states = new Set(graph.latents.map((name) => graph.states[name]!));
  if (states.size > 1)
    throw new DomainError(
      `${fn}: all latents must have the same number of states, got ${[...states].join(", ")}`,
    );
  const latentStates = [...states][0] ?? 2;
  const given = isRecord(input) ? { names: graph.observed, ...input } : input;
  const original = rowsOfLabels(fn, given);
  checkNames(fn, "data", graph, original.names);
  if (original.names.length !== graph.observed.length)
    throw new ShapeError(
      `${fn}: the graph has ${graph.observed.length} observed variables, the data ${original.names.length} columns`,
    );
  const rows = collapsedRows(original, latentStates);
  return Object.fromEntries(
    [
      ...fitAndRivals(graph, rows, key, significance, signal),
      ...rankStatements(graph, rows, latentStates, significance, maxConditioning, signal),
    ].map((statement, i) => [i === 0 ? "fit" : nameOf(statement), statement]),
  );
}

/** What a statement says, without how it is measured. */
const nameOf = ({ claim }: Certificate): string => claim.split(/[:;] (?:p-value|BIC) ?/)[0]!;

/** The fit on held-out rows, then every rival. */
function fitAndRivals(
  given: ConceptGraph,
  rows: Rows,
  key: RngKey,
  significance: number,
  signal: AbortSignal | undefined,
): Certificate[] {
  // with the states of the observed variables as they are after merging
  const graph: ConceptGraph = {
    ...given,
    states: {
      ...given.states,
      ...Object.fromEntries(rows.names.map((name, j) => [name, rows.states[j]!])),
    },
  };
  const scorer = scorerOf(rows, key, signal);
  const own = scorer.fit(graph);
  if (own === undefined)
    return [
      certificate({
        claim: "fit of the joint table",
        kind: "statistical",
        value: NaN,
        verdict: "undecided",
        note: "too densely connected to be fitted",
      }),
    ];
  const [train, test] = halves(scorer.rows, foldIn(key, "halves"));
  const half = scorerOf(train, key, signal).fit(graph, own.fit)!;
  const aligned = alignRows("certifyHierarchy", graph, test);
  // tables from the other half are off by as much again as their number of parameters
  const held = agreement(half.fit, aligned, -half.fit.numParameters);
  const bare = scorer.fit(observedGraph(scorer.rows, scorer.size, signal));
  const rivals: (Rival & { readonly scored: Scored })[] = [];
  if (bare !== undefined && graph.latents.length > 0)
    rivals.push({
      kind: "noLatents",
      text: "observed variables alone, with edges between them",
      sameRanks: false,
      nodes: graph.latents,
      graph: bare.graph,
      scored: bare,
    });
  for (const rival of rivalsOf(graph)) {
    const quick = scorer.fit(rival.graph, own.fit, QUICK);
    if (quick === undefined) continue;
    const near = quick.cost - own.cost < 6 * DECISIVE_BIC;
    rivals.push({ ...rival, scored: near ? scorer.fit(rival.graph, quick.fit, 150)! : quick });
  }
  const worst = rivals.reduce((x, { scored }) => Math.min(x, scored.cost - own.cost), Infinity);
  const fit = certificate({
    claim:
      "the joint table of held-out rows agrees with tables fitted to the others, p-value of Pearson's chi-square",
    kind: "statistical",
    value: held.pValue,
    expected: [significance, 1],
    confidence: 1 - significance,
    verdict: held.cells < 3 ? "undecided" : held.pValue >= significance,
    note: `held-out log-likelihood ${(held.logLikelihood / test.total).toPrecision(5)} a row; ${held.cells} cells expect at least 5 counts, a misfit spread over rarer ones is not seen; nearest rival: BIC ${worst >= 0 ? "greater" : "smaller"} by ${Math.abs(worst).toPrecision(3)}`,
  });
  return [fit, ...nearestOfKind(rivals, own)];
}

const INSTEAD: Readonly<Record<Rival["kind"], string>> = {
  crossLoading: "no variable loads on two latents instead",
  edgeInsteadOfLatent: "no edge between observed variables instead of it",
  observedCause: "no observed variable in its place",
  merge: "not one with a neighbour",
  otherParent: "no child belongs to a neighbour",
  edgeBetweenObserved: "no edge between its observed children",
  noEdge: "the edge is needed",
  noLatents: "latents are needed",
};

/** One statement for each latent or edge and kind of rival, about the nearest of them. */
function nearestOfKind(
  rivals: readonly (Rival & { readonly scored: Scored })[],
  own: Scored,
): Certificate[] {
  const nearest = new Map<string, Rival & { readonly scored: Scored }>();
  for (const rival of rivals) {
    const about = rival.kind === "noEdge" ? rival.nodes.join(" – ") : rival.nodes[0]!;
    const mark = `${rival.kind === "noLatents" ? "all latents" : about}: ${INSTEAD[rival.kind]}`;
    const before = nearest.get(mark);
    if (before === undefined || rival.scored.cost < before.scored.cost) nearest.set(mark, rival);
  }
  return [...nearest].map(([claim, { text, scored }]) => {
    const value = scored.cost - own.cost;
    const richer = scored.fit.numParameters > own.fit.numParameters;
    const verdict =
      value > (richer ? 0 : DECISIVE_BIC) ? "holds" : value < -DECISIVE_BIC ? "fails" : "undecided";
    return certificate({
      claim: `${claim}; BIC of the nearest rival is greater by`,
      kind: "statistical",
      value,
      expected: [richer ? 0 : DECISIVE_BIC, Infinity],
      verdict,
      note: `rival: ${text}, ${scored.fit.numParameters} parameters against ${own.fit.numParameters}`,
    });
  });
}

/** Rows dealt at random into two halves. */
function halves(rows: Rows, key: RngKey): [Rows, Rows] {
  const half = Math.floor(rows.total / 2);
  const out = new Float64Array(2 * rows.weights.length);
  tableOfMargins(streamOf(key), [half, rows.total - half], [...rows.weights], out);
  const part = (from: number, total: number): Rows => {
    const weights = out.subarray(from, from + rows.weights.length);
    const kept = [...weights.keys()].filter((r) => weights[r]! > 0);
    return {
      ...rows,
      columns: rows.columns.map((column) => Int32Array.from(kept, (r) => column[r]!)),
      weights: Float64Array.from(kept, (r) => weights[r]!),
      total,
    };
  };
  return [part(0, half), part(rows.weights.length, rows.total - half)];
}

/** What the ranks of tables say: of every cover, every child and every pair of covers. */
function rankStatements(
  graph: ConceptGraph,
  rows: Rows,
  latentStates: number,
  significance: number,
  maxConditioning: number,
  signal: AbortSignal | undefined,
): Certificate[] {
  const tester = makeTester(rowsOracle(rows, { test: "auto", mainEffects: true }), {
    latentStates,
    maxTableSide: 64,
    maxTables: 12,
    corrected: true,
    signal,
  });

  const children = childrenOf(graph);
  const covers = coversOf(graph);
  const coverOf = new Map(covers.flatMap((cover) => cover.map((name) => [name, cover] as const)));
  const isObserved = (name: string): boolean => graph.observed.includes(name);
  const index = (name: string): number => rows.names.indexOf(name);
  const everythingBelow = (name: string): Set<string> =>
    new Set(isObserved(name) ? [name] : children[name]!.flatMap((c) => [...everythingBelow(c)]));
  /** Observed variables that hang on a cover alone, nearest first, not through blocked covers. */
  const measuredBelow = (cover: readonly string[], blocked: ReadonlySet<string>): string[] => {
    const own = children[cover[0]!]!.filter((c) =>
      graph.parents[c]!.every((p) => cover.includes(p)),
    );
    const near = own.filter(isObserved);
    const deeper = [
      ...new Set(own.filter((c) => !isObserved(c) && !blocked.has(c)).map((c) => coverOf.get(c)!)),
    ].map((c) => measuredBelow(c, blocked));
    const longest = Math.max(0, ...deeper.map((list) => list.length));
    return [
      ...near,
      ...Array.from({ length: longest }, (_, i) =>
        deeper.flatMap((list) => list.slice(i, i + 1)),
      ).flat(),
    ];
  };
  const groupOf = (names: readonly string[], blocked: ReadonlySet<string> = new Set()): Group => {
    const measured = isObserved(names[0]!) ? names : measuredBelow(names, blocked);
    return {
      names,
      size: names.length,
      latent: !isObserved(names[0]!),
      measured: measured.map(index),
      children: [],
      pValue: NaN,
    };
  };

  /** A cover to condition on: one observed variable for each of its branches in which neither g nor h lies, so that the cover separates them from each other. */
  const conditionOn = (
    cover: readonly string[],
    blocked: ReadonlySet<string>,
    g: Group,
    h: Group,
  ): Group => {
    const taken = new Set([...g.measured, ...h.measured]);
    const measured = children[cover[0]!]!.flatMap((child) => {
      if (blocked.has(child) || !graph.parents[child]!.every((p) => cover.includes(p))) return [];
      const below = [...everythingBelow(child)].map(index);
      if (below.some((j) => taken.has(j))) return [];
      return isObserved(child)
        ? [index(child)]
        : measuredBelow(coverOf.get(child)!, blocked).slice(0, 1).map(index);
    });
    return {
      names: cover,
      size: cover.length,
      latent: true,
      measured: [...new Set(measured)],
      children: [],
      pValue: NaN,
    };
  };

  const found: Certificate[] = [];
  const state = (claim: string, value: number, high: boolean): void => {
    found.push(
      certificate({
        claim,
        kind: "statistical",
        value,
        expected: high ? [significance, 1] : [0, significance],
        confidence: 1 - significance,
        // that a dependence does not show is no proof of independence
        verdict: high ? value >= significance : value < significance || "undecided",
      }),
    );
  };

  for (const cover of covers) {
    const k = cover.length;
    const own = children[cover[0]!]!.filter((c) =>
      graph.parents[c]!.every((p) => cover.includes(p)),
    );
    const units = [
      ...new Map(
        own.map((c) => [
          isObserved(c) ? c : coverOf.get(c)!.join(),
          isObserved(c) ? [c] : coverOf.get(c)!,
        ]),
      ).values(),
    ];
    const groups = units.map((names) => groupOf(names)).filter((g) => g.measured.length >= g.size);
    const sets = Array.from({ length: k }, (_, m) => combinations(groups, m + 2))
      .flat()
      .filter((set) => set.reduce((s, g) => s + g.size, 0) === k + 1);
    const pValues: number[] = [];
    for (const set of evenlySpaced(sets, 15)) {
      const below = new Set(
        set.flatMap((g) => g.names.flatMap((name) => [...everythingBelow(name)])),
      );
      const others = graph.observed
        .filter((name) => !below.has(name) && isDSeparated(graph, [...below], [name], cover))
        .map((name) => groupOf([name]));
      if (others.length > k) pValues.push(tester.deficient(set, others, k));
    }
    const title = cover.join(", ");
    if (pValues.length > 0)
      state(
        `${units.map((names) => names.join(", ")).join("; ")} share ${title}: p-value of the ranks`,
        combinedPValue(pValues),
        true,
      );
    for (const child of groups) {
      const siblings = groups.filter((g) => g !== child);
      const independence = siblings.map((g) => tester.independent(child, g, []) ?? 1);
      if (siblings.length > 0)
        state(
          `${child.names.join(", ")} depends on what else hangs on ${title}: p-value of independence`,
          combinedPValue(independence),
          false,
        );
    }
  }

  for (const [x, y] of combinations(covers, 2) as [string[], string[]][]) {
    const isAdjacent = x.some((a) =>
      y.some((b) => graph.parents[a]!.includes(b) || graph.parents[b]!.includes(a)),
    );
    const others = covers.filter((c) => c !== x && c !== y);
    const sets = Array.from({ length: maxConditioning + 1 }, (_, size) =>
      combinations(others, size),
    ).flat();
    const test = (given: readonly string[][]): number | undefined => {
      const blocked = new Set([...x, ...y, ...given.flat()]);
      const [g, h] = [groupOf(x, blocked), groupOf(y, blocked)];
      if (g.measured.length < g.size || h.measured.length < h.size) return undefined;
      return tester.independent(
        g,
        h,
        given.map((c) => conditionOn(c, blocked, g, h)),
      );
    };
    const [left, right] = [x.join(", "), y.join(", ")];
    if (isAdjacent) {
      // what separates them in the graph without the edge must not do so in the data
      const bare = conceptGraph(
        Object.fromEntries(
          graph.order.map((name) => [
            name,
            graph.parents[name]!.filter(
              (p) => !((x.includes(name) && y.includes(p)) || (y.includes(name) && x.includes(p))),
            ),
          ]),
        ),
        { observed: graph.observed, states: graph.states },
      );
      const given = sets.find(
        (set) => isDSeparated(bare, x, y, set.flat()) && test(set) !== undefined,
      );
      if (given !== undefined)
        state(
          `${left} and ${right} are adjacent: p-value of independence${given.length > 0 ? ` given ${given.flat().join(", ")}` : ""}`,
          test(given)!,
          false,
        );
    } else {
      const given = sets.find(
        (set) => isDSeparated(graph, x, y, set.flat()) && test(set) !== undefined,
      );
      if (given !== undefined)
        state(
          `${left} and ${right} are independent${given.length > 0 ? ` given ${given.flat().join(", ")}` : ""}: p-value`,
          test(given)!,
          true,
        );
    }
  }
  return found;
}
