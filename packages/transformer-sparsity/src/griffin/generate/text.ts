/** Writing text as it comes: whole characters, stop strings held back, other work of the page or the process in between. */
import type { Tokenizer } from "../files/tokenizer.js";
import { DomainError } from "@provably/core-tensor";
import {
  anyFunction,
  anyRecord,
  anyString,
  check,
  checkOptions,
  either,
  listOf,
  recordWith,
  satisfying,
} from "@provably/core-tensor/internal";
import { type ChatMessage, type ChatOptions, applyChatTemplate } from "../chat/apply.js";
import type { LanguageModel } from "../runtime/model.js";
import { othersWork } from "../runtime/pause.js";
import {
  type GenerateOptions,
  type GenerateResult,
  GENERATE,
  checkGenerate,
  readForWriting,
  writeOn,
} from "./tokens.js";

/**
 * Options of {@link generate}.
 * @category Text
 */
export interface TextOptions extends GenerateOptions {
  /** With a chat: what its template is given besides the messages. */
  readonly chat?: ChatOptions;
  /** Texts that end the answer; they are not part of it. Default none. */
  readonly stopStrings?: readonly string[];
}

/**
 * What is left when a text ends.
 * @category Text
 */
export interface TextResult extends GenerateResult {
  readonly text: string;
}

const TEXT = {
  ...GENERATE,
  chat: anyRecord,
  stopStrings: listOf(satisfying<string>("text", (x) => typeof x === "string" && x !== "")),
};

/** Character that decoders put for bytes that do not make one yet. */
const UNFINISHED = "\ufffd";

/**
 * The text that follows a prompt, or the answer in a chat, piece by piece.
 *
 * A chat becomes a prompt by the tokenizer's own template, see {@link applyChatTemplate}; the template writes the special tokens.
 *
 * Never yields half a character, nor text that may turn out to begin a stop string. Between tokens, and between chunks of the prompt, it lets other work run, so that a signal is seen.
 *
 * @param model - see {@link LanguageModel}
 * @param tokenizer - see {@link loadTokenizer}
 * @param prompt - text, or the messages of a chat
 * @param options - see {@link TextOptions}
 * @returns async generator of text that returns a summary, see {@link TextResult}
 * @throws as {@link generateTokens}
 * @example
 * ```ts
 * import { generate, loadModel, loadTokenizer } from "@provably/transformer-sparsity/griffin";
 *
 * const folder = "examples/models/tiny-llama-text";
 * const prompt = "In the beginning God created the heaven and the";
 * let text = "";
 * const options = { maxNewTokens: 40, stopStrings: ["\n"], sparsity: { kind: "griffin", density: 0.75 } } as const;
 * for await (const piece of generate(await loadModel(folder), await loadTokenizer(folder), prompt, options)) text += piece;
 * text; // => " earth."
 * ```
 * @category Text
 */
export async function* generate(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompt: string | readonly ChatMessage[],
  options: TextOptions = {},
): AsyncGenerator<string, TextResult, void> {
  check(
    "generate",
    "tokenizer",
    tokenizer,
    recordWith({ encode: anyFunction, decode: anyFunction }),
  );
  check("generate", "prompt", prompt, either(anyString, listOf(anyRecord)));
  const { stopStrings = [], chat, ...given } = checkOptions<TextOptions>("generate", options, TEXT);
  const rest = checkGenerate("generate", model, given);
  const ids = tokensOf(tokenizer, prompt, chat, rest.continueFrom === undefined);
  const reading = readForWriting("generate", model, ids, rest);
  let read = reading.next();
  for (; !read.done; read = reading.next()) await othersWork();
  const steps = writeOn("generate", model, read.value, rest);
  const tokens: number[] = [];
  const decoded = (): string =>
    check("generate", "tokenizer.decode()", tokenizer.decode(tokens), anyString);
  let shown = "";
  for (;;) {
    options.signal?.throwIfAborted();
    const step = steps.next();
    if (step.done) {
      const text = decoded();
      if (text.length > shown.length) yield text.slice(shown.length);
      return { ...step.value, text };
    }
    tokens.push(step.value.token);
    const text = decoded();
    const stop = firstStop(text, stopStrings);
    if (stop !== undefined) {
      if (stop > shown.length) yield text.slice(shown.length, stop);
      const end = steps.next("stop");
      if (end.done) return { ...end.value, text: text.slice(0, stop) };
    }
    const ready = text.endsWith(UNFINISHED)
      ? shown.length
      : text.length - heldBack(text, stopStrings);
    if (ready > shown.length) {
      yield text.slice(shown.length, ready);
      shown = text.slice(0, ready);
    }
    await othersWork();
  }
}

function tokensOf(
  tokenizer: Tokenizer,
  prompt: string | readonly ChatMessage[],
  chat: ChatOptions | undefined,
  atStart: boolean,
): number[] {
  if (typeof prompt !== "string")
    return tokenizer.encode(applyChatTemplate(tokenizer, prompt, chat), {
      addSpecialTokens: false,
    });
  if (chat !== undefined)
    throw new DomainError("generate: chat is for a list of messages, and the prompt is text");
  return tokenizer.encode(prompt, { addSpecialTokens: atStart });
}

/** Where the first stop string begins. */
function firstStop(text: string, stops: readonly string[]): number | undefined {
  const places = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return places.length === 0 ? undefined : Math.min(...places);
}

/** Length of the longest end of the text that begins a stop string. */
function heldBack(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops)
    for (let n = Math.min(stop.length - 1, text.length); n > longest; n--)
      if (stop.startsWith(text.slice(-n))) longest = n;
  return longest;
}
