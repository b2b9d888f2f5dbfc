/** The schedules that trained networks come with. */
import { DomainError } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  checkOptions,
  nonNegativeNumber,
  numberInside,
  optional,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";

const RANGE = recordOf({ start: optional(anyNumber), end: optional(anyNumber) });

const COSINE = { offset: nonNegativeNumber, maxBeta: numberInside(0, 1) };

/**
 * Ends of a schedule.
 * @category Schedules
 */
export interface BetaRange {
  /** First beta, in (0, 1). */
  readonly start?: number;
  /** Last beta, in (0, 1). */
  readonly end?: number;
}

function checkRange(fn: string, start: number, end: number): void {
  if (!(start > 0 && start < 1 && end > 0 && end < 1))
    throw new DomainError(`${fn}: start and end must be in (0, 1), got ${start} and ${end}`);
}

function spaced(from: number, to: number, n: number): number[] {
  return Array.from({ length: n }, (_, i) => (n === 1 ? from : from + (i * (to - from)) / (n - 1)));
}

/**
 * Betas on a straight line.
 *
 * @param numSteps - how many, ≥ 1
 * @param range - see {@link BetaRange}; default 1e-4 to 0.02, meant for 1000 steps
 * @returns betas of `numSteps` steps
 * @throws `DomainError` when an argument is out of range
 * @example
 * ```ts
 * import { linearBetas } from "@provably/score-diffusion";
 *
 * linearBetas(1000)[999]; // => 0.02
 * ```
 * @see Ho, Jain, Abbeel (2020), "Denoising diffusion probabilistic models", section 4
 * @category Schedules
 */
export function linearBetas(numSteps: number, range: BetaRange = {}): number[] {
  check("linearBetas", "numSteps", numSteps, wholeNumber(1));
  const { start = 1e-4, end = 0.02 } = check("linearBetas", "range", range, RANGE);
  checkRange("linearBetas", start, end);
  return spaced(start, end, numSteps);
}

/**
 * Betas whose square roots lie on a straight line.
 *
 * @param numSteps - how many, ≥ 1
 * @param range - see {@link BetaRange}; default 0.00085 to 0.012, meant for 1000 steps
 * @returns betas of `numSteps` steps
 * @throws `DomainError` when an argument is out of range
 * @example
 * ```ts
 * import { scaledLinearBetas } from "@provably/score-diffusion";
 *
 * scaledLinearBetas(3, { start: 0.01, end: 0.09 })[1]; // => 0.04
 * ```
 * @see Rombach et al. (2022), "High-resolution image synthesis with latent diffusion models"
 * @category Schedules
 */
export function scaledLinearBetas(numSteps: number, range: BetaRange = {}): number[] {
  check("scaledLinearBetas", "numSteps", numSteps, wholeNumber(1));
  const { start = 0.00085, end = 0.012 } = check("scaledLinearBetas", "range", range, RANGE);
  checkRange("scaledLinearBetas", start, end);
  return spaced(Math.sqrt(start), Math.sqrt(end), numSteps).map((b) => b * b);
}

/**
 * Betas from a squared cosine of the signal power, $\beta_i = \min\lbrace1 - f(\tfrac{i+1}{T})/f(\tfrac iT),\ b\rbrace$ with $f(u) = \cos^2\!\left(\tfrac{u + s}{1 + s}\tfrac\pi2\right)$.
 *
 * @param numSteps - how many, ≥ 1
 * @param options - `offset` $s$, default 0.008; `maxBeta` $b$, default 0.999
 * @returns betas of `numSteps` steps
 * @throws `DomainError` when `offset` is below 0 or `maxBeta` not in $(0, 1)$
 * @example
 * ```ts
 * import { cosineBetas } from "@provably/score-diffusion";
 *
 * cosineBetas(10)[9]; // => 0.999
 * ```
 * @see Nichol, Dhariwal (2021), "Improved denoising diffusion probabilistic models", eq. 17
 * @category Schedules
 */
export function cosineBetas(
  numSteps: number,
  options: { readonly offset?: number; readonly maxBeta?: number } = {},
): number[] {
  check("cosineBetas", "numSteps", numSteps, wholeNumber(1));
  const { offset = 0.008, maxBeta = 0.999 } = checkOptions("cosineBetas", options, COSINE);
  const power = (u: number): number => Math.cos((((u + offset) / (1 + offset)) * Math.PI) / 2) ** 2;
  return Array.from({ length: numSteps }, (_, i) =>
    Math.min(1 - power((i + 1) / numSteps) / power(i / numSteps), maxBeta),
  );
}

/**
 * Betas along a logistic curve, flat at both ends.
 *
 * @param numSteps - how many, ≥ 1
 * @param range - see {@link BetaRange}; default 1e-4 to 0.02
 * @returns betas of `numSteps` steps
 * @throws `DomainError` when an argument is out of range
 * @example
 * ```ts
 * import { sigmoidBetas } from "@provably/score-diffusion";
 *
 * sigmoidBetas(3, { start: 0.1, end: 0.3 })[1]; // => 0.2
 * ```
 * @category Schedules
 */
export function sigmoidBetas(numSteps: number, range: BetaRange = {}): number[] {
  check("sigmoidBetas", "numSteps", numSteps, wholeNumber(1));
  const { start = 1e-4, end = 0.02 } = check("sigmoidBetas", "range", range, RANGE);
  checkRange("sigmoidBetas", start, end);
  return spaced(-6, 6, numSteps).map((u) => (end - start) / (1 + Math.exp(-u)) + start);
}
