/** Balls in which mass moves for the distance it goes: total variation, L1, L2, L∞. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import { anything, checkOptions, flatNumbers, show } from "@provably/core-tensor/internal";
import { float64 } from "../internal/read.js";
import { l1Bounds, l2Bounds, lInfBounds, totalVariationBounds } from "./bounds.js";
import { l2Case } from "./l2.js";
import { lInfCase, totalVariationCase } from "./mass.js";
import {
  SUPPORT,
  type SupportOptions,
  type UncertaintySet,
  checkRadius,
  checkSupport,
  leaves,
  wrongSize,
} from "./set.js";
import { weightedL1Case } from "./transport.js";

/**
 * The total-variation ball $\lbrace q : \tfrac12\lVert q-p\rVert_1 \le \sigma\rbrace$.
 *
 * @param radius - $\sigma \ge 0$, or one for every row; 1 and more allow every distribution
 * @param options - see {@link SupportOptions}
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { totalVariation, worstCaseExpectation } from "@provably/robust-rl";
 *
 * // A tenth of the mass moves from the best outcome to the worst.
 * worstCaseExpectation([0.5, 0.5], [0, 1], totalVariation(0.1)).value; // => 0.4
 * ```
 * @category Uncertainty
 */
export function totalVariation(
  radius: number | ArrayInput,
  options: SupportOptions = {},
): UncertaintySet {
  const allowed = checkSupport("totalVariation", options);
  const given = checkRadius("totalVariation", radius, 0, Infinity);
  return {
    kind: "totalVariation",
    radius: given,
    leavesSupport: leaves(allowed, given),
    onlyToTheWorst: true,
    worstCase: (sorted) => totalVariationCase(sorted, allowed),
    bounds: totalVariationBounds(allowed),
  };
}

/**
 * Options of {@link l1Ball}.
 * @category Uncertainty
 */
export interface L1BallOptions extends SupportOptions {
  /** $w > 0$, one for each state; default 1. */
  readonly weights?: ArrayInput;
}

/**
 * The weighted L1 ball $\lbrace q : \sum_s w_s |q_s-p_s| \le \xi\rbrace$. With unit weights it is the total-variation ball of radius $\xi/2$.
 *
 * @param radius - $\xi \ge 0$, or one for every row
 * @param options - see {@link L1BallOptions}
 * @returns the set
 * @throws `DomainError` for a negative radius or a weight that is not positive
 * @example
 * ```ts
 * import { l1Ball, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], l1Ball(0.2)).value; // => 0.4
 * ```
 * @category Uncertainty
 */
export function l1Ball(radius: number | ArrayInput, options: L1BallOptions = {}): UncertaintySet {
  const given = checkOptions<L1BallOptions>("l1Ball", options, { ...SUPPORT, weights: anything });
  const allowed = given.support ?? "full";
  const budget = checkRadius("l1Ball", radius, 0, Infinity);
  const ball = { kind: "l1Ball", radius: budget, leavesSupport: leaves(allowed, budget) };
  if (given.weights === undefined)
    return {
      ...ball,
      onlyToTheWorst: true,
      worstCase: (sorted) => {
        const half = totalVariationCase(sorted, allowed);
        return (p, at, r, nature, index) => half(p, at, r / 2, nature, index);
      },
      bounds: l1Bounds(allowed, undefined),
    };
  const weights = flatNumbers(float64("l1Ball", "weights", given.weights));
  weights.forEach((w, i) => {
    if (!(w > 0 && w < Infinity))
      throw new DomainError(`l1Ball: weights[${i}] must be positive and finite, got ${show(w)}`);
  });
  return {
    ...ball,
    worstCase: (sorted) => weightedL1Case(sorted, weights, allowed),
    bounds: l1Bounds(allowed, weights),
    misfit: (numStates) => wrongSize("weights", weights.length, numStates, [numStates]),
  };
}

/**
 * The L∞ ball $\lbrace q : \max_s |q_s-p_s| \le r\rbrace$.
 *
 * @param radius - $r \ge 0$, or one for every row
 * @param options - see {@link SupportOptions}
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { lInfBall, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], lInfBall(0.25)).value; // => 0.25
 * ```
 * @category Uncertainty
 */
export function lInfBall(
  radius: number | ArrayInput,
  options: SupportOptions = {},
): UncertaintySet {
  const allowed = checkSupport("lInfBall", options);
  const given = checkRadius("lInfBall", radius, 0, Infinity);
  return {
    kind: "lInfBall",
    radius: given,
    leavesSupport: leaves(allowed, given),
    worstCase: (sorted) => lInfCase(sorted, allowed),
    bounds: lInfBounds(allowed),
  };
}

/**
 * The Euclidean ball $\lbrace q : \lVert q-p\rVert_2 \le r\rbrace$.
 *
 * @param radius - $r \ge 0$, or one for every row
 * @param options - see {@link SupportOptions}
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { l2Ball, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], l2Ball(Math.SQRT1_2 / 2)).value.toFixed(12); // => "0.250000000000"
 * ```
 * @category Uncertainty
 */
export function l2Ball(radius: number | ArrayInput, options: SupportOptions = {}): UncertaintySet {
  const allowed = checkSupport("l2Ball", options);
  const given = checkRadius("l2Ball", radius, 0, Infinity);
  return {
    kind: "l2Ball",
    radius: given,
    leavesSupport: leaves(allowed, given),
    worstCase: (sorted) => l2Case(sorted, allowed),
    bounds: l2Bounds(allowed),
  };
}
