/** Overlap of sentences with reference sentences. */
import { ShapeError } from "@provably/core-tensor";
import {
  anyList,
  anyString,
  anything,
  check,
  checkOptions,
  listOf,
  nonNegativeNumber,
  numberIn,
  oneOf,
  satisfying,
} from "@provably/core-tensor/internal";

const words = (sentence: string): string[] => sentence.split(/\s+/).filter((word) => word !== "");

/** How often each run of `n` words occurs. */
export function ngrams(list: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= list.length; i++) {
    const gram = list.slice(i, i + n).join(" ");
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

/**
 * Options of {@link corpusBleu}.
 * @category Evaluation
 */
export interface BleuOptions {
  /** Longest run of words; default 4. */
  readonly maxN?: number;
  /** Added to matches and totals of runs of two and more words, so that short texts do not score 0; default 0. */
  readonly smoothing?: number;
}

/**
 * BLEU of a corpus, times 100: the geometric mean of the shares of word runs that also stand in the reference, times a penalty for being shorter.
 *
 * $$100 \cdot \min\!\big(1, e^{1 - r/h}\big) \exp\Big(\tfrac1N \sum_{n=1}^N \ln p_n\Big)$$
 *
 * with $h$ words in all hypotheses and $r$ in the references closest in length. 0 when no run of some length matches and there is no smoothing.
 *
 * @param references - for each hypothesis one reference, or several
 * @param hypotheses - sentences to be judged
 * @param options - see {@link BleuOptions}
 * @returns number in [0, 100]
 * @throws `ShapeError` when there are not as many references as hypotheses, or none
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { corpusBleu } from "@provably/causal-latent/matte";
 *
 * corpusBleu(["the plot was very good"], ["the plot was very good"]); // => 100
 * ```
 * @see Papineni, Roukos, Ward, Zhu (2002), "BLEU: a method for automatic evaluation of machine translation"
 * @category Evaluation
 */
export function corpusBleu(
  references: readonly (string | readonly string[])[],
  hypotheses: readonly string[],
  options: BleuOptions = {},
): number {
  const { maxN = 4, smoothing = 0 } = checkOptions("corpusBleu", options, {
    maxN: anything,
    smoothing: anything,
  });
  check("corpusBleu", "hypotheses", hypotheses, listOf(anyString));
  check("corpusBleu", "references", references, anyList).forEach((entry, i) =>
    check(
      "corpusBleu",
      `references[${i}]`,
      typeof entry === "string" ? [entry] : entry,
      listOf(anyString),
    ),
  );
  if (references.length !== hypotheses.length || hypotheses.length === 0)
    throw new ShapeError(
      `corpusBleu: references must be as many as hypotheses and not none, got ${references.length} and ${hypotheses.length}`,
    );
  check(
    "corpusBleu",
    "maxN",
    maxN,
    satisfying<number>(
      "an integer from 1 to 100",
      (x) => typeof x === "number" && ((x) => Number.isInteger(x) && x >= 1 && x <= 100)(x),
    ),
  );
  check("corpusBleu", "smoothing", smoothing, nonNegativeNumber);
  const matched = new Array<number>(maxN).fill(0);
  const total = new Array<number>(maxN).fill(0);
  let [length, closest] = [0, 0];
  hypotheses.forEach((hypothesis, i) => {
    const entry = references[i]!;
    const given = (typeof entry === "string" ? [entry] : entry).map(words);
    const own = words(hypothesis);
    length += own.length;
    // the reference nearest in length, the shorter of two equally near
    closest +=
      given
        .map((r) => r.length)
        .sort((a, b) => Math.abs(a - own.length) - Math.abs(b - own.length) || a - b)[0] ?? 0;
    for (let n = 1; n <= maxN; n++) {
      const most = new Map<string, number>();
      for (const reference of given)
        for (const [gram, count] of ngrams(reference, n))
          most.set(gram, Math.max(count, most.get(gram) ?? 0));
      for (const [gram, count] of ngrams(own, n))
        matched[n - 1]! += Math.min(count, most.get(gram) ?? 0);
      total[n - 1]! += Math.max(0, own.length - n + 1);
    }
  });
  let logMean = 0;
  for (let n = 0; n < maxN; n++) {
    const add = n === 0 ? 0 : smoothing;
    const precision = (matched[n]! + add) / (total[n]! + add);
    if (!(precision > 0)) return 0;
    logMean += Math.log(precision) / maxN;
  }
  return 100 * Math.min(1, Math.exp(1 - closest / length)) * Math.exp(logMean);
}

/**
 * One number for accuracy and overlap together.
 *
 * @param accuracy - in [0, 100]
 * @param bleu - in [0, 100]
 * @param options - `mean`: `"geometric"` $\sqrt{ab}$ (default) or `"harmonic"` $2ab/(a+b)$
 * @returns number in [0, 100]
 * @example
 * ```ts
 * import { gScore } from "@provably/causal-latent/matte";
 *
 * gScore(100, 36); // => 60
 * ```
 * @category Evaluation
 */
export function gScore(
  accuracy: number,
  bleu: number,
  options: { readonly mean?: "geometric" | "harmonic" } = {},
): number {
  const { mean = "geometric" } = checkOptions("gScore", options, { mean: anything });
  check("gScore", "mean", mean, oneOf("geometric", "harmonic"));
  for (const [name, value] of Object.entries({ accuracy, bleu }))
    check("gScore", name, value, numberIn(0, 100));
  if (mean === "harmonic")
    return accuracy + bleu === 0 ? 0 : (2 * accuracy * bleu) / (accuracy + bleu);
  return Math.sqrt(accuracy * bleu);
}
