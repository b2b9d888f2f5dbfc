/**
 * Real decoder-only language models in TypeScript, and GRIFFIN: feed-forward sparsity chosen by the prompt, without training.
 *
 * @packageDocumentation
 */
export {};
