import { describe, expect, it } from "vitest";
import { key } from "@provably/core-tensor/random";
import {
  antonymBaseline,
  classifyStyle,
  contentPreservation,
  corpusBleu,
  decodeSentences,
  distinctN,
  encodeSentences,
  gScore,
  lexiconPolarity,
  makeReviewCorpus,
  ngramPerplexity,
  readLabelledText,
  styleAccuracy,
  trainLanguageModel,
  trainStyleClassifier,
  vocabularyOf,
  wordDominance,
} from "../../src/matte/index.js";

const corpus = makeReviewCorpus(1200, key(0));
const [train, test] = [corpus.sentences.slice(0, 900), corpus.sentences.slice(900)];

describe("judges of style", () => {
  it("are right on sentences they have not seen", () => {
    const judge = trainStyleClassifier(train, corpus.labels.slice(0, 900));
    expect(styleAccuracy(classifyStyle(judge, test), corpus.labels.slice(900))).toBeGreaterThan(
      0.99,
    );
    expect(lexiconPolarity(corpus.sentences)).toEqual(corpus.labels.map((y) => 2 * y - 1));
  });

  it("are at chance when their labels were shuffled", () => {
    const shuffled = trainStyleClassifier(train, [
      ...corpus.labels.slice(1, 900),
      corpus.labels[0]!,
    ]);
    expect(styleAccuracy(classifyStyle(shuffled, test), corpus.labels.slice(900))).toBeLessThan(
      0.8,
    );
  });
});

describe("BLEU", () => {
  it("is the hand computed value on a small case", () => {
    // runs of one word: 3 of 4, of two: 1 of 3; no penalty, for both have four words
    expect(corpusBleu(["a b c d"], ["a b x d"], { maxN: 2 })).toBeCloseTo(
      100 * Math.sqrt((3 / 4) * (1 / 3)),
      12,
    );
    // three words against six: penalty e^(1 − 2)
    expect(corpusBleu(["a b c d e f"], ["a b c"], { maxN: 1 })).toBeCloseTo(100 * Math.exp(-1), 12);
  });
  it("takes the best of several references and clips repetitions", () => {
    expect(corpusBleu([["a b", "c d"]], ["c d"], { maxN: 2 })).toBe(100);
    expect(corpusBleu(["the cat"], ["the the"], { maxN: 1 })).toBeCloseTo(50, 12);
    expect(corpusBleu(["a b"], ["b a"], { maxN: 2 })).toBe(0);
    expect(corpusBleu(["a b"], ["b a"], { maxN: 2, smoothing: 1 })).toBeCloseTo(
      100 * Math.sqrt(1 / 2),
      12,
    );
  });
  it("joins with accuracy", () => {
    expect(gScore(100, 25, { mean: "harmonic" })).toBe(40);
    expect(() => gScore(101, 0)).toThrow(/accuracy/);
  });
});

describe("the antonym baseline", () => {
  it("has the other style, keeps the rest, and stays in the domain", () => {
    const out = antonymBaseline(corpus.sentences, corpus.domains, key(1));
    expect(lexiconPolarity(out)).toEqual(corpus.labels.map((y) => 1 - 2 * y));
    expect(contentPreservation(corpus.sentences, out).every((x) => x === 1)).toBe(true);
    expect(wordDominance(out, corpus.domains)).toBe(1);
    expect(corpusBleu(corpus.counterfactuals, out)).toBeGreaterThan(
      corpusBleu(corpus.sentences, out),
    );
  });
});

describe("fluency", () => {
  it("is a probability distribution over the next word", () => {
    const model = trainLanguageModel(["a b", "a c", "b c"]);
    const words = ["a", "b", "c"];
    // all sentences of up to three words, and what is left for longer ones and unknown words, sum below 1
    const p = (s: string[]): number =>
      Math.exp(-Math.log(ngramPerplexity(model, [s.join(" ")])) * (s.length + 1));
    const all = [
      [],
      ...words.map((w) => [w]),
      ...words.flatMap((v) => words.map((w) => [v, w])),
    ] as string[][];
    const total = all.reduce((sum, s) => sum + p(s), 0);
    expect(total).toBeLessThan(1);
    expect(total).toBeGreaterThan(0.4);
  });
  it("prefers sentences to their words in disorder", () => {
    const model = trainLanguageModel(train);
    const mixed = test.map((sentence) => sentence.split(" ").reverse().join(" "));
    expect(ngramPerplexity(model, test) * 5).toBeLessThan(ngramPerplexity(model, mixed));
    expect(distinctN(["a b", "a b"], 2)).toBe(0.5);
  });
});

describe("words as numbers", () => {
  it("there and back", () => {
    const vocabulary = vocabularyOf(corpus.sentences);
    expect(vocabulary.words).toHaveLength(100);
    const { tokens, unknown } = encodeSentences(vocabulary, corpus.sentences);
    expect(unknown).toBe(0);
    expect(decodeSentences(vocabulary, tokens)).toEqual(corpus.sentences);
  });
  it("reads labelled lines, and names a bad one", () => {
    const { sentences, labels, domains } = readLabelledText(["1\tThe plot", "", "?\tdull  hero"]);
    expect(sentences).toEqual(["the plot", "dull hero"]);
    expect(labels).toEqual([1, -1]);
    expect(domains).toEqual([0, 0]);
    for (const line of ["2\ta", "1 a", "1\t "])
      expect(() => readLabelledText(["1\ta", line])).toThrow(/lines\[1\]/);
  });
  it.each([
    ["empty", () => encodeSentences(vocabularyOf(["a"]), [])],
    [String.raw`sentences\[1\]`, () => encodeSentences(vocabularyOf(["a"]), ["a", "  "])],
    ["length", () => encodeSentences(vocabularyOf(["a"]), ["a"], { length: 1 })],
  ])("names %s", (name, attempt) => {
    expect(attempt).toThrow(new RegExp(`encodeSentences: .*${name}`));
  });
});
