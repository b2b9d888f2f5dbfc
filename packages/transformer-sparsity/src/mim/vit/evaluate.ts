/** How well hidden patches are filled in on images that were not trained on. */
import {
  type Certificate,
  type NdArray,
  ShapeError,
  add,
  mean,
  mul,
  reshape,
  sqrt,
  square,
  sub,
  sum,
  toTypedArray,
  variance,
} from "@provably/core-tensor";
import {
  certificate,
  check,
  checkOptions,
  positiveNumber,
  tensor,
} from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";

import { type MaskedTransformer, checkTransformer } from "./config.js";
import { type MaskedBatch, maskedBatch, predict, toPatches } from "./forward.js";
import { randomMasking } from "./masking.js";
import { unpatchify } from "./patches.js";

/**
 * Errors on masked patches, in squared units of the images (or of the normalised targets).
 * @category Evaluation
 */
export interface MaskedError {
  /** Mean squared error over the masked patches of all images. */
  readonly error: number;
  /** The same for each image. */
  readonly perImage: readonly number[];
}

function errorOf(predictions: NdArray, { targets, mask }: MaskedBatch): MaskedError {
  const each = toTypedArray(
    sum(mul(mean(square(sub(predictions, targets)), { axis: -1 }), mask), { axis: 1 }),
  );
  const masked = toTypedArray(sum(mask, { axis: 1 }));
  const perImage = Array.from(each, (e, i) => e / masked[i]!);
  return { error: perImage.reduce((a, b) => a + b, 0) / perImage.length, perImage };
}

/**
 * The error of a model on masked patches of images, each masked once.
 *
 * @param model - see {@link MaskedTransformer}
 * @param images - shape `[N, H, W]` or `[N, C, H, W]`
 * @param key - random key of the masks
 * @returns see {@link MaskedError}
 * @throws `ShapeError` when the images do not fit the model
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder, maskedError } from "@provably/transformer-sparsity/mim";
 *
 * maskedError(createMaskedAutoencoder(key(0)), zeros([3, 28, 28]), key(1)).perImage.length; // => 3
 * ```
 * @category Evaluation
 */
export function maskedError(model: MaskedTransformer, images: NdArray, key: RngKey): MaskedError {
  const batch = heldOut("maskedError", model, images, key);
  return errorOf(predict(model.config, model.params, batch).predictions, batch);
}

function heldOut(fn: string, model: MaskedTransformer, images: NdArray, key: RngKey): MaskedBatch {
  const { config } = checkTransformer(fn, model);
  const patches = toPatches(fn, config, images);
  const [batch, numPatches] = patches.shape as readonly [number, number];
  return maskedBatch(
    config,
    patches,
    randomMasking(key, { batch, numPatches, maskRatio: config.maskRatio }),
  );
}

/**
 * The error of the simplest predictor: for every masked patch the mean patch of the training images at that position.
 *
 * @param model - whose patches, targets and masking ratio are used
 * @param trainImages - shape `[N, H, W]` or `[N, C, H, W]`
 * @param images - to be predicted, like `trainImages`
 * @param key - random key of the masks; those of {@link maskedError} with the same key
 * @returns see {@link MaskedError}
 * @throws `ShapeError` when the images do not fit the model
 * @example
 * ```ts
 * import { ones, zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder, meanPatchError } from "@provably/transformer-sparsity/mim";
 *
 * meanPatchError(createMaskedAutoencoder(key(0)), zeros([2, 28, 28]), ones([3, 28, 28]), key(1)).error; // => 1
 * ```
 * @category Evaluation
 */
export function meanPatchError(
  model: MaskedTransformer,
  trainImages: NdArray,
  images: NdArray,
  key: RngKey,
): MaskedError {
  const batch = heldOut("meanPatchError", model, images, key);
  const train = heldOut("meanPatchError", model, trainImages, key);
  return errorOf(mean(train.targets, { axis: 0, keepDims: true }), batch);
}

/**
 * Options of {@link certifyPretraining}.
 * @category Certificates
 */
export interface PretrainingCertificateOptions {
  readonly ratio?: number;
}
const PRETRAINING = { ratio: positiveNumber };

/**
 * Whether pretraining learnt more than the mean image: the model's error on masked patches of held-out images over that of the mean patch, image by image with the
 * same masks. It holds when the mean of the paired differences is below 0 by 2.58 standard errors, and the ratio is at most `ratio`.
 *
 * @param model - see {@link MaskedTransformer}
 * @param trainImages - what the model was trained on
 * @param testImages - what it was not
 * @param key - random key of the masks
 * @param options - `ratio`: greatest error as a share of the mean patch's, default 0.9
 * @returns certificate with the ratio as its value
 * @throws `ShapeError` when the images do not fit the model, or there are fewer than two to test on
 * @example
 * ```ts
 * import { key, uniform } from "@provably/core-tensor/random";
 * import { certifyPretraining, createMaskedAutoencoder } from "@provably/transformer-sparsity/mim";
 *
 * const noise = uniform(key(0), [8, 28, 28]);
 * certifyPretraining(createMaskedAutoencoder(key(1)), noise, noise, key(2)).holds; // => false
 * ```
 * @category Certificates
 */
export function certifyPretraining(
  model: MaskedTransformer,
  trainImages: NdArray,
  testImages: NdArray,
  key: RngKey,
  options: PretrainingCertificateOptions = {},
): Certificate {
  const { ratio = 0.9 } = checkOptions<PretrainingCertificateOptions>(
    "certifyPretraining",
    options,
    PRETRAINING,
  );
  check("certifyPretraining", "testImages", testImages, tensor);
  if (testImages.shape[0]! < 2)
    throw new ShapeError(
      `certifyPretraining: testImages must hold at least two images, got ${testImages.shape[0]!}`,
    );
  const ours = maskedError(model, testImages, key);
  const baseline = meanPatchError(model, trainImages, testImages, key);
  const differences = ours.perImage.map((e, i) => e - baseline.perImage[i]!);
  const n = differences.length;
  const shift = differences.reduce((a, b) => a + b, 0) / n;
  const error = Math.sqrt(
    differences.reduce((total, d) => total + (d - shift) ** 2, 0) / (n - 1) / n,
  );
  const value = ours.error / baseline.error;
  return certificate({
    claim: "error on masked patches of held-out images, over that of the mean patch",
    kind: "statistical",
    value,
    expected: [0, ratio],
    confidence: 0.995,
    verdict: value <= ratio && shift + 2.58 * error < 0,
    note: `${ours.error.toPrecision(3)} against ${baseline.error.toPrecision(3)} on ${n} images; it cannot see whether these were among the images of training`,
  });
}

/**
 * Images with their masked patches replaced: by the model's predictions, and by grey, for pictures.
 *
 * @param model - see {@link MaskedTransformer}; with normalised targets, predictions are brought back by the true patch's mean and deviation, which a real predictor
 *   does not know
 * @param images - shape `[N, H, W]` or `[N, C, H, W]`
 * @param key - random key of the masks
 * @returns `original`, `masked` (hidden patches at 0.5) and `reconstructed` (seen patches as they are), each `[N, C, H, W]`
 * @throws `ShapeError` when the images do not fit the model
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder, reconstructImages } from "@provably/transformer-sparsity/mim";
 *
 * reconstructImages(createMaskedAutoencoder(key(0)), zeros([2, 28, 28]), key(1)).reconstructed.shape; // => [2, 1, 28, 28]
 * ```
 * @category Evaluation
 */
export function reconstructImages(
  model: MaskedTransformer,
  images: NdArray,
  key: RngKey,
): { readonly original: NdArray; readonly masked: NdArray; readonly reconstructed: NdArray } {
  const batch = heldOut("reconstructImages", model, images, key);
  const patches = toPatches("reconstructImages", model.config, images);
  const { predictions } = predict(model.config, model.params, batch);
  const hidden = reshape(batch.mask, [...batch.mask.shape, 1]);
  const { channels, normalizeTargets } = model.config;
  const filledWith = (filling: NdArray | number): NdArray =>
    unpatchify(add(mul(sub(1, hidden), patches), mul(hidden, filling)), { channels });
  return {
    original: unpatchify(patches, { channels }),
    masked: filledWith(0.5),
    reconstructed: filledWith(normalizeTargets ? denormalized(predictions, patches) : predictions),
  };
}

function denormalized(predictions: NdArray, patches: NdArray): NdArray {
  const spread = sqrt(add(variance(patches, { axis: -1, keepDims: true, correction: 1 }), 1e-6));
  return add(mul(predictions, spread), mean(patches, { axis: -1, keepDims: true }));
}
