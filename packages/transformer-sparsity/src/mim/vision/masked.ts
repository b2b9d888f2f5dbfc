/** Masked autoencoders of published files: hide patches, and fill them in. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  broadcastTo,
  concat,
  div,
  item,
  mean,
  mul,
  slice,
  sqrt,
  square,
  sub,
  sum,
  takeAlongAxis,
  variance,
} from "@provably/core-tensor";
import { patchify, unpatchify } from "../vit/patches.js";
import { maskArray } from "../vit/forward.js";
import { type Masking, checkMasking } from "../vit/masking.js";
import { dense, normalize } from "./blocks.js";
import type { VisionConfig } from "./description.js";
import { type VisionModel, checkVisionModel } from "./model.js";
import { checkImageSize, gridOf } from "./places.js";
import { checkPixels, embedParts, runLayers, withSpecial } from "./run.js";
import type { VisionDecoder } from "./weights.js";

/**
 * What a masked autoencoder makes of images with patches hidden.
 * @category Vision models
 */
export interface ReconstructedPixels {
  /** Mean squared error of the hidden patches; of normalised ones where the model was trained on those. */
  readonly loss: number;
  /** Prediction for every patch, `[B, L, p · p · channels]`, rows of pixels with the channels last. */
  readonly predictions: NdArray;
  /** The predictions as images `[B, channels, height, width]`. */
  readonly reconstruction: NdArray;
  /** 1 where a patch was hidden, `[B, L]`. */
  readonly mask: NdArray;
  /** Tokens of the encoder: the class token, then seen patches in the order of the masking. */
  readonly tokens: NdArray;
  /** Attention of each layer of the encoder, over those tokens. */
  readonly attention: readonly NdArray[];
  /** Attention of each layer of the decoder, over the class token and all patches in their own order. */
  readonly decoderAttention: readonly NdArray[];
}

/**
 * What a ViTMAE with its decoder makes of images of which some patches are hidden.
 *
 * @param model - see {@link loadVisionModel}; of the class ViTMAEForPreTraining
 * @param pixels - `[B, channels, height, width]`, of the size of the model
 * @param masking - see {@link randomMasking}; the share of the model's training is `model.config.decoder.maskRatio`
 * @returns see {@link ReconstructedPixels}
 * @throws `DomainError` when the model has no decoder; `ShapeError` when images or masks do not fit
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { loadVisionModel, randomMasking, reconstructPixels } from "@provably/transformer-sparsity/mim";
 *
 * const model = await loadVisionModel("examples/models/digits-mae");
 * const masking = randomMasking(key(0), { batch: 1, numPatches: 49 });
 * reconstructPixels(model, zeros([1, 1, 28, 28]), masking).reconstruction.shape; // => [1, 1, 28, 28]
 * ```
 * @see He et al. (2022), "Masked autoencoders are scalable vision learners", section 3
 * @category Vision models
 */
export function reconstructPixels(
  model: VisionModel,
  pixels: NdArray,
  masking: Masking,
): ReconstructedPixels {
  const fn = "reconstructPixels";
  const { config, weights } = checkVisionModel(fn, model);
  const { decoder } = weights;
  if (!decoder || !config.decoder)
    throw new DomainError(
      `${fn}: model must be a masked autoencoder with its decoder; this one (${config.family}) has none`,
    );
  checkPixels(fn, config, pixels);
  checkImageSize(fn, config, pixels.shape, false);
  const grid = gridOf(config, pixels.shape);
  const [side] = config.patchSize;
  if (pixels.shape[2]! % side !== 0 || pixels.shape[3]! % side !== 0)
    throw new ShapeError(`${fn}: images must be of whole patches of ${side} × ${side}`);
  checkMasking(fn, masking, pixels.shape[0]!, grid[0] * grid[1]);
  const { patches, special } = embedParts(fn, config, weights, pixels, grid);
  const seen = gather(patches, masking.order, masking.numPatches, masking.numSeen);
  const run = runLayers(config, weights, weights.layers, withSpecial(special, seen), grid, {});
  const tokens = normalize(run.last, weights.finalNorm!, config.epsilon);
  const { predictions, attention } = decode(config, decoder, tokens, masking);
  const mask = maskArray(masking, tokens.dtype === "float64" ? "float64" : "float32");
  return {
    loss: lossOf(config, pixels, predictions, mask),
    predictions,
    reconstruction: unpatchify(predictions, { channels: config.channels, grid }),
    mask,
    tokens,
    attention: run.attention,
    decoderAttention: attention,
  };
}

/** Of each image the first `count` rows in the order of `places`, which has `length` places an image. */
function gather(x: NdArray, places: Int32Array, length: number, count: number): NdArray {
  const [batch, , width] = x.shape as readonly [number, number, number];
  const rows = new Int32Array(batch * count);
  for (let b = 0; b < batch; b++)
    rows.set(places.subarray(b * length, b * length + count), b * count);
  const index = broadcastTo(array(rows, { shape: [batch, count, 1] }), [batch, count, width]);
  return takeAlongAxis(x, index, { axis: 1 });
}

/** Mask tokens in the places of hidden patches, then the layers of the decoder. */
function decode(
  config: VisionConfig,
  decoder: VisionDecoder,
  tokens: NdArray,
  { place, numPatches, numSeen }: Masking,
): { readonly predictions: NdArray; readonly attention: readonly NdArray[] } {
  const { hiddenSize, numHeads } = config.decoder!;
  const batch = tokens.shape[0]!;
  const embedded = dense(tokens, decoder.embed);
  const hidden = broadcastTo(decoder.maskToken, [batch, numPatches - numSeen, hiddenSize]);
  const shuffled = concat([slice(embedded, [null, 1]), hidden], { axis: 1 });
  const ordered = gather(shuffled, place, numPatches, numPatches);
  const all = concat([slice(embedded, [null, 0], [null, 1]), ordered], { axis: 1 });
  const inner = { ...config, numHeads, headDim: hiddenSize / numHeads };
  const run = runLayers(inner, {}, decoder.layers, add(all, decoder.positions), [1, 1], {});
  const y = dense(normalize(run.last, decoder.norm, config.epsilon), decoder.predict);
  return { predictions: slice(y, [null, 1]), attention: run.attention };
}

/** The mean over hidden patches of the mean squared error of a patch. */
function lossOf(
  config: VisionConfig,
  pixels: NdArray,
  predictions: NdArray,
  mask: NdArray,
): number {
  const target = patchify(pixels, config.patchSize[0]);
  const wanted = config.decoder!.normalizeTargets
    ? div(
        sub(target, mean(target, { axis: -1, keepDims: true })),
        sqrt(add(variance(target, { axis: -1, keepDims: true, correction: 1 }), 1e-6)),
      )
    : target;
  const errors = mean(square(sub(predictions, wanted)), { axis: -1 });
  return item(div(sum(mul(errors, mask)), sum(mask)));
}
