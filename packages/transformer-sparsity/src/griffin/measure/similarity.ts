/** Flocking: within a sequence the same neurons are active throughout; between sequences they differ. */
import { DomainError } from "@provably/core-tensor";
import { check, checkOptions, numberList, show, wholeNumber } from "@provably/core-tensor/internal";

/**
 * Jaccard similarity of two sets, $|A\cap B| / |A\cup B|$.
 *
 * @param a - indices, each once
 * @param b - indices, each once
 * @returns number in [0, 1]; 1 for two empty sets
 * @example
 * ```ts
 * import { jaccardSimilarity } from "@provably/transformer-sparsity/griffin";
 *
 * jaccardSimilarity([1, 2, 3], [2, 3, 4]); // => 0.5
 * ```
 * @category Measures
 */
export function jaccardSimilarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  for (const [name, set] of Object.entries({ a, b }))
    check("jaccardSimilarity", name, set, numberList);
  const first = new Set(Array.from(a));
  const common = Array.from(b).filter((j) => first.has(j)).length;
  const union = a.length + b.length - common;
  return union === 0 ? 1 : common / union;
}

/**
 * Jaccard similarity that two independent, uniformly drawn k-subsets of D have on average: about ρ/(2 − ρ).
 *
 * $$\sum_i P(|A\cap B| = i)\,\frac{i}{2k-i}$$
 *
 * with the hypergeometric law of the overlap.
 *
 * @param numNeurons - $D$
 * @param k - size of both sets, in 1 … D
 * @returns expected similarity
 * @throws `DomainError` for `k` out of range
 * @example
 * ```ts
 * import { expectedJaccard } from "@provably/transformer-sparsity/griffin";
 *
 * expectedJaccard(1000, 500).toFixed(6); // => "0.333482"
 * ```
 * @category Measures
 */
export function expectedJaccard(numNeurons: number, k: number): number {
  check("expectedJaccard", "numNeurons", numNeurons, wholeNumber(1, 2 ** 24));
  if (!Number.isInteger(k) || k < 1 || k > numNeurons)
    throw new DomainError(
      `expectedJaccard: k must be an integer in 1 … ${numNeurons}, got ${show(k)}`,
    );
  const logFactorial = new Float64Array(numNeurons + 1);
  for (let i = 1; i <= numNeurons; i++) logFactorial[i] = logFactorial[i - 1]! + Math.log(i);
  const logChoose = (n: number, i: number): number =>
    logFactorial[n]! - logFactorial[i]! - logFactorial[n - i]!;
  let sum = 0;
  for (let i = Math.max(0, 2 * k - numNeurons); i <= k; i++) {
    const logMass = logChoose(k, i) + logChoose(numNeurons - k, k - i) - logChoose(numNeurons, k);
    sum += Math.exp(logMass) * (i / (2 * k - i));
  }
  return sum;
}

/**
 * Options of {@link flockingHeatMap}.
 * @category Measures
 */
export interface HeatMapOptions {
  readonly maxTokens?: number;
  readonly maxNeurons?: number;
}
const HEAT_MAP = { maxTokens: wholeNumber(), maxNeurons: wholeNumber() };

/**
 * Relative activations of the first tokens and neurons of a layer, for a picture: vertical streaks are neurons that stay active.
 *
 * @param activations - $z$, `[tokens, D]` row by row, as a hook or {@link readPrompt} gives them
 * @param numNeurons - $D$
 * @param options - `maxTokens`, `maxNeurons`: how many to show; default 512 each
 * @returns `values` $|z_{tj}| / \lVert z_t\rVert$, row by row, and their `shape`
 * @throws `DomainError` when `activations` does not hold whole rows
 * @example
 * ```ts
 * import { flockingHeatMap } from "@provably/transformer-sparsity/griffin";
 *
 * flockingHeatMap([3, -4], 2).values; // => Float64Array.of(0.6, 0.8)
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 3, fig. 1
 * @category Measures
 */
export function flockingHeatMap(
  activations: ArrayLike<number>,
  numNeurons: number,
  options: HeatMapOptions = {},
): { readonly values: Float64Array; readonly shape: readonly [number, number] } {
  const fn = "flockingHeatMap";
  const { maxTokens = 512, maxNeurons = 512 } = checkOptions<HeatMapOptions>(fn, options, HEAT_MAP);
  check(fn, "activations", activations, numberList);
  check(fn, "numNeurons", numNeurons, wholeNumber(1));
  if (activations.length % numNeurons !== 0)
    throw new DomainError(
      `${fn}: activations must hold rows of numNeurons = ${numNeurons}, got ${activations.length} numbers`,
    );
  const shape = [
    Math.min(maxTokens, activations.length / numNeurons),
    Math.min(maxNeurons, numNeurons),
  ] as const;
  const values = new Float64Array(shape[0] * shape[1]);
  for (let t = 0; t < shape[0]; t++) {
    let energy = 0;
    for (let j = 0; j < numNeurons; j++) energy += activations[t * numNeurons + j]! ** 2;
    const norm = Math.sqrt(energy);
    for (let j = 0; j < shape[1]; j++)
      values[t * shape[1] + j] = norm === 0 ? 0 : Math.abs(activations[t * numNeurons + j]!) / norm;
  }
  return { values, shape };
}

/**
 * Gini coefficient of scores: 0 when all are equal, near 1 when few hold everything. It tells how well a layer can be pruned.
 *
 * @param scores - numbers ≥ 0, not all 0
 * @returns number in [0, 1)
 * @throws `DomainError` for a negative score, or when all are 0
 * @example
 * ```ts
 * import { giniCoefficient } from "@provably/transformer-sparsity/griffin";
 *
 * giniCoefficient([0, 0, 0, 1]); // => 0.75
 * ```
 * @category Measures
 */
export function giniCoefficient(scores: ArrayLike<number>): number {
  const sorted = Float64Array.from(check("giniCoefficient", "scores", scores, numberList)).sort();
  const total = sorted.reduce((a, b) => a + b, 0);
  if (!(total > 0 && total < Infinity) || sorted[0]! < 0)
    throw new DomainError("giniCoefficient: scores must be ≥ 0 and not all 0");
  const n = sorted.length;
  return sorted.reduce((sum, s, i) => sum + (2 * (i + 1) - n - 1) * s, 0) / (n * total);
}
