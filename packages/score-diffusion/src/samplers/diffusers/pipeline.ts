/** A pipeline of diffusers, exported to ONNX: its network as a model, its scheduler as a sampler, and its autoencoder. */
import { DomainError, FormatError, type NdArray } from "@provably/core-tensor";
import {
  anyFunction,
  anyRecord,
  check,
  checkOptions,
  finiteNumber,
  optional,
  positiveNumber,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { onnxModel } from "../../onnx/onnx-model.js";
import { OPTIONS as ONNX, type OnnxGuidance } from "../../onnx/options.js";
import type { OnnxFeed } from "../../onnx/feeds.js";
import {
  type OnnxRuntime,
  type OnnxSession,
  installedRuntime,
  openSession,
} from "../../onnx/runtime.js";
import { type OnnxVae, onnxVae } from "../../onnx/vae.js";
import { edmModelAsync } from "../../score/edm.js";
import { flowMatchingModelAsync } from "../../score/flow-matching.js";
import type { AsyncModel } from "../../score/prediction.js";
import { type PipelineFiles, type ReadFile, jsonOf, readerOf } from "./files.js";
import {
  SCHEDULER,
  type Scheduler,
  type SchedulerOptions,
  schedulerFromConfig,
} from "./scheduler.js";

/**
 * Options of {@link fromDiffusers}: those of its scheduler, and those of its networks.
 * @category Diffusers
 */
export interface FromDiffusersOptions extends SchedulerOptions {
  /** The module `onnxruntime-node` or `onnxruntime-web`; default whichever is installed, in this order. */
  readonly runtime?: OnnxRuntime;
  /** Makes the session of a file, such as `unet/model.onnx`; default: from its bytes. For files with weights beside them, and for a choice of device. */
  readonly session?: (name: string, bytes: Uint8Array) => Promise<OnnxSession>;
  /** Inputs of the network beside points and time, by their names: text embeddings, labels; see {@link OnnxFeed}. */
  readonly feeds?: Readonly<Record<string, OnnxFeed>>;
  /** Classifier-free guidance in one batch. */
  readonly guidance?: OnnxGuidance;
}

const OPTIONS = {
  ...SCHEDULER,
  runtime: anyRecord,
  session: anyFunction,
  feeds: ONNX.feeds,
  guidance: ONNX.guidance,
};

/**
 * A pipeline, ready to run: `sampleAsync(sampler, model, key, { shape: [n, ...rowShape], ...run })`, and `vae.decode` of the samples where it has an autoencoder.
 * @category Diffusers
 */
export interface Pipeline {
  readonly model: AsyncModel;
  readonly sampler: Scheduler["sampler"];
  readonly run: Scheduler["run"];
  readonly scheduler: Scheduler;
  /** Extents of one row of points, where the configuration says them. */
  readonly rowShape?: readonly [number, number, number];
  /** Present where the pipeline has an autoencoder. */
  readonly vae?: OnnxVae;
  /** Parts of the pipeline that are not used here, such as its text encoder: what they make goes into `feeds`. */
  readonly unused: readonly string[];
}

interface Opened {
  readonly fn: string;
  readonly read: ReadFile;
  readonly runtime: OnnxRuntime;
  readonly session: NonNullable<FromDiffusersOptions["session"]>;
}

/** The session of a part; undefined where the pipeline has none. */
async function sessionOf(
  { fn, read, session }: Opened,
  part: string,
): Promise<OnnxSession | undefined> {
  const name = `${part}/model.onnx`;
  const bytes = await read(name);
  if (bytes === undefined) return undefined;
  return check(fn, `what session returns for ${name}`, await session(name, bytes), anyRecord);
}

/** A field of a network's configuration. */
function extent(fn: string, part: string, config: Readonly<Record<string, unknown>>, name: string) {
  return check(
    fn,
    `${part}/config.json.${name}`,
    config[name] as number | undefined,
    optional(wholeNumber(1)),
  );
}

/** The network behind its points, by what the scheduler says that it predicts. */
function modelOf(
  fn: string,
  { runtime }: Opened,
  session: OnnxSession,
  scheduler: Scheduler,
  learnedVariance: boolean,
  { feeds, guidance }: FromDiffusersOptions,
): AsyncModel {
  const { prediction, trainedOn, numTrainSteps } = scheduler;
  const common = {
    ...(feeds && { feeds }),
    ...(guidance && { guidance }),
    ...(learnedVariance && { learnedVariance }),
  };
  if (prediction === "flow") {
    const raw = onnxModel(runtime, session, {
      ...common,
      time: ({ alpha, sigma }) => (numTrainSteps * sigma) / (alpha + sigma),
    });
    return flowMatchingModelAsync((w, u) => raw.evaluate(w, { alpha: 1 - u, sigma: u }));
  }
  if (prediction === "edm") {
    const { sigmaData = 0.5 } = scheduler;
    // such networks know a level by a quarter of the logarithm of its noise
    const raw = onnxModel(runtime, session, {
      ...common,
      time: ({ sigma }) => Math.log(sigma) / 4,
    });
    const network = (x: NdArray, noise: number): Promise<NdArray> =>
      raw.evaluate(x, { alpha: 1, sigma: Math.exp(4 * noise) });
    return edmModelAsync(network, { sigmaData });
  }
  if (trainedOn === undefined) throw new DomainError(`${fn}: the scheduler has no training`);
  return onnxModel(runtime, session, { ...common, prediction, trainedOn });
}

async function vaeOf(opened: Opened): Promise<OnnxVae | undefined> {
  const { fn, read, runtime } = opened;
  const [encoder, decoder] = await Promise.all([
    sessionOf(opened, "vae_encoder"),
    sessionOf(opened, "vae_decoder"),
  ]);
  if (encoder === undefined && decoder === undefined) return undefined;
  const places = ["vae", "vae_decoder", "vae_encoder"].map((part) => `${part}/config.json`);
  const found = await Promise.all(places.map((place) => jsonOf(fn, read, place)));
  const config = found.find((each) => each !== undefined);
  if (config === undefined)
    throw new FormatError(
      `${fn}: the autoencoder has no configuration, ${places.join(" or ")}, with its scaling_factor`,
    );
  const scalingFactor = check(
    fn,
    "vae config.scaling_factor",
    config["scaling_factor"] as number | undefined,
    optional(positiveNumber),
  );
  const shift = config["shift_factor"] ?? 0;
  const shiftFactor = check(fn, "vae config.shift_factor", shift as number, finiteNumber);
  return onnxVae(runtime, {
    ...(encoder && { encoder }),
    ...(decoder && { decoder }),
    ...(scalingFactor !== undefined && { scalingFactor }),
    shiftFactor,
  });
}

/**
 * A pipeline of diffusers whose networks were exported to ONNX, in the layout of its repositories: `model_index.json`, `scheduler/scheduler_config.json`,
 * `unet/` or `transformer/` with `config.json` and `model.onnx`, `vae_encoder/`, `vae_decoder/`.
 *
 * Nothing is fetched but what an address names, by the `fetch` of the platform, and nothing before the call. Text encoders are not run: their embeddings go
 * into `feeds`.
 *
 * @param files - see {@link PipelineFiles}
 * @param options - see {@link FromDiffusersOptions}
 * @returns promise of a {@link Pipeline}
 * @throws `FormatError` when a file is missing or unsound
 * @throws `DomainError` when the scheduler or an option is not understood, or an input of the network has no value
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { sampleAsync } from "@provably/score-diffusion";
 * import { fromDiffusers } from "@provably/score-diffusion/samplers";
 *
 * // stand-ins for the files, and for a session that predicts its input
 * const files = {
 *   "model_index.json": { unet: ["diffusers", "UNet2DModel"] },
 *   "scheduler/scheduler_config.json": { _class_name: "DDIMScheduler", clip_sample: false },
 *   "unet/config.json": { in_channels: 1, out_channels: 1, sample_size: 2 },
 *   "unet/model.onnx": {},
 * };
 * const read = async (name) => files[name] && new TextEncoder().encode(JSON.stringify(files[name]));
 * class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
 * const session = async () => ({ inputNames: ["x", "t"], outputNames: ["y"], run: async ({ x }) => ({ y: x }) });
 * const { model, sampler, run, rowShape } = await fromDiffusers(read, { runtime: { Tensor }, session, numSteps: 5 });
 * (await sampleAsync(sampler, model, key(0), { shape: [1, ...rowShape], ...run })).numEvaluations; // => 5
 * ```
 * @category Diffusers
 */
export async function fromDiffusers(
  files: PipelineFiles,
  options: FromDiffusersOptions = {},
): Promise<Pipeline> {
  const fn = "fromDiffusers";
  const {
    runtime: given,
    session,
    feeds,
    guidance,
    ...asked
  } = checkOptions<FromDiffusersOptions>(fn, options, OPTIONS);
  const read = readerOf(fn, files);
  const need = async (name: string): Promise<Readonly<Record<string, unknown>>> => {
    const json = await jsonOf(fn, read, name);
    if (json === undefined) throw new FormatError(`${fn}: there is no ${name}`);
    return json;
  };
  const index = await need("model_index.json");
  const parts = Object.keys(index).filter((name) => Array.isArray(index[name]));
  const network = ["unet", "transformer"].find((name) => parts.includes(name));
  if (network === undefined)
    throw new FormatError(
      `${fn}: model_index.json must name a unet or a transformer, got ${parts.join(", ")}`,
    );
  const scheduler = schedulerFromConfig(await need("scheduler/scheduler_config.json"), asked);
  const config = await need(`${network}/config.json`);
  const runtime = given ?? (await installedRuntime(fn));
  const opened: Opened = {
    fn,
    read,
    runtime,
    session: session ?? ((_, bytes) => openSession(fn, runtime, bytes, {})),
  };
  const [net, vae] = await Promise.all([sessionOf(opened, network), vaeOf(opened)]);
  if (net === undefined) throw new FormatError(`${fn}: there is no ${network}/model.onnx`);
  const [channels, predicted, size] = ["in_channels", "out_channels", "sample_size"].map((name) =>
    extent(fn, network, config, name),
  );
  const doubled = channels !== undefined && predicted === 2 * channels;
  if (predicted !== undefined && predicted !== channels && !doubled)
    throw new DomainError(
      `${fn}: ${network}/config.json must have as many channels out as in, or twice as many, got ${show(channels)} and ${predicted}`,
    );
  const used = new Set([
    network,
    "scheduler",
    ...(vae ? ["vae", "vae_encoder", "vae_decoder"] : []),
  ]);
  return {
    model: modelOf(fn, opened, net, scheduler, doubled || scheduler.learnedVariance, {
      ...(feeds && { feeds }),
      ...(guidance && { guidance }),
    }),
    sampler: scheduler.sampler,
    run: scheduler.run,
    scheduler,
    ...(channels !== undefined &&
      size !== undefined && { rowShape: [channels, size, size] as const }),
    ...(vae && { vae }),
    unused: parts.filter((name) => !used.has(name)),
  };
}
