/** Ranks of tables: estimated from counts, and the nonnegative rank of probabilities. */
import { type ArrayInput } from "@provably/core-tensor";
import { anyRecord, check, wholeNumber } from "@provably/core-tensor/internal";
import { type RngKey, foldIn, key as keyOf } from "@provably/core-tensor/random";
import { checkNumber } from "../../internal/check.js";
import { fitLatentClasses } from "./latent-class.js";
import { type RankTestOptions, type RankTestResult, checkOptions, testCells } from "./rank-test.js";
import { countsOf, decompose, proportionsOf } from "./table.js";

/**
 * The tests of all ranks from 1 to `max`.
 *
 * @param counts - table [p, q]
 * @param options - those of {@link rankTest} without `rank`; `max`, default min(p, q) − 1
 * @returns result of k = 1, 2, …
 * @throws what {@link rankTest} throws
 * @example
 * ```ts
 * import { rankProfile } from "@provably/causal-latent/hierarchy";
 *
 * rankProfile([[40, 10, 5], [10, 40, 5], [20, 20, 5]]).map(({ rejected }) => rejected); // => [true, false]
 * ```
 * @category Rank tests
 */
export function rankProfile(
  counts: ArrayInput,
  options: Omit<RankTestOptions, "rank"> & { readonly max?: number } = {},
): readonly RankTestResult[] {
  const cells = countsOf("rankProfile", counts);
  const { max = Math.max(1, Math.min(cells.p, cells.q) - 1), ...rest } = check(
    "rankProfile",
    "options",
    options,
    anyRecord,
  );
  check("rankProfile", "max", max, wholeNumber());
  const checked = checkOptions("rankProfile", rest);
  return Array.from({ length: Math.min(max, Math.min(cells.p, cells.q)) }, (_, i) =>
    testCells(cells, { ...checked, rank: i + 1 }),
  );
}

/**
 * The smallest rank that is not rejected.
 *
 * @param counts - table [p, q]
 * @param options - those of {@link rankProfile}
 * @returns rank, at most min(p, q)
 * @throws what {@link rankTest} throws
 * @example
 * ```ts
 * import { estimateRank } from "@provably/causal-latent/hierarchy";
 *
 * estimateRank([[400, 100, 50], [100, 400, 50], [200, 200, 50]]); // => 2
 * ```
 * @category Rank tests
 */
export function estimateRank(
  counts: ArrayInput,
  options: Omit<RankTestOptions, "rank"> & { readonly max?: number } = {},
): number {
  const profile = rankProfile(counts, options);
  const first = profile.findIndex(({ rejected }) => !rejected);
  return first < 0 ? profile.length + 1 : first + 1;
}

/**
 * A nonnegative rank with what is known about it.
 * @category Rank tests
 */
export interface NonnegativeRank {
  /** The smallest number of components whose fit is within `tolerance`. */
  readonly value: number;
  /** Whether that is proven: it equals the ordinary rank, or is at most 2. EM may miss a fit, so that `value` is otherwise an upper estimate. */
  readonly certified: boolean;
  /** Divergence in nats of the best fit with 1, 2, … components, up to `value`. */
  readonly klByRank: readonly number[];
}

/**
 * The nonnegative rank of a table of probabilities: the state count of the smallest discrete variable that separates rows from columns.
 *
 * At least the ordinary rank, equal to it up to rank 2 (Cohen, Rothblum 1993), NP-hard beyond: searched by EM from many starts.
 *
 * @param table - probabilities or counts [p, q]
 * @param options - `max` number of components (default min(p, q)); `restarts`, default 30; `tolerance` in nats, default 1e-8; `key` of the starts, default `key(0)`
 * @returns see {@link NonnegativeRank}
 * @throws what {@link rankTest} throws
 * @example
 * ```ts
 * import { nonnegativeRank } from "@provably/causal-latent/hierarchy";
 *
 * // rank 3, but no three nonnegative components will do
 * nonnegativeRank([[1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]]).value; // => 4
 * ```
 * @see Cohen, Rothblum (1993), "Nonnegative ranks, decompositions, and factorizations of nonnegative matrices"
 * @category Rank tests
 */
export function nonnegativeRank(
  table: ArrayInput,
  options: {
    readonly max?: number;
    readonly restarts?: number;
    readonly tolerance?: number;
    readonly key?: RngKey;
  } = {},
): NonnegativeRank {
  const cells = proportionsOf(countsOf("nonnegativeRank", table));
  const {
    restarts = 30,
    tolerance = 1e-8,
    key = keyOf(0),
  } = check("nonnegativeRank", "options", options, anyRecord);
  const full = Math.min(cells.p, cells.q);
  const { max: most = full } = options;
  check("nonnegativeRank", "max", most, wholeNumber());
  check("nonnegativeRank", "restarts", restarts, wholeNumber());
  checkNumber("nonnegativeRank", "tolerance", tolerance, "be ≥ 0", (x) => x >= 0);
  const max = Math.min(most, full);
  const { s } = decompose(cells);
  const rank = s.filter((x) => x > 1e-9 * s[0]!).length;
  const klByRank: number[] = [];
  for (let k = 1; k <= max; k++) {
    const fit = fitLatentClasses(cells, k, foldIn(key, k), {
      restarts: k === full ? 1 : restarts,
      tolerance: 1e-10,
      maxIterations: 5000,
    });
    const divergence = k === full ? 0 : fit.divergence; // as many components as rows or columns always suffice
    klByRank.push(divergence);
    if (divergence <= tolerance) return { value: k, certified: k === rank || k <= 2, klByRank };
  }
  return { value: max, certified: false, klByRank };
}
