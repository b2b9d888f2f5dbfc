/** What a `generation_config.json` asks for: tokens that end a text, and how the next one is chosen. */
import { FormatError } from "@provably/core-tensor";
import { anyFunction, check, recordWith, show } from "@provably/core-tensor/internal";
import { type ModelFiles, filesFromFolder, filesFromUrl, readWhole } from "../files/source.js";
import { type JsonObject, jsonReader, parseJson } from "../model/json.js";
import { keepMinP, keepTopK, keepTopP, keepTypical, scaleTemperature } from "./filters.js";
import {
  type LogitProcessor,
  forbidSequences,
  leastLength,
  noRepeatNgrams,
  repetitionPenalty,
  sequenceBias,
  suppressTokens,
} from "./processors.js";
import type { TextOptions } from "./text.js";

/**
 * Options of {@link generate} and {@link generateTokens} that a file asks for: spread them, and what you add after them comes first.
 * @category Text
 */
export type GenerationDefaults = Pick<
  TextOptions,
  "stopTokens" | "maxNewTokens" | "maxLength" | "processors" | "sampling" | "stopStrings"
>;

/** Fields that change nothing here: bookkeeping, storage, and the parts of searches that are refused when they are asked for. */
const HARMLESS = [
  ...["bos_token_id", "pad_token_id", "decoder_start_token_id", "transformers_version"],
  ...["_from_model_config", "use_cache", "cache_implementation", "cache_config", "length_penalty"],
  ...["return_dict_in_generate", "return_legacy_cache", "disable_compile", "compile_config"],
  ...["prefill_chunk_size", "low_memory", "_commit_hash", "trust_remote_code", "chat_format"],
];

/** Fields with the values that stand for nothing. */
const OFF: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [1],
  num_beam_groups: [1],
  num_return_sequences: [1],
  early_stopping: [false],
  diversity_penalty: [0],
  encoder_repetition_penalty: [1],
  encoder_no_repeat_ngram_size: [0],
  guidance_scale: [1],
  penalty_alpha: [0],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  renormalize_logits: [false],
  remove_invalid_values: [false],
  token_healing: [false],
  output_attentions: [false],
  output_hidden_states: [false],
  output_scores: [false],
  output_logits: [false],
  is_assistant: [false],
};

/** How many tokens a draw considers when the file does not say, as the library that the files are written for does. */
const DEFAULT_TOP_K = 50;

/**
 * The options that a `generation_config.json` asks for.
 *
 * Processors act in this order: biases of sequences, repetition, runs of tokens, forbidden sequences, least lengths, suppressed tokens; and when tokens are drawn
 * (`do_sample`) temperature, top-k (50 unless the file says otherwise, 0 for none), top-p, min-p, typical. Drawing needs a `key` beside these options.
 *
 * @param json - the parsed file
 * @returns see {@link GenerationDefaults}
 * @throws `FormatError` for a field of the wrong kind, one that is not understood, or a search that is not there, such as beams
 * @example
 * ```ts
 * import { generationConfig } from "@provably/transformer-sparsity/griffin";
 *
 * generationConfig({ eos_token_id: [2, 7], max_new_tokens: 64 }).stopTokens; // => [2, 7]
 * ```
 * @category Text
 */
export function generationConfig(json: unknown): GenerationDefaults {
  const c = jsonReader("generationConfig", json);
  const stopTokens = c.has("eos_token_id") ? tokenList(c, "eos_token_id") : undefined;
  const draws = c.flag("do_sample", false);
  const processors = [...restraints(c, stopTokens), ...filters(c, draws)];
  const stopStrings = c.has("stop_strings") ? texts(c, "stop_strings") : undefined;
  const limits = {
    maxNewTokens: optionalCount(c, "max_new_tokens"),
    maxLength: optionalCount(c, "max_length"),
  };
  for (const name of HARMLESS) c.value(name);
  for (const [name, allowed] of Object.entries(OFF))
    if (c.has(name) && !allowed.includes(c.value(name)))
      throw new FormatError(`generationConfig: ${name} ${show(c.value(name))} is not supported`);
  const [unknown] = c.unread();
  if (unknown !== undefined)
    throw new FormatError(
      `generationConfig: field "${unknown}" (${show(c.value(unknown))}) is not understood`,
    );
  return {
    ...(stopTokens && { stopTokens }),
    ...(stopStrings && { stopStrings }),
    ...(limits.maxNewTokens !== undefined && { maxNewTokens: limits.maxNewTokens }),
    // of the two the number of new tokens acts
    ...(limits.maxNewTokens === undefined &&
      limits.maxLength !== undefined && { maxLength: limits.maxLength }),
    ...(processors.length > 0 && { processors }),
    ...(draws && { sampling: {} }),
  };
}

/**
 * The options that the `generation_config.json` of a model asks for; none when there is no such file.
 *
 * @param source - a folder (in Node), a URL beginning with `http`, or {@link ModelFiles}
 * @returns see {@link GenerationDefaults}
 * @throws as {@link generationConfig}; `FormatError` when the file is not JSON
 * @example
 * ```ts
 * import { loadGenerationConfig } from "@provably/transformer-sparsity/griffin";
 *
 * await loadGenerationConfig("examples/models/tiny-llama-text"); // => { stopTokens: [0] }
 * ```
 * @category Text
 */
export async function loadGenerationConfig(
  source: string | URL | ModelFiles,
): Promise<GenerationDefaults> {
  const files = beside(source);
  const bytes = await readWhole(files, "generation_config.json", 10_000_000);
  return bytes
    ? generationConfig(parseJson("loadGenerationConfig: generation_config.json", bytes))
    : {};
}

/** The files of a source; of a path to one file, those beside it. */
function beside(source: string | URL | ModelFiles): ModelFiles {
  if (typeof source !== "string" && !(source instanceof URL))
    return check(
      "loadGenerationConfig",
      "source",
      source,
      recordWith({ size: anyFunction, read: anyFunction }),
    );
  const folder = String(source).replace(/[^/\\]+\.gguf$/, "");
  if (/^https?:/.test(folder)) return filesFromUrl(folder);
  return filesFromFolder(folder === "" ? "." : folder);
}

/** What acts whether tokens are drawn or not. */
function restraints(c: JsonObject, endTokens?: readonly number[]): LogitProcessor[] {
  const all: LogitProcessor[] = [];
  if (c.has("sequence_bias")) all.push(sequenceBias(biases(c)));
  const penalty = c.number("repetition_penalty", 1);
  if (penalty !== 1) all.push(named("repetition_penalty", () => repetitionPenalty(penalty)));
  const run = c.count("no_repeat_ngram_size", { fallback: 0, min: 0 });
  if (run > 0) all.push(noRepeatNgrams(run));
  if (c.has("bad_words_ids")) {
    const words = sequences(c, "bad_words_ids");
    // an end token stays allowed
    const kept = words.filter((ids) => ids.length > 1 || !endTokens?.includes(ids[0]!));
    all.push(forbidSequences(kept));
  }
  const least = {
    length: c.count("min_length", { fallback: 0, min: 0 }),
    newTokens: c.count("min_new_tokens", { fallback: 0, min: 0 }),
  };
  if (least.length > 0 || least.newTokens > 0) {
    if (endTokens === undefined)
      throw new FormatError(
        "generationConfig: min_length and min_new_tokens need eos_token_id, the tokens that they hold back",
      );
    all.push(leastLength(endTokens, least));
  }
  if (c.has("suppress_tokens")) all.push(suppressTokens(tokenList(c, "suppress_tokens")));
  if (c.has("begin_suppress_tokens"))
    all.push(suppressTokens(tokenList(c, "begin_suppress_tokens"), true));
  return all;
}

/** What acts when tokens are drawn; read in any case, so that a wrong field shows. */
function filters(c: JsonObject, draws: boolean): LogitProcessor[] {
  const temperature = c.number("temperature", 1);
  const topK = c.count("top_k", { fallback: DEFAULT_TOP_K, min: 0 });
  const [topP, minP, typical] = [
    c.number("top_p", 1),
    c.number("min_p", 0),
    c.number("typical_p", 1),
  ];
  if (!draws) return [];
  return [
    ...(temperature === 1 ? [] : [named("temperature", () => scaleTemperature(temperature))]),
    ...(topK === 0 ? [] : [keepTopK(topK)]),
    ...(topP === 1 ? [] : [named("top_p", () => keepTopP(topP))]),
    ...(minP === 0 ? [] : [named("min_p", () => keepMinP(minP))]),
    ...(typical === 1 ? [] : [named("typical_p", () => keepTypical(typical))]),
  ];
}

/** A processor whose argument comes from a field, which errors name. */
function named(field: string, make: () => LogitProcessor): LogitProcessor {
  try {
    return make();
  } catch (error) {
    throw new FormatError(`generationConfig: ${field}: ${(error as Error).message}`);
  }
}

function optionalCount(c: JsonObject, name: string): number | undefined {
  return c.has(name) ? c.count(name) : undefined;
}

/** A token, or a list of them. */
function tokenList(c: JsonObject, name: string): number[] {
  const value = c.value(name);
  return listed(name, Array.isArray(value) ? value : [value]);
}

function listed(name: string, value: unknown): number[] {
  if (
    !Array.isArray(value) ||
    !value.every((id) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 31)
  )
    throw new FormatError(`generationConfig: ${name} must hold tokens, integers ≥ 0`);
  return value as number[];
}

function sequences(c: JsonObject, name: string): number[][] {
  const value = c.value(name);
  if (!Array.isArray(value) || !value.every((words) => Array.isArray(words) && words.length > 0))
    throw new FormatError(`generationConfig: ${name} must hold lists of at least one token`);
  return value.map((words) => listed(name, words));
}

function biases(c: JsonObject): (readonly [number[], number])[] {
  const value = c.value("sequence_bias");
  const pair = (x: unknown): x is [unknown[], number] =>
    Array.isArray(x) &&
    x.length === 2 &&
    Array.isArray(x[0]) &&
    x[0].length > 0 &&
    Number.isFinite(x[1]);
  if (!Array.isArray(value) || !value.every(pair))
    throw new FormatError(
      "generationConfig: sequence_bias must hold pairs of a list of tokens and a number",
    );
  return value.map(([words, bias]) => [listed("sequence_bias", words), bias] as const);
}

function texts(c: JsonObject, name: string): string[] {
  const value = c.value(name);
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (!list.every((text) => typeof text === "string" && text !== ""))
    throw new FormatError(`generationConfig: ${name} must hold texts`);
  return list as string[];
}
