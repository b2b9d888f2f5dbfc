/** Whether different queries, or different heads, look at different places. */
import { type NdArray, ShapeError, array } from "@provably/core-tensor";
import { checkOptions, oneOf, trueOrFalse } from "@provably/core-tensor/internal";
import { meanPairDistance, mutualInformation, rowDistance } from "../internal/diversity.js";
import { type Maps, perMap, readMaps } from "../internal/maps.js";
import type { AttentionInput } from "./tensor.js";

/**
 * How far two attention rows are apart: `cosine` $1 - \cos$, `l2` the Euclidean distance, `tv` the total variation $\frac12 \lVert a - b \rVert_1$, `jsd` the
 * Jensen–Shannon divergence in nats.
 * @category Attention metrics
 */
export type AttentionDistance = "cosine" | "l2" | "tv" | "jsd";

/**
 * Options of {@link attentionDiversity} and {@link headDiversity}.
 * @category Attention metrics
 */
export interface DiversityOptions {
  /** Default `cosine`. */
  readonly distance?: AttentionDistance;
  /** Leave out rows without mass, which {@link dropTokens} may leave behind, instead of throwing; default false. */
  readonly skipEmpty?: boolean;
}

const DIVERSITY = { distance: oneOf("cosine", "l2", "tv", "jsd"), skipEmpty: trueOrFalse };

/**
 * The mean distance between the attention of two different queries: 0 when all queries look at the same places, 1 (for `cosine` and `tv`) when no two look at a
 * common one.
 *
 * Masked pretraining gives high values, contrastive training low ones; this is what the paper's theorems are about. The paper's own metric for trained models
 * was not available in full; this pairwise distance is our definition of it, cosine by default. Cosine costs one pass, the others $O(Q^2 K)$ a map.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @param options - see {@link DiversityOptions}
 * @returns array of shape `[…]`, one number a map
 * @throws `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { array, eye, item } from "@provably/core-tensor";
 * import { attentionDiversity } from "@provably/transformer-sparsity/mim";
 *
 * item(attentionDiversity(eye(4))); // => 1
 * item(attentionDiversity(array([[0.5, 0.5], [0.5, 0.5]]))); // => 0
 * item(attentionDiversity(eye(4), { distance: "jsd" })); // => 0.6931471805599453
 * ```
 * @category Attention metrics
 */
export function attentionDiversity(
  attention: AttentionInput,
  options: DiversityOptions = {},
): NdArray {
  const { distance = "cosine", skipEmpty = false } = checkOptions<DiversityOptions>(
    "attentionDiversity",
    options,
    DIVERSITY,
  );
  const maps = readMaps("attentionDiversity", attention, skipEmpty ? "one or zero" : "one");
  return perMap(maps, (map) => {
    const kept = skipEmpty ? withMass(map, maps.keys) : map;
    return meanPairDistance(distance, kept, kept.length / maps.keys, maps.keys);
  });
}

function hasMass(map: Float64Array, from: number, keys: number): boolean {
  for (let k = 0; k < keys; k++) if (map[from + k]! > 0) return true;
  return false;
}

/** The rows with mass. */
function withMass(map: Float64Array, keys: number): Float64Array {
  const kept: number[] = [];
  for (let from = 0; from < map.length; from += keys) if (hasMass(map, from, keys)) kept.push(from);
  const out = new Float64Array(kept.length * keys);
  kept.forEach((from, i) => out.set(map.subarray(from, from + keys), i * keys));
  return out;
}

/**
 * The mean distance between the attention of two heads for the same query.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, H, Q, K]`
 * @param options - see {@link DiversityOptions}
 * @returns array of shape `[…]`, one number a layer; 0 for a single head
 * @throws `ShapeError` when there is no axis of heads; `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { array, item } from "@provably/core-tensor";
 * import { headDiversity } from "@provably/transformer-sparsity/mim";
 *
 * item(headDiversity(array([[[1, 0]], [[0, 1]]]))); // => 1
 * ```
 * @category Attention metrics
 */
export function headDiversity(attention: AttentionInput, options: DiversityOptions = {}): NdArray {
  const { distance = "cosine", skipEmpty = false } = checkOptions<DiversityOptions>(
    "headDiversity",
    options,
    DIVERSITY,
  );
  const maps = readMaps("headDiversity", attention, skipEmpty ? "one or zero" : "one");
  const heads = maps.stack[maps.stack.length - 1];
  if (heads === undefined)
    throw new ShapeError(
      "headDiversity: attention must be [..., heads, queries, keys], got a single map",
    );
  const { data, count, queries, keys } = maps;
  const size = queries * keys;
  const layers = heads === 0 ? 0 : count / heads;
  const between = rowDistance(distance, data, keys);
  const out = Float64Array.from({ length: layers }, (_, b) => {
    let total = 0;
    let pairs = 0;
    for (let g = 0; g < heads; g++)
      for (let h = g + 1; h < heads; h++)
        for (let q = 0; q < queries; q++) {
          const [at, bt] = [(b * heads + g) * size + q * keys, (b * heads + h) * size + q * keys];
          if (skipEmpty && !(hasMass(data, at, keys) && hasMass(data, bt, keys))) continue;
          total += between(at, bt);
          pairs++;
        }
    return pairs === 0 ? 0 : Math.max(0, total / pairs);
  });
  return array(out, { shape: maps.stack.slice(0, -1), copy: false });
}

/**
 * The mutual information of query and key, $I(q; k) / \sqrt{H_q H_k}$, with all queries equally likely: 0 when attention does not depend on the query (collapse),
 * 1 when it is a permutation.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @returns array of shape `[…]`; 0 where one key gets everything
 * @throws `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { array, eye, item } from "@provably/core-tensor";
 * import { attentionMutualInformation } from "@provably/transformer-sparsity/mim";
 *
 * item(attentionMutualInformation(eye(3))); // => 1
 * item(attentionMutualInformation(array([[0.5, 0.5], [0.5, 0.5]]))); // => 0
 * ```
 * @see Park et al. (2023), "What do self-supervised vision transformers learn?", section 2
 * @category Attention metrics
 */
export function attentionMutualInformation(attention: AttentionInput): NdArray {
  const maps = readMaps("attentionMutualInformation", attention);
  return perMap(maps, (map) => mutualInformation(map, maps.queries, maps.keys));
}

/**
 * The standard deviation over queries of the attention to a key, summed over keys.
 *
 * The population's deviation; some code averages the unbiased one over keys instead and calls it position deviation.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, K]`
 * @returns array of shape `[…]`
 * @throws `DomainError` when a row is not a distribution
 * @example
 * ```ts
 * import { eye, item } from "@provably/core-tensor";
 * import { queryStd } from "@provably/transformer-sparsity/mim";
 *
 * item(queryStd(eye(2))); // => 1
 * ```
 * @category Attention metrics
 */
export function queryStd(attention: AttentionInput): NdArray {
  const maps = readMaps("queryStd", attention);
  return perMap(maps, (map) => columnDeviation(map, maps));
}

function columnDeviation(map: Float64Array, { queries, keys }: Maps): number {
  const mean = new Float64Array(keys);
  const square = new Float64Array(keys);
  for (let i = 0; i < map.length; i++) mean[i % keys]! += map[i]! / queries;
  for (let i = 0; i < map.length; i++)
    square[i % keys]! += (map[i]! - mean[i % keys]!) ** 2 / queries;
  return square.reduce((total, s) => total + Math.sqrt(s), 0);
}
