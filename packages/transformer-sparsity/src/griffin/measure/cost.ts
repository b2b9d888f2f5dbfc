/** What a token costs, in weights, operations and bytes; and how much faster fewer neurons can make it. */
import {
  checkOptions,
  nonNegativeNumber,
  numberIn,
  positiveNumber,
} from "@provably/core-tensor/internal";
import { type ModelConfig, checkSizes } from "../model/description.js";

/**
 * Options of {@link costModel}.
 * @category Measures
 */
export interface CostOptions {
  /** Share $\rho$ of neurons that stay, in [0, 1]; default 1. */
  readonly density?: number;
  /** Tokens in the cache, $n$; default 0. */
  readonly context?: number;
  /** Default 4. */
  readonly bytesPerWeight?: number;
  /** Of cached keys and values; default 4. */
  readonly bytesPerCacheEntry?: number;
}

const COST = {
  density: numberIn(0, 1),
  context: nonNegativeNumber,
  bytesPerWeight: positiveNumber,
  bytesPerCacheEntry: positiveNumber,
};

/**
 * Costs of a model.
 * @category Measures
 */
export interface Cost {
  /** Weights of the attention blocks, $LA$. */
  readonly attentionWeights: number;
  /** Weights of the feed-forward blocks, $LF$; of a mixture those of the experts that one token goes to. */
  readonly feedForwardWeights: number;
  /** Weights of the output head, $Vd$. */
  readonly headWeights: number;
  /** Share $\varphi = LF / (LA + LF + Vd)$ of the weights that a token reads. */
  readonly feedForwardShare: number;
  /** Numbers of the cache that a token reads, $2L H_{kv} d_h n$. */
  readonly cacheEntries: number;
  /** Floating-point operations of one token, at the density. */
  readonly flopsPerToken: number;
  /** Bytes that one token reads, at the density. */
  readonly bytesPerToken: number;
  /** Ideal speed-up of steps: $1 / (1 - \varphi(1-\rho))$, where time goes with the weights read. */
  readonly idealSpeedup: number;
  /** The same with the cache in both times. */
  readonly idealSpeedupWithCache: number;
  /** Share of the weights that a token reads which it need not. */
  readonly weightsSaved: number;
}

/**
 * What one token costs at a density of feed-forward neurons, without counting norms and embeddings.
 *
 * One step multiplies each weight once, so that it takes as long as the weights take to be read, or in plain JavaScript to be multiplied. Either way time goes with their number.
 *
 * @param config - see {@link ModelConfig}
 * @param options - see {@link CostOptions}
 * @returns see {@link Cost}
 * @throws `DomainError` for options out of range
 * @example
 * ```ts
 * import { costModel, modelConfig } from "@provably/transformer-sparsity/griffin";
 *
 * const llama2 = modelConfig({
 *   model_type: "llama", vocab_size: 32000, hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, num_attention_heads: 32, max_position_embeddings: 4096,
 * });
 * costModel(llama2, { density: 0.5 }).idealSpeedup.toFixed(3); // => "1.487"
 * ```
 * @category Measures
 */
export function costModel(config: ModelConfig, options: CostOptions = {}): Cost {
  const {
    density = 1,
    context = 0,
    bytesPerWeight = 4,
    bytesPerCacheEntry = 4,
  } = checkOptions<CostOptions>("costModel", options, COST);
  checkSizes("costModel", config);
  const {
    numLayers,
    hiddenSize: d,
    ffSize,
    numHeads,
    numKvHeads,
    headDim,
    gated,
    vocabSize,
    embeddingSize,
    mixture,
  } = config;
  const attentionWeights = numLayers * 2 * d * headDim * (numHeads + numKvHeads);
  // of a mixture what one token reads: its experts, and the router, which no density makes smaller
  const mixed = mixture?.layers.filter((is) => is).length ?? 0;
  const ofMixture = mixture ? mixture.perToken * mixture.expertSize + mixture.sharedSize : 0;
  const neurons = (numLayers - mixed) * ffSize + mixed * ofMixture;
  const feedForwardWeights = (gated ? 3 : 2) * d * neurons;
  const routerWeights = mixture ? mixed * d * mixture.numExperts : 0;
  const headWeights = vocabSize * embeddingSize;
  const fixed = attentionWeights + routerWeights + headWeights;
  const all = fixed + feedForwardWeights;
  const read = fixed + density * feedForwardWeights;
  const cacheEntries = 2 * numLayers * numKvHeads * headDim * context;
  const cacheBytes = cacheEntries * bytesPerCacheEntry;
  return {
    attentionWeights,
    feedForwardWeights,
    headWeights,
    feedForwardShare: feedForwardWeights / all,
    cacheEntries,
    flopsPerToken: 2 * read + 4 * numLayers * numHeads * headDim * context,
    bytesPerToken: read * bytesPerWeight + cacheBytes,
    idealSpeedup: all / read,
    idealSpeedupWithCache:
      (all * bytesPerWeight + cacheBytes) / (read * bytesPerWeight + cacheBytes),
    weightsSaved: ((1 - density) * feedForwardWeights) / all,
  };
}
