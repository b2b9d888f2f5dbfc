/** Writing on, token by token: prompt in full, then steps with all neurons or with those that the prompt chose. */
import { DomainError } from "@provably/core-tensor";
import {
  check,
  listOf,
  longWork,
  optional,
  recordWith,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import type { KvCache } from "../runtime/cache.js";
import { type ForwardResult, decodeStep, finish } from "../runtime/forward.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";
import type { ExpertSet } from "../sparsity/experts.js";
import { type Prompt, readChunks } from "../sparsity/prompt.js";
import { calibrates, checkIds } from "./scores.js";
import { type SparseFeedForward, type SparsityMethod, sparsify } from "../sparsity/sparsify.js";
import {
  type FeedForwardStatistics,
  mergeStatistics,
  statisticsCollector,
} from "../sparsity/statistic.js";
import {
  type SamplingOptions,
  checkSampling,
  drawToken,
  greedyToken,
  logProbability,
  nextTokenProbabilities,
} from "./sampling.js";

/**
 * Options of {@link generateTokens}.
 * @category Text
 */
export interface GenerateOptions {
  /** Default 128. */
  readonly maxNewTokens?: number;
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
  /** How many of the most likely tokens to report beside each; default 0. */
  readonly alternatives?: number;
  /** An earlier prompt and what followed, to go on from. */
  readonly after?: Prompt;
  /** Tokens of the prompt taken at a time; default 256. */
  readonly chunkSize?: number;
  /** Stops before the next step, or the next chunk of the prompt, by throwing the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * A token and its probability.
 * @category Text
 */
export interface ScoredToken {
  readonly token: number;
  /** Natural logarithm of the probability that the model gives the token, before sampling options. */
  readonly logProb: number;
}

/**
 * One generated token.
 * @category Text
 */
export interface GeneratedToken extends ScoredToken {
  /** The most likely tokens, if asked for. */
  readonly alternatives: readonly ScoredToken[];
}

/**
 * What is left when a text ends.
 * @category Text
 */
export interface GenerateResult {
  readonly tokens: readonly number[];
  /** `stop`: a stop token, or the reader's wish, sent as `next("stop")`; `length`: as many as asked for; `context`: the model's positions ended. */
  readonly reason: "stop" | "length" | "context";
  /** Prompt and text as the prompt of what comes next. Its logits are those before the last token, which it has not read. */
  readonly conversation: Prompt;
  /** Neurons in use at the end, where the method keeps whole neurons. */
  readonly experts?: ExpertSet;
  /** Wall-clock seconds for the prompt, for choosing and packing neurons, and for all steps after. */
  readonly seconds: { readonly prompt: number; readonly selection: number; readonly steps: number };
  /** Steps after the prompt, a second. */
  readonly tokensPerSecond: number;
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
  return yield* writeOn(model, finish(readForWriting(model, ids, options)), options);
}

/** A prompt, and how long it took to read it. */
interface ReadPrompt {
  readonly prompt: Prompt;
  readonly seconds: number;
}

/** Checks what writing needs and reads the prompt, with a pause after each chunk. */
export function* readForWriting(
  model: LanguageModel,
  ids: readonly number[],
  options: GenerateOptions,
): Generator<void, ReadPrompt> {
  checkIds("generateTokens", checkModel("generateTokens", model), ids);
  checkOptions(options);
  const { after, signal, chunkSize, sparsity } = options;
  const clock = stopwatch();
  const prompt = yield* readChunks(model, ids, {
    keepActivations: calibrates(sparsity),
    ...(after && { after }),
    ...(signal && { signal }),
    ...(chunkSize !== undefined && { chunkSize }),
  });
  return { prompt, seconds: clock() };
}

/** What follows a prompt. */
export function* writeOn(
  model: LanguageModel,
  { prompt, seconds: promptSeconds }: ReadPrompt,
  options: GenerateOptions,
): Generator<GeneratedToken, GenerateResult, "stop" | undefined> {
  const {
    maxNewTokens = 128,
    sampling,
    key,
    sparsity,
    refreshEvery,
    stopTokens = model.config.eosTokens,
    bannedTokens = [],
    alternatives = 0,
    signal,
  } = options;
  const clock = stopwatch();
  let sparse: SparseFeedForward | undefined = sparsity && sparsify(model, prompt, sparsity);
  const selectionSeconds = clock();

  let { logits, cache, statistics } = prompt;
  const tokens: number[] = [];
  const context = [...prompt.ids];
  let reason: GenerateResult["reason"] = "length";
  let steps = 0;
  let stepSeconds = 0;
  try {
    while (tokens.length < maxNewTokens) {
      const token = choose(ban(logits, bannedTokens), context, sampling, key, tokens.length);
      tokens.push(token);
      context.push(token);
      const wish = yield scored(logits, token, alternatives);
      if (wish === "stop" || stopTokens.includes(token)) {
        reason = "stop";
        break;
      }
      if (tokens.length === maxNewTokens) break;
      if (cache.length >= model.config.maxPositions) {
        reason = "context";
        break;
      }
      signal?.throwIfAborted();
      clock();
      const inFull = refreshEvery !== undefined && tokens.length % refreshEvery === 0;
      const step: ForwardResult & { readonly statistics?: FeedForwardStatistics } = inFull
        ? observedStep(model, cache, token, statistics, options.decay)
        : decodeStep(model, cache, token, sparse);
      ({ logits, cache } = step);
      if (step.statistics && sparsity) {
        statistics = step.statistics;
        sparse?.free();
        sparse = sparsify(model, { ...prompt, statistics }, sparsity);
      }
      steps++;
      stepSeconds += clock();
    }
  } finally {
    sparse?.free();
  }
  return {
    tokens,
    reason,
    conversation: { ids: context.slice(0, cache.length), logits, cache, statistics },
    ...(sparse?.experts && { experts: sparse.experts }),
    seconds: { prompt: promptSeconds, selection: selectionSeconds, steps: stepSeconds },
    tokensPerSecond: steps / stepSeconds,
  };
}

const tokenList = optional(listOf(wholeNumber(0)));
const count = optional(wholeNumber(0));
const shape = recordWith({
  ...longWork,
  maxNewTokens: count,
  alternatives: count,
  chunkSize: optional(wholeNumber(1)),
  refreshEvery: optional(wholeNumber(1)),
  stopTokens: tokenList,
  bannedTokens: tokenList,
  sparsity: optional(recordWith()),
});

function checkOptions(options: GenerateOptions): void {
  const { sampling, key, refreshEvery, sparsity } = check(
    "generateTokens",
    "options",
    options,
    shape,
  );
  if (refreshEvery !== undefined && sparsity?.kind !== "griffin")
    throw new DomainError("generateTokens: refreshEvery needs sparsity of kind griffin");
  if (sampling === undefined) return;
  checkSampling("generateTokens", sampling);
  if (sampling.temperature !== 0 && key === undefined)
    throw new DomainError(
      "generateTokens: tokens are drawn at random and need a key; pass key, or temperature 0",
    );
}

function choose(
  logits: ArrayLike<number>,
  context: readonly number[],
  sampling: SamplingOptions | undefined,
  key: RngKey | undefined,
  step: number,
): number {
  if (!sampling) return greedyToken(logits);
  const probabilities = nextTokenProbabilities(logits, context, sampling);
  return drawToken(
    probabilities,
    key === undefined ? 0 : uniform(foldIn(key, step), [], { dtype: "float64" }).get(),
  );
}

function ban(logits: Float32Array, tokens: readonly number[]): Float32Array {
  if (tokens.length === 0) return logits;
  const allowed = logits.slice();
  for (const token of tokens) allowed[token] = -Infinity;
  return allowed;
}

function scored(logits: Float32Array, token: number, alternatives: number): GeneratedToken {
  const logProb = logProbability(logits);
  if (alternatives === 0) return { token, logProb: logProb(token), alternatives: [] };
  const best = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  return {
    token,
    logProb: logProb(token),
    alternatives: best.slice(0, alternatives).map((id) => ({ token: id, logProb: logProb(id) })),
  };
}

/** A step with all neurons, whose activations join the statistics. */
function observedStep(
  model: LanguageModel,
  cache: KvCache,
  token: number,
  before: FeedForwardStatistics,
  decay = 1,
) {
  const collector = statisticsCollector(model.config.numLayers, model.config.ffSize);
  const step = decodeStep(model, cache, token, {
    onFeedForward(event) {
      collector.add(event);
    },
  });
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
