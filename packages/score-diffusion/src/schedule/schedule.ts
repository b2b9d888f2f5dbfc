/** Discrete noise schedules $\beta_1, \dots, \beta_T$ and the signal powers that follow from them. */
import { DomainError } from "@provably/core-tensor";

/**
 * A discrete schedule. Entry `i` belongs to step $t = i + 1$.
 * @category Schedules
 */
export interface Schedule {
  /** Variance of the noise that each step adds, in (0, 1). */
  readonly beta: readonly number[];
  /** What is left of the signal power after each step, $\bar\alpha_t = \prod_{i \le t}(1 - \beta_i)$: strictly decreasing. */
  readonly alphaBar: readonly number[];
  /** The step after the last one, where the formula of the schedule goes on; used by {@link acceleratedOde} with `first: "extend"`. */
  readonly nextBeta?: number;
}

export function checkCount(fn: string, name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) throw new DomainError(`${fn}: ${name} must be an integer ≥ ${least}, got ${value}`);
}

/**
 * The schedule of the given betas.
 *
 * @param beta - variances, each in $(0, 1)$, at least one
 * @returns schedule
 * @throws `DomainError` when a beta is out of range, naming it
 * @example
 * ```ts
 * import { scheduleOf } from "@provably/score-diffusion";
 *
 * scheduleOf([0.5, 0.5]).alphaBar; // => [0.5, 0.25]
 * ```
 * @category Schedules
 */
export function scheduleOf(beta: readonly number[]): Schedule {
  if (beta.length === 0) throw new DomainError("scheduleOf: beta must hold at least one step, got none");
  let left = 1;
  const alphaBar = beta.map((b, i) => {
    if (!(b > 0 && b < 1)) throw new DomainError(`scheduleOf: beta[${i}] must be in (0, 1), got ${b}`);
    return (left *= 1 - b);
  });
  return { beta: [...beta], alphaBar };
}

/**
 * Options of {@link paperSchedule}.
 * @category Schedules
 */
export interface PaperScheduleOptions {
  /** Exponent $c_0$ of the first step; default 2. */
  readonly c0?: number;
  /** Growth constant $c_1$, above `c0`; default 4. */
  readonly c1?: number;
}

/**
 * The schedule of the convergence theorems: $\beta_1 = T^{-c_0}$ and $\beta_t = r \min\{\beta_1 (1 + r)^t, 1\}$ for $t \ge 2$, with $r = c_1 \ln T / T$.
 *
 * Steps grow geometrically while there is little noise and stay at $r$ afterwards. The papers ask for constants that are large enough and give no
 * numbers; these defaults are ours, and $c_0 = 1$ is what the published orders are reproduced with.
 *
 * @param numSteps - $T \ge 2$, large enough that $r < 1$
 * @param options - see {@link PaperScheduleOptions}
 * @returns schedule of `numSteps` steps, with the step after the last
 * @throws `DomainError` when $r \ge 1$, or `c1` does not exceed `c0`
 * @example
 * ```ts
 * import { paperSchedule } from "@provably/score-diffusion";
 *
 * paperSchedule(100, { c0: 1 }).beta[0]; // => 0.01
 * ```
 * @see Li, Wei, Chi, Chen (2024), "A sharp convergence theory for the probability flow ODEs of diffusion models", learning rates
 * @category Schedules
 */
export function paperSchedule(numSteps: number, options: PaperScheduleOptions = {}): Schedule {
  checkCount("paperSchedule", "numSteps", numSteps, 2);
  const { c0 = 2, c1 = 4 } = options;
  if (!(c0 > 0 && c1 > c0 && Number.isFinite(c1))) throw new DomainError(`paperSchedule: c1 must exceed c0 > 0, got c0 = ${c0} and c1 = ${c1}`);
  const r = (c1 * Math.log(numSteps)) / numSteps;
  if (!(r < 1))
    throw new DomainError(
      `paperSchedule: c1 ln(T) / T must be below 1, got ${r.toPrecision(4)} for T = ${numSteps}; take more steps or a smaller c1`,
    );
  const first = numSteps ** -c0;
  // (1 + r)^t through logarithms, so that long schedules do not overflow
  const beta = (t: number): number => (t === 1 ? first : r * Math.min(Math.exp(Math.log(first) + t * Math.log1p(r)), 1));
  const schedule = scheduleOf(Array.from({ length: numSteps }, (_, i) => beta(i + 1)));
  return { ...schedule, nextBeta: beta(numSteps + 1) };
}
