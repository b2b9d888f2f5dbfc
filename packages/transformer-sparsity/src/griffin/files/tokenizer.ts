/** Text to tokens and back, by the `tokenizer.json` of a model or the vocabulary in its GGUF file. */
import { FormatError } from "@provably/core-tensor";
import {
  anyString,
  check,
  checkOptions,
  listOf,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { parseJson } from "../model/json.js";
import { chatSettings } from "./chat-settings.js";
import { type PlainTokenizer, openGgufTokenizer } from "./gguf-tokenizer.js";
import { openFiles } from "./load.js";
import { type ModelFiles, readWhole } from "./source.js";

/**
 * Text to tokens and back.
 * @category Files
 */
export interface Tokenizer {
  /** Token numbers; with the start token and its like unless `addSpecialTokens` is false. */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): number[];
  /** Text; without start and end tokens unless `skipSpecialTokens` is false. */
  decode(ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): string;
  /** Templates that turn a chat into a prompt, by name; the usual one is `default`. See {@link applyChatTemplate}. */
  readonly chatTemplates?: Readonly<Record<string, string>>;
  /** Texts of start and end tokens and their like, by the names that templates give them (`bos_token`, …). */
  readonly specialTokens?: Readonly<Record<string, string>>;
}

type EncodeOptions = NonNullable<Parameters<Tokenizer["encode"]>[1]>;
type DecodeOptions = NonNullable<Parameters<Tokenizer["decode"]>[1]>;
const ENCODE = { addSpecialTokens: trueOrFalse };
const OPTIONS = { gguf: anyString };
const DECODE = { skipSpecialTokens: trueOrFalse };

/** Largest tokenizer file that is read. */
const MAX_FILE = 200_000_000;

/**
 * Options of {@link loadTokenizer}.
 * @category Files
 */
export interface TokenizerOptions {
  /** Name of a GGUF file to read instead of `tokenizer.json`. Default: none. */
  readonly gguf?: string;
}

/**
 * The tokenizer of a model, from `tokenizer.json` (with `tokenizer_config.json` and `chat_template.jinja` where there are such files), or from a GGUF file.
 *
 * Of GGUF, the kinds `gpt2` (byte-level merges) and `llama` (pieces with scores) are read; another kind, or a way of cutting texts (`tokenizer.ggml.pre`) that
 * is not known, is refused by name. Tokens are those that llama.cpp gives, and decoding loses nothing: with `add_space_prefix` one blank stands before every
 * stretch of text between special tokens, and goes again on decoding.
 *
 * @param source - a folder (in Node), a URL beginning with `http`, {@link ModelFiles}, or a GGUF file as browsers give it. A path or URL that ends in `.gguf` names one file
 * @param options - see {@link TokenizerOptions}
 * @returns see {@link Tokenizer}
 * @throws `FormatError` when the file is missing, broken or not understood
 * @example
 * ```ts
 * import { loadTokenizer } from "@provably/transformer-sparsity/griffin";
 *
 * const tokenizer = await loadTokenizer("examples/models/tiny-llama-text");
 * tokenizer.encode("In the beginning"); // => [0, 1070, 260, 1897, 1079]
 * tokenizer.decode([1070, 260, 1897, 1079]); // => "In the beginning"
 * ```
 * @see the npm package `@huggingface/tokenizers`; for pieces with scores, the BPE model of SentencePiece
 * @category Files
 */
export async function loadTokenizer(
  source: string | URL | ModelFiles | File,
  options: TokenizerOptions = {},
): Promise<Tokenizer> {
  const given = checkOptions<TokenizerOptions>("loadTokenizer", options, OPTIONS);
  const { files, place, gguf } = openFiles("loadTokenizer", source, given);
  const plain = await (gguf === undefined
    ? openTokenizerJson(files, place)
    : openGgufTokenizer("loadTokenizer", files, gguf));
  return {
    chatTemplates: plain.chatTemplates,
    specialTokens: plain.specialTokens,
    encode(text, options = {}) {
      const { addSpecialTokens = true } = checkOptions<EncodeOptions>("encode", options, ENCODE);
      check("encode", "text", text, anyString);
      return plain.encode(text, addSpecialTokens);
    },
    decode(ids, options = {}) {
      const { skipSpecialTokens = true } = checkOptions<DecodeOptions>("decode", options, DECODE);
      return plain.decode(check("decode", "ids", ids, tokens), skipSpecialTokens);
    },
  };
}

/** The tokenizer of a folder. */
async function openTokenizerJson(files: ModelFiles, place: string): Promise<PlainTokenizer> {
  const json = await readWhole(files, "tokenizer.json", MAX_FILE);
  if (!json) throw new FormatError(`loadTokenizer: there is no tokenizer.json in ${place}`);
  const config = await readWhole(files, "tokenizer_config.json", MAX_FILE);
  const template = await readWhole(files, "chat_template.jinja", MAX_FILE);
  const settings = config ? parseJson("loadTokenizer: tokenizer_config.json", config) : {};
  const tokenizer = typed("tokenizer.json cannot be used", () => {
    const parsed = parseJson("loadTokenizer: tokenizer.json", json);
    return new HuggingFaceTokenizer(parsed as object, settings as object);
  });
  return {
    encode: (text, addSpecialTokens) =>
      typed("the text cannot be encoded", () =>
        checkIds(tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids),
      ),
    // the library refuses an empty list
    decode: (ids, skipSpecialTokens) =>
      ids.length === 0
        ? ""
        : typed("the tokens cannot be decoded", () =>
            tokenizer.decode([...ids], { skip_special_tokens: skipSpecialTokens }),
          ),
    ...chatSettings(settings, template && new TextDecoder().decode(template)),
  };
}

const tokens = listOf(wholeNumber(0));

function checkIds(ids: unknown): number[] {
  if (!Array.isArray(ids) || !ids.every((id) => Number.isInteger(id)))
    throw new FormatError("loadTokenizer: the tokenizer gives something else than tokens");
  return ids as number[];
}

/** Runs code of the library, whose errors have no type. */
function typed<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(
      `loadTokenizer: ${what} (${error instanceof Error ? error.message.slice(0, 200) : "unknown error"})`,
    );
  }
}
