/** DPnP: posterior sampling by turns of a proximal step towards the measurement and a denoising step towards the prior. */
import {
  type ArrayInput,
  type Certificate,
  type NdArray,
  exp,
  item,
  mean,
  mul,
  ones,
  sqrt,
  square,
  stack,
  sub,
} from "@provably/core-tensor";
import { checkOptions } from "@provably/core-tensor/internal";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { predictiveProcess } from "../certify/posterior-predictive.js";
import { certifyRound, firstDraws } from "../certify/stationarity.js";
import { type ForwardModel, type Likelihood, likelihoodOf } from "../forward/forward-model.js";
import { type LongProcess, drive, driveAsync } from "../sampler/drive.js";
import { type AsyncModel, type Model, checkModel } from "../score/prediction.js";
import { ddsDdim, ddsDdpm, onUnitScale, processOf } from "./dds.js";
import { effectiveSampleSize, splitRHat } from "./diagnostics.js";
import { pcsGaussian } from "./pcs-gaussian.js";
import { defaultStepSize, malaProcess } from "./pcs-mala.js";
import {
  DPNP,
  type DpnpOptions,
  type DpnpResult,
  firstMeasurements,
  firstRows,
  prepare,
} from "./dpnp-setup.js";

/** The acceptance at which Langevin steps with a Metropolis test move fastest (Roberts, Rosenthal 1998). */
const ACCEPTANCE = 0.574;

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
