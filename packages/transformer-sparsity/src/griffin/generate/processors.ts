/** Functions that change the logits of the next token before it is chosen; each returns new ones. */
import { DomainError } from "@provably/core-tensor";
import {
  type Guard,
  anyFunction,
  anyList,
  check,
  finiteNumber,
  listOf,
  numberList,
  optional,
  positiveNumber,
  recordOf,
  satisfying,
  show,
  typedArray,
  wholeNumber,
} from "@provably/core-tensor/internal";

/**
 * What a processor knows beside the logits.
 * @category Text
 */
export interface ProcessorContext {
  /** Tokens so far, prompt and text. */
  readonly ids: readonly number[];
  /** How many of them are the prompt. */
  readonly promptLength: number;
}

/**
 * Takes the logits of the next token, `[vocab]`, and returns those to choose by; −∞ forbids a token. Must not write to what it is given.
 * @category Text
 */
export type LogitProcessor = (logits: Float64Array, context: ProcessorContext) => Float64Array;

const tokens = listOf(wholeNumber(0));
const contextGuard = recordOf({ ids: anyList, promptLength: wholeNumber(0) });
const float64 = typedArray("Float64Array");

/** A processor that looks at what it is given, in time that does not grow with the text. */
export function processor(fn: string, process: LogitProcessor): LogitProcessor {
  return (logits, context) => {
    check(fn, "logits", logits, float64);
    check(fn, "context", context, contextGuard);
    return process(logits, context);
  };
}

const sequence = satisfying<readonly number[]>(
  "a list of at least one token",
  (x) => Array.isArray(x) && x.length > 0 && x.every((id) => Number.isInteger(id) && id >= 0),
);

/**
 * Logits after several processors, one after another.
 *
 * @param processors - see {@link LogitProcessor}
 * @param logits - unnormalised log-probabilities, `[vocab]`
 * @param context - see {@link ProcessorContext}
 * @returns new logits in double precision
 * @throws `DomainError` when a processor returns something else than `[vocab]` numbers, or forbids every token
 * @example
 * ```ts
 * import { keepTopK, processLogits, suppressTokens } from "@provably/transformer-sparsity/griffin";
 *
 * processLogits([suppressTokens([0]), keepTopK(1)], [3, 2, 1], { ids: [], promptLength: 0 }); // => Float64Array.of(-Infinity, 2, -Infinity)
 * ```
 * @category Text
 */
export function processLogits(
  processors: readonly LogitProcessor[],
  logits: ArrayLike<number>,
  context: ProcessorContext,
): Float64Array {
  const fn = "processLogits";
  check(fn, "processors", processors, listOf(anyFunction));
  check(fn, "logits", logits, numberList);
  check(fn, "context", context, recordOf({ ids: tokens, promptLength: wholeNumber(0) }));
  return applyProcessors(fn, processors, logits, context);
}

/** The same of arguments that were looked at. */
export function applyProcessors(
  fn: string,
  processors: readonly LogitProcessor[],
  logits: ArrayLike<number>,
  context: ProcessorContext,
): Float64Array {
  let z: Float64Array = Float64Array.from(logits);
  processors.forEach((process, i) => {
    const next: unknown = process(z, context);
    if (!(next instanceof Float64Array) || next.length !== logits.length)
      throw new DomainError(
        `${fn}: processors[${i}] must return a Float64Array of ${logits.length} logits, got ${show(next)}`,
      );
    z = next;
  });
  if (!z.some((v) => v > -Infinity && v < Infinity))
    throw new DomainError(`${fn}: processors leave no token that may be chosen`);
  return z;
}

/** `logits` with −∞ at the tokens of a list that are in the vocabulary. */
function without(logits: Float64Array, forbidden: Iterable<number>): Float64Array {
  const z = logits.slice();
  for (const id of forbidden) if (id < z.length) z[id] = -Infinity;
  return z;
}

/**
 * Adds to the logits of single tokens.
 *
 * @param bias - what to add, by token
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` for keys that are no tokens and values that are not finite
 * @example
 * ```ts
 * import { logitBias } from "@provably/transformer-sparsity/griffin";
 *
 * logitBias({ 1: 5 })(Float64Array.of(1, 1), { ids: [], promptLength: 0 }); // => Float64Array.of(1, 6)
 * ```
 * @category Text
 */
export function logitBias(bias: Readonly<Record<number, number>>): LogitProcessor {
  check("logitBias", "bias", bias, recordOfNumbers);
  return sequenceBias(Object.entries(bias).map(([id, value]) => [[Number(id)], value]));
}

const leastGuard: Guard<{ readonly length?: number; readonly newTokens?: number }> = recordOf({
  length: optional(wholeNumber(0)),
  newTokens: optional(wholeNumber(0)),
});

const recordOfNumbers: Guard<object> = satisfying(
  "an object of finite numbers, whose names are tokens",
  (x) =>
    typeof x === "object" &&
    x !== null &&
    Object.entries(x).every(
      ([id, value]) => /^\d+$/.test(id) && typeof value === "number" && Number.isFinite(value),
    ),
);

/**
 * Adds to the logit of the last token of a sequence where the tokens before it stand at the end of what there is.
 *
 * @param biases - sequences and what to add
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` for empty sequences and biases that are not finite
 * @example
 * ```ts
 * import { sequenceBias } from "@provably/transformer-sparsity/griffin";
 *
 * sequenceBias([[[4, 1], 2]])(Float64Array.of(0, 0), { ids: [4], promptLength: 1 }); // => Float64Array.of(0, 2)
 * ```
 * @category Text
 */
export function sequenceBias(
  biases: readonly (readonly [sequence: readonly number[], bias: number])[],
): LogitProcessor {
  check(
    "sequenceBias",
    "biases",
    biases,
    listOf(satisfying("a pair of tokens and a bias", (x) => Array.isArray(x) && x.length === 2)),
  );
  biases.forEach(([ids, bias], i) => {
    check("sequenceBias", `biases[${i}][0]`, ids, sequence);
    check("sequenceBias", `biases[${i}][1]`, bias, finiteNumber);
  });
  return processor("sequenceBias", (logits, { ids }) => {
    const z = logits.slice();
    for (const [words, bias] of biases)
      if (endsWith(ids, words.slice(0, -1))) {
        const last = words[words.length - 1]!;
        if (last < z.length) z[last]! += bias;
      }
    return z;
  });
}

function endsWith(ids: readonly number[], end: readonly number[]): boolean {
  const from = ids.length - end.length;
  return from >= 0 && end.every((id, i) => ids[from + i] === id);
}

/**
 * Makes tokens that are there already less likely: positive logits are divided, others multiplied.
 *
 * @param penalty - above 0; 1 changes nothing
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` unless `penalty` is above 0
 * @example
 * ```ts
 * import { repetitionPenalty } from "@provably/transformer-sparsity/griffin";
 *
 * repetitionPenalty(2)(Float64Array.of(4, -4, 4), { ids: [0, 1], promptLength: 2 }); // => Float64Array.of(2, -8, 4)
 * ```
 * @see Keskar et al. (2019), "CTRL", section 4.1
 * @category Text
 */
export function repetitionPenalty(penalty: number): LogitProcessor {
  check("repetitionPenalty", "penalty", penalty, positiveNumber);
  return processor("repetitionPenalty", (logits, { ids }) => {
    const z = logits.slice();
    for (const id of new Set(ids))
      if (id < z.length) z[id] = z[id]! < 0 ? z[id]! * penalty : z[id]! / penalty;
    return z;
  });
}

/**
 * Takes from the logits of tokens that were written: `presence` once, `frequency` for each time.
 *
 * @param presence - finite
 * @param frequency - finite
 * @returns see {@link LogitProcessor}; the prompt does not count
 * @throws `DomainError` for numbers that are not finite
 * @example
 * ```ts
 * import { occurrencePenalty } from "@provably/transformer-sparsity/griffin";
 *
 * occurrencePenalty(1, 0.5)(Float64Array.of(3, 3), { ids: [0, 1, 1], promptLength: 1 }); // => Float64Array.of(3, 1)
 * ```
 * @category Text
 */
export function occurrencePenalty(presence: number, frequency: number): LogitProcessor {
  check("occurrencePenalty", "presence", presence, finiteNumber);
  check("occurrencePenalty", "frequency", frequency, finiteNumber);
  return processor("occurrencePenalty", (logits, { ids, promptLength }) => {
    const z = logits.slice();
    const counts = new Map<number, number>();
    for (const id of ids.slice(promptLength)) counts.set(id, (counts.get(id) ?? 0) + 1);
    for (const [id, count] of counts) if (id < z.length) z[id]! -= presence + frequency * count;
    return z;
  });
}

/**
 * Forbids every token that would complete a run of `size` tokens that is there already.
 *
 * @param size - an integer ≥ 1
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` unless `size` is an integer ≥ 1
 * @example
 * ```ts
 * import { noRepeatNgrams } from "@provably/transformer-sparsity/griffin";
 *
 * noRepeatNgrams(2)(Float64Array.of(0, 0, 0), { ids: [2, 1, 2], promptLength: 3 }); // => Float64Array.of(0, -Infinity, 0)
 * ```
 * @category Text
 */
export function noRepeatNgrams(size: number): LogitProcessor {
  check("noRepeatNgrams", "size", size, wholeNumber(1));
  return processor("noRepeatNgrams", (logits, { ids }) => {
    const end = ids.slice(ids.length - size + 1);
    if (ids.length < size - 1) return logits;
    const repeats: number[] = [];
    for (let i = 0; i + size <= ids.length; i++)
      if (end.every((id, j) => ids[i + j] === id)) repeats.push(ids[i + size - 1]!);
    return without(logits, repeats);
  });
}

/**
 * Forbids sequences: the last token of one where those before it stand at the end of what there is, the prompt included.
 *
 * @param sequences - each of at least one token
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` for empty sequences
 * @example
 * ```ts
 * import { forbidSequences } from "@provably/transformer-sparsity/griffin";
 *
 * forbidSequences([[2, 0], [1]])(Float64Array.of(0, 0, 0), { ids: [2], promptLength: 1 }); // => Float64Array.of(-Infinity, -Infinity, 0)
 * ```
 * @category Text
 */
export function forbidSequences(sequences: readonly (readonly number[])[]): LogitProcessor {
  check("forbidSequences", "sequences", sequences, listOf(sequence));
  return processor("forbidSequences", (logits, { ids }) => {
    const matching = sequences.filter((words) => endsWith(ids, words.slice(0, -1)));
    return without(
      logits,
      matching.map((words) => words[words.length - 1]!),
    );
  });
}

/**
 * Forbids the tokens that end a text before it is long enough.
 *
 * @param endTokens - tokens that end a text
 * @param least - `length`: of prompt and text together; `newTokens`: of the text alone
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` for lengths that are no integers ≥ 0
 * @example
 * ```ts
 * import { leastLength } from "@provably/transformer-sparsity/griffin";
 *
 * leastLength([1], { newTokens: 1 })(Float64Array.of(0, 0), { ids: [0, 0], promptLength: 2 }); // => Float64Array.of(0, -Infinity)
 * ```
 * @category Text
 */
export function leastLength(
  endTokens: readonly number[],
  least: { readonly length?: number; readonly newTokens?: number },
): LogitProcessor {
  check("leastLength", "endTokens", endTokens, tokens);
  const { length = 0, newTokens = 0 } = check("leastLength", "least", least, leastGuard);
  return processor("leastLength", (logits, { ids, promptLength }) =>
    ids.length < length || ids.length - promptLength < newTokens
      ? without(logits, endTokens)
      : logits,
  );
}

/**
 * Forbids tokens.
 *
 * @param forbidden - tokens
 * @param onlyFirst - whether only the first new token is meant; default false
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` for a list of something else than tokens
 * @example
 * ```ts
 * import { suppressTokens } from "@provably/transformer-sparsity/griffin";
 *
 * suppressTokens([0])(Float64Array.of(1, 2), { ids: [], promptLength: 0 }); // => Float64Array.of(-Infinity, 2)
 * ```
 * @category Text
 */
export function suppressTokens(forbidden: readonly number[], onlyFirst = false): LogitProcessor {
  check("suppressTokens", "forbidden", forbidden, tokens);
  return processor("suppressTokens", (logits, { ids, promptLength }) =>
    onlyFirst && ids.length !== promptLength ? logits : without(logits, forbidden),
  );
}

/**
 * Lets through only tokens that a function allows: a grammar, a list, a form.
 *
 * @param allowed - gets the tokens so far and a token, and says whether it may come next
 * @returns see {@link LogitProcessor}
 * @throws `DomainError` unless `allowed` is a function
 * @example
 * ```ts
 * import { allowTokens } from "@provably/transformer-sparsity/griffin";
 *
 * const rising = allowTokens((ids, token) => token > ids[ids.length - 1]!);
 * rising(Float64Array.of(1, 2, 3), { ids: [1], promptLength: 1 }); // => Float64Array.of(-Infinity, -Infinity, 3)
 * ```
 * @category Text
 */
export function allowTokens(
  allowed: (ids: readonly number[], token: number) => boolean,
): LogitProcessor {
  check("allowTokens", "allowed", allowed, anyFunction);
  return processor("allowTokens", (logits, { ids }) =>
    logits.map((z, token) => (allowed(ids, token) ? z : -Infinity)),
  );
}
