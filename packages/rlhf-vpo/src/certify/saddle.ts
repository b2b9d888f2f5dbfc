/** The saddle point behind pessimism, and what it promises. */
import { type ArrayInput, type Certificate, array } from "@provably/core-tensor";
import { anyRecord, certificate, check } from "@provably/core-tensor/internal";
import { atLeast, distributions, finite, numbers } from "../arrays.js";
import { type PreferenceProblem, flattenProblem, rewardsOf } from "../exact/problem.js";
import { implicitReward, optimalValue, policyValue, suboptimality } from "../exact/values.js";
import { logSigmoid } from "../numerics.js";
import {
  type TrainingResult,
  type VpoConstants,
  constantsOf,
  solveOffline,
} from "../train/offline.js";

/**
 * Certificates of a pessimistic solution.
 * @category Certificates
 */
export interface PessimismCertificates {
  /** $\max_\pi G(\hat r,\pi) - \min_r G(r,\hat\pi)$, divided by N, with $G(r,\pi) = \mathrm{NLL}(r) + \alpha J(r,\pi)$: 0 at the solution. */
  readonly dualityGap: Certificate;
  /** $J(\hat r, \hat\pi) \le J(r_{\mathrm{MLE}}, \hat\pi)$ where the maximum-likelihood reward exists: the claimed value is a pessimistic one. */
  readonly pessimism: Certificate | undefined;
  /**
   * $|\mathbb E_{\rho,\pi_{\mathrm{cal}}}[\beta\ln(\hat\pi/\pi_{\mathrm{ref}})] + J^\star(\hat r)|$: the mean, under the calibration policy, of the reward that the policy is
   * optimal for, at the level of the calibrated $\hat r$. 0 when policy and reward belong together.
   */
  readonly calibration: Certificate;
}

/**
 * Certificates that a result is the saddle point of offline VPO, for tabular problems.
 *
 * The inner minimum is recomputed: for a fixed policy it is a maximum-likelihood problem with a linear term, solved by {@link solveOffline}'s Newton
 * method on rewards.
 *
 * @param problem - tabular problem, see {@link PreferenceProblem}
 * @param result - what {@link solveOffline} or {@link trainOffline} returned, or any `theta` and `logPolicy`
 * @param constants - as for the solver, α > 0
 * @param options - `tolerance` of the duality gap, default 1e-8
 * @returns see {@link PessimismCertificates}
 * @throws `ShapeError`, `DomainError` when problem and result do not fit
 * @example
 * ```ts
 * import { certifyPessimism, solveOffline } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1], [0, 0, 1], [0, 1, 0]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * const constants = { beta: 1, alpha: 0.3 };
 * const { dualityGap, pessimism } = certifyPessimism(problem, solveOffline(problem, constants), constants);
 * dualityGap.holds; // => true
 * pessimism.holds; // => true
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization"; the saddle point is convex in r and concave in π
 * @category Certificates
 */
export function certifyPessimism(
  problem: PreferenceProblem,
  result: Pick<TrainingResult, "theta" | "logPolicy">,
  constants: VpoConstants,
  options: { readonly tolerance?: number } = {},
): PessimismCertificates {
  const fn = "certifyPessimism";
  const { tolerance = 1e-8 } = check(fn, "options", options, anyRecord);
  atLeast(fn, "tolerance", tolerance, 0);
  const { beta, alpha } = constantsOf(fn, constants);
  const flat = flattenProblem(fn, problem);
  const { prompts, responses, calibration, rho, pairs, logReference } = flat;
  const shape = [prompts, responses];
  const raw = rewardsOf(
    flat,
    finite(fn, "theta", check(fn, "result", result, anyRecord).theta, [flat.dimension]),
  );
  const mean = raw.reduce(
    (sum, r, k) => sum + rho[Math.floor(k / responses)]! * calibration[k]! * r,
    0,
  );
  const reward = raw.map((r) => r - mean);
  const table = array(reward, { shape });
  const reference = array(logReference, { shape });
  const values = { beta, promptDistribution: array(rho) };
  const nll = (r: Float64Array): number =>
    pairs.counts.reduce(
      (sum, count, k) =>
        sum - (count / pairs.total) * logSigmoid(r[pairs.chosen[k]!]! - r[pairs.rejected[k]!]!),
      0,
    );
  const upper = nll(reward) + alpha * optimalValue(table, reference, values);
  // min over rewards for this policy: the same convex problem with the policy in the place of the reference's optimum.
  const policy = finite(fn, "logPolicy", result.logPolicy, shape);
  const inner = minimiseReward(
    flat.pairs,
    reward,
    (k) => alpha * rho[Math.floor(k / responses)]! * (Math.exp(policy[k]!) - calibration[k]!),
    nll,
  );
  const lower =
    nll(inner) +
    alpha *
      (policyValue(array(inner, { shape }), result.logPolicy, reference, values) -
        meanOf(inner, rho, calibration, responses));
  const gap = upper - lower;
  const mle = solveOffline(problem, { beta, alpha: 0 });
  let pessimism: Certificate | undefined;
  if (mle.converged) {
    const fitted = rewardsOf(flat, numbers(mle.theta));
    const shift = meanOf(fitted, rho, calibration, responses);
    const excess =
      policyValue(table, result.logPolicy, reference, values) -
      policyValue(
        array(
          fitted.map((r) => r - shift),
          { shape },
        ),
        result.logPolicy,
        reference,
        values,
      );
    pessimism = certificate({
      claim:
        "excess of the claimed value over the policy's value under the maximum-likelihood reward",
      kind: "exact",
      value: excess,
      expected: [-Infinity, 0],
      tolerance,
      verdict: excess <= tolerance,
    });
  }
  // β ln(π/π_ref) = r − β ln Z, and E_ρ[β ln Z] = J*(r): taken from the policy alone, so that it does not repeat how the reward was centred
  const implied = numbers(implicitReward(result.logPolicy, reference, beta));
  const residual = Math.abs(
    meanOf(implied, rho, calibration, responses) + optimalValue(table, reference, values),
  );
  return {
    dualityGap: certificate({
      claim: "duality gap of the saddle point, per pair",
      kind: "bound",
      value: gap,
      expected: 0,
      tolerance,
      verdict: Math.abs(gap) <= tolerance,
    }),
    pessimism,
    calibration: certificate({
      claim: "mean reward of the policy under the calibration policy",
      kind: "exact",
      value: residual,
      expected: 0,
      tolerance: 1e-9,
      verdict: residual <= 1e-9,
    }),
  };
}

function meanOf(
  r: Float64Array,
  rho: Float64Array,
  calibration: Float64Array,
  responses: number,
): number {
  return r.reduce((sum, v, k) => sum + rho[Math.floor(k / responses)]! * calibration[k]! * v, 0);
}

/** Lowers NLL(r) + ⟨linear, r⟩ from a start by gradient steps with backtracking, as far as it will go in a bounded number of steps. */
function minimiseReward(
  pairs: {
    readonly chosen: readonly number[];
    readonly rejected: readonly number[];
    readonly counts: readonly number[];
    readonly total: number;
  },
  start: Float64Array,
  linear: (cell: number) => number,
  nll: (r: Float64Array) => number,
): Float64Array {
  const objective = (r: Float64Array): number =>
    nll(r) + r.reduce((sum, v, k) => sum + linear(k) * v, 0);
  let r = Float64Array.from(start);
  let value = objective(r);
  let step = 1;
  for (let i = 0; i < 500; i++) {
    const gradient = Float64Array.from(r, (_, k) => linear(k));
    pairs.counts.forEach((count, k) => {
      const g =
        (count / pairs.total) * Math.exp(logSigmoid(r[pairs.rejected[k]!]! - r[pairs.chosen[k]!]!));
      gradient[pairs.chosen[k]!]! -= g;
      gradient[pairs.rejected[k]!]! += g;
    });
    const square = gradient.reduce((sum, g) => sum + g * g, 0);
    if (square < 1e-26) break;
    for (step *= 2; step > 1e-12; step /= 2) {
      const trial = r.map((v, k) => v - step * gradient[k]!);
      const there = objective(trial);
      if (there > value - 0.5 * step * square) continue;
      r = trial;
      value = there;
      break;
    }
  }
  return r;
}

/**
 * A certificate of how good a policy is where the true reward is known: its exact sub-optimality.
 *
 * @param reward - true reward, [X, Y]
 * @param logPolicy - $\ln\pi$, [X, Y]
 * @param logReference - $\ln\pi_{\mathrm{ref}}$, [X, Y]
 * @param options - `beta`, `promptDistribution`; `tolerance` up to which it holds, default 0.1
 * @returns certificate of kind `"exact"`
 * @throws `ShapeError`, `DomainError` when shapes differ or numbers are out of range
 * @example
 * ```ts
 * import { certifySuboptimality } from "@provably/rlhf-vpo";
 *
 * const half = [[Math.log(0.5), Math.log(0.5)]];
 * certifySuboptimality([[5, 0]], half, half, { beta: 1 }).holds; // => false
 * ```
 * @category Certificates
 */
export function certifySuboptimality(
  reward: ArrayInput,
  logPolicy: ArrayInput,
  logReference: ArrayInput,
  options: {
    readonly beta: number;
    readonly promptDistribution?: ArrayInput;
    readonly tolerance?: number;
  },
): Certificate {
  const { tolerance = 0.1, ...values } = check(
    "certifySuboptimality",
    "options",
    options,
    anyRecord,
  );
  atLeast("certifySuboptimality", "tolerance", tolerance, 0);
  const value = suboptimality(reward, logPolicy, logReference, values);
  return certificate({
    claim: "KL-regularised value lost against the best policy",
    kind: "exact",
    value,
    expected: 0,
    tolerance,
    verdict: value <= tolerance,
  });
}

/**
 * A certificate that a reward is calibrated: $|\mathbb E_{\rho,\pi_{\mathrm{cal}}} r|$ is 0.
 *
 * @param reward - $r$, [X, Y]
 * @param calibration - $\pi_{\mathrm{cal}}$, probabilities [X, Y]
 * @param options - `tolerance`, default 1e-9
 * @returns certificate of kind `"exact"`, for uniform prompts
 * @throws `ShapeError`, `DomainError` when shapes differ or `calibration` is no distribution
 * @example
 * ```ts
 * import { certifyCalibration } from "@provably/rlhf-vpo";
 *
 * certifyCalibration([[1, -1]], [[0.5, 0.5]]).holds; // => true
 * ```
 * @category Certificates
 */
export function certifyCalibration(
  reward: ArrayInput,
  calibration: ArrayInput,
  options: { readonly tolerance?: number } = {},
): Certificate {
  const { tolerance = 1e-9 } = check("certifyCalibration", "options", options, anyRecord);
  atLeast("certifyCalibration", "tolerance", tolerance, 0);
  const r = array(reward, { dtype: "float64" });
  const cal = distributions("certifyCalibration", "calibration", calibration, r.shape);
  const data = numbers(implicitReward(r, array(new Float64Array(r.size), { shape: r.shape }), 1));
  const value = Math.abs(data.reduce((sum, v, k) => sum + (cal[k]! * v) / r.shape[0]!, 0));
  return certificate({
    claim: "mean reward under the calibration policy",
    kind: "exact",
    value,
    expected: 0,
    tolerance,
    verdict: value <= tolerance,
  });
}
