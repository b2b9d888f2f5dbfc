/** Certificates of values: how far they are from the fixed point, bounded by one sweep. */
import { type ArrayInput, type Certificate, DomainError, array, checkRecord } from "@provably/core-tensor";
import { type RectangularSet, checkProblem, optimalStep, policyStep, valuesOf } from "./bellman.js";
import type { Mdp } from "./model.js";
import { policyOf } from "./policy.js";

/**
 * A certificate that values are close to the robust optimum (or, with `policy`, to that policy's robust values):
 * $\lVert V - V^\star \rVert_\infty \le \lVert TV - V \rVert_\infty / (1-\gamma)$, from one fresh sweep.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param values - $V$, [states]
 * @param options - `discount` $\gamma$ in [0, 1); `policy` to be held against, else the optimum; `tolerance` that the bound must meet, default 1e-6
 * @returns certificate of kind `"bound"`
 * @throws `DomainError` for a discount outside [0, 1)
 * @throws `ShapeError` when the sizes do not fit
 * @example
 * ```ts
 * import { certifyValues, mdp, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[1]]], rewards: [[1]] });
 * certifyValues(model, totalVariation(0), [10], { discount: 0.9 }).holds; // => true
 * certifyValues(model, totalVariation(0), [9], { discount: 0.9 }).value.toFixed(9); // => "1.000000000"
 * ```
 * @category Certificates
 */
export function certifyValues(
  model: Mdp,
  set: RectangularSet,
  values: ArrayInput,
  options: { readonly discount: number; readonly policy?: ArrayInput; readonly tolerance?: number },
): Certificate {
  const { discount, policy, tolerance = 1e-6 } = checkRecord("certifyValues", "options", options);
  if (!(discount >= 0 && discount < 1)) throw new DomainError(`certifyValues: discount must lie in [0, 1), got ${discount}`);
  const problem = checkProblem("certifyValues", model, set, discount);
  const v = valuesOf("certifyValues", values, model.numStates);
  const size = model.numStates * model.numActions;
  const out = new Float64Array(model.numStates);
  if (policy === undefined) optimalStep(problem, v, 0, out, new Float64Array(size), new Float64Array(size));
  else policyStep(problem, v, 0, policyOf("certifyValues", array(policy, { dtype: "float64" }), model), out);
  const bound = distance(out, v) / (1 - discount);
  return {
    claim: `largest distance of the values to ${policy === undefined ? "the robust optimum" : "the policy's robust values"}`,
    kind: "bound",
    value: bound,
    expected: 0,
    tolerance,
    holds: bound <= tolerance,
    note: "residual of one Bellman sweep divided by 1 − γ",
  };
}

/** Certificate of a backward recursion: every step is recomputed, and the largest difference is added up over the horizon. */
export function certifyRecursion(difference: number, horizon: number, tolerance: number): Certificate {
  const bound = difference * horizon;
  return {
    claim: "largest distance of the values to the robust optimum",
    kind: "bound",
    value: bound,
    expected: 0,
    tolerance,
    holds: bound <= tolerance,
    note: "largest Bellman residual over the steps, times the horizon",
  };
}

/** Largest |a − b|. */
export function distance(a: Float64Array, b: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    if (!(d <= largest)) largest = d;
  }
  return largest;
}
