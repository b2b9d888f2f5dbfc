/** The fields of diffusers' scheduler_config.json: which class knows which, what it takes them for when they are missing, and what is understood. */
import { DomainError, FormatError } from "@provably/core-tensor";
import {
  anyNumber,
  anyRecord,
  anyString,
  check,
  type Guard,
  listOf,
  numberInside,
  oneOf,
  positiveNumber,
  satisfying,
  show,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";

/** What is wrong with a value, if anything is. */
type Test = (value: unknown) => ReturnType<Guard>;

/** A field: what it may hold, and what a class takes for it where the file says nothing. */
interface Field {
  readonly guard: Test;
  readonly otherwise: unknown;
}

const orNull =
  (guard: Test): Test =>
  (x) =>
    x === null ? undefined : guard(x);
const field = (guard: Test, otherwise: unknown): Field => ({ guard, otherwise });

/** A field of which one value is understood. */
const only = (value: unknown): Test =>
  satisfying(`${String(value)}, the one value that is understood`, (x) => x === value);

/** JSON has no infinite numbers; Python writes them bare, and they come as words here. */
const maybeInfinite = satisfying<number>(
  'a number, or "-Infinity"',
  (x) => typeof x === "number" || x === "-Infinity",
);

const flag = (otherwise: boolean): Field => field(trueOrFalse, otherwise);
const betas = (start: number, end: number): Record<string, Field> => ({
  num_train_timesteps: field(wholeNumber(1, 1_000_001), 1000),
  beta_start: field(numberInside(0, 1), start),
  beta_end: field(numberInside(0, 1), end),
  beta_schedule: field(oneOf("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid"), "linear"),
  trained_betas: field(orNull(listOf(anyNumber)), null),
});
const predicts = (...more: string[]): Record<string, Field> => ({
  prediction_type: field(oneOf("epsilon", "sample", "v_prediction", ...more), "epsilon"),
});
const spaced = (spacing: string): Record<string, Field> => ({
  timestep_spacing: field(oneOf("leading", "trailing", "linspace"), spacing),
  steps_offset: field(wholeNumber(0), 0),
});
const clipped = (otherwise: boolean): Record<string, Field> => ({
  clip_sample: flag(otherwise),
  clip_sample_range: field(positiveNumber, 1),
});
const thresholded: Record<string, Field> = {
  thresholding: flag(false),
  dynamic_thresholding_ratio: field(numberInside(0, 1), 0.995),
  sample_max_value: field(positiveNumber, 1),
};
const rescaled: Record<string, Field> = { rescale_betas_zero_snr: flag(false) };
const sigmaLists: Record<string, Field> = {
  use_karras_sigmas: field(orNull(trueOrFalse), false),
  use_exponential_sigmas: field(orNull(trueOrFalse), false),
  use_beta_sigmas: field(orNull(trueOrFalse), false),
};
const sigmaEnds: Record<string, Field> = {
  sigma_min: field(orNull(positiveNumber), null),
  sigma_max: field(orNull(positiveNumber), null),
};
const finalSigmas: Record<string, Field> = {
  final_sigmas_type: field(orNull(oneOf("zero", "sigma_min")), "zero"),
};
const flowSigmas: Record<string, Field> = {
  use_flow_sigmas: field(orNull(trueOrFalse), false),
  flow_shift: field(orNull(positiveNumber), 1),
  use_dynamic_shifting: flag(false),
  time_shift_type: field(oneOf("exponential"), "exponential"),
};
const dpm: Record<string, Field> = {
  solver_order: field(oneOf(1, 2, 3), 2),
  solver_type: field(oneOf("midpoint", "heun"), "midpoint"),
  lower_order_final: flag(true),
  lambda_min_clipped: field(maybeInfinite, "-Infinity"),
  variance_type: field(
    orNull(oneOf("fixed_small", "fixed_large", "learned", "learned_range")),
    null,
  ),
};
const sd = [0.00085, 0.012] as const;
const ddpmLike = [0.0001, 0.02] as const;
const consistency: Record<string, Field> = {
  ...betas(...sd),
  beta_schedule: field(oneOf("linear", "scaled_linear", "squaredcos_cap_v2"), "scaled_linear"),
  original_inference_steps: field(wholeNumber(1, 1_000_001), 50),
  ...clipped(false),
  set_alpha_to_one: flag(true),
  ...spaced("leading"),
  ...predicts(),
  ...thresholded,
  timestep_scaling: field(positiveNumber, 10),
  ...rescaled,
};
const edm: Record<string, Field> = {
  sigma_min: field(positiveNumber, 0.002),
  sigma_max: field(positiveNumber, 80),
  sigma_data: field(positiveNumber, 0.5),
  sigma_schedule: field(oneOf("karras", "exponential"), "karras"),
  num_train_timesteps: field(wholeNumber(1, 1_000_001), 1000),
  prediction_type: field(oneOf("epsilon"), "epsilon"),
  rho: field(positiveNumber, 7),
  ...finalSigmas,
};

/** The classes that are understood. */
const CLASSES = {
  DDIMScheduler: {
    ...betas(...ddpmLike),
    ...clipped(true),
    ...thresholded,
    ...predicts(),
    ...spaced("leading"),
    ...rescaled,
    set_alpha_to_one: flag(true),
  },
  DDPMScheduler: {
    ...betas(...ddpmLike),
    ...clipped(true),
    ...thresholded,
    ...predicts(),
    ...spaced("leading"),
    ...rescaled,
    variance_type: field(
      oneOf("fixed_small", "fixed_small_log", "fixed_large", "learned", "learned_range"),
      "fixed_small",
    ),
  },
  PNDMScheduler: {
    ...betas(...ddpmLike),
    ...predicts(),
    ...spaced("leading"),
    skip_prk_steps: flag(false),
    set_alpha_to_one: flag(false),
  },
  LMSDiscreteScheduler: {
    ...betas(...ddpmLike),
    ...predicts(),
    ...spaced("linspace"),
    ...sigmaLists,
  },
  EulerDiscreteScheduler: {
    ...betas(...ddpmLike),
    ...predicts(),
    ...spaced("linspace"),
    ...sigmaLists,
    ...sigmaEnds,
    ...rescaled,
    ...finalSigmas,
    interpolation_type: field(oneOf("linear", "log_linear"), "linear"),
    timestep_type: field(oneOf("discrete"), "discrete"),
  },
  EulerAncestralDiscreteScheduler: {
    ...betas(...ddpmLike),
    ...predicts(),
    ...spaced("linspace"),
    ...rescaled,
  },
  HeunDiscreteScheduler: {
    ...betas(...sd),
    ...predicts(),
    ...spaced("linspace"),
    ...sigmaLists,
    ...clipped(false),
  },
  KDPM2DiscreteScheduler: {
    ...betas(...sd),
    ...predicts(),
    ...spaced("linspace"),
    ...sigmaLists,
  },
  KDPM2AncestralDiscreteScheduler: {
    ...betas(...sd),
    ...predicts(),
    ...spaced("linspace"),
    ...sigmaLists,
  },
  DPMSolverMultistepScheduler: {
    ...betas(...ddpmLike),
    ...predicts("flow_prediction"),
    ...spaced("linspace"),
    ...thresholded,
    ...sigmaLists,
    ...flowSigmas,
    ...finalSigmas,
    ...rescaled,
    ...dpm,
    algorithm_type: field(
      oneOf("dpmsolver++", "dpmsolver", "sde-dpmsolver++", "sde-dpmsolver"),
      "dpmsolver++",
    ),
    euler_at_final: flag(false),
    use_lu_lambdas: field(orNull(trueOrFalse), false),
  },
  DPMSolverSinglestepScheduler: {
    ...betas(...ddpmLike),
    ...predicts("flow_prediction"),
    ...thresholded,
    ...sigmaLists,
    ...flowSigmas,
    ...finalSigmas,
    ...dpm,
    lower_order_final: flag(false),
    algorithm_type: field(oneOf("dpmsolver++", "dpmsolver", "sde-dpmsolver++"), "dpmsolver++"),
  },
  UniPCMultistepScheduler: {
    ...betas(...ddpmLike),
    ...predicts("flow_prediction"),
    ...spaced("linspace"),
    ...thresholded,
    ...sigmaLists,
    ...sigmaEnds,
    ...flowSigmas,
    ...finalSigmas,
    ...rescaled,
    solver_order: field(wholeNumber(1, 4), 2),
    solver_type: field(oneOf("bh1", "bh2"), "bh2"),
    predict_x0: flag(true),
    lower_order_final: flag(true),
    disable_corrector: field(listOf(wholeNumber(0)), []),
    solver_p: field(only(null), null),
    shift_terminal: field(orNull(numberInside(0, 1)), null),
  },
  DEISMultistepScheduler: {
    ...betas(...ddpmLike),
    ...predicts("flow_prediction"),
    ...spaced("linspace"),
    ...thresholded,
    ...sigmaLists,
    ...flowSigmas,
    solver_order: field(oneOf(1, 2, 3), 2),
    solver_type: field(oneOf("logrho"), "logrho"),
    algorithm_type: field(oneOf("deis"), "deis"),
    lower_order_final: flag(true),
  },
  LCMScheduler: consistency,
  TCDScheduler: consistency,
  FlowMatchEulerDiscreteScheduler: {
    num_train_timesteps: field(wholeNumber(1, 1_000_001), 1000),
    shift: field(positiveNumber, 1),
    use_dynamic_shifting: flag(false),
    base_shift: field(orNull(anyNumber), 0.5),
    max_shift: field(orNull(anyNumber), 1.15),
    base_image_seq_len: field(orNull(wholeNumber(1)), 256),
    max_image_seq_len: field(orNull(wholeNumber(1)), 4096),
    invert_sigmas: field(only(false), false),
    shift_terminal: field(orNull(numberInside(0, 1)), null),
    ...sigmaLists,
    time_shift_type: field(oneOf("exponential", "linear"), "exponential"),
    stochastic_sampling: flag(false),
  },
  FlowMatchHeunDiscreteScheduler: {
    num_train_timesteps: field(wholeNumber(1, 1_000_001), 1000),
    shift: field(positiveNumber, 1),
  },
  EDMEulerScheduler: edm,
  EDMDPMSolverMultistepScheduler: {
    ...edm,
    ...thresholded,
    solver_order: field(oneOf(1, 2, 3), 2),
    solver_type: field(oneOf("midpoint", "heun"), "midpoint"),
    algorithm_type: field(oneOf("dpmsolver++", "sde-dpmsolver++"), "dpmsolver++"),
    lower_order_final: flag(true),
    euler_at_final: flag(false),
  },
} as const satisfies Record<SchedulerClass, Record<string, Field>>;

/** A class of diffusers' that is understood. */
export type SchedulerClass =
  | "DDIMScheduler"
  | "DDPMScheduler"
  | "PNDMScheduler"
  | "LMSDiscreteScheduler"
  | "EulerDiscreteScheduler"
  | "EulerAncestralDiscreteScheduler"
  | "HeunDiscreteScheduler"
  | "KDPM2DiscreteScheduler"
  | "KDPM2AncestralDiscreteScheduler"
  | "DPMSolverMultistepScheduler"
  | "DPMSolverSinglestepScheduler"
  | "UniPCMultistepScheduler"
  | "DEISMultistepScheduler"
  | "LCMScheduler"
  | "TCDScheduler"
  | "FlowMatchEulerDiscreteScheduler"
  | "FlowMatchHeunDiscreteScheduler"
  | "EDMEulerScheduler"
  | "EDMDPMSolverMultistepScheduler";

/** Every field that some class knows: files keep those of other classes, which theirs ignores. */
const ANYWHERE = new Set(Object.values(CLASSES).flatMap((fields) => Object.keys(fields)));

/** The values of a configuration, checked, with what the class takes for those that are missing. */
export interface Settings {
  readonly kind: SchedulerClass;
  readonly ignored: readonly string[];
  number(name: string): number;
  flag(name: string): boolean;
  word(name: string): string;
  /** A number, or undefined for null. */
  maybe(name: string): number | undefined;
  list(name: string): readonly number[] | undefined;
}

/** The text of a configuration as Python writes it: infinite numbers stand bare in it. */
export function parseConfig(fn: string, text: string): unknown {
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (word) =>
    word.startsWith('"') ? word : `"${word}"`,
  );
  try {
    return JSON.parse(quoted);
  } catch (error) {
    throw new FormatError(`${fn}: config is no JSON: ${(error as SyntaxError).message}`);
  }
}

/** Reads a configuration; what is not understood is refused by name. */
export function settingsOf(fn: string, given: unknown): Settings {
  const source = typeof given === "string" ? parseConfig(fn, given) : given;
  const config = check(fn, "config", source as Readonly<Record<string, unknown>>, anyRecord);
  const name = check(fn, "config._class_name", config["_class_name"] as string, anyString);
  if (!Object.hasOwn(CLASSES, name))
    throw new DomainError(
      `${fn}: config._class_name must be one of ${Object.keys(CLASSES).join(", ")}, got ${show(name)}`,
    );
  const kind = name as SchedulerClass;
  const fields: Readonly<Record<string, Field>> = CLASSES[kind];
  const ignored: string[] = [];
  for (const key of Object.keys(config))
    if (!key.startsWith("_") && !Object.hasOwn(fields, key)) {
      if (!ANYWHERE.has(key)) throw new DomainError(`${fn}: unknown field ${show(key)} of ${kind}`);
      ignored.push(key);
    }
  const values = new Map<string, unknown>();
  for (const [key, { guard, otherwise }] of Object.entries(fields)) {
    const value = Object.hasOwn(config, key) ? config[key] : otherwise;
    check(fn, `config.${key}`, value, guard);
    values.set(key, value);
  }
  return {
    kind,
    ignored,
    number: (key) => (values.get(key) === "-Infinity" ? -Infinity : (values.get(key) as number)),
    flag: (key) => values.get(key) === true,
    word: (key) => String(values.get(key)),
    maybe: (key) => (values.get(key) as number | null | undefined) ?? undefined,
    list: (key) => (values.get(key) as readonly number[] | null | undefined) ?? undefined,
  };
}
