/** Preferences as token ids, padded to one length. */
import { DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  check,
  checkOptions,
  finiteNumber,
  listOf,
  numberIn,
  numberList,
  oneOf,
  optional,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";

/**
 * A preference between two continuations of a prompt, as token ids.
 * @category Language models
 */
export interface TokenPair {
  /** At least one token: the first token of a response is scored from the one before it. */
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
  /** Probability that the chosen response is the better one, 0.5 for a tie; default 1. */
  readonly preference?: number | undefined;
  /** By how much the chosen response is better, in units of reward; default 0. */
  readonly margin?: number | undefined;
  /** Default 1. */
  readonly weight?: number | undefined;
  /** Cached $\ln\pi_{\mathrm{ref}}$ of the chosen response. */
  readonly refChosen?: number | undefined;
  /** Cached $\ln\pi_{\mathrm{ref}}$ of the rejected response. */
  readonly refRejected?: number | undefined;
}

/**
 * Pairs in rows of one length: first all chosen responses behind their prompts, then all rejected ones.
 * @category Language models
 */
export interface PaddedPairs {
  /** Token ids, int32 [2B, T]. */
  readonly tokens: NdArray<"int32">;
  /** 1 at the tokens of responses, which are scored, uint8 [2B, T]. */
  readonly mask: NdArray<"uint8">;
  /** 1 at tokens that are there and 0 at padding, uint8 [2B, T]. */
  readonly attention: NdArray<"uint8">;
}

/**
 * How rows are made equally long.
 * @category Language models
 */
export interface PaddingOptions {
  /** The token to fill up with; default 0. */
  readonly padToken?: number;
  /** The side that is filled up; default `"right"`, which causal models need no mask for. */
  readonly padding?: "left" | "right";
  /** T; default the longest row. */
  readonly length?: number;
}

export const PADDING = { padToken: wholeNumber(0), padding: oneOf("left", "right") };
const PADDED = { ...PADDING, length: wholeNumber() };

const PAIR = recordOf<TokenPair>({
  prompt: numberList,
  chosen: numberList,
  rejected: numberList,
  preference: optional(numberIn(0, 1)),
  margin: optional(finiteNumber),
  weight: optional(positiveNumber),
  refChosen: optional(finiteNumber),
  refRejected: optional(finiteNumber),
});

/** Refuses what is no list of pairs of token ids. */
export function checkPairs(fn: string, name: string, pairs: readonly TokenPair[]): void {
  check(fn, name, pairs, listOf(PAIR));
  if (pairs.length === 0) throw new DomainError(`${fn}: ${name} must hold at least one pair`);
  pairs.forEach((pair, i) => {
    for (const part of ["prompt", "chosen", "rejected"] as const) {
      if (pair[part].length === 0)
        throw new DomainError(
          `${fn}: ${name}[${i}].${part} must have at least one token${part === "prompt" ? ", such as the start token" : ""}`,
        );
      for (const token of pair[part])
        if (!(Number.isInteger(token) && token >= 0 && token < 2 ** 31))
          throw new DomainError(`${fn}: ${name}[${i}].${part} must hold token ids, got ${token}`);
    }
    if ((pair.refChosen === undefined) !== (pair.refRejected === undefined))
      throw new DomainError(`${fn}: ${name}[${i}] must have refChosen and refRejected, or neither`);
  });
}

/**
 * Pairs of token ids as rows of one length, with the mask of what is scored and of what is there.
 *
 * @param pairs - see {@link TokenPair}
 * @param options - see {@link PaddingOptions}
 * @returns see {@link PaddedPairs}
 * @throws `DomainError` for parts without tokens, what is no token id, or a `length` that a row exceeds
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { padPairs } from "@provably/rlhf-vpo";
 *
 * const { tokens, mask } = padPairs([{ prompt: [5], chosen: [6, 7], rejected: [8] }], { padding: "left" });
 * toNested(tokens); // => [[5, 6, 7], [0, 5, 8]]
 * toNested(mask); // => [[0, 1, 1], [0, 0, 1]]
 * ```
 * @category Language models
 */
export function padPairs(pairs: readonly TokenPair[], options: PaddingOptions = {}): PaddedPairs {
  const fn = "padPairs";
  const { length } = checkOptions<PaddingOptions>(fn, options, PADDED);
  checkPairs(fn, "pairs", pairs);
  const longest = longestOf(pairs);
  if (length !== undefined && length < longest)
    throw new DomainError(
      `${fn}: length is ${length}, and a prompt with its response has ${longest} tokens`,
    );
  return padded(pairs, options);
}

const longestOf = (pairs: readonly TokenPair[]): number =>
  pairs.reduce(
    (most, { prompt, chosen, rejected }) =>
      Math.max(most, prompt.length + Math.max(chosen.length, rejected.length)),
    0,
  );

/** The same for pairs that were checked. */
export function padded(
  pairs: readonly TokenPair[],
  { padToken = 0, padding = "right", length = longestOf(pairs) }: PaddingOptions,
): PaddedPairs {
  const rows = 2 * pairs.length;
  const tokens = new Int32Array(rows * length).fill(padToken);
  const [mask, attention] = [new Uint8Array(rows * length), new Uint8Array(rows * length)];
  const put = (row: number, prompt: readonly number[], response: readonly number[]): void => {
    const size = prompt.length + response.length;
    const from = row * length + (padding === "left" ? length - size : 0);
    tokens.set(prompt, from);
    tokens.set(response, from + prompt.length);
    mask.fill(1, from + prompt.length, from + size);
    attention.fill(1, from, from + size);
  };
  pairs.forEach(({ prompt, chosen, rejected }, i) => {
    put(i, prompt, chosen);
    put(pairs.length + i, prompt, rejected);
  });
  const shape = [rows, length];
  return {
    tokens: array(tokens, { dtype: "int32", shape }),
    mask: array(mask, { dtype: "uint8", shape }),
    attention: array(attention, { dtype: "uint8", shape }),
  };
}
