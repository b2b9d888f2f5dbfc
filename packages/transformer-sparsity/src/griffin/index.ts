/**
 * Real decoder-only language models in TypeScript, and GRIFFIN: feed-forward sparsity chosen by the prompt, without training.
 *
 * @packageDocumentation
 */

// models
export {
  modelConfig,
  type AlibiConfig,
  type MixtureConfig,
  type ModelConfig,
  type ModelFamily,
} from "./model/config.js";
export type { Activation } from "./model/activation.js";
export { ropeFrequencies, type RopeConfig, type RopeScaling } from "./model/rope.js";
export type { Parameters } from "./model/parameters.js";
export { randomParameters, type RandomOptions } from "./model/random.js";
export { logits } from "./model/differentiable.js";
// running models
export {
  languageModel,
  type FeedForwardWeights,
  type LanguageModel,
  type MixtureWeights,
  type ModelLayer,
  type ModelOptions,
  type PinnedLinear,
} from "./runtime/model.js";
export type { NormWeights } from "./runtime/rows.js";
export { emptyCache, truncateCache, type CacheStorage, type KvCache } from "./runtime/cache.js";
export {
  decodeStep,
  prefill,
  type FeedForwardEvent,
  type ForwardOptions,
  type ForwardResult,
  type PrefillOptions,
} from "./runtime/forward.js";
export type { FeedForward, FeedForwardBlock } from "./runtime/feed-forward.js";
export { decodeBatch, type BatchResult, type DecodeBatchOptions } from "./runtime/batch.js";
// files
export { loadModel, type LoadOptions } from "./files/load.js";
export { loadTokenizer, type Tokenizer, type TokenizerOptions } from "./files/tokenizer.js";
export {
  filesFromFolder,
  filesFromMemory,
  filesFromUrl,
  type ModelFiles,
  type FetchOptions,
} from "./files/source.js";
// chats
export {
  applyChatTemplate,
  type ChatMessage,
  type ChatOptions,
  type ChatTemplates,
} from "./chat/apply.js";
// sparsity
export {
  readPrompt,
  type LayerActivations,
  type Prompt,
  type PromptOptions,
} from "./sparsity/prompt.js";
export {
  batchStatistics,
  mergeStatistics,
  neuronScores,
  neuronStatistic,
  type FeedForwardStatistics,
  type NeuronStatistic,
  type MergeOptions,
} from "./sparsity/statistic.js";
export {
  selectNeurons,
  type SelectionMethod,
  type SelectionOptions,
} from "./sparsity/selection.js";
export {
  balancedDensities,
  expertsFromJson,
  expertsToJson,
  selectExperts,
  unionOfExperts,
  type ExpertOptions,
  type ExpertSet,
} from "./sparsity/experts.js";
export { magnitudeScores, prunedFeedForward, type PrunedOptions } from "./sparsity/neurons.js";
export { magnitudeThreshold, wandaPrune } from "./sparsity/baselines.js";
export { sparsify, type SparseFeedForward, type SparsityMethod } from "./sparsity/sparsify.js";
// text
export { generate, type TextOptions, type TextResult } from "./generate/text.js";
export { generateTokens, type GenerateOptions, type GenerateResult } from "./generate/tokens.js";
export type { GeneratedToken, ScoredToken } from "./generate/choose.js";
export {
  generateBatch,
  type BatchOptions,
  type BatchText,
  type BatchToken,
} from "./generate/batch.js";
export type { Speculation } from "./generate/speculate.js";
export { embedTexts, type EmbeddingOptions } from "./generate/embeddings.js";
export { drawToken, nextTokenProbabilities, type SamplingOptions } from "./generate/sampling.js";
export { keepMinP, keepTopK, keepTopP, keepTypical, scaleTemperature } from "./generate/filters.js";
export {
  allowTokens,
  forbidSequences,
  leastLength,
  logitBias,
  noRepeatNgrams,
  occurrencePenalty,
  processLogits,
  repetitionPenalty,
  sequenceBias,
  suppressTokens,
  type LogitProcessor,
  type ProcessorContext,
} from "./generate/processors.js";
export { jsonGrammar, type TextGrammar } from "./generate/grammar/json.js";
export { maskByGrammar, tokenTexts, type GrammarOptions } from "./generate/grammar/mask.js";
export {
  generationConfig,
  loadGenerationConfig,
  type GenerationDefaults,
} from "./generate/defaults.js";
export {
  classificationLogits,
  perplexity,
  scoreContinuation,
  type ContinuationScores,
} from "./generate/scores.js";
// measures
export {
  expectedJaccard,
  flockingHeatMap,
  giniCoefficient,
  jaccardSimilarity,
  type HeatMapOptions,
} from "./measure/similarity.js";
export { costModel, type Cost, type CostOptions } from "./measure/cost.js";
// certificates
export {
  certifyContinuation,
  certifyExperts,
  certifyModel,
  sparsitySavings,
  type ContinuationCertificateOptions,
  type ModelCertificateOptions,
  type SparsitySavings,
  type SavingsOptions,
} from "./measure/certificate.js";
