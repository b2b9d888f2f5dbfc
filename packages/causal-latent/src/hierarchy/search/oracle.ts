/** What answers the questions of the search: data, an exact distribution, a graph, or covariances. */
import { DomainError } from "@provably/core-tensor";
import {
  type Schema,
  anyList,
  check,
  checkOptions,
  oneOf,
  show,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import {
  type LabelData,
  type JointData,
  type Rows,
  crossTable,
  rowsOfJoint,
  rowsOfLabels,
} from "../data/labels.js";
import { type ConceptGraph, checkGraph } from "../graph/graph.js";
import { graphRank } from "../graph/separation.js";
import { product } from "../internal/arrays.js";
import { combinedPValue } from "../internal/p-values.js";
import { featureTest, numFeatures } from "../rank/features.js";
import { METHODS, type RankTestMethod, checkRankOptions, testCells } from "../rank/rank-test.js";
import { chiSquareTail } from "../rank/chi-square.js";
import { decompose, proportionsOf } from "../rank/table.js";

/**
 * A side of a question of rank: the variables, in parts. Only their union matters to the question; a test may look at joint states within a part and main effects
 * across parts first.
 * @category Search
 */
export type RankSide = readonly (readonly number[])[];

/**
 * An answer: whether the rank is within the bound, and how sure. An exact oracle says 1 or 0.
 * @category Search
 */
export interface RankAnswer {
  readonly pValue: number;
}

/**
 * What answers "has the table of A and B rank at most k?" for the search.
 * @category Search
 */
export interface RankOracle {
  readonly names: readonly string[];
  readonly states: readonly number[];
  /** Whether answers are certain: every table is then asked for, and nothing is corrected for their number. */
  readonly exact: boolean;
  /** Whether ranks count latents (covariances) rather than joint states (tables); default false. */
  readonly linear?: boolean;
  /** Strength of the dependence of two variables, to choose telling tables with. */
  readonly association: (i: number, j: number) => number;
  /** Whether the table of two sides of variables has at most a rank, with the evidence. */
  readonly rankAtMost: (a: RankSide, b: RankSide, rank: number) => RankAnswer;
}

const concat = (side: RankSide): number[] => side.flat();

/** Positions of the variables of each part in the concatenation of all. */
function positions(side: RankSide): number[][] {
  let at = 0;
  return side.map((part) => part.map(() => at++));
}

function checkPlace(j: number, names: readonly string[]): number {
  if (!(Number.isInteger(j) && j >= 0 && j < names.length))
    throw new DomainError(
      `rankOracle: variables must be integers in [0, ${names.length}), got ${show(j)}`,
    );
  return j;
}

/** Two sets of variables that do not overlap, and a rank. */
function checkQuestion(
  a: RankSide,
  b: RankSide,
  rank: number,
  names: readonly string[],
  least = 1,
): void {
  check("rankAtMost", "rank", rank, wholeNumber(least));
  const seen = new Set<number>();
  for (const [name, side] of [
    ["a", a],
    ["b", b],
  ] as const)
    for (const part of check("rankAtMost", name, side, anyList))
      for (const j of check("rankAtMost", `parts of ${name}`, part, anyList)) {
        if (seen.has(checkPlace(j, names)))
          throw new DomainError(
            `rankAtMost: a and b must name every variable at most once, got ${j} twice`,
          );
        seen.add(j);
      }
  if (a.length === 0 || b.length === 0)
    throw new DomainError("rankAtMost: a and b must name a variable, got none");
}

/** An oracle that tests tables of counts. `mainEffects: false` leaves out the tests on main effects. */
export function rowsOracle(
  rows: Rows,
  options: { readonly test: RankTestMethod; readonly mainEffects: boolean },
): RankOracle {
  // a few replicates and their gamma tail: thousands of questions are asked, none of which decides alone
  const settings = {
    ...checkRankOptions("discoverHierarchy", { method: options.test }),
    ...(options.test === "auto" && { numReplicates: 199, restarts: 2, thick: 5 }),
  };
  const associations = associationTable(rows);
  return {
    names: rows.names,
    states: rows.states,
    exact: rows.exact,
    association: (i, j) => associations[checkPlace(i, rows.names)]![checkPlace(j, rows.names)]!,
    rankAtMost(a, b, rank) {
      checkQuestion(a, b, rank, rows.names);
      const table = crossTable(rows, concat(a), concat(b));
      if (rows.exact)
        return { pValue: testCells(table, { ...settings, rank, method: "exact" }).pValue };
      const full = testCells(table, { ...settings, rank });
      if (!options.mainEffects || full.df === 0) return full;
      const sides = [a, b].map((side) => ({
        extents: concat(side).map((j) => rows.states[j]!),
        parts: positions(side),
      }));
      const [left, right] = [sides[0]!, sides[1]!];
      const fewer = numFeatures(left) < table.p || numFeatures(right) < table.q;
      const main = fewer ? featureTest(proportionsOf(table), left, right, rank) : undefined;
      return main === undefined ? full : { pValue: combinedPValue([full.pValue, main]) };
    },
  };
}

/** Sum of the squared canonical correlations of the indicators of each pair. */
function associationTable(rows: Rows): number[][] {
  const q = rows.names.length;
  const out = Array.from({ length: q }, () => new Array<number>(q).fill(0));
  for (let i = 0; i < q; i++)
    for (let j = 0; j < i; j++) {
      const { p, q: columns, data, a, b } = proportionsOf(crossTable(rows, [i], [j]));
      let sum = -1;
      for (let r = 0; r < p; r++)
        for (let c = 0; c < columns; c++) sum += data[r * columns + c]! ** 2 / (a[r]! * b[c]!);
      out[i]![j] = out[j]![i] = sum;
    }
  return out;
}

/**
 * Options of {@link dataOracle}.
 * @category Search
 */
export interface DataOracleOptions {
  /** Rank test of tables of counts; default `auto`. */
  readonly test?: RankTestMethod;
  /** Whether main effects are tested beside joint states; default true. */
  readonly mainEffects?: boolean;
}

const ORACLE: Schema<DataOracleOptions> = { test: oneOf(...METHODS), mainEffects: trueOrFalse };

/**
 * An oracle that tests tables of labels, with the tests of {@link rankTest}.
 *
 * @param input - labels, see {@link LabelData}
 * @param options - see {@link DataOracleOptions}
 * @returns oracle
 * @throws `InvalidDataError` for bad labels
 * @example
 * ```ts
 * import { dataOracle } from "@provably/causal-latent/hierarchy";
 *
 * const oracle = dataOracle({ data: [[0, 0], [0, 0], [1, 1], [1, 1]] });
 * oracle.association(0, 1); // => 1
 * ```
 * @category Search
 */
export function dataOracle(input: LabelData, options: DataOracleOptions = {}): RankOracle {
  const { test = "auto", mainEffects = true } = checkOptions<DataOracleOptions>(
    "dataOracle",
    options,
    ORACLE,
  );
  return rowsOracle(rowsOfLabels("dataOracle", input), { test, mainEffects });
}

/**
 * An oracle that counts the singular values of exact tables.
 *
 * @param input - joint distribution, see {@link JointData}
 * @returns oracle
 * @throws `InvalidDataError` when the table is none of probabilities
 * @example
 * ```ts
 * import { jointOracle } from "@provably/causal-latent/hierarchy";
 *
 * jointOracle({ joint: [[0.25, 0.25], [0.25, 0.25]] }).rankAtMost([[0]], [[1]], 1).pValue; // => 1
 * ```
 * @category Search
 */
export function jointOracle(input: JointData): RankOracle {
  return rowsOracle(rowsOfJoint("jointOracle", input), { test: "exact", mainEffects: false });
}

/**
 * An oracle that reads ranks off a graph: what the search would find with endless data.
 *
 * @param graph - the graph
 * @returns oracle over its observed variables
 * @example
 * ```ts
 * import { graphOracle, presetGraph } from "@provably/causal-latent/hierarchy";
 *
 * graphOracle(presetGraph("tree3")).rankAtMost([[0], [2]], [[1], [3]], 2).pValue; // => 0
 * ```
 * @category Search
 */
export function graphOracle(graph: ConceptGraph): RankOracle {
  const names = checkGraph("graphOracle", graph).observed;
  return {
    names,
    states: names.map((name) => graph.states[name]!),
    exact: true,
    association: () => 0,
    rankAtMost(a, b, rank) {
      checkQuestion(a, b, rank, names);
      const name = (j: number): string => names[j]!;
      return { pValue: graphRank(graph, concat(a).map(name), concat(b).map(name)) <= rank ? 1 : 0 };
    },
  };
}

/**
 * The linear baseline: labels taken as numbers, and ranks of their cross-covariances tested by canonical correlations with Bartlett's correction.
 *
 * Right for linear Gaussian models. For discrete data a rank of covariances is not the state count of a separator, unless every latent is binary and no variable has
 * two latent parents that interact.
 *
 * @param input - labels, see {@link LabelData}
 * @returns oracle whose ranks count latents
 * @throws `InvalidDataError` for bad labels
 * @example
 * ```ts
 * import { covarianceOracle } from "@provably/causal-latent/hierarchy";
 *
 * covarianceOracle({ data: [[0, 0], [0, 1], [1, 0], [1, 1]] }).association(0, 1); // => 0
 * ```
 * @see Huang, Low, Xie, Glymour, Zhang (2022), "Latent hierarchical causal structure discovery with rank constraints"
 * @category Search
 */
export function covarianceOracle(input: LabelData): RankOracle {
  return covarianceOfRows(rowsOfLabels("covarianceOracle", input));
}

export function covarianceOfRows(rows: Rows): RankOracle {
  const covariance = covarianceOf(rows);
  const sdOf = (i: number): number => Math.sqrt(covariance[i]![i]!);
  return {
    names: rows.names,
    states: rows.states,
    exact: false,
    linear: true,
    association: (i, j) =>
      (covariance[checkPlace(i, rows.names)]![checkPlace(j, rows.names)]! / (sdOf(i) * sdOf(j))) **
      2,
    rankAtMost(a, b, rank) {
      checkQuestion(a, b, rank, rows.names, 0);
      return { pValue: canonicalTest(covariance, concat(a), concat(b), rank, rows.total) };
    },
  };
}

function covarianceOf(rows: Rows): number[][] {
  const mean = rows.columns.map(
    (column) => column.reduce((sum, x, r) => sum + x * rows.weights[r]!, 0) / rows.total,
  );
  return rows.columns.map((x, i) =>
    rows.columns.map((y, j) => {
      let sum = 0;
      for (let r = 0; r < x.length; r++)
        sum += rows.weights[r]! * (x[r]! - mean[i]!) * (y[r]! - mean[j]!);
      return sum / rows.total;
    }),
  );
}

/** Wilks' test with Bartlett's correction of "at most `rank` canonical correlations are not 0". */
function canonicalTest(
  covariance: readonly (readonly number[])[],
  a: readonly number[],
  b: readonly number[],
  rank: number,
  n: number,
): number {
  const df = (a.length - rank) * (b.length - rank);
  if (rank >= Math.min(a.length, b.length)) return 1;
  const [ga, gb] = [whitening(covariance, a), whitening(covariance, b)];
  const data = new Float64Array(ga.length * gb.length);
  ga.forEach((u, r) =>
    gb.forEach((v, c) =>
      a.forEach((i, s) =>
        b.forEach((j, t) => (data[r * gb.length + c]! += u[s]! * covariance[i]![j]! * v[t]!)),
      ),
    ),
  );
  if (ga.length === 0 || gb.length === 0) return 1;
  const { s, m } = decompose({ p: ga.length, q: gb.length, data });
  let statistic = 0;
  for (let i = rank; i < m; i++) statistic -= Math.log1p(-Math.min(s[i]! ** 2, 1 - 1e-16));
  return chiSquareTail(Math.max(0, (n - (a.length + b.length + 3) / 2) * statistic), df).p;
}

/** Combinations of variables with unit variance and no correlation, by Gram-Schmidt; dependent variables are left out. */
function whitening(
  covariance: readonly (readonly number[])[],
  members: readonly number[],
): number[][] {
  const inner = (u: readonly number[], v: readonly number[]): number =>
    members.reduce(
      (sum, i, s) =>
        sum + members.reduce((row, j, t) => row + u[s]! * covariance[i]![j]! * v[t]!, 0),
      0,
    );
  const basis: number[][] = [];
  members.forEach((_, s) => {
    let u = members.map((_, t): number => (s === t ? 1 : 0));
    const before = inner(u, u);
    for (const other of basis) {
      const along = inner(u, other);
      u = u.map((x, t) => x - along * other[t]!);
    }
    const norm = inner(u, u);
    if (norm > 1e-10 * before) basis.push(u.map((x) => x / Math.sqrt(norm)));
  });
  return basis;
}

/** Joint states of a side. */
export function sideStates(oracle: RankOracle, side: RankSide): number {
  return product(concat(side).map((j) => oracle.states[j]!));
}
