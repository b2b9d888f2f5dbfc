/** Step sizes that change as training goes on. */
import { anyFunction, check, show } from "../check/index.js";
import { DomainError } from "../errors.js";

/**
 * The step size after so many steps.
 * @category Schedules
 */
export type LearningRateSchedule = (step: number) => number;

/**
 * Half a cosine from `peak` down to `end`: $e + \tfrac12(p - e)(1 + \cos(\pi t/T))$.
 *
 * @param peak - first value
 * @param numSteps - length $T \ge 1$; the value stays at `end` afterwards
 * @param end - last value; default 0
 * @returns schedule
 * @throws `DomainError` when `numSteps` is not positive
 * @example
 * ```ts
 * import { cosineDecay } from "@provably/core-tensor/optim";
 *
 * cosineDecay(1, 100)(50); // => 0.5
 * ```
 * @see Loshchilov, Hutter (2017), "SGDR", eq. 5
 * @category Schedules
 */
export function cosineDecay(peak: number, numSteps: number, end = 0): LearningRateSchedule {
  if (!(typeof numSteps === "number" && numSteps > 0))
    throw new DomainError(`cosineDecay: numSteps must be positive, got ${show(numSteps)}`);
  if (!Number.isFinite(peak) || !Number.isFinite(end))
    throw new DomainError(
      `cosineDecay: peak and end must be finite, got ${show(peak)} and ${show(end)}`,
    );
  return (step) =>
    end +
    0.5 *
      (peak - end) *
      (1 + Math.cos(Math.PI * Math.min(1, checkStep("cosineDecay", step) / numSteps)));
}

/**
 * A straight rise from 0 over the first steps, then another schedule, which counts from there.
 *
 * @param warmupSteps - length of the rise, ≥ 0
 * @param then - what follows; its first value is the height of the rise
 * @returns schedule
 * @throws `DomainError` when `warmupSteps` is negative
 * @example
 * ```ts
 * import { cosineDecay, warmup } from "@provably/core-tensor/optim";
 *
 * warmup(10, cosineDecay(1, 100))(5); // => 0.5
 * ```
 * @category Schedules
 */
export function warmup(warmupSteps: number, then: LearningRateSchedule): LearningRateSchedule {
  if (!(typeof warmupSteps === "number" && warmupSteps >= 0))
    throw new DomainError(`warmup: warmupSteps must be ≥ 0, got ${show(warmupSteps)}`);
  check("warmup", "then", then, anyFunction);
  return (step) =>
    checkStep("warmup", step) < warmupSteps
      ? (then(0) * step) / warmupSteps
      : then(step - warmupSteps);
}

function checkStep(fn: string, step: number): number {
  if (!(typeof step === "number" && step >= 0))
    throw new DomainError(`${fn}: step must be a number ≥ 0, got ${show(step)}`);
  return step;
}
