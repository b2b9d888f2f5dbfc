/**
 * Real decoder-only language models in TypeScript, and GRIFFIN: feed-forward sparsity chosen by the prompt, without training.
 *
 * @packageDocumentation
 */

// models
export { modelConfig, type ModelConfig, type ModelFamily } from "./model/config.js";
export type { Activation } from "./model/activation.js";
export { ropeFrequencies, type RopeConfig, type RopeScaling } from "./model/rope.js";
export type { Parameters } from "./model/parameters.js";
export { randomParameters } from "./model/random.js";
export { logits } from "./model/differentiable.js";
// running models
export {
  languageModel,
  type FeedForwardWeights,
  type LanguageModel,
  type ModelLayer,
  type ModelOptions,
  type PinnedLinear,
} from "./runtime/model.js";
export { emptyCache, truncateCache, type KvCache } from "./runtime/cache.js";
export { decodeStep, prefill, type FeedForwardEvent, type ForwardOptions, type ForwardResult, type PrefillOptions } from "./runtime/forward.js";
export type { FeedForward, FeedForwardBlock } from "./runtime/feed-forward.js";
