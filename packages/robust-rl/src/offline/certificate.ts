/** What a policy learned offline is worth where the model is known after all. */
import type { ArrayInput, Certificate } from "@provably/core-tensor";
import {
  type Schema,
  anything,
  certificate,
  check,
  checkOptions,
  nonNegativeNumber,
  recordWith,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { startOf } from "../internal/distributions.js";
import { shaped } from "../internal/read.js";
import { type LinearMdp, checkLinearMdp, solveLinear } from "./model.js";
import type { DropResult } from "./result.js";

/**
 * Options of {@link certifyOffline}.
 * @category Certificates
 */
export interface CertifyOfflineOptions {
  /** Distribution of the first state, [states]; default uniform. */
  readonly start?: ArrayInput;
  /** Largest loss with which `subOptimality` holds; default 0.05 H. */
  readonly tolerance?: number;
}

const OPTIONS: Schema<CertifyOfflineOptions> = { start: anything, tolerance: nonNegativeNumber };

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
 * const model = randomLinearMdp(key(0), { numStates: 6, numActions: 3, dimension: 4, horizon: 4 });
 * const result = drop(collectOfflineData(key(1), model, { numEpisodes: 500 }), model.features, { radius: 0.2 });
 * certifyOffline(result, model, 0.2).subOptimality.holds; // => true
 * ```
 * @category Certificates
 */
export function certifyOffline(
  result: DropResult,
  model: LinearMdp,
  radius: number,
  options: CertifyOfflineOptions = {},
): { readonly subOptimality: Certificate; readonly pessimism: Certificate } {
  const fn = "certifyOffline";
  const given = checkOptions<CertifyOfflineOptions>(fn, options, OPTIONS);
  const { numStates, horizon } = checkLinearMdp(fn, model);
  const { tolerance = 0.05 * horizon } = given;
  const start = startOf(fn, given.start, numStates);
  const { policy, values } = check(
    fn,
    "result",
    result,
    recordWith({ policy: anything, values: anything }),
  );
  const best = flatNumbers(solveLinear(fn, model, radius, undefined).values);
  const real = flatNumbers(solveLinear(fn, model, radius, policy).values);
  const claimed = shaped(fn, "result.values", values, [horizon + 1, numStates]);
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
