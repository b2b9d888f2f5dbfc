/** Token log-probabilities of pairs, as TRL sums and averages them. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  div,
  isNdArray,
  logSumExp,
  maximum,
  mul,
  neg,
  sub,
  sum,
} from "@provably/core-tensor";
import { anything, optional } from "@provably/core-tensor/internal";
import { finite, read } from "../../arrays.js";

/**
 * Log-probabilities of the tokens of pairs, [B, T]. Where a mask is 0 they count as 0, whatever they are.
 * @category Losses of TRL
 */
export interface TokenPairs {
  /** $\ln\pi$ of the tokens of chosen responses, [B, T]. */
  readonly chosen: ArrayInput;
  /** $\ln\pi$ of the tokens of rejected responses, [B, T]. */
  readonly rejected: ArrayInput;
  /** 1 where a token belongs to the chosen response, [B, T]. */
  readonly chosenMask: ArrayInput;
  /** 1 where a token belongs to the rejected response, [B, T]. */
  readonly rejectedMask: ArrayInput;
}

/**
 * The same with a reference.
 * @category Losses of TRL
 */
export interface ReferencedTokens extends TokenPairs {
  readonly refChosen: ArrayInput;
  readonly refRejected: ArrayInput;
  /** $\ln\sum_v \pi(v)^2$ at every chosen token, [B, T], for `wpo`. */
  readonly chosenCollision?: ArrayInput | undefined;
  /** The same at every rejected token. */
  readonly rejectedCollision?: ArrayInput | undefined;
}

export const TOKENS = {
  chosen: anything,
  rejected: anything,
  chosenMask: anything,
  rejectedMask: anything,
};
export const REFERENCED = {
  ...TOKENS,
  refChosen: anything,
  refRejected: anything,
  chosenCollision: optional(anything),
  rejectedCollision: optional(anything),
};

export const rowSum = (x: NdArray): NdArray => sum(x, { axis: 1 });

export interface Rows {
  readonly mask: NdArray;
  readonly counts: NdArray;
}

/** An array as it is, so that differentiation goes through it, or numbers. */
export function numeric(fn: string, name: string, x: ArrayInput): NdArray {
  return isNdArray(x) ? x : read(fn, name, x);
}

export function matrix(fn: string, name: string, x: ArrayInput, like?: NdArray): NdArray {
  const given = numeric(fn, name, x);
  const want = like ? `[${like.shape.join(", ")}]` : "[B, T]";
  if (given.shape.length !== 2 || (like && given.shape.join() !== like.shape.join()))
    throw new ShapeError(`${fn}: ${name} must have shape ${want}, got [${given.shape.join(", ")}]`);
  return given;
}

export function masked(fn: string, name: string, x: ArrayInput, like: NdArray): Rows {
  const mask = matrix(fn, name, x, like);
  finite(fn, name, mask).forEach((m, i) => {
    if (m !== 0 && m !== 1)
      throw new DomainError(`${fn}: ${name} must be 0 or 1, got ${m} at flat index ${i}`);
  });
  const plain = read(fn, name, mask);
  return { mask: plain, counts: rowSum(plain) };
}

/** Mean of −ln π over all tokens of the chosen responses together. */
export function pooledNll(logps: NdArray, { mask, counts }: Rows): NdArray {
  return div(neg(sum(mul(logps, mask))), maximum(sum(counts), 1));
}

/** Sums or means over the tokens of both responses. */
export function sums(
  fn: string,
  batch: TokenPairs,
  average: boolean,
): { readonly tokens: NdArray; readonly up: Rows; readonly logps: readonly [NdArray, NdArray] } {
  const tokens = matrix(fn, "chosen", batch.chosen);
  const up = masked(fn, "chosenMask", batch.chosenMask, tokens);
  const down = masked(fn, "rejectedMask", batch.rejectedMask, tokens);
  const rejected = matrix(fn, "rejected", batch.rejected, tokens);
  const of = (x: NdArray, { mask, counts }: Rows): NdArray => {
    const total = rowSum(mul(x, mask));
    return average ? div(total, maximum(counts, 1)) : total;
  };
  return { tokens, up, logps: [of(tokens, up), of(rejected, down)] };
}

/**
 * $\ln\sum_v \pi(v)^2$ of every position, for WPO: the logarithm of the probability that two tokens drawn there are the same.
 *
 * @param logits - [B, T, V]
 * @returns [B, T]
 * @throws `ShapeError` unless logits have three axes
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { logCollision } from "@provably/rlhf-vpo/baselines";
 *
 * toNested(logCollision([[[0, 0]]]))[0][0].toFixed(6); // => "-0.693147"
 * ```
 * @category Losses of TRL
 */
export function logCollision(logits: ArrayInput): NdArray {
  const x = numeric("logCollision", "logits", logits);
  if (x.shape.length !== 3)
    throw new ShapeError(
      `logCollision: logits must have shape [B, T, V], got [${x.shape.join(", ")}]`,
    );
  return sub(logSumExp(mul(2, x), { axis: -1 }), mul(2, logSumExp(x, { axis: -1 })));
}
