/**
 * Certificates of counterfactuals on observations that training never saw: is the style the wanted one, is the content still there, and does a second
 * flip lead back. None of them proves that the latents are the true ones; they say what the transfer does.
 */
import {
  type Certificate,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  concat,
  item,
  ndtri,
  take,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyRecord,
  anything,
  certificate,
  check,
  checkOptions,
  finiteNumber,
  type Guard,
  listOf,
  numberIn,
  numberInside,
  optional,
  recordOf,
  satisfying,
  type Schema,
  show,
  tensor,
} from "@provably/core-tensor/internal";

import { contentPreservation } from "./evaluate/content.js";
import { type NgramModel, surprise } from "./evaluate/fluency.js";
import { type StyleClassifier, checkClassifier, classifyStyle } from "./evaluate/style.js";
import { type StyleFlip, type StylePoles, counterfactual } from "./model/counterfactual.js";
import type { Matte } from "./model/params.js";
import { SPECIAL } from "./network/text.js";
import { type Lexicon, checkLexicon, reviewLexicon } from "./text/lexicon.js";
import { type Vocabulary, checkVocabulary, decodeSentences } from "./text/vocabulary.js";

/**
 * An estimate with an interval that holds the true value with the stated confidence.
 * @category Certificates
 */
export interface Estimate {
  readonly value: number;
  readonly interval: readonly [number, number];
  readonly count: number;
}

function zOf(fn: string, confidence: number): number {
  check(fn, "confidence", confidence, numberInside(0, 1));
  return item(ndtri(array(0.5 + confidence / 2, { dtype: "float64" })));
}

/**
 * A share of successes with Wilson's interval, which stays sensible at shares of 0 and 1.
 *
 * @param successes - how many
 * @param count - of how many
 * @param options - `confidence`; default 0.95
 * @returns see {@link Estimate}
 * @throws `DomainError` when a count is out of range
 * @example
 * ```ts
 * import { wilsonInterval } from "@provably/causal-latent/matte";
 *
 * wilsonInterval(95, 100).interval.map((x) => x.toFixed(3)); // => ["0.888", "0.978"]
 * ```
 * @see Wilson (1927), "Probable inference, the law of succession, and statistical inference"
 * @category Certificates
 */
export function wilsonInterval(
  successes: number,
  count: number,
  options: { readonly confidence?: number } = {},
): Estimate {
  const { confidence = 0.95 } = checkOptions("wilsonInterval", options, { confidence: anything });
  check(
    "wilsonInterval",
    "count",
    count,
    satisfying<number>(
      "positive and finite",
      (x) => typeof x === "number" && ((x) => x > 0 && x < Infinity)(x),
    ),
  );
  check(
    "wilsonInterval",
    "successes",
    successes,
    satisfying<number>(
      "in [0, count]",
      (x) => typeof x === "number" && ((x) => x >= 0 && x <= count)(x),
    ),
  );
  const z = zOf("wilsonInterval", confidence);
  const p = successes / count;
  const center = (p + (z * z) / (2 * count)) / (1 + (z * z) / count);
  const reach =
    (z / (1 + (z * z) / count)) * Math.sqrt((p * (1 - p)) / count + (z * z) / (4 * count * count));
  return { value: p, interval: [Math.max(0, center - reach), Math.min(1, center + reach)], count };
}

/**
 * A mean with a normal interval from the spread of its terms, cut to [0, 1] when all of them lie there.
 *
 * @param values - numbers
 * @param options - `confidence`; default 0.95
 * @returns see {@link Estimate}
 * @throws `ShapeError` when there are fewer than two numbers
 * @example
 * ```ts
 * import { meanInterval } from "@provably/causal-latent/matte";
 *
 * meanInterval([0.5, 0.5, 0.5, 0.5]); // => { value: 0.5, interval: [0.5, 0.5], count: 4 }
 * ```
 * @category Certificates
 */
export function meanInterval(
  values: readonly number[],
  options: { readonly confidence?: number } = {},
): Estimate {
  const { confidence = 0.95 } = checkOptions("meanInterval", options, { confidence: anything });
  if (check("meanInterval", "values", values, listOf(finiteNumber)).length < 2)
    throw new ShapeError(`meanInterval: values must be at least two, got ${values.length}`);
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  const reach =
    zOf("meanInterval", confidence) *
    Math.sqrt(values.reduce((s, x) => s + (x - mean) ** 2, 0) / (n - 1) / n);
  const shares = values.every((x) => x >= 0 && x <= 1);
  return {
    value: mean,
    interval: shares
      ? [Math.max(0, mean - reach), Math.min(1, mean + reach)]
      : [mean - reach, mean + reach],
    count: n,
  };
}

/**
 * What judges counterfactuals: the style of observations, and for pairs how much content the second keeps of the first, in [0, 1].
 * @category Certificates
 */
export interface CounterfactualJudge {
  /** The style of each observation, 0 or 1. */
  style(observed: NdArray): readonly number[];
  /** For each pair, the share of the content of `source` that `result` keeps. */
  content(source: NdArray, result: NdArray): readonly number[];
  /** For each pair, whether `result` is as natural as `source` (1), or not (0): not made of signs for unknown words, not cut off, not repeating itself. May be left out where observations are no text. */
  fluency?(source: NdArray, result: NdArray): readonly number[];
}

/**
 * A judge of sentences: a trained classifier for the style, the recall of content words for the content, and for the fluency what no classifier of bags of words sees.
 *
 * A sentence is not fluent when it is empty, less than half or more than twice as long as its source, has more words that the vocabulary lacks (`<unk>`) than its source, has a
 * word three times in a row, or, with `language`, surprises the model of word triples by 2 nats a word more than its source.
 *
 * @param vocabulary - from {@link vocabularyOf}
 * @param classifier - from {@link trainStyleClassifier}, trained on sentences that the certificate does not use
 * @param options - `lexicon`: whose words of praise and blame are no content, default {@link reviewLexicon}; `language`: from {@link trainLanguageModel}, on sentences
 *   that the certificate does not use
 * @returns see {@link CounterfactualJudge}
 * @example
 * ```ts
 * import { encodeSentences, sentenceJudge, trainStyleClassifier, vocabularyOf } from "@provably/causal-latent/matte";
 *
 * const sentences = ["the soup was good", "the soup was bad"];
 * const vocabulary = vocabularyOf(sentences);
 * sentenceJudge(vocabulary, trainStyleClassifier(sentences, [1, 0])).style(encodeSentences(vocabulary, sentences).tokens); // => [1, 0]
 * ```
 * @category Certificates
 */
export function sentenceJudge(
  vocabulary: Vocabulary,
  classifier: StyleClassifier,
  options: { readonly lexicon?: Lexicon; readonly language?: NgramModel } = {},
): CounterfactualJudge {
  const { lexicon = reviewLexicon, language } = checkOptions<typeof options>(
    "sentenceJudge",
    options,
    { lexicon: anything, language: anyRecord },
  );
  checkLexicon("sentenceJudge", lexicon);
  checkVocabulary("sentenceJudge", vocabulary);
  checkClassifier("sentenceJudge", classifier);
  return {
    style: (observed) => classifyStyle(classifier, decodeSentences(vocabulary, observed)),
    content: (source, result) =>
      contentPreservation(
        decodeSentences(vocabulary, source),
        decodeSentences(vocabulary, result),
        { lexicon },
      ),
    fluency(source, result) {
      const before = decodeSentences(vocabulary, source);
      return decodeSentences(vocabulary, result).map((sentence, i) =>
        isFluent(sentence, before[i]!, language) ? 1 : 0,
      );
    },
  };
}

/** Nats a word by which a sentence may be more surprising than its source. */
const MORE_SURPRISING = 2;

function isFluent(result: string, source: string, language: NgramModel | undefined): boolean {
  const [own, before] = [result, source].map((text) =>
    text.split(" ").filter((word) => word !== ""),
  ) as [string[], string[]];
  const unknown = (list: readonly string[]): number =>
    list.filter((word) => word === "<unk>").length;
  if (own.length < before.length / 2 || own.length > 2 * before.length || own.length === 0)
    return false;
  if (unknown(own) > unknown(before)) return false;
  if (own.some((word, i) => i > 1 && word === own[i - 1] && word === own[i - 2])) return false;
  if (language === undefined) return true;
  const [after, first] = [result, source].map((text) => surprise(language, text)) as [
    ReturnType<typeof surprise>,
    ReturnType<typeof surprise>,
  ];
  return after.nats / after.count <= first.nats / first.count + MORE_SURPRISING;
}

/**
 * Options of {@link certifyCounterfactual}.
 * @category Certificates
 */
export interface CertifyCounterfactualOptions {
  /** Least share of counterfactuals that have the wanted style, with half of their content and fluently; default 0.9. */
  readonly styleAccuracy?: number;
  /** Least share of fluent counterfactuals, where the judge can tell; default 0.9. */
  readonly fluency?: number;
  /** Least mean share of content kept; default 0.6. */
  readonly contentPreservation?: number;
  /** Least mean share of content that two flips give back; default 0.6. */
  readonly cycleConsistency?: number;
  /** Of each interval; default 0.95. */
  readonly confidence?: number;
}

/** One property of counterfactuals: its estimate and the certificate that it reaches the threshold. */
export interface CertifiedEstimate {
  readonly estimate: Estimate;
  readonly certificate: Certificate;
}

/**
 * Whether counterfactuals of held-out observations have the wanted style, keep the content, read as naturally as before, and come back after a second flip.
 *
 * The style of what is no sentence is worth nothing: a counterfactual counts as one of the wanted style only when it keeps at least half of its content and the judge
 * finds it fluent. A classifier of bags of words alone gives `<unk> <unk>` some style, and the wanted one in every second case.
 *
 * Each certificate holds when the lower end of its interval reaches the threshold. The second flip starts from the first result alone.
 *
 * @param model - see {@link Matte}
 * @param data - held-out `observed` with their true `labels` (0 or 1), and `domains`
 * @param flip - the kind of flip, and the poles it needs; the wanted style is the other one of each row
 * @param judge - see {@link CounterfactualJudge}
 * @param options - see {@link CertifyCounterfactualOptions}
 * @returns estimates with their certificates; `fluency` where the judge has one
 * @throws `ShapeError`, `DomainError` when labels, domains or options do not fit
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { certifyCounterfactual, initMatte, matteConfig } from "@provably/causal-latent/matte";
 *
 * // a model that has learnt nothing does not pass
 * const model = initMatte(matteConfig({ kind: "vectors", size: 2 }), key(0));
 * const judge = { style: (x) => [0, 0], content: (x, y) => [0, 0] };
 * const { styleAccuracy } = certifyCounterfactual(model, { observed: array([[1, 2], [3, 4]]), labels: [0, 0] }, { kind: "noise" }, judge);
 * styleAccuracy.certificate.holds; // => false
 * ```
 * @category Certificates
 */
export function certifyCounterfactual(
  model: Matte,
  data: {
    readonly observed: NdArray;
    readonly labels: readonly number[];
    readonly domains?: readonly number[];
  },
  flip:
    | { readonly kind: "noise" }
    | {
        readonly kind: "reflect" | "axis" | "shift" | "pole";
        readonly poles: StylePoles;
        readonly strength?: number;
      },
  judge: CounterfactualJudge,
  options: CertifyCounterfactualOptions = {},
): {
  readonly styleAccuracy: CertifiedEstimate;
  readonly contentPreservation: CertifiedEstimate;
  readonly cycleConsistency: CertifiedEstimate;
  readonly fluency?: CertifiedEstimate;
} {
  const fn = "certifyCounterfactual";
  const {
    styleAccuracy = 0.9,
    contentPreservation: leastContent = 0.6,
    cycleConsistency = 0.6,
    fluency: leastFluent = 0.9,
    confidence = 0.95,
  } = checkOptions<CertifyCounterfactualOptions>(fn, options, OPTIONS);
  const { observed, labels, domains } = check(fn, "data", data, DATA);
  check(fn, "flip", flip, anyRecord);
  for (const name of ["style", "content"] as const)
    check(fn, `judge.${name}`, check(fn, "judge", judge, anyRecord)[name], anyFunction);
  if (judge.fluency !== undefined) check(fn, "judge.fluency", judge.fluency, anyFunction);
  const rows = check(fn, "observed", observed, tensor).shape[0]!;
  if (check(fn, "labels", labels, anyList).length !== rows || rows < 2)
    throw new ShapeError(
      `${fn}: labels must hold one label a row, at least two, got ${labels.length} for ${rows} rows`,
    );
  labels.forEach((y, i) => {
    if (y !== 0 && y !== 1)
      throw new DomainError(`${fn}: labels[${i}] must be 0 or 1, got ${show(y)}`);
  });
  const towards = (target: number[]): StyleFlip =>
    flip.kind === "noise" ? flip : { ...flip, target };
  const rest = domains === undefined ? {} : { domains };
  const other = labels.map((y) => 1 - y);
  const there = counterfactual(model, observed, towards(other), rest).observed;
  const back = flippedBack(model, there, labels, domains, towards);

  const judged = check(fn, "judge.style(…)", judge.style(there), anyList);
  if (judged.length !== rows)
    throw new ShapeError(
      `${fn}: judge.style must return one style a row, got ${judged.length} for ${rows} rows`,
    );
  const shares = (name: "content" | "fluency", given: readonly number[]): readonly number[] => {
    if (check(fn, `judge.${name}(…)`, given, listOf(numberIn(0, 1))).length !== rows)
      throw new ShapeError(
        `${fn}: judge.${name} must return one share a row, got ${given.length} for ${rows} rows`,
      );
    return given;
  };
  const kept = shares("content", judge.content(observed, there));
  const fluent = judge.fluency && shares("fluency", judge.fluency(observed, there));
  const hits = judged.filter(
    (y, i) => y === other[i] && kept[i]! >= 0.5 && (fluent?.[i] ?? 1) >= 0.5,
  ).length;
  const certified = (claim: string, estimate: Estimate, threshold: number): CertifiedEstimate => ({
    estimate,
    certificate: certificate({
      claim: `${claim}, lower end of the ${100 * confidence} % interval`,
      kind: "statistical",
      value: estimate.interval[0],
      expected: [threshold, 1],
      confidence,
      verdict: estimate.interval[0] >= threshold,
      note: `${estimate.value.toFixed(3)} on ${estimate.count} held-out observations; says what the transfer does on what the judge sees, not that the latents are the true ones, nor that a reader would agree`,
    }),
  });
  return {
    styleAccuracy: certified(
      fluent === undefined
        ? "share of counterfactuals with the wanted style and half of their content"
        : "share of fluent counterfactuals with the wanted style and half of their content",
      wilsonInterval(hits, rows, { confidence }),
      styleAccuracy,
    ),
    contentPreservation: certified(
      "mean share of content that counterfactuals keep",
      meanInterval(kept, { confidence }),
      leastContent,
    ),
    cycleConsistency: certified(
      "mean share of content that two flips give back",
      meanInterval(shares("content", judge.content(observed, back)), { confidence }),
      cycleConsistency,
    ),
    ...(fluent && {
      fluency: certified(
        "share of counterfactuals that are as fluent as what they come from",
        wilsonInterval(
          fluent.reduce((sum, x) => sum + x, 0),
          rows,
          { confidence },
        ),
        leastFluent,
      ),
    }),
  };
}

const OPTIONS: Schema<CertifyCounterfactualOptions> = {
  styleAccuracy: numberIn(0, 1),
  contentPreservation: numberIn(0, 1),
  cycleConsistency: numberIn(0, 1),
  fluency: numberIn(0, 1),
  confidence: numberInside(0, 1),
};

const DATA = recordOf<Parameters<typeof certifyCounterfactual>[1]>({
  observed: anything,
  labels: anything,
  domains: optional(anything as Guard<readonly number[]>),
});

/** The second flip, from the first result alone. What a broken decoder left empty stays so: there is nothing to flip, and no content kept. */
function flippedBack(
  model: Matte,
  there: NdArray,
  labels: readonly number[],
  domains: readonly number[] | undefined,
  towards: (target: number[]) => StyleFlip,
): NdArray {
  const width = there.shape[1]!;
  const first = toTypedArray(there);
  const silent = (i: number): boolean =>
    model.config.observation.kind === "text" &&
    (first[i * width] === SPECIAL.pad || first[i * width] === SPECIAL.end);
  const spoken = labels.map((_, i) => i).filter((i) => !silent(i));
  if (spoken.length === 0) return there;
  const rest = domains === undefined ? {} : { domains: spoken.map((i) => domains[i]!) };
  const rows = take(there, array(spoken, { dtype: "int32" }), { axis: 0 });
  const { observed } = counterfactual(model, rows, towards(spoken.map((i) => labels[i]!)), rest);
  if (spoken.length === labels.length) return observed;
  // rows of both, each at its place
  const place = new Map(spoken.map((i, k) => [i, labels.length + k]));
  return take(
    concat([there, observed], { axis: 0 }),
    array(
      labels.map((_, i) => place.get(i) ?? i),
      { dtype: "int32" },
    ),
    { axis: 0 },
  );
}
