/** Noise levels of variance-exploding samplers, greatest first, ending in 0. */
import { DomainError } from "@provably/core-tensor";
import { check, checkOptions, positiveNumber, wholeNumber } from "@provably/core-tensor/internal";

const KARRAS = { sigmaMin: positiveNumber, sigmaMax: positiveNumber, rho: positiveNumber };
const RANGE = { sigmaMin: positiveNumber, sigmaMax: positiveNumber };

/**
 * Ends of a list of noise levels.
 * @category Schedules
 */
export interface SigmaRange {
  /** Smallest level before 0. */
  readonly sigmaMin?: number;
  /** Greatest level. */
  readonly sigmaMax?: number;
}

function checkSigmas(fn: string, sigmaMin: number, sigmaMax: number): void {
  if (!(sigmaMax >= sigmaMin))
    throw new DomainError(
      `${fn}: 0 < sigmaMin ≤ sigmaMax is needed, got ${sigmaMin} and ${sigmaMax}`,
    );
}

function descending(n: number, f: (u: number) => number): number[] {
  return [...Array.from({ length: n }, (_, i) => f(n === 1 ? 0 : i / (n - 1))), 0];
}

/**
 * Levels whose $\rho$-th roots are evenly spaced, then 0.
 *
 * @param numSteps - how many before the 0, ≥ 1
 * @param options - see {@link SigmaRange}, default 0.002 to 80; `rho`, default 7
 * @returns `numSteps + 1` levels
 * @throws `DomainError` when an argument is out of range
 * @example
 * ```ts
 * import { karrasSigmas } from "@provably/score-diffusion";
 *
 * karrasSigmas(1); // => [80, 0]
 * ```
 * @see Karras, Aittala, Aila, Laine (2022), "Elucidating the design space of diffusion-based generative models", eq. 5
 * @category Schedules
 */
export function karrasSigmas(
  numSteps: number,
  options: SigmaRange & { readonly rho?: number } = {},
): number[] {
  check("karrasSigmas", "numSteps", numSteps, wholeNumber(1));
  const {
    sigmaMin = 0.002,
    sigmaMax = 80,
    rho = 7,
  } = checkOptions("karrasSigmas", options, KARRAS);
  checkSigmas("karrasSigmas", sigmaMin, sigmaMax);
  const [high, low] = [sigmaMax ** (1 / rho), sigmaMin ** (1 / rho)];
  return descending(numSteps, (u) => (u === 0 ? sigmaMax : (high + u * (low - high)) ** rho));
}

/**
 * Levels evenly spaced in logarithm, then 0.
 *
 * @param numSteps - how many before the 0, ≥ 1
 * @param options - see {@link SigmaRange}; default 0.002 to 80
 * @returns `numSteps + 1` levels
 * @throws `DomainError` when an argument is out of range
 * @example
 * ```ts
 * import { exponentialSigmas } from "@provably/score-diffusion";
 *
 * exponentialSigmas(2, { sigmaMin: 1, sigmaMax: 2 })[2]; // => 0
 * ```
 * @category Schedules
 */
export function exponentialSigmas(numSteps: number, options: SigmaRange = {}): number[] {
  check("exponentialSigmas", "numSteps", numSteps, wholeNumber(1));
  const { sigmaMin = 0.002, sigmaMax = 80 } = checkOptions("exponentialSigmas", options, RANGE);
  checkSigmas("exponentialSigmas", sigmaMin, sigmaMax);
  const [high, low] = [Math.log(sigmaMax), Math.log(sigmaMin)];
  return descending(numSteps, (u) => Math.exp(high + u * (low - high)));
}
