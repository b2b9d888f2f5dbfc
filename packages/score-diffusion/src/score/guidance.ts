/** Classifier-free guidance, and keeping predictions within the range of the data. */
import {
  type ArrayInput,
  type NdArray,
  abs,
  add,
  clip,
  div,
  expandDims,
  maximum,
  minimum,
  mul,
  neg,
  quantile,
  reshape,
  std,
  sub,
} from "@provably/core-tensor";
import {
  check,
  checkOptions,
  finiteNumber,
  numberIn,
  satisfying,
} from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import {
  type AsyncModel,
  type Model,
  answerOf,
  checkAsked,
  checkModel,
  convertPrediction,
  predict,
} from "./prediction.js";

const GUIDE = { rescale: numberIn(0, 1) };
const CLIP = {
  quantile: satisfying<number>("in (0, 1]", (q) => typeof q === "number" && q > 0 && q <= 1),
};

/**
 * Options of {@link guide}, {@link guidedModel} and {@link guidedModelAsync}.
 * @category Scores
 */
export interface RescaleOptions {
  /** How far to bring the spread of each guided prediction back to that of the conditional one, in [0, 1]; default 0, not at all. */
  readonly rescale?: number;
}

/**
 * A guided prediction $u + w(c - u)$ from a conditional one $c$ and an unconditional one $u$.
 *
 * Strong guidance makes predictions too large; `rescale` $\phi$ multiplies by $\phi\,\tfrac{\operatorname{std}(c)}{\operatorname{std}(\text{guided})} + 1 - \phi$, row by row.
 *
 * @param conditional - prediction with the condition, shape `[n, …]`
 * @param unconditional - prediction without it, of the same kind and shape
 * @param scale - $w$: 0 ignores the condition, 1 samples from it, above 1 overstates it
 * @param options - see {@link RescaleOptions}
 * @returns array of the same shape
 * @throws `DomainError` when `scale` is not finite or `rescale` outside $[0, 1]$
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { guide } from "@provably/score-diffusion";
 *
 * toNested(guide([[1, -1]], [[0, 0]], 3)); // => [[3, -3]]
 * toNested(guide([[1, -1]], [[0, 0]], 3, { rescale: 1 })); // => [[1, -1]]
 * ```
 * @see Ho, Salimans (2022), "Classifier-free diffusion guidance", eq. 6; Lin, Liu, Li, Yang (2024), eq. 15 and 16, for the rescaling
 * @category Scores
 */
export function guide(
  conditional: ArrayInput,
  unconditional: ArrayInput,
  scale: number,
  options: RescaleOptions = {},
): NdArray {
  checkGuide("guide", scale, options);
  return guided(conditional, unconditional, scale, options);
}

function checkGuide(fn: string, scale: number, options: RescaleOptions): void {
  check(fn, "scale", scale, finiteNumber);
  checkOptions<RescaleOptions>(fn, options, GUIDE);
}

function guided(
  conditional: ArrayInput,
  unconditional: ArrayInput,
  scale: number,
  { rescale = 0 }: RescaleOptions,
): NdArray {
  const mixed = add(unconditional, mul(scale, sub(conditional, unconditional)));
  if (rescale === 0) return mixed;
  const axis = mixed.shape.map((_, i) => i).slice(1);
  const spread = (x: ArrayInput): NdArray => std(x, { axis, keepDims: true });
  return mul(
    mixed,
    add(mul(rescale, div(spread(conditional), maximum(spread(mixed), 1e-12))), 1 - rescale),
  );
}

/**
 * A model that is guided by a condition: both models are asked at every point and their predictions put together by {@link guide}, in the conditional
 * model's own kind of prediction.
 *
 * @param conditional - model with the condition
 * @param unconditional - model without it
 * @param scale - guidance scale, see {@link guide}
 * @param options - see {@link RescaleOptions}
 * @returns model
 * @throws `DomainError` when a scale is out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussian, guidedModel, lambdaGrid, sample } from "@provably/score-diffusion";
 * import { dpmSolverPlusPlus2M } from "@provably/score-diffusion/samplers";
 *
 * const [right, all] = [gaussian({ mean: [2], covariance: [[1]] }), gaussian({ mean: [0], covariance: [[4]] })];
 * const model = guidedModel(right, all, 2);
 * sample(dpmSolverPlusPlus2M(), model, key(0), { shape: [4, 1], schedule: lambdaGrid(20) }).samples.shape; // => [4, 1]
 * ```
 * @see Ho, Salimans (2022), "Classifier-free diffusion guidance", eq. 6
 * @category Scores
 */
export function guidedModel(
  conditional: Model,
  unconditional: Model,
  scale: number,
  options: RescaleOptions = {},
): Model {
  checkGuide("guidedModel", scale, options);
  const { prediction, trainedOn } = checkModel("guidedModel", conditional, "conditional");
  checkModel("guidedModel", unconditional, "unconditional");
  return {
    prediction,
    ...(trainedOn && { trainedOn }),
    evaluate(x, level: NoiseLevel) {
      checkAsked("guidedModel", x, level);
      const without = predict("guidedModel", unconditional, x, level, prediction);
      return guided(conditional.evaluate(x, level), without, scale, options);
    },
  };
}

/**
 * {@link guidedModel} of models that answer later; both are asked at the same time.
 *
 * @param conditional - model with the condition
 * @param unconditional - model without it
 * @param scale - guidance scale, see {@link guide}
 * @param options - see {@link RescaleOptions}
 * @returns model for `sampleAsync`
 * @throws `DomainError` when a scale is out of range
 * @example
 * ```ts
 * import { gaussian, guidedModelAsync } from "@provably/score-diffusion";
 *
 * const distribution = gaussian({ mean: [0], covariance: [[1]] });
 * const later = { prediction: distribution.prediction, evaluate: async (x, level) => distribution.evaluate(x, level) };
 * guidedModelAsync(later, later, 2).prediction; // => "score"
 * ```
 * @category Scores
 */
export function guidedModelAsync(
  conditional: AsyncModel,
  unconditional: AsyncModel,
  scale: number,
  options: RescaleOptions = {},
): AsyncModel {
  checkGuide("guidedModelAsync", scale, options);
  const { prediction, trainedOn } = checkModel("guidedModelAsync", conditional, "conditional");
  checkModel("guidedModelAsync", unconditional, "unconditional");
  return {
    prediction,
    ...(trainedOn && { trainedOn }),
    async evaluate(x, level: NoiseLevel) {
      checkAsked("guidedModelAsync", x, level);
      const [condition, other] = await Promise.all([
        conditional.evaluate(x, level),
        unconditional.evaluate(x, level),
      ]);
      const without = convertPrediction(
        answerOf("guidedModelAsync", other, x),
        unconditional.prediction,
        prediction,
        x,
        level,
      );
      return guided(condition, without, scale, options);
    },
  };
}

/**
 * A model whose clean points stay within the range of the data.
 *
 * With a `quantile` $q$ the bound of each row is the $q$-quantile of its absolute values where that exceeds 1, and the row is divided by it: saturation
 * under strong guidance is spread out instead of cut off.
 *
 * @param model - exact score or network on data in $[-1, 1]$
 * @param options - `quantile` in (0, 1], for example 0.995; default none, a plain clip to $[-1, 1]$
 * @returns model of the clean point
 * @throws `DomainError` when the quantile is out of range
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { clippedModel, gaussian, levelOf } from "@provably/score-diffusion";
 *
 * const model = clippedModel(gaussian({ mean: [3], covariance: [[1]] }));
 * toNested(model.evaluate(array([[2]], { dtype: "float64" }), levelOf(0.5))); // => [[1]]
 * ```
 * @see Saharia et al. (2022), "Photorealistic text-to-image diffusion models with deep language understanding", section 2.3
 * @category Scores
 */
export function clippedModel(model: Model, options: { readonly quantile?: number } = {}): Model {
  const fn = "clippedModel";
  const { quantile: q } = checkOptions(fn, options, CLIP);
  const { trainedOn } = checkModel(fn, model);
  return {
    prediction: "x0",
    ...(trainedOn && { trainedOn }),
    evaluate(x, level: NoiseLevel) {
      checkAsked(fn, x, level);
      return within(predict(fn, model, x, level, "x0"), q);
    },
  };
}

/** Clean points within the range of the data, or within the bound of each row and divided by it. */
function within(clean: NdArray, q: number | undefined): NdArray {
  if (q === undefined) return clip(clean, -1, 1);
  const n = clean.shape[0]!;
  const rows = reshape(clean, [n, clean.size / Math.max(1, n)]);
  const bound = expandDims(maximum(quantile(abs(rows), q, { axis: 1 }), 1), 1);
  return reshape(div(maximum(minimum(rows, bound), neg(bound)), bound), clean.shape);
}

/**
 * {@link clippedModel} of a model that answers later.
 *
 * @param model - network on data in $[-1, 1]$ whose `evaluate` returns a promise
 * @param options - `quantile`, see {@link clippedModel}
 * @returns model of the clean point, for `sampleAsync`
 * @throws `DomainError` when the quantile is out of range
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { clippedModelAsync, gaussian, levelOf } from "@provably/score-diffusion";
 *
 * const distribution = gaussian({ mean: [3], covariance: [[1]] });
 * const later = { prediction: distribution.prediction, evaluate: async (x, level) => distribution.evaluate(x, level) };
 * toNested(await clippedModelAsync(later).evaluate(array([[2]], { dtype: "float64" }), levelOf(0.5))); // => [[1]]
 * ```
 * @category Scores
 */
export function clippedModelAsync(
  model: AsyncModel,
  options: { readonly quantile?: number } = {},
): AsyncModel {
  const fn = "clippedModelAsync";
  const { quantile: q } = checkOptions(fn, options, CLIP);
  const { trainedOn, prediction } = checkModel(fn, model);
  return {
    prediction: "x0",
    ...(trainedOn && { trainedOn }),
    async evaluate(x, level: NoiseLevel) {
      checkAsked(fn, x, level);
      const answer = answerOf(fn, await model.evaluate(x, level), x);
      return within(convertPrediction(answer, prediction, "x0", x, level), q);
    },
  };
}
