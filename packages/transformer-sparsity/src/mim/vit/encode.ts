/** What a trained encoder makes of whole images: tokens and attention maps. */
import { DomainError, type NdArray, add, concat, mean, slice } from "@provably/core-tensor";
import { checkOptions, oneOf, trueOrFalse, wholeNumber } from "@provably/core-tensor/internal";
import { compile } from "@provably/core-tensor/compile";
import { blocks, dense, normalized } from "../internal/transformer.js";
import {
  type FullConfig,
  type MaskedTransformer,
  type TransformerParams,
  checkTransformer,
} from "./config.js";
import { positions, toPatches, withClassToken } from "./forward.js";

/**
 * Tokens of images, and where each layer looked.
 * @category Evaluation
 */
export interface Encoded {
  /** Normalised tokens of the last layer, shape `[N, T, dim]`; a class token comes first. */
  readonly tokens: NdArray;
  /** Attention of each layer, shape `[N, heads, T, T]`; empty unless asked for. */
  readonly attention: readonly NdArray[];
}

/**
 * Options of {@link encode}.
 * @category Options
 */
export interface EncodeOptions {
  readonly attention?: boolean;
  readonly batchSize?: number;
}
const ENCODE = { attention: trueOrFalse, batchSize: wholeNumber() };

/**
 * Options of {@link imageFeatures}.
 * @category Evaluation
 */
export interface FeatureOptions {
  readonly pool?: "mean" | "class";
}
const FEATURES = { pool: oneOf("mean", "class") };

/** The encoder on all patches. */
export function encodePatches(
  config: FullConfig,
  params: TransformerParams,
  patches: NdArray,
): { readonly tokens: NdArray; readonly maps: NdArray[] } {
  const embedded = add(
    dense(params, "embed", patches),
    positions(config, config.dim, patches.dtype),
  );
  const { y, maps } = blocks(
    params,
    "encoder",
    withClassToken(params, embedded),
    config.depth,
    config.heads,
  );
  return { tokens: normalized(params, "encoder.norm", y), maps };
}

/**
 * The tokens of unmasked images, and the attention of every layer for {@link summarizeAttention}.
 *
 * @param model - see {@link MaskedTransformer}
 * @param images - shape `[N, H, W]` or `[N, C, H, W]`
 * @param options - `attention`: keep the maps, default false; `batchSize`: images at a time, default 256
 * @returns see {@link Encoded}
 * @throws `ShapeError` when the images do not fit the model
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder, encode } from "@provably/transformer-sparsity/mim";
 *
 * const { tokens, attention } = encode(createMaskedAutoencoder(key(0)), zeros([3, 28, 28]), { attention: true });
 * tokens.shape; // => [3, 49, 64]
 * attention[1].shape; // => [3, 4, 49, 49]
 * ```
 * @category Evaluation
 */
export function encode(
  model: MaskedTransformer,
  images: NdArray,
  options: EncodeOptions = {},
): Encoded {
  checkTransformer("encode", model);
  const { attention = false, batchSize = 256 } = checkOptions<EncodeOptions>(
    "encode",
    options,
    ENCODE,
  );
  const patches = toPatches("encode", model.config, images);
  const run = compile((params: TransformerParams, x: NdArray) => {
    const { tokens, maps } = encodePatches(model.config, params, x);
    return attention ? [tokens, ...maps] : [tokens];
  });
  const parts: NdArray[][] = [];
  for (let from = 0; from < patches.shape[0]!; from += batchSize)
    parts.push(run(model.params, slice(patches, [from], [from + batchSize])));
  const whole = parts[0]!.map((first, i) =>
    parts.length === 1
      ? first
      : concat(
          parts.map((part) => part[i]!),
          { axis: 0 },
        ),
  );
  return { tokens: whole[0]!, attention: whole.slice(1) };
}

/**
 * One feature vector an image for probes: the mean of its tokens, or its class token.
 *
 * @param model - see {@link MaskedTransformer}
 * @param images - shape `[N, H, W]` or `[N, C, H, W]`
 * @param options - `pool`: `mean` (default) or `class`
 * @returns array of shape `[N, dim]`
 * @throws `ShapeError` when the images do not fit; `DomainError` for `class` where the model has no such token
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder, imageFeatures } from "@provably/transformer-sparsity/mim";
 *
 * imageFeatures(createMaskedAutoencoder(key(0)), zeros([3, 28, 28])).shape; // => [3, 64]
 * ```
 * @category Evaluation
 */
export function imageFeatures(
  model: MaskedTransformer,
  images: NdArray,
  options: FeatureOptions = {},
): NdArray {
  checkTransformer("imageFeatures", model);
  const { pool = "mean" } = checkOptions<FeatureOptions>("imageFeatures", options, FEATURES);
  const { classToken } = model.config;
  if (pool === "class" && !classToken)
    throw new DomainError("imageFeatures: pool is class, but the model has no class token");
  const { tokens } = encode(model, images);
  if (pool === "class") return tokens.pick(null, 0);
  return mean(classToken ? slice(tokens, [null, 1]) : tokens, { axis: 1 });
}
