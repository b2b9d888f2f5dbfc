/** Reading a prompt with the full model, and noting what its feed-forward blocks do meanwhile. */
import { DomainError } from "@provably/core-tensor";
import {
  anyRecord,
  check,
  checkOptions,
  listOf,
  longWork,
  numberList,
  optional,
  recordWith,
  show,
  trueOrFalse,
  typedArray,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { type KvCache, checkCache } from "../runtime/cache.js";
import { type PrefillOptions, finish, prefillChunks } from "../runtime/forward.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";
import {
  type FeedForwardStatistics,
  checkModelStatistics,
  mergeStatistics,
  statisticsCollector,
} from "./statistic.js";

/**
 * Options of {@link readPrompt}.
 * @category Sparsity
 */
export interface PromptOptions extends Pick<PrefillOptions, "chunkSize" | "signal" | "onProgress"> {
  /** An earlier prompt of the same conversation, to go on from; its statistics are added. Default none. */
  readonly continueFrom?: Prompt;
  /** Keep the inputs and activations of this call's tokens too, which Wanda, CATS and TEAL calibrate on: S (d + D) numbers a layer. Default false. */
  readonly keepActivations?: boolean;
}

/**
 * Inputs and activations of a layer's feed-forward block, token by token.
 * @category Sparsity
 */
export interface LayerActivations {
  /** $x$, `[tokens, d]` */
  readonly inputs: Float32Array;
  /** $z$, `[tokens, D]` */
  readonly activations: Float32Array;
}

/**
 * A prompt that the full model has read.
 * @category Sparsity
 */
export interface Prompt {
  /** All its tokens, those of earlier turns included. */
  readonly ids: readonly number[];
  /** After the last token, from the full model. */
  readonly logits: Float32Array;
  readonly cache: KvCache;
  readonly statistics: FeedForwardStatistics;
  /** Only with `keepActivations`. */
  readonly activations?: readonly LayerActivations[];
}

/**
 * Reads a prompt with the full model and collects GRIFFIN's statistic on the way.
 *
 * The statistic adds about 2/(3d) to the work of the feed-forward blocks. Chunks and turns give the same statistic as the whole text at once.
 *
 * @param model - see {@link LanguageModel}
 * @param ids - token numbers, at least one
 * @param options - see {@link PromptOptions}
 * @returns see {@link Prompt}
 * @throws `DomainError` for no tokens, or activations that are not finite; `IndexError` for tokens outside the vocabulary
 * @example
 * ```ts
 * import { loadModel, loadTokenizer, readPrompt } from "@provably/transformer-sparsity/griffin";
 *
 * const folder = "examples/models/tiny-llama-text";
 * const prompt = readPrompt(await loadModel(folder), (await loadTokenizer(folder)).encode("In the beginning"));
 * prompt.statistics.layers[0]!.sumSquares.reduce((a, b) => a + b, 0).toFixed(9); // => "5.000000000"
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 4.2
 * @category Sparsity
 */
export function readPrompt(
  model: LanguageModel,
  ids: readonly number[],
  options: PromptOptions = {},
): Prompt {
  checkModel("readPrompt", model);
  return finish(
    readChunks(
      "readPrompt",
      model,
      ids,
      checkOptions<PromptOptions>("readPrompt", options, PROMPT),
    ),
  );
}

const PROMPT = {
  ...longWork,
  chunkSize: wholeNumber(),
  continueFrom: anyRecord,
  keepActivations: trueOrFalse,
};

/** The same with a pause after each chunk, of a model and options that were looked at. */
export function* readChunks(
  fn: string,
  model: LanguageModel,
  ids: readonly number[],
  options: PromptOptions,
): Generator<void, Prompt> {
  check(fn, "ids", ids, numberList);
  const { continueFrom: before, keepActivations = false, ...rest } = options;
  if (before !== undefined) checkPrompt(fn, model, before, "continueFrom");
  const { numLayers, ffSize, hiddenSize, mixture } = model.config;
  if (keepActivations && mixture)
    throw new DomainError(
      `${fn}: keepActivations is not for mixtures of experts, where each token has the activations of a few of them`,
    );
  const collector = statisticsCollector(model.config);
  const start = before?.cache.length ?? 0;
  const kept = Array.from({ length: keepActivations ? numLayers : 0 }, () => ({
    inputs: new Float32Array(ids.length * hiddenSize),
    activations: new Float32Array(ids.length * ffSize),
  }));
  const { logits, cache } = yield* prefillChunks(fn, model, ids, {
    ...rest,
    ...(before && { cache: before.cache }),
    onFeedForward(event) {
      collector.add(event);
      kept[event.layer]?.inputs.set(event.input, (event.position - start) * hiddenSize);
      kept[event.layer]?.activations.set(event.activations, (event.position - start) * ffSize);
    },
  });
  collector.passed(ids.length);
  const statistics = before
    ? mergeStatistics(before.statistics, collector.finish())
    : collector.finish();
  return {
    ids: [...(before?.ids ?? []), ...ids],
    logits,
    cache,
    statistics,
    ...(keepActivations && { activations: kept }),
  };
}

const shape = recordWith({
  ids: numberList,
  activations: optional(
    listOf(
      recordWith({ inputs: typedArray("Float32Array"), activations: typedArray("Float32Array") }),
    ),
  ),
});

/** Whether `prompt` is one that this model has read. */
export function checkPrompt(
  fn: string,
  { config }: LanguageModel,
  prompt: Prompt,
  name = "prompt",
): Prompt {
  check(fn, name, prompt, shape);
  if (prompt.ids.length !== prompt.cache?.length)
    throw new DomainError(
      `${fn}: ${name} must have a cache of its ${prompt.ids.length} tokens, got one of ${show(prompt.cache?.length)}`,
    );
  check(fn, `${name}.logits`, prompt.logits, typedArray("Float32Array", config.vocabSize));
  checkCache(fn, config, prompt.cache);
  checkModelStatistics(fn, prompt.statistics, config);
  for (const { inputs, activations } of prompt.activations ?? []) {
    const tokens = activations.length / config.ffSize;
    check(fn, "prompt.activations", inputs, typedArray("Float32Array", tokens * config.hiddenSize));
  }
  return prompt;
}
