/** The saddle point behind pessimism, and what it promises. */
import { type ArrayInput, type Certificate } from "@provably/core-tensor";
import {
  anything,
  certificate,
  check,
  checkOptions,
  flatNumbers,
  nonNegativeNumber,
  positiveNumber,
} from "@provably/core-tensor/internal";
import { distributions, logDistributions } from "../arrays.js";
import { balanceOf } from "../exact/balance.js";
import type { PreferenceProblem } from "../exact/problem.js";
import { VALUE, type ValueOptions, promptsOf, tableOf } from "../exact/values.js";
import { type TrainingResult, type VpoHyperparameters, solveVpo } from "../train/offline.js";
import {
  type Given,
  SWAPPED,
  type Table,
  bestValue,
  expectation,
  largest,
  likelihoodSlope,
  tableFrom,
} from "./given.js";
import { readSolution } from "./solution.js";

/**
 * Certificates of a pessimistic solution.
 * @category Certificates
 */
export interface PessimismCertificates {
  /**
   * $\max_\pi G(\hat r,\pi) - \min_r G(r,\hat\pi)$, divided by N, with $G(r,\pi) = \mathrm{NLL}(r) + \alpha J(r,\pi)$: 0 at the solution. The minimum over
   * rewards is bounded from below by its dual, entropies of the answers.
   */
  readonly dualityGap: Certificate;
  /** $J(\hat r, \hat\pi) \le J(r_{\mathrm{MLE}}, \hat\pi)$: the claimed value is a pessimistic one. Undecided where no maximum-likelihood reward exists. */
  readonly pessimism: Certificate;
  /**
   * $|\mathbb E_{\rho,\pi_{\mathrm{cal}}}[\beta\ln(\hat\pi/\pi_{\mathrm{ref}})] + J^\star(\hat r)|$: the mean, under the calibration policy, of the reward that the policy is
   * optimal for, at the level of the calibrated $\hat r$. 0 when policy and reward belong together.
   */
  readonly calibration: Certificate;
}

/**
 * Certificates that a result is the saddle point of offline VPO, from the preferences as they were given, row by row.
 *
 * For a fixed policy the minimum over rewards is a logistic regression with a linear term. Its dual, with $q_i$ near $\sigma(-z_i)$, needs no search:
 * $\min_\theta \frac1N\sum_i \mathrm{softplus}(-z_i) + \langle c, \theta\rangle \ge \frac1N\sum_i h(q_i)$ for all $q \in [0, 1]^N$ that balance c, with the binary entropy h.
 *
 * @param problem - see {@link PreferenceProblem}
 * @param result - what {@link solveVpo} or {@link trainVpo} returned, or any `theta` and `logPolicy`
 * @param hyperparameters - as for the solver, pessimistic
 * @param options - `tolerance` of the duality gap, default 1e-8
 * @returns see {@link PessimismCertificates}
 * @throws `ShapeError`, `DomainError` when problem and result do not fit, or for optimism
 * @example
 * ```ts
 * import { certifyPessimism, solveVpo } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1], [0, 0, 1], [0, 1, 0]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * const hyperparameters = { beta: 1, alpha: 0.3 };
 * const { dualityGap, pessimism } = certifyPessimism(problem, solveVpo(problem, hyperparameters), hyperparameters);
 * dualityGap.holds; // => true
 * pessimism.holds; // => true
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization"; the saddle point is convex in r and concave in π
 * @category Certificates
 */
export function certifyPessimism(
  problem: PreferenceProblem,
  result: Pick<TrainingResult, "theta" | "logPolicy">,
  hyperparameters: VpoHyperparameters,
  options: { readonly tolerance?: number } = {},
): PessimismCertificates {
  const fn = "certifyPessimism";
  const { tolerance = 1e-8 } = checkOptions(fn, options, TOLERANCE);
  const { given, theta, logPolicy, beta, alpha } = readSolution(
    fn,
    problem,
    result,
    hyperparameters,
  );
  const { logReference, calibration, rho } = given;
  const policy = logPolicy.map((row) => row.map(Math.exp));
  const reward = levelled(given, given.rewards(theta));
  const best = bestValue(rho, logReference, reward, beta);
  // β ln(π/π_ref) = r − β ln Z, and E_ρ[β ln Z] = J*(r): taken from the policy alone, so that it does not repeat how the reward was centred
  const implied = expectation(
    rho,
    calibration,
    (x, y) => beta * (logPolicy[x]![y]! - logReference[x]![y]!),
  );
  const residual = Math.abs(implied + best);
  const gap = dualityGap(given, { theta, reward, policy, logPolicy, best, beta, alpha });
  return {
    dualityGap: certificate({
      claim: "duality gap of the saddle point, per pair",
      kind: "bound",
      value: gap,
      expected: 0,
      tolerance,
      verdict: Math.abs(gap) <= tolerance,
      note: SWAPPED,
    }),
    pessimism: certifyExcess(problem, given, reward, policy, beta, tolerance),
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

const TOLERANCE = { tolerance: nonNegativeNumber };

/** A reward without its mean under prompts and calibration policy. */
function levelled({ rho, calibration }: Given, reward: Table): Table {
  const mean = expectation(rho, calibration, (x, y) => reward[x]![y]!);
  return reward.map((row) => row.map((r) => r - mean));
}

/** How much more the claimed reward promises of the policy than the maximum-likelihood reward does. */
function certifyExcess(
  problem: PreferenceProblem,
  given: Given,
  reward: Table,
  policy: Table,
  beta: number,
  tolerance: number,
): Certificate {
  const mle = solveVpo(problem, { beta, alpha: 0 });
  const fitted = levelled(given, given.rewards(Array.from(flatNumbers(mle.theta))));
  const value = expectation(given.rho, policy, (x, y) => reward[x]![y]! - fitted[x]![y]!);
  return certificate({
    claim:
      "excess of the claimed value over the policy's value under the maximum-likelihood reward",
    kind: "exact",
    value,
    expected: [-Infinity, 0],
    tolerance,
    verdict: mle.certificate.holds ? value <= tolerance : "undecided",
    ...(!mle.certificate.holds && {
      note: "no maximum-likelihood reward exists to compare with: some response never loses or never wins",
    }),
  });
}

/** Upper value, the best policy for the reward, minus a dual bound on the lower one, the worst reward for the policy; both per pair. */
function dualityGap(
  given: Given,
  {
    theta,
    reward,
    policy,
    logPolicy,
    best,
    beta,
    alpha,
  }: {
    readonly theta: readonly number[];
    readonly reward: Table;
    readonly policy: Table;
    readonly logPolicy: Table;
    readonly best: number;
    readonly beta: number;
    readonly alpha: number;
  },
): number {
  const { rows, rho, calibration, logReference, toParameters } = given;
  const share = 1 / Math.max(1, rows.length);
  const margin = (x: number, a: number, b: number): number => reward[x]![a]! - reward[x]![b]!;
  let likelihood = 0;
  for (const row of rows) {
    const [x, a, b, p] = row as [number, number, number, number];
    const z = margin(x, a, b);
    likelihood += share * (Math.log1p(Math.exp(-Math.abs(z))) + Math.max(-z, 0) + (1 - p) * z);
  }
  const divergence = expectation(rho, policy, (x, y) => logPolicy[x]![y]! - logReference[x]![y]!);
  // what the weights q of the answers leave unbalanced: 0 where policy and reward belong together
  const slope = likelihoodSlope(given, margin).map((row, x) =>
    row.map((g, y) => share * g + alpha * rho[x]! * (policy[x]![y]! - calibration[x]![y]!)),
  );
  const open = Float64Array.from(toParameters(slope));
  const { entropy, left } = balance(given, margin, open);
  const slack = left * (1 + theta.reduce((sum, t) => sum + Math.abs(t), 0));
  return likelihood + alpha * best - (entropy - alpha * beta * divergence) + slack;
}

/** Moves the weights of answers until they balance what is open, and gives their entropy, −∞ where one would leave [0, 1], and what is left open. */
function balance(
  { rows, logReference, toParameters }: Given,
  margin: (x: number, a: number, b: number) => number,
  open: Float64Array,
): { readonly entropy: number; readonly left: number } {
  const d = open.length;
  const share = 1 / Math.max(1, rows.length);
  const seen = new Map<
    string,
    { readonly at: readonly (readonly [number, number])[]; readonly q: number; count: number }
  >();
  for (const row of rows) {
    const [x, a, b] = row as [number, number, number];
    const key = `${x},${a},${b}`;
    const known = seen.get(key);
    if (known) {
      known.count++;
      continue;
    }
    const unit = logReference.map((line, i) =>
      line.map((_, j) => (i === x ? (j === a ? 1 : 0) - (j === b ? 1 : 0) : 0)),
    );
    const at = toParameters(unit).flatMap((v, i) => (v === 0 ? [] : [[i, v] as const]));
    seen.set(key, { at, q: 1 / (1 + Math.exp(margin(x, a, b))), count: 1 });
  }
  const matrix = new Float64Array(d * d);
  for (const { at, q, count } of seen.values())
    for (const [i, v] of at)
      for (const [j, w] of at) matrix[i * d + j]! += share * count * q * (1 - q) * v * w;
  const { change, left } = balanceOf(matrix, open, 1e-13);
  let entropy = 0;
  for (const { at, q, count } of seen.values()) {
    const moved = q + q * (1 - q) * at.reduce((sum, [i, v]) => sum + v * change[i]!, 0);
    if (!(moved >= 0 && moved <= 1)) return { entropy: -Infinity, left: 0 };
    const part = (p: number): number => (p === 0 ? 0 : -p * Math.log(p));
    entropy += share * count * (part(moved) + part(1 - moved));
  }
  return { entropy, left: largest(Array.from(left)) };
}

/**
 * A certificate of how good a policy is where the true reward is known: its exact sub-optimality, as the difference of the best value and the policy's, while
 * {@link suboptimality} takes a divergence.
 *
 * @param reward - true reward, [X, Y]
 * @param logPolicy - $\ln\pi$, [X, Y]
 * @param logReference - $\ln\pi_{\mathrm{ref}}$, [X, Y]
 * @param options - `beta`, `promptDistribution`; `tolerance` up to which it holds, default 0.1
 * @returns certificate of kind `"exact"`
 * @throws `ShapeError`, `DomainError` when shapes differ, numbers are out of range, or policies are no logarithms of distributions
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
  options: ValueOptions & { readonly tolerance?: number },
): Certificate {
  const fn = "certifySuboptimality";
  const { tolerance = 0.1, promptDistribution } = checkOptions(fn, options, {
    ...VALUE,
    ...TOLERANCE,
  });
  const beta = check(fn, "beta", options.beta, positiveNumber);
  const { prompts, responses } = tableOf(fn, "reward", reward);
  logDistributions(fn, "logPolicy", logPolicy, [prompts, responses]);
  logDistributions(fn, "logReference", logReference, [prompts, responses]);
  const rho = Array.from(promptsOf(fn, prompts, promptDistribution));
  const [r, own, reference] = [tableFrom(reward), tableFrom(logPolicy), tableFrom(logReference)];
  const kept = expectation(
    rho,
    own.map((row) => row.map(Math.exp)),
    (x, y) => r[x]![y]! - beta * (own[x]![y]! - reference[x]![y]!),
  );
  const value = bestValue(rho, reference, r, beta) - kept;
  return certificate({
    claim: "KL-regularised value lost against the best policy",
    kind: "exact",
    value,
    expected: 0,
    tolerance,
    verdict: value <= tolerance,
    note: "under the reward as given: it cannot see that the reward is not the true one",
  });
}

/**
 * A certificate that a reward is calibrated: $|\mathbb E_{\rho,\pi_{\mathrm{cal}}} r|$ is 0.
 *
 * @param reward - $r$, [X, Y]
 * @param calibration - $\pi_{\mathrm{cal}}$, probabilities [X, Y]
 * @param options - `promptDistribution`, default uniform; `tolerance`, default 1e-9
 * @returns certificate of kind `"exact"`
 * @throws `ShapeError`, `DomainError` when shapes differ or `calibration` is no distribution
 * @example
 * ```ts
 * import { certifyRewardCalibration } from "@provably/rlhf-vpo";
 *
 * certifyRewardCalibration([[1, -1]], [[0.5, 0.5]]).holds; // => true
 * ```
 * @category Certificates
 */
export function certifyRewardCalibration(
  reward: ArrayInput,
  calibration: ArrayInput,
  options: { readonly promptDistribution?: ArrayInput; readonly tolerance?: number } = {},
): Certificate {
  const fn = "certifyRewardCalibration";
  const { tolerance = 1e-9, promptDistribution } = checkOptions(fn, options, {
    promptDistribution: anything,
    ...TOLERANCE,
  });
  const { prompts, responses } = tableOf(fn, "reward", reward);
  distributions(fn, "calibration", calibration, [prompts, responses]);
  const rho = Array.from(promptsOf(fn, prompts, promptDistribution));
  const r = tableFrom(reward);
  const value = Math.abs(expectation(rho, tableFrom(calibration), (x, y) => r[x]![y]!));
  return certificate({
    claim: "mean reward under the calibration policy",
    kind: "exact",
    value,
    expected: 0,
    tolerance,
    verdict: value <= tolerance,
  });
}
