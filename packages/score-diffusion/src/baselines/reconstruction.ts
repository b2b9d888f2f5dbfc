/** What all baselines share: their options, their result, and the loop that makes them abortable, resumable and independent of the batch. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  ShapeError,
  all,
  asType,
  isFinite,
  item,
} from "@provably/core-tensor";
import {
  anyList,
  anyRecord,
  anything,
  check,
  longWork,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normalRows } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import { certifyPosteriorPredictive } from "../certify/posterior-predictive.js";
import {
  type ForwardModel,
  type Likelihood,
  checkRows,
  likelihoodOf,
} from "../forward/forward-model.js";
import type { NoiseLevel } from "../schedule/level.js";
import { linearBetas } from "../schedule/betas.js";
import { type Schedule, checkSchedule, scheduleOf } from "../schedule/schedule.js";
import { trainedSchedule } from "../schedule/training.js";
import { type Process, drive, driveAsync } from "../sampler/drive.js";
import { type AsyncModel, type Model, checkModel } from "../score/prediction.js";

/**
 * Where a reconstruction stands; one that goes on from it takes the same steps as one that never stopped.
 * @category Baselines
 */
export interface ReconstructionState {
  /** Steps done. */
  readonly step: number;
  /** The points, `[n, d]`. */
  readonly x: NdArray;
  /** What a method carries from step to step. */
  readonly memory: readonly NdArray[];
  /** How often the model was asked so far. */
  readonly numEvaluations: number;
}

/**
 * Options that all baselines take. One of `numSamples`, `start` and `state` is needed.
 * @category Baselines
 */
export interface ReconstructionOptions {
  /** Points to reconstruct, each from its own start. */
  readonly numSamples?: number;
  /** Where they start, `[n, d]`. */
  readonly start?: ArrayInput;
  /** Go on from here. */
  readonly state?: ReconstructionState;
  /** Number of the first row, as in `SampleOptions`. Default 0. */
  readonly firstRow?: number;
  /** Called after every step; `metric` is the root mean square of the points. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
    readonly state: ReconstructionState;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

/** Guards of the options that all baselines take. */
export const RECONSTRUCTION = {
  ...longWork,
  numSamples: wholeNumber(0),
  start: anything,
  state: anything,
  firstRow: wholeNumber(0),
};

/** Guards of those that follow a noise schedule. */
export const SCHEDULED = { ...RECONSTRUCTION, numSteps: wholeNumber(1), schedule: anything };

/**
 * Options of baselines that follow a noise schedule.
 * @category Baselines
 */
export interface ScheduledOptions extends ReconstructionOptions {
  /** Steps out of those that the network was trained on, or of the 1000 of the linear schedule; the default is the published number. Not together with `schedule`. */
  readonly numSteps?: number;
  /** Another schedule. */
  readonly schedule?: Schedule;
}

/**
 * What a baseline gives.
 * @category Baselines
 */
export interface Reconstruction {
  /** The reconstructed points, `[n, d]`. */
  readonly samples: NdArray;
  /** How often the model was asked, derivatives not counted. */
  readonly numEvaluations: number;
  /** For going on. */
  readonly state: ReconstructionState;
  /** Whether the measurement looks like one of these points' own: see {@link certifyPosteriorPredictive}. */
  readonly certificate: Certificate;
}

/** The published number of steps, or another, out of the schedule of the training, or the linear schedule of 1000. */
export function scheduleFor(
  fn: string,
  model: Model | AsyncModel,
  { numSteps, schedule }: ScheduledOptions,
  published: number,
): Schedule {
  if (schedule !== undefined) {
    if (numSteps !== undefined)
      throw new DomainError(`${fn}: give either numSteps or schedule, not both`);
    return checkSchedule(fn, schedule);
  }
  const { trainedOn = { schedule: scheduleOf(linearBetas(1000)) } } = checkModel(fn, model);
  const total = trainedOn.schedule.alphaBar.length;
  return trainedSchedule(fn, trainedOn, numSteps ?? Math.min(published, total));
}

/** What a step may use. */
export interface Step {
  readonly x: NdArray;
  readonly memory: readonly NdArray[];
  readonly likelihood: Likelihood;
  /** A standard normal array like `x`, by name. */
  draw(name: string): NdArray;
}

/** What a step leaves. */
export interface Stepped {
  readonly x: NdArray;
  readonly memory?: readonly NdArray[];
}

/** A method: how many steps, the first memory, and one step, which asks for predictions or has the model itself. */
export interface Method {
  readonly total: number;
  begin?(
    x: NdArray,
    likelihood: Likelihood,
  ): { readonly x: NdArray; readonly memory: readonly NdArray[] };
  step(i: number, context: Step): Process<Stepped> | Stepped;
}

/** A method whose steps differentiate the model, which counts its evaluations. */
export interface DerivativeMethod extends Omit<Method, "step"> {
  step(i: number, context: Step & { readonly model: Model }): Stepped;
}

/** Arguments of every baseline behind its name. */
type Arguments<M extends Model | AsyncModel> = readonly [
  forward: ForwardModel,
  y: ArrayInput,
  model: M,
  key: RngKey,
  options: ReconstructionOptions,
];

/** Runs a method that differentiates the model. */
export function reconstructByDerivatives(
  fn: string,
  [forward, y, model, key, options]: Arguments<Model>,
  method: DerivativeMethod,
): Reconstruction {
  const counter = { asked: options.state?.numEvaluations ?? 0 };
  const counted = countingModel(checkModel(fn, model), counter);
  const steps: Method = {
    ...method,
    // nothing is asked of the driver: the step has the model
    step: (i, context) => method.step(i, { ...context, model: counted }),
  };
  return drive(fn, model, processOf(fn, [forward, y, model, key, options], steps, counter));
}

/** Runs a method with a model that answers at once. */
export function reconstruct(fn: string, given: Arguments<Model>, method: Method): Reconstruction {
  const model = checkModel(fn, given[2]);
  const counter = { asked: given[4].state?.numEvaluations ?? 0 };
  return drive(fn, model, processOf(fn, given, method, counter));
}

/** Runs a method with a model that answers later. */
export async function reconstructAsync(
  fn: string,
  given: Arguments<AsyncModel>,
  method: Method,
): Promise<Reconstruction> {
  const model = checkModel(fn, given[2]);
  const { signal, state } = given[4];
  const counter = { asked: state?.numEvaluations ?? 0 };
  return driveAsync(fn, model, processOf(fn, given, method, counter), signal);
}

/** The questions of a step, counted. */
function* counted(
  steps: Process<Stepped>,
  counter: { asked: number },
  where: string,
): Process<Stepped> {
  let turn = steps.next();
  while (!turn.done) {
    counter.asked++;
    turn = steps.next(yield { ...turn.value, where });
  }
  return turn.value;
}

/** A run from standard normal points, or from where it is told to. */
function* processOf(
  fn: string,
  [forward, y, , key, options]: Arguments<Model | AsyncModel>,
  method: Method,
  counter: { asked: number },
): Process<Reconstruction> {
  const { firstRow = 0, onProgress, signal } = options;
  check(fn, "key", key, rngKey);
  const likelihood = likelihoodOf(fn, forward, y);
  const { total } = method;
  let state = firstState(fn, forward, y, key, options, method, likelihood);
  if (state.step >= total)
    throw new DomainError(`${fn}: state has done ${state.step} of ${total} steps already`);
  signal?.throwIfAborted();
  while (state.step < total) {
    const i = state.step;
    const stepKey = foldIn(key, i);
    const { x, memory } = state;
    const draw = (name: string): NdArray =>
      normalRows(foldIn(stepKey, name), x.shape, { dtype: "float64", firstRow });
    const steps = method.step(i, { x, memory, likelihood, draw });
    const next = "x" in steps ? steps : yield* counted(steps, counter, `in step ${i + 1}`);
    if (!item(all(isFinite(next.x))))
      throw new DomainError(
        `${fn}: the points became NaN or infinite in step ${i + 1}; take smaller steps`,
      );
    state = {
      step: i + 1,
      x: next.x,
      memory: next.memory ?? memory,
      numEvaluations: counter.asked,
    };
    onProgress?.({ iteration: i + 1, total, metric: rootMeanSquare(state.x), state });
    signal?.throwIfAborted();
  }
  return {
    samples: state.x,
    numEvaluations: state.numEvaluations,
    state,
    certificate: certifyPosteriorPredictive(forward, y, state.x, foldIn(key, "certificate")),
  };
}

function checkReconstructionState(fn: string, state: ReconstructionState): void {
  const { step, x, memory, numEvaluations } = check(fn, "state", state, anyRecord);
  check(fn, "state.step", step, wholeNumber(0));
  check(fn, "state.numEvaluations", numEvaluations, wholeNumber(0));
  arrayOf(fn, "state.x", x);
  for (const [i, part] of check(fn, "state.memory", memory, anyList).entries())
    arrayOf(fn, `state.memory[${i}]`, part);
}

function firstState(
  fn: string,
  forward: ForwardModel,
  y: ArrayInput,
  key: RngKey,
  options: ReconstructionOptions,
  method: Method,
  likelihood: Likelihood,
): ReconstructionState {
  const { numSamples, start, state, firstRow = 0 } = options;
  const d = forward.inputSize;
  if ([numSamples, start, state].filter((given) => given !== undefined).length !== 1)
    throw new DomainError(`${fn}: give one of numSamples, start and state`);
  if (state !== undefined) checkReconstructionState(fn, state);
  const x =
    state?.x ??
    (start === undefined
      ? normalRows(foldIn(key, "start"), [numSamples!, d], { dtype: "float64", firstRow })
      : asType(start, "float64"));
  if (x.shape.length !== 2 || x.shape[1] !== d)
    throw new ShapeError(`${fn}: points must be [n, ${d}], got [${x.shape.join(", ")}]`);
  checkRows(fn, y, x.shape[0]!);
  if (state !== undefined) return state;
  const begun =
    start === undefined
      ? method.begin?.(x, likelihood)
      : method.begin && { ...method.begin(x, likelihood), x };
  return { step: 0, x: begun?.x ?? x, memory: begun?.memory ?? [], numEvaluations: 0 };
}

function countingModel(model: Model, counter: { asked: number }): Model {
  const evaluate = (x: NdArray, level: NoiseLevel): NdArray => {
    counter.asked++;
    return model.evaluate(x, level);
  };
  const { vjp } = model;
  return {
    ...model,
    evaluate,
    ...(vjp && { vjp: (x, level, cotangent) => vjp.call(model, x, level, cotangent) }),
  };
}

function rootMeanSquare(x: NdArray): number {
  let total = 0;
  for (const v of x.data) total += v * v;
  return Math.sqrt(total / Math.max(1, x.data.length));
}
