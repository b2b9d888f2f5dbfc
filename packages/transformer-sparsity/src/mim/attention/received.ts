/** What the keys receive. */
import { DomainError, type NdArray, ShapeError, array } from "@provably/core-tensor";
import {
  check,
  checkOptions,
  listOf,
  numberList,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { type Maps, readMaps } from "../internal/maps.js";
import { readTensor, type AttentionInput } from "./tensor.js";
import { checkK } from "./spread.js";

function columnSums({ data, count, queries, keys }: Maps): Float64Array {
  const out = new Float64Array(count * keys);
  for (let i = 0; i < data.length; i++)
    out[Math.floor(i / (queries * keys)) * keys + (i % keys)]! += data[i]!;
  return out;
}

/**
 * The attention that each key receives from all queries: the column sums of a map.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @returns array of shape `[…, K]`
 * @throws `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { receivedAttention } from "@provably/transformer-sparsity/mim";
 *
 * receivedAttention(array([[0.5, 0.5], [1, 0]])); // => [1.5, 0.5]
 * ```
 * @category Attention metrics
 */
export function receivedAttention(attention: AttentionInput): NdArray {
  const maps = readMaps("receivedAttention", attention);
  return array(columnSums(maps), { shape: [...maps.stack, maps.keys], copy: false });
}

/**
 * The `k` keys that receive most attention, the first of equals first.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @param k - from 1 to `K`
 * @returns indices, shape `[…, k]`, int32
 * @throws `DomainError` when `k` is out of range or a row is not a distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { heavyHitters } from "@provably/transformer-sparsity/mim";
 *
 * heavyHitters(array([[0.25, 0.5, 0.25], [0, 0.5, 0.5]]), 2); // => [1, 2]
 * ```
 * @see Zhang et al. (2023), "H2O: heavy-hitter oracle for efficient generative inference of large language models"
 * @category Attention metrics
 */
export function heavyHitters(attention: AttentionInput, k: number): NdArray {
  const maps = readMaps("heavyHitters", attention);
  const { count, keys, stack } = maps;
  checkK("heavyHitters", k, keys);
  const sums = columnSums(maps);
  const out = new Int32Array(count * k);
  for (let m = 0; m < count; m++) {
    const row = sums.subarray(m * keys, (m + 1) * keys);
    // sums that agree up to rounding are equals
    const order = Array.from(row.keys()).sort((a, b) =>
      Math.abs(row[a]! - row[b]!) > 1e-12 ? row[b]! - row[a]! : a - b,
    );
    out.set(order.slice(0, k), m * k);
  }
  return array(out, { shape: [...stack, k], copy: false });
}

/**
 * Options of {@link areaAttention}.
 * @category Attention metrics
 */
export interface AreaOptions {
  readonly mask?: ArrayLike<number>;
}
const AREA = { mask: numberList };

/** There is room for every label up to the largest. */
const MAX_LABEL = 65_535;

/**
 * The attention of each query to each label of keys: segments of an image, areas, or kinds of tokens.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @param labels - label of each key, integers from 0 to 65 535
 * @param options - `mask`: keys with a 1 are left out
 * @returns array of shape `[…, Q, labels]`
 * @throws `ShapeError` when labels or mask do not fit the keys; `DomainError` for other labels
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { areaAttention } from "@provably/transformer-sparsity/mim";
 *
 * areaAttention(array([[0.25, 0.25, 0.5]]), [0, 1, 1]); // => [[0.25, 0.75]]
 * ```
 * @category Attention metrics
 */
export function areaAttention(
  attention: AttentionInput,
  labels: ArrayLike<number>,
  options: AreaOptions = {},
): NdArray {
  const { data, stack, queries, keys } = readMaps("areaAttention", attention);
  const { mask } = checkOptions<AreaOptions>("areaAttention", options, AREA);
  check("areaAttention", "labels", labels, numberList);
  if (labels.length !== keys)
    throw new ShapeError(
      `areaAttention: labels must hold ${keys} numbers, one a key, got ${labels.length}`,
    );
  if (mask !== undefined && mask.length !== keys)
    throw new ShapeError(
      `areaAttention: mask must hold ${keys} numbers, one a key, got ${mask.length}`,
    );
  let numLabels = 0;
  for (let k = 0; k < keys; k++) {
    if (!Number.isInteger(labels[k]) || labels[k]! < 0 || labels[k]! > MAX_LABEL)
      throw new DomainError(
        `areaAttention: labels must be integers in 0 … ${MAX_LABEL}, labels[${k}] is ${labels[k]!}`,
      );
    numLabels = Math.max(numLabels, labels[k]! + 1);
  }
  const out = new Float64Array((data.length / keys) * numLabels);
  for (let i = 0; i < data.length; i++) {
    const k = i % keys;
    if (!mask?.[k]) out[Math.floor(i / keys) * numLabels + labels[k]!]! += data[i]!;
  }
  return array(out, { shape: [...stack, queries, numLabels], copy: false });
}

/**
 * Options of {@link dropTokens}.
 * @category Attention maps
 */
export interface DropTokensOptions {
  readonly renormalize?: boolean;
}
const DROP = { renormalize: trueOrFalse };

/**
 * Attention without some tokens, such as CLS or registers: they are removed from queries and keys, and rows are scaled to sum to 1 again.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, T, T]`
 * @param indices - tokens to remove
 * @param options - `renormalize`: default true; some published distances skip it
 * @returns the attention, shape `[…, T − n, T − n]`, and the rows that are left without mass, as numbers of rows of the stack
 * @throws `ShapeError` when queries and keys differ in number; `DomainError` for an index that is not a token
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { dropTokens } from "@provably/transformer-sparsity/mim";
 *
 * dropTokens(array([[1, 0, 0], [0.5, 0.25, 0.25], [1, 0, 0]]), [0]).attention; // => [[0.5, 0.5], [0, 0]]
 * ```
 * @category Attention maps
 */
export function dropTokens(
  attention: AttentionInput,
  indices: readonly number[],
  options: DropTokensOptions = {},
): { readonly attention: NdArray; readonly emptyRows: readonly number[] } {
  const { renormalize = true } = checkOptions<DropTokensOptions>("dropTokens", options, DROP);
  check("dropTokens", "indices", indices, listOf(wholeNumber(0)));
  const { shape } = readTensor("dropTokens", attention);
  const maps = readMaps("dropTokens", attention, "any");
  const { data, stack, count, queries, keys } = maps;
  if (queries !== keys)
    throw new ShapeError(`dropTokens: attention must be [..., T, T], got [${shape.join(", ")}]`);
  for (const i of indices)
    if (i >= keys)
      throw new DomainError(`dropTokens: indices must be tokens 0 … ${keys - 1}, got ${i}`);
  const dropped = new Set(indices);
  const kept = Array.from({ length: keys }, (_, t) => t).filter((t) => !dropped.has(t));
  if (kept.length === 0) throw new DomainError("dropTokens: indices must leave at least one token");
  const out = new Float64Array(count * kept.length ** 2);
  const emptyRows: number[] = [];
  for (let r = 0; r < count * kept.length; r++) {
    const from = (Math.floor(r / kept.length) * queries + kept[r % kept.length]!) * keys;
    let mass = 0;
    for (const t of kept) mass += data[from + t]!;
    if (mass === 0) emptyRows.push(r);
    kept.forEach(
      (t, k) =>
        (out[r * kept.length + k] = mass === 0 ? 0 : data[from + t]! / (renormalize ? mass : 1)),
    );
  }
  return {
    attention: array(out, { shape: [...stack, kept.length, kept.length], copy: false }),
    emptyRows,
  };
}
