/** What the theorems say of α. */
import {
  byKind,
  check,
  oneOf,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";

/**
 * The order of the weight α, in sum form, with which the theorems hold: $\sqrt N$ offline; $e^{-2C - C/\beta}\sqrt{T / (\kappa \min\lbrace d \ln T, T\rbrace)}$ online.
 *
 * Constants are not meaningful; in our runs a fixed α of a few units does better than $\sqrt N$ once data are plentiful.
 *
 * @param options - `mode`; `pairs` N or T; online also `dimension` d, `bound` C, `beta`, `concentration` κ = sup π_cal/π_ref
 * @returns α in sum form
 * @throws `DomainError` for numbers out of range
 * @example
 * ```ts
 * import { theoreticalAlpha } from "@provably/rlhf-vpo";
 *
 * theoreticalAlpha({ mode: "offline", pairs: 100 }); // => 10
 * ```
 * @see Cen and others (2025), Theorems 1 and 2
 * @category Training
 */
export function theoreticalAlpha(
  options:
    | { readonly mode: "offline"; readonly pairs: number }
    | {
        readonly mode: "online";
        readonly pairs: number;
        readonly dimension: number;
        readonly bound: number;
        readonly beta: number;
        readonly concentration: number;
      },
): number {
  check("theoreticalAlpha", "options", options, ALPHA);
  const { pairs } = options;
  if (options.mode === "offline") return Math.sqrt(pairs);
  const { dimension, bound, beta, concentration } = options;
  const spread = Math.min(dimension * Math.log(Math.max(pairs, 2)), pairs);
  return Math.exp(-2 * bound - bound / beta) * Math.sqrt(pairs / (concentration * spread));
}

const OFFLINE_ALPHA = { mode: oneOf("offline", "online"), pairs: wholeNumber() };
const ALPHA = byKind("mode", {
  offline: recordOf(OFFLINE_ALPHA),
  online: recordOf({
    ...OFFLINE_ALPHA,
    dimension: wholeNumber(),
    bound: positiveNumber,
    beta: positiveNumber,
    concentration: positiveNumber,
  }),
});
