/** How widely a query spreads its attention. */
import { DomainError, type NdArray } from "@provably/core-tensor";
import { checkOptions, show, trueOrFalse } from "@provably/core-tensor/internal";
import { type Maps, perQuery, readMaps } from "../internal/maps.js";
import type { AttentionInput } from "./tensor.js";

export function rowEntropy(row: Float64Array): number {
  let total = 0;
  for (const a of row) if (a > 0) total -= a * Math.log(a);
  return total;
}

/**
 * Options of {@link attentionEntropy}.
 * @category Attention metrics
 */
export interface EntropyOptions {
  readonly normalized?: boolean;
}
const ENTROPY = { normalized: trueOrFalse };

/**
 * The entropy $-\sum_k a_k \log a_k$ of each query's attention, in nats: 0 when it looks at one key, $\log K$ when it looks at all alike.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @param options - `normalized`: divide by $\log K$; default false
 * @returns array of shape `[…, Q]`
 * @throws `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { attentionEntropy } from "@provably/transformer-sparsity/mim";
 *
 * attentionEntropy(array([[0.5, 0.5], [1, 0]]), { normalized: true }); // => [1, 0]
 * ```
 * @category Attention metrics
 */
export function attentionEntropy(attention: AttentionInput, options: EntropyOptions = {}): NdArray {
  const maps = readMaps("attentionEntropy", attention);
  const { normalized = false } = checkOptions<EntropyOptions>("attentionEntropy", options, ENTROPY);
  const unit = normalized && maps.keys > 1 ? Math.log(maps.keys) : 1;
  return perQuery(maps, (row) => rowEntropy(row) / unit);
}

/**
 * The effective number of keys of each query, $e^{\text{entropy}}$.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @returns array of shape `[…, Q]`, from 1 to `K`
 * @throws `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { attentionPerplexity } from "@provably/transformer-sparsity/mim";
 *
 * attentionPerplexity(array([[0.5, 0.5, 0, 0]])); // => [2]
 * ```
 * @category Attention metrics
 */
export function attentionPerplexity(attention: AttentionInput): NdArray {
  return perQuery(readMaps("attentionPerplexity", attention), (row) => Math.exp(rowEntropy(row)));
}

/**
 * The participation ratio $1/\sum_k a_k^2$ of each query: another effective number of keys, which weighs the large ones more.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @returns array of shape `[…, Q]`, from 1 to `K`
 * @throws `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { participationRatio } from "@provably/transformer-sparsity/mim";
 *
 * participationRatio(array([[0.5, 0.5, 0, 0]])); // => [2]
 * ```
 * @category Attention metrics
 */
export function participationRatio(attention: AttentionInput): NdArray {
  return perQuery(readMaps("participationRatio", attention), (row) => 1 / sumOfSquares(row));
}

function sumOfSquares(row: Float64Array): number {
  let total = 0;
  for (const a of row) total += a * a;
  return total;
}

/**
 * The Gini coefficient $\frac{\sum_i (2i - K - 1)\, a_{(i)}}{K}$ of each query's attention, with $a_{(1)} \le a_{(2)} \le \dots$: 0 when all keys get the same,
 * $1 - 1/K$ when one gets everything.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @returns array of shape `[…, Q]`
 * @throws `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { attentionGini } from "@provably/transformer-sparsity/mim";
 *
 * attentionGini(array([[0, 0, 0, 1]])); // => [0.75]
 * ```
 * @see Hurley, Rickard (2009), "Comparing measures of sparsity"
 * @category Attention metrics
 */
export function attentionGini(attention: AttentionInput): NdArray {
  return perQuery(ascending(readMaps("attentionGini", attention)), giniOfSorted);
}

/** The same maps with every row sorted. */
export function ascending(maps: Maps): Maps {
  const data = maps.data.slice();
  for (let from = 0; from < data.length; from += maps.keys)
    data.subarray(from, from + maps.keys).sort();
  return { ...maps, data };
}

export function giniOfSorted(row: Float64Array): number {
  let weighted = 0;
  let total = 0;
  for (let i = 0; i < row.length; i++) {
    weighted += (2 * (i + 1) - row.length - 1) * row[i]!;
    total += row[i]!;
  }
  return weighted / (row.length * total);
}

/**
 * Hoyer's sparsity $\frac{\sqrt K - \lVert a \rVert_1 / \lVert a \rVert_2}{\sqrt K - 1}$ of each query's attention: 0 when all keys get the same, 1 when one gets
 * everything. A single key counts as 0.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @returns array of shape `[…, Q]`
 * @throws `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { attentionHoyer } from "@provably/transformer-sparsity/mim";
 *
 * attentionHoyer(array([[1, 0], [0.5, 0.5]])); // => [1, 0]
 * ```
 * @see Hoyer (2004), "Non-negative matrix factorization with sparseness constraints", section 3.1
 * @category Attention metrics
 */
export function attentionHoyer(attention: AttentionInput): NdArray {
  return perQuery(readMaps("attentionHoyer", attention), (row) => {
    if (row.length === 1) return 0;
    const root = Math.sqrt(row.length);
    const total = row.reduce((a, b) => a + b, 0);
    return (root - total / Math.sqrt(sumOfSquares(row))) / (root - 1);
  });
}

/**
 * The attention that each query gives to its `k` favourite keys.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @param k - from 1 to `K`
 * @returns array of shape `[…, Q]`
 * @throws `DomainError` when `k` is out of range or a row is not a distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { topKMass } from "@provably/transformer-sparsity/mim";
 *
 * topKMass(array([[0.5, 0.25, 0.125, 0.125]]), 2); // => [0.75]
 * ```
 * @category Attention metrics
 */
export function topKMass(attention: AttentionInput, k: number): NdArray {
  const maps = readMaps("topKMass", attention);
  checkK("topKMass", k, maps.keys);
  return perQuery(ascending(maps), (row) => topMassOfSorted(row, k));
}

export function topMassOfSorted(row: Float64Array, k: number): number {
  let total = 0;
  for (let i = 1; i <= k; i++) total += row[row.length - i]!;
  return total;
}

export function checkK(fn: string, k: number, keys: number): void {
  if (!Number.isInteger(k) || k < 1 || k > keys)
    throw new DomainError(`${fn}: k must be an integer from 1 to ${keys}, got ${show(k)}`);
}

/**
 * The least number of keys that together get at least `mass` of each query's attention.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @param mass - in (0, 1]; compared with a slack of 1e-12
 * @returns array of shape `[…, Q]`
 * @throws `DomainError` when `mass` is out of range or a row is not a distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { coverageCount } from "@provably/transformer-sparsity/mim";
 *
 * coverageCount(array([[0.5, 0.25, 0.125, 0.125]]), 0.75); // => [2]
 * ```
 * @category Attention metrics
 */
export function coverageCount(attention: AttentionInput, mass: number): NdArray {
  if (!Number.isFinite(mass) || mass <= 0 || mass > 1)
    throw new DomainError(`coverageCount: mass must be in (0, 1], got ${show(mass)}`);
  return perQuery(ascending(readMaps("coverageCount", attention)), (row) =>
    coverageOfSorted(row, mass),
  );
}

export function coverageOfSorted(row: Float64Array, mass: number): number {
  let total = 0;
  let count = 0;
  while (count < row.length && total < mass - 1e-12) total += row[row.length - ++count]!;
  return count;
}
