/** The steps that samplers run over: from the noise to the data. */
import { DomainError } from "@provably/core-tensor";
import { type NoiseLevel, lambdaOf } from "../schedule/level.js";
import { type Schedule, levelAt } from "../schedule/schedule.js";
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

/** Transitions for t = T … 1, or down to 2 when the chain stops at Y₁. */
export function transitions(schedule: Schedule, { stopAt = 0 }: TableOptions): Transition[] {
  const levels = Array.from({ length: schedule.alphaBar.length + 1 }, (_, t) =>
    levelAt(schedule, t),
  );
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

/** Rows for t = T … 1, or down to 2 when the chain stops at Y₁. */
export function stepRows(schedule: Schedule, options: TableOptions): StepRow[] {
  const { alphaBar } = schedule;
  if (alphaBar[alphaBar.length - 1] === 0)
    throw new DomainError(
      "the schedule ends in pure noise, alphaBar = 0, which this sampler cannot leave; use ddim, or end the schedule a little earlier",
    );
  return transitions(schedule, options).map(({ level }, i) => {
    const t = alphaBar.length - i;
    return { level, ratio: alphaBar[t - 1]! / (t > 1 ? alphaBar[t - 2]! : 1) };
  });
}
