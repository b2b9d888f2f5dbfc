/** Tests of the rank of a contingency table, by one name. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import {
  type Schema,
  anything,
  checkOptions,
  nonNegativeNumber,
  numberInside,
  oneOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import {
  type RngKey,
  foldIn,
  key as keyOf,
  permutation,
  uniform,
} from "@provably/core-tensor/random";
import { InvalidDataError } from "../errors.js";
import { bootstrapTail } from "./bootstrap.js";
import { chiSquareTail } from "./chi-square.js";
import { fisherTest } from "./fisher.js";
import { fitLatentClasses, fittedCells } from "./latent-class.js";
import { pooled } from "./rare.js";
import {
  bartlett,
  bartlettLawley,
  indicatorFeatures,
  kleibergenPaap,
  pearson,
  pearsonOf,
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
  | "fisher"
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
  readonly significance?: number;
  /** Starts of the fit of `lr`; default 8. */
  readonly restarts?: number;
  /** Replicates of `bootstrap` and `permutation`, default 199; at most, of `fisher` and `auto`, default 9999. */
  readonly numReplicates?: number;
  /** Statistic that `bootstrap` replicates; default `kp`. */
  readonly statistic?: "kp" | "lr" | "pearson";
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
  /** Whether `pValue` < significance. */
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
 * - `auto`: a test that keeps its level, down to 10⁻⁴, however rare a state is. Independence (k = 1): `fisher`, but `pearson` where every cell expects 20 counts
 *   or more (1000 where there are two rows and two columns). k > 1: `kp` where every cell of the best approximation of rank k expects 20 counts or more; else rows
 *   and columns with fewer than 5 observations are pooled, which the warnings tell, and Pearson's statistic is held against its law under the fitted k-component
 *   model (`bootstrap`). Weights that are no whole numbers, of which nothing can be drawn, get `pearson` and a warning where cells are thin.
 * - `fisher`: exact, for k = 1 and whole counts. The p-value is the probability, among tables with the same margins, of all that are **at most as probable** as the
 *   one that was seen (Fisher, Freeman, Halton); all of them are counted up to 200 000, else at most `numReplicates` drawn. `statistic` is Pearson's chi-square.
 * - `kp`: Kleibergen and Paap's statistic, right for every k with enough counts; rejects too often when expected counts fall below about 5, and absurdly often with
 *   rare states.
 * - `pearson`, `bartlett`, `bartlettLawley`: canonical correlations of the indicators. For k = 1 `pearson` is the chi-square test of independence; for k > 1 their
 *   distribution is only near a chi-square.
 * - `lr`: likelihood ratio of the latent-class model with k components, found by EM. Tests the nonnegative rank.
 * - `bootstrap`: the statistic `kp`, `lr` or `pearson` against its distribution under the fitted k-component model. `permutation`: the same for k = 1, by permuting.
 * - `exact`: no statistics; counts singular values. For tables of probabilities.
 *
 * @param counts - table [p, q], finite and ≥ 0
 * @param options - see {@link RankTestOptions}
 * @returns see {@link RankTestResult}; p-value 1 with df 0 when k ≥ min(p, q)
 * @throws `InvalidDataError` for negative or non-finite counts, or none at all
 * @throws `DomainError` for an unknown method, a rank that is no integer ≥ 1, or `permutation` or `fisher` with k ≠ 1
 * @example
 * ```ts
 * import { rankTest } from "@provably/causal-latent/hierarchy";
 *
 * rankTest([[10, 20], [30, 60]]).pValue; // => 1
 * rankTest([[50, 10], [10, 50]], { method: "pearson" }).statistic.toFixed(3); // => "53.333"
 * // one table of 21 has its single observation there: 1/21, where a chi-square would say 5e-6
 * rankTest([[20, 0], [0, 1]]).pValue.toFixed(4); // => "0.0476"
 * ```
 * @see Freeman, Halton (1951), "Note on an exact treatment of contingency, goodness of fit and other problems of significance"
 * @see Kleibergen, Paap (2006), "Generalized reduced rank tests using the singular value decomposition", theorem 1
 * @see Huang, Low, Xie, Glymour, Zhang (2022), "Latent hierarchical causal structure discovery with rank constraints", for Bartlett's correction
 * @category Rank tests
 */
export function rankTest(counts: ArrayInput, options: RankTestOptions = {}): RankTestResult {
  const settings = checkRankOptions("rankTest", options);
  return testCells(countsOf("rankTest", counts), settings);
}

export const METHODS: readonly RankTestMethod[] = [
  "auto",
  "kp",
  "pearson",
  "bartlett",
  "bartlettLawley",
  "lr",
  "bootstrap",
  "permutation",
  "fisher",
  "exact",
];

const OPTIONS: Schema<RankTestOptions> = {
  rank: wholeNumber(),
  method: oneOf(...METHODS),
  significance: numberInside(0, 1),
  restarts: wholeNumber(),
  numReplicates: wholeNumber(),
  statistic: oneOf("kp", "lr", "pearson"),
  tolerance: nonNegativeNumber,
  key: anything,
};

/** How a table is tested: every option, but for the number of replicates, which the method chooses. */
export type TestSettings = Required<Omit<RankTestOptions, "numReplicates">> &
  Pick<RankTestOptions, "numReplicates"> & {
    /** Expected counts from which on `auto` trusts a chi-square, where that is not {@link THICK}. */
    readonly thick?: number;
  };

export function checkRankOptions<O extends RankTestOptions>(
  fn: string,
  options: O,
  more: Partial<Schema<O>> = {},
): TestSettings {
  const {
    rank = 1,
    method = "auto",
    significance = 0.01,
    restarts = 8,
    numReplicates,
    statistic = "kp",
    tolerance = 1e-9,
    key = keyOf(0),
  } = checkOptions<O>(fn, options, { ...OPTIONS, ...more } as unknown as Schema<O>);
  if ((method === "permutation" || method === "fisher") && rank !== 1)
    throw new DomainError(`${fn}: method "${method}" tests rank 1 only, got rank ${rank}`);
  const settings = { rank, method, significance, restarts, statistic, tolerance, key };
  return numReplicates === undefined ? settings : { ...settings, numReplicates };
}

/** Expected counts from which on a chi-square is trusted down to a level of 10⁻⁴; in a table of four cells the exact test costs nothing. */
const [THICK, THICK_FOUR] = [20, 1000];

/** The test on checked counts. */
export function testCells(cells: Cells, options: TestSettings): RankTestResult {
  const { rank: k, significance, key } = options;
  const table = proportionsOf(cells);
  const { p, q, n } = table;
  const settle = (
    method: RankTestResult["method"],
    statistic: number,
    pValue: number,
    logPValue: number,
    extra: readonly string[] = [],
    used: Proportions = table,
  ): RankTestResult => ({
    statistic,
    df: k >= Math.min(used.p, used.q) ? 0 : (used.p - k) * (used.q - k),
    pValue,
    logPValue,
    rejected: pValue < significance,
    method,
    n,
    shape: [used.p, used.q],
    warnings: [...used.warnings, ...extra],
  });
  const auto = options.method === "auto";
  if (k >= Math.min(p, q))
    return settle(auto ? (k === 1 ? "fisher" : "kp") : options.method, 0, 1, 0);
  if (options.method === "exact") {
    const { s, m } = decompose(table);
    let rank = 0;
    while (rank < m && s[rank]! > options.tolerance * s[0]!) rank++;
    return rank <= k ? settle("exact", rank, 1, 0) : settle("exact", rank, 0, -Infinity);
  }
  const whole = cells.data.every((x) => Number.isInteger(x));
  if (options.method === "fisher" && !whole)
    throw new InvalidDataError("rankTest: counts must be whole numbers for method fisher");
  const d = decompose(normalized(table));
  const least = smallestFitted(table, d, k);
  const four = p === 2 && q === 2 && k === 1;
  const thick = least >= (four ? THICK_FOUR : (options.thick ?? THICK));
  const numReplicates = options.numReplicates ?? 9999;
  if (options.method === "fisher" || (auto && k === 1 && whole && !thick)) {
    const { pValue, logPValue, by } = fisherTest(countsFrom(table), key, { numReplicates });
    const told =
      by === "sampling"
        ? ["p-value from tables drawn with the same margins"]
        : by === "bound"
          ? ["p-value is an upper bound: the number of tables times the probability of this one"]
          : [];
    return settle("fisher", pearson(n, d, 1), pValue, logPValue, told);
  }
  if (auto && k > 1 && whole && !thick) {
    const used = pooled(table, k);
    const statistic = pearsonOf(n, normalized(used), k);
    const fit = fitLatentClasses(used, k, foldIn(key, "fit"), {
      restarts: options.restarts,
      tolerance: 1e-8,
      maxIterations: 1000,
    });
    const { pValue, logPValue } = bootstrapTail(
      used,
      fittedCells(fit, used),
      k,
      statistic,
      key,
      numReplicates,
    );
    return settle("bootstrap", statistic, pValue, logPValue, [], used);
  }
  const method = auto ? (k > 1 && thick ? "kp" : "pearson") : options.method;
  const thin: string[] = [];
  if (auto && !thick)
    thin.push("counts are no whole numbers, and cells too thin for a chi-square distribution");
  if (n / (p * q) < 10)
    thin.push(`mean expected count ${(n / (p * q)).toPrecision(2)} is below 10`);
  if (least < 1) thin.push("a cell of the rank-k fit expects less than 1 count");
  if (method === "bootstrap" || method === "permutation") {
    const given = { ...options, numReplicates: options.numReplicates ?? 199 };
    const { statistic, pValue } =
      method === "bootstrap" ? bootstrap(table, given) : permute(table, d, given);
    return settle(method, statistic, pValue, Math.log(pValue), thin);
  }
  const statistic = statisticOf(method, table, d, options);
  const { p: pValue, logP } = chiSquareTail(Math.max(0, statistic), (p - k) * (q - k));
  return settle(method, statistic, pValue, logP, thin);
}

/** Whole counts of a table without empty rows and columns. */
const countsFrom = ({ p, q, n, data }: Proportions): Cells => ({
  p,
  q,
  data: data.map((x) => Math.round(x * n)),
});

function statisticOf(
  method: Exclude<RankTestMethod, "auto" | "bootstrap" | "permutation" | "fisher" | "exact">,
  table: Proportions,
  d: Decomposition,
  { rank: k, restarts, key }: TestSettings,
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
  options: TestSettings & { readonly numReplicates: number },
): { statistic: number; pValue: number } {
  const { statistic: method, numReplicates, key, restarts, rank } = options;
  const observed = statisticOf(method, table, decompose(normalized(table)), options);
  const fit = fitLatentClasses(table, rank, foldIn(key, "fit"), {
    restarts,
    tolerance: 1e-10,
    maxIterations: 5000,
  });
  const cells = fittedCells(fit, table);
  let above = 1;
  for (let b = 0; b < numReplicates; b++) {
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
  return { statistic: observed, pValue: above / (numReplicates + 1) };
}

function permute(
  table: Proportions,
  d: Decomposition,
  { numReplicates, key }: TestSettings & { readonly numReplicates: number },
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
  for (let b = 0; b < numReplicates; b++) {
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
  return { statistic: observed, pValue: above / (numReplicates + 1) };
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
