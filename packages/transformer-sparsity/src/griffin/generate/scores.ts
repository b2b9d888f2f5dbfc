/** How probable the model, full or sparse, finds given text after a prompt. */
import { DomainError, IndexError } from "@provably/core-tensor";
import { check, listOf, optional, show, wholeNumber } from "@provably/core-tensor/internal";

import { dependsOnLength } from "../model/rope.js";
import { decodeStep, finish, prefill } from "../runtime/forward.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";
import { type Prompt, checkPrompt, readChunks } from "../sparsity/prompt.js";
import {
  type SparseFeedForward,
  type SparsityMethod,
  checkSparse,
  sparseBlocks,
  sparsityGuard,
} from "../sparsity/sparsify.js";
import { logProbability } from "./sampling.js";

/**
 * Log-probabilities of a continuation.
 * @category Text
 */
export interface ContinuationScores {
  /** Natural logarithms of the probabilities of its tokens, each given all before. */
  readonly logProbs: Float64Array;
  /** Logits that gave them, `[tokens, vocab]`. */
  readonly logits: Float32Array;
}

/**
 * Log-probabilities of the tokens of a continuation as generation would see them: the first from the full model's logits of the prompt, the others after
 * steps with the given feed-forward blocks.
 *
 * @param model - see {@link LanguageModel}
 * @param prompt - from {@link readPrompt}
 * @param ids - the continuation, at least one token
 * @param sparse - from {@link sparsify}; default all neurons
 * @returns see {@link ContinuationScores}
 * @throws `DomainError` for no tokens
 * @example
 * ```ts
 * import { loadModel, readPrompt, scoreContinuation } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * scoreContinuation(model, readPrompt(model, [0, 1070, 260]), [1897, 1079]).logProbs.length; // => 2
 * ```
 * @category Text
 */
export function scoreContinuation(
  model: LanguageModel,
  prompt: Prompt,
  ids: readonly number[],
  sparse?: SparseFeedForward,
): ContinuationScores {
  checkPrompt("scoreContinuation", checkModel("scoreContinuation", model), prompt);
  checkSparse("scoreContinuation", sparse);
  checkIds("scoreContinuation", model, ids);
  if (ids.length === 0)
    throw new DomainError("scoreContinuation: ids must hold at least one token");
  const logits = continuationLogits(model, prompt, ids, sparse);
  const { vocabSize } = model.config;
  return {
    logits,
    logProbs: Float64Array.from(ids, (id, t) =>
      logProbability(logits.subarray(t * vocabSize, (t + 1) * vocabSize))(id),
    ),
  };
}

/** Logits before each token of a continuation. */
function continuationLogits(
  model: LanguageModel,
  prompt: Prompt,
  ids: readonly number[],
  sparse: SparseFeedForward | undefined,
): Float32Array {
  const { vocabSize, positions } = model.config;
  const feedForward = sparse && { feedForward: sparse.feedForward };
  const logits = new Float32Array(ids.length * vocabSize);
  logits.set(prompt.logits);
  if (ids.length === 1) return logits;
  let { cache } = prompt;
  // where the rotation goes with the length, one call is not the same as many
  const oneByOne = dependsOnLength(positions, cache.length + ids.length);
  const calls = oneByOne ? ids.slice(0, -1).map((id) => [id]) : [ids.slice(0, -1)];
  let at = vocabSize;
  for (const part of calls) {
    const step = prefill(model, part, { cache, logits: "all", ...feedForward });
    logits.set(step.logits, at);
    at += step.logits.length;
    cache = step.cache;
  }
  return logits;
}

/**
 * Perplexity of the continuation of a text, $\exp(-\tfrac1n\sum_t \log p(\text{token}_t))$.
 *
 * @param model - see {@link LanguageModel}
 * @param ids - prompt and continuation
 * @param promptLength - tokens of the prompt, which the full model reads, in 1 … length − 1
 * @param method - see {@link SparsityMethod}; default all neurons
 * @returns perplexity of the other tokens
 * @throws `DomainError` for a prompt length out of range
 * @example
 * ```ts
 * import { loadModel, perplexity } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * perplexity(model, [0, 1070, 260, 1897, 1079, 422, 1902, 283, 260, 883], 4) < 100; // => true
 * ```
 * @category Text
 */
export function perplexity(
  model: LanguageModel,
  ids: readonly number[],
  promptLength: number,
  method?: SparsityMethod,
): number {
  checkIds("perplexity", checkModel("perplexity", model), ids);
  if (!Number.isInteger(promptLength) || promptLength < 1 || promptLength >= ids.length)
    throw new DomainError(
      `perplexity: promptLength must be an integer in 1 … ${ids.length - 1}, got ${show(promptLength)}`,
    );
  check("perplexity", "method", method, optional(sparsityGuard));
  const prompt = readFor("perplexity", model, ids.slice(0, promptLength), method);
  const sparse = method && sparseBlocks("perplexity", model, prompt, method);
  const { logProbs } = scoreContinuation(model, prompt, ids.slice(promptLength), sparse);
  sparse?.free();
  return Math.exp(-logProbs.reduce((a, b) => a + b, 0) / logProbs.length);
}

/**
 * Logits after a text as a classification task sees them: all tokens but the last are the prompt, and the last is read with the sparse feed-forward blocks.
 *
 * A multiple-choice question generates nothing, so that without this step sparsity would change nothing.
 *
 * @param model - see {@link LanguageModel}
 * @param ids - at least two tokens
 * @param method - see {@link SparsityMethod}
 * @returns logits `[vocab]` to score answers with
 * @throws `DomainError` for fewer than two tokens
 * @example
 * ```ts
 * import { classificationLogits, loadModel } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * classificationLogits(model, [0, 1070, 260], { kind: "griffin", density: 0.5 }).length; // => 2048
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 5.1
 * @category Text
 */
export function classificationLogits(
  model: LanguageModel,
  ids: readonly number[],
  method: SparsityMethod,
): Float32Array {
  checkIds("classificationLogits", checkModel("classificationLogits", model), ids);
  if (ids.length < 2)
    throw new DomainError(
      `classificationLogits: ids must hold at least two tokens, got ${ids.length}`,
    );
  check("classificationLogits", "method", method, sparsityGuard);
  const prompt = readFor("classificationLogits", model, ids.slice(0, -1), method);
  const sparse = sparseBlocks("classificationLogits", model, prompt, method);
  const { logits } = decodeStep(model, prompt.cache, ids[ids.length - 1]!, {
    feedForward: sparse.feedForward,
  });
  sparse.free();
  return logits;
}

const tokens = listOf(wholeNumber(0));

/** Whether `ids` are tokens of the model. */
export function checkIds(
  fn: string,
  { config: { vocabSize } }: LanguageModel,
  ids: readonly number[],
): void {
  check(fn, "ids", ids, tokens).forEach((id, t) => {
    if (id >= vocabSize)
      throw new IndexError(
        `${fn}: token ${t} must be an integer in 0 … ${vocabSize - 1}, got ${id}`,
      );
  });
}

/** Reads a prompt with what a method will ask for. */
function readFor(
  fn: string,
  model: LanguageModel,
  ids: readonly number[],
  method?: SparsityMethod,
): Prompt {
  return finish(readChunks(fn, model, ids, { keepActivations: calibrates(method) }));
}

/** Whether a method looks at the prompt's activations. */
export function calibrates(method: SparsityMethod | undefined): boolean {
  return method?.kind === "wanda" || method?.kind === "cats" || method?.kind === "teal";
}
