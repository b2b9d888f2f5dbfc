/**
 * Feed-forward sparsity of real language models, and how masked pretraining makes attention diverse.
 *
 * @packageDocumentation
 */
export * from "./griffin/index.js";
export * from "./mim/index.js";
