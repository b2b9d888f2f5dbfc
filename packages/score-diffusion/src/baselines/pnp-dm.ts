/** Plug-and-play diffusion models: the same turns as DPnP, with geometric annealing and the stochastic sampler of EDM. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import {
  checkOptions,
  positiveNumber,
  satisfying,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";
import type { ForwardModel } from "../forward/forward-model.js";
import { dpnpAsyncOf, dpnpOf } from "../posterior/dpnp.js";
import { DPNP, type DpnpOptions, type DpnpResult } from "../posterior/dpnp-setup.js";
import { type DenoisingSampler, ddsDdpm } from "../posterior/dds.js";
import { karrasSigmas } from "../schedule/sigmas.js";
import type { AsyncModel, Model } from "../score/prediction.js";

const { etas: _etas, denoiser: _denoiser, order: _order, adjust: _adjust, ...SHARED } = DPNP;
const OPTIONS = {
  ...SHARED,
  numRounds: wholeNumber(1),
  rhoMax: positiveNumber,
  rhoMin: positiveNumber,
  decay: satisfying<number>("in (0, 1]", (x) => typeof x === "number" && x > 0 && x <= 1),
  denoisingSteps: wholeNumber(2),
};

/**
 * Options of {@link pnpDm}.
 * @category Baselines
 */
export interface PnpDmOptions extends Omit<DpnpOptions, "etas" | "denoiser" | "order" | "adjust"> {
  /** Rounds; default 100. */
  readonly numRounds?: number;
  /** First coupling $\rho_0$; default 10. */
  readonly rhoMax?: number;
  /** Least coupling; default 0.3. */
  readonly rhoMin?: number;
  /** Factor of the coupling from round to round; default 0.9. */
  readonly decay?: number;
  /** Steps of the denoising sampler in a round; default 50. */
  readonly denoisingSteps?: number;
}

/** The reverse diffusion from the noise of the round on the grid of EDM. */
function edmDenoiser(steps: number): DenoisingSampler {
  return {
    name: "edmDenoiser",
    process(x, eta, key, firstRow) {
      const sigmas = karrasSigmas(steps, {
        sigmaMax: eta,
        sigmaMin: Math.min(0.002, eta / 2),
      }).reverse();
      return ddsDdpm({ grid: sigmas.map((sigma) => (sigma / eta) ** 2) }).process(
        x,
        eta,
        key,
        firstRow,
      );
    },
  };
}

/** The options of {@link pnpDm} as those of the turns that it is made of. */
function turnsOf(fn: string, options: PnpDmOptions): DpnpOptions {
  const {
    numRounds = 100,
    rhoMax = 10,
    rhoMin = 0.3,
    decay = 0.9,
    denoisingSteps = 50,
    ...rest
  } = checkOptions<PnpDmOptions>(fn, options, OPTIONS);
  if (!(rhoMax >= rhoMin))
    throw new DomainError(`${fn}: rhoMax must be at least rhoMin, got ${rhoMax} and ${rhoMin}`);
  const etas = Array.from({ length: numRounds }, (_, k) => Math.max(rhoMin, rhoMax * decay ** k));
  return { ...rest, etas, denoiser: edmDenoiser(denoisingSteps), adjust: false };
}

/**
 * PnP-DM: split Gibbs sampling like `dpnp`, with couplings $\rho_k = \max(0.9^k\rho_0, \rho_{\min})$ for $\eta_k$, Langevin steps without a Metropolis test for
 * likelihoods that are not linear and Gaussian, and a stochastic sampler on the noise levels of EDM for the prior.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all chains, or one for each, `[n, m]`
 * @param model - exact score or network
 * @param key - random key
 * @param options - see {@link PnpDmOptions}
 * @returns see {@link DpnpResult}
 * @throws `DomainError` when an option is out of range, or the model returns NaN
 * @throws `ShapeError` when shapes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { pnpDm } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * pnpDm(forward, [1.8], prior, key(0), { numSamples: 1, numRounds: 40, denoisingSteps: 20 }).samples.get(0, 0) > 1; // => true
 * ```
 * @see Wu, Sun, Chen, Zhang, Yue, Bouman (2024), "Principled probabilistic imaging using diffusion models as plug-and-play priors", algorithm 1
 * @category Baselines
 */
export function pnpDm(
  forward: ForwardModel,
  y: ArrayInput,
  model: Model,
  key: RngKey,
  options: PnpDmOptions,
): DpnpResult {
  return dpnpOf("pnpDm", forward, y, model, key, turnsOf("pnpDm", options));
}

/**
 * {@link pnpDm} with a model that answers later: an ONNX network, or one on a GPU.
 *
 * @param forward - how the measurement came about
 * @param y - the measurement `[m]` for all points, or one for each, `[n, m]`
 * @param model - network whose `evaluate` returns a promise
 * @param key - random key
 * @param options - see {@link PnpDmOptions}
 * @returns promise of a {@link DpnpResult}; rejects with `signal.reason` when aborted
 * @throws `DomainError` and `ShapeError` as {@link pnpDm} does
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, gaussianNoise, identityOperator } from "@provably/score-diffusion";
 * import { pnpDmAsync } from "@provably/score-diffusion/baselines";
 *
 * const prior = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.1] });
 * const later = { prediction: prior.prediction, evaluate: async (x, level) => prior.evaluate(x, level) };
 * const forward = gaussianNoise(identityOperator(1), 0.5);
 * (await pnpDmAsync(forward, [1.8], later, key(0), { numSamples: 1, numRounds: 20, denoisingSteps: 10 })).samples.get(0, 0) > 1; // => true
 * ```
 * @category Baselines
 */
export async function pnpDmAsync(
  forward: ForwardModel,
  y: ArrayInput,
  model: AsyncModel,
  key: RngKey,
  options: PnpDmOptions,
): Promise<DpnpResult> {
  const fn = "pnpDmAsync";
  return dpnpAsyncOf(fn, forward, y, model, key, turnsOf(fn, options));
}
