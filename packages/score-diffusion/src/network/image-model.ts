/** Models of images, for points that are rows of numbers. */
import { DomainError, type NdArray, ShapeError, reshape } from "@provably/core-tensor";
import { check, listOf, wholeNumber } from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import { type Model, answerOf, checkAsked, checkModel } from "../score/prediction.js";

/**
 * A model of images as a model of points: rows `[n, d]` go to the model as images `[n, channels, height, width]`, and what it answers comes back as rows.
 *
 * Forward models, `dpnp` and the baselines speak of rows; convolutional networks speak of images.
 *
 * @param model - model of `[n, …shape]`
 * @param shape - extents of one image, such as `[3, 256, 256]`
 * @returns model of `[n, d]`, $d$ the product of the extents; with its training and, where there is one, its vector-Jacobian product
 * @throws `DomainError` when `model` is none, or an extent is no whole number ≥ 1
 * @throws `ShapeError`, when asked, for rows of another length or an answer of another shape
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { imageModel, imageNetwork, networkModel } from "@provably/score-diffusion";
 *
 * const network = imageNetwork({ channels: 8, wide: 8 });
 * const model = imageModel(networkModel(network, network.init(key(0))), [3, 16, 16]);
 * model.evaluate(zeros([2, 768]), { alpha: 0.6, sigma: 0.8 }).shape; // => [2, 768]
 * ```
 * @category Networks
 */
export function imageModel(model: Model, shape: readonly number[]): Model {
  const fn = "imageModel";
  const { prediction, trainedOn } = checkModel(fn, model);
  if (check(fn, "shape", shape, listOf(wholeNumber(1))).length === 0)
    throw new DomainError(`${fn}: shape must hold at least one extent, got []`);
  const d = shape.reduce((a, b) => a * b, 1);
  const images = (x: NdArray, name: string): NdArray => {
    if (x.shape.length !== 2 || x.shape[1] !== d)
      throw new ShapeError(
        `${fn}: ${name} must be [n, ${d}] for images of [${shape.join(", ")}], got [${x.shape.join(", ")}]`,
      );
    return reshape(x, [x.shape[0]!, ...shape]);
  };
  const rows = (x: NdArray, asked: NdArray): NdArray =>
    reshape(answerOf(fn, x, asked), [asked.shape[0]!, d]);
  return {
    prediction,
    ...(trainedOn && { trainedOn }),
    evaluate(x: NdArray, level: NoiseLevel) {
      checkAsked(fn, x, level);
      const asked = images(x, "x");
      return rows(model.evaluate(asked, level), asked);
    },
    ...(model.vjp && {
      vjp(x: NdArray, level: NoiseLevel, cotangent: NdArray) {
        const asked = images(x, "x");
        return rows(model.vjp!(asked, level, images(cotangent, "cotangent")), asked);
      },
    }),
  };
}
