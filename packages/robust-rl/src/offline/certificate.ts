/** What a policy learned offline is worth where the model is known after all. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { anyRecord, certificate, check, show } from "@provably/core-tensor/internal";
import { numbers } from "../uncertainty/worst-case.js";
import {
  type LinearMdp,
  checkLinearMdp,
  linearRobustEvaluation,
  linearRobustValueIteration,
} from "./model.js";
import type { DropResult } from "./result.js";

/**
 * Certificates of an offline result against a known model: its exact sub-optimality, and whether its values were indeed lower bounds.
 *
 * `subOptimality` is $\sum_s \zeta(s)\,[V_1^{\star,\rho}(s) - V_1^{\hat\pi,\rho}(s)]$ and holds up to `tolerance`. `pessimism` is the largest excess of a claimed
 * value over the policy's true robust value, and holds when there is none.
 *
 * @param result - what {@link drop}, {@link dropV} or {@link drpvi} returned
 * @param model - the true linear process
 * @param radius - $\rho$
 * @param options - `start` $\zeta$, [S], default uniform; `tolerance` of the sub-optimality, default 5 % of the horizon
 * @returns both certificates
 * @throws `ShapeError` when result and model differ in size
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { certifyOffline, collectOfflineData, drop, randomLinearMdp } from "@provably/robust-rl";
 *
 * const model = randomLinearMdp(key(0), { states: 6, actions: 3, dimension: 4, horizon: 4 });
 * const result = drop(collectOfflineData(key(1), model, { episodes: 500 }), model.features, { radius: 0.2 });
 * certifyOffline(result, model, 0.2).subOptimality.holds; // => true
 * ```
 * @category Certificates
 */
export function certifyOffline(
  result: DropResult,
  model: LinearMdp,
  radius: number,
  options: { readonly start?: ArrayInput; readonly tolerance?: number } = {},
): { readonly subOptimality: Certificate; readonly pessimism: Certificate } {
  const { numStates, horizon } = checkLinearMdp("certifyOffline", model);
  const { tolerance = 0.05 * horizon } = check("certifyOffline", "options", options, anyRecord);
  if (!(typeof tolerance === "number" && tolerance >= 0))
    throw new DomainError(`certifyOffline: tolerance must be ≥ 0, got ${show(tolerance)}`);
  const start =
    options.start === undefined
      ? new Float64Array(numStates).fill(1 / numStates)
      : numbers(array(options.start, { dtype: "float64" }));
  if (start.length !== numStates)
    throw new ShapeError(
      `certifyOffline: start must have shape [${numStates}], got ${start.length} entries`,
    );
  const { policy, values } = check("certifyOffline", "result", result, anyRecord);
  const best = numbers(linearRobustValueIteration(model, radius).values);
  const real = numbers(linearRobustEvaluation(model, policy, radius).values);
  const claimed = numbers(array(values, { dtype: "float64" }));
  if (claimed.length < numStates)
    throw new ShapeError(
      `certifyOffline: result.values must have an entry for each of ${numStates} states`,
    );
  const loss = start.reduce((sum, p, s) => sum + p * (best[s]! - real[s]!), 0);
  let excess = -Infinity;
  for (let s = 0; s < numStates; s++) excess = Math.max(excess, claimed[s]! - real[s]!);
  return {
    subOptimality: certificate({
      claim: "robust value lost against the best robust policy, from the start",
      kind: "exact",
      value: loss,
      expected: 0,
      tolerance,
      verdict: loss <= tolerance,
    }),
    pessimism: certificate({
      claim: "largest excess of a claimed value over the policy's robust value at the first step",
      kind: "exact",
      value: excess,
      expected: [-horizon, 0],
      verdict: excess <= 1e-9,
      note: "a positive excess means that the penalty was too small for these data",
    }),
  };
}
