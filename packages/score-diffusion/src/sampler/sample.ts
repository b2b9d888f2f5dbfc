/** Running a sampler, with models that answer at once or later. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  ShapeError,
  asType,
  mul,
  stack,
} from "@provably/core-tensor";
import {
  anyList,
  anything,
  certificate,
  check,
  checkOptions,
  type Guard,
  isRecord,
  listOf,
  longWork,
  oneOf,
  trueOrFalse,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normalRows } from "@provably/core-tensor/random";
import { checkGenerator } from "../internal/check.js";
import { type NoiseLevel } from "../schedule/level.js";
import { type Schedule, checkSchedule, theoryOf } from "../schedule/schedule.js";
import { levelFinder, trainedSchedule } from "../schedule/training.js";
import { type AsyncModel, type Model, checkModel } from "../score/prediction.js";
import { NonFiniteError, type Process, drive, driveAsync } from "./drive.js";
import {
  type Sampler,
  type SamplerState,
  type TableOptions,
  TABLE,
  checkSampler,
  rowsOf,
  checkState,
} from "./sampler.js";

/**
 * How far a run has come.
 * @category Samplers
 */
export interface SampleProgress {
  /** Steps done. */
  readonly iteration: number;
  /** Steps in all. */
  readonly total: number;
  /** Root mean square of the points. */
  readonly metric: number;
}

/**
 * Options of {@link sample} and {@link sampleAsync}. One of `shape` and `start` is needed.
 * @category Samplers
 */
export interface SampleOptions extends TableOptions {
  /** Extents of the result, `[n, …]`. */
  readonly shape?: readonly number[];
  /** Points to start from instead of standard normal ones, shape `[n, …]`. */
  readonly start?: ArrayInput;
  /** Number of steps of the default schedule; default 50. Not together with `schedule`, which has its own. */
  readonly numSteps?: number;
  /** Noise schedule; default {@link theorySchedule} of `numSteps` steps, or so many steps of the schedule that the network was trained on. */
  readonly schedule?: Schedule;
  /** Noise to use instead of drawing it: for each step of the table the arrays that it takes. */
  readonly noise?: readonly (readonly NdArray[])[];
  /** Leave the noise out of the last step, as is often done; default false, as in the theorems. */
  readonly noiselessLastStep?: boolean;
  /** Number of the first row: a batch drawn in parts gets the same points as in one piece. Default 0. */
  readonly firstRow?: number;
  /**
   * What to do when the model returns NaN or infinite values: `throw` (the default), or `stop`, which ends with the points before that step and a certificate
   * that does not hold.
   */
  readonly onNonFinite?: "throw" | "stop";
  /** Keep the points after every step; default false. */
  readonly trajectory?: boolean;
  /** Called after every step. */
  readonly onProgress?: (progress: SampleProgress) => void;
  /**
   * Stops the run between two steps; {@link sampleAsync} also within one, while it waits for the model. The synchronous form holds the thread, so that only a
   * callback can abort it.
   */
  readonly signal?: AbortSignal;
}

const SAMPLE = {
  ...TABLE,
  ...longWork,
  shape: listOf(wholeNumber(0)),
  start: anything,
  numSteps: wholeNumber(1),
  schedule: anything,
  noise: listOf(anyList as Guard<readonly NdArray[]>),
  noiselessLastStep: trueOrFalse,
  firstRow: wholeNumber(0),
  onNonFinite: oneOf("throw", "stop"),
  trajectory: trueOrFalse,
};

/**
 * What a run gives.
 * @category Samplers
 */
export interface SampleResult {
  /** The points, shape `[n, …]`, float64. */
  readonly samples: NdArray;
  /** The points at the start and after every step, shape `[steps + 1, n, …]`, when asked for. */
  readonly trajectory?: NdArray;
  /** How often the model was asked. */
  readonly numEvaluations: number;
  /**
   * Holds when every step was taken and every coordinate of every sample is finite, and says nothing else: `value` is the share of both. Whether the samples
   * follow the right distribution is seen by {@link certifyScore} for the network, {@link certifyOrder} for the sampler and {@link certifyPosterior} for samples.
   */
  readonly certificate: Certificate;
}

interface Run<Row> {
  readonly rows: readonly Row[];
  readonly start: NdArray;
  noiseOf(step: number): NdArray[];
}

/** The points that a run starts from. */
export function startPoints(
  fn: string,
  key: RngKey,
  { shape, start, firstRow = 0 }: Pick<SampleOptions, "shape" | "start" | "firstRow">,
): NdArray {
  check(fn, "key", key, rngKey);
  if ((shape === undefined) === (start === undefined))
    throw new DomainError(`${fn}: give either shape or start`);
  const x = start === undefined ? undefined : asType(start, "float64");
  const extents = x?.shape ?? shape!;
  if (extents.length < 2)
    throw new ShapeError(
      `${fn}: ${x === undefined ? "shape" : "start"} must be [n, …], got [${extents.join(", ")}]`,
    );
  return x ?? normalRows(foldIn(key, "start"), extents, { dtype: "float64", firstRow });
}

function prepare<Row>(
  fn: string,
  sampler: Sampler<Row>,
  model: Model | AsyncModel,
  key: RngKey,
  options: SampleOptions,
): Run<Row> {
  const { noise, firstRow = 0, noiselessLastStep = false } = options;
  const x = startPoints(fn, key, options);
  const rows = rowsOf(fn, sampler, scheduleOfRun(fn, model, options), options);
  if (model.trainedOn !== undefined) checkAskable(levelFinder(fn, model.trainedOn), rows);
  if (
    noise !== undefined &&
    (noise.length !== rows.length || noise.some((list) => list.length !== sampler.numNoises))
  )
    throw new ShapeError(
      `${fn}: noise must hold ${sampler.numNoises} arrays for each of the ${rows.length} steps of ${sampler.name}`,
    );
  return {
    rows,
    start: x,
    noiseOf(step) {
      if (noiselessLastStep && step === rows.length - 1)
        return Array.from({ length: sampler.numNoises }, () => mul(x, 0));
      if (noise !== undefined) return [...noise[step]!];
      const stepKey = foldIn(key, step);
      return Array.from({ length: sampler.numNoises }, (_, i) =>
        normalRows(foldIn(stepKey, i), x.shape, { dtype: "float64", firstRow }),
      );
    },
  };
}

/** The schedule of a run: the given one, or steps of the training, or that of the theorems. */
function scheduleOfRun(
  fn: string,
  { trainedOn }: Model | AsyncModel,
  { schedule, numSteps }: SampleOptions,
): Schedule {
  if (schedule === undefined)
    return trainedOn === undefined
      ? theoryOf(fn, numSteps ?? 50, {})
      : trainedSchedule(fn, trainedOn, numSteps ?? 50);
  if (numSteps !== undefined)
    throw new DomainError(`${fn}: give either numSteps or schedule, not both`);
  return checkSchedule(fn, schedule);
}

/** Every level of a table must be one that the network was trained on, before it is asked about any. */
function checkAskable(find: (level: NoiseLevel) => unknown, rows: readonly unknown[]): void {
  for (const row of rows)
    for (const part of Object.values(row as object) as unknown[])
      if (isRecord(part) && "alpha" in part && "sigma" in part) find(part as unknown as NoiseLevel);
      else if (isRecord(part) || Array.isArray(part)) checkAskable(find, [part].flat());
}

function rootMeanSquare(x: NdArray): number {
  let total = 0;
  for (const v of x.data) total += v * v;
  return Math.sqrt(total / Math.max(1, x.data.length));
}

/** A whole run as one process: it asks for predictions and returns the result. */
function* run<Row>(
  fn: string,
  sampler: Sampler<Row>,
  model: Model | AsyncModel,
  key: RngKey,
  options: SampleOptions,
): Process<SampleResult> {
  const {
    trajectory = false,
    onNonFinite = "throw",
    onProgress,
    signal,
  } = checkOptions<SampleOptions>(fn, options, SAMPLE);
  const { rows, start, noiseOf } = prepare(fn, sampler, model, key, options);
  const path = trajectory ? [start] : [];
  let state: SamplerState = { x: start };
  let numEvaluations = 0;
  let done = 0;
  const finish = (trouble?: string): SampleResult => {
    const result = {
      samples: state.x,
      numEvaluations,
      certificate: finiteCertificate(state.x, done / Math.max(1, rows.length), trouble),
    };
    return trajectory ? { ...result, trajectory: stack(path) } : result;
  };
  signal?.throwIfAborted();
  for (const [step, row] of rows.entries()) {
    const steps = checkGenerator(fn, "sampler.step", sampler.step(state, row, noiseOf(step)));
    let turn = steps.next();
    while (!turn.done) {
      numEvaluations++;
      let answer: NdArray;
      try {
        answer = yield { ...turn.value, where: `in step ${step + 1}` };
      } catch (error) {
        if (onNonFinite === "stop" && error instanceof NonFiniteError) return finish(error.message);
        throw error;
      }
      turn = steps.next(answer);
    }
    state = checkState(fn, turn.value);
    done = step + 1;
    if (trajectory) path.push(state.x);
    onProgress?.({ iteration: done, total: rows.length, metric: rootMeanSquare(state.x) });
    signal?.throwIfAborted();
  }
  return finish();
}

function finiteCertificate(x: NdArray, share: number, trouble?: string): Certificate {
  let finite = 0;
  for (const v of x.data) if (Number.isFinite(v)) finite++;
  const value = (x.size === 0 ? 1 : finite / x.size) * share;
  return certificate({
    claim: "every step was taken and every coordinate is finite: the share of both",
    kind: "exact",
    value,
    expected: 1,
    tolerance: 0,
    verdict: value === 1,
    note: trouble ?? "says nothing of the distribution of the samples",
  });
}

/**
 * Draws samples: starts from noise and takes the steps of a sampler towards the data.
 *
 * Row i of the result depends on the key and on its number alone, so neither the size of the batch, nor splitting it, nor recording the trajectory
 * changes any sample.
 *
 * @param sampler - which sampler
 * @param model - exact score or network
 * @param key - random key
 * @param options - see {@link SampleOptions}
 * @returns see {@link SampleResult}
 * @throws `DomainError` when the model returns NaN or infinite values, naming the step
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { acceleratedOde, gaussianMixture, sample } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * sample(acceleratedOde, mixture, key(0), { shape: [5, 1], numSteps: 40 }).samples.shape; // => [5, 1]
 * ```
 * @category Samplers
 */
export function sample<Row>(
  sampler: Sampler<Row>,
  model: Model,
  key: RngKey,
  options: SampleOptions,
): SampleResult {
  checkSampler("sample", sampler);
  return drive("sample", checkModel("sample", model), run("sample", sampler, model, key, options));
}

/**
 * The same as {@link sample} for a model that answers later, by the same steps and with the same numbers.
 *
 * @param sampler - which sampler
 * @param model - network whose `evaluate` returns a promise
 * @param key - random key
 * @param options - see {@link SampleOptions}
 * @returns promise of a {@link SampleResult}; rejects with `signal.reason` when aborted
 * @throws `DomainError` when the model returns NaN or infinite values, naming the step
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, sampleAsync } from "@provably/score-diffusion";
 * import { ddim } from "@provably/score-diffusion/samplers";
 *
 * const mixture = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
 * const remote = { prediction: mixture.prediction, evaluate: async (x, level) => mixture.evaluate(x, level) };
 * (await sampleAsync(ddim(), remote, key(0), { shape: [2, 1], numSteps: 20 })).numEvaluations; // => 20
 * ```
 * @category Samplers
 */
export async function sampleAsync<Row>(
  sampler: Sampler<Row>,
  model: AsyncModel,
  key: RngKey,
  options: SampleOptions,
): Promise<SampleResult> {
  const fn = "sampleAsync";
  checkSampler(fn, sampler);
  checkModel(fn, model);
  const { signal } = checkOptions<SampleOptions>(fn, options, SAMPLE);
  return driveAsync(fn, model, run(fn, sampler, model, key, options), signal);
}
