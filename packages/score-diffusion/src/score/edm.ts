/** The variance-exploding side: points without the data's factor, and networks in the preconditioning of EDM. */
import { type ArrayInput, type NdArray, add, div, mul } from "@provably/core-tensor";
import { anyFunction, check, checkOptions, positiveNumber } from "@provably/core-tensor/internal";
import { type NoiseLevel, checkLevel } from "../schedule/level.js";
import { type AsyncModel, type Model, answerOf } from "./prediction.js";

const OPTIONS = { sigmaData: positiveNumber };

/**
 * A point at any level in variance-exploding coordinates, $x/\alpha$ with noise $\sigma/\alpha$. Scores there are $\alpha$ times as large.
 *
 * @param x - points, any shape
 * @param level - their noise level, $\alpha > 0$
 * @returns the points and their level, whose alpha is 1
 * @throws `DomainError` when there is only noise
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { levelOf, vpToVe } from "@provably/score-diffusion";
 *
 * const { x, level } = vpToVe([1.6], levelOf(0.64));
 * [toNested(x), level.sigma.toFixed(2)]; // => [[2], "0.75"]
 * ```
 * @category Scores
 */
export function vpToVe(
  x: ArrayInput,
  level: NoiseLevel,
): { readonly x: NdArray; readonly level: NoiseLevel } {
  const { alpha, sigma } = checkLevel("vpToVe", level);
  check("vpToVe", "alpha", alpha, positiveNumber);
  return { x: div(x, alpha), level: { alpha: 1, sigma: sigma / alpha } };
}

/**
 * The factors of EDM at noise $\sigma$ for data of standard deviation $s$: $c_{skip} = \tfrac{s^2}{\sigma^2 + s^2}$, $c_{out} = \tfrac{\sigma s}{\sqrt{\sigma^2 + s^2}}$,
 * $c_{in} = \tfrac{1}{\sqrt{\sigma^2 + s^2}}$, $c_{noise} = \tfrac{\ln\sigma}{4}$.
 * @category Scores
 */
export interface EdmFactors {
  readonly skip: number;
  readonly out: number;
  readonly in: number;
  readonly noise: number;
}

/**
 * The preconditioning of EDM: a denoiser $D(x) = c_{skip}\,x + c_{out}\,F(c_{in}\,x;\ c_{noise})$ whose network $F$ sees and makes numbers of unit size.
 *
 * @param sigma - noise, > 0
 * @param options - `sigmaData` $s$, default 0.5
 * @returns see {@link EdmFactors}
 * @throws `DomainError` when a number is not positive
 * @example
 * ```ts
 * import { edmPrecondition } from "@provably/score-diffusion";
 *
 * edmPrecondition(0.5).skip; // => 0.5
 * ```
 * @see Karras, Aittala, Aila, Laine (2022), "Elucidating the design space of diffusion-based generative models", table 1
 * @category Scores
 */
export function edmPrecondition(
  sigma: number,
  options: { readonly sigmaData?: number } = {},
): EdmFactors {
  const { sigmaData = 0.5 } = checkOptions("edmPrecondition", options, OPTIONS);
  return factorsOf(check("edmPrecondition", "sigma", sigma, positiveNumber), sigmaData);
}

function factorsOf(sigma: number, sigmaData: number): EdmFactors {
  const length = Math.hypot(sigma, sigmaData);
  return {
    skip: (sigmaData / length) ** 2,
    out: (sigma * sigmaData) / length,
    in: 1 / length,
    noise: Math.log(sigma) / 4,
  };
}

/**
 * A network trained in the preconditioning of EDM as a model at any noise level.
 *
 * @param network - $F$: scaled points `[n, …]` and $c_{noise}$ to an array of the same shape
 * @param options - `sigmaData`, default 0.5
 * @returns model of the clean point
 * @throws `DomainError` when `sigmaData` is not positive
 * @example
 * ```ts
 * import { array, mul, toNested } from "@provably/core-tensor";
 * import { edmModel } from "@provably/score-diffusion";
 *
 * const model = edmModel((x) => mul(0, x));
 * toNested(model.evaluate(array([[1]], { dtype: "float64" }), { alpha: 1, sigma: 0.5 })); // => [[0.5]]
 * ```
 * @see Karras, Aittala, Aila, Laine (2022), "Elucidating the design space of diffusion-based generative models", eq. 7
 * @category Scores
 */
export function edmModel(
  network: (x: NdArray, noise: number) => NdArray,
  options: { readonly sigmaData?: number } = {},
): Model {
  check("edmModel", "network", network, anyFunction);
  const { sigmaData = 0.5 } = checkOptions("edmModel", options, OPTIONS);
  return {
    prediction: "x0",
    evaluate(x, level) {
      const at = vpToVe(x, level);
      const factors = factorsOf(
        check("edmModel", "level.sigma", at.level.sigma, positiveNumber),
        sigmaData,
      );
      return add(
        mul(factors.skip, at.x),
        mul(factors.out, answerOf("edmModel", network(mul(factors.in, at.x), factors.noise), at.x)),
      );
    },
  };
}

/**
 * {@link edmModel} for a network that answers later.
 *
 * @param network - $F$, returning a promise
 * @param options - `sigmaData`, default 0.5
 * @returns model for `sampleAsync`
 * @throws `DomainError` when `sigmaData` is not positive
 * @example
 * ```ts
 * import { mul } from "@provably/core-tensor";
 * import { edmModelAsync } from "@provably/score-diffusion";
 *
 * edmModelAsync(async (x) => mul(0, x)).prediction; // => "x0"
 * ```
 * @category Scores
 */
export function edmModelAsync(
  network: (x: NdArray, noise: number) => Promise<NdArray>,
  options: { readonly sigmaData?: number } = {},
): AsyncModel {
  check("edmModelAsync", "network", network, anyFunction);
  const { sigmaData = 0.5 } = checkOptions("edmModelAsync", options, OPTIONS);
  return {
    prediction: "x0",
    async evaluate(x, level) {
      const at = vpToVe(x, level);
      const factors = factorsOf(
        check("edmModelAsync", "level.sigma", at.level.sigma, positiveNumber),
        sigmaData,
      );
      return add(
        mul(factors.skip, at.x),
        mul(
          factors.out,
          answerOf("edmModelAsync", await network(mul(factors.in, at.x), factors.noise), at.x),
        ),
      );
    },
  };
}
