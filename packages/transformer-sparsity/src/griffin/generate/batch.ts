/** Several texts at once, each after its own prompt. */
import { DomainError } from "@provably/core-tensor";
import { check, checkOptions, listOf, numberList } from "@provably/core-tensor/internal";
import { foldIn } from "@provably/core-tensor/random";
import { contextLimit } from "../model/rope.js";
import { decodeBatch } from "../runtime/batch.js";
import { finish } from "../runtime/forward.js";
import type { KvCache } from "../runtime/cache.js";
import type { LanguageModel } from "../runtime/model.js";
import { type Prompt, readChunks } from "../sparsity/prompt.js";
import { type SparseFeedForward, sparseBlocks } from "../sparsity/sparsify.js";
import { batchStatistics } from "../sparsity/statistic.js";
import { type GeneratedToken, ban, choose, processed, scored } from "./choose.js";
import { calibrates, checkIds } from "./scores.js";
import { type GenerateOptions, type GenerateResult, GENERATE, checkGenerate } from "./tokens.js";

/**
 * Options of {@link generateBatch}: those of {@link generateTokens} that are of one text as of several.
 * @category Text
 */
export type BatchOptions = Pick<
  GenerateOptions,
  | "maxNewTokens"
  | "sampling"
  | "key"
  | "sparsity"
  | "stopTokens"
  | "bannedTokens"
  | "processors"
  | "alternatives"
  | "chunkSize"
  | "signal"
>;

const {
  maxNewTokens,
  sampling,
  key,
  sparsity,
  stopTokens,
  bannedTokens,
  processors,
  alternatives,
  chunkSize,
  signal,
} = GENERATE;
const BATCH = {
  maxNewTokens,
  sampling,
  key,
  sparsity,
  stopTokens,
  bannedTokens,
  processors,
  alternatives,
  chunkSize,
  signal,
};

/**
 * A token of one of several texts.
 * @category Text
 */
export interface BatchToken extends GeneratedToken {
  /** Which text, by the number of its prompt. */
  readonly text: number;
}

/**
 * One of several texts when all have ended.
 * @category Text
 */
export type BatchText = Pick<GenerateResult, "tokens" | "finishReason">;

/** A text that is being written. */
interface Writing {
  readonly number: number;
  readonly context: number[];
  readonly promptLength: number;
  logits: Float32Array;
  cache: KvCache;
  finishReason?: GenerateResult["finishReason"];
}

/**
 * The tokens that follow several prompts, written together: at each step every matrix is read once for all texts that have not ended.
 *
 * Text `i` is the one that {@link generateTokens} writes with the key `foldIn(key, i)`, but for rounding. With sparsity of kind `griffin` all texts share their neurons, chosen by
 * {@link batchStatistics} of all prompts.
 *
 * @param model - see {@link LanguageModel}
 * @param prompts - tokens of each prompt, at least one prompt
 * @param options - see {@link BatchOptions}
 * @returns generator of tokens, text by text at each step, that returns the texts in the order of the prompts
 * @throws `DomainError` for options out of range, a missing key, or sparsity that calibrates on the activations of one prompt; the signal's reason
 * @example
 * ```ts
 * import { generateBatch, loadModel, loadTokenizer } from "@provably/transformer-sparsity/griffin";
 *
 * const folder = "examples/models/tiny-llama-text";
 * const tokenizer = await loadTokenizer(folder);
 * const prompts = ["In the beginning God created the heaven and the", "And the"].map((text) => tokenizer.encode(text));
 * const tokens = [...generateBatch(await loadModel(folder), prompts, { maxNewTokens: 2 })];
 * tokenizer.decode(tokens.filter(({ text }) => text === 0).map(({ token }) => token)); // => " earth,"
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 4.3
 * @category Text
 */
export function* generateBatch(
  model: LanguageModel,
  prompts: readonly (readonly number[])[],
  options: BatchOptions = {},
): Generator<BatchToken, BatchText[]> {
  const fn = "generateBatch";
  const given = checkGenerate(fn, model, checkOptions<BatchOptions>(fn, options, BATCH));
  check(fn, "prompts", prompts, listOf<readonly number[]>(numberList));
  if (prompts.length === 0) throw new DomainError(`${fn}: prompts must hold at least one prompt`);
  if (calibrates(given.sparsity))
    throw new DomainError(
      `${fn}: sparsity of kind ${given.sparsity!.kind} calibrates on the activations of one prompt, and is not for several`,
    );
  const read = prompts.map((ids) => readOne(fn, model, ids, given));
  const sparse = shared(fn, model, read, given);
  const texts: Writing[] = read.map(({ ids, logits, cache }, number) => ({
    number,
    context: [...ids],
    promptLength: ids.length,
    logits,
    cache,
  }));
  try {
    for (;;) {
      for (const text of texts.filter(({ finishReason }) => finishReason === undefined)) {
        const token = next(fn, text, given);
        if (token === undefined) continue;
        yield { text: text.number, ...scored(text.logits, token, given.alternatives ?? 0) };
        ending(model, text, token, given);
      }
      const open = texts.filter(({ finishReason }) => finishReason === undefined);
      if (open.length === 0) break;
      given.signal?.throwIfAborted();
      const step = decodeBatch(
        model,
        open.map(({ cache }) => cache),
        open.map(({ context }) => context[context.length - 1]!),
        sparse && { feedForward: sparse.feedForward },
      );
      open.forEach((text, i) => {
        [text.logits, text.cache] = [step.logits[i]!, step.caches[i]!];
      });
    }
  } finally {
    sparse?.free();
  }
  return texts.map(({ context, promptLength, finishReason }) => ({
    tokens: context.slice(promptLength),
    finishReason: finishReason!,
  }));
}

function readOne(
  fn: string,
  model: LanguageModel,
  ids: readonly number[],
  { chunkSize: size, signal: stop }: BatchOptions,
): Prompt {
  checkIds(fn, model, ids);
  const options = { ...(size !== undefined && { chunkSize: size }), ...(stop && { signal: stop }) };
  return finish(readChunks(fn, model, ids, options));
}

/** Feed-forward blocks that all texts share. */
function shared(
  fn: string,
  model: LanguageModel,
  prompts: readonly Prompt[],
  { sparsity: method }: BatchOptions,
): SparseFeedForward | undefined {
  if (!method) return undefined;
  const statistics = batchStatistics(prompts.map((prompt) => prompt.statistics));
  return sparseBlocks(fn, model, { ...prompts[0]!, statistics }, method);
}

/** The next token of a text, written down; undefined when there is to be none. */
function next(fn: string, text: Writing, options: BatchOptions): number | undefined {
  const { maxNewTokens: most = 128, processors: change = [], bannedTokens: banned = [] } = options;
  const step = text.context.length - text.promptLength;
  if (step >= most) {
    text.finishReason = "length";
    return undefined;
  }
  const { context, promptLength, logits } = text;
  const allowed = processed(fn, ban(logits, banned), change, context, promptLength);
  const own = options.key === undefined ? undefined : foldIn(options.key, text.number);
  const token = choose(fn, allowed, context, options.sampling, own, step);
  context.push(token);
  return token;
}

/** Whether a text ends with this token. */
function ending(model: LanguageModel, text: Writing, token: number, options: BatchOptions): void {
  const { maxNewTokens: most = 128, stopTokens: stops = model.config.eosTokens } = options;
  if (stops.includes(token)) text.finishReason = "stop";
  else if (text.context.length - text.promptLength === most) text.finishReason = "length";
  else if (text.cache.length >= contextLimit(model.config)) text.finishReason = "context";
}
