/** A scheduler of diffusers as a sampler, by the content of its scheduler_config.json. */
import { DomainError } from "@provably/core-tensor";
import {
  checkOptions,
  finiteNumber,
  listOf,
  numberIn,
  numberInside,
  oneOf,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { Sampler } from "../../sampler/sampler.js";
import type { NoiseLevel } from "../../schedule/level.js";
import { type Schedule, scheduleOfAlphaBar } from "../../schedule/schedule.js";
import type { Training } from "../../schedule/training.js";
import { type TableRow, tableSampler } from "../table/rows.js";
import { type SchedulerClass, type Settings, settingsOf } from "./config.js";
import { planOf } from "./plan.js";
import type { Plan } from "./shared.js";

/**
 * What a scheduler is asked beside its configuration. One of `numSteps` and `sigmas` is needed.
 * @category Diffusers
 */
export interface SchedulerOptions {
  /** Steps of the run. */
  readonly numSteps?: number;
  /** Times in (0, 1], descending, for `FlowMatchEulerDiscreteScheduler`, before its shift. */
  readonly sigmas?: readonly number[];
  /** The shift of schedulers with `use_dynamic_shifting`: $\mu$, by the size of the image. */
  readonly mu?: number;
  /** Fresh noise of `DDIMScheduler`, default 0, and of `TCDScheduler`, default 0.3. */
  readonly eta?: number;
  /** Whether `DDIMScheduler` takes the noise again from the clipped clean point; default false. */
  readonly useClippedModelOutput?: boolean;
  /** First step that is run, from a noised image instead of from noise; default 0. See `addNoise`. */
  readonly startIndex?: number;
  /** The noise of `DDPMScheduler` where its file asks for learned variances, which samplers here do not take from the network. */
  readonly variance?: "fixed_small" | "fixed_large";
  /**
   * Whether to repeat where diffusers is at fault, to get its very images; default false. DDIM steps to $t - \lfloor T/n \rfloor$, wherever its next step lies;
   * `fixed_large` adds noise to the final image; the third order of `sde-dpmsolver++` has a wrong sign.
   */
  readonly reproduceFaults?: boolean;
}

/** Guards of {@link SchedulerOptions}. */
export const SCHEDULER = {
  numSteps: wholeNumber(1),
  sigmas: listOf(numberInside(0, 1 + Number.EPSILON)),
  mu: finiteNumber,
  eta: numberIn(0, 1),
  useClippedModelOutput: trueOrFalse,
  startIndex: wholeNumber(0),
  variance: oneOf("fixed_small", "fixed_large"),
  reproduceFaults: trueOrFalse,
};

/**
 * A scheduler of diffusers, ready to run.
 * @category Diffusers
 */
export interface Scheduler {
  /** Its class. */
  readonly kind: SchedulerClass;
  /** Runs this scheduler's own steps, and no others. */
  readonly sampler: Sampler<TableRow>;
  /** For `sample`: the levels it visits, and whether it ends before the data. */
  readonly run: { readonly schedule: Schedule; readonly stopAt: 0 | 1 };
  /** What the network returns: one of the usual predictions, `flow` $\varepsilon - x_0$, or `edm`, the preconditioned form. */
  readonly prediction: "eps" | "x0" | "v" | "flow" | "edm";
  /** The training of a network that knows steps. */
  readonly trainedOn?: Training;
  /** Steps that the network was trained on, by which networks of flow matching count their time. */
  readonly numTrainSteps: number;
  /** Standard deviation of the data that a network of EDM was made for. */
  readonly sigmaData?: number;
  /** Whether the network predicts variances behind the channels of the image. */
  readonly learnedVariance: boolean;
  /** The levels at which the network is asked, call by call. */
  readonly levels: readonly NoiseLevel[];
  /** What diffusers multiplies the starting noise with, on the variance-preserving scale, where samples here start at 1. */
  readonly noiseScale: number;
  /** Fields that other classes know and this one ignores. */
  readonly ignored: readonly string[];
}

const PREDICTIONS = {
  epsilon: "eps",
  sample: "x0",
  v_prediction: "v",
  flow_prediction: "flow",
} as const;

function predictionOf({ kind, word }: Settings): Scheduler["prediction"] {
  if (kind.startsWith("FlowMatch")) return "flow";
  if (kind.startsWith("EDM")) return "edm";
  return PREDICTIONS[word("prediction_type") as keyof typeof PREDICTIONS];
}

/** The levels of the rows, each once, as a schedule. */
function runOf(fn: string, rows: readonly TableRow[]): Scheduler["run"] {
  const last = rows.at(-1)!.to;
  const powers = [...rows.map(({ level }) => level), last]
    .filter(({ sigma }) => sigma > 0)
    .map(({ alpha, sigma }) => alpha ** 2 / (alpha ** 2 + sigma ** 2));
  // a repeated level is one of the schedule
  const distinct = powers.filter((power, i) => i === 0 || power !== powers[i - 1]);
  const wrong = distinct.findIndex((power, i) => i > 0 && power < distinct[i - 1]!);
  if (wrong > 0)
    throw new DomainError(
      `${fn}: the levels must have less and less noise, got more in step ${wrong + 1}; take fewer steps`,
    );
  return {
    schedule: scheduleOfAlphaBar([...distinct].reverse()),
    stopAt: last.sigma === 0 ? 0 : 1,
  };
}

function samplerOf(
  name: string,
  { rows, numNoises, rule, depth }: Plan,
  run: Scheduler["run"],
): Sampler<TableRow> {
  return tableSampler(
    { name, numNoises },
    ({ alphaBar }, stopAt) => {
      const own = run.schedule.alphaBar;
      if (
        stopAt !== run.stopAt ||
        own.length !== alphaBar.length ||
        own.some((p, i) => p !== alphaBar[i])
      )
        throw new DomainError(
          `${name}: runs its own levels only; give sample the scheduler's run, as in sample(sampler, model, key, { shape, ...scheduler.run })`,
        );
      return rows;
    },
    { ...(rule && { rule }), ...(depth !== undefined && { depth }) },
  );
}

/**
 * A scheduler of diffusers, by the content of its `scheduler_config.json`: the same steps, levels and formulas in float64, as one table of coefficients.
 *
 * Fields that are not known, and values that are not understood, are refused by name. Where diffusers is at fault this does not follow it unless
 * `reproduceFaults` is set.
 *
 * @param config - the configuration as an object, or the text of the file, in which Python may have written bare infinities
 * @param options - see {@link SchedulerOptions}
 * @returns see {@link Scheduler}
 * @throws `DomainError` when the class, a field or a value is not understood, or an option does not fit the class
 * @throws `FormatError` when a text is no JSON
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, sample } from "@provably/score-diffusion";
 * import { schedulerFromConfig } from "@provably/score-diffusion/samplers";
 *
 * const config = { _class_name: "DPMSolverMultistepScheduler", beta_schedule: "scaled_linear", use_karras_sigmas: true };
 * const { sampler, run, trainedOn } = schedulerFromConfig(config, { numSteps: 10 });
 * trainedOn.schedule.alphaBar.length; // => 1000
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * sample(sampler, mixture, key(0), { shape: [4, 1], ...run }).numEvaluations; // => 10
 * ```
 * @see https://huggingface.co/docs/diffusers/api/schedulers/overview
 * @category Diffusers
 */
export function schedulerFromConfig(config: unknown, options: SchedulerOptions = {}): Scheduler {
  const fn = "schedulerFromConfig";
  const asked = checkOptions<SchedulerOptions>(fn, options, SCHEDULER);
  const settings = settingsOf(fn, config);
  const plan = planOf(fn, settings, asked);
  const run = runOf(fn, plan.rows);
  const trained = plan.powers;
  return {
    kind: settings.kind,
    sampler: samplerOf(settings.kind, plan, run),
    run,
    prediction: predictionOf(settings),
    ...(trained && { trainedOn: { schedule: scheduleOfAlphaBar(trained), firstStep: 0 } as const }),
    numTrainSteps: settings.number("num_train_timesteps"),
    ...(settings.maybe("sigma_data") !== undefined && { sigmaData: settings.number("sigma_data") }),
    learnedVariance: settings.word("variance_type").startsWith("learned"),
    levels: plan.rows.flatMap(({ calls }) => calls.map(({ level }) => level)),
    noiseScale: plan.noiseScale,
    ignored: settings.ignored,
  };
}
