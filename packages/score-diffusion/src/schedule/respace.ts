/** Few steps of the long schedule that a network was trained with. */
import { DomainError } from "@provably/core-tensor";
import { anyRecord, check, oneOf, wholeNumber } from "@provably/core-tensor/internal";
import { positive, checkNumberList } from "../internal/check.js";
import { type Schedule, checkSchedule, scheduleOfAlphaBar } from "./schedule.js";

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
  const { spacing = "trailing" } = check("timesteps", "options", options, anyRecord);
  check("timesteps", "spacing", spacing, oneOf("trailing", "leading", "linspace", "quadratic"));
  if (numSteps > total)
    throw new DomainError(`timesteps: numSteps must be at most ${total}, got ${numSteps}`);
  const place = (i: number): number => {
    switch (spacing) {
      case "trailing":
        return Math.round(((i + 1) * total) / numSteps);
      case "leading":
        return i * Math.floor(total / numSteps) + 1;
      case "linspace":
        return numSteps === 1 ? total : Math.round(1 + (i * (total - 1)) / (numSteps - 1));
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
 * A schedule that visits only some steps of another, keeping their noise levels and their numbers, by which a trained network knows them.
 *
 * @param schedule - the schedule of the training
 * @param steps - step numbers, ascending, from {@link timesteps} or your own
 * @returns schedule of as many steps
 * @throws `DomainError` when a step is not one of the schedule, or not greater than the one before
 * @example
 * ```ts
 * import { linearBetas, respace, scheduleOf, timesteps } from "@provably/score-diffusion";
 *
 * respace(scheduleOf(linearBetas(1000)), timesteps(1000, 3)).steps; // => [333, 667, 1000]
 * ```
 * @category Schedules
 */
export function respace(schedule: Schedule, steps: readonly number[]): Schedule {
  const total = checkSchedule("respace", schedule).alphaBar.length;
  checkNumberList("respace", "steps", steps);
  steps.forEach((step, i) => {
    if (!Number.isInteger(step) || step < 1 || step > total)
      throw new DomainError(
        `respace: steps[${i}] must be an integer from 1 to ${total}, got ${step}`,
      );
    if (i > 0 && step <= steps[i - 1]!)
      throw new DomainError(`respace: steps must ascend, got ${step} after ${steps[i - 1]}`);
  });
  return {
    ...scheduleOfAlphaBar(steps.map((step) => schedule.alphaBar[step - 1]!)),
    steps: steps.map((step) => schedule.steps?.[step - 1] ?? step),
  };
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
 * import { firstSteps, scheduleOf } from "@provably/score-diffusion";
 *
 * firstSteps(scheduleOf([0.5, 0.5, 0.5]), 2).alphaBar; // => [0.5, 0.25]
 * ```
 * @category Schedules
 */
export function firstSteps(schedule: Schedule, numSteps: number): Schedule {
  const { beta, alphaBar, steps } = checkSchedule("firstSteps", schedule);
  check("firstSteps", "numSteps", numSteps, wholeNumber(1));
  if (numSteps > alphaBar.length)
    throw new DomainError(
      `firstSteps: numSteps must be an integer from 1 to ${alphaBar.length}, got ${numSteps}`,
    );
  return {
    beta: beta.slice(0, numSteps),
    alphaBar: alphaBar.slice(0, numSteps),
    ...(steps && { steps: steps.slice(0, numSteps) }),
  };
}

/**
 * Where a noise level lies on a schedule: the step number, interpolated in $\ln(\sigma/\alpha)$, by which a network trained on the steps knows a level between them.
 *
 * @param schedule - noise schedule of $T$ steps
 * @param ratio - $\sigma/\alpha > 0$
 * @returns number in $[1, T]$; levels outside of the schedule count as its ends
 * @throws `DomainError` when the ratio is not positive
 * @example
 * ```ts
 * import { scheduleOfSigmas, stepOfSigma } from "@provably/score-diffusion";
 *
 * stepOfSigma(scheduleOfSigmas([4, 1]), 2).toFixed(6); // => "1.500000"
 * ```
 * @category Schedules
 */
export function stepOfSigma(schedule: Schedule, ratio: number): number {
  positive("stepOfSigma", "ratio", ratio);
  const logs = checkSchedule("stepOfSigma", schedule).alphaBar.map(
    (a) => Math.log((1 - a) / a) / 2,
  );
  const wanted = Math.log(ratio);
  const above = logs.findIndex((log) => log >= wanted);
  if (above <= 0) return above === 0 ? 1 : logs.length;
  const [low, high] = [logs[above - 1]!, logs[above]!];
  return high === Infinity ? above : above + (wanted - low) / (high - low);
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
  const stretched = scheduleOfAlphaBar(
    roots.map((root) => (((root - last) * first) / (first - last)) ** 2),
  );
  return schedule.steps === undefined ? stretched : { ...stretched, steps: schedule.steps };
}
