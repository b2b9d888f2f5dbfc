/** Holding a model to a grammar: tokens that lead out of it are forbidden. */
import { DomainError } from "@provably/core-tensor";
import {
  anyFunction,
  anyString,
  anything,
  check,
  checkOptions,
  listOf,
  nullable,
  recordWith,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { Tokenizer } from "../../files/tokenizer.js";
import { type LogitProcessor, processor } from "../processors.js";
import type { TextGrammar } from "./json.js";

/**
 * Options of {@link maskByGrammar}.
 * @category Text
 */
export interface GrammarOptions {
  /** Tokens that end the text, which are allowed where the grammar allows an end; usually those of the model. Default none. */
  readonly endTokens?: readonly number[];
}

const tokenList = listOf(wholeNumber(0));
const grammarGuard = recordWith({ start: anything, step: anyFunction, ended: anyFunction });

/**
 * What each token adds to a text, by its number; null for tokens that add nothing of their own: special ones, and pieces of characters.
 *
 * @param tokenizer - see {@link loadTokenizer}
 * @param vocabSize - how many tokens there are, `model.config.vocabSize`
 * @returns texts for {@link maskByGrammar}
 * @throws `DomainError` when the tokenizer has no token for a plain letter
 * @example
 * ```ts
 * import { loadTokenizer, tokenTexts } from "@provably/transformer-sparsity/griffin";
 *
 * const texts = tokenTexts(await loadTokenizer("examples/models/tiny-llama-text"), 2048);
 * [texts[0], texts[260], texts[1897]]; // => [null, " the", " begin"]
 * ```
 * @category Text
 */
export function tokenTexts(
  tokenizer: Pick<Tokenizer, "encode" | "decode">,
  vocabSize: number,
): (string | null)[] {
  const fn = "tokenTexts";
  check(fn, "tokenizer", tokenizer, recordWith({ encode: anyFunction, decode: anyFunction }));
  check(fn, "vocabSize", vocabSize, wholeNumber());
  // some decoders cut the blank of a first token off; behind a letter it stays
  const anchor = tokenizer.encode("a", { addSpecialTokens: false }).at(-1);
  if (anchor === undefined)
    throw new DomainError(`${fn}: tokenizer must have a token for the letter a`);
  const before = tokenizer.decode([anchor]);
  return Array.from({ length: vocabSize }, (_, id) => {
    let both: string;
    try {
      both = tokenizer.decode([anchor, id]);
    } catch {
      return null; // a number without a token
    }
    const own = both.startsWith(before) ? both.slice(before.length) : "";
    return own === "" || own.includes("\ufffd") ? null : own;
  });
}

/**
 * Forbids tokens after which the text would belong to no text of a grammar. What is written is always the beginning of one, and with an end token one of them.
 *
 * Pieces of characters are forbidden; characters that are no token of the vocabulary are written by the grammar's escapes, where it has them.
 *
 * @param grammar - see {@link jsonGrammar}; or your own
 * @param texts - what each token adds to the text, `[vocab]`, null where it may not be chosen; see {@link tokenTexts}
 * @param options - see {@link GrammarOptions}
 * @returns for `processors` of {@link generateTokens}
 * @throws `DomainError` when what is written already is no beginning of a text of the grammar
 * @example
 * ```ts
 * import { generateTokens, jsonGrammar, loadModel, loadTokenizer, maskByGrammar, tokenTexts } from "@provably/transformer-sparsity/griffin";
 *
 * const folder = "examples/models/tiny-llama-text";
 * const [model, tokenizer] = [await loadModel(folder), await loadTokenizer(folder)];
 * const grammar = jsonGrammar({ enum: ["yes", "no"] });
 * const mask = maskByGrammar(grammar, tokenTexts(tokenizer, model.config.vocabSize), { endTokens: model.config.eosTokens });
 * const tokens = [...generateTokens(model, tokenizer.encode("Is it good?"), { processors: [mask], maxNewTokens: 10 })];
 * ["yes", "no"].includes(JSON.parse(tokenizer.decode(tokens.map(({ token }) => token)))); // => true
 * ```
 * @see Willard, Louf (2023), "Efficient guided generation for large language models", section 3
 * @category Text
 */
export function maskByGrammar<State>(
  grammar: TextGrammar<State>,
  texts: readonly (string | null)[],
  options: GrammarOptions = {},
): LogitProcessor {
  const fn = "maskByGrammar";
  check(fn, "grammar", grammar, grammarGuard);
  check(fn, "texts", texts, listOf(nullable(anyString)));
  const { endTokens = [] } = checkOptions<GrammarOptions>(fn, options, { endTokens: tokenList });
  const ends = new Set(endTokens);
  const read = reader(fn, grammar, texts);
  return processor(fn, (logits, { ids, promptLength }) => {
    if (texts.length < logits.length)
      throw new DomainError(
        `${fn}: texts must hold one entry for each of ${logits.length} tokens, got ${texts.length}`,
      );
    const state = read(ids.slice(promptLength));
    const ended = grammar.ended(state);
    const after = new Map<string, State | undefined>([["", state]]);
    return logits.map((z, id) => {
      if (z === -Infinity) return z;
      if (ends.has(id)) return ended ? z : -Infinity;
      const text = texts[id];
      const fits =
        text !== null && text !== undefined && text !== "" && goesOn(grammar, after, text);
      return fits ? z : -Infinity;
    });
  });
}

/** Whether a text goes on from where `after` begins; states after its beginnings are kept for tokens that begin alike. */
function goesOn<State>(
  grammar: TextGrammar<State>,
  after: Map<string, State | undefined>,
  text: string,
): boolean {
  let at = "";
  let state = after.get("");
  for (const char of text) {
    at += char;
    if (!after.has(at)) after.set(at, grammar.step(state!, char));
    state = after.get(at);
    if (state === undefined) return false;
  }
  return true;
}

/** The state after tokens, which goes on from the last call where the tokens do. */
function reader<State>(
  fn: string,
  grammar: TextGrammar<State>,
  texts: readonly (string | null)[],
): (ids: readonly number[]) => State {
  let last: { readonly ids: readonly number[]; readonly state: State } = {
    ids: [],
    state: grammar.start,
  };
  return (ids) => {
    const goes = last.ids.length <= ids.length && last.ids.every((id, i) => id === ids[i]);
    let { state } = goes ? last : { state: grammar.start };
    for (const id of ids.slice(goes ? last.ids.length : 0))
      for (const char of texts[id] ?? "\ufffd") {
        const next = grammar.step(state, char);
        if (next === undefined)
          throw new DomainError(
            `${fn}: what is written is no beginning of a text of the grammar, at token ${id}`,
          );
        state = next;
      }
    last = { ids: [...ids], state };
    return state;
  };
}
