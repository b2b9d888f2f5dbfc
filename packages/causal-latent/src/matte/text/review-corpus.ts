/** Sentences whose meaning is known: what is spoken of, in which domain, and whether well or badly; so each has a true counterfactual. */
import { DomainError } from "@provably/core-tensor";
import {
  anyList,
  anyRecord,
  anything,
  check,
  checkOptions,
  finiteNumber,
  listOf,
  numberIn,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { toTypedArray } from "@provably/core-tensor";
import { type Lexicon, checkLexicon, reviewLexicon } from "./lexicon.js";

/**
 * What a sentence says apart from its style: all numbers index words of the lexicon.
 * @category Text
 */
export interface ReviewContent {
  readonly domain: string;
  /** Pattern. */
  readonly t: number;
  /** First and second noun. */
  readonly n: number;
  readonly m: number;
  readonly adv: number;
  /** First and second adjective, within praise or blame. */
  readonly i: number;
  readonly k: number;
  /** Place. */
  readonly p: number;
}

/**
 * The sentence of a content in one of two styles.
 *
 * @param content - see {@link ReviewContent}
 * @param label - 1 for praise, 0 for blame
 * @param lexicon - default {@link reviewLexicon}
 * @returns words separated by blanks
 * @throws `DomainError` when the content names words that the lexicon does not have
 * @example
 * ```ts
 * import { reviewSentence } from "@provably/causal-latent/matte";
 *
 * const content = { domain: "movie", t: 0, n: 0, m: 1, adv: 2, i: 5, k: 5, p: 2 };
 * [reviewSentence(content, 1), reviewSentence(content, 0)]; // => ["the plot was very good", "the plot was very bad"]
 * ```
 * @category Text
 */
export function reviewSentence(
  content: ReviewContent,
  label: number,
  lexicon: Lexicon = reviewLexicon,
): string {
  const fn = "reviewSentence";
  checkLexicon(fn, lexicon);
  const { domain: name } = check(fn, "content", content, anyRecord);
  const domain =
    typeof name === "string" && Object.hasOwn(lexicon.domains, name)
      ? lexicon.domains[name]
      : undefined;
  if (domain === undefined)
    throw new DomainError(
      `${fn}: content.domain must be one of ${Object.keys(lexicon.domains).join(", ")}, got ${show(content.domain)}`,
    );
  check(
    fn,
    "content",
    [content.t, content.n, content.m, content.adv, content.i, content.k, content.p],
    listOf(finiteNumber),
  );
  const style = label === 1 ? "pos" : "neg";
  const adjectives = [...domain[style], ...lexicon.shared[style]];
  const slots: Record<string, string | undefined> = {
    N: domain.noun[content.n],
    M: domain.noun[content.m],
    A: lexicon.shared.adv[content.adv],
    J: adjectives[content.i],
    K: adjectives[content.k],
    P: domain.place[content.p],
    D: lexicon.shared.lead[style],
  };
  const template = lexicon.templates[content.t];
  if (template === undefined)
    throw new DomainError(
      `${fn}: content.t must be in [0, ${lexicon.templates.length}), got ${show(content.t)}`,
    );
  return template
    .split(" ")
    .map((word) => {
      if (!/^[A-Z]$/.test(word)) return word;
      const filled = slots[word];
      if (filled === undefined)
        throw new DomainError(
          `${fn}: content must name words of the lexicon, got none for ${word}`,
        );
      return filled;
    })
    .join(" ");
}

/**
 * How likely praise is for a noun of a domain: $\sigma(\kappa g)$ with a sign $g$ that depends on both, so that content and style are dependent and the
 * dependence changes with the domain.
 *
 * @param domain - index of the domain
 * @param noun - index of the noun
 * @param strength - $\kappa$; 0 makes style independent
 * @returns probability of praise
 * @example
 * ```ts
 * import { reviewStyleProbability } from "@provably/causal-latent/matte";
 *
 * reviewStyleProbability(0, 0, 1.5).toFixed(4); // => "0.8176"
 * ```
 * @category Text
 */
export function reviewStyleProbability(domain: number, noun: number, strength: number): number {
  for (const [name, value] of Object.entries({ domain, noun, strength }))
    check("reviewStyleProbability", name, value, finiteNumber);
  const sign =
    (Math.floor((noun + 2 * domain) / 2) % 2 === 0 ? 1 : -1) * (domain % 2 === 0 ? 1 : -1);
  return 1 / (1 + Math.exp(-strength * sign));
}

/**
 * Options of {@link makeReviewCorpus}.
 * @category Text
 */
export interface ReviewCorpusOptions {
  /** Dependence $\kappa$ of style on content, one number or one for each domain; default 1.5. */
  readonly strength?: number | readonly number[];
  /** Share of labels that are wrong (the sentence is not); default 0. */
  readonly labelNoise?: number;
  /** Pairs of a domain's and a noun's index that do not occur. */
  readonly heldOut?: readonly (readonly [domain: number, noun: number])[];
  /** Default {@link reviewLexicon}. */
  readonly lexicon?: Lexicon;
}

/**
 * A corpus and its truth; all lists have one entry a sentence.
 * @category Text
 */
export interface ReviewCorpus {
  readonly sentences: readonly string[];
  /** The same content in the other style. */
  readonly counterfactuals: readonly string[];
  /** 1 for praise, 0 for blame. */
  readonly labels: readonly number[];
  /** Index of the domain. */
  readonly domains: readonly number[];
  readonly contents: readonly ReviewContent[];
}

/**
 * Reviews of several domains in which praise and blame depend on what is spoken of, each with its true counterfactual.
 *
 * Sentence $i$ depends on the key and $i$ alone. The two nouns of a sentence differ.
 *
 * @param count - number of sentences
 * @param key - random key
 * @param options - see {@link ReviewCorpusOptions}
 * @returns see {@link ReviewCorpus}
 * @throws `DomainError` when an option is out of range, or everything is held out
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { makeReviewCorpus } from "@provably/causal-latent/matte";
 *
 * const corpus = makeReviewCorpus(100, key(0));
 * corpus.sentences.length; // => 100
 * ```
 * @category Text
 */
export function makeReviewCorpus(
  count: number,
  key: RngKey,
  options: ReviewCorpusOptions = {},
): ReviewCorpus {
  const fn = "makeReviewCorpus";
  const {
    strength = 1.5,
    labelNoise = 0,
    heldOut = [],
    lexicon = reviewLexicon,
  } = checkOptions(fn, options, {
    strength: anything,
    labelNoise: anything,
    heldOut: anything,
    lexicon: anything,
  });
  checkLexicon(fn, lexicon);
  check(fn, "count", count, wholeNumber());
  check(fn, "labelNoise", labelNoise, numberIn(0, 1));
  check(fn, "heldOut", heldOut, anyList).forEach((pair, i) =>
    check(fn, `heldOut[${i}]`, pair, listOf(finiteNumber)),
  );
  const names = Object.keys(lexicon.domains);
  const strengths = typeof strength === "number" ? names.map(() => strength) : strength;
  if (check(fn, "strength", strengths, listOf(finiteNumber)).length !== names.length)
    throw new DomainError(
      `${fn}: strength must be one or ${names.length} numbers, got ${strengths.length}`,
    );
  const barred = new Set(heldOut.map(([d, n]) => `${d} ${n}`));
  const pairs = names.flatMap((name, d) =>
    lexicon.domains[name]!.noun.flatMap((_, n) => (barred.has(`${d} ${n}`) ? [] : [{ d, n }])),
  );
  if (pairs.length === 0)
    throw new DomainError(`${fn}: heldOut must leave a pair of domain and noun, got all of them`);
  const drawn = Array.from({ length: count }, (_, index) => {
    const random = toTypedArray(uniform(foldIn(key, index), [9], { dtype: "float64" }));
    let at = 0;
    const pick = (n: number): number => Math.floor(random[at++]! * n);
    const { d, n } = pairs[pick(pairs.length)]!;
    const words = lexicon.domains[names[d]!]!;
    const others = words.noun.length - 1;
    const content: ReviewContent = {
      domain: names[d]!,
      t: pick(lexicon.templates.length),
      n,
      m: others > 0 ? (n + 1 + pick(others)) % words.noun.length : n,
      adv: pick(lexicon.shared.adv.length),
      i: pick(words.pos.length + lexicon.shared.pos.length),
      k: pick(words.pos.length + lexicon.shared.pos.length),
      p: pick(words.place.length),
    };
    const style = Number(random[7]! < reviewStyleProbability(d, n, strengths[d]!));
    return { content, domain: d, style, label: random[8]! < labelNoise ? 1 - style : style };
  });
  return {
    sentences: drawn.map(({ content, style }) => reviewSentence(content, style, lexicon)),
    counterfactuals: drawn.map(({ content, style }) => reviewSentence(content, 1 - style, lexicon)),
    labels: drawn.map(({ label }) => label),
    domains: drawn.map(({ domain }) => domain),
    contents: drawn.map(({ content }) => content),
  };
}
