/** Sizes of a small vision transformer, and its first weights. */
import { DomainError, type NdArray, ShapeError, full, ones, zeros } from "@provably/core-tensor";
import { type RngKey, foldIn, normal, uniform } from "@provably/core-tensor/random";
import { checkInteger } from "../internal/check.js";
import { seenCount } from "./masking.js";

/**
 * Sizes and kind of a masked vision transformer. All optional; the defaults are the recipe for 28 × 28 digits.
 * @category Vision transformers
 */
export interface MaskedTransformerConfig {
  /**
   * `mae`: the encoder sees only the seen patches, and a small decoder fills in the rest. `simmim`: the encoder sees a learnt token in place of each masked patch,
   * as in the theory, and a linear head predicts. Default `mae`.
   */
  readonly kind?: "mae" | "simmim";
  /** Side of the images; default 28. */
  readonly imageSize?: number;
  /** Side of a patch, dividing `imageSize`; default 4. */
  readonly patchSize?: number;
  /** Default 1. */
  readonly channels?: number;
  /** Width of the encoder, a multiple of 4 and of `heads`; default 64. */
  readonly dim?: number;
  /** Blocks of the encoder; default 2. */
  readonly depth?: number;
  /** Heads of each block; default 4. */
  readonly heads?: number;
  /** Width of the feed-forward layers over that of the block; default 2. */
  readonly mlpRatio?: number;
  /** Width of the decoder (`mae`); default 48. */
  readonly decoderDim?: number;
  /** Blocks of the decoder; default 1. */
  readonly decoderDepth?: number;
  /** Heads of each block of the decoder; default 4. */
  readonly decoderHeads?: number;
  /** Share of the patches to hide; default 0.75. */
  readonly maskRatio?: number;
  /** Predict each patch less its mean, over its standard deviation; blank patches have none, so leave it off for digits. Default false. */
  readonly normalizeTargets?: boolean;
  /** Add a learnt class token in front of the patches; default false. */
  readonly classToken?: boolean;
}

/** A configuration with every default filled in. */
export type FullConfig = Required<MaskedTransformerConfig>;

/**
 * Weights by name; `encodeSafetensors` of core-tensor stores them.
 * @category Vision transformers
 */
export type TransformerParams = Readonly<Record<string, NdArray>>;

/**
 * A vision transformer: its configuration and its weights, plain data.
 * @category Vision transformers
 */
export interface MaskedTransformer {
  readonly config: FullConfig;
  readonly params: TransformerParams;
}

const DEFAULTS: FullConfig = {
  kind: "mae",
  imageSize: 28,
  patchSize: 4,
  channels: 1,
  dim: 64,
  depth: 2,
  heads: 4,
  mlpRatio: 2,
  decoderDim: 48,
  decoderDepth: 1,
  decoderHeads: 4,
  maskRatio: 0.75,
  normalizeTargets: false,
  classToken: false,
};

export function fullConfig(fn: string, config: MaskedTransformerConfig): FullConfig {
  const full = { ...DEFAULTS, ...config };
  const { imageSize, patchSize, channels, dim, depth, heads, mlpRatio, decoderDim, decoderDepth, decoderHeads } = full;
  const counts = { imageSize, patchSize, channels, dim, depth, heads, decoderDim, decoderDepth, decoderHeads };
  for (const [name, value] of Object.entries(counts)) checkInteger(fn, `config.${name}`, value, 1);
  if (full.kind !== "mae" && full.kind !== "simmim") throw new DomainError(`${fn}: config.kind must be mae or simmim, got ${String(full.kind)}`);
  if (imageSize % patchSize !== 0) throw new ShapeError(`${fn}: config.patchSize must divide the image's side ${imageSize}, got ${patchSize}`);
  for (const [name, width, count] of [
    ["", dim, heads],
    ["decoder's ", decoderDim, decoderHeads],
  ] as const)
    // prettier-ignore
    if (width % 4 !== 0 || width % count !== 0)
      throw new ShapeError(`${fn}: the ${name}width must be a multiple of 4 and of its heads, got ${width} and ${count} heads`);
  if (!(mlpRatio > 0) || !Number.isInteger(mlpRatio * dim) || !Number.isInteger(mlpRatio * decoderDim))
    throw new DomainError(`${fn}: config.mlpRatio must give whole widths, got ${mlpRatio}`);
  seenCount(fn, (imageSize / patchSize) ** 2, full.maskRatio);
  return full;
}

/**
 * A masked vision transformer with fresh weights: Xavier-uniform matrices, zero biases, tokens normal with deviation 0.02. All float32.
 *
 * @param key - random key
 * @param config - see {@link MaskedTransformerConfig}
 * @returns see {@link MaskedTransformer}
 * @throws `DomainError` or `ShapeError` when the sizes do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder } from "@provably/transformer-sparsity/mim";
 *
 * const { params } = createMaskedAutoencoder(key(0), { depth: 1 });
 * params["encoder.0.query.weight"].shape; // => [64, 64]
 * ```
 * @see He et al. (2022), "Masked autoencoders are scalable vision learners"; Xie et al. (2022), "SimMIM"
 * @category Vision transformers
 */
export function createMaskedAutoencoder(key: RngKey, config: MaskedTransformerConfig = {}): MaskedTransformer {
  const full = fullConfig("createMaskedAutoencoder", config);
  const { kind, patchSize, channels, dim, depth, mlpRatio, decoderDim, decoderDepth } = full;
  const pixels = patchSize * patchSize * channels;
  const params: Record<string, NdArray> = {};
  const maker = weights(key, params);
  maker.dense("embed", pixels, dim);
  for (let i = 0; i < depth; i++) maker.block(`encoder.${i}`, dim, mlpRatio * dim);
  maker.norm("encoder.norm", dim);
  if (full.classToken) maker.token("classToken", dim);
  maker.token("maskToken", kind === "mae" ? decoderDim : dim);
  if (kind === "mae") {
    maker.dense("decoder.embed", dim, decoderDim);
    for (let i = 0; i < decoderDepth; i++) maker.block(`decoder.${i}`, decoderDim, mlpRatio * decoderDim);
    maker.norm("decoder.norm", decoderDim);
  }
  maker.dense("head", kind === "mae" ? decoderDim : dim, pixels);
  return { config: full, params };
}

/** Makers of fresh weights, each by its own key. */
export function weights(key: RngKey, params: Record<string, NdArray>) {
  const dtype = "float32" as const;
  const dense = (name: string, from: number, to: number): void => {
    const limit = Math.sqrt(6 / (from + to));
    params[`${name}.weight`] = uniform(foldIn(key, name), [from, to], { low: -limit, high: limit });
    params[`${name}.bias`] = zeros([to], { dtype });
  };
  const norm = (name: string, width: number): void => {
    params[`${name}.scale`] = ones([width], { dtype });
    params[`${name}.shift`] = full([width], 0, { dtype });
  };
  return {
    dense,
    norm,
    token: (name: string, width: number): void => void (params[name] = normal(foldIn(key, name), [width], { std: 0.02 })),
    block(name: string, width: number, hidden: number): void {
      norm(`${name}.norm1`, width);
      for (const part of ["query", "key", "value", "project"]) dense(`${name}.${part}`, width, width);
      norm(`${name}.norm2`, width);
      dense(`${name}.expand`, width, hidden);
      dense(`${name}.contract`, hidden, width);
    },
  };
}
