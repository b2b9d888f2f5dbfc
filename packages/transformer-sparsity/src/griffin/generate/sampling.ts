/** From logits to the next token: processors in the order of Hugging Face, then one draw by inverse distribution function. */
import { DomainError } from "@provably/core-tensor";
import {
  type Guard,
  check,
  checkOptions,
  listOf,
  nonNegativeNumber,
  numberIn,
  numberList,
  positiveNumber,
  satisfying,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { optionsGuard } from "../../internal/options.js";

/**
 * How the next token is chosen. Without any option the distribution is the model's own.
 * @category Text
 */
export interface SamplingOptions {
  /** Divides the logits, ≥ 0; 0 takes the most likely token. Default 1. */
  readonly temperature?: number;
  /** Keeps logits at or above the k-th largest, an integer ≥ 1; default all. */
  readonly topK?: number;
  /** Keeps the most likely tokens that together have at least this probability, in (0, 1]; default 1. */
  readonly topP?: number;
  /** Keeps tokens with at least this share of the greatest probability, in [0, 1]; default 0. */
  readonly minP?: number;
  /** Divides positive logits of tokens that the sequence already holds, and multiplies negative ones; > 0, default 1. */
  readonly repetitionPenalty?: number;
}

const SAMPLING = {
  temperature: nonNegativeNumber,
  topK: wholeNumber(),
  topP: satisfying<number>("in (0, 1]", (x) => typeof x === "number" && x > 0 && x <= 1),
  minP: numberIn(0, 1),
  repetitionPenalty: positiveNumber,
};

/** The same as a field of other options. */
export const samplingGuard: Guard<SamplingOptions> = optionsGuard<SamplingOptions>(SAMPLING);

/**
 * Probabilities of the next token after all processors: repetition penalty, temperature, top-k, top-p, min-p.
 *
 * @param logits - unnormalised log-probabilities, `[vocab]`
 * @param context - tokens so far, which only the repetition penalty looks at
 * @param options - see {@link SamplingOptions}
 * @returns probabilities in double precision, `[vocab]`; for temperature 0 all on the most likely token, the first of equals
 * @throws `DomainError` for options out of range, or logits without a finite maximum
 * @example
 * ```ts
 * import { nextTokenProbabilities } from "@provably/transformer-sparsity/griffin";
 *
 * Array.from(nextTokenProbabilities([0, Math.log(3), 0.5], [], { topK: 2 }), (p) => p.toFixed(3)); // => ["0.000", "0.645", "0.355"]
 * ```
 * @see Holtzman et al. (2020), "The curious case of neural text degeneration", section 3.1; Keskar et al. (2019), "CTRL", section 4.1
 * @category Text
 */
export function nextTokenProbabilities(
  logits: ArrayLike<number>,
  context: readonly number[] = [],
  options: SamplingOptions = {},
): Float64Array {
  const fn = "nextTokenProbabilities";
  const given = checkOptions<SamplingOptions>(fn, options, SAMPLING);
  check(fn, "logits", logits, numberList);
  for (const id of check(fn, "context", context, listOf(wholeNumber(0))))
    if (id >= logits.length)
      throw new DomainError(`${fn}: context must hold tokens 0 … ${logits.length - 1}, got ${id}`);
  return probabilitiesOf(fn, logits, context, given);
}

/** The same of arguments that were looked at. */
export function probabilitiesOf(
  fn: string,
  logits: ArrayLike<number>,
  context: readonly number[],
  options: SamplingOptions,
): Float64Array {
  const { temperature = 1, topK, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  const z = Float64Array.from(logits);
  if (repetitionPenalty !== 1)
    for (const id of new Set(context))
      z[id] = z[id]! > 0 ? z[id]! / repetitionPenalty : z[id]! * repetitionPenalty;
  const peak = z.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(peak))
    throw new DomainError(`${fn}: logits have no finite maximum (${peak})`);
  if (temperature === 0) return z.map((_, i) => Number(i === z.indexOf(peak)));
  if (temperature !== 1) for (let i = 0; i < z.length; i++) z[i]! /= temperature;
  if (topK !== undefined && topK < z.length) {
    const least = z.slice().sort()[z.length - topK]!;
    for (let i = 0; i < z.length; i++) if (z[i]! < least) z[i] = -Infinity;
  }
  if (topP < 1) keepNucleus(z, topP);
  if (minP > 0) {
    const p = softmax(z);
    const least = minP * p.reduce((a, b) => Math.max(a, b), 0);
    for (let i = 0; i < z.length; i++) if (p[i]! < least) z[i] = -Infinity;
  }
  return softmax(z);
}

/** Drops tokens from the least likely on while those dropped have at most 1 − p. */
function keepNucleus(z: Float64Array, topP: number): void {
  const p = softmax(z);
  const ascending = Array.from(z.keys()).sort((a, b) => z[a]! - z[b]! || a - b);
  let dropped = 0;
  for (const i of ascending.slice(0, -1)) {
    dropped += p[i]!;
    if (dropped > 1 - topP) return;
    z[i] = -Infinity;
  }
}

function softmax(z: Float64Array): Float64Array {
  const peak = z.reduce((a, b) => Math.max(a, b), -Infinity);
  const p = z.map((v) => Math.exp(v - peak));
  const total = p.reduce((a, b) => a + b, 0);
  return p.map((v) => v / total);
}

/**
 * The first token whose cumulative probability exceeds a uniform number.
 *
 * @param probabilities - `[vocab]`, summing to 1
 * @param u - uniform in [0, 1)
 * @returns token number
 * @example
 * ```ts
 * import { drawToken } from "@provably/transformer-sparsity/griffin";
 *
 * drawToken([0.25, 0.75], 0.3); // => 1
 * ```
 * @category Text
 */
export function drawToken(probabilities: ArrayLike<number>, u: number): number {
  check("drawToken", "probabilities", probabilities, numberList);
  check("drawToken", "u", u, uniformNumber);
  let sum = 0;
  let last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i]! > 0) last = i;
    sum += probabilities[i]!;
    if (sum > u) return i;
  }
  return last; // rounding left the sum below u
}

const uniformNumber = satisfying<number>(
  "in [0, 1)",
  (x) => typeof x === "number" && x >= 0 && x < 1,
);

/** The most likely token, the first of equals. */
export function greedyToken(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** Logarithm of the probability that logits give to each token. */
export function logProbability(logits: ArrayLike<number>): (token: number) => number {
  let peak = -Infinity;
  for (let i = 0; i < logits.length; i++) peak = Math.max(peak, logits[i]!);
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += Math.exp(logits[i]! - peak);
  const normalizer = peak + Math.log(total);
  return (token) => logits[token]! - normalizer;
}
