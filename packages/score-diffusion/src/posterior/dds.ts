/** Denoising diffusion samplers: samples of the clean point behind a noisy one, from the unconditional score. */
import { DomainError, type NdArray, add, mul, sub } from "@provably/core-tensor";
import {
  abortSignal,
  anyFunction,
  anyList,
  anyRecord,
  anything,
  check,
  checkOptions,
  finiteNumber,
  type Guard,
  listOf,
  oneOf,
  positiveNumber,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normalRows } from "@provably/core-tensor/random";
import { arrayOf, checkGenerator } from "../internal/check.js";
import { blend } from "../forward/operator.js";
import type { NoiseLevel } from "../schedule/level.js";
import { type Process, type Query, drive, driveAsync } from "../sampler/drive.js";
import { type AsyncModel, type Model, checkModel } from "../score/prediction.js";

const DDPM = {
  numSteps: wholeNumber(1),
  grid: listOf(finiteNumber),
  noise: anyList as Guard<readonly NdArray[]>,
};
const DDIM = {
  numSteps: wholeNumber(1),
  method: oneOf("heun", "euler"),
  grid: listOf(finiteNumber),
  noise: anything,
};
const SIGNAL = { signal: abortSignal };

/**
 * A sampler of $p(x \mid x_{\mathrm{noisy}}) \propto p^\star(x)\, e^{-\|x - x_{\mathrm{noisy}}\|^2/(2\eta^2)}$.
 * @category Posterior sampling
 */
export interface DenoisingSampler {
  readonly name: string;
  /** The process for rows `x` `[n, d]` with noise of standard deviation `eta`. */
  process(
    x: NdArray,
    eta: number,
    key: RngKey,
    firstRow?: number,
  ): Generator<Query, NdArray, NdArray>;
}

/** The process of a denoising sampler, which may be somebody else's. */
export function processOf(
  fn: string,
  sampler: DenoisingSampler,
  x: NdArray,
  eta: number,
  key: RngKey,
  firstRow?: number,
): Process<NdArray> {
  check(fn, "sampler.process", check(fn, "sampler", sampler, anyRecord).process, anyFunction);
  check(fn, "eta", eta, positiveNumber);
  check(fn, "key", key, rngKey);
  return checkGenerator(
    fn,
    "sampler.process",
    sampler.process(arrayOf(fn, "x", x), eta, key, firstRow),
  );
}

/** A point with noise of standard deviation s, brought onto the variance-preserving scale that networks know. */
export function onUnitScale(
  m: NdArray,
  s: number,
): { readonly y: NdArray; readonly level: NoiseLevel } {
  const scale = Math.hypot(1, s);
  return { y: mul(1 / scale, m), level: { alpha: 1 / scale, sigma: s / scale } };
}

/** ε at m with noise of standard deviation s. */
function* epsAt(m: NdArray, s: number): Process<NdArray> {
  const { y, level } = onUnitScale(m, s);
  return yield { x: y, level, want: "eps" };
}

/**
 * Options of {@link ddsDdpm}.
 * @category Posterior sampling
 */
export interface DdsDdpmOptions {
  /** Steps; default 50. */
  readonly numSteps?: number;
  /** Grid of the time $\tau$ as fractions of $\eta^2$, ascending from 0 to 1; default $(k/N)^2$. */
  readonly grid?: readonly number[];
  /** Standard normal arrays to use, that of step $k$ at $k - 1$, instead of drawn ones. */
  readonly noise?: readonly NdArray[];
}

/**
 * The stochastic denoising sampler: the reverse of the heat flow, started at the noisy point itself at $\tau_N = \eta^2$,
 * $x \leftarrow x - 2(\sqrt{\tau_k} - \sqrt{\tau_{k-1}})\,\varepsilon(x, \sqrt{\tau_k}) + \sqrt{\tau_k - \tau_{k-1}}\, w_k$, without noise in the last step.
 *
 * @param options - see {@link DdsDdpmOptions}
 * @returns denoising sampler
 * @throws `DomainError` when the grid does not ascend from 0 to 1
 * @example
 * ```ts
 * import { ddsDdpm } from "@provably/score-diffusion";
 *
 * ddsDdpm({ numSteps: 20 }).name; // => "ddsDdpm"
 * ```
 * @see Xu, Chi (2024), "Provably robust score-based diffusion posterior sampling for plug-and-play image reconstruction", algorithm 2
 * @category Posterior sampling
 */
export function ddsDdpm(options: DdsDdpmOptions = {}): DenoisingSampler {
  const { noise } = checkOptions("ddsDdpm", options, DDPM);
  const grid = gridOf("ddsDdpm", options, 50, 1, (u) => u * u);
  const numSteps = grid.length - 1;
  if (noise !== undefined && noise.length !== numSteps)
    throw new DomainError(`ddsDdpm: noise must hold ${numSteps} arrays, got ${noise.length}`);
  return {
    name: "ddsDdpm",
    *process(start, eta, key, firstRow = 0) {
      check("ddsDdpm", "eta", eta, positiveNumber);
      check("ddsDdpm", "firstRow", firstRow, wholeNumber(0));
      let x = arrayOf("ddsDdpm", "x", start);
      for (let k = numSteps; k > 0; k--) {
        const [s, next] = [eta * Math.sqrt(grid[k]!), eta * Math.sqrt(grid[k - 1]!)];
        const eps = yield* epsAt(x, s);
        x = blend(1, x, -2 * (s - next), eps);
        if (k === 1) break;
        const w =
          noise?.[k - 1] ?? normalRows(foldIn(key, k), x.shape, { dtype: "float64", firstRow });
        x = add(x, mul(Math.sqrt(s * s - next * next), w));
      }
      return x;
    },
  };
}

/**
 * Options of {@link ddsDdim}.
 * @category Posterior sampling
 */
export interface DdsDdimOptions {
  /** Steps; default 20. */
  readonly numSteps?: number;
  /** `heun` (the default), of second order with two evaluations a step, or `euler`, the published integrator. */
  readonly method?: "heun" | "euler";
  /** Grid of the angle $\theta$, ascending from 0 to $\pi/2$; default evenly spaced. */
  readonly grid?: readonly number[];
  /** Standard normal array to start from instead of a drawn one. */
  readonly noise?: NdArray;
}

/**
 * The deterministic denoising sampler, in angles: $\tfrac{du}{d\theta} = -\varepsilon(x_{\mathrm{noisy}} + \eta\sin\theta\, u,\ \eta\cos\theta)$ from $u(0) \sim N(0, I)$,
 * and $x = x_{\mathrm{noisy}} + \eta\, u(\pi/2)$.
 *
 * The same flow as the published one in $\bar\alpha$, with its ends exact; the last step is Euler's, since there is no noise left to predict.
 *
 * @param options - see {@link DdsDdimOptions}
 * @returns denoising sampler
 * @throws `DomainError` when the grid does not ascend from 0 to π/2, or the method is unknown
 * @example
 * ```ts
 * import { ddsDdim } from "@provably/score-diffusion";
 *
 * ddsDdim().name; // => "ddsDdim(heun)"
 * ```
 * @see Xu, Chi (2024), "Provably robust score-based diffusion posterior sampling for plug-and-play image reconstruction", algorithm 3
 * @category Posterior sampling
 */
export function ddsDdim(options: DdsDdimOptions = {}): DenoisingSampler {
  const { method = "heun", noise } = checkOptions("ddsDdim", options, DDIM);
  const grid = gridOf("ddsDdim", options, 20, Math.PI / 2, (u) => (u * Math.PI) / 2);
  return {
    name: `ddsDdim(${method})`,
    *process(x, eta, key, firstRow = 0) {
      check("ddsDdim", "eta", eta, positiveNumber);
      check("ddsDdim", "firstRow", firstRow, wholeNumber(0));
      arrayOf("ddsDdim", "x", x);
      let u = noise ?? normalRows(foldIn(key, "u"), x.shape, { dtype: "float64", firstRow });
      const slopeAt = (v: NdArray, theta: number): Process<NdArray> =>
        epsAt(blend(1, x, eta * Math.sin(theta), v), eta * Math.cos(theta));
      for (let k = 0; k + 1 < grid.length; k++) {
        const [theta, next] = [grid[k]!, grid[k + 1]!];
        const h = next - theta;
        const eps = yield* slopeAt(u, theta);
        const euler = blend(1, u, -h, eps);
        if (method === "euler" || k + 2 === grid.length) u = euler;
        else u = sub(u, mul(h / 2, add(eps, yield* slopeAt(euler, next))));
      }
      return blend(1, x, eta, u);
    },
  };
}

function gridOf(
  fn: string,
  options: { readonly numSteps?: number; readonly grid?: readonly number[] },
  defaultSteps: number,
  end: number,
  place: (fraction: number) => number,
): readonly number[] {
  const { numSteps = defaultSteps, grid } = options;
  if (grid === undefined) {
    return Array.from({ length: numSteps + 1 }, (_, k) => place(k / numSteps));
  }
  const last = grid[grid.length - 1];
  if (grid.length < 2 || grid[0] !== 0 || last === undefined || Math.abs(last - end) > 1e-12 * end)
    throw new DomainError(`${fn}: grid must go from 0 to ${end}, got ${grid[0]} to ${last}`);
  if (grid.some((value, k) => k > 0 && !(value > grid[k - 1]!)))
    throw new DomainError(`${fn}: grid must ascend`);
  return [...grid];
}

/**
 * Samples of the clean point behind each noisy row.
 *
 * @param sampler - {@link ddsDdim} or {@link ddsDdpm}
 * @param model - exact score or network
 * @param x - noisy points, shape `[n, d]`
 * @param eta - standard deviation of their noise, positive
 * @param key - random key
 * @returns array of shape `[n, d]`
 * @throws `DomainError` when `eta` is not positive, or the model returns NaN
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { array } from "@provably/core-tensor";
 * import { ddsDdim, denoise, gaussianMixture } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1], means: [[3]], variances: [1e-8] });
 * denoise(ddsDdim(), mixture, array([[0]], { dtype: "float64" }), 1, key(0)).get(0, 0).toFixed(1); // => "3.0"
 * ```
 * @category Posterior sampling
 */
export function denoise(
  sampler: DenoisingSampler,
  model: Model,
  x: NdArray,
  eta: number,
  key: RngKey,
): NdArray {
  return drive("denoise", checkModel("denoise", model), processOf("denoise", sampler, x, eta, key));
}

/**
 * The same as {@link denoise} for a model that answers later.
 *
 * @param sampler - {@link ddsDdim} or {@link ddsDdpm}
 * @param model - network whose `evaluate` returns a promise
 * @param x - noisy points, shape `[n, d]`
 * @param eta - standard deviation of their noise, positive
 * @param key - random key
 * @param options - `signal`: stops the process, also while it waits for the model
 * @returns promise of an array of shape `[n, d]`
 * @throws `DomainError` when `eta` is not positive, or the model returns NaN
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { zeros } from "@provably/core-tensor";
 * import { ddsDdpm, denoiseAsync, gaussianMixture } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1], means: [[0]], variances: [1] });
 * const later = { prediction: mixture.prediction, evaluate: async (x, level) => mixture.evaluate(x, level) };
 * (await denoiseAsync(ddsDdpm(), later, zeros([2, 1], { dtype: "float64" }), 0.5, key(0))).shape; // => [2, 1]
 * ```
 * @category Posterior sampling
 */
export async function denoiseAsync(
  sampler: DenoisingSampler,
  model: AsyncModel,
  x: NdArray,
  eta: number,
  key: RngKey,
  options: { readonly signal?: AbortSignal } = {},
): Promise<NdArray> {
  const fn = "denoiseAsync";
  const { signal } = checkOptions(fn, options, SIGNAL);
  return driveAsync(fn, checkModel(fn, model), processOf(fn, sampler, x, eta, key), signal);
}
