/** Judges of style: a classifier trained on labelled sentences, and a list of words. */
import { DomainError, ShapeError } from "@provably/core-tensor";
import {
  anyList,
  anyRecord,
  anyString,
  check,
  listOf,
  satisfying,
  show,
} from "@provably/core-tensor/internal";
import { type Lexicon, checkLexicon, reviewLexicon } from "../text/lexicon.js";

const words = (sentence: string): string[] => sentence.split(/\s+/).filter((word) => word !== "");

/**
 * A naive Bayes model of two styles: plain data.
 * @category Evaluation
 */
export interface StyleClassifier {
  /** $\ln P(1) - \ln P(0)$. */
  readonly bias: number;
  /** $\ln P(w \mid 1) - \ln P(w \mid 0)$ of each word. */
  readonly evidence: Readonly<Record<string, number>>;
}

/**
 * A classifier of two styles from labelled sentences: naive Bayes on word counts with add-one smoothing.
 *
 * @param sentences - words separated by blanks
 * @param labels - 0 or 1 for each
 * @returns see {@link StyleClassifier}; a word that was not seen says nothing
 * @throws `ShapeError` when there is not one label a sentence
 * @throws `DomainError` when a label is neither 0 nor 1, or a style does not occur
 * @example
 * ```ts
 * import { classifyStyle, trainStyleClassifier } from "@provably/causal-latent/matte";
 *
 * const judge = trainStyleClassifier(["the soup was good", "the soup was bad"], [1, 0]);
 * classifyStyle(judge, ["a good plot", "a bad plot"]); // => [1, 0]
 * ```
 * @category Evaluation
 */
export function trainStyleClassifier(
  sentences: readonly string[],
  labels: readonly number[],
): StyleClassifier {
  check("trainStyleClassifier", "sentences", sentences, listOf(anyString));
  if (check("trainStyleClassifier", "labels", labels, anyList).length !== sentences.length)
    throw new ShapeError(
      `trainStyleClassifier: labels must hold one label a sentence, got ${labels.length} for ${sentences.length}`,
    );
  const counts = [new Map<string, number>(), new Map<string, number>()] as const;
  const totals = [0, 0];
  const documents = [0, 0];
  sentences.forEach((sentence, i) => {
    const y = labels[i]!;
    if (y !== 0 && y !== 1)
      throw new DomainError(`trainStyleClassifier: labels[${i}] must be 0 or 1, got ${show(y)}`);
    documents[y]! += 1;
    for (const word of words(sentence)) {
      counts[y].set(word, (counts[y].get(word) ?? 0) + 1);
      totals[y]! += 1;
    }
  });
  if (documents[0] === 0 || documents[1] === 0)
    throw new DomainError("trainStyleClassifier: labels must hold both styles, got one");
  const known = new Set([...counts[0].keys(), ...counts[1].keys()]);
  const likelihood = (y: 0 | 1, word: string): number =>
    Math.log(((counts[y].get(word) ?? 0) + 1) / (totals[y]! + known.size));
  return {
    bias: Math.log(documents[1]! / documents[0]!),
    evidence: Object.fromEntries(
      [...known].map((word) => [word, likelihood(1, word) - likelihood(0, word)]),
    ),
  };
}

/**
 * Styles of sentences by a classifier.
 *
 * @param classifier - from {@link trainStyleClassifier}
 * @param sentences - words separated by blanks
 * @returns 0 or 1 for each; an exact tie counts as 0
 * @example
 * ```ts
 * import { classifyStyle } from "@provably/causal-latent/matte";
 *
 * classifyStyle({ bias: 0, evidence: { good: 1 } }, ["good", "so so"]); // => [1, 0]
 * ```
 * @category Evaluation
 */
export function classifyStyle(classifier: StyleClassifier, sentences: readonly string[]): number[] {
  checkClassifier("classifyStyle", classifier);
  check("classifyStyle", "sentences", sentences, listOf(anyString));
  const evidence = new Map(Object.entries(classifier.evidence));
  return sentences.map((sentence) =>
    Number(
      words(sentence).reduce((total, word) => total + (evidence.get(word) ?? 0), classifier.bias) >
        0,
    ),
  );
}

/** Throws unless a classifier is what {@link trainStyleClassifier} makes. */
export function checkClassifier(fn: string, classifier: StyleClassifier): void {
  const { bias, evidence } = check(fn, "classifier", classifier, anyRecord);
  check(
    fn,
    "classifier.bias",
    bias,
    satisfying<number>("a number", (x) => typeof x === "number" && ((x) => !Number.isNaN(x))(x)),
  );
  for (const [word, x] of Object.entries(check(fn, "classifier.evidence", evidence, anyRecord)))
    check(
      fn,
      `classifier.evidence["${word}"]`,
      x,
      satisfying<number>(
        "a number",
        (x) => typeof x === "number" && ((value) => !Number.isNaN(value))(x),
      ),
    );
}

/** Every praising word (+1) and every blaming one (−1) of a lexicon. */
export function polarityWords(lexicon: Lexicon): ReadonlyMap<string, 1 | -1> {
  const { shared, domains } = lexicon;
  const all = Object.values(domains);
  const list = (style: "pos" | "neg"): string[] => [
    shared.lead[style],
    ...shared[style],
    ...all.flatMap((d) => d[style]),
  ];
  return new Map([
    ...list("pos").map((word) => [word, 1] as const),
    ...list("neg").map((word) => [word, -1] as const),
  ]);
}

/**
 * The sign of the number of praising words minus the number of blaming words: exact on the review corpus.
 *
 * @param sentences - words separated by blanks
 * @param lexicon - default {@link reviewLexicon}
 * @returns 1, −1, or 0 for neither
 * @example
 * ```ts
 * import { lexiconPolarity } from "@provably/causal-latent/matte";
 *
 * lexiconPolarity(["the plot was dull", "the plot was thrilling", "the plot"]); // => [-1, 1, 0]
 * ```
 * @category Evaluation
 */
export function lexiconPolarity(
  sentences: readonly string[],
  lexicon: Lexicon = reviewLexicon,
): number[] {
  checkLexicon("lexiconPolarity", lexicon);
  check("lexiconPolarity", "sentences", sentences, listOf(anyString));
  const polarity = polarityWords(lexicon);
  return sentences.map((sentence) =>
    Math.sign(words(sentence).reduce((total, word) => total + (polarity.get(word) ?? 0), 0)),
  );
}

/**
 * Share of sentences that have the wanted style.
 *
 * @param judged - style of each, from {@link classifyStyle}
 * @param targets - wanted style of each
 * @returns number in [0, 1]
 * @throws `ShapeError` when the lists differ in length or are empty
 * @example
 * ```ts
 * import { styleAccuracy } from "@provably/causal-latent/matte";
 *
 * styleAccuracy([1, 0, 0, 1], [1, 0, 1, 1]); // => 0.75
 * ```
 * @category Evaluation
 */
export function styleAccuracy(judged: readonly number[], targets: readonly number[]): number {
  for (const [name, list] of Object.entries({ judged, targets }))
    check("styleAccuracy", name, list, anyList);
  if (judged.length !== targets.length || judged.length === 0)
    throw new ShapeError(
      `styleAccuracy: judged and targets must be as many and not none, got ${judged.length} and ${targets.length}`,
    );
  return judged.filter((y, i) => y === targets[i]).length / judged.length;
}
