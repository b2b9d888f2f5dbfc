/** What became of the content: which words of the source are still there, and whether the new words suit the domain. */
import { ShapeError } from "@provably/core-tensor";
import {
  anyList,
  anyString,
  anything,
  check,
  checkOptions,
  finiteNumber,
  listOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type Lexicon, checkLexicon, reviewLexicon } from "../text/lexicon.js";
import { ngrams } from "./bleu.js";
import { polarityWords } from "./style.js";

const words = (sentence: string): string[] => sentence.split(/\s+/).filter((word) => word !== "");

function sameLength(fn: string, a: readonly unknown[], b: readonly unknown[]): void {
  for (const list of [a, b]) check(fn, "both arguments", list, anyList);
  if (a.length !== b.length || a.length === 0)
    throw new ShapeError(
      `${fn}: both lists must be as long and not empty, got ${a.length} and ${b.length}`,
    );
}

/**
 * For each sentence the share of its source's words, apart from words of style, that it still holds, counted with their number.
 *
 * @param sources - sentences before
 * @param results - sentences after
 * @param options - `lexicon`: whose words of praise and blame count as style; default {@link reviewLexicon}
 * @returns numbers in [0, 1]; 1 for a source without content
 * @throws `ShapeError` when the lists differ in length or are empty
 * @example
 * ```ts
 * import { contentPreservation } from "@provably/causal-latent/matte";
 *
 * contentPreservation(["the plot was dull"], ["the hero was thrilling"]); // => [0.6666666666666666]
 * ```
 * @category Evaluation
 */
export function contentPreservation(
  sources: readonly string[],
  results: readonly string[],
  options: { readonly lexicon?: Lexicon } = {},
): number[] {
  const { lexicon = reviewLexicon } = checkOptions("contentPreservation", options, {
    lexicon: anything,
  });
  sameLength("contentPreservation", sources, results);
  for (const [name, list] of Object.entries({ sources, results }))
    check("contentPreservation", name, list, listOf(anyString));
  checkLexicon("contentPreservation", lexicon);
  const style = polarityWords(lexicon);
  return sources.map((source, i) => {
    const wanted = ngrams(
      words(source).filter((word) => !style.has(word)),
      1,
    );
    const got = ngrams(words(results[i]!), 1);
    let [kept, all] = [0, 0];
    for (const [word, count] of wanted) {
      kept += Math.min(count, got.get(word) ?? 0);
      all += count;
    }
    return all === 0 ? 1 : kept / all;
  });
}

/**
 * Share of the words of praise and blame that belong to the sentence's own domain or to all domains.
 *
 * @param sentences - words separated by blanks
 * @param domains - index of the domain of each
 * @param options - `lexicon`; default {@link reviewLexicon}
 * @returns number in [0, 1]; 1 where there is no such word
 * @throws `ShapeError` when the lists differ in length or are empty
 * @example
 * ```ts
 * import { wordDominance } from "@provably/causal-latent/matte";
 *
 * wordDominance(["the soup was tasty", "the soup was thrilling"], [0, 0]); // => 0.5
 * ```
 * @category Evaluation
 */
export function wordDominance(
  sentences: readonly string[],
  domains: readonly number[],
  options: { readonly lexicon?: Lexicon } = {},
): number {
  const { lexicon = reviewLexicon } = checkOptions("wordDominance", options, { lexicon: anything });
  sameLength("wordDominance", sentences, domains);
  check("wordDominance", "sentences", sentences, listOf(anyString));
  check("wordDominance", "domains", domains, listOf(finiteNumber));
  checkLexicon("wordDominance", lexicon);
  const style = polarityWords(lexicon);
  const { shared } = lexicon;
  const common = [...shared.pos, ...shared.neg, shared.lead.pos, shared.lead.neg];
  const own = Object.values(lexicon.domains).map(
    ({ pos, neg }) => new Set([...pos, ...neg, ...common]),
  );
  let [fitting, all] = [0, 0];
  sentences.forEach((sentence, i) => {
    for (const word of words(sentence)) {
      if (!style.has(word)) continue;
      all++;
      if (own[domains[i]!]?.has(word) === true) fitting++;
    }
  });
  return all === 0 ? 1 : fitting / all;
}

/**
 * Share of sentences that are word for word the reference.
 *
 * @param references - true counterfactuals
 * @param results - sentences to be judged
 * @returns number in [0, 1]
 * @throws `ShapeError` when the lists differ in length or are empty
 * @example
 * ```ts
 * import { exactCounterfactualRate } from "@provably/causal-latent/matte";
 *
 * exactCounterfactualRate(["a b", "c"], ["a b", "d"]); // => 0.5
 * ```
 * @category Evaluation
 */
export function exactCounterfactualRate(
  references: readonly string[],
  results: readonly string[],
): number {
  sameLength("exactCounterfactualRate", references, results);
  return references.filter((reference, i) => reference === results[i]).length / references.length;
}

/**
 * Distinct runs of words as a share of all runs: low when a generator repeats itself.
 *
 * @param sentences - words separated by blanks
 * @param n - length of a run
 * @returns number in [0, 1]; 0 where there is no run
 * @example
 * ```ts
 * import { distinctN } from "@provably/causal-latent/matte";
 *
 * distinctN(["a b a b"], 2); // => 0.6666666666666666
 * ```
 * @see Li, Galley, Brockett, Gao, Dolan (2016), "A diversity-promoting objective function for neural conversation models"
 * @category Evaluation
 */
export function distinctN(sentences: readonly string[], n: number): number {
  check("distinctN", "sentences", sentences, listOf(anyString));
  check("distinctN", "n", n, wholeNumber());
  const seen = new Set<string>();
  let all = 0;
  for (const sentence of sentences)
    for (const [gram, count] of ngrams(words(sentence), n)) {
      seen.add(gram);
      all += count;
    }
  return all === 0 ? 0 : seen.size / all;
}
