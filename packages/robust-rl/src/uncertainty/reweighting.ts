/** Sets that weigh the nominal distribution: divergences, contamination, the worst share of outcomes. */
import type { ArrayInput } from "@provably/core-tensor";
import {
  chiSquareBounds,
  contaminationBounds,
  cvarBounds,
  kullbackLeiblerBounds,
} from "./bounds.js";
import { chiSquareCase, kullbackLeiblerCase } from "./divergence.js";
import { contaminationCase, cvarCase } from "./mass.js";
import {
  type SupportOptions,
  type UncertaintySet,
  checkRadius,
  checkSupport,
  leaves,
} from "./set.js";

/**
 * The Kullback-Leibler ball $\lbrace q : \sum_s q_s\ln(q_s/p_s) \le \sigma\rbrace$. Nature stays on the support of $p$.
 *
 * @param radius - $\sigma \ge 0$ in nats, or one for every row
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { kullbackLeibler, worstCaseExpectation } from "@provably/robust-rl";
 *
 * // ln 2 nats are enough to leave a fair coin on one side.
 * worstCaseExpectation([0.5, 0.5], [0, 1], kullbackLeibler(Math.LN2)).value; // => 0
 * ```
 * @category Uncertainty
 */
export function kullbackLeibler(radius: number | ArrayInput): UncertaintySet {
  return {
    kind: "kullbackLeibler",
    radius: checkRadius("kullbackLeibler", radius, 0, Infinity),
    leavesSupport: false,
    worstCase: kullbackLeiblerCase,
    bounds: kullbackLeiblerBounds,
  };
}

/**
 * The chi-square ball $\lbrace q : \sum_s (q_s-p_s)^2/p_s \le \sigma\rbrace$. Nature stays on the support of $p$.
 *
 * @param radius - $\sigma \ge 0$, or one for every row
 * @returns the set
 * @throws `DomainError` for a negative radius or NaN
 * @example
 * ```ts
 * import { chiSquare, worstCaseExpectation } from "@provably/robust-rl";
 *
 * // mean − √(σ · variance), as long as no probability reaches 0
 * worstCaseExpectation([0.5, 0.5], [0, 1], chiSquare(0.25)).value; // => 0.25
 * ```
 * @category Uncertainty
 */
export function chiSquare(radius: number | ArrayInput): UncertaintySet {
  return {
    kind: "chiSquare",
    radius: checkRadius("chiSquare", radius, 0, Infinity),
    leavesSupport: false,
    worstCase: chiSquareCase,
    bounds: chiSquareBounds,
  };
}

/**
 * Contamination $\lbrace(1-R)\,p + R\,m : m \text{ any distribution}\rbrace$.
 *
 * @param rate - $R \in [0, 1]$, or one for every row
 * @param options - see {@link SupportOptions}
 * @returns the set
 * @throws `DomainError` for a rate outside [0, 1]
 * @example
 * ```ts
 * import { contamination, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], contamination(0.2)).value; // => 0.4
 * ```
 * @category Uncertainty
 */
export function contamination(
  rate: number | ArrayInput,
  options: SupportOptions = {},
): UncertaintySet {
  const allowed = checkSupport("contamination", options);
  const given = checkRadius("contamination", rate, 0, 1);
  return {
    kind: "contamination",
    radius: given,
    leavesSupport: leaves(allowed, given),
    radiusRange: [0, 1],
    onlyToTheWorst: true,
    worstCase: (sorted) => contaminationCase(sorted, allowed),
    bounds: contaminationBounds(allowed),
  };
}

/**
 * The set $\lbrace q : q \le p/\tau\rbrace$, whose worst case is the conditional value at risk: the mean of the worst share $\tau$ of outcomes.
 *
 * @param level - $\tau \in (0, 1]$, or one for every row; 1 is the plain mean
 * @returns the set
 * @throws `DomainError` for a level outside (0, 1]
 * @example
 * ```ts
 * import { cvar, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.25, 0.25, 0.5], [0, 1, 2], cvar(0.5)).value; // => 0.5
 * ```
 * @category Uncertainty
 */
export function cvar(level: number | ArrayInput): UncertaintySet {
  return {
    kind: "cvar",
    radius: checkRadius("cvar", level, Number.MIN_VALUE, 1),
    radiusRange: [Number.MIN_VALUE, 1],
    leavesSupport: false,
    worstCase: cvarCase,
    bounds: cvarBounds,
  };
}
