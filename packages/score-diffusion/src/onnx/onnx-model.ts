/** Networks from elsewhere: an ONNX model as a model of the score, through onnxruntime. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  array,
  astype,
  reshape,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyRecord,
  check,
  oneOf,
  show,
} from "@provably/core-tensor/internal";
import { checkNumberList } from "../internal/check.js";
import type { NoiseLevel } from "../schedule/level.js";
import { type AsyncModel, PREDICTIONS, type Prediction } from "../score/prediction.js";

/**
 * A tensor of onnxruntime, as far as it is used here.
 * @category Networks
 */
export interface OnnxTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
}

/**
 * A session of onnxruntime, as far as it is used here.
 * @category Networks
 */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
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
  /** Name of the input for the points; default the first. */
  readonly sampleInput?: string;
  /** Name of the input for the time; default the second, and none where there is only one. */
  readonly timeInput?: string;
  /** Name of the output; default the first. */
  readonly output?: string;
  /** The time that the network knows a noise level by; default its step number `t`. */
  readonly time?: (level: NoiseLevel) => number;
  /** Type of the time; default `int64`. */
  readonly timeType?: "int64" | "float32";
  /** Whether the network takes one time for each row, shape `[n]`, instead of one for all, shape `[1]`; default false. */
  readonly timePerRow?: boolean;
  /** Extents of a row as the network wants them, such as `[1, 28, 28]`; default those of the points. */
  readonly rowShape?: readonly number[];
  /** Further inputs that stay the same, such as a text's embedding: tensors of the same runtime. */
  readonly feeds?: Readonly<Record<string, OnnxTensor>>;
}

/**
 * A session of onnxruntime as a model of the score for `sampleAsync`. Points go in as float32.
 *
 * @param runtime - the module `onnxruntime-node` or `onnxruntime-web` that made the session
 * @param session - the session
 * @param options - see {@link OnnxModelOptions}
 * @returns model that answers later
 * @throws `DomainError` when the session has no input or output of a given name
 * @example
 * ```ts
 * import { onnxModel } from "@provably/score-diffusion";
 *
 * // a stand-in for a session, which predicts no noise at all
 * class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
 * const session = { inputNames: ["x"], outputNames: ["y"], run: async ({ x }) => ({ y: new Tensor("float32", x.data.map(() => 0), x.dims) }) };
 * onnxModel({ Tensor }, session).prediction; // => "eps"
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
  const {
    prediction = "eps",
    time = ({ t }: NoiseLevel) => t,
    timeType = "int64",
    timePerRow = false,
    rowShape,
    feeds = {},
  } = check(fn, "options", options, anyRecord);
  check(fn, "runtime.Tensor", check(fn, "runtime", runtime, anyRecord).Tensor, anyFunction);
  const { inputNames, outputNames } = check(fn, "session", session, anyRecord);
  check(fn, "session.inputNames", inputNames, anyList);
  check(fn, "session.outputNames", outputNames, anyList);
  check(fn, "prediction", prediction, oneOf(...PREDICTIONS));
  check(fn, "timeType", timeType, oneOf("int64", "float32"));
  check(fn, "time", time, anyFunction);
  check(fn, "feeds", feeds, anyRecord);
  if (rowShape !== undefined) checkNumberList(fn, "rowShape", rowShape);
  const named = (kind: string, list: readonly string[], name: string | undefined): string => {
    if (name === undefined || !list.includes(name))
      throw new DomainError(
        `onnxModel: the session has no ${kind} ${show(name)}, only ${list.join(", ")}`,
      );
    return name;
  };
  const sampleInput = named("input", inputNames, options.sampleInput ?? inputNames[0]);
  const spare = inputNames.find((name) => name !== sampleInput && !(name in feeds));
  const timeInput =
    options.timeInput === undefined ? spare : named("input", inputNames, options.timeInput);
  const output = named("output", outputNames, options.output ?? outputNames[0]);
  const tensor = (type: string, data: unknown, dims: readonly number[]): OnnxTensor =>
    new runtime.Tensor(type as never, data as never, dims);

  return {
    prediction,
    async evaluate(x: NdArray, level: NoiseLevel) {
      const [n, ...rest] = x.shape as readonly [number, ...number[]];
      const row = rowShape ?? rest;
      if (row.reduce((a, b) => a * b, 1) * n !== x.size)
        throw new ShapeError(
          `onnxModel: rows of shape [${rest.join(", ")}] do not fit rowShape [${row.join(", ")}]`,
        );
      const given: Record<string, OnnxTensor> = {
        ...feeds,
        [sampleInput]: tensor("float32", toTypedArray(astype(x, "float32")), [n, ...row]),
      };
      if (timeInput !== undefined) {
        const times = new Array<number>(timePerRow ? n : 1).fill(time(level));
        const data =
          timeType === "int64"
            ? BigInt64Array.from(times, (t) => BigInt(Math.round(t)))
            : Float32Array.from(times);
        given[timeInput] = tensor(timeType, data, [times.length]);
      }
      const answer = (await session.run(given as Record<string, never>))[output];
      if (!(answer?.data instanceof Float32Array))
        throw new DomainError(
          `onnxModel: output ${output} must be float32, got ${answer === undefined ? "nothing" : Object.prototype.toString.call(answer.data)}`,
        );
      if (answer.data.length !== x.size)
        throw new ShapeError(
          `onnxModel: output ${output} must have as many elements as the points, ${x.size}, got [${answer.dims.join(", ")}]`,
        );
      return astype(reshape(array(answer.data), x.shape), x.dtype);
    },
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
  const { runtime = await installedRuntime() } = check(
    "loadOnnxModel",
    "options",
    options,
    anyRecord,
  );
  check(
    "loadOnnxModel",
    "runtime.InferenceSession.create",
    check("loadOnnxModel", "runtime", runtime, anyRecord).InferenceSession?.create,
    anyFunction,
  );
  let session: OnnxSession;
  try {
    session = await runtime.InferenceSession.create(
      source as never,
      (options.session ?? {}) as never,
    );
  } catch (error) {
    throw new DomainError(
      `loadOnnxModel: the runtime cannot read the model: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return onnxModel(runtime, session, options);
}

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
