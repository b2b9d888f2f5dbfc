/** VPO on a bounded class of rewards, for both attitudes. */
import { DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  check,
  checkOptions,
  finiteNumber,
  flatNumbers,
  positiveNumber,
} from "@provably/core-tensor/internal";
import { type Minimum, type Objective, minimize } from "@provably/core-tensor/optim";
import { type PreferenceProblem, flattenProblem, logPolicyOf } from "../exact/problem.js";
import { logSumExp, sigmoid, softplus } from "../numerics.js";

/**
 * The reward and policy of a bounded class.
 * @category Training
 */
export interface BoundedSolution {
  /** Calibrated reward within the bound, [X, Y]. */
  readonly reward: NdArray<"float64">;
  /** Its optimal policy, $\ln\pi_r$, [X, Y]. */
  readonly logPolicy: NdArray<"float64">;
  /** Negative log-likelihood, a sum over pairs. */
  readonly nll: number;
  /** $J^\star(r)$. */
  readonly optimalValue: number;
  /** $\mathrm{NLL} - s\,J^\star$, what was minimised. */
  readonly objective: number;
}

/**
 * Options of {@link solveBoundedVpo}, all required.
 * @category Training
 */
export interface BoundedOptions {
  /** Temperature $\beta > 0$. */
  readonly beta: number;
  /** $s$, in sum form: positive for optimism, negative for pessimism. */
  readonly signedAlpha: number;
  /** $C > 0$: rewards lie in $[-C, C]$. */
  readonly bound: number;
}

const BOUNDED = { beta: positiveNumber, signedAlpha: finiteNumber, bound: positiveNumber };

/** The nearest point with |r| ≤ bound and ⟨weights, r⟩ = 0: a common multiple of the weights is taken away, then cut off. */
function project(r: Float64Array, weights: Float64Array, bound: number): Float64Array {
  const clip = (shift: number): Float64Array =>
    r.map((v, k) => Math.min(bound, Math.max(-bound, v - shift * weights[k]!)));
  const mean = (x: Float64Array): number => x.reduce((sum, v, k) => sum + weights[k]! * v, 0);
  let [low, high] = [-1, 1];
  while (mean(clip(low)) < 0 && low > -1e12) low *= 2;
  while (mean(clip(high)) > 0 && high < 1e12) high *= 2;
  for (let i = 0; i < 100; i++) {
    const middle = 0.5 * (low + high);
    if (mean(clip(middle)) > 0) low = middle;
    else high = middle;
  }
  return clip(0.5 * (low + high));
}

/**
 * The reward that minimises $\mathrm{NLL}(r) - s\,J^\star(r)$ over rewards with $|r| \le C$ and $\mathbb E_{\rho,\mathrm{cal}}\,r = 0$. Positive s is optimism,
 * negative pessimism, 0 maximum likelihood.
 *
 * Pessimism is convex. Optimism is not: projected gradient descent starts from 0 and from every single large reward, and the best end is taken, which is
 * exact for small tables and a good guess for large ones.
 *
 * @param problem - tabular problem, see {@link PreferenceProblem}
 * @param options - see {@link BoundedOptions}
 * @returns see {@link BoundedSolution}
 * @throws `ShapeError`, `DomainError` when the problem does not fit together
 * @example
 * ```ts
 * import { solveBoundedVpo } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * const of = (signedAlpha) => solveBoundedVpo(problem, { beta: 1, signedAlpha, bound: 2 }).optimalValue;
 * of(5) > of(-5); // => true
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization", the reward form
 * @category Training
 */
export function solveBoundedVpo(
  problem: PreferenceProblem,
  options: BoundedOptions,
): BoundedSolution {
  const fn = "solveBoundedVpo";
  checkOptions<BoundedOptions>(fn, options, BOUNDED);
  const beta = check(fn, "beta", options.beta, positiveNumber);
  const bound = check(fn, "bound", options.bound, positiveNumber);
  const signedAlpha = check(fn, "signedAlpha", options.signedAlpha, finiteNumber);
  const flat = flattenProblem(fn, problem);
  if (flat.features)
    throw new DomainError(
      `${fn}: problem.features must be left out, the bound is one on the table of rewards`,
    );
  const { prompts, responses, logReference, calibration, rho, pairs } = flat;
  const cells = prompts * responses;
  const weights = calibration.map((p, k) => p * rho[Math.floor(k / responses)]!);
  let [nll, value] = [0, 0];
  const measure: Objective = (r, gradient) => {
    nll = 0;
    value = 0;
    gradient.fill(0);
    pairs.counts.forEach((count, k) => {
      const [a, b] = [pairs.chosen[k]!, pairs.rejected[k]!];
      const z = r[a]! - r[b]!;
      nll += count * softplus(-z);
      gradient[a]! -= count * sigmoid(-z);
      gradient[b]! += count * sigmoid(-z);
    });
    const logits = logReference.map((l, k) => l + r[k]! / beta);
    for (let x = 0; x < prompts; x++) {
      const z = logSumExp(logits, x * responses, responses);
      value += beta * rho[x]! * z;
      for (let k = x * responses; k < (x + 1) * responses; k++)
        gradient[k]! -= signedAlpha * rho[x]! * Math.exp(logits[k]! - z);
    }
    return nll - signedAlpha * value;
  };
  const stepSize = 1 / (pairs.total + Math.abs(signedAlpha) / beta + 1);
  const descend = (start: Float64Array): Minimum =>
    minimize(measure, start, {
      method: "gradient",
      project: (r) => project(r, weights, bound),
      stepSize,
    });
  let best = descend(new Float64Array(cells));
  if (signedAlpha > 0)
    for (let k = 0; k < Math.min(cells, 64); k++)
      for (const sign of [1, -1]) {
        const start = new Float64Array(cells);
        start[k] = sign * bound;
        const end = descend(start);
        if (end.value < best.value - 1e-12 * Math.abs(best.value)) best = end;
      }
  const reward = flatNumbers(best.x);
  const objective = measure(reward, new Float64Array(cells));
  const shape = [prompts, responses];
  return {
    reward: array<"float64">(reward, { shape }),
    logPolicy: array<"float64">(logPolicyOf(flat, reward, beta), { shape }),
    nll,
    optimalValue: value,
    objective,
  };
}
