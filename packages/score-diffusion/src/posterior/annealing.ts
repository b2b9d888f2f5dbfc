/** The sequence of noise levels that posterior sampling runs through. */
import { DomainError } from "@provably/core-tensor";
import { checkOptions, positiveNumber, wholeNumber } from "@provably/core-tensor/internal";

const OPTIONS = {
  start: positiveNumber,
  end: positiveNumber,
  hold: wholeNumber(0),
  decay: wholeNumber(0),
  stay: wholeNumber(0),
};

/**
 * Options of {@link annealing}.
 * @category Posterior sampling
 */
export interface AnnealingOptions {
  /** First $\eta$; default 0.4, published for images in $[-1, 1]$. */
  readonly start?: number;
  /** Last $\eta$; default 0.16. Below it should lie neither the noise of the measurement nor the finest structure of the data. */
  readonly end?: number;
  /** Rounds at `start` before it falls; default 4. */
  readonly hold?: number;
  /** Rounds in which it falls geometrically from `start` to `end`; default 12. */
  readonly decay?: number;
  /** More rounds at `end`, whose draws belong to one distribution and can be averaged and diagnosed; default 0. */
  readonly stay?: number;
}

/**
 * The published annealing of $\eta$: held, then falling geometrically; and then staying, if wanted.
 *
 * @param options - see {@link AnnealingOptions}
 * @returns $\eta$ of every round
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { annealing } from "@provably/score-diffusion";
 *
 * annealing({ start: 1, end: 0.25, hold: 1, decay: 3, stay: 1 }); // => [1, 1, 0.5, 0.25, 0.25]
 * ```
 * @see Xu, Chi (2024), "Provably robust score-based diffusion posterior sampling for plug-and-play image reconstruction", section 5
 * @category Posterior sampling
 */
export function annealing(options: AnnealingOptions = {}): number[] {
  const {
    start = 0.4,
    end = 0.16,
    hold = 4,
    decay = 12,
    stay = 0,
  } = checkOptions("annealing", options, OPTIONS);
  if (end > start)
    throw new DomainError(`annealing: end must not exceed start, got ${end} and ${start}`);
  const falling = Array.from({ length: decay }, (_, i) =>
    i === decay - 1 ? end : start * (end / start) ** (i / Math.max(1, decay - 1)),
  );
  const etas = [
    ...new Array<number>(hold).fill(start),
    ...falling,
    ...new Array<number>(stay).fill(end),
  ];
  if (etas.length === 0) throw new DomainError("annealing: hold, decay and stay leave no round");
  return etas;
}
