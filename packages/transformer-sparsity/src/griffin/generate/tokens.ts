/** Writing on, token by token: prompt in full, then steps with all neurons or with those that the prompt chose. */
import { DomainError } from "@provably/core-tensor";
import {
  abortSignal,
  anyFunction,
  anyRecord,
  anything,
  checkOptions,
  listOf,
  numberIn,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import { contextLimit } from "../model/rope.js";
import type { KvCache } from "../runtime/cache.js";
import type { FeedForward } from "../runtime/feed-forward.js";
import { type ForwardResult, decodeStep, finish } from "../runtime/forward.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";
import type { ExpertSet } from "../sparsity/experts.js";
import { type Prompt, readChunks } from "../sparsity/prompt.js";
import { type GeneratedToken, choose, ban, processed, scored } from "./choose.js";
import type { LogitProcessor } from "./processors.js";
import { longestPrefix } from "./prefixes.js";
import { calibrates, checkIds } from "./scores.js";
import {
  type Speculation,
  checkSpeculation,
  plainStepper,
  speculationGuard,
  speculativeStepper,
} from "./speculate.js";
import {
  type SparseFeedForward,
  type SparsityMethod,
  sparseBlocks,
  sparsityGuard,
} from "../sparsity/sparsify.js";
import {
  type FeedForwardStatistics,
  mergeStatistics,
  statisticsCollector,
} from "../sparsity/statistic.js";
import { type SamplingOptions, samplingGuard } from "./sampling.js";

/**
 * Options of {@link generateTokens}.
 * @category Text
 */
export interface GenerateOptions {
  /** Default 128. */
  readonly maxNewTokens?: number;
  /** Most tokens of prompt and text together; default as many as the model has positions for. */
  readonly maxLength?: number;
  /** How tokens are chosen; default the most likely one. */
  readonly sampling?: SamplingOptions;
  /** Random key, needed when tokens are drawn; step i folds i in. */
  readonly key?: RngKey;
  /** What becomes of feed-forward blocks after the prompt; default all neurons. */
  readonly sparsity?: SparsityMethod;
  /** With `griffin`: every so many tokens one step runs in full, its activations join the statistics, and neurons are chosen anew. Default never. */
  readonly refreshEvery?: number;
  /** Factor of older statistics at each of those steps, in [0, 1]; default 1. */
  readonly decay?: number;
  /** Tokens that end the text; default those of the model. They are yielded, and end it. */
  readonly stopTokens?: readonly number[];
  /** Tokens that are never chosen; default none. */
  readonly bannedTokens?: readonly number[];
  /** Functions that change the logits, in this order, before sampling options do; default none. */
  readonly processors?: readonly LogitProcessor[];
  /** How many of the most likely tokens to report beside each; default 0. */
  readonly alternatives?: number;
  /** An earlier prompt and what followed, to go on from. */
  readonly continueFrom?: Prompt;
  /** Earlier prompts: of those that the new one begins with, the longest is gone on from, and only the rest is read. Default none. */
  readonly prefixes?: readonly Prompt[];
  /** Guesses several tokens and reads them in one pass; the text is the same. Default none. */
  readonly speculation?: Speculation;
  /** Tokens of the prompt taken at a time; default 256. */
  readonly chunkSize?: number;
  /** Stops before the next step, or the next chunk of the prompt, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * What is left when a text ends.
 * @category Text
 */
export interface GenerateResult {
  readonly tokens: readonly number[];
  /** `stop`: a stop token, or the reader's wish, sent as `next("stop")`; `length`: as many as asked for; `context`: the model's positions ended. */
  readonly finishReason: "stop" | "length" | "context";
  /** Prompt and text as the prompt of what comes next. Its logits are those before the last token, which it has not read. */
  readonly conversation: Prompt;
  /** Neurons in use at the end, where the method keeps whole neurons. */
  readonly experts?: ExpertSet;
  /** Wall-clock seconds for the prompt, for choosing and packing neurons, and for all steps after. */
  readonly seconds: { readonly prompt: number; readonly selection: number; readonly steps: number };
  /** Steps after the prompt, a second. */
  readonly tokensPerSecond: number;
  /** With speculation: tokens that were guessed, and those of them that the text has. */
  readonly speculation?: { readonly guessed: number; readonly kept: number };
}

/**
 * The tokens that follow a prompt, one at a time.
 *
 * The first token comes from the full model, as do all logits of the prompt; sparsity begins with the second. The same arguments give the same tokens.
 *
 * @param model - see {@link LanguageModel}
 * @param ids - prompt, at least one token
 * @param options - see {@link GenerateOptions}
 * @returns generator of tokens that returns a summary, see {@link GenerateResult}
 * @throws `DomainError` for options out of range or a missing key; the signal's reason
 * @example
 * ```ts
 * import { generateTokens, loadModel, loadTokenizer } from "@provably/transformer-sparsity/griffin";
 *
 * const folder = "examples/models/tiny-llama-text";
 * const tokenizer = await loadTokenizer(folder);
 * const model = await loadModel(folder);
 * const tokens = [...generateTokens(model, tokenizer.encode("In the beginning God created the heaven and the"), { maxNewTokens: 2 })];
 * tokenizer.decode(tokens.map(({ token }) => token)); // => " earth,"
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 4.2
 * @category Text
 */
export function* generateTokens(
  model: LanguageModel,
  ids: readonly number[],
  options: GenerateOptions = {},
): Generator<GeneratedToken, GenerateResult, "stop" | undefined> {
  const fn = "generateTokens";
  const given = checkGenerate(fn, model, checkOptions<GenerateOptions>(fn, options, GENERATE));
  return yield* writeOn(fn, model, finish(readForWriting(fn, model, ids, given)), given);
}

/** A prompt, and how long it took to read it. */
interface ReadPrompt {
  readonly prompt: Prompt;
  readonly seconds: number;
}

/** Reads the prompt, with a pause after each chunk. */
export function* readForWriting(
  fn: string,
  model: LanguageModel,
  ids: readonly number[],
  options: GenerateOptions,
): Generator<void, ReadPrompt> {
  checkIds(fn, model, ids);
  const { signal, chunkSize, prefixes = [] } = options;
  const clock = stopwatch();
  const known = longestPrefix(fn, model, prefixes, ids);
  const continueFrom = options.continueFrom ?? known;
  const prompt = yield* readChunks(fn, model, known ? ids.slice(known.ids.length) : ids, {
    keepActivations: calibrated(options) !== undefined,
    ...(continueFrom && { continueFrom }),
    ...(signal && { signal }),
    ...(chunkSize !== undefined && { chunkSize }),
  });
  return { prompt, seconds: clock() };
}

/** The method that needs the activations of the prompt, of the text or of its guesses. */
function calibrated({ sparsity, speculation }: GenerateOptions): SparsityMethod | undefined {
  const guesses = speculation?.kind === "draft" ? speculation.sparsity : undefined;
  return [sparsity, guesses].find(calibrates);
}

/** What follows a prompt. */
export function* writeOn(
  fn: string,
  model: LanguageModel,
  { prompt, seconds: promptSeconds }: ReadPrompt,
  options: GenerateOptions,
): Generator<GeneratedToken, GenerateResult, "stop" | undefined> {
  const {
    maxLength = Infinity,
    sampling,
    key,
    sparsity,
    refreshEvery,
    stopTokens = model.config.eosTokens,
    bannedTokens = [],
    processors = [],
    alternatives = 0,
    speculation,
    signal,
  } = options;
  const room = Math.max(0, maxLength - prompt.ids.length);
  const maxNewTokens = Math.min(options.maxNewTokens ?? (maxLength < Infinity ? room : 128), room);
  if (speculation) checkSpeculation(fn, model, speculation, prompt.ids.length + maxNewTokens);
  const clock = stopwatch();
  let sparse: SparseFeedForward | undefined = sparsity && sparseBlocks(fn, model, prompt, sparsity);
  const selectionSeconds = clock();

  let { logits, cache, statistics } = prompt;
  const tokens: number[] = [];
  const context = [...prompt.ids];
  let finishReason: GenerateResult["finishReason"] = "length";
  let steps = 0;
  let stepSeconds = 0;
  const pick = (z: Float32Array, before: readonly number[]): number =>
    choose(
      fn,
      processed(fn, ban(z, bannedTokens), processors, before, prompt.ids.length),
      before,
      sampling,
      key,
      before.length - prompt.ids.length,
    );
  const blocks = (): FeedForward | undefined => sparse?.feedForward;
  const stepper = speculation
    ? speculativeStepper(fn, model, speculation, prompt, pick, blocks)
    : plainStepper(model, blocks);
  try {
    while (tokens.length < maxNewTokens) {
      const token = pick(logits, context);
      tokens.push(token);
      context.push(token);
      const wish = yield scored(logits, token, alternatives);
      if (wish === "stop" || stopTokens.includes(token)) {
        finishReason = "stop";
        break;
      }
      if (tokens.length === maxNewTokens) break;
      if (cache.length >= contextLimit(model.config)) {
        finishReason = "context";
        break;
      }
      signal?.throwIfAborted();
      clock();
      const inFull = refreshEvery !== undefined && tokens.length % refreshEvery === 0;
      const step: ForwardResult & { readonly statistics?: FeedForwardStatistics } = inFull
        ? observedStep(model, cache, token, statistics, options.decay)
        : stepper.step(cache, context, maxNewTokens - tokens.length);
      ({ logits, cache } = step);
      if (step.statistics && sparsity) {
        statistics = step.statistics;
        sparse?.free();
        sparse = sparseBlocks(fn, model, { ...prompt, statistics }, sparsity);
      }
      steps++;
      stepSeconds += clock();
    }
  } finally {
    sparse?.free();
    stepper.free();
  }
  return {
    tokens,
    ...(speculation && { speculation: stepper.counts }),
    finishReason,
    conversation: { ids: context.slice(0, cache.length), logits, cache, statistics },
    ...(sparse?.experts && { experts: sparse.experts }),
    seconds: { prompt: promptSeconds, selection: selectionSeconds, steps: stepSeconds },
    tokensPerSecond: steps / stepSeconds,
  };
}

const tokenList = listOf(wholeNumber(0));

/** What every option of {@link GenerateOptions} must be. */
export const GENERATE = {
  maxNewTokens: wholeNumber(0),
  maxLength: wholeNumber(),
  sampling: samplingGuard,
  key: anything,
  sparsity: sparsityGuard,
  refreshEvery: wholeNumber(),
  decay: numberIn(0, 1),
  stopTokens: tokenList,
  bannedTokens: tokenList,
  processors: listOf<LogitProcessor>(anyFunction),
  alternatives: wholeNumber(0),
  continueFrom: anyRecord,
  prefixes: listOf<Prompt>(anyRecord),
  speculation: speculationGuard,
  chunkSize: wholeNumber(),
  signal: abortSignal,
};

/** Options that need each other, and the model. */
export function checkGenerate(
  fn: string,
  model: LanguageModel,
  options: GenerateOptions,
): GenerateOptions {
  const { vocabSize } = checkModel(fn, model).config;
  const { sampling, key, refreshEvery, decay, sparsity, stopTokens, bannedTokens } = options;
  const { speculation, prefixes } = options;
  const fail = (what: string): never => {
    throw new DomainError(`${fn}: ${what}`);
  };
  if (refreshEvery !== undefined && sparsity?.kind !== "griffin")
    fail("refreshEvery needs sparsity of kind griffin");
  if (decay !== undefined && refreshEvery === undefined) fail("decay needs refreshEvery");
  if (speculation !== undefined && refreshEvery !== undefined)
    fail("refreshEvery reads single tokens in full, and goes with no speculation");
  if (prefixes !== undefined && options.continueFrom !== undefined)
    fail("give prefixes or continueFrom, not both");
  const method = calibrated(options);
  if (prefixes !== undefined && method)
    fail(
      `sparsity of kind ${method.kind} calibrates on all tokens of the prompt, and prefixes would leave some out`,
    );
  if (sampling === undefined && key !== undefined)
    fail("a key needs sampling, without which the most likely token is taken; pass sampling: {}");
  if (sampling !== undefined && sampling.temperature !== 0 && key === undefined)
    fail("tokens are drawn at random and need a key; pass key, or temperature 0");
  for (const [name, list] of Object.entries({ stopTokens, bannedTokens }))
    for (const id of list ?? [])
      if (id >= vocabSize) fail(`${name} must hold tokens 0 … ${vocabSize - 1}, got ${id}`);
  return options;
}

/** A step with all neurons, whose activations join the statistics. */
function observedStep(
  model: LanguageModel,
  cache: KvCache,
  token: number,
  before: FeedForwardStatistics,
  decay = 1,
) {
  const collector = statisticsCollector(model.config);
  const step = decodeStep(model, cache, token, {
    onFeedForward(event) {
      collector.add(event);
    },
  });
  collector.passed(1);
  return { ...step, statistics: mergeStatistics(before, collector.finish(), { decay }) };
}

/** Seconds since the last call, or since the beginning. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - last) / 1000;
    last = now;
    return seconds;
  };
}
