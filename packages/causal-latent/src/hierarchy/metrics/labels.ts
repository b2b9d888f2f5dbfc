/** How well labels agree with others, whatever the states are called. */
import { type ArrayInput, ShapeError } from "@provably/core-tensor";
import { InvalidDataError } from "../errors.js";
import { float64Of } from "../internal/arrays.js";
import { assign } from "../../internal/assignment.js";

/** The table of two labellings. */
function tableOf(
  fn: string,
  first: ArrayInput,
  second: ArrayInput,
): { counts: number[][]; rows: number[]; columns: number[]; n: number } {
  const [a, b] = [float64Of(first), float64Of(second)];
  if (a.shape.length !== 1 || b.shape.length !== 1 || a.data.length !== b.data.length)
    throw new ShapeError(
      `${fn}: labels must have one axis and the same length, got [${a.shape.join(", ")}] and [${b.shape.join(", ")}]`,
    );
  if (a.data.length === 0) throw new InvalidDataError(`${fn}: labels must not be empty`);
  const index = (x: Float64Array): { of: Map<number, number>; count: number } => {
    const of = new Map<number, number>();
    for (const v of x) {
      if (!Number.isInteger(v))
        throw new InvalidDataError(`${fn}: labels must be whole numbers, got ${v}`);
      if (!of.has(v)) of.set(v, of.size);
    }
    return { of, count: of.size };
  };
  const [u, v] = [index(a.data), index(b.data)];
  const counts = Array.from({ length: u.count }, () => new Array<number>(v.count).fill(0));
  a.data.forEach((x, i) => counts[u.of.get(x)!]![v.of.get(b.data[i]!)!]!++);
  const rows = counts.map((row) => row.reduce((s, x) => s + x, 0));
  const columns = Array.from({ length: v.count }, (_, c) =>
    counts.reduce((s, row) => s + row[c]!, 0),
  );
  return { counts, rows, columns, n: a.data.length };
}

/**
 * The adjusted Rand index of two labellings: 1 for the same partition, 0 on average for unrelated ones.
 *
 * @param first - labels [n]
 * @param second - labels [n]
 * @returns index, at most 1; 1 when both have one group
 * @throws `ShapeError` when lengths differ
 * @example
 * ```ts
 * import { adjustedRandIndex } from "@provably/causal-latent/hierarchy";
 *
 * adjustedRandIndex([0, 0, 1, 1], [5, 5, 3, 3]); // => 1
 * ```
 * @see Hubert, Arabie (1985), "Comparing partitions"
 * @category Metrics
 */
export function adjustedRandIndex(first: ArrayInput, second: ArrayInput): number {
  const { counts, rows, columns, n } = tableOf("adjustedRandIndex", first, second);
  const pairs = (x: number): number => (x * (x - 1)) / 2;
  const sum = (x: readonly number[]): number => x.reduce((s, v) => s + pairs(v), 0);
  const [joint, a, b] = [sum(counts.flat()), sum(rows), sum(columns)];
  const expected = n > 1 ? (a * b) / pairs(n) : 0;
  const most = (a + b) / 2;
  return most === expected ? 1 : (joint - expected) / (most - expected);
}

/**
 * The mutual information of two labellings over the mean of their entropies, in [0, 1].
 *
 * @param first - labels [n]
 * @param second - labels [n]
 * @returns 1 for the same partition, 0 for independent ones; 0 when either has one group
 * @throws `ShapeError` when lengths differ
 * @example
 * ```ts
 * import { normalizedMutualInformation } from "@provably/causal-latent/hierarchy";
 *
 * normalizedMutualInformation([0, 0, 1, 1], [0, 1, 0, 1]); // => 0
 * ```
 * @category Metrics
 */
export function normalizedMutualInformation(first: ArrayInput, second: ArrayInput): number {
  const { counts, rows, columns, n } = tableOf("normalizedMutualInformation", first, second);
  const entropy = (x: readonly number[]): number =>
    x.reduce((s, v) => (v > 0 ? s - (v / n) * Math.log(v / n) : s), 0);
  const [hu, hv, joint] = [entropy(rows), entropy(columns), entropy(counts.flat())];
  return hu === 0 || hv === 0 ? 0 : Math.max(0, (2 * (hu + hv - joint)) / (hu + hv));
}

/**
 * The share of labels that agree under the best one-to-one renaming of states.
 *
 * @param first - labels [n]
 * @param second - labels [n]
 * @returns accuracy in [0, 1]
 * @throws `ShapeError` when lengths differ
 * @example
 * ```ts
 * import { labelAccuracy } from "@provably/causal-latent/hierarchy";
 *
 * labelAccuracy([0, 0, 1, 1], [1, 1, 0, 1]); // => 0.75
 * ```
 * @category Metrics
 */
export function labelAccuracy(first: ArrayInput, second: ArrayInput): number {
  const { counts, n } = tableOf("labelAccuracy", first, second);
  return assign(counts).reduce((sum, column, row) => sum + (counts[row]![column] ?? 0), 0) / n;
}

/**
 * The share of items that belong to the most frequent class of their group.
 *
 * @param groups - labels of groups [n]
 * @param classes - labels of classes [n]
 * @returns purity in (0, 1]
 * @throws `ShapeError` when lengths differ
 * @example
 * ```ts
 * import { purity } from "@provably/causal-latent/hierarchy";
 *
 * purity([0, 0, 0, 1], [7, 7, 8, 8]); // => 0.75
 * ```
 * @category Metrics
 */
export function purity(groups: ArrayInput, classes: ArrayInput): number {
  const { counts, n } = tableOf("purity", groups, classes);
  return counts.reduce((sum, row) => sum + Math.max(...row), 0) / n;
}
