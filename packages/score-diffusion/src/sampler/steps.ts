/** The steps that samplers run over: from the noise to the data. */
import { DomainError } from "@provably/core-tensor";
import { type Schema, checkOptions, oneOf } from "@provably/core-tensor/internal";
import { type NoiseLevel, lambdaOf, levelOf } from "../schedule/level.js";
import { type Schedule, checkSchedule } from "../schedule/schedule.js";
import type { TableOptions } from "./sampler.js";

/**
 * A step from one noise level to a cleaner one.
 * @category Samplers
 */
export interface Transition {
  /** Where the step starts. */
  readonly level: NoiseLevel;
  /** Where it ends. */
  readonly to: NoiseLevel;
}

const TABLE: Schema<TableOptions> = { stopAt: oneOf(0, 1) };

/**
 * The steps $t \to t - 1$ of a schedule for $t = T \dots 1$, or down to 2 when the chain stops at $Y_1$: the table of most samplers.
 *
 * @param schedule - T noise levels
 * @param options - `stopAt`: 0 (default) or 1
 * @returns one row a step, in running order
 * @throws `DomainError` when the schedule is none, or an option is unknown
 * @example
 * ```ts
 * import { theorySchedule, transitions } from "@provably/score-diffusion";
 *
 * transitions(theorySchedule(16)).length; // => 16
 * ```
 * @category Samplers
 */
export function transitions(schedule: Schedule, options: TableOptions = {}): Transition[] {
  checkSchedule("transitions", schedule);
  const { stopAt = 0 } = checkOptions<TableOptions>("transitions", options, TABLE);
  // the schedule is checked once, not for every level
  const levels = [1, ...schedule.alphaBar].map(levelOf);
  return Array.from({ length: schedule.alphaBar.length - stopAt }, (_, i) => {
    const t = schedule.alphaBar.length - i;
    return { level: levels[t]!, to: levels[t - 1]! };
  });
}

/** ln(α/σ); needs signal, and is infinite for the data. */
export function signalLambda(fn: string, level: NoiseLevel): number {
  if (level.alpha === 0)
    throw new DomainError(
      `${fn}: the schedule starts in pure noise, where ln(α/σ) is −∞; use ddim, or end the schedule a little earlier`,
    );
  return lambdaOf(level);
}

/**
 * One step of the theorems' samplers, from $t$ to $t - 1$.
 * @category Samplers
 */
export interface StepRow {
  /** Where the step starts. */
  readonly level: NoiseLevel;
  /** $\alpha_t = \bar\alpha_t / \bar\alpha_{t-1}$. */
  readonly ratio: number;
}

/**
 * {@link transitions} as the samplers of the theorems write them: where a step starts, and
 * $\alpha_t = \bar\alpha_t / \bar\alpha_{t-1}$.
 *
 * @param schedule - T noise levels, none of them pure noise
 * @param options - `stopAt`: 0 (default) or 1
 * @returns one row a step, in running order
 * @throws `DomainError` when the schedule is none or ends in pure noise, or an option is unknown
 * @example
 * ```ts
 * import { stepRows, theorySchedule } from "@provably/score-diffusion";
 *
 * stepRows(theorySchedule(16)).length; // => 16
 * ```
 * @category Samplers
 */
export function stepRows(schedule: Schedule, options: TableOptions = {}): StepRow[] {
  const { alphaBar } = checkSchedule("stepRows", schedule);
  checkOptions<TableOptions>("stepRows", options, TABLE);
  if (alphaBar[alphaBar.length - 1] === 0)
    throw new DomainError(
      "the schedule ends in pure noise, alphaBar = 0, which this sampler cannot leave; use ddim, or end the schedule a little earlier",
    );
  return transitions(schedule, options).map(({ level }, i) => {
    const t = alphaBar.length - i;
    return { level, ratio: alphaBar[t - 1]! / (t > 1 ? alphaBar[t - 2]! : 1) };
  });
}
