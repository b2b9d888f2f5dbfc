import { describe, expect, it } from "vitest";
import { type NdArray, array, concat, slice, take } from "@provably/core-tensor";
import { key, permutation } from "@provably/core-tensor/random";
import { toTypedArray } from "@provably/core-tensor";
import {
  type Lexicon,
  type Matte,
  certifyCounterfactual,
  counterfactual,
  decodeSentences,
  encodeSentences,
  makeReviewCorpus,
  matteConfig,
  meanInterval,
  reviewLexicon,
  sentenceJudge,
  stylePoles,
  trainLanguageModel,
  trainMatte,
  trainStyleClassifier,
  vocabularyOf,
  wilsonInterval,
} from "../../src/matte/index.js";
import type { TextNetworkParams } from "../../src/matte/network/text.js";

// two domains, two nouns, two adjectives each and one pattern: small enough to be learnt in seconds
const small = (name: string): Lexicon["domains"][string] => {
  const { noun, pos, neg, place } = reviewLexicon.domains[name]!;
  return {
    noun: noun.slice(0, 2),
    pos: pos.slice(0, 1),
    neg: neg.slice(0, 1),
    place: place.slice(0, 1),
  };
};
const lexicon: Lexicon = {
  domains: { restaurant: small("restaurant"), movie: small("movie") },
  shared: { ...reviewLexicon.shared, pos: ["good"], neg: ["bad"], adv: ["very"] },
  templates: ["the N was A J", "i found the N J"],
};
const corpus = makeReviewCorpus(900, key(1), { lexicon });
const vocabulary = vocabularyOf(corpus.sentences);
const { tokens } = encodeSentences(vocabulary, corpus.sentences);
const [train, test] = [slice(tokens, [0], [600]), slice(tokens, [600])];
const known = corpus.labels.slice(0, 600);
const domains = corpus.domains.slice(0, 600);
const held = {
  observed: test,
  labels: corpus.labels.slice(600),
  domains: corpus.domains.slice(600),
};
const judge = sentenceJudge(
  vocabulary,
  trainStyleClassifier(corpus.sentences.slice(0, 600), known),
  { lexicon },
);

function trained(labels: readonly number[]): Matte {
  const config = matteConfig(
    { kind: "text", vocabularySize: vocabulary.words.length, embedding: 16, hidden: 32 },
    {
      numDomains: 2,
      contentSize: 6,
      styleSize: 1,
      flowHidden: 8,
      weights: { content: 0.03, style: 0.1, sparsity: 0, adversary: 1 },
    },
  );
  return trainMatte({ observed: train, domains, labels }, config, key(2), {
    numSteps: 250,
    batchSize: 32,
    learningRate: 1e-2,
  });
}
// of the small model 81 % have the wanted style with half of their content and fluently
const thresholds = { styleAccuracy: 0.7, contentPreservation: 0.7, cycleConsistency: 0.7 };
const certify = (model: Matte, labels: readonly number[]) =>
  certifyCounterfactual(
    model,
    held,
    { kind: "reflect", poles: stylePoles(model, train, labels, domains) },
    judge,
    thresholds,
  );

describe("certificates of counterfactuals", () => {
  const model = trained(known);

  it("hold for a model that learnt the style", () => {
    const { styleAccuracy, contentPreservation, cycleConsistency } = certify(model, known);
    for (const { certificate, estimate } of [
      styleAccuracy,
      contentPreservation,
      cycleConsistency,
    ]) {
      expect(certificate.holds).toBe(true);
      expect(certificate.value).toBe(estimate.interval[0]);
      expect(estimate.interval[0]).toBeLessThanOrEqual(estimate.value);
    }
  });

  it("fail when the labels were shuffled", () => {
    const order = [...toTypedArray(permutation(key(3), known.length))];
    const shuffled = order.map((i) => known[i]!);
    expect(certify(trained(shuffled), shuffled).styleAccuracy.certificate.holds).toBe(false);
  });

  it("fail for a decoder that says nothing but unknown words, whatever the classifier makes of them", () => {
    const { encoder, decoder } = model.params.network as TextNetworkParams;
    const bias = array(Float32Array.from({ length: vocabulary.words.length }, (_, i) => (i === 3 ? 1e3 : 0))); // prettier-ignore
    const silent: Matte = {
      ...model,
      params: { ...model.params, network: { encoder, decoder: { ...decoder, out: { ...decoder.out, bias } } } }, // prettier-ignore
    };
    const flip = { kind: "reflect", poles: stylePoles(model, train, known, domains) } as const;
    // a classifier that finds the wanted style everywhere
    const easy = { ...judge, style: () => held.labels.map((y) => 1 - y) };
    const found = certifyCounterfactual(silent, held, flip, easy, thresholds);
    expect(found.styleAccuracy.estimate.value).toBe(0);
    expect(found.fluency!.certificate.holds).toBe(false);
    expect(Object.values(found).some(({ certificate }) => certificate.holds)).toBe(false);
  });

  it("find fluency in the corpus and none in its words at random, with a model of word triples", () => {
    const language = trainLanguageModel(corpus.sentences.slice(0, 600));
    const { fluency } = sentenceJudge(vocabulary, trainStyleClassifier(corpus.sentences, corpus.labels), { lexicon, language }); // prettier-ignore
    const share = (result: NdArray): number =>
      fluency!(test, result).reduce((sum, x) => sum + x, 0) / test.shape[0]!;
    expect(share(test)).toBe(1);
    const mixed = corpus.sentences.slice(600).map((text) => text.split(" ").reverse().join(" "));
    expect(share(encodeSentences(vocabulary, mixed, { length: test.shape[1]! }).tokens)).toBeLessThan(0.1); // prettier-ignore
  });

  it("fail when a content unit and the style change places", () => {
    const { encoder, decoder } = model.params.network as TextNetworkParams;
    const latents = 7;
    const places = Array.from({ length: latents }, (_, i) => (i === 0 ? 6 : i === 6 ? 0 : i)); // the sixth is the style
    const pick = (x: NdArray, list: number[], axis: number): NdArray =>
      take(x, array(list, { dtype: "int32" }), { axis });
    const e = decoder.words.shape[1]!;
    const wordPart = Array.from({ length: e }, (_, i) => i);
    const swapped: Matte = {
      ...model,
      params: {
        ...model.params,
        network: {
          encoder: {
            ...encoder,
            head: pick(encoder.head, [...places, ...places.map((i) => latents + i)], 1),
          },
          decoder: {
            ...decoder,
            lstm: {
              ...decoder.lstm,
              input: pick(decoder.lstm.input, [...wordPart, ...places.map((i) => e + i)], 1),
            },
            start: { ...decoder.start, weights: pick(decoder.start.weights, places, 0) },
          },
        },
      },
    };
    expect(certify(swapped, known).styleAccuracy.certificate.holds).toBe(false);
  });

  it("fail when the second flip reads another content than the first wrote", () => {
    const { encoder, decoder } = model.params.network as TextNetworkParams;
    // the six content units move on by one place in the encoder alone: each flip then takes the content further away
    const places = Array.from({ length: 14 }, (_, i) =>
      i % 7 === 6 ? i : i - (i % 7) + (((i % 7) + 1) % 6),
    );
    const head = take(encoder.head, array(places, { dtype: "int32" }), { axis: 1 });
    const drifting: Matte = {
      ...model,
      params: { ...model.params, network: { encoder: { ...encoder, head }, decoder } },
    };
    const { cycleConsistency, contentPreservation } = certify(drifting, known);
    expect(cycleConsistency.certificate.holds).toBe(false);
    expect(contentPreservation.certificate.holds).toBe(false);
  });

  it("fail, and do not throw, when a broken decoder leaves sentences empty", () => {
    const network = model.params.network as TextNetworkParams;
    const { out } = network.decoder;
    for (const boost of [12, 1000]) {
      // the bias of the word that ends a sentence, number 2: some end at once, then all
      const ends = Float32Array.from(toTypedArray(out.bias), (b, i) => b + (i === 2 ? boost : 0));
      const decoder = {
        ...network.decoder,
        out: { ...out, bias: array(ends, { dtype: out.bias.dtype }) },
      };
      const { contentPreservation, cycleConsistency } = certify(
        { ...model, params: { ...model.params, network: { ...network, decoder } } },
        known,
      );
      expect(contentPreservation.certificate.holds).toBe(false);
      expect(cycleConsistency.certificate.holds).toBe(false);
      if (boost === 1000) expect(cycleConsistency.estimate.value).toBe(0);
    }
  });

  it("fail when the content is that of other sentences", () => {
    const rotated = concat([slice(held.observed, [1]), slice(held.observed, [0], [1])]);
    const poles = stylePoles(model, train, known, domains);
    const mixed = {
      ...judge,
      content: (_: NdArray, result: NdArray) => judge.content(rotated, result),
    };
    expect(
      certifyCounterfactual(model, held, { kind: "reflect", poles }, mixed, thresholds)
        .contentPreservation.certificate.holds,
    ).toBe(false);
  });

  it("reach the other style by a flip of every kind", () => {
    const poles = stylePoles(model, train, known, domains);
    const target = held.labels.map((y) => 1 - y);
    for (const kind of ["axis", "shift", "pole"] as const) {
      const { observed } = counterfactual(
        model,
        held.observed,
        { kind, poles, target },
        { domains: held.domains },
      );
      const right = judge.style(observed).filter((y, i) => y === target[i]).length / target.length;
      expect(right, kind).toBeGreaterThan(0.9);
    }
    const donors = array(held.labels.map(() => poles.poles[1] as number[]));
    const praised = counterfactual(
      model,
      held.observed,
      { kind: "swap", donors },
      { domains: held.domains },
    );
    expect(
      judge.style(praised.observed).filter((y) => y === 1).length / target.length,
    ).toBeGreaterThan(0.9);
    expect(decodeSentences(vocabulary, praised.observed)[0]!.length).toBeGreaterThan(5);
  });

  it.each([
    ["kind", { kind: "mirror" }, /flip.kind/],
    ["donors", { kind: "swap", donors: [[1]] }, /donors/],
  ])("name a bad %s", (_, flip, culprit) => {
    expect(() =>
      counterfactual(model, held.observed, flip as never, { domains: held.domains }),
    ).toThrow(culprit);
  });
  it("name bad targets, domains and poles", () => {
    const poles = stylePoles(model, train, known, domains);
    const run = (target: number, list: number[] | undefined) => () =>
      counterfactual(
        model,
        held.observed,
        { kind: "axis", poles, target },
        list === undefined ? {} : { domains: list },
      );
    expect(run(2, held.domains)).toThrow(/target\[0\]/);
    expect(run(1, undefined)).toThrow(/domains/);
    expect(() =>
      stylePoles(
        model,
        train,
        known.map(() => 1),
        domains,
      ),
    ).toThrow(/style 0/);
  });
});

describe("intervals", () => {
  it("Wilson's covers the true share as often as it says", () => {
    // exact coverage at p = 0.9, n = 50, by summing the binomial law; between 93 and 97.5 %
    const [n, p] = [50, 0.9];
    let mass = (1 - p) ** n;
    let covered = 0;
    for (let k = 0; k <= n; k++) {
      const { interval } = wilsonInterval(k, n);
      if (interval[0] <= p && p <= interval[1]) covered += mass;
      mass *= ((n - k) / (k + 1)) * (p / (1 - p));
    }
    expect(covered).toBeGreaterThan(0.93);
    expect(covered).toBeLessThan(0.975);
  });
  it("a mean's is mean ± z s / √n", () => {
    const { interval } = meanInterval([1, 2, 3, 4]);
    const reach = (1.959963984540054 * Math.sqrt(5 / 3)) / 2;
    expect(interval[0]).toBeCloseTo(2.5 - reach, 12);
    expect(interval[1]).toBeCloseTo(2.5 + reach, 12);
    expect(() => meanInterval([1, 2], { confidence: 1 })).toThrow(/confidence/);
  });
});
