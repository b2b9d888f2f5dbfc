/** DPnP: posterior sampling by turns of a proximal step towards the measurement and a denoising step towards the prior. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  ShapeError,
  all,
  asType,
  exp,
  full,
  isFinite,
  slice,
  item,
  mean,
  mul,
  ones,
  sqrt,
  square,
  stack,
  sub,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyNumber,
  anyRecord,
  anything,
  check,
  checkOptions,
  type Guard,
  listOf,
  longWork,
  oneOf,
  positiveNumber,
  trueOrFalse,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normalRows } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import { predictiveProcess } from "../certify/posterior-predictive.js";
import { certifyRound, firstDraws } from "../certify/stationarity.js";
import {
  type ForwardModel,
  type Likelihood,
  checkRows,
  likelihoodOf,
} from "../forward/forward-model.js";
import { type LongProcess, drive, driveAsync } from "../sampler/drive.js";
import { type AsyncModel, type Model, checkModel } from "../score/prediction.js";
import { annealing } from "./annealing.js";
import { type DenoisingSampler, ddsDdim, ddsDdpm, onUnitScale, processOf } from "./dds.js";
import { effectiveSampleSize, splitRHat } from "./diagnostics.js";
import { pcsGaussian } from "./pcs-gaussian.js";
import { defaultStepSize, malaProcess } from "./pcs-mala.js";

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
  /** Stops between two rounds; {@link dpnpAsync} also within one. The synchronous form holds the thread, so that only a callback can abort it. */
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

/** The acceptance at which Langevin steps with a Metropolis test move fastest (Roberts, Rosenthal 1998). */
const ACCEPTANCE = 0.574;

interface Setup {
  readonly likelihood: Likelihood;
  readonly etas: readonly number[];
  readonly denoiser: DenoisingSampler;
  readonly exact: boolean;
  readonly state: DpnpState;
}

function prepare(
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

const firstRows = (x: NdArray, n: number): NdArray => (x.shape[0] === n ? x : slice(x, [0], [n]));

/** The measurements that belong to the first n chains. */
function firstMeasurements(y: ArrayInput, n: number): ArrayInput {
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

function* run(
  fn: string,
  forward: ForwardModel,
  y: ArrayInput,
  key: RngKey,
  options: DpnpOptions,
): LongProcess<DpnpResult> {
  const {
    malaSteps = 100,
    adjust = true,
    order = "pcs-dds",
    thin = 1,
    burnIn = 0,
    firstRow = 0,
    onProgress,
    signal,
  } = options;
  const { likelihood, etas, denoiser, exact, state: start } = prepare(fn, forward, y, key, options);
  const firstAtEnd = etas.indexOf(etas[etas.length - 1]!);
  let state = start;
  let { numEvaluations } = state;

  function* denoised(
    x: NdArray,
    eta: number,
    stepKey: RngKey,
    round: number,
  ): LongProcess<NdArray> {
    const process = processOf(fn, denoiser, x, eta, stepKey, firstRow);
    let turn = process.next();
    while (!turn.done) {
      numEvaluations++;
      // a question is never answered with nothing
      turn = process.next((yield { ...turn.value, where: `in round ${round + 1}` })!);
    }
    return turn.value;
  }
  function* consistent(
    x: NdArray,
    eta: number,
    roundKey: RngKey,
    likelihood: Likelihood,
  ): LongProcess<{ samples: NdArray; acceptance: NdArray }> {
    if (exact)
      return {
        samples: pcsGaussian(likelihood, x, eta, roundKey, { firstRow }),
        acceptance: ones([x.shape[0]!], { dtype: "float64" }),
      };
    const stepSize =
      options.malaStepSize?.(eta) ??
      mul(defaultStepSize(likelihood, eta), firstRows(state.stepFactor, x.shape[0]!));
    return yield* malaProcess(likelihood, x, eta, roundKey, {
      numSteps: malaSteps,
      stepSize,
      adjust,
      firstRow,
    });
  }

  // one more round from the first draws, with a denoiser of another kind
  function* another(roundKey: RngKey): LongProcess<Certificate> {
    const before = firstDraws(state.x);
    const likelihoodHere = likelihoodOf(fn, forward, firstMeasurements(y, before.shape[0]!));
    const eta = etas[etas.length - 1]!;
    const proximal = yield* consistent(before, eta, foldIn(roundKey, "pcs"), likelihoodHere);
    const rival = denoiser.name === "ddsDdpm" ? ddsDdim() : ddsDdpm();
    const { y: point, level } = onUnitScale(proximal.samples, eta);
    const expected = (yield { x: point, level, want: "x0", where: "after the last round" })!;
    const after = yield* processOf(
      fn,
      rival,
      proximal.samples,
      eta,
      foldIn(roundKey, "dds"),
      firstRow,
    ) as LongProcess<NdArray>;
    return certifyRound(
      { before, between: proximal.samples, expected, after },
      foldIn(roundKey, "swaps"),
    );
  }

  signal?.throwIfAborted();
  while (state.round < etas.length) {
    const { round } = state;
    const eta = etas[round]!;
    const roundKey = foldIn(key, round);
    let { x } = state;
    if (round === 0 && order === "dds-pcs-dds")
      x = yield* denoised(x, eta, foldIn(roundKey, "first"), round);
    const proximal = yield* consistent(x, eta, foldIn(roundKey, "pcs"), likelihood);
    x = yield* denoised(proximal.samples, eta, foldIn(roundKey, "dds"), round);
    // each chain adapts its step by itself, and only while the distribution still changes; afterwards it stays, so that the distribution is exact
    const adapts = !exact && adjust && round < firstAtEnd;
    const stepFactor = adapts
      ? mul(state.stepFactor, exp(mul(2, sub(proximal.acceptance, ACCEPTANCE))))
      : state.stepFactor;
    const acceptance = x.shape[0] === 0 ? 1 : item(mean(proximal.acceptance));
    const late = round - firstAtEnd - burnIn;
    state = {
      round: round + 1,
      x,
      stepFactor,
      kept: late >= 0 && late % thin === 0 ? [...state.kept, x] : state.kept,
      acceptance: [...state.acceptance, acceptance],
      numEvaluations,
    };
    onProgress?.({ iteration: round + 1, total: etas.length, metric: acceptance, state });
    signal?.throwIfAborted();
  }
  const { kept } = state;
  const chain = stack(kept.length > 0 ? kept : [state.x]);
  const average = mean(chain, { axis: 0 });
  return {
    samples: state.x,
    chain,
    mean: average,
    std: sqrt(mean(square(sub(chain, average)), { axis: 0 })),
    ...(kept.length >= 4 &&
      state.x.shape[0]! > 0 && {
        rHat: splitRHat(chain),
        effectiveSampleSize: effectiveSampleSize(chain),
      }),
    acceptance: state.acceptance,
    numEvaluations,
    state,
    certificate: yield* predictiveProcess(forward, y, state.x, foldIn(key, "certificate")),
    stationarity: yield* another(foldIn(key, "another round")),
  };
}

/**
 * DPnP: samples of the posterior $p^\star(x)\, e^{\mathcal L(x; y)}$ from the unconditional score of the prior $p^\star$ and any likelihood. Every round draws
 *
 * - $x_{k+1/2}$ from the density proportional to $e^{\mathcal L(z; y) - \|z - x_k\|^2/(2\eta_k^2)}$ ({@link pcsGaussian}, `pcsMala`), then
 * - $x_{k+1}$ from that proportional to $p^\star(x)\, e^{-\|x - x_{k+1/2}\|^2/(2\eta_k^2)}$ ({@link ddsDdim}, {@link ddsDdpm}).
 *
 * With $\eta_k$ falling to 0 slowly the distribution of $x_k$ tends to the posterior; at a constant $\eta$ it converges geometrically to a distribution that widens the
 * likelihood by $\eta$: for $y = Ax + N(0, \sigma^2 I)$ exactly the posterior with noise $\sigma^2 I + \eta^2 A A^\top$.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all chains, or one for each, `[n, m]`
 * @param model - exact score or network of the prior
 * @param key - random key
 * @param options - see {@link DpnpOptions}
 * @returns see {@link DpnpResult}
 * @throws `DomainError` when an option is out of range, or the model returns NaN, naming the round
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { annealing, dpnp, gaussianMixture, gaussianNoise, matrixOperator } from "@provably/score-diffusion";
 *
 * // A point near (−2, 0) or (2, 0), and a measurement of its first coordinate.
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2, 0], [2, 0]], variances: [0.1, 0.1] });
 * const forward = gaussianNoise(matrixOperator([[1, 0]]), 0.5);
 * const { samples, certificate } = dpnp(forward, [1.5], prior, key(0), { numSamples: 4, etas: annealing({ start: 1, end: 0.2 }) });
 * samples.shape; // => [4, 2]
 * samples.get(0, 0) > 1; // => true
 * certificate.holds; // => true
 * ```
 * @see Xu, Chi (2024), "Provably robust score-based diffusion posterior sampling for plug-and-play image reconstruction", algorithm 1, theorems 1 and 2
 * @category Posterior sampling
 */
export function dpnp(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: DpnpOptions,
): DpnpResult {
  return dpnpOf("dpnp", forward, y, model, key, checkOptions<DpnpOptions>("dpnp", options, DPNP));
}

/** {@link dpnp} for the function that a user called. */
export function dpnpOf(
  fn: string,
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: DpnpOptions,
): DpnpResult {
  return drive(fn, checkModel(fn, model), run(fn, forward, y, key, options));
}

/**
 * The same as {@link dpnp} for a model that answers later.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all chains, or one for each, `[n, m]`
 * @param model - network whose `evaluate` returns a promise
 * @param key - random key
 * @param options - see {@link DpnpOptions}
 * @returns promise of a {@link DpnpResult}; rejects with `signal.reason` when aborted
 * @throws `DomainError` when an option is out of range, or the model returns NaN, naming the round
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { dpnpAsync, gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
 * const later = { prediction: mixture.prediction, evaluate: async (x, level) => mixture.evaluate(x, level) };
 * const { samples } = await dpnpAsync(gaussianNoise(identityOperator(1), 0.5), [1], later, key(0), { numSamples: 3, etas: [0.3] });
 * samples.shape; // => [3, 1]
 * ```
 * @category Posterior sampling
 */
export async function dpnpAsync(
  forward: ForwardModel,
  y: ArrayInput,
  model: AsyncModel,
  key: RngKey,
  options: DpnpOptions,
): Promise<DpnpResult> {
  const fn = "dpnpAsync";
  return dpnpAsyncOf(fn, forward, y, model, key, checkOptions<DpnpOptions>(fn, options, DPNP));
}

/** {@link dpnpAsync} for the function that a user called. */
export async function dpnpAsyncOf(
  fn: string,
  forward: ForwardModel,
  y: ArrayInput,
  model: AsyncModel,
  key: RngKey,
  options: DpnpOptions,
): Promise<DpnpResult> {
  checkModel(fn, model);
  return driveAsync(fn, model, run(fn, forward, y, key, options), options.signal);
}
