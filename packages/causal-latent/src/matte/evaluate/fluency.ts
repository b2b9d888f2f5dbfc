/** How natural sentences are: their perplexity under a model of word triples. */
import { DomainError } from "@provably/core-tensor";
import {
  anyList,
  anyRecord,
  anyString,
  anything,
  check,
  checkOptions,
  finiteNumber,
  listOf,
  positiveNumber,
  satisfying,
  wholeNumber,
} from "@provably/core-tensor/internal";

const words = (sentence: string): string[] => sentence.split(/\s+/).filter((word) => word !== "");

/**
 * What follows a context: how often each word, or in lower orders, after how many different words.
 * @category Evaluation
 */
export interface Followers {
  /** Count of each word. */
  readonly counts: ReadonlyMap<string, number>;
  /** Sum of the counts. */
  readonly total: number;
}

/**
 * Counts of an interpolated Kneser-Ney model.
 * @category Evaluation
 */
export interface NgramModel {
  /** Length of the runs. */
  readonly order: number;
  /** Number of different words, the end sign included. */
  readonly size: number;
  /** Amount taken from every count, for the orders 1, 2, …; $n_1 / (n_1 + 2 n_2)$. */
  readonly discounts: readonly number[];
  /** `tables[k]` maps contexts of `k` words to what follows them. */
  readonly tables: readonly ReadonlyMap<string, Followers>[];
}

const START = "<s>";
const END = "</s>";

function padded(sentence: string, order: number): string[] {
  return [...new Array<string>(order - 1).fill(START), ...words(sentence), END];
}

/**
 * A model of runs of words with interpolated Kneser-Ney smoothing: lower orders count after how many different words a word stands.
 *
 * @param sentences - words separated by blanks
 * @param options - `order`: length of the runs, default 3
 * @returns see {@link NgramModel}
 * @throws `DomainError` when there is no sentence or the order is out of range
 * @example
 * ```ts
 * import { ngramPerplexity, trainLanguageModel } from "@provably/causal-latent/matte";
 *
 * const model = trainLanguageModel(["the soup was good", "the plot was good"]);
 * ngramPerplexity(model, ["the soup was good"]) < ngramPerplexity(model, ["good was soup the"]); // => true
 * ```
 * @see Chen, Goodman (1999), "An empirical study of smoothing techniques for language modeling", section 2.7
 * @category Evaluation
 */
export function trainLanguageModel(
  sentences: readonly string[],
  options: { readonly order?: number } = {},
): NgramModel {
  const { order = 3 } = checkOptions("trainLanguageModel", options, { order: anything });
  check(
    "trainLanguageModel",
    "order",
    order,
    satisfying<number>(
      "an integer from 1 to 100",
      (x) => typeof x === "number" && ((x) => Number.isInteger(x) && x >= 1 && x <= 100)(x),
    ),
  );
  if (check("trainLanguageModel", "sentences", sentences, listOf(anyString)).length === 0)
    throw new DomainError("trainLanguageModel: sentences must not be empty, got none");
  const raw: Map<string, Map<string, number>>[] = Array.from(
    { length: order },
    () => new Map<string, Map<string, number>>(),
  );
  const increase = (k: number, context: string, word: string, by: number): void => {
    let followers = raw[k]!.get(context);
    if (followers === undefined) raw[k]!.set(context, (followers = new Map<string, number>()));
    followers.set(word, (followers.get(word) ?? 0) + by);
  };
  for (const sentence of sentences) {
    const list = padded(sentence, order);
    for (let i = order - 1; i < list.length; i++)
      increase(order - 1, list.slice(i - order + 1, i).join(" "), list[i]!, 1);
  }
  // one lower: each different run counts once for its tail
  for (let k = order - 1; k > 0; k--)
    for (const [context, followers] of raw[k]!)
      for (const word of followers.keys())
        increase(k - 1, context.split(" ").slice(1).join(" "), word, 1);
  const discounts = raw.map((table) => {
    let [once, twice] = [0, 0];
    for (const followers of table.values())
      for (const count of followers.values()) {
        if (count === 1) once++;
        if (count === 2) twice++;
      }
    return once === 0 ? 0.5 : once / (once + 2 * twice);
  });
  const size = new Set(sentences.flatMap(words)).size + 1;
  const tables = raw.map(
    (table) =>
      new Map(
        [...table].map(([context, counts]) => [
          context,
          { counts, total: [...counts.values()].reduce((a, b) => a + b, 0) },
        ]),
      ),
  );
  return { order, size, discounts, tables };
}

function probability(model: NgramModel, context: readonly string[], word: string): number {
  // one share of the uniform law is kept for words never seen
  let p = 1 / (model.size + 1);
  for (let k = 0; k < model.order; k++) {
    const followers = model.tables[k]!.get(context.slice(context.length - k).join(" "));
    if (followers === undefined) break;
    const { counts, total } = followers;
    const discount = model.discounts[k]!;
    p = (Math.max(0, (counts.get(word) ?? 0) - discount) + discount * counts.size * p) / total;
  }
  return p;
}

/**
 * Perplexity of sentences: the exponential of the mean negative log-probability of their words and end signs. Lower is more fluent.
 *
 * @param model - from {@link trainLanguageModel}
 * @param sentences - words separated by blanks
 * @returns number ≥ 1
 * @throws `DomainError` when there is no sentence
 * @example
 * ```ts
 * import { ngramPerplexity, trainLanguageModel } from "@provably/causal-latent/matte";
 *
 * ngramPerplexity(trainLanguageModel(["a b", "a b", "a c"]), ["a b"]) > 1; // => true
 * ```
 * @category Evaluation
 */
export function ngramPerplexity(model: NgramModel, sentences: readonly string[]): number {
  const { order, size, discounts, tables } = check("ngramPerplexity", "model", model, anyRecord);
  check("ngramPerplexity", "model.order", order, wholeNumber());
  check("ngramPerplexity", "model.size", size, positiveNumber);
  const fits =
    check("ngramPerplexity", "model.tables", tables, anyList).length === order &&
    tables.every((table) => Object.prototype.toString.call(table) === "[object Map]");
  if (
    !fits ||
    check("ngramPerplexity", "model.discounts", discounts, listOf(finiteNumber)).length !== order
  )
    throw new DomainError("ngramPerplexity: model must be made by trainLanguageModel()");
  if (check("ngramPerplexity", "sentences", sentences, listOf(anyString)).length === 0)
    throw new DomainError("ngramPerplexity: sentences must not be empty, got none");
  let [total, count] = [0, 0];
  for (const sentence of sentences) {
    const own = surprise(model, sentence);
    total += own.nats;
    count += own.count;
  }
  return Math.exp(total / count);
}

/** Negative log-probability of a sentence, and the number of its words and end sign. */
export function surprise(model: NgramModel, sentence: string): { nats: number; count: number } {
  const list = padded(sentence, model.order);
  let nats = 0;
  for (let i = model.order - 1; i < list.length; i++)
    nats -= Math.log(probability(model, list.slice(i - model.order + 1, i), list[i]!));
  return { nats, count: list.length - model.order + 1 };
}
