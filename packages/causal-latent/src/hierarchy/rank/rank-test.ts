/** Tests of the rank of a contingency table, by one name. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import { anyRecord, check, oneOf, wholeNumber } from "@provably/core-tensor/internal";
import {
  type RngKey,
  foldIn,
  key as keyOf,
  permutation,
  uniform,
} from "@provably/core-tensor/random";
import { checkNumber } from "../../internal/check.js";
import { chiSquareTail } from "./chi-square.js";
import { fitLatentClasses, fittedCells } from "./latent-class.js";
import {
  bartlett,
  bartlettLawley,
  indicatorFeatures,
  kleibergenPaap,
  pearson,
} from "./statistics.js";
import {
  type Cells,
  type Decomposition,
  type Proportions,
  countsOf,
  decompose,
  normalized,
  proportionsOf,
  smallestFitted,
} from "./table.js";

/**
 * Name of a rank test, see {@link rankTest}.
 * @category Rank tests
 */
export type RankTestMethod =
  | "auto"
  | "kp"
  | "pearson"
  | "bartlett"
  | "bartlettLawley"
  | "lr"
  | "bootstrap"
  | "permutation"
  | "exact";

/**
 * Options of {@link rankTest}.
 * @category Rank tests
 */
export interface RankTestOptions {
  /** Hypothesised rank k, an integer ≥ 1; default 1, which is independence. */
  readonly rank?: number;
  /** Default `auto`. */
  readonly method?: RankTestMethod;
  /** Level at which `rejected` is decided, in (0, 1); default 0.01. */
  readonly alpha?: number;
  /** Starts of the fit of `lr`; default 8. */
  readonly restarts?: number;
  /** Replicates of `bootstrap` and `permutation`; default 199. */
  readonly replicates?: number;
  /** Statistic that `bootstrap` replicates; default `kp`. */
  readonly statistic?: "kp" | "lr";
  /** Singular values up to this, relative to the greatest, count as zero for `exact`; default 1e-9. */
  readonly tolerance?: number;
  /** Key of the starts of `lr` and of the replicates; default `key(0)`. */
  readonly key?: RngKey;
}

/**
 * What a rank test found.
 * @category Rank tests
 */
export interface RankTestResult {
  readonly statistic: number;
  /** (p − k)(q − k) of the table without empty rows and columns; 0 when k is no restriction. */
  readonly df: number;
  readonly pValue: number;
  /** Natural logarithm of `pValue`, also where that is 0. */
  readonly logPValue: number;
  /** Whether `pValue` < alpha. */
  readonly rejected: boolean;
  /** The test that was used: what `auto` chose. */
  readonly method: Exclude<RankTestMethod, "auto">;
  /** Number of observations. */
  readonly n: number;
  /** Rows and columns that are not empty. */
  readonly shape: readonly [number, number];
  /** Dropped rows and columns, and cells too thin for the approximation. */
  readonly warnings: readonly string[];
}

/**
 * A test of "the table of probabilities behind these counts has rank at most k".
 *
 * If a discrete variable with k states separates the rows' variable from the columns', the table has rank at most k. Empty rows and columns are dropped first.
 *
 * - `kp`: Kleibergen and Paap's statistic, right for every k with enough counts; rejects too often when expected counts fall below about 5.
 * - `pearson`, `bartlett`, `bartlettLawley`: canonical correlations of the indicators. For k = 1 `pearson` is the chi-square test of independence; for k > 1 their
 *   law is only near a chi-square.
 * - `lr`: likelihood ratio of the latent-class model with k components, found by EM. Tests the nonnegative rank.
 * - `bootstrap`: the statistic `kp` or `lr` against its law under the fitted k-component model. `permutation`: the same for k = 1, by permuting.
 * - `auto`: `kp` when every cell of the best approximation of rank k expects at least 5 counts, else `bartlett`.
 * - `exact`: no statistics; counts singular values. For tables of probabilities.
 *
 * @param counts - table [p, q], finite and ≥ 0
 * @param options - see {@link RankTestOptions}
 * @returns see {@link RankTestResult}; p-value 1 with df 0 when k ≥ min(p, q)
 * @throws `InvalidDataError` for negative or non-finite counts, or none at all
 * @throws `DomainError` for an unknown method, a rank that is no integer ≥ 1, or `permutation` with k ≠ 1
 * @example
 * ```ts
 * import { rankTest } from "@provably/causal-latent/hierarchy";
 *
 * rankTest([[10, 20], [30, 60]]).pValue; // => 1
 * rankTest([[50, 10], [10, 50]], { method: "pearson" }).statistic.toFixed(3); // => "53.333"
 * ```
 * @see Kleibergen, Paap (2006), "Generalized reduced rank tests using the singular value decomposition", theorem 1
 * @see Huang, Low, Xie, Glymour, Zhang (2022), "Latent hierarchical causal structure discovery with rank constraints", for Bartlett's correction
 * @category Rank tests
 */
export function rankTest(counts: ArrayInput, options: RankTestOptions = {}): RankTestResult {
  const checked = checkOptions("rankTest", options);
  return testCells(countsOf("rankTest", counts), checked);
}

const METHODS: readonly RankTestMethod[] = [
  "auto",
  "kp",
  "pearson",
  "bartlett",
  "bartlettLawley",
  "lr",
  "bootstrap",
  "permutation",
  "exact",
];

export function checkOptions(fn: string, options: RankTestOptions): Required<RankTestOptions> {
  const {
    rank = 1,
    method = "auto",
    alpha = 0.01,
    restarts = 8,
    replicates = 199,
    statistic = "kp",
    tolerance = 1e-9,
    key = keyOf(0),
  } = check(fn, "options", options, anyRecord);
  for (const [name, value] of Object.entries({ rank, restarts, replicates }))
    check(fn, name, value, wholeNumber());
  check(fn, "method", method, oneOf(...METHODS));
  check(fn, "statistic", statistic, oneOf("kp", "lr"));
  checkNumber(fn, "alpha", alpha, "lie in (0, 1)", (x) => x > 0 && x < 1);
  checkNumber(fn, "tolerance", tolerance, "be ≥ 0", (x) => x >= 0);
  if (method === "permutation" && rank !== 1)
    throw new DomainError(`${fn}: method "permutation" tests rank 1 only, got rank ${rank}`);
  return { rank, method, alpha, restarts, replicates, statistic, tolerance, key };
}

/** The test on checked counts. */
export function testCells(cells: Cells, options: Required<RankTestOptions>): RankTestResult {
  const { rank: k, alpha } = options;
  const table = proportionsOf(cells);
  const { p, q, n } = table;
  const df = (p - k) * (q - k);
  const settle = (
    method: RankTestResult["method"],
    statistic: number,
    pValue: number,
    logPValue: number,
    extra: readonly string[] = [],
  ): RankTestResult => ({
    statistic,
    df: k >= Math.min(p, q) ? 0 : df,
    pValue,
    logPValue,
    rejected: pValue < alpha,
    method,
    n,
    shape: [p, q],
    warnings: [...table.warnings, ...extra],
  });
  const free = options.method === "auto" ? "kp" : options.method;
  if (k >= Math.min(p, q)) return settle(free, 0, 1, 0);
  if (options.method === "exact") {
    const { s, m } = decompose(table);
    let rank = 0;
    while (rank < m && s[rank]! > options.tolerance * s[0]!) rank++;
    return rank <= k ? settle("exact", rank, 1, 0) : settle("exact", rank, 0, -Infinity);
  }
  const d = decompose(normalized(table));
  const least = smallestFitted(table, d, k);
  const method = options.method === "auto" ? (least >= 5 ? "kp" : "bartlett") : options.method;
  const thin: string[] = [];
  if (n / (p * q) < 10)
    thin.push(`mean expected count ${(n / (p * q)).toPrecision(2)} is below 10`);
  if (least < 1) thin.push("a cell of the rank-k fit expects less than 1 count");
  if (method === "bootstrap" || method === "permutation") {
    const { statistic, pValue } =
      method === "bootstrap" ? bootstrap(table, options) : permute(table, d, options);
    return settle(method, statistic, pValue, Math.log(pValue), thin);
  }
  const statistic = statisticOf(method, table, d, options);
  const { p: pValue, logP } = chiSquareTail(Math.max(0, statistic), df);
  return settle(method, statistic, pValue, logP, thin);
}

function statisticOf(
  method: "kp" | "pearson" | "bartlett" | "bartlettLawley" | "lr",
  table: Proportions,
  d: Decomposition,
  { rank: k, restarts, key }: Required<RankTestOptions>,
): number {
  const { p, q, n } = table;
  switch (method) {
    case "pearson":
      return pearson(n, d, k);
    case "bartlett":
      return bartlett(n, p, q, d, k);
    case "bartlettLawley":
      return bartlettLawley(n, p, q, d, k);
    case "kp":
      return kleibergenPaap(
        table,
        table,
        d,
        k,
        indicatorFeatures(table.a),
        indicatorFeatures(table.b),
      );
    case "lr":
      return (
        2 *
        n *
        fitLatentClasses(table, k, key, { restarts, tolerance: 1e-12, maxIterations: 20_000 })
          .divergence
      );
  }
}

/** p = (1 + #{T* ≥ T}) / (B + 1), T* from multinomial samples of the k-component fit. */
function bootstrap(
  table: Proportions,
  options: Required<RankTestOptions>,
): { statistic: number; pValue: number } {
  const { statistic: method, replicates, key, restarts, rank } = options;
  const observed = statisticOf(method, table, decompose(normalized(table)), options);
  const fit = fitLatentClasses(table, rank, foldIn(key, "fit"), {
    restarts,
    tolerance: 1e-10,
    maxIterations: 5000,
  });
  const cells = fittedCells(fit, table);
  let above = 1;
  for (let b = 0; b < replicates; b++) {
    const drawn = proportionsOf({
      p: table.p,
      q: table.q,
      data: multinomial(foldIn(key, b), cells, table.n),
    });
    const value =
      rank >= Math.min(drawn.p, drawn.q)
        ? 0
        : statisticOf(method, drawn, decompose(normalized(drawn)), options);
    if (value >= observed) above++;
  }
  return { statistic: observed, pValue: above / (replicates + 1) };
}

function permute(
  table: Proportions,
  d: Decomposition,
  { replicates, key }: Required<RankTestOptions>,
): { statistic: number; pValue: number } {
  const { p, q, n, data } = table;
  const observed = pearson(n, d, 1);
  const [rows, columns] = [new Int32Array(n), new Int32Array(n)];
  let at = 0;
  for (let i = 0; i < p; i++)
    for (let j = 0; j < q; j++)
      for (let c = Math.round(data[i * q + j]! * n); c > 0; c--) {
        rows[at] = i;
        columns[at++] = j;
      }
  let above = 1;
  for (let b = 0; b < replicates; b++) {
    const order = permutation(foldIn(key, b), n).data;
    const shuffled = new Float64Array(p * q);
    for (let r = 0; r < n; r++) shuffled[rows[r]! * q + columns[order[r]!]!]!++;
    let statistic = 0;
    for (let i = 0; i < p; i++)
      for (let j = 0; j < q; j++) {
        const expected = n * table.a[i]! * table.b[j]!;
        statistic += (shuffled[i * q + j]! - expected) ** 2 / expected;
      }
    if (statistic >= observed * (1 - 1e-12)) above++;
  }
  return { statistic: observed, pValue: above / (replicates + 1) };
}

/** Counts of n draws from cell probabilities. */
export function multinomial(key: RngKey, cells: Float64Array, n: number): Float64Array {
  const cumulative = new Float64Array(cells.length);
  let total = 0;
  for (let i = 0; i < cells.length; i++) cumulative[i] = total += cells[i]!;
  const counts = new Float64Array(cells.length);
  const draws = uniform(key, [Math.round(n)], { dtype: "float64" }).data as Float64Array;
  for (const draw of draws) {
    const x = draw * total;
    let [low, high] = [0, cells.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle]! > x) high = middle;
      else low = middle + 1;
    }
    counts[low]!++;
  }
  return counts;
}
