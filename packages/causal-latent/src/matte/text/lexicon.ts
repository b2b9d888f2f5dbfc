/** The words of the review corpus: four domains, each with things, praise, blame and places of its own, and what all share. */
import { anyRecord, anyString, check, listOf } from "@provably/core-tensor/internal";

/**
 * Words of one domain.
 * @category Text
 */
export interface DomainWords {
  readonly noun: readonly string[];
  /** Praise of this domain. */
  readonly pos: readonly string[];
  /** Blame of this domain. */
  readonly neg: readonly string[];
  readonly place: readonly string[];
}

/**
 * Words and sentence patterns of a corpus. In a pattern `N` and `M` stand for nouns, `A` for an adverb, `J` and `K` for praise or blame, `P` for a place and
 * `D` for the opening word.
 * @category Text
 */
export interface Lexicon {
  readonly domains: Readonly<Record<string, DomainWords>>;
  readonly shared: {
    /** Praise that every domain uses, after its own. */
    readonly pos: readonly string[];
    readonly neg: readonly string[];
    readonly lead: { readonly pos: string; readonly neg: string };
    readonly adv: readonly string[];
  };
  readonly templates: readonly string[];
}

/** A lexicon with all of its lists, or a typed error. */
export function checkLexicon(fn: string, lexicon: Lexicon): Lexicon {
  const { domains, shared, templates } = check(fn, "lexicon", lexicon, anyRecord);
  for (const [name, words] of Object.entries(check(fn, "lexicon.domains", domains, anyRecord)))
    for (const slot of ["noun", "pos", "neg", "place"] as const)
      check(
        fn,
        `lexicon.domains.${name}.${slot}`,
        check(fn, `lexicon.domains.${name}`, words, anyRecord)[slot],
        listOf(anyString),
      );
  const { pos, neg, adv, lead } = check(fn, "lexicon.shared", shared, anyRecord);
  for (const [slot, list] of Object.entries({ pos, neg, adv }))
    check(fn, `lexicon.shared.${slot}`, list, listOf(anyString));
  check(
    fn,
    "lexicon.shared.lead",
    [check(fn, "lexicon.shared.lead", lead, anyRecord).pos, lead.neg],
    listOf(anyString),
  );
  check(fn, "lexicon.templates", templates, listOf(anyString));
  return lexicon;
}

const words = (text: string): string[] => text.split(" ");

/**
 * Short reviews of restaurants, films, electronics and hotels: 96 words.
 *
 * @example
 * ```ts
 * import { reviewLexicon } from "@provably/causal-latent/matte";
 *
 * Object.keys(reviewLexicon.domains); // => ["restaurant", "movie", "electronics", "hotel"]
 * ```
 * @category Text
 */
export const reviewLexicon: Lexicon = {
  domains: {
    restaurant: {
      noun: words("soup pasta burger salad waiter kitchen dessert coffee"),
      pos: words("tasty delicious fresh flavorful"),
      neg: words("bland stale greasy soggy"),
      place: words("here tonight downtown"),
    },
    movie: {
      noun: words("plot acting script director ending soundtrack hero sequel"),
      pos: words("thrilling gripping brilliant moving"),
      neg: words("boring predictable dull clumsy"),
      place: words("overall onscreen throughout"),
    },
    electronics: {
      noun: words("battery screen keyboard charger speaker camera cable laptop"),
      pos: words("durable sleek reliable crisp"),
      neg: words("flimsy laggy defective noisy"),
      place: words("today indoors anyway"),
    },
    hotel: {
      noun: words("room bed lobby staff pool view breakfast shower"),
      pos: words("cozy spotless charming quiet"),
      neg: words("filthy cramped rude moldy"),
      place: words("upstairs nearby inside"),
    },
  },
  shared: {
    pos: words("great good"),
    neg: words("awful bad"),
    lead: { pos: "happily", neg: "sadly" },
    adv: words("really quite very so"),
  },
  templates: [
    "the N was A J",
    "D the N is A J P",
    "my N was J and the M was K",
    "i found the N A J P",
    "the N and the M were A J",
    "honestly the N seemed J P",
  ],
};
