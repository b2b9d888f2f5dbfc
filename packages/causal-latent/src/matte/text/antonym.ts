/** The simple rival: knows which words are praise and which are blame, and swaps them. */
import { ShapeError, toTypedArray } from "@provably/core-tensor";
import {
  anyString,
  anything,
  check,
  checkOptions,
  finiteNumber,
  listOf,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { polarityWords } from "../evaluate/style.js";
import { type Lexicon, checkLexicon, reviewLexicon } from "./lexicon.js";

/**
 * Every word of praise or blame replaced by a random word of the other list of the same domain, the opening word by its opposite.
 *
 * It is told the lexicon, so on sentences made of that lexicon its style is always right and all else stays. Words that `lexicon` does not hold, such as
 * adjectives held out from it, stay as they are: compare on those.
 *
 * @param sentences - words separated by blanks
 * @param domains - index of the domain of each
 * @param key - random key
 * @param options - `lexicon`: what it knows; default {@link reviewLexicon}
 * @returns as many sentences
 * @throws `ShapeError` when there is not one domain a sentence
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { antonymBaseline, lexiconPolarity } from "@provably/causal-latent/matte";
 *
 * lexiconPolarity(antonymBaseline(["sadly the plot is so dull overall"], [1], key(0))); // => [1]
 * ```
 * @category Text
 */
export function antonymBaseline(
  sentences: readonly string[],
  domains: readonly number[],
  key: RngKey,
  options: { readonly lexicon?: Lexicon } = {},
): string[] {
  const { lexicon = reviewLexicon } = checkOptions("antonymBaseline", options, {
    lexicon: anything,
  });
  checkLexicon("antonymBaseline", lexicon);
  check("antonymBaseline", "sentences", sentences, listOf(anyString));
  if (
    check("antonymBaseline", "domains", domains, listOf(finiteNumber)).length !== sentences.length
  )
    throw new ShapeError(
      `antonymBaseline: domains must name one domain a sentence, got ${domains.length} for ${sentences.length}`,
    );
  const polarity = polarityWords(lexicon);
  const lists = Object.values(lexicon.domains);
  const { shared } = lexicon;
  return sentences.map((sentence, i) => {
    const list = sentence.split(/\s+/);
    const draws = toTypedArray(uniform(foldIn(key, i), [list.length], { dtype: "float64" }));
    return list
      .map((word, t) => {
        const sign = polarity.get(word);
        if (sign === undefined) return word;
        const other = sign === 1 ? "neg" : "pos";
        if (word === shared.lead.pos || word === shared.lead.neg) return shared.lead[other];
        const choices = [...(lists[domains[i]!]?.[other] ?? []), ...shared[other]];
        return choices[Math.floor(draws[t]! * choices.length)] ?? word;
      })
      .join(" ");
  });
}
