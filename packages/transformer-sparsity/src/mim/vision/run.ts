/** Running vision transformers: tokens, attention of every layer, activations, and what is made of them. */
import {
  type NdArray,
  ShapeError,
  DomainError,
  add,
  broadcastTo,
  concat,
  mean,
  mul,
  reshape,
  slice,
  tanh,
  toTypedArray,
  transpose,
} from "@provably/core-tensor";
import {
  anyRecord,
  check,
  checkOptions,
  longWork,
  tensor,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import { activate } from "../../griffin/model/activation.js";
import type { ExpertSet } from "../../griffin/sparsity/experts.js";
import { type FeedForwardStatistics, neuronStatistic } from "../../griffin/sparsity/statistic.js";
import { checkScale } from "../vit/forward.js";
import { attend, dense, neurons, normalize, visionBlock, type Placement } from "./blocks.js";
import { type VisionConfig, numSpecial } from "./description.js";
import { prunedLayers } from "./experts.js";
import { type VisionModel, checkVisionModel } from "./model.js";
import { type Grid, checkImageSize, distanceBias, gridOf, placedTable, turnsOf } from "./places.js";
import type { VisionLayer, VisionWeights } from "./weights.js";

/**
 * Options of {@link encodeImages}.
 * @category Vision models
 */
export interface EncodeImagesOptions {
  /** Keep the attention of every layer; default true. */
  readonly attention?: boolean;
  /** Keep the tokens before the first block and after each; default false. */
  readonly hidden?: boolean;
  /** GRIFFIN's statistic of the neurons of every layer, over all tokens of each image; default false. */
  readonly statistics?: boolean;
  /** Neurons of each layer that stay, as `selectExperts` of the griffin entry chooses them; default all. */
  readonly experts?: Pick<ExpertSet, "layers">;
  /** Take images of other sizes than the model's, with positions in between; default false. DINOv2, DINOv3 and BEiT take them unasked. */
  readonly interpolatePositions?: boolean;
  /** Stops between layers; the call then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each layer. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly total: number }) => void;
}

const ENCODE = {
  ...longWork,
  attention: trueOrFalse,
  hidden: trueOrFalse,
  statistics: trueOrFalse,
  experts: anyRecord,
  interpolatePositions: trueOrFalse,
};

/**
 * What a vision transformer makes of images.
 * @category Vision models
 */
export interface EncodedImages {
  /** Patches down and across. */
  readonly grid: readonly [number, number];
  /** Places of the tokens that are no patches, such as {@link dropTokens} takes them. */
  readonly specialTokens: readonly number[];
  /** Tokens of the last layer, after the last norm where it is one of all tokens, `[B, T, d]`. */
  readonly tokens: NdArray;
  /** Attention of each layer, `[B, heads, T, T]`. */
  readonly attention: readonly NdArray[];
  /** Tokens before the first block and after each, `[B, T, d]`; empty unless asked for. */
  readonly hidden: readonly NdArray[];
  /** The one vector of each image, `[B, d]`; null where the files hold none. */
  readonly pooled: NdArray | null;
  /** The pooled vector in the space that images share with texts, not normalised; null where there is none. */
  readonly embedding: NdArray | null;
  /** Logits of the classes, `[B, classes]`, named by `model.config.labels`; null without a classifier. */
  readonly logits: NdArray | null;
  /** Of a distilled model the logits of its two heads, of which `logits` is the mean. */
  readonly heads: { readonly classToken: NdArray; readonly distillation: NdArray } | null;
  /** For each image; empty unless asked for. */
  readonly statistics: readonly FeedForwardStatistics[];
}

/**
 * What a vision transformer makes of images: tokens, the attention of every layer, class logits, and GRIFFIN's statistic of its feed-forward neurons.
 *
 * A masked autoencoder sees all patches here; {@link reconstructPixels} hides some. With `experts` only those neurons are computed in every layer.
 *
 * @param model - see {@link loadVisionModel}
 * @param pixels - images as {@link processImage} prepares them, `[B, channels, height, width]`; pixels beyond the last whole patch are not seen
 * @param options - see {@link EncodeImagesOptions}
 * @returns see {@link EncodedImages}
 * @throws `ShapeError` when images do not fit the model; `DomainError` for pixels on another scale, or experts of another model
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { encodeImages, loadVisionModel, summarizeAttention } from "@provably/transformer-sparsity/mim";
 *
 * const model = await loadVisionModel("examples/models/digits-mae");
 * const { attention, grid, specialTokens } = encodeImages(model, zeros([1, 1, 28, 28]));
 * summarizeAttention(attention, { grid, dropTokens: specialTokens }).length; // => 8
 * ```
 * @see Dosovitskiy et al. (2021), "An image is worth 16 × 16 words: transformers for image recognition at scale"; Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 4.2
 * @category Vision models
 */
export function encodeImages(
  model: VisionModel,
  pixels: NdArray,
  options: EncodeImagesOptions = {},
): EncodedImages {
  const fn = "encodeImages";
  const { config, weights } = checkVisionModel(fn, model);
  const given = checkOptions<EncodeImagesOptions>(fn, options, ENCODE);
  checkPixels(fn, config, pixels);
  checkImageSize(fn, config, pixels.shape, given.interpolatePositions ?? false);
  const layers = given.experts ? prunedLayers(fn, config, weights, given.experts) : weights.layers;
  const grid = gridOf(config, pixels.shape);
  const run = runLayers(
    config,
    weights,
    layers,
    embed(fn, config, weights, pixels, grid),
    grid,
    given,
  );
  const tokens = weights.finalNorm
    ? normalize(run.last, weights.finalNorm, config.epsilon)
    : run.last;
  return {
    grid,
    specialTokens: Array.from({ length: numSpecial(config) }, (_, i) => i),
    tokens,
    attention: run.attention,
    hidden: run.hidden,
    statistics: run.statistics,
    ...outputs(config, weights, tokens),
  };
}

/** Refuses pixels that are not images of the model's channels. */
export function checkPixels(fn: string, { channels }: VisionConfig, pixels: NdArray): void {
  const { shape } = check(fn, "pixels", pixels, tensor);
  if (shape.length !== 4 || shape[1] !== channels || pixels.size === 0)
    throw new ShapeError(
      `${fn}: pixels must be [B, ${channels}, height, width] and not empty, got [${shape.join(", ")}]`,
    );
  checkScale(fn, pixels);
}

/** The patches `[B, L, channels · tall · wide]`, row by row, each channel by channel. */
function patchesOf(
  { patchSize: [tall, wide], channels }: VisionConfig,
  pixels: NdArray,
  [rows, columns]: Grid,
): NdArray {
  const batch = pixels.shape[0]!;
  const whole = slice(pixels, [null, null], [null, null, rows * tall, columns * wide]);
  const split = reshape(whole, [batch, channels, rows, tall, columns, wide]);
  return reshape(transpose(split, [0, 2, 4, 1, 3, 5]), [
    batch,
    rows * columns,
    channels * tall * wide,
  ]);
}

/** Patches as tokens with their places, `[B, L, d]`, and the tokens before them with theirs, `[special, d]`. */
export function embedParts(
  fn: string,
  config: VisionConfig,
  weights: VisionWeights,
  pixels: NdArray,
  grid: Grid,
): { readonly patches: NdArray; readonly special: readonly NdArray[] } {
  const patches = dense(patchesOf(config, pixels, grid), weights.patches);
  if (!weights.positions) return { patches, special: weights.special };
  const table = placedTable(fn, config, weights.positions, grid);
  // registers have no place
  const placed = numSpecial(config) - config.specialTokens.registers;
  const special = weights.special.map((token, i) =>
    i < placed ? add(token, slice(table, [i], [i + 1])) : token,
  );
  return { patches: add(patches, slice(table, [placed])), special };
}

/** All tokens. */
function embed(
  fn: string,
  config: VisionConfig,
  weights: VisionWeights,
  pixels: NdArray,
  grid: Grid,
): NdArray {
  const { patches, special } = embedParts(fn, config, weights, pixels, grid);
  const tokens = withSpecial(special, patches);
  return weights.embeddingNorm ? normalize(tokens, weights.embeddingNorm, config.epsilon) : tokens;
}

/** The tokens of each image behind those that all share. */
export function withSpecial(special: readonly NdArray[], patches: NdArray): NdArray {
  const [batch, , width] = patches.shape as readonly [number, number, number];
  const shared = special.map((token) => broadcastTo(token, [batch, token.shape[0]!, width]));
  return shared.length === 0 ? patches : concat([...shared, patches], { axis: 1 });
}

/** What is kept on the way through the layers. */
interface Run {
  readonly last: NdArray;
  readonly attention: readonly NdArray[];
  readonly hidden: readonly NdArray[];
  readonly statistics: readonly FeedForwardStatistics[];
}

type RunOptions = Pick<
  EncodeImagesOptions,
  "attention" | "hidden" | "statistics" | "signal" | "onProgress"
>;

/** The layers one after another. */
export function runLayers(
  config: VisionConfig,
  weights: Pick<VisionWeights, "sharedBias">,
  layers: readonly VisionLayer[],
  embedded: NdArray,
  grid: Grid,
  { attention = true, hidden = false, statistics = false, signal, onProgress }: RunOptions,
): Run {
  const turns = turnsOf(config, grid, embedded.dtype);
  const shared = weights.sharedBias && distanceBias(config, weights.sharedBias, grid);
  const maps: NdArray[] = [];
  const states: NdArray[] = hidden ? [embedded] : [];
  const batch = embedded.shape[0]!;
  const collected: FeedForwardStatistics["layers"][number][][] = Array.from(
    { length: statistics ? batch : 0 },
    () => [],
  );
  let last = embedded;
  layers.forEach((layer, i) => {
    signal?.throwIfAborted();
    const placement: Placement = { turns, bias: biasOf(config, layer, shared, grid) };
    const { y, map } = visionBlock(config, layer, last, placement, (z) => {
      collected.forEach((own, b) => own.push(imageStatistic(z, b)));
    });
    last = y;
    if (attention) maps.push(map);
    if (hidden) states.push(y);
    onProgress?.({ iteration: i + 1, total: layers.length });
  });
  return {
    last,
    attention: maps,
    hidden: states,
    statistics: collected.map((own) => ({ layers: own })),
  };
}

function biasOf(
  config: VisionConfig,
  layer: VisionLayer,
  shared: NdArray | undefined,
  grid: Grid,
): NdArray | undefined {
  const own = layer.relativeBias && distanceBias(config, layer.relativeBias, grid);
  return own && shared ? add(own, shared) : (own ?? shared);
}

/** The statistic of the neurons over the tokens of one image. */
function imageStatistic(z: NdArray, image: number) {
  return neuronStatistic(toTypedArray(z.pick(image)) as Float32Array, z.shape[2]!);
}

/** What is made of the tokens of the last layer. */
function outputs(
  config: VisionConfig,
  weights: VisionWeights,
  tokens: NdArray,
): Pick<EncodedImages, "pooled" | "embedding" | "logits" | "heads"> {
  const pooled = pool(config, weights, tokens);
  const { classifier, distilled, projection } = weights;
  const embedding = projection && pooled ? dense(pooled, projection) : null;
  if (classifier && distilled) {
    const classToken = dense(tokens.pick(null, 0), classifier);
    const distillation = dense(tokens.pick(null, 1), distilled);
    const logits = mul(0.5, add(classToken, distillation));
    return { pooled, embedding, logits, heads: { classToken, distillation } };
  }
  const logits = classifier ? dense(classified(config, tokens, pooled), classifier) : null;
  return { pooled, embedding, logits, heads: null };
}

/** The one vector of each image. */
function pool(config: VisionConfig, weights: VisionWeights, tokens: NdArray): NdArray | null {
  const { pooling, epsilon, poolerActivation, numHeads, hiddenSize } = config;
  const { pooler, poolingNorm, gather } = weights;
  switch (pooling) {
    case "class":
      return tokens.pick(null, 0);
    case "classNorm":
      return normalize(tokens.pick(null, 0), poolingNorm!, epsilon);
    case "meanNorm":
      return poolingNorm ? normalize(patchMean(config, tokens), poolingNorm, epsilon) : null;
    case "dense": {
      if (!pooler) return null;
      const y = dense(tokens.pick(null, 0), pooler);
      return poolerActivation === "tanh" ? tanh(y) : activate(poolerActivation, y);
    }
    case "attention": {
      if (!gather) return null;
      const probe = broadcastTo(gather.probe, [tokens.shape[0]!, 1, hiddenSize]);
      const heads = { numHeads, headDim: hiddenSize / numHeads };
      const { y } = attend(heads, gather, probe, tokens);
      const z = neurons(config, gather, normalize(y, gather.norm, epsilon));
      return add(y, dense(z, gather.down)).pick(null, 0);
    }
    case "none":
      return null;
  }
}

function patchMean(config: VisionConfig, tokens: NdArray): NdArray {
  return mean(slice(tokens, [null, numSpecial(config)]), { axis: 1 });
}

/** What classes are read from. */
function classified(config: VisionConfig, tokens: NdArray, pooled: NdArray | null): NdArray {
  const { classifies } = config;
  if (classifies === "class") return tokens.pick(null, 0);
  if (classifies === "patchMean") return patchMean(config, tokens);
  if (classifies === "mean") return mean(tokens, { axis: 1 });
  if (classifies === "classAndMean")
    return concat([tokens.pick(null, 0), patchMean(config, tokens)], { axis: -1 });
  if (pooled === null)
    throw new DomainError("encodeImages: the model has a classifier and not the norm before it");
  return pooled;
}
