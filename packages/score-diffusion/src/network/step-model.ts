/** Networks that know noise levels by their step numbers, as models at any level. */
import { type NdArray, mul } from "@provably/core-tensor";
import { anyFunction, check, checkOptions, oneOf } from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import { type Training, levelFinder } from "../schedule/training.js";
import {
  type AsyncModel,
  type Model,
  PREDICTIONS,
  type Prediction,
  answerOf,
  checkAsked,
  convertPrediction,
} from "../score/prediction.js";

/** What a network is asked, and what its answer says at the level that was meant. */
interface StepQuestion {
  readonly point: NdArray;
  readonly step: number;
  read(answer: NdArray): NdArray;
}

/** Questions to a network of steps: points on the variance-preserving scale, and the step by which it knows their level. */
export function stepQuestions(
  fn: string,
  trainedOn: Training,
  prediction: Prediction,
): (x: NdArray, level: NoiseLevel) => StepQuestion {
  const find = levelFinder(fn, trainedOn);
  return (x, asked) => {
    checkAsked(fn, x, asked);
    const { step, level, below } = find(asked);
    const ratio = asked.alpha > 0 ? level.alpha / asked.alpha : level.sigma / asked.sigma;
    const scale = Math.abs(ratio - 1) < 1e-12 ? 1 : ratio;
    const point = scale === 1 ? x : mul(scale, x);
    return {
      point,
      step,
      read(answer) {
        const value = answerOf(fn, answer, x);
        if (below) {
          // the score of slightly blurred data hardly changes with the blur
          const score = mul(scale, convertPrediction(value, prediction, "score", point, level));
          return convertPrediction(score, "score", prediction, x, asked);
        }
        if (scale === 1 || prediction === "eps" || prediction === "x0") return value;
        // the score scales against x; the velocity αε − σx₀ with its coefficients
        return mul(prediction === "v" ? 1 / scale : scale, value);
      },
    };
  };
}

/**
 * Options of {@link stepModel} and {@link stepModelAsync}.
 * @category Networks
 */
export interface StepModelOptions {
  /** What the network predicts; default `eps`. */
  readonly prediction?: Prediction;
}

const STEP_MODEL = { prediction: oneOf(...PREDICTIONS) };

/**
 * A network that knows noise levels by their step numbers, as published networks do, as a {@link Model} at any level.
 *
 * Points are brought onto the variance-preserving scale. The step is found from $\sigma/\alpha$ by the schedule of the network's own training, whatever schedule the
 * sampler runs on, and is fractional between two steps unless `wholeSteps` is set. A level with more noise than the last step is an error; below the first step
 * the score of the first step is used.
 *
 * @param network - points `[n, …]` and a step to an array of the same shape
 * @param trainedOn - the training: its schedule, and how the network counts its steps
 * @param options - see {@link StepModelOptions}
 * @returns model, differentiable in `x` where the network is
 * @throws `DomainError` when the training is not described, and, asked about a level that the training did not have, before the network is called
 * @example
 * ```ts
 * import { item, mul, ones } from "@provably/core-tensor";
 * import { levelAt, linearBetas, scheduleOf, stepModel } from "@provably/score-diffusion";
 *
 * const schedule = scheduleOf(linearBetas(1000));
 * const model = stepModel((x, step) => mul(step, x), { schedule });
 * item(model.evaluate(ones([1, 1]), levelAt(schedule, 1000))); // => 999
 * ```
 * @category Networks
 */
export function stepModel(
  network: (x: NdArray, step: number) => NdArray,
  trainedOn: Training,
  options: StepModelOptions = {},
): Model {
  check("stepModel", "network", network, anyFunction);
  const { prediction = "eps" } = checkOptions<StepModelOptions>("stepModel", options, STEP_MODEL);
  const ask = stepQuestions("stepModel", trainedOn, prediction);
  return {
    prediction,
    trainedOn,
    evaluate(x, level) {
      const { point, step, read } = ask(x, level);
      return read(network(point, step));
    },
  };
}

/**
 * {@link stepModel} for a network that answers later.
 *
 * @param network - points `[n, …]` and a step to the promise of an array of the same shape
 * @param trainedOn - the training: its schedule, and how the network counts its steps
 * @param options - see {@link StepModelOptions}
 * @returns model for `sampleAsync`
 * @throws `DomainError` as {@link stepModel} does
 * @example
 * ```ts
 * import { mul } from "@provably/core-tensor";
 * import { linearBetas, scheduleOf, stepModelAsync } from "@provably/score-diffusion";
 *
 * stepModelAsync(async (x) => mul(0, x), { schedule: scheduleOf(linearBetas(1000)) }).prediction; // => "eps"
 * ```
 * @category Networks
 */
export function stepModelAsync(
  network: (x: NdArray, step: number) => Promise<NdArray>,
  trainedOn: Training,
  options: StepModelOptions = {},
): AsyncModel {
  const fn = "stepModelAsync";
  check(fn, "network", network, anyFunction);
  const { prediction = "eps" } = checkOptions<StepModelOptions>(fn, options, STEP_MODEL);
  const ask = stepQuestions(fn, trainedOn, prediction);
  return {
    prediction,
    trainedOn,
    async evaluate(x, level) {
      const { point, step, read } = ask(x, level);
      return read(await network(point, step));
    },
  };
}
