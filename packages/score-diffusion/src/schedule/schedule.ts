/** Discrete noise schedules $\beta_1, \dots, \beta_T$ and the signal powers that follow from them. */
import { DomainError } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  checkOptions,
  finiteNumber,
  listOf,
  numberIn,
  optional,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type NoiseLevel, levelOf, levelOfLambda } from "./level.js";

const THEORY = { c0: positiveNumber, c1: positiveNumber };
const LAMBDAS = { lambdaMin: finiteNumber, lambdaMax: finiteNumber };
const FLOW = { shift: positiveNumber };

/**
 * A discrete schedule. Entry `i` belongs to step $t = i + 1$.
 * @category Schedules
 */
export interface Schedule {
  /** Variance of the noise that each step adds, in (0, 1). */
  readonly beta: readonly number[];
  /** What is left of the signal power after each step, $\bar\alpha_t = \prod_{i \le t}(1 - \beta_i)$: strictly decreasing, 0 at most at the end. */
  readonly alphaBar: readonly number[];
  /** The step after the last one, where the formula of the schedule goes on; used by {@link acceleratedOde} with `first: "extend"`. */
  readonly nextBeta?: number;
}

const SCHEDULE = recordOf<Schedule>({
  beta: listOf(anyNumber),
  alphaBar: listOf(anyNumber),
  nextBeta: optional(numberIn(0, 1)),
});

/** A schedule with a number for every step, for functions that take one. */
export function checkSchedule(fn: string, schedule: Schedule, name = "schedule"): Schedule {
  const { alphaBar, beta } = check(fn, name, schedule, SCHEDULE);
  for (const [part, list] of Object.entries({ alphaBar, beta }))
    if (list.length !== alphaBar.length || list.length === 0)
      throw new DomainError(
        `${fn}: ${name}.${part} must hold a number for each of at least one step, got ${list.length}`,
      );
  for (let t = 0; t < alphaBar.length; t++)
    if (!(alphaBar[t]! >= 0 && alphaBar[t]! < (t === 0 ? 1 : alphaBar[t - 1]!)))
      throw new DomainError(
        `${fn}: ${name}.alphaBar must decrease strictly from below 1, got ${alphaBar[t]} at step ${t + 1}`,
      );
  return schedule;
}

/**
 * The schedule with the given betas.
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
  check("scheduleOf", "beta", beta, listOf(anyNumber));
  if (beta.length === 0)
    throw new DomainError("scheduleOf: beta must hold at least one step, got none");
  let left = 1;
  const alphaBar = beta.map((b, i) => {
    if (!(b > 0 && b < 1))
      throw new DomainError(`scheduleOf: beta[${i}] must be in (0, 1), got ${b}`);
    return (left *= 1 - b);
  });
  return { beta: [...beta], alphaBar };
}

/**
 * Options of {@link theorySchedule}.
 * @category Schedules
 */
export interface TheoryScheduleOptions {
  /** Exponent $c_0$ of the first step; default 2. */
  readonly c0?: number;
  /** Growth constant $c_1$, above `c0`; default 4. */
  readonly c1?: number;
}

/**
 * The schedule of the convergence theorems: $\beta_1 = T^{-c_0}$ and $\beta_t = r \min\lbrace\beta_1 (1 + r)^t, 1\rbrace$ for $t \ge 2$, with $r = c_1 \ln T / T$.
 *
 * Steps grow geometrically while there is little noise and stay at $r$ afterwards. The papers ask for constants that are large enough and give no
 * numbers; these defaults are ours, and $c_0 = 1$ is what the published orders are reproduced with.
 *
 * @param numSteps - $T \ge 2$, large enough that $r < 1$
 * @param options - see {@link TheoryScheduleOptions}
 * @returns schedule of `numSteps` steps, with the step after the last
 * @throws `DomainError` when $r \ge 1$, or `c1` does not exceed `c0`
 * @example
 * ```ts
 * import { theorySchedule } from "@provably/score-diffusion";
 *
 * theorySchedule(100, { c0: 1 }).beta[0]; // => 0.01
 * ```
 * @see Li, Wei, Chi, Chen (2024), "A sharp convergence theory for the probability flow ODEs of diffusion models", learning rates
 * @category Schedules
 */
export function theorySchedule(numSteps: number, options: TheoryScheduleOptions = {}): Schedule {
  return theoryOf(
    "theorySchedule",
    numSteps,
    checkOptions<TheoryScheduleOptions>("theorySchedule", options, THEORY),
  );
}

/** {@link theorySchedule} for the function that a user called. */
export function theoryOf(
  fn: string,
  numSteps: number,
  { c0 = 2, c1 = 4 }: TheoryScheduleOptions,
): Schedule {
  check(fn, "numSteps", numSteps, wholeNumber(2));
  if (!(c1 > c0)) throw new DomainError(`${fn}: c1 must exceed c0, got c0 = ${c0} and c1 = ${c1}`);
  const r = (c1 * Math.log(numSteps)) / numSteps;
  if (!(r < 1))
    throw new DomainError(
      `${fn}: c1 ln(T) / T must be below 1 on the schedule of the theorems, got ${r.toPrecision(4)} for T = ${numSteps}; take more steps, another schedule or a smaller c1`,
    );
  const first = numSteps ** -c0;
  // (1 + r)^t through logarithms, so that long schedules do not overflow
  const beta = (t: number): number =>
    t === 1 ? first : r * Math.min(Math.exp(Math.log(first) + t * Math.log1p(r)), 1);
  const schedule = scheduleOf(Array.from({ length: numSteps }, (_, i) => beta(i + 1)));
  return { ...schedule, nextBeta: beta(numSteps + 1) };
}

/**
 * The noise level after step $t$ of a schedule; $t = 0$ is the data.
 *
 * @param schedule - noise schedule of $T$ steps
 * @param t - integer from 0 to $T$
 * @returns level
 * @throws `DomainError` when there is no such step
 * @example
 * ```ts
 * import { levelAt, scheduleOf } from "@provably/score-diffusion";
 *
 * levelAt(scheduleOf([0.36]), 1).alpha; // => 0.8
 * ```
 * @category Schedules
 */
export function levelAt(schedule: Schedule, t: number): NoiseLevel {
  const { alphaBar } = check("levelAt", "schedule", schedule, SCHEDULE);
  check("levelAt", "t", t, wholeNumber(0));
  if (t > alphaBar.length)
    throw new DomainError(`levelAt: t must be an integer from 0 to ${alphaBar.length}, got ${t}`);
  return t === 0 ? levelOf(1) : levelOf(alphaBar[t - 1]!);
}

/**
 * The schedule with the given signal powers.
 *
 * @param alphaBar - $\bar\alpha_1 > \bar\alpha_2 > \dots$ in $(0, 1)$; the last may be 0
 * @returns schedule
 * @throws `DomainError` when the powers do not decrease strictly, naming the place
 * @example
 * ```ts
 * import { scheduleOfAlphaBar } from "@provably/score-diffusion";
 *
 * scheduleOfAlphaBar([0.5, 0.25]).beta; // => [0.5, 0.5]
 * ```
 * @category Schedules
 */
export function scheduleOfAlphaBar(alphaBar: readonly number[]): Schedule {
  check("scheduleOfAlphaBar", "alphaBar", alphaBar, listOf(anyNumber));
  if (alphaBar.length === 0)
    throw new DomainError("scheduleOfAlphaBar: alphaBar must hold at least one step, got none");
  const beta = alphaBar.map((power, i) => {
    const before = i === 0 ? 1 : alphaBar[i - 1]!;
    if (!(power >= 0 && power < before))
      throw new DomainError(
        `scheduleOfAlphaBar: alphaBar must decrease strictly from below 1, got ${power} after ${before}`,
      );
    return 1 - power / before;
  });
  return { beta, alphaBar: [...alphaBar] };
}

/**
 * The schedule with the given noise-to-signal ratios $\sigma/\alpha$, such as those of {@link karrasSigmas}.
 *
 * @param sigmas - positive, descending; a 0 at the end is dropped, since every schedule starts from the data
 * @returns schedule with $\bar\alpha = 1/(1 + \sigma^2)$
 * @throws `DomainError` when the ratios do not descend strictly
 * @example
 * ```ts
 * import { scheduleOfSigmas } from "@provably/score-diffusion";
 *
 * scheduleOfSigmas([2, 1, 0]).alphaBar; // => [0.5, 0.2]
 * ```
 * @category Schedules
 */
export function scheduleOfSigmas(sigmas: readonly number[]): Schedule {
  check("scheduleOfSigmas", "sigmas", sigmas, listOf(anyNumber));
  const noisy = sigmas.at(-1) === 0 ? sigmas.slice(0, -1) : sigmas;
  return scheduleOfAlphaBar(noisy.map((sigma) => 1 / (1 + sigma * sigma)).reverse());
}

/**
 * The schedule whose log signal-to-noise ratios $\lambda = \ln(\alpha/\sigma)$ are evenly spaced: the natural grid of the exponential integrators.
 *
 * @param numSteps - levels, ≥ 2
 * @param options - `lambdaMin` (default −5) of the noise, `lambdaMax` (default 4) next to the data
 * @returns schedule of `numSteps` steps
 * @throws `DomainError` when the ends are out of order
 * @example
 * ```ts
 * import { lambdaGrid } from "@provably/score-diffusion";
 *
 * lambdaGrid(3, { lambdaMin: -1, lambdaMax: 1 }).alphaBar[1]; // => 0.5
 * ```
 * @see Lu et al. (2022), "DPM-Solver: a fast ODE solver for diffusion probabilistic model sampling in around 10 steps", section 3.3
 * @category Schedules
 */
export function lambdaGrid(
  numSteps: number,
  options: { readonly lambdaMin?: number; readonly lambdaMax?: number } = {},
): Schedule {
  check("lambdaGrid", "numSteps", numSteps, wholeNumber(2));
  const { lambdaMin = -5, lambdaMax = 4 } = checkOptions("lambdaGrid", options, LAMBDAS);
  if (!(lambdaMin < lambdaMax))
    throw new DomainError(
      `lambdaGrid: lambdaMin must be below lambdaMax, got ${lambdaMin} and ${lambdaMax}`,
    );
  return scheduleOfAlphaBar(
    Array.from(
      { length: numSteps },
      (_, i) =>
        levelOfLambda(lambdaMax + (i * (lambdaMin - lambdaMax)) / (numSteps - 1)).alpha ** 2,
    ),
  );
}

/**
 * The schedule of flow matching: points $x = (1 - u)x_0 + u\varepsilon$ at evenly spaced times $u$, up to scale.
 *
 * Ends in pure noise, where only the clean point or the velocity can be predicted.
 *
 * @param numSteps - steps, ≥ 1
 * @param options - `shift` $k > 0$, default 1: times become $ku/(1 + (k - 1)u)$, which spends more steps on noise
 * @returns schedule of `numSteps` steps
 * @throws `DomainError` when `shift` is not positive
 * @example
 * ```ts
 * import { flowSchedule } from "@provably/score-diffusion";
 *
 * flowSchedule(2).alphaBar; // => [0.5, 0]
 * ```
 * @see Lipman et al. (2023), "Flow matching for generative modeling"; Esser et al. (2024), eq. 23, for the shift
 * @category Schedules
 */
export function flowSchedule(
  numSteps: number,
  options: { readonly shift?: number } = {},
): Schedule {
  check("flowSchedule", "numSteps", numSteps, wholeNumber(1));
  const { shift = 1 } = checkOptions("flowSchedule", options, FLOW);
  return scheduleOfAlphaBar(
    Array.from({ length: numSteps }, (_, i) => {
      const even = (i + 1) / numSteps;
      const u = (shift * even) / (1 + (shift - 1) * even);
      return (1 - u) ** 2 / ((1 - u) ** 2 + u ** 2);
    }),
  );
}
