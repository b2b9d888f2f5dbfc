// The corpus of this story, its split, the model's configuration and the judges; the tour uses the same.
import { slice } from "@provably/core-tensor";
import { foldIn, key } from "@provably/core-tensor/random";
import {
  corpusBleu,
  contentPreservation,
  counterfactual,
  decodeLatents,
  decodeSentences,
  encodeLatents,
  encodeSentences,
  makeReviewCorpus,
  matteConfig,
  ngramPerplexity,
  sentenceJudge,
  styleAccuracy,
  stylePoles,
  trainLanguageModel,
  trainStyleClassifier,
  vocabularyOf,
} from "@provably/causal-latent/matte";

export const SEED = key("counterfactual text");
export const TRAIN = 8000;
const TEST = 600;
const JUDGE = 4000; // labelled sentences that only the judge of style sees
export const LABELLED = TRAIN / 10;

const all = makeReviewCorpus(TRAIN + TEST + JUDGE, foldIn(SEED, "corpus"));
const part = (from, to) => ({
  sentences: all.sentences.slice(from, to),
  counterfactuals: all.counterfactuals.slice(from, to),
  labels: all.labels.slice(from, to),
  domains: all.domains.slice(from, to),
});
const training = part(0, TRAIN);
export const vocabulary = vocabularyOf(training.sentences);
const encoded = (sentences) => encodeSentences(vocabulary, sentences, { length: 10 }).tokens;

export const test = {
  ...part(TRAIN, TRAIN + TEST),
  observed: encoded(all.sentences.slice(TRAIN, TRAIN + TEST)),
};
/** Nine labels in ten are unknown. */
export const data = {
  observed: encoded(training.sentences),
  domains: training.domains,
  labels: training.labels.map((y, i) => (i < LABELLED ? y : -1)),
};

const judges = part(TRAIN + TEST, TRAIN + TEST + JUDGE);
export const judge = sentenceJudge(
  vocabulary,
  trainStyleClassifier(judges.sentences, judges.labels),
);
const language = trainLanguageModel(judges.sentences);

/** Weights found on this corpus: the published ones, 0.35 and 0.2, make the content forget the nouns; a stronger adversary makes more nouns change with the style. */
export const config = (options = {}) =>
  matteConfig(
    { kind: "text", vocabularySize: vocabulary.words.length },
    {
      numDomains: 4,
      ...options,
      weights: { content: 0.03, style: 0.1, adversary: 0.02, ...options.weights },
    },
  );

/** Poles of praise and blame from the labelled tenth. */
export const polesOf = (model, { domains } = data) =>
  stylePoles(
    model,
    slice(data.observed, [0], [LABELLED]),
    data.labels.slice(0, LABELLED),
    domains.slice(0, LABELLED),
  );

export const target = test.labels.map((y) => 1 - y);

export function transfer(model, flip, domains = test.domains) {
  const { observed } = counterfactual(model, test.observed, flip, { domains });
  return decodeSentences(vocabulary, observed);
}

export function reconstruct(model) {
  return decodeSentences(vocabulary, decodeLatents(model, encodeLatents(model, test.observed)));
}

const mean = (x) => x.reduce((a, b) => a + b, 0) / x.length;

/** What the table says of a list of transferred test sentences. */
export function scores(sentences) {
  const styles = judge.style(encodeSentences(vocabulary, sentences).tokens);
  const kept = contentPreservation(test.sentences, sentences);
  return {
    accuracy: styleAccuracy(styles, target),
    bleu: corpusBleu(test.counterfactuals, sentences),
    self: corpusBleu(test.sentences, sentences),
    content: mean(kept),
    whole: mean(kept.map((share) => Number(share === 1))), // sentences that keep every content word
    perplexity: ngramPerplexity(language, sentences),
  };
}
