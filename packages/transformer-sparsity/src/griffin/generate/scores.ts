/** How probable the model, full or sparse, finds given text after a prompt. */
import { DomainError, IndexError } from "@provably/core-tensor";
import { check, listOf, show, wholeNumber } from "@provably/core-tensor/internal";

import { decodeStep, prefill } from "../runtime/forward.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";
import { type Prompt, checkPrompt, readPrompt } from "../sparsity/prompt.js";
import {
  type SparseFeedForward,
  type SparsityMethod,
  checkSparse,
  sparsify,
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
  const { vocabSize } = model.config;
  const logits = new Float32Array(ids.length * vocabSize);
  logits.set(prompt.logits);
  if (ids.length > 1)
    logits.set(
      prefill(model, ids.slice(0, -1), { cache: prompt.cache, logits: "all", ...sparse }).logits,
      vocabSize,
    );
  return {
    logits,
    logProbs: Float64Array.from(ids, (id, t) =>
      logProbability(logits.subarray(t * vocabSize, (t + 1) * vocabSize))(id),
    ),
  };
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
  const prompt = readFor(model, ids.slice(0, promptLength), method);
  const sparse = method && sparsify(model, prompt, method);
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
  const prompt = readFor(model, ids.slice(0, -1), method);
  const sparse = sparsify(model, prompt, method);
  const { logits } = decodeStep(model, prompt.cache, ids[ids.length - 1]!, sparse);
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
export function readFor(
  model: LanguageModel,
  ids: readonly number[],
  method?: SparsityMethod,
): Prompt {
  return readPrompt(model, ids, { keepActivations: calibrates(method) });
}

/** Whether a method looks at the prompt's activations. */
export function calibrates(method: SparsityMethod | undefined): boolean {
  return method?.kind === "wanda" || method?.kind === "cats" || method?.kind === "teal";
}
