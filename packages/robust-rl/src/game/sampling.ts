/** Samples of a known model: what a generative model would give, and what is estimated from it. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  broadcastTo,
} from "@provably/core-tensor";
import {
  type Schema,
  check,
  checkOptions,
  oneOf,
  show,
  wholeNumber,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { checkRows } from "../internal/distributions.js";
import { float64, placeOf } from "../internal/read.js";
import { type MarkovGame, checkGame, markovGame } from "./model.js";

/** Draws an index from the running sums of a distribution. */
export function drawFrom(cumulative: Float64Array, at: number, n: number, u: number): number {
  const target = u * cumulative[at + n - 1]!;
  let [low, high] = [0, n - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[at + middle]! > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Running sums of every row. */
export function cumulativeRows(p: Float64Array, n: number): Float64Array {
  const out = Float64Array.from(p);
  for (let i = 0; i < out.length; i++) if (i % n !== 0) out[i]! += out[i - 1]!;
  return out;
}

/**
 * Counts of next states when every row of a kernel is sampled N times, as a generative model (a simulator that can start anywhere) gives them.
 *
 * @param key - random key
 * @param transitions - distributions, [..., S]
 * @param samples - $N$, draws for each row
 * @returns counts, float64 of the same shape; each row sums to N
 * @throws `DomainError` when a row is not a distribution or `samples` not a positive integer
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { sampleCounts } from "@provably/robust-rl";
 *
 * sampleCounts(key(0), [[0, 1], [1, 0]], 5); // => [[0, 5], [5, 0]]
 * ```
 * @category Sampling
 */
export function sampleCounts(
  key: RngKey,
  transitions: ArrayInput,
  samples: number,
): NdArray<"float64"> {
  return countsOf("sampleCounts", key, transitions, samples);
}

function countsOf(
  fn: string,
  key: RngKey,
  transitions: ArrayInput,
  samples: number,
): NdArray<"float64"> {
  check(fn, "samples", samples, wholeNumber());
  const p = float64(fn, "transitions", transitions);
  const n = p.shape[p.shape.length - 1] ?? 0;
  if (n === 0)
    throw new ShapeError(
      `${fn}: transitions must have shape [..., S], got [${p.shape.join(", ")}]`,
    );
  const data = flatNumbers(p);
  checkRows(fn, "transitions", data, n, p.shape.slice(0, -1));
  const sums = cumulativeRows(data, n);
  const counts = new Float64Array(data.length);
  for (let row = 0; row < data.length / n; row++) {
    const draws = flatNumbers(uniform(foldIn(key, row), [samples], { dtype: "float64" }));
    for (const u of draws) counts[row * n + drawFrom(sums, row * n, n, u)]!++;
  }
  return array<"float64">(counts, { shape: p.shape });
}

/**
 * Options of {@link empiricalKernel}.
 * @category Sampling
 */
export interface EmpiricalKernelOptions {
  /** What a row without samples becomes; default `"error"`. */
  readonly unvisited?: "error" | "uniform";
}

const UNVISITED: Schema<EmpiricalKernelOptions> = { unvisited: oneOf("error", "uniform") };

/**
 * The kernel estimated from counts, $\hat P = $ count / N.
 *
 * @param counts - numbers of transitions, [..., S]
 * @param options - see {@link EmpiricalKernelOptions}
 * @returns distributions, float64 of the same shape
 * @throws `DomainError` for a negative count, or a row without samples unless `"uniform"`
 * @example
 * ```ts
 * import { empiricalKernel } from "@provably/robust-rl";
 *
 * empiricalKernel([[1, 3]]); // => [[0.25, 0.75]]
 * empiricalKernel([[0, 0]]); // throws DomainError
 * ```
 * @category Sampling
 */
export function empiricalKernel(
  counts: ArrayInput,
  options: EmpiricalKernelOptions = {},
): NdArray<"float64"> {
  const fn = "empiricalKernel";
  const { unvisited = "error" } = checkOptions<EmpiricalKernelOptions>(fn, options, UNVISITED);
  const c = float64(fn, "counts", counts);
  const n = c.shape[c.shape.length - 1] ?? 0;
  if (n === 0)
    throw new ShapeError(`${fn}: counts must have shape [..., S], got [${c.shape.join(", ")}]`);
  const out = Float64Array.from(flatNumbers(c));
  for (let at = 0; at < out.length; at += n) {
    const row = out.subarray(at, at + n);
    let total = 0;
    for (const x of row) {
      if (!(x >= 0 && x < Infinity))
        throw new DomainError(
          `${fn}: counts must be finite and ≥ 0, got ${show(x)} in row ${at / n}`,
        );
      total += x;
    }
    if (total > 0) row.forEach((x, s) => (row[s] = x / total));
    else if (unvisited === "uniform") row.fill(1 / n);
    else
      throw new DomainError(
        `${fn}: row [${placeOf(at / n, c.shape.slice(0, -1)).join(", ")}] has no samples; pass { unvisited: "uniform" } to fill it`,
      );
  }
  return array<"float64">(out, { shape: c.shape });
}

/**
 * A Markov game as it looks after N samples of every step, state and joint action.
 *
 * @param key - random key
 * @param game - the true game
 * @param samples - $N$
 * @returns the same game with the estimated kernel
 * @throws `DomainError` when `samples` is not a positive integer
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { commonsGame, drNvi, empiricalGame, robustGap } from "@provably/robust-rl";
 *
 * const truth = commonsGame(0.2);
 * const { policy } = drNvi(empiricalGame(key(0), truth, 100), 0.1, { solutionConcept: "nash" });
 * robustGap(truth, 0.1, policy, "nash").gap; // => 0
 * ```
 * @category Sampling
 */
export function empiricalGame(key: RngKey, game: MarkovGame, samples: number): MarkovGame {
  const { horizon, transitions, rewards, actions } = checkGame("empiricalGame", game);
  const timed = transitions.shape.length === actions.length + 3;
  // The theory draws anew at every step, also where the true kernel is the same.
  const kernels = timed ? transitions : broadcastTo(transitions, [horizon, ...transitions.shape]);
  return markovGame({
    transitions: empiricalKernel(countsOf("empiricalGame", key, kernels, samples)),
    rewards,
    horizon,
  });
}
