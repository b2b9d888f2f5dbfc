/** What a masked vision transformer makes of images: predictions of hidden patches, and the loss. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  broadcastTo,
  concat,
  div,
  item,
  mean,
  mul,
  reshape,
  slice,
  sqrt,
  square,
  sub,
  sum,
  take,
  toTypedArray,
  variance,
} from "@provably/core-tensor";
import { check, tensor } from "@provably/core-tensor/internal";
import { blocks, dense, normalized } from "../internal/transformer.js";
import {
  type FullConfig,
  type MaskedTransformer,
  type TransformerParams,
  checkTransformer,
} from "./config.js";
import { type Masking, checkMasking } from "./masking.js";
import { patchify, sinCosPositionEmbedding2d } from "./patches.js";

/**
 * Predictions of a masked vision transformer.
 * @category Vision transformers
 */
export interface MaskedForward {
  /** Mean squared error of the masked patches. */
  readonly loss: number;
  /** Prediction for every patch, shape `[B, L, p · p · C]`; with normalised targets on their scale. */
  readonly predictions: NdArray;
  /** 1 where a patch is masked, shape `[B, L]`. */
  readonly mask: NdArray;
  /** Attention of each block of the encoder, shape `[B, heads, T, T]`: of seen patches in the order of the masking (`mae`) or of all (`simmim`). */
  readonly attention: readonly NdArray[];
}

/**
 * The predictions of a masked vision transformer for images with given masks, with the loss.
 *
 * @param model - see {@link MaskedTransformer}
 * @param images - shape `[B, H, W]` or `[B, C, H, W]`
 * @param masking - of the same batch; see {@link randomMasking}
 * @returns see {@link MaskedForward}
 * @throws `ShapeError` when the images or the masks do not fit the model
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder, maeForward, randomMasking } from "@provably/transformer-sparsity/mim";
 *
 * const model = createMaskedAutoencoder(key(0));
 * const masking = randomMasking(key(1), { batch: 2, numPatches: 49 });
 * maeForward(model, zeros([2, 28, 28]), masking).predictions.shape; // => [2, 49, 16]
 * ```
 * @category Vision transformers
 */
export function maeForward(
  model: MaskedTransformer,
  images: NdArray,
  masking: Masking,
): MaskedForward {
  checkTransformer("maeForward", model);
  const patches = toPatches("maeForward", model.config, images);
  checkMasking("maeForward", masking, patches.shape[0]!, patches.shape[1]!);
  const batch = maskedBatch(model.config, patches, masking);
  const { predictions, attention } = predict(model.config, model.params, batch);
  return { loss: item(lossOf(predictions, batch)), predictions, mask: batch.mask, attention };
}

/** The patches of images that fit the model. */
export function toPatches(fn: string, config: FullConfig, images: NdArray): NdArray {
  check(fn, "images", images, tensor);
  const { imageSize, channels, patchSize } = config;
  const shape =
    images.shape.length === 3 ? [images.shape[0]!, 1, ...images.shape.slice(1)] : images.shape;
  if (
    shape.length !== 4 ||
    shape[1] !== channels ||
    shape[2] !== imageSize ||
    shape[3] !== imageSize ||
    images.size === 0
  )
    throw new ShapeError(
      `${fn}: images must be [N, ${channels === 1 ? "" : `${channels}, `}${imageSize}, ${imageSize}] and not empty, got [${images.shape.join(", ")}]`,
    );
  checkScale(fn, images);
  return patchify(images.dtype === "float64" ? images : asType(images, "float32"), patchSize);
}

/** No scale of images in use goes beyond; bytes do. */
const LARGEST = 16;

/** Refuses bytes and other numbers 0 … 255, which models of images on the scale of 1 do not know. */
export function checkScale(fn: string, images: NdArray): void {
  const whole = images.dtype !== "float32" && images.dtype !== "float64" && images.dtype !== "bool";
  const data = whole ? [] : toTypedArray(images);
  for (let i = 0; i < data.length; i++)
    if (!(Math.abs(data[i]!) <= LARGEST))
      throw new DomainError(
        `${fn}: images must be finite and within ±${LARGEST}, got ${data[i]!}; divide bytes by 255`,
      );
  if (whole)
    throw new DomainError(
      `${fn}: images must hold floating-point numbers, got ${images.dtype}; divide bytes by 255`,
    );
}

export function maskArray(
  { batch, numPatches, numSeen, place }: Masking,
  dtype: "float32" | "float64",
): NdArray {
  const data =
    dtype === "float64" ? new Float64Array(place.length) : new Float32Array(place.length);
  for (let i = 0; i < data.length; i++) data[i] = place[i]! >= numSeen ? 1 : 0;
  return array(data, { shape: [batch, numPatches], copy: false });
}

/** The position embedding of a grid, in the type of the patches. */
export function positions(config: FullConfig, dim: number, dtype: NdArray["dtype"]): NdArray {
  const side = config.imageSize / config.patchSize;
  return asType(sinCosPositionEmbedding2d(dim, [side, side]), dtype);
}

/**
 * Everything of a batch that the weights do not touch, as arrays, so that a compiled step takes a new batch without being traced again.
 */
export interface MaskedBatch {
  /** What to predict, shape `[B, L, p · p · C]`. */
  readonly targets: NdArray;
  /** 1 where a patch is masked, shape `[B, L]`. */
  readonly mask: NdArray;
  /** Patches that the encoder gets: the seen ones (`mae`) or all (`simmim`), shape `[B, T, p · p · C]`. */
  readonly visible: NdArray;
  /** Their position embeddings, shape `[B, T, dim]` or `[T, dim]`. */
  readonly places: NdArray;
  /** For each patch the row of its token among those of the encoder, or the row after them for the mask token (`mae`), shape `[B · L]`. */
  readonly rows?: NdArray;
}

export function maskedBatch(config: FullConfig, patches: NdArray, masking: Masking): MaskedBatch {
  const { batch, numPatches, numSeen, order, place } = masking;
  const common = {
    targets: targets(config, patches),
    mask: maskArray(masking, patches.dtype as "float32" | "float64"),
  };
  if (config.kind === "simmim")
    return { ...common, visible: patches, places: positions(config, config.dim, patches.dtype) };
  const pixels = patches.shape[2]!;
  // the seen patches of each image, in the order of the masking
  const seen = Int32Array.from(
    { length: batch * numSeen },
    (_, i) => order[Math.floor(i / numSeen) * numPatches + (i % numSeen)]!,
  );
  const from = seen.map((p, i) => Math.floor(i / numSeen) * numPatches + p);
  const extra = Number(config.classToken);
  const perImage = numSeen + extra;
  const rows = place.map((at, i) =>
    at < numSeen ? Math.floor(i / numPatches) * perImage + extra + at : batch * perImage,
  );
  return {
    ...common,
    visible: reshape(take(reshape(patches, [batch * numPatches, pixels]), indices(from)), [
      batch,
      numSeen,
      pixels,
    ]),
    places: reshape(take(positions(config, config.dim, patches.dtype), indices(seen)), [
      batch,
      numSeen,
      config.dim,
    ]),
    rows: indices(rows),
  };
}

/** Predictions for every patch: a function of the weights that can be differentiated. */
export function predict(
  config: FullConfig,
  params: TransformerParams,
  batch: MaskedBatch,
): { readonly predictions: NdArray; readonly attention: NdArray[] } {
  return batch.rows === undefined
    ? predictSimmim(config, params, batch)
    : predictMae(config, params, batch, batch.rows);
}

function predictMae(
  config: FullConfig,
  params: TransformerParams,
  { visible, places, mask }: MaskedBatch,
  rows: NdArray,
) {
  const { depth, heads, decoderDim, decoderDepth, decoderHeads } = config;
  const [batch, numPatches] = mask.shape as readonly [number, number];
  const tokens = withClassToken(params, add(dense(params, "embed", visible), places));
  const encoder = blocks(params, "encoder", tokens, depth, heads);
  const encoded = dense(params, "decoder.embed", normalized(params, "encoder.norm", encoder.y));

  // every patch's token: its encoding where it was seen, the mask token elsewhere
  const table = concat(
    [reshape(encoded, [-1, decoderDim]), reshape(params["maskToken"]!, [1, decoderDim])],
    { axis: 0 },
  );
  const filled = add(
    reshape(take(table, rows), [batch, numPatches, decoderDim]),
    positions(config, decoderDim, visible.dtype),
  );
  const all = config.classToken
    ? concat([slice(encoded, [null, 0], [null, 1]), filled], { axis: 1 })
    : filled;
  const decoder = blocks(params, "decoder", all, decoderDepth, decoderHeads);
  return {
    predictions: dense(
      params,
      "head",
      dropClassToken(config, normalized(params, "decoder.norm", decoder.y)),
    ),
    attention: encoder.maps,
  };
}

function predictSimmim(
  config: FullConfig,
  params: TransformerParams,
  { visible, places, mask }: MaskedBatch,
) {
  const masked = reshape(mask, [...mask.shape, 1]);
  const embedded = add(
    mul(dense(params, "embed", visible), sub(1, masked)),
    mul(params["maskToken"]!, masked),
  );
  const encoder = blocks(
    params,
    "encoder",
    withClassToken(params, add(embedded, places)),
    config.depth,
    config.heads,
  );
  return {
    predictions: dense(
      params,
      "head",
      dropClassToken(config, normalized(params, "encoder.norm", encoder.y)),
    ),
    attention: encoder.maps,
  };
}

export function indices(list: Int32Array): NdArray {
  return array(list, { copy: false });
}

export function withClassToken(params: TransformerParams, tokens: NdArray): NdArray {
  const token = params["classToken"];
  if (token === undefined) return tokens;
  const [batch, , dim] = tokens.shape as readonly [number, number, number];
  return concat([broadcastTo(token, [batch, 1, dim]), tokens], { axis: 1 });
}

function dropClassToken(config: FullConfig, x: NdArray): NdArray {
  return config.classToken ? slice(x, [null, 1]) : x;
}

/** Mean squared error of the masked patches, as a function of the weights. */
export function maskedLoss(
  config: FullConfig,
  params: TransformerParams,
  batch: MaskedBatch,
): NdArray {
  return lossOf(predict(config, params, batch).predictions, batch);
}

function lossOf(predictions: NdArray, { targets: wanted, mask }: MaskedBatch): NdArray {
  return div(sum(mul(mean(square(sub(predictions, wanted)), { axis: -1 }), mask)), sum(mask));
}

/** What is predicted: the patches, or each patch standardised by its own mean and unbiased variance. */
export function targets(config: FullConfig, patches: NdArray): NdArray {
  if (!config.normalizeTargets) return patches;
  const centred = sub(patches, mean(patches, { axis: -1, keepDims: true }));
  return div(
    centred,
    sqrt(add(variance(patches, { axis: -1, keepDims: true, correction: 1 }), 1e-6)),
  );
}
