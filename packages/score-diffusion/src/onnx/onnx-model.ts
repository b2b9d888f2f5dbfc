/** Networks from elsewhere: an ONNX model as a model of the score, through onnxruntime. */
import { DomainError, concat, slice } from "@provably/core-tensor";
import { anyRecord, checkOptions, show } from "@provably/core-tensor/internal";
import { checkTraining } from "../schedule/training.js";
import { stepQuestions } from "../network/step-model.js";
import { guide } from "../score/guidance.js";
import { type AsyncModel, checkAsked } from "../score/prediction.js";
import { type FeedRows, type OnnxFeed, feedRows } from "./feeds.js";
import {
  type OnnxRuntime,
  type OnnxSession,
  checkSession,
  installedRuntime,
  openSession,
} from "./runtime.js";
import { OPTIONS, type OnnxGuidance, type OnnxModelOptions } from "./options.js";
import { type Ask, askerOf } from "./calls.js";
import { wiringOf } from "./wiring.js";

/**
 * A session of onnxruntime as a model of the score for `sampleAsync`.
 *
 * Names, types and extents of inputs and outputs are read from the session where it says them: points go in as float32, float64 or float16, and a network that was exported for
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

function modelOf(
  fn: string,
  runtime: Pick<OnnxRuntime, "Tensor">,
  session: OnnxSession,
  options: OnnxModelOptions,
): AsyncModel {
  const { prediction = "eps", trainedOn, time, feeds = {}, guidance } = options;
  checkSession(fn, runtime, session);
  if (trainedOn !== undefined) checkTraining(fn, trainedOn);
  const wiring = wiringOf(fn, session, options);
  const { timeInput } = wiring;
  if (timeInput !== undefined && (trainedOn === undefined) === (time === undefined))
    throw new DomainError(
      `${fn}: the network takes a time, ${show(timeInput)}: give ${trainedOn === undefined ? "" : "either "}trainedOn, such as { schedule: scheduleOf(linearBetas(1000)) } for the schedule of its training, or time, a function of the level${trainedOn === undefined ? "" : ", not both"}`,
    );
  const others = (values: Readonly<Record<string, OnnxFeed>>): FeedRows[] =>
    Object.entries(values).map(([name, feed]) => {
      const guides = guidance !== undefined && Object.hasOwn(guidance.feeds, name);
      const { inputs, sampleInput } = wiring;
      const rows = feedRows(fn, runtime, inputs, sampleInput, name, feed, guides);
      if (guides && !rows.byRow)
        throw new DomainError(
          `${fn}: guidance.feeds.${name} must belong to an input with the rows of the points`,
        );
      return rows;
    });
  const conditional = others(feeds);
  const ask =
    guidance === undefined
      ? askerOf(fn, runtime, session, options, wiring, [conditional])
      : guided(
          askerOf(fn, runtime, session, options, wiring, [
            others({ ...feeds, ...guidance.feeds }),
            conditional,
          ]),
          guidance,
        );
  if (trainedOn !== undefined) {
    const question = stepQuestions(fn, trainedOn, prediction);
    return {
      prediction,
      trainedOn,
      async evaluate(x, level) {
        const { point, step, read } = question(x, level);
        return read(await ask(point, step, level));
      },
    };
  }
  return {
    prediction,
    evaluate: async (x, level) => ask(x, time?.(checkAsked(fn, x, level)) ?? 0, level),
  };
}

/** Both predictions from one batch: the rows without the condition, then those with it. */
function guided(ask: Ask, { scale, rescale = 0 }: OnnxGuidance): Ask {
  return async (x, at, level) => {
    const n = x.shape[0]!;
    const both = await ask(concat([x, x]), at, level);
    return guide(slice(both, [n], [2 * n]), slice(both, [0], [n]), scale, { rescale });
  };
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
    runtime = await installedRuntime(fn),
    session: sessionOptions = {},
    ...rest
  } = checkOptions<LoadOnnxOptions>(fn, options, LOAD);
  const session = await openSession(fn, runtime, source, sessionOptions);
  return modelOf(fn, runtime, session, rest);
}

const LOAD = { ...OPTIONS, runtime: anyRecord, session: anyRecord };
