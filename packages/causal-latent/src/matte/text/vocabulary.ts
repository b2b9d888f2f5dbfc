/** Words as numbers. Four numbers are signs: 0 padding, 1 start, 2 end, 3 a word that is not known. */
import {
  DomainError,
  FormatError,
  type NdArray,
  ShapeError,
  array,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyRecord,
  anyString,
  anything,
  check,
  checkOptions,
  listOf,
  satisfying,
  show,
  tensor,
} from "@provably/core-tensor/internal";
import { SPECIAL } from "../network/text.js";

/**
 * The words of a corpus in the order of their numbers, signs first.
 * @category Text
 */
export interface Vocabulary {
  /** `words[i]` is word number `i`. */
  readonly words: readonly string[];
}

const LABELS: ReadonlyMap<string, number> = new Map([
  ["0", 0],
  ["1", 1],
  ["?", -1],
]);

/** Throws unless a vocabulary is what {@link vocabularyOf} makes. */
export function checkVocabulary(fn: string, vocabulary: Vocabulary): void {
  check(
    fn,
    "vocabulary.words",
    check(fn, "vocabulary", vocabulary, anyRecord).words,
    listOf(anyString),
  );
}

const SIGNS = ["<pad>", "<s>", "</s>", "<unk>"];

const split = (sentence: string): string[] =>
  sentence
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");

/**
 * The vocabulary of some sentences: the four signs, then the words in alphabetical order.
 *
 * @param sentences - words separated by blanks
 * @param options - `minCount`: words that occur less often are left out; default 1
 * @returns see {@link Vocabulary}
 * @example
 * ```ts
 * import { vocabularyOf } from "@provably/causal-latent/matte";
 *
 * vocabularyOf(["the soup was good", "the plot was dull"]).words.length; // => 10
 * ```
 * @category Text
 */
export function vocabularyOf(
  sentences: readonly string[],
  options: { readonly minCount?: number } = {},
): Vocabulary {
  const { minCount = 1 } = checkOptions("vocabularyOf", options, { minCount: anything });
  check(
    "vocabularyOf",
    "minCount",
    minCount,
    satisfying<number>("a number", (x) => typeof x === "number" && ((x) => !Number.isNaN(x))(x)),
  );
  check("vocabularyOf", "sentences", sentences, listOf(anyString));
  const counts = new Map<string, number>();
  for (const sentence of sentences)
    for (const word of split(sentence)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const words = [...counts].flatMap(([word, n]) =>
    n >= minCount && !SIGNS.includes(word) ? [word] : [],
  );
  return { words: [...SIGNS, ...words.sort()] };
}

/**
 * Sentences as rows of word numbers, each ended by 2 and padded with 0.
 *
 * @param vocabulary - from {@link vocabularyOf}
 * @param sentences - words separated by blanks
 * @param options - `length`: numbers in a row, longer sentences are cut; default that of the longest sentence
 * @returns `tokens` `[N, T]` int32, and how many words were `unknown` and became 3
 * @throws `DomainError` when there is no sentence, or an empty one
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { encodeSentences, vocabularyOf } from "@provably/causal-latent/matte";
 *
 * const { tokens, unknown } = encodeSentences(vocabularyOf(["a b"]), ["b a", "c"]);
 * toNested(tokens); // => [[5, 4, 2], [3, 2, 0]]
 * unknown; // => 1
 * ```
 * @category Text
 */
export function encodeSentences(
  vocabulary: Vocabulary,
  sentences: readonly string[],
  options: { readonly length?: number } = {},
): { readonly tokens: NdArray<"int32">; readonly unknown: number } {
  checkVocabulary("encodeSentences", vocabulary);
  checkOptions("encodeSentences", options, { length: anything });
  if (check("encodeSentences", "sentences", sentences, listOf(anyString)).length === 0)
    throw new DomainError("encodeSentences: sentences must not be empty, got none");
  const lists = sentences.map(split);
  lists.forEach((list, i) => {
    if (list.length === 0)
      throw new DomainError(
        `encodeSentences: sentences[${i}] must hold a word, got ${JSON.stringify(sentences[i])}`,
      );
  });
  const length = options.length ?? lists.reduce((n, list) => Math.max(n, list.length + 1), 0);
  check(
    "encodeSentences",
    "length",
    length,
    satisfying<number>(
      "an integer ≥ 2 and at most 10⁶",
      (x) => typeof x === "number" && ((x) => Number.isInteger(x) && x >= 2 && x <= 1e6)(x),
    ),
  );
  const numbers = new Map(vocabulary.words.map((word, i) => [word, i]));
  const tokens = new Int32Array(lists.length * length);
  let unknown = 0;
  lists.forEach((list, i) => {
    const kept = list.slice(0, length - 1);
    kept.forEach((word, t) => {
      const number = numbers.get(word);
      if (number === undefined) unknown++;
      tokens[i * length + t] = number ?? SPECIAL.unknown;
    });
    tokens[i * length + kept.length] = SPECIAL.end;
  });
  return {
    tokens: array<"int32">(tokens, { shape: [lists.length, length], copy: false }),
    unknown,
  };
}

/**
 * Rows of word numbers as sentences, each up to its end sign.
 *
 * @param vocabulary - from {@link vocabularyOf}
 * @param tokens - word numbers `[N, T]`
 * @returns N sentences
 * @throws `DomainError` when a number is not in the vocabulary
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { decodeSentences, vocabularyOf } from "@provably/causal-latent/matte";
 *
 * decodeSentences(vocabularyOf(["a b"]), array([[5, 4, 2], [4, 2, 0]], { dtype: "int32" })); // => ["b a", "a"]
 * ```
 * @category Text
 */
export function decodeSentences(vocabulary: Vocabulary, tokens: NdArray): string[] {
  checkVocabulary("decodeSentences", vocabulary);
  if (check("decodeSentences", "tokens", tokens, tensor).shape.length !== 2)
    throw new ShapeError(
      `decodeSentences: tokens must have shape [B, T], got [${tokens.shape.join(", ")}]`,
    );
  const [rows, width] = tokens.shape as [number, number];
  const numbers = toTypedArray(tokens);
  return Array.from({ length: rows }, (_, i) => {
    const words: string[] = [];
    for (let t = 0; t < width; t++) {
      const number = numbers[i * width + t]!;
      if (number === SPECIAL.end || number === SPECIAL.pad) break;
      const word = vocabulary.words[number];
      if (word === undefined)
        throw new DomainError(
          `decodeSentences: tokens[${i}][${t}] must be in [0, ${vocabulary.words.length}), got ${number}`,
        );
      words.push(word);
    }
    return words.join(" ");
  });
}

/**
 * Labelled sentences from lines `label<TAB>sentence` or `label<TAB>domain<TAB>sentence`, as published corpora keep them.
 *
 * @param lines - lines of a file; empty ones are left out
 * @returns `sentences` in small letters, `labels` 0 or 1 (−1 where the file has `?`), `domains` numbered by `domainNames`, which are in order of appearance
 * @throws `FormatError` when a line has no tab, another label or no words, naming the line
 * @example
 * ```ts
 * import { readLabelledText } from "@provably/causal-latent/matte";
 *
 * const { labels, domains, domainNames } = readLabelledText(["1\tfilm\tA fine plot", "0\tfood\tstale soup"]);
 * [labels, domains, domainNames]; // => [[1, 0], [0, 1], ["film", "food"]]
 * ```
 * @category Text
 */
export function readLabelledText(lines: readonly string[]): {
  readonly sentences: readonly string[];
  readonly labels: readonly number[];
  readonly domains: readonly number[];
  readonly domainNames: readonly string[];
} {
  const domainNames: string[] = [];
  const rows = check("readLabelledText", "lines", lines, listOf(anyString)).flatMap((line, i) => {
    if (line.trim() === "") return [];
    const cells = line.split("\t");
    const label = LABELS.get(cells[0]!.trim());
    const sentence = split((cells.at(-1) ?? "").toLowerCase()).join(" ");
    if (cells.length < 2 || cells.length > 3 || label === undefined || sentence === "")
      throw new FormatError(
        `readLabelledText: lines[${i}] must be a label 0, 1 or ?, a tab, perhaps a domain and a tab, and words, got ${show(line)}`,
      );
    const name = cells.length === 3 ? cells[1]!.trim() : "";
    if (!domainNames.includes(name)) domainNames.push(name);
    return [{ sentence, label, domain: domainNames.indexOf(name) }];
  });
  return {
    sentences: rows.map((row) => row.sentence),
    labels: rows.map((row) => row.label),
    domains: rows.map((row) => row.domain),
    domainNames,
  };
}
