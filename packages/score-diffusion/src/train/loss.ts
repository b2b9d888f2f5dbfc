/** Denoising score matching. */
import {
  type NdArray,
  ShapeError,
  add,
  array,
  div,
  mean,
  mul,
  neg,
  reshape,
  square,
  sub,
} from "@provably/core-tensor";
import {
  anyFunction,
  check,
  checkOptions,
  numberIn,
  oneOf,
  positiveNumber,
  recordWith,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal, uniform } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import { answerOf } from "../score/prediction.js";
import type { NoiseLevel } from "../schedule/level.js";
import { type Network, checkNetwork } from "../network/network.js";

const WEIGHT = { gamma: positiveNumber, sigmaData: positiveNumber };
const LEVEL = recordWith({ alpha: positiveNumber, sigma: positiveNumber });
export const LOSS = {
  ...WEIGHT,
  weight: oneOf("eps", "snr", "min-snr", "truncated-snr", "v", "edm"),
  levelAt: anyFunction,
};

/**
 * Weight of a noise level in the loss, as a factor $w$ of $\|\hat\varepsilon - \varepsilon\|^2$, with signal-to-noise ratio $\mathrm{snr} = \alpha^2/\sigma^2$:
 *
 * - `eps`: 1.
 * - `snr`: $\mathrm{snr}$.
 * - `min-snr`: $\min(\mathrm{snr}, \gamma)/\mathrm{snr}$, $\gamma = 5$ unless given.
 * - `truncated-snr`: $\max(\mathrm{snr}, 1)/\mathrm{snr}$: the clean point counts fully where there is almost only noise.
 * - `v`: $(1 + \mathrm{snr})/\mathrm{snr}$, the error of the velocity.
 * - `edm`: $1 + 1/(\mathrm{snr}\,s_d^2)$ for data of standard deviation $s_d = 0.5$ unless given: the error of the clean point weighted by
 *   $(s^2 + s_d^2)/(s\,s_d)^2$, $s = \sigma/\alpha$.
 * @category Training
 */
export type LossWeight = "eps" | "snr" | "min-snr" | "truncated-snr" | "v" | "edm";

/**
 * Constants of {@link lossWeight}.
 * @category Training
 */
export interface LossWeightOptions {
  /** $\gamma$ of `min-snr`; default 5. */
  readonly gamma?: number;
  /** $s_d$ of `edm`; default 0.5. */
  readonly sigmaData?: number;
}

/**
 * The weight $w$ of a noise level in $w\,\|\hat\varepsilon - \varepsilon\|^2$; see {@link LossWeight}.
 *
 * @param weight - which
 * @param level - `alpha` and `sigma`, both positive
 * @param options - see {@link LossWeightOptions}
 * @returns $w > 0$
 * @throws `DomainError` when a level or a constant is not positive, or the weight is unknown
 * @example
 * ```ts
 * import { lossWeight } from "@provably/score-diffusion";
 *
 * lossWeight("min-snr", { alpha: 1, sigma: 0.1 }).toFixed(3); // => "0.050"
 * ```
 * @see Hang et al. (2023), "Efficient diffusion training via min-SNR weighting strategy"; Karras, Aittala, Aila, Laine (2022), table 1
 * @category Training
 */
export function lossWeight(
  weight: LossWeight,
  level: { readonly alpha: number; readonly sigma: number },
  options: LossWeightOptions = {},
): number {
  const fn = "lossWeight";
  check(fn, "weight", weight, LOSS.weight);
  const constants = checkOptions<LossWeightOptions>(fn, options, WEIGHT);
  return weightAt(weight, check(fn, "level", level, LEVEL), constants);
}

function weightAt(
  weight: LossWeight,
  { alpha, sigma }: { readonly alpha: number; readonly sigma: number },
  { gamma = 5, sigmaData = 0.5 }: LossWeightOptions,
): number {
  const snr = (alpha / sigma) ** 2;
  switch (weight) {
    case "eps":
      return 1;
    case "snr":
      return snr;
    case "min-snr":
      return Math.min(snr, gamma) / snr;
    case "truncated-snr":
      return Math.max(snr, 1) / snr;
    case "v":
      return (1 + snr) / snr;
    case "edm":
      return 1 + 1 / (snr * sigmaData ** 2);
  }
}

/**
 * Options of {@link denoisingLoss}.
 * @category Training
 */
export interface DenoisingLossOptions extends LossWeightOptions {
  /** Weight of the noise levels; default `v`. */
  readonly weight?: LossWeight;
  /** The noise level at a fraction $u \in (0, 1)$ of the way from clean to pure noise; default {@link cosineLevel}. */
  readonly levelAt?: (u: number) => Pick<NoiseLevel, "alpha" | "sigma">;
}

/**
 * The noise level at a fraction of a quarter turn: $\alpha = \cos\theta$, $\sigma = \sin\theta$, with $\sigma/\alpha$ from 0.01 to 100.
 *
 * @param u - fraction in $[0, 1]$
 * @returns variance-preserving level
 * @example
 * ```ts
 * import { cosineLevel } from "@provably/score-diffusion";
 *
 * cosineLevel(0.5).alpha.toFixed(4); // => "0.7071"
 * ```
 * @see Nichol, Dhariwal (2021), "Improved denoising diffusion probabilistic models", section 3.2
 * @category Training
 */
export function cosineLevel(u: number): NoiseLevel {
  check("cosineLevel", "u", u, numberIn(0, 1));
  const least = Math.atan(0.01);
  const angle = least + u * (Math.PI / 2 - 2 * least);
  return { alpha: Math.cos(angle), sigma: Math.sin(angle) };
}

/** |ε̂ − ε| for each unit of error of the prediction. */
function epsPerPrediction(
  prediction: Network["prediction"],
  { alpha, sigma }: Pick<NoiseLevel, "alpha" | "sigma">,
): number {
  switch (prediction) {
    case "eps":
      return 1;
    case "score":
      return sigma;
    case "x0":
      return alpha / sigma;
    case "v":
      return alpha / (alpha * alpha + sigma * sigma);
  }
}

/**
 * The denoising score matching loss on a batch, $\frac{1}{nd}\sum_i w_i \|\hat\varepsilon(\alpha_i x_i + \sigma_i\varepsilon_i) - \varepsilon_i\|^2$ with one noise level
 * and one noise for each row. Levels are spread evenly over the batch, which takes away most of the noise of the estimate.
 *
 * The network's error is taken in its own prediction and weighted to this form; differentiable in `params`.
 *
 * @param network - see {@link Network}
 * @param params - its weights
 * @param x0 - clean points, shape `[n, d]`
 * @param key - random key for noise and levels
 * @param options - see {@link DenoisingLossOptions}
 * @returns scalar array
 * @throws `DomainError` when a level or constant is out of range
 * @example
 * ```ts
 * import { item, mul, ones } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { denoisingLoss } from "@provably/score-diffusion";
 *
 * const silent = { prediction: "eps", apply: (_, x) => mul(0, x) } as const;
 * item(denoisingLoss(silent, {}, ones([64, 100]), key(0), { weight: "eps" })).toFixed(1); // => "1.0"
 * ```
 * @see Vincent (2011), "A connection between score matching and denoising autoencoders"
 * @category Training
 */
export function denoisingLoss<P>(
  network: Network<P>,
  params: P,
  x0: NdArray,
  key: RngKey,
  options: DenoisingLossOptions = {},
): NdArray {
  const fn = "denoisingLoss";
  const { prediction } = checkNetwork(fn, network);
  check(fn, "key", key, rngKey);
  if (arrayOf(fn, "x0", x0).shape.length < 1)
    throw new ShapeError(`${fn}: x0 must be [n, …], got a single number`);
  return lossOf(
    network,
    params,
    noisedBatch(prediction, x0, key, checkOptions<DenoisingLossOptions>(fn, options, LOSS)),
  );
}

/** A batch with everything random drawn: arrays only, so that the loss on it can be compiled. */
export interface NoisedBatch {
  /** Clean points, `[n, …]`. */
  readonly x0: NdArray;
  readonly noise: NdArray;
  /** `[n]`. */
  readonly alpha: NdArray;
  readonly sigma: NdArray;
  /** What an error of the prediction is multiplied by before it is squared, `[n]`. */
  readonly factor: NdArray;
}

/** Noise and levels for a batch. */
export function noisedBatch(
  prediction: Network["prediction"],
  x0: NdArray,
  key: RngKey,
  options: DenoisingLossOptions,
): NoisedBatch {
  const { weight = "v", levelAt = cosineLevel } = options;
  const n = x0.shape[0]!;
  const places = uniform(foldIn(key, "levels"), [n], { dtype: "float64" });
  const levels = Array.from({ length: n }, (_, i) => levelAt((i + places.get(i)) / n));
  const row = (f: (level: (typeof levels)[number]) => number): NdArray =>
    array(Float32Array.from(levels, f));
  return {
    x0,
    noise: normal(foldIn(key, "noise"), x0.shape, {
      dtype: x0.dtype === "float64" ? "float64" : "float32",
    }),
    alpha: row((level) => level.alpha),
    sigma: row((level) => level.sigma),
    factor: row(
      (level) =>
        Math.sqrt(
          weightAt(weight, check("denoisingLoss", "what levelAt returns", level, LEVEL), options),
        ) * epsPerPrediction(prediction, level),
    ),
  };
}

/** The loss on a batch; differentiable in `params`. */
export function lossOf<P>(network: Network<P>, params: P, batch: NoisedBatch): NdArray {
  const { x0, noise } = batch;
  const column = (row: NdArray): NdArray =>
    reshape(row, [x0.shape[0]!, ...x0.shape.slice(1).map(() => 1)]);
  const [alpha, sigma] = [column(batch.alpha), column(batch.sigma)];
  const prediction = answerOf(
    "denoisingLoss",
    network.apply(params, add(mul(alpha, x0), mul(sigma, noise)), batch),
    x0,
  );
  return mean(
    square(
      mul(
        column(batch.factor),
        sub(prediction, targetOf(network.prediction, x0, noise, alpha, sigma)),
      ),
    ),
  );
}

function targetOf(
  prediction: Network["prediction"],
  x0: NdArray,
  noise: NdArray,
  alpha: NdArray,
  sigma: NdArray,
): NdArray {
  switch (prediction) {
    case "eps":
      return noise;
    case "x0":
      return x0;
    case "v":
      return sub(mul(alpha, noise), mul(sigma, x0));
    case "score":
      return neg(div(noise, sigma));
  }
}
