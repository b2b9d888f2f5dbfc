/** What a run of DPnP is asked, where it stands, and what it gives. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  ShapeError,
  all,
  asType,
  full,
  isFinite,
  item,
  slice,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyNumber,
  anyRecord,
  anything,
  check,
  type Guard,
  listOf,
  longWork,
  oneOf,
  positiveNumber,
  rngKey,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normalRows } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import {
  type ForwardModel,
  type Likelihood,
  checkRows,
  likelihoodOf,
} from "../forward/forward-model.js";
import { annealing } from "./annealing.js";
import { type DenoisingSampler, ddsDdim } from "./dds.js";

/**
 * Where a run of {@link dpnp} stands; a run that goes on from it takes the same steps as one that never stopped.
 * @category Posterior sampling
 */
export interface DpnpState {
  /** Rounds done. */
  readonly round: number;
  /** The chains, `[n, d]`. */
  readonly x: NdArray;
  /** Factor of the default step size of `pcsMala` for each chain, `[n]`, adapted while $\eta$ changes. */
  readonly stepFactor: NdArray;
  /** Draws kept so far. */
  readonly kept: readonly NdArray[];
  /** Acceptance of each round so far. */
  readonly acceptance: readonly number[];
  /** How often the model was asked so far. */
  readonly numEvaluations: number;
}

/**
 * Options of {@link dpnp} and {@link dpnpAsync}. One of `numSamples`, `start` and `state` is needed.
 * @category Posterior sampling
 */
export interface DpnpOptions {
  /** Chains to run, each from its own standard normal start. */
  readonly numSamples?: number;
  /** Where the chains start, `[n, d]`; a warm start is the `samples` of `dps` or `lgdMc`, as in the paper's experiments. */
  readonly start?: ArrayInput;
  /** Go on from here. */
  readonly state?: DpnpState;
  /** $\eta$ of every round; default {@link annealing}. */
  readonly etas?: readonly number[];
  /** The denoising step; default {@link ddsDdim}. */
  readonly denoiser?: DenoisingSampler;
  /** The proximal step: exact for linear measurements with Gaussian noise unless `mala` is asked for; else MALA. */
  readonly proximal?: "auto" | "mala";
  /** Steps of MALA in a round; default 100. */
  readonly malaSteps?: number;
  /** Step size of MALA for a given $\eta$; default that of `pcsMala`, adapted to an acceptance of 0.574 as long as $\eta$ falls. */
  readonly malaStepSize?: (eta: number) => number;
  /** Whether MALA's moves must pass the Metropolis test; default true. */
  readonly adjust?: boolean;
  /** `dds-pcs-dds` denoises the starts first; default `pcs-dds`. */
  readonly order?: "pcs-dds" | "dds-pcs-dds";
  /** Rounds at the last $\eta$ whose draws are not kept; default 0. */
  readonly burnIn?: number;
  /** Of the rounds after that every `thin`-th is kept; default 1. */
  readonly thin?: number;
  /** Number of the first row, as in `SampleOptions`. Default 0. */
  readonly firstRow?: number;
  /** Called after every round; `metric` is the acceptance of its proximal step. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
    readonly state: DpnpState;
  }) => void;
  /** Stops between two rounds; `dpnpAsync` also within one. The synchronous form holds the thread, so that only a callback can abort it. */
  readonly signal?: AbortSignal;
}

/** Guards of these options. */
export const DPNP = {
  ...longWork,
  numSamples: wholeNumber(0),
  start: anything,
  state: anything,
  etas: listOf(positiveNumber),
  denoiser: anyRecord as Guard<DenoisingSampler>,
  proximal: oneOf("auto", "mala"),
  malaSteps: wholeNumber(1),
  malaStepSize: anyFunction,
  adjust: trueOrFalse,
  order: oneOf("pcs-dds", "dds-pcs-dds"),
  burnIn: wholeNumber(0),
  thin: wholeNumber(1),
  firstRow: wholeNumber(0),
};

/**
 * What {@link dpnp} gives.
 * @category Posterior sampling
 */
export interface DpnpResult {
  /** The ends of the chains, `[n, d]`: independent approximate draws of the posterior. */
  readonly samples: NdArray;
  /** The kept draws of the rounds at the last $\eta$, `[rounds, n, d]`. */
  readonly chain: NdArray;
  /** Mean over those, of each chain, `[n, d]`. */
  readonly mean: NdArray;
  /** Standard deviation over those, of each chain, `[n, d]`. */
  readonly std: NdArray;
  /** Split $\hat R$ of each coordinate over those, `[d]`, where there are four or more. Chains of different measurements are not comparable. */
  readonly rHat?: NdArray;
  /** Effective number of draws of each coordinate, `[d]`, where there are four or more. */
  readonly effectiveSampleSize?: NdArray;
  /** Acceptance of the proximal step of each round; 1 for exact ones. */
  readonly acceptance: readonly number[];
  /** How often the model was asked. */
  readonly numEvaluations: number;
  /** For going on. */
  readonly state: DpnpState;
  /** Whether the measurement looks like one of these draws' own: see {@link certifyPosteriorPredictive}. It says nothing of directions that were not measured. */
  readonly certificate: Certificate;
  /**
   * Whether one more round leaves the distribution of the draws as it is, in every direction: the last $\eta$ again, but with the stochastic denoiser
   * {@link ddsDdpm} (or {@link ddsDdim}, where that was not used), by the energy distance of up to 128 draws; and whether that denoiser draws around the clean
   * points that the model expects. Undecided for fewer than nine draws, which tell nothing. Its evaluations are not counted.
   */
  readonly stationarity: Certificate;
}

/** What a run starts from. */
export interface Setup {
  readonly likelihood: Likelihood;
  readonly etas: readonly number[];
  readonly denoiser: DenoisingSampler;
  readonly exact: boolean;
  readonly state: DpnpState;
}

/** The arguments of a run, checked. */
export function prepare(
  fn: string,
  forward: ForwardModel,
  y: ArrayInput,
  key: RngKey,
  options: DpnpOptions,
): Setup {
  const {
    numSamples,
    start,
    state,
    etas = annealing(),
    denoiser = ddsDdim(),
    proximal = "auto",
  } = options;
  const { firstRow = 0 } = options;
  check(fn, "key", key, rngKey);
  const likelihood = likelihoodOf(fn, forward, y);
  const d = forward.inputSize;
  if ([numSamples, start, state].filter((given) => given !== undefined).length !== 1)
    throw new DomainError(`${fn}: give one of numSamples, start and state`);
  if (etas.length === 0) throw new DomainError(`${fn}: etas must hold at least one round`);
  etas.forEach((eta, i) => {
    if (i > 0 && eta > etas[i - 1]!)
      throw new DomainError(`${fn}: etas must not grow, got ${eta} after ${etas[i - 1]}`);
  });
  if (state !== undefined) checkDpnpState(fn, state);
  const x =
    state?.x ??
    (start === undefined
      ? normalRows(foldIn(key, "start"), [numSamples!, d], { dtype: "float64", firstRow })
      : asType(start, "float64"));
  if (x.shape.length !== 2 || x.shape[1] !== d)
    throw new ShapeError(`${fn}: chains must be [n, ${d}], got [${x.shape.join(", ")}]`);
  checkRows(fn, y, x.shape[0]!);
  if (!item(all(isFinite(x)))) throw new DomainError(`${fn}: chains must start at finite points`);
  if (state !== undefined && !(state.round < etas.length))
    throw new DomainError(`${fn}: state has done ${state.round} of ${etas.length} rounds already`);
  return {
    likelihood,
    etas,
    denoiser,
    exact: likelihood.linear !== undefined && proximal === "auto",
    state: state ?? {
      round: 0,
      x,
      stepFactor: full([x.shape[0]!], 1, { dtype: "float64" }),
      kept: [],
      acceptance: [],
      numEvaluations: 0,
    },
  };
}

/** The first n rows. */
export const firstRows = (x: NdArray, n: number): NdArray =>
  x.shape[0] === n ? x : slice(x, [0], [n]);

/** The measurements that belong to the first n chains. */
export function firstMeasurements(y: ArrayInput, n: number): ArrayInput {
  const { shape } = asType(y, "float64");
  return shape.length === 2 && shape[0]! > n ? firstRows(asType(y, "float64"), n) : y;
}

function checkDpnpState(fn: string, state: DpnpState): void {
  const { round, x, stepFactor, kept, acceptance, numEvaluations } = check(
    fn,
    "state",
    state,
    anyRecord,
  );
  check(fn, "state.round", round, wholeNumber(0));
  check(fn, "state.numEvaluations", numEvaluations, wholeNumber(0));
  const [n] = arrayOf(fn, "state.x", x).shape;
  if (arrayOf(fn, "state.stepFactor", stepFactor).shape.join() !== String(n))
    throw new ShapeError(
      `${fn}: state.stepFactor must be [${n}], got [${stepFactor.shape.join(", ")}]`,
    );
  for (const [i, draw] of check(fn, "state.kept", kept, anyList).entries())
    arrayOf(fn, `state.kept[${i}]`, draw);
  check(fn, "state.acceptance", acceptance, listOf(anyNumber));
}
