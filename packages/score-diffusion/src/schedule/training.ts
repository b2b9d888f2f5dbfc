/** What a network was trained on: the noise levels that it knows, and its numbers for them. */
import { DomainError } from "@provably/core-tensor";
import {
  anything,
  check,
  oneOf,
  optional,
  recordOf,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import { roundHalfToEven } from "../internal/numbers.js";
import { type NoiseLevel, checkLevel, levelOf } from "./level.js";
import { respace, timesteps } from "./respace.js";
import { type Schedule, checkSchedule } from "./schedule.js";

/**
 * The training of a network that knows noise levels by their step numbers.
 * @category Networks
 */
export interface Training {
  /** The schedule of the training, from the step with the least noise to the one with the most. */
  readonly schedule: Schedule;
  /** How the network counts its first step: 0, as published networks do (the default), or 1. */
  readonly firstStep?: 0 | 1;
  /** Whether the network takes whole steps only: others are rounded, ties to even. Default false. */
  readonly wholeSteps?: boolean;
}

const TRAINING = recordOf<Training>({
  schedule: anything,
  firstStep: optional(oneOf(0, 1)),
  wholeSteps: optional(trueOrFalse),
});

/** A training with its schedule, for functions that take one. */
export function checkTraining(fn: string, trainedOn: Training, name = "trainedOn"): Training {
  checkSchedule(fn, check(fn, name, trainedOn, TRAINING).schedule, `${name}.schedule`);
  return trainedOn;
}

/** The number by which a network knows a level, and the variance-preserving level that it stands for. */
export interface KnownLevel {
  readonly step: number;
  readonly level: NoiseLevel;
  /** Whether the level asked for has less noise than the first step, so that this one stands in for it. */
  readonly below: boolean;
}

/** Levels whose σ/α differ by less than this share are the same: rounding, and no more. */
const SAME = 1e-9;

/** ln(σ/α) of every step. */
const logRatios = (schedule: Schedule): number[] =>
  schedule.alphaBar.map((power) => Math.log((1 - power) / power) / 2);

/**
 * What finds the step of a level: ln(σ/α) is linear between neighbouring steps.
 *
 * Levels below the first step are asked at the first, whose score stands for theirs. Levels above the last one nobody taught the network: an error.
 */
export function levelFinder(fn: string, trainedOn: Training): (level: NoiseLevel) => KnownLevel {
  const { schedule, firstStep = 0, wholeSteps = false } = checkTraining(fn, trainedOn);
  const logs = logRatios(schedule);
  const last = logs.length - 1;
  const number = (place: number): number => {
    const nearest = Math.round(place);
    // the levels of the schedule themselves get their own whole numbers
    const step = firstStep + (Math.abs(place - nearest) < 1e-8 ? nearest : place);
    return wholeSteps ? roundHalfToEven(step) : step;
  };
  return (asked) => {
    const { alpha, sigma } = checkLevel(fn, asked);
    const wanted = Math.log(Math.abs(sigma) / alpha);
    if (wanted < logs[0]! - SAME)
      return { step: firstStep, level: levelOf(schedule.alphaBar[0]!), below: true };
    const tooMuch = (why: string): DomainError =>
      new DomainError(
        `${fn}: no step of the training has the noise sigma/alpha = ${(sigma / alpha).toPrecision(6)}: ${why}; end the schedule a little earlier, or give the network the schedule that it was trained on`,
      );
    if (wanted > logs[last]! + SAME)
      throw tooMuch(
        `the last one, ${firstStep + last}, has ${Math.exp(logs[last]!).toPrecision(6)}`,
      );
    const length = Math.hypot(alpha, sigma);
    const level = { alpha: alpha / length, sigma: Math.abs(sigma) / length };
    const above = Math.max(1, lowerBound(logs, wanted));
    if (above > last || wanted === logs[above])
      return { step: number(Math.min(above, last)), level, below: false };
    const [low, high] = [logs[above - 1]!, logs[above]!];
    if (high !== Infinity)
      return { step: number(above - 1 + (wanted - low) / (high - low)), level, below: false };
    if (wanted - low < SAME) return { step: number(above - 1), level, below: false };
    throw tooMuch(
      `after step ${firstStep + above - 1} with ${Math.exp(low).toPrecision(6)} the next one is pure noise`,
    );
  };
}

/** The first place of an ascending list whose value is at least the given one. */
function lowerBound(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The step number by which a network knows a noise level: $\ln(\sigma/\alpha)$ is taken as linear between neighbouring steps of its training.
 *
 * @param trainedOn - see {@link Training}
 * @param level - noise level on any scale; only $\sigma/\alpha$ counts
 * @returns number from `firstStep` on, fractional between two steps unless the network takes whole ones; the first step for levels with less noise
 * @throws `DomainError` when the level has more noise than the last step, or lies between the last two where the last is pure noise
 * @example
 * ```ts
 * import { levelOfSigma, scheduleOfSigmas, stepOfLevel } from "@provably/score-diffusion";
 *
 * const schedule = scheduleOfSigmas([4, 1]);
 * stepOfLevel({ schedule }, levelOfSigma(2)).toFixed(6); // => "0.500000"
 * stepOfLevel({ schedule, firstStep: 1 }, levelOfSigma(4)); // => 2
 * ```
 * @category Networks
 */
export function stepOfLevel(trainedOn: Training, level: NoiseLevel): number {
  return levelFinder("stepOfLevel", trainedOn)(level).step;
}

/** So many steps of the training, evenly spaced and with the noisiest: the schedule to sample with. */
export function trainedSchedule(fn: string, { schedule }: Training, numSteps: number): Schedule {
  const total = schedule.alphaBar.length;
  if (numSteps > total)
    throw new DomainError(
      `${fn}: numSteps must be at most the ${total} steps that the network was trained on, got ${numSteps}`,
    );
  return respace(schedule, timesteps(total, numSteps));
}

/** ln(α/σ) at the noisiest and at the cleanest step that a model was trained on, where it knows no others. */
export function trainedLambdas({
  trainedOn,
}: {
  readonly trainedOn?: Training | undefined;
}): readonly [number, number] {
  if (trainedOn === undefined) return [-Infinity, Infinity];
  const logs = logRatios(trainedOn.schedule).filter((log) => log < Infinity);
  return [-logs[logs.length - 1]!, -logs[0]!];
}
