/** A found hierarchy held against data again: every cover, every child and every pair of covers. */
import { type Certificate, DomainError } from "@provably/core-tensor";
import { anyRecord, certificate, check, wholeNumber } from "@provably/core-tensor/internal";
import { checkNumber } from "../../internal/check.js";
import { collapsedRows } from "../data/collapse.js";
import { type LabelData, rowsOfLabels } from "../data/labels.js";
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
import { type Group, makeTester } from "./groups.js";
import { rowsOracle } from "./oracle.js";

/**
 * Options of {@link certifyHierarchy}.
 * @category Certificates
 */
export interface CertifyOptions {
  /** Level of each statement, in (0, 1); default 0.001. */
  readonly alpha?: number;
  /** Most covers that are conditioned on; default 2. */
  readonly maxConditioning?: number;
}

/**
 * Certificates of a hierarchy against data, best such that the search has not seen: for every cover that its children have no more between them and the rest than
 * its latents (p-value of the ranks, must be high), for every child of a cover that it depends on its siblings (must be low), for adjacent covers that they are
 * dependent given what would separate them without their edge (must be low), and for covers apart that they are independent given what separates them (must be high).
 *
 * Statements that no table can test, because too few variables hang below a cover, are left out.
 *
 * @param graph - the graph, such as `discoverHierarchy(…).graph`; all latents with the same number of states
 * @param input - labels, see {@link LabelData}
 * @param options - see {@link CertifyOptions}
 * @returns one certificate a statement, of kind `statistical`, with the p-value
 * @throws `GraphError` when the data has other names
 * @throws `InvalidDataError` for bad labels
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { certifyHierarchy, presetGraph, randomCpts, sampleHierarchy } from "@provably/causal-latent/hierarchy";
 *
 * const graph = presetGraph("twoCluster");
 * const data = sampleHierarchy(graph, randomCpts(graph, key(0)), 4000, key(1));
 * certifyHierarchy(graph, data).every(({ holds }) => holds); // => true
 * ```
 * @category Certificates
 */
export function certifyHierarchy(
  graph: ConceptGraph,
  input: LabelData,
  options: CertifyOptions = {},
): readonly Certificate[] {
  const { alpha = 0.001, maxConditioning = 2 } = check(
    "certifyHierarchy",
    "options",
    options,
    anyRecord,
  );
  checkGraph("certifyHierarchy", graph);
  check("certifyHierarchy", "input", input, anyRecord);
  checkNumber("certifyHierarchy", "alpha", alpha, "lie in (0, 1)", (x) => x > 0 && x < 1);
  check("certifyHierarchy", "maxConditioning", maxConditioning, wholeNumber(0));
  const states = new Set(graph.latents.map((name) => graph.states[name]!));
  if (states.size > 1)
    throw new DomainError(
      `certifyHierarchy: all latents must have the same number of states, got ${[...states].join(", ")}`,
    );
  const latentStates = [...states][0] ?? 2;
  const rows = collapsedRows(
    rowsOfLabels("certifyHierarchy", { names: graph.observed, ...input }),
    latentStates,
  );
  checkNames("certifyHierarchy", "data", graph, rows.names);
  const tester = makeTester(rowsOracle(rows, { test: "auto", features: true }), {
    latentStates,
    maxCells: 64,
    maxTables: 12,
    corrected: true,
    signal: undefined,
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
        expected: high ? [alpha, 1] : [0, alpha],
        confidence: 1 - alpha,
        verdict: high ? value >= alpha : value < alpha,
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
    const sets = Array.from({ length: k }, (_, m) => combinations(groups, m + 2)).flat().filter((set) => set.reduce((s, g) => s + g.size, 0) === k + 1); // prettier-ignore
    const pValues: number[] = [];
    for (const set of evenlySpaced(sets, 15)) {
      const below = new Set(
        set.flatMap((g) => g.names.flatMap((name) => [...everythingBelow(name)])),
      );
      const others = graph.observed
        .filter((name) => !below.has(name))
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
      return tester.independent(g, h, given.map((c) => conditionOn(c, blocked, g, h))); // prettier-ignore
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
