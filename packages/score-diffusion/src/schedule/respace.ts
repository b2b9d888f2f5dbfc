/** Few steps of the long schedule that a network was trained with. */
import { DomainError } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  checkOptions,
  listOf,
  oneOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { roundHalfToEven } from "../internal/numbers.js";
import { type Schedule, checkSchedule, scheduleOfAlphaBar } from "./schedule.js";

const OPTIONS = { spacing: oneOf("trailing", "leading", "linspace", "quadratic") };

/**
 * How to pick steps out of a long schedule:
 *
 * - `trailing` – evenly, always with the last one, the noisiest.
 * - `leading` – evenly, always with the first one.
 * - `linspace` – evenly from the first to the last.
 * - `quadratic` – more of them near the data.
 * @category Schedules
 */
export type Spacing = "trailing" | "leading" | "linspace" | "quadratic";

/**
 * Which steps of a schedule to visit.
 *
 * @param total - steps of the long schedule
 * @param numSteps - steps to pick, at most `total`
 * @param options - `spacing`, default `trailing`
 * @returns different step numbers from 1 to `total`, ascending
 * @throws `DomainError` when rounding would pick a step twice
 * @example
 * ```ts
 * import { timesteps } from "@provably/score-diffusion";
 *
 * timesteps(1000, 4); // => [250, 500, 750, 1000]
 * timesteps(1000, 4, { spacing: "leading" }); // => [1, 251, 501, 751]
 * ```
 * @see Lin, Liu, Li, Yang (2024), "Common diffusion noise schedules and sample steps are flawed", table 2
 * @category Schedules
 */
export function timesteps(
  total: number,
  numSteps: number,
  options: { readonly spacing?: Spacing } = {},
): number[] {
  check("timesteps", "total", total, wholeNumber(1));
  check("timesteps", "numSteps", numSteps, wholeNumber(1));
  const { spacing = "trailing" } = checkOptions("timesteps", options, OPTIONS);
  if (numSteps > total)
    throw new DomainError(`timesteps: numSteps must be at most ${total}, got ${numSteps}`);
  const place = (i: number): number => {
    switch (spacing) {
      case "trailing":
        return roundHalfToEven(((i + 1) * total) / numSteps);
      case "leading":
        return i * Math.floor(total / numSteps) + 1;
      case "linspace":
        // ties as they fall when steps are counted from 0
        return numSteps === 1 ? total : 1 + roundHalfToEven((i * (total - 1)) / (numSteps - 1));
      case "quadratic":
        return (
          1 +
          Math.floor(
            (numSteps === 1 ? 1 : i / (numSteps - 1)) ** 2 * 0.8 * total -
              (i === numSteps - 1 ? 1e-9 : 0),
          )
        );
    }
  };
  const steps = Array.from({ length: numSteps }, (_, i) => place(i));
  const twice = steps.findIndex((step, i) => i > 0 && step <= steps[i - 1]!);
  if (twice > 0)
    throw new DomainError(
      `timesteps: ${spacing} spacing of ${numSteps} steps picks step ${steps[twice]} of ${total} twice; take fewer steps`,
    );
  return steps;
}

/**
 * A schedule that visits only some steps of another, keeping their noise levels, by which a network that was trained on the long one finds its own steps.
 *
 * @param schedule - the schedule of the training
 * @param steps - step numbers, ascending, from {@link timesteps} or your own
 * @returns schedule of as many steps
 * @throws `DomainError` when a step is not one of the schedule, or not greater than the one before
 * @example
 * ```ts
 * import { linearBetas, respace, scheduleOf, timesteps } from "@provably/score-diffusion";
 *
 * respace(scheduleOf(linearBetas(1000)), timesteps(1000, 3)).alphaBar.length; // => 3
 * ```
 * @category Schedules
 */
export function respace(schedule: Schedule, steps: readonly number[]): Schedule {
  const total = checkSchedule("respace", schedule).alphaBar.length;
  check("respace", "steps", steps, listOf(anyNumber));
  steps.forEach((step, i) => {
    if (!Number.isInteger(step) || step < 1 || step > total)
      throw new DomainError(
        `respace: steps[${i}] must be an integer from 1 to ${total}, got ${step}`,
      );
    if (i > 0 && step <= steps[i - 1]!)
      throw new DomainError(`respace: steps must ascend, got ${step} after ${steps[i - 1]}`);
  });
  return scheduleOfAlphaBar(steps.map((step) => schedule.alphaBar[step - 1]!));
}

/**
 * The part of a schedule next to the data: for a run that starts at step `numSteps` from a noised image; see {@link addNoise}.
 *
 * @param schedule - any schedule
 * @param numSteps - how many steps to keep, from 1 to all
 * @returns schedule of `numSteps` steps
 * @throws `DomainError` when there are not so many steps
 * @example
 * ```ts
 * import { scheduleOf, truncateSchedule } from "@provably/score-diffusion";
 *
 * truncateSchedule(scheduleOf([0.5, 0.5, 0.5]), 2).alphaBar; // => [0.5, 0.25]
 * ```
 * @category Schedules
 */
export function truncateSchedule(schedule: Schedule, numSteps: number): Schedule {
  const { beta, alphaBar } = checkSchedule("truncateSchedule", schedule);
  check("truncateSchedule", "numSteps", numSteps, wholeNumber(1));
  if (numSteps > alphaBar.length)
    throw new DomainError(
      `truncateSchedule: numSteps must be an integer from 1 to ${alphaBar.length}, got ${numSteps}`,
    );
  return { beta: beta.slice(0, numSteps), alphaBar: alphaBar.slice(0, numSteps) };
}

/**
 * A schedule stretched so that it ends in pure noise, $\bar\alpha_T = 0$: $\sqrt{\bar\alpha}$ is shifted and scaled, the first step stays.
 *
 * At the last level the noise cannot be told from the point: the network must predict the clean point or the velocity.
 *
 * @param schedule - schedule of at least two steps
 * @returns schedule of as many steps
 * @throws `DomainError` for a schedule of one step
 * @example
 * ```ts
 * import { linearBetas, rescaleZeroTerminalSnr, scheduleOf } from "@provably/score-diffusion";
 *
 * rescaleZeroTerminalSnr(scheduleOf(linearBetas(1000))).alphaBar[999]; // => 0
 * ```
 * @see Lin, Liu, Li, Yang (2024), "Common diffusion noise schedules and sample steps are flawed", algorithm 1
 * @category Schedules
 */
export function rescaleZeroTerminalSnr(schedule: Schedule): Schedule {
  const roots = checkSchedule("rescaleZeroTerminalSnr", schedule).alphaBar.map(Math.sqrt);
  const first = roots[0]!;
  const last = roots[roots.length - 1]!;
  if (roots.length < 2)
    throw new DomainError("rescaleZeroTerminalSnr: schedule must have at least two steps, got 1");
  return scheduleOfAlphaBar(roots.map((root) => (((root - last) * first) / (first - last)) ** 2));
}
