/** Ranks of tables: estimated from counts, and the nonnegative rank of probabilities. */
import { type ArrayInput } from "@provably/core-tensor";
import {
  type Schema,
  anything,
  checkOptions,
  nonNegativeNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, key as keyOf } from "@provably/core-tensor/random";
import { fitLatentClasses } from "./latent-class.js";
import {
  type RankTestOptions,
  type RankTestResult,
  checkRankOptions,
  testCells,
} from "./rank-test.js";
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
  return profile("rankProfile", counts, options);
}

function profile(
  fn: string,
  counts: ArrayInput,
  options: Omit<RankTestOptions, "rank"> & { readonly max?: number },
): readonly RankTestResult[] {
  const settings = checkRankOptions<typeof options>(fn, options, { max: wholeNumber() });
  const cells = countsOf(fn, counts);
  const full = Math.min(cells.p, cells.q);
  const { max = Math.max(1, full - 1) } = options;
  return Array.from({ length: Math.min(max, full) }, (_, i) =>
    testCells(cells, { ...settings, rank: i + 1 }),
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
  const tests = profile("estimateRank", counts, options);
  const first = tests.findIndex(({ rejected }) => !rejected);
  return first < 0 ? tests.length + 1 : first + 1;
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
 * Options of {@link nonnegativeRank}.
 * @category Rank tests
 */
export interface NonnegativeRankOptions {
  /** Most components; default min(p, q). */
  readonly max?: number;
  /** Starts of the fit; default 30. */
  readonly restarts?: number;
  /** Divergence in nats up to which a fit counts as exact; default 1e-8. */
  readonly tolerance?: number;
  /** Key of the starts; default `key(0)`. */
  readonly key?: RngKey;
}

const NONNEGATIVE: Schema<NonnegativeRankOptions> = {
  max: wholeNumber(),
  restarts: wholeNumber(),
  tolerance: nonNegativeNumber,
  key: anything,
};

/**
 * The nonnegative rank of a table of probabilities: the state count of the smallest discrete variable that separates rows from columns.
 *
 * At least the ordinary rank, equal to it up to rank 2 (Cohen, Rothblum 1993), NP-hard beyond: searched by EM from many starts.
 *
 * @param table - probabilities or counts [p, q]
 * @param options - see {@link NonnegativeRankOptions}
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
  options: NonnegativeRankOptions = {},
): NonnegativeRank {
  const cells = proportionsOf(countsOf("nonnegativeRank", table));
  const full = Math.min(cells.p, cells.q);
  const {
    max: most = full,
    restarts = 30,
    tolerance = 1e-8,
    key = keyOf(0),
  } = checkOptions<NonnegativeRankOptions>("nonnegativeRank", options, NONNEGATIVE);
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
