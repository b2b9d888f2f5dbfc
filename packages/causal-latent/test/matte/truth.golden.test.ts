import { describe, expect, it } from "vitest";
import { array, matmul } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  type ReviewContent,
  blockR2,
  corpusBleu,
  linearGaussianMatte,
  linearR2,
  makeReviewCorpus,
  makeVectors,
  mcc,
  reviewLexicon,
  reviewSentence,
  reviewStyleProbability,
  sparsestInSpan,
} from "../../src/matte/index.js";
import { type Nested, expectNear, flat, load } from "./fixtures.js";

type Gaussian = Record<
  "a" | "b" | "W" | "v" | "e" | "M" | "contentNoise" | "styleNoise" | "content" | "style" | "x",
  number[][]
> &
  Record<
    "xStyleFlip" | "xOtherDomainSameNoise" | "logPriorContent" | "logPriorStyleGivenContent",
    Nested
  > & {
    readonly u: number[];
    readonly uOther: number[];
    readonly logDetM: number;
  };
const gaussian = load<Gaussian>("linear_gaussian_flip");

describe("golden linear Gaussian model", () => {
  const g = gaussian;
  const model = linearGaussianMatte(
    gaussian ?? {
      a: [[0]],
      b: [[1]],
      W: [[[0]]],
      v: [[0]],
      e: [[1]],
      M: [
        [1, 0],
        [0, 1],
      ],
    },
  );

  it("encodes, and finds the noise", () => {
    const latents = model.encode(g.x);
    expectNear(latents.content, g.content, 1e-9);
    expectNear(latents.style, g.style, 1e-9);
    const noise = model.inferNoise(latents, g.u);
    expectNear(noise.content, g.contentNoise, 1e-9);
    expectNear(noise.style, g.styleNoise, 1e-9);
    expectNear(model.decode(model.mixNoise(noise, g.u)), g.x, 1e-9);
  });

  it("flips the style's noise, and moves it to another domain", () => {
    expectNear(model.counterfactual(g.x, g.u), g.xStyleFlip, 1e-9);
    expectNear(model.counterfactual(g.x, g.u, g.uOther), g.xOtherDomainSameNoise, 1e-9);
  });

  it("knows its densities", () => {
    const prior = model.logPrior(model.encode(g.x), g.u);
    expectNear(prior.content, g.logPriorContent, 1e-9);
    expectNear(prior.style, g.logPriorStyleGivenContent, 1e-9);
    expectNear(model.logDet, g.logDetM, 1e-9);
  });
});

const metrics = load<{
  Z: number[][];
  T: number[][];
  mccPearson: [number, number[]];
  mccSpearman: [number, number[]];
  linearR2: number;
  kernelBlockR2: number;
}>("identifiability_metrics");

describe("golden metrics of identification", () => {
  const g = metrics;
  it.each(["pearson", "spearman"] as const)("mean correlation, %s", (correlation) => {
    const [value, matching] = correlation === "pearson" ? g.mccPearson : g.mccSpearman;
    const ours = mcc(g.Z, g.T, { correlation });
    expect(ours.value).toBeCloseTo(value, 9);
    expect(ours.matching).toEqual(matching);
  });

  it("linear and kernel R²", () => {
    expect(linearR2(g.Z, g.T)).toBeCloseTo(g.linearR2, 9);
    expect(Math.abs(blockR2(g.Z, g.T) - g.kernelBlockR2)).toBeLessThan(0.03); // another split
  });
});

interface Corpus {
  readonly records: readonly {
    text: string;
    counterfactual: string;
    label: number;
    domain: number;
    content: ReviewContent;
  }[];
  readonly styleProbKappa1p5: Record<string, number[]>;
  readonly bleu: Record<"selfBleuCounterfactualVsSource" | "identity" | "firstTen", number>;
}
const corpus = load<Corpus>("corpus");

describe("golden corpus", () => {
  const { records, styleProbKappa1p5, bleu } = corpus;
  it("sentences and their counterfactuals", () => {
    for (const { text, counterfactual, label, content } of records) {
      expect(reviewSentence(content, label)).toBe(text);
      expect(reviewSentence(content, 1 - label)).toBe(counterfactual);
    }
  });

  it("probabilities of praise", () => {
    Object.keys(reviewLexicon.domains).forEach((name, d) =>
      styleProbKappa1p5[name]!.forEach((p, n) =>
        expect(reviewStyleProbability(d, n, 1.5)).toBeCloseTo(p, 12),
      ),
    );
  });

  it("BLEU", () => {
    const [source, other] = [records.map((r) => r.text), records.map((r) => r.counterfactual)];
    expect(corpusBleu(source, other)).toBeCloseTo(bleu.selfBleuCounterfactualVsSource, 9);
    expect(corpusBleu(source, source)).toBeCloseTo(bleu.identity, 9);
    expect(corpusBleu(source.slice(0, 10), other.slice(0, 10))).toBeCloseTo(bleu.firstTen, 9);
  });
});

describe("synthetic truth", () => {
  it("draws praise as often as its probability says", () => {
    const { labels, domains, contents } = makeReviewCorpus(4000, key(3), { strength: 3 });
    const likely = contents.map((c, i) => reviewStyleProbability(domains[i]!, c.n, 3));
    const surplus =
      labels.reduce((total, y, i) => total + y - likely[i]!, 0) /
      Math.sqrt(likely.reduce((v, p) => v + p * (1 - p), 0));
    expect(Math.abs(surplus)).toBeLessThan(4); // a standard normal
  });

  it("leaves out what is held out, and mislabels as often as asked", () => {
    const clean = makeReviewCorpus(2000, key(4), { heldOut: [[1, 0]] });
    expect(clean.contents.some((c, i) => clean.domains[i] === 1 && c.n === 0)).toBe(false);
    const noisy = makeReviewCorpus(2000, key(4), { heldOut: [[1, 0]], labelNoise: 0.2 });
    expect(noisy.sentences).toEqual(clean.sentences);
    const wrong = noisy.labels.filter((y, i) => y !== clean.labels[i]).length;
    expect(Math.abs(wrong - 400)).toBeLessThan(5 * Math.sqrt(2000 * 0.2 * 0.8));
  });

  it("moves only the coordinates that style touches, and back by a second flip", () => {
    const { observed, counterfactuals } = makeVectors(50, key(5), {
      size: 10,
      styleSize: 2,
      styleSupport: 3,
      dtype: "float64",
    });
    const [x, y] = [flat(observed), flat(counterfactuals)];
    x.forEach((value, i) => {
      if (i % 10 >= 6) expect(y[i]).toBe(value);
    });
    expect(x.some((value, i) => value !== y[i])).toBe(true);
  });

  it("finds exactly the style columns as the sparsest in the span", ({ task }) => {
    const [p, dense, sparse] = [9, 3, 2];
    const M = normal(key(6), [p, dense + sparse], { dtype: "float64" });
    const columns = Array.from({ length: p }, (_, k) =>
      Array.from({ length: dense + sparse }, (_, j) =>
        j < dense || Math.floor(k / 3) === j - dense ? M.get(k, j) : 0,
      ),
    );
    const basis = matmul(
      array(columns, { dtype: "float64" }),
      normal(key(7), [dense + sparse, dense + sparse], { dtype: "float64" }),
    );
    const found = sparsestInSpan(basis, 3);
    expect(found).toHaveLength(sparse);
    for (let j = dense; j < dense + sparse; j++) {
      const column = columns.map((row) => row[j]!);
      const length = Math.hypot(...column) * Math.sign(column.find((v) => v !== 0)!);
      const nearest = Math.min(
        ...found.map((v) => Math.max(...v.map((x, k) => Math.abs(x - column[k]! / length)))),
      );
      expect(nearest).toBeLessThan(1e-8);
    }
    task.meta.claim = {
      says: "In the span of a mixture's columns the sparsest vectors are the style's",
      source: "Yan and others (2023), the argument behind the identification of style",
      measured: `all ${sparse} style columns of a linear mixture of ${p} coordinates found to 1e-8, and nothing else`,
    };
  });

  it("is a deterministic function of the key, row by row", () => {
    const long = makeReviewCorpus(30, key(8));
    expect(makeReviewCorpus(10, key(8)).sentences).toEqual(long.sentences.slice(0, 10));
    expect(flat(makeVectors(5, key(8)).observed)).toEqual(
      flat(makeVectors(9, key(8)).observed).slice(0, 80),
    );
  });
});
