/** Choosing k of D neurons by their scores. */
import { DomainError, toTypedArray } from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  numberList,
  oneOf,
  show,
} from "@provably/core-tensor/internal";

import { type RngKey, choice, uniform } from "@provably/core-tensor/random";

/**
 * How neurons are chosen: the k best (`topK`); k draws without replacement in proportion to the scores (`sample`); the best half of k, and draws for the
 * other half (`topKSample`); or any k (`random`).
 * @category Sparsity
 */
export type SelectionMethod = "topK" | "sample" | "topKSample" | "random";

/**
 * Options of {@link selectNeurons}.
 * @category Sparsity
 */
export interface SelectionOptions {
  /** Default `topK`, the paper's choice. */
  readonly method?: SelectionMethod;
  /** Random key, needed by all methods but `topK`. */
  readonly key?: RngKey;
}

/**
 * Indices of `k` neurons chosen by score, ascending.
 *
 * The k best are the k-subset that minimises $\sum_{j \notin E} s_j^2$, the squared relative error of the activations over the prompt. Of equal scores the lower index goes first.
 * Draws without replacement are an exponential race: the k smallest $e_j / s_j$ with $e_j \sim \operatorname{Exp}(1)$. Neurons of score 0 come last, by index.
 *
 * @param scores - $s$, `[D]`, ≥ 0
 * @param k - how many, an integer in 0 … D
 * @param options - see {@link SelectionOptions}
 * @returns `k` indices, ascending
 * @throws `DomainError` for `k` out of range, scores that are negative or not finite, or a missing key
 * @example
 * ```ts
 * import { selectNeurons } from "@provably/transformer-sparsity/griffin";
 *
 * selectNeurons([0.1, 0.9, 0.5], 2); // => Int32Array.of(1, 2)
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", sections 4.2 and 5.3
 * @category Sparsity
 */
export function selectNeurons(
  scores: ArrayLike<number>,
  k: number,
  options: SelectionOptions = {},
): Int32Array {
  check("selectNeurons", "scores", scores, numberList);
  if (!Number.isInteger(k) || k < 0 || k > scores.length)
    throw new DomainError(
      `selectNeurons: k must be an integer in 0 … ${scores.length}, got ${show(k)}`,
    );
  const given = checkOptions<SelectionOptions>("selectNeurons", options, SELECTION);
  return chooseNeurons("selectNeurons", scores, k, given);
}

export const METHOD = oneOf("topK", "sample", "topKSample", "random");
const SELECTION = { method: METHOD, key: anything };

/** The same of options that were looked at. */
export function chooseNeurons(
  fn: string,
  scores: ArrayLike<number>,
  k: number,
  { method = "topK", key }: SelectionOptions,
): Int32Array {
  const s = Float64Array.from(scores);
  s.forEach((value, j) => {
    if (!(value >= 0 && value < Infinity))
      throw new DomainError(`${fn}: scores[${j}] must be finite and ≥ 0, got ${value}`);
  });
  if (method === "topK") return largest(s, k);
  if (key === undefined)
    throw new DomainError(`${fn}: method ${show(method)} draws at random and needs a key`);
  if (method === "random")
    return Int32Array.from(toTypedArray(choice(key, s.length, [k], { replace: false }))).sort();
  if (method === "sample") return largest(race(s, key), k);
  const sure = largest(s, Math.floor(k / 2));
  const rest = race(s, key);
  for (const j of sure) rest[j] = Infinity;
  return largest(rest, k);
}

/** Keys of a race whose k largest are k successive draws in proportion to s; a score of 0 gives 0. */
function race(s: Float64Array, key: RngKey): Float64Array {
  const u = toTypedArray(uniform(key, [s.length], { dtype: "float64" }));
  return s.map((score, j) =>
    score === 0 ? 0 : score / Math.max(-Math.log(1 - u[j]!), Number.MIN_VALUE),
  );
}

/** Ascending indices of the k largest; of equals the first. */
function largest(s: Float64Array, k: number): Int32Array {
  const chosen = new Int32Array(k);
  if (k === 0) return chosen;
  const least = s.slice().sort()[s.length - k]!;
  let ties = k;
  for (const value of s) if (value > least) ties--;
  let at = 0;
  for (let j = 0; j < s.length; j++)
    if (s[j]! > least || (s[j] === least && ties-- > 0)) chosen[at++] = j;
  return chosen;
}
