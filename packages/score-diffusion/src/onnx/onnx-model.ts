/** Networks from elsewhere: an ONNX model as a model of the score, through onnxruntime. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  array,
  asType,
  reshape,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyRecord,
  anyString,
  anything,
  check,
  checkOptions,
  isRecord,
  listOf,
  mapOf,
  oneOf,
  optional,
  recordWith,
  show,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import { type Training, checkTraining } from "../schedule/training.js";
import { stepQuestions } from "../network/step-model.js";
import { type AsyncModel, PREDICTIONS, type Prediction, checkAsked } from "../score/prediction.js";
import {
  SAMPLE_TYPES,
  type SampleType,
  TIME_TYPES,
  type TimeType,
  decode,
  encode,
} from "./tensors.js";

/**
 * A tensor of onnxruntime, as far as it is used here.
 * @category Networks
 */
export interface OnnxTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
}

/**
 * What a session says of an input or an output.
 * @category Networks
 */
export interface OnnxValueMetadata {
  readonly name: string;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/**
 * A session of onnxruntime, as far as it is used here.
 * @category Networks
 */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Type and extents of each input; free extents are words. Runtimes before 1.20 do not say. */
  readonly inputMetadata?: readonly OnnxValueMetadata[];
  /** The same of each output. */
  readonly outputMetadata?: readonly OnnxValueMetadata[];
  /** Outputs by name, for inputs by name. */
  run(feeds: Record<string, never>): Promise<Readonly<Record<string, OnnxTensor>>>;
}

/**
 * The module `onnxruntime-node` or `onnxruntime-web`, as far as it is used here.
 * @category Networks
 */
export interface OnnxRuntime {
  readonly Tensor: new (type: never, data: never, dims: readonly number[]) => OnnxTensor;
  readonly InferenceSession: {
    /** A session for a model, from its bytes or its place. */
    create(source: never, options?: never): Promise<OnnxSession>;
  };
}

/**
 * Options of {@link onnxModel}.
 * @category Networks
 */
export interface OnnxModelOptions {
  /** What the network predicts; default `eps`. */
  readonly prediction?: Prediction;
  /** The training of the network, by whose schedule noise levels become its steps 0, 1, …; needed where the network takes a time, unless `time` is given. */
  readonly trainedOn?: Training;
  /** The time that the network knows a noise level by, where it is no step of a schedule, such as $\sigma/\alpha$ itself; points go in as they are. */
  readonly time?: (level: NoiseLevel) => number;
  /** Name of the input for the points; default the one with the extents of the output, else the first. */
  readonly sampleInput?: string;
  /** Name of the input for the time; default the one that is left, and none where there is none. */
  readonly timeInput?: string;
  /** Name of the output; default the first. */
  readonly output?: string;
  /** Type of the time; default what the session says, else `int64`. Whole types round to the nearest number, ties to even. */
  readonly timeType?: TimeType;
  /** Whether the network takes one time for each row, shape `[n]`, instead of one for all; default what the session says, else false. */
  readonly timePerRow?: boolean;
  /** Extents of a row as the network wants them, such as `[1, 28, 28]`; default those of the points. */
  readonly rowShape?: readonly number[];
  /** Whether the output has twice the channels of the points, the prediction and then variances, of which the prediction is taken; default false. */
  readonly learnedVariance?: boolean;
  /** Other inputs, the same in every call, as tensors of the runtime. */
  readonly feeds?: Readonly<Record<string, OnnxTensor>>;
}

const OPTIONS = {
  prediction: oneOf(...PREDICTIONS),
  trainedOn: anything,
  time: anyFunction,
  sampleInput: anyString,
  timeInput: anyString,
  output: anyString,
  timeType: oneOf(...TIME_TYPES),
  timePerRow: trueOrFalse,
  rowShape: listOf(wholeNumber(1)),
  learnedVariance: trueOrFalse,
  feeds: mapOf(anyRecord),
};

const VALUES = optional(
  listOf(recordWith({ name: anyString, type: optional(anyString), shape: optional(anything) })),
);
const SESSION = {
  inputNames: listOf(anyString),
  outputNames: listOf(anyString),
  run: anyFunction,
  inputMetadata: VALUES,
  outputMetadata: VALUES,
};

/**
 * A session of onnxruntime as a model of the score for `sampleAsync`.
 *
 * Names, types and extents of inputs are read from the session where it says them: points go in as float32, float64 or float16, and a network that was exported for
 * a fixed number of rows is called as often as it takes. Noise levels become the steps of the network's own training, counted from 0 unless `trainedOn` says
 * otherwise, by the rules of {@link stepModel}.
 *
 * @param runtime - the module `onnxruntime-node` or `onnxruntime-web` that made the session
 * @param session - the session
 * @param options - see {@link OnnxModelOptions}
 * @returns model that answers later
 * @throws `DomainError` when the session has no input or output of a given name, an input is left without a value, the network takes a time and nothing says
 *   how levels become times, a type is not understood, or, later, the runtime refuses a call
 * @example
 * ```ts
 * import { linearBetas, onnxModel, scheduleOf } from "@provably/score-diffusion";
 *
 * // a stand-in for a session, which predicts no noise at all
 * class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
 * const session = {
 *   inputNames: ["x", "t"],
 *   outputNames: ["y"],
 *   run: async ({ x }) => ({ y: new Tensor("float32", x.data.map(() => 0), x.dims) }),
 * };
 * onnxModel({ Tensor }, session, { trainedOn: { schedule: scheduleOf(linearBetas(1000)) } }).prediction; // => "eps"
 * ```
 * @see https://onnxruntime.ai/docs/api/js/
 * @category Networks
 */
export function onnxModel(
  runtime: Pick<OnnxRuntime, "Tensor">,
  session: OnnxSession,
  options: OnnxModelOptions = {},
): AsyncModel {
  const fn = "onnxModel";
  return modelOf(fn, runtime, session, checkOptions<OnnxModelOptions>(fn, options, OPTIONS));
}

/** What a session says of its values, by their names. */
type Values = ReadonlyMap<string, OnnxValueMetadata>;
const valuesOf = (metadata: readonly OnnxValueMetadata[] = []): Values =>
  new Map(metadata.map((value) => [value.name, value]));

function modelOf(
  fn: string,
  runtime: Pick<OnnxRuntime, "Tensor">,
  session: OnnxSession,
  options: OnnxModelOptions,
): AsyncModel {
  const { prediction = "eps", trainedOn, time, rowShape, learnedVariance = false } = options;
  check(fn, "runtime", runtime, recordWith({ Tensor: anyFunction }));
  // sessions have their fields on the prototype
  for (const [name, guard] of Object.entries(SESSION))
    check(
      fn,
      `session.${name}`,
      check(fn, "session", session, anyRecord)[name as keyof OnnxSession],
      guard as typeof VALUES,
    );
  if (trainedOn !== undefined) checkTraining(fn, trainedOn);
  const { inputs, sampleInput, timeInput, output, feeds } = wiring(fn, session, options);
  if (timeInput !== undefined && (trainedOn === undefined) === (time === undefined))
    throw new DomainError(
      `${fn}: the network takes a time, ${show(timeInput)}: give ${trainedOn === undefined ? "" : "either "}trainedOn, such as { schedule: scheduleOf(linearBetas(1000)) } for the schedule of its training, or time, a function of the level${trainedOn === undefined ? "" : ", not both"}`,
    );
  const sampleType = typeOf(fn, inputs, sampleInput, SAMPLE_TYPES, "float32");
  const said = timeInput === undefined ? undefined : inputs.get(timeInput);
  const timeType =
    options.timeType ??
    (timeInput === undefined ? "int64" : typeOf(fn, inputs, timeInput, TIME_TYPES, "int64"));
  const rows = inputs.get(sampleInput)?.shape?.[0];
  const fixed = typeof rows === "number" ? rows : undefined;
  const timePerRow = options.timePerRow ?? perRow(said?.shape, rows);
  const scalarTime = said?.shape?.length === 0;
  const tensor = (type: SampleType | TimeType, values: ArrayLike<number>, dims: number[]) =>
    new runtime.Tensor(type as never, encode(type, values) as never, dims);

  /** The answer to one batch of the size that the network takes. */
  const call = async (
    points: ArrayLike<number>,
    n: number,
    row: readonly number[],
    at: number,
  ): Promise<Float32Array | Float64Array> => {
    const given: Record<string, OnnxTensor> = {
      ...feeds,
      [sampleInput]: tensor(sampleType, points, [n, ...row]),
    };
    if (timeInput !== undefined) {
      const times = new Array<number>(timePerRow ? n : 1).fill(at);
      given[timeInput] = tensor(timeType, times, scalarTime ? [] : [times.length]);
    }
    let answers: Readonly<Record<string, OnnxTensor>>;
    try {
      answers = await session.run(given as Record<string, never>);
    } catch (error) {
      throw new DomainError(
        `${fn}: the runtime refused points [${[n, ...row].join(", ")}] of ${sampleType}: ${error instanceof Error ? error.message : show(error)}`,
      );
    }
    const answer = isRecord(answers) ? answers[output] : undefined;
    if (!isRecord(answer)) throw new DomainError(`${fn}: the session gave no output ${output}`);
    return predictionIn(fn, output, answer, [n, ...row], learnedVariance);
  };

  const run = async (x: NdArray, at: number): Promise<NdArray> => {
    const [n, ...rest] = x.shape as readonly [number, ...number[]];
    const row = rowShape ?? rest;
    const size = row.reduce((a, b) => a * b, 1);
    if (size * n !== x.size)
      throw new ShapeError(
        `${fn}: rows of shape [${rest.join(", ")}] do not fit rowShape [${row.join(", ")}]`,
      );
    if (timeInput !== undefined && !Number.isFinite(at))
      throw new DomainError(`${fn}: time must return a finite number, got ${show(at)}`);
    const points = toTypedArray<"float64">(asType(x, "float64"));
    const step = fixed ?? n;
    const out = new Float64Array(x.size);
    for (let from = 0; from < n; from += step) {
      // a last batch that is not full is filled up with its last row
      const batch = new Float64Array(step * size);
      for (let i = 0; i < step; i++) {
        const place = Math.min(from + i, n - 1) * size;
        batch.set(points.subarray(place, place + size), i * size);
      }
      const answer = await call(batch, step, row, at);
      out.set(answer.subarray(0, Math.min(step, n - from) * size), from * size);
    }
    return asType(reshape(array(out), x.shape), x.dtype);
  };

  if (trainedOn !== undefined) {
    const ask = stepQuestions(fn, trainedOn, prediction);
    return {
      prediction,
      trainedOn,
      async evaluate(x, level) {
        const { point, step, read } = ask(x, level);
        return read(await run(point, step));
      },
    };
  }
  return {
    prediction,
    evaluate: async (x, level) => run(x, time?.(checkAsked(fn, x, level)) ?? 0),
  };
}

/** Which input takes what, by the names that are given and else by what the session says of them. */
function wiring(fn: string, session: OnnxSession, options: OnnxModelOptions) {
  const { inputNames, outputNames } = session;
  const { feeds = {} } = options;
  const [inputs, outputs] = [valuesOf(session.inputMetadata), valuesOf(session.outputMetadata)];
  const named = (kind: string, list: readonly string[], name: string | undefined): string => {
    if (name === undefined || !list.includes(name))
      throw new DomainError(
        `${fn}: the session has no ${kind} ${show(name)}, only ${list.join(", ")}`,
      );
    return name;
  };
  for (const name of Object.keys(feeds)) named("input", inputNames, name);
  const output = named("output", outputNames, options.output ?? outputNames[0]);
  const open = inputNames.filter((name) => !Object.hasOwn(feeds, name));
  const rank = outputs.get(output)?.shape?.length;
  const alike = open.filter(
    (name) =>
      name !== options.timeInput && rank !== undefined && inputs.get(name)?.shape?.length === rank,
  );
  const sampleInput = named(
    "input",
    inputNames,
    options.sampleInput ?? (alike.length === 1 ? alike[0] : open[0]),
  );
  const left = open.filter((name) => name !== sampleInput);
  const timeInput =
    options.timeInput === undefined ? left[0] : named("input", inputNames, options.timeInput);
  const idle = left.filter((name) => name !== timeInput);
  if (idle.length > 0)
    throw new DomainError(
      `${fn}: the inputs ${left.map(show).join(", ")} are left beside the points: name the one that takes the time with timeInput, and give the others in feeds`,
    );
  return { inputs, sampleInput, timeInput, output, feeds };
}

/** The type of an input, as far as the session says it and it is one that is understood. */
function typeOf<T extends string>(
  fn: string,
  inputs: Values,
  name: string,
  understood: readonly T[],
  otherwise: T,
): T {
  const type = inputs.get(name)?.type;
  if (type === undefined) return otherwise;
  if (!(understood as readonly string[]).includes(type))
    throw new DomainError(
      `${fn}: input ${show(name)} must take one of ${understood.join(", ")}, got ${type}`,
    );
  return type as T;
}

/** Whether a time of these extents wants a number for each row of points. */
function perRow(
  time: readonly (number | string)[] | undefined,
  rows: number | string | undefined,
): boolean {
  return time?.length === 1 && rows !== undefined && time[0] === rows;
}

/** The prediction in an output: all of it, or the first half of its channels. */
function predictionIn(
  fn: string,
  name: string,
  { data, dims }: OnnxTensor,
  wanted: readonly number[],
  learnedVariance: boolean,
): Float32Array | Float64Array {
  const numbers = decode(fn, name, data);
  const [n, channels = 1, ...rest] = wanted as readonly [number, ...number[]];
  const expected = learnedVariance ? [n, 2 * channels, ...rest] : wanted;
  const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const same = Array.isArray(dims)
    ? dims.filter((extent) => extent !== 1).join() === expected.filter((e) => e !== 1).join()
    : false;
  if (!same || numbers.length !== size(expected)) {
    const doubled = Array.isArray(dims) && dims[1] === 2 * channels && !learnedVariance;
    throw new ShapeError(
      `${fn}: output ${name} must be [${expected.join(", ")}], got [${Array.isArray(dims) ? dims.join(", ") : show(dims)}]${doubled ? "; for a network that predicts variances too set learnedVariance" : ""}`,
    );
  }
  if (!learnedVariance) return numbers;
  const half = size(wanted) / n;
  const out = new Float64Array(n * half);
  for (let i = 0; i < n; i++) out.set(numbers.subarray(2 * i * half, (2 * i + 1) * half), i * half);
  return out;
}

/**
 * Options of {@link loadOnnxModel}.
 * @category Networks
 */
export interface LoadOnnxOptions extends OnnxModelOptions {
  /** The module `onnxruntime-node` or `onnxruntime-web`; default whichever is installed, in this order. */
  readonly runtime?: OnnxRuntime;
  /** Options of the session, as onnxruntime takes them. */
  readonly session?: Readonly<Record<string, unknown>>;
}

/**
 * Loads an ONNX model as a model of the score. The runtime is an optional peer dependency, loaded when this is called.
 *
 * @param source - bytes of the model, or its path or address
 * @param options - see {@link LoadOnnxOptions}
 * @returns promise of a model for `sampleAsync`
 * @throws `DomainError` when no runtime is installed, or it cannot read the model
 * @example
 * ```ts
 * import { loadOnnxModel } from "@provably/score-diffusion";
 *
 * const trouble = await loadOnnxModel(new Uint8Array(4)).catch((error) => error.message);
 * trouble.startsWith("loadOnnxModel: "); // => true
 * ```
 * @see https://onnxruntime.ai/docs/api/js/
 * @category Networks
 */
export async function loadOnnxModel(
  source: Uint8Array | string,
  options: LoadOnnxOptions = {},
): Promise<AsyncModel> {
  const fn = "loadOnnxModel";
  const {
    runtime = await installedRuntime(),
    session: sessionOptions = {},
    ...rest
  } = checkOptions<LoadOnnxOptions>(fn, options, LOAD);
  const create = check(fn, "runtime", runtime, anyRecord).InferenceSession?.create;
  check(fn, "runtime.InferenceSession.create", create, anyFunction);
  let session: OnnxSession;
  try {
    session = await runtime.InferenceSession.create(source as never, sessionOptions as never);
  } catch (error) {
    throw new DomainError(
      `${fn}: the runtime cannot read the model: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return modelOf(fn, runtime, session, rest);
}

const LOAD = { ...OPTIONS, runtime: anyRecord, session: anyRecord };

async function installedRuntime(): Promise<OnnxRuntime> {
  for (const name of ["onnxruntime-node", "onnxruntime-web"]) {
    try {
      // the one is CommonJS, the other a module
      const module = (await import(
        /* @vite-ignore */ /* webpackIgnore: true */ name
      )) as Partial<OnnxRuntime> & { readonly default?: OnnxRuntime };
      return module.InferenceSession === undefined ? module.default! : (module as OnnxRuntime);
    } catch {
      continue;
    }
  }
  throw new DomainError(
    "loadOnnxModel: neither onnxruntime-node nor onnxruntime-web is installed; install one of them, or pass runtime",
  );
}
