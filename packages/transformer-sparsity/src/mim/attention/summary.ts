/** All metrics of a whole model in one table. */
import { DomainError, type NdArray, toTypedArray } from "@provably/core-tensor";
import {
  anyList,
  anyNumber,
  check,
  checkOptions,
  type Guard,
  listOf,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { perQuery, readMaps } from "../internal/maps.js";
import { readTensor, type AttentionInput } from "./tensor.js";
import { attentionDistance } from "./distance.js";
import {
  attentionDiversity,
  headDiversity,
  attentionMutualInformation,
  queryStd,
} from "./diversity.js";
import { attentionFromTensor } from "./input.js";
import { dropTokens } from "./received.js";
import {
  ascending,
  attentionEntropy,
  attentionHoyer,
  attentionPerplexity,
  checkK,
  coverageOfSorted,
  giniOfSorted,
  participationRatio,
  topMassOfSorted,
} from "./spread.js";

/**
 * Options of {@link summarizeAttention}.
 * @category Attention metrics
 */
export interface SummarizeOptions {
  /** Rows and columns of the patches; distances are measured only when given. */
  readonly grid?: readonly [number, number];
  /** Side of a patch, the unit of the distances; default 1. */
  readonly patchSize?: number;
  /** Special tokens to remove first, see {@link dropTokens}; default none. */
  readonly dropTokens?: readonly number[];
  /** Keys of `topMass`; default 5, or all when there are fewer. */
  readonly topK?: number;
}

/**
 * Mean and standard deviation of a metric over the batch.
 * @category Attention metrics
 */
export interface BatchStatistic {
  readonly mean: number;
  readonly std: number;
}

/**
 * One head of one layer.
 * @category Attention metrics
 */
export interface HeadSummary {
  readonly layer: number;
  readonly head: number;
  readonly entropy: BatchStatistic;
  readonly normalizedEntropy: BatchStatistic;
  readonly perplexity: BatchStatistic;
  readonly participationRatio: BatchStatistic;
  readonly gini: BatchStatistic;
  readonly hoyer: BatchStatistic;
  /** Attention to the `topK` favourite keys. */
  readonly topMass: BatchStatistic;
  /** Keys for nine tenths of the attention. */
  readonly coverage90: BatchStatistic;
  /** Null without a grid. */
  readonly distance: BatchStatistic | null;
  readonly mutualInformation: BatchStatistic;
  /** {@link attentionDiversity}, cosine. */
  readonly diversity: BatchStatistic;
  /** {@link attentionDiversity}, Jensen–Shannon. */
  readonly diversityJsd: BatchStatistic;
  readonly queryStd: BatchStatistic;
  /** {@link headDiversity} of the layer, the same for all its heads. */
  readonly headDiversity: BatchStatistic;
}

/**
 * Every metric of every head of every layer; metrics of queries are averaged over the queries first.
 *
 * @param layers - attention of each layer, first to last, shape `[B, H, T, T]` or `[H, T, T]`
 * @param options - see {@link SummarizeOptions}
 * @returns one record a head, layer by layer
 * @throws `DomainError` or `ShapeError` when a layer is not an attention map, naming the layer
 * @example
 * ```ts
 * import { eye, reshape } from "@provably/core-tensor";
 * import { summarizeAttention } from "@provably/transformer-sparsity/mim";
 *
 * const [head] = summarizeAttention([reshape(eye(4), [1, 1, 4, 4])], { grid: [2, 2] });
 * [head.diversity.mean, head.entropy.mean, head.distance.mean]; // => [1, 0, 0]
 * ```
 * @category Attention metrics
 */
export function summarizeAttention(
  layers: readonly AttentionInput[],
  options: SummarizeOptions = {},
): HeadSummary[] {
  checkOptions<SummarizeOptions>("summarizeAttention", options, SUMMARIZE);
  return check("summarizeAttention", "layers", layers, anyList).flatMap((layer, number) =>
    summarizeLayer(layer, number, options),
  );
}

const SUMMARIZE = {
  grid: listOf(anyNumber, 2) as Guard<readonly [number, number]>,
  patchSize: positiveNumber,
  dropTokens: listOf(wholeNumber(0)),
  topK: wholeNumber(),
};

function summarizeLayer(
  layer: AttentionInput,
  number: number,
  { grid, patchSize = 1, dropTokens: dropped = [], topK }: SummarizeOptions,
): HeadSummary[] {
  const { shape } = readTensor("summarizeAttention", layer);
  if (shape.length !== 3 && shape.length !== 4)
    throw new DomainError(
      `summarizeAttention: layers[${number}] must be [B, H, T, T] or [H, T, T], got [${shape.join(", ")}]`,
    );
  const maps =
    dropped.length > 0 ? dropTokens(layer, dropped).attention : attentionFromTensor(layer);
  const heads = shape[shape.length - 3]!;
  const batch = shape.length === 4 ? shape[0]! : 1;
  const keys = maps.shape[maps.shape.length - 1]!;
  const favourites = Math.min(topK ?? 5, keys);
  checkK("summarizeAttention", favourites, keys);
  // three metrics ask for the largest weights: sort once
  const sorted = ascending(readMaps("summarizeAttention", maps));
  /** Values by batch member and head, averaged over what follows. */
  const table = (x: NdArray, perLayer = false): number[][] => {
    const data = Float64Array.from(toTypedArray(x));
    const groups = perLayer ? batch : batch * heads;
    const size = data.length / groups;
    const means = Array.from(
      { length: groups },
      (_, g) => data.subarray(g * size, (g + 1) * size).reduce((a, b) => a + b, 0) / size,
    );
    return Array.from({ length: heads }, (_, h) =>
      Array.from({ length: batch }, (_, b) => means[perLayer ? b : b * heads + h]!),
    );
  };
  const columns = {
    entropy: table(attentionEntropy(maps)),
    normalizedEntropy: table(attentionEntropy(maps, { normalized: true })),
    perplexity: table(attentionPerplexity(maps)),
    participationRatio: table(participationRatio(maps)),
    gini: table(perQuery(sorted, giniOfSorted)),
    hoyer: table(attentionHoyer(maps)),
    topMass: table(perQuery(sorted, (row) => topMassOfSorted(row, favourites))),
    coverage90: table(perQuery(sorted, (row) => coverageOfSorted(row, 0.9))),
    mutualInformation: table(attentionMutualInformation(maps)),
    diversity: table(attentionDiversity(maps)),
    diversityJsd: table(attentionDiversity(maps, { distance: "jsd" })),
    queryStd: table(queryStd(maps)),
    headDiversity: table(headDiversity(maps), true),
  };
  const distance =
    grid === undefined ? undefined : table(attentionDistance(maps, { grid, patchSize }));
  return Array.from({ length: heads }, (_, head) => ({
    layer: number,
    head,
    // each column holds one list a head
    ...(Object.fromEntries(
      Object.entries(columns).map(([name, column]) => [name, statistic(column[head]!)]),
    ) as Record<keyof typeof columns, BatchStatistic>),
    distance: distance === undefined ? null : statistic(distance[head]!),
  }));
}

function statistic(values: readonly number[]): BatchStatistic {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return {
    mean,
    std: Math.sqrt(values.reduce((total, x) => total + (x - mean) ** 2, 0) / values.length),
  };
}
