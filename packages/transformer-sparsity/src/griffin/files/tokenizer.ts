/** Text to tokens and back, by the `tokenizer.json` of a model. */
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
}

type EncodeOptions = NonNullable<Parameters<Tokenizer["encode"]>[1]>;
type DecodeOptions = NonNullable<Parameters<Tokenizer["decode"]>[1]>;
const ENCODE = { addSpecialTokens: trueOrFalse };
const DECODE = { skipSpecialTokens: trueOrFalse };

/** Largest tokenizer file that is read. */
const MAX_FILE = 200_000_000;

/**
 * The tokenizer of a model, from `tokenizer.json` and, where there is one, `tokenizer_config.json`.
 *
 * @param source - a folder (in Node), a URL beginning with `http`, or {@link ModelFiles}
 * @returns see {@link Tokenizer}
 * @throws `FormatError` when the file is missing or broken
 * @example
 * ```ts
 * import { loadTokenizer } from "@provably/transformer-sparsity/griffin";
 *
 * const tokenizer = await loadTokenizer("examples/models/tiny-llama-text");
 * tokenizer.encode("In the beginning"); // => [0, 1070, 260, 1897, 1079]
 * tokenizer.decode([1070, 260, 1897, 1079]); // => "In the beginning"
 * ```
 * @see the npm package `@huggingface/tokenizers`
 * @category Files
 */
export async function loadTokenizer(source: string | URL | ModelFiles): Promise<Tokenizer> {
  const { files, place } = openFiles("loadTokenizer", source);
  const json = await readWhole(files, "tokenizer.json", MAX_FILE);
  if (!json) throw new FormatError(`loadTokenizer: there is no tokenizer.json in ${place}`);
  const config = await readWhole(files, "tokenizer_config.json", MAX_FILE);
  const tokenizer = typed("tokenizer.json cannot be used", () => {
    const parsed = parseJson("loadTokenizer: tokenizer.json", json);
    const settings = config ? parseJson("loadTokenizer: tokenizer_config.json", config) : {};
    return new HuggingFaceTokenizer(parsed as object, settings as object);
  });
  return {
    encode(text, options = {}) {
      const { addSpecialTokens = true } = checkOptions<EncodeOptions>("encode", options, ENCODE);
      check("encode", "text", text, anyString);
      return typed("the text cannot be encoded", () =>
        checkIds(tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids),
      );
    },
    decode(ids, options = {}) {
      const { skipSpecialTokens = true } = checkOptions<DecodeOptions>("decode", options, DECODE);
      // the library refuses an empty list
      if (check("decode", "ids", ids, tokens).length === 0) return "";
      return typed("the tokens cannot be decoded", () =>
        tokenizer.decode([...ids], { skip_special_tokens: skipSpecialTokens }),
      );
    },
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
