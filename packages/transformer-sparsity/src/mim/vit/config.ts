/** Sizes of a small vision transformer, and its first weights. */
import { DomainError, type NdArray, ShapeError, full, isNdArray } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  oneOf,
  recordWith,
  show,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal, uniform } from "@provably/core-tensor/random";

import { checkInteger } from "../internal/check.js";
import { optionsGuard } from "../../internal/options.js";
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

const configGuard = optionsGuard<MaskedTransformerConfig>({
  kind: oneOf("mae", "simmim"),
  imageSize: anyNumber,
  patchSize: anyNumber,
  channels: anyNumber,
  dim: anyNumber,
  depth: anyNumber,
  heads: anyNumber,
  mlpRatio: anyNumber,
  decoderDim: anyNumber,
  decoderDepth: anyNumber,
  decoderHeads: anyNumber,
  maskRatio: anyNumber,
  normalizeTargets: trueOrFalse,
  classToken: trueOrFalse,
});

export function fullConfig(fn: string, config: MaskedTransformerConfig): FullConfig {
  const full = { ...DEFAULTS, ...check(fn, "config", config, configGuard) };
  const {
    imageSize,
    patchSize,
    channels,
    dim,
    depth,
    heads,
    mlpRatio,
    decoderDim,
    decoderDepth,
    decoderHeads,
  } = full;
  const counts = {
    imageSize,
    patchSize,
    channels,
    dim,
    depth,
    heads,
    decoderDim,
    decoderDepth,
    decoderHeads,
  };
  for (const [name, value] of Object.entries(counts)) checkInteger(fn, `config.${name}`, value, 1);
  if (imageSize % patchSize !== 0)
    throw new ShapeError(
      `${fn}: config.patchSize must divide the image's side ${imageSize}, got ${patchSize}`,
    );
  for (const [name, width, count] of [
    ["", dim, heads],
    ["decoder's ", decoderDim, decoderHeads],
  ] as const)
    if (width % 4 !== 0 || width % count !== 0)
      throw new ShapeError(
        `${fn}: the ${name}width must be a multiple of 4 and of its heads, got ${width} and ${count} heads`,
      );
  if (
    !Number.isFinite(mlpRatio) ||
    mlpRatio <= 0 ||
    !Number.isInteger(mlpRatio * dim) ||
    !Number.isInteger(mlpRatio * decoderDim)
  )
    throw new DomainError(`${fn}: config.mlpRatio must give whole widths, got ${show(mlpRatio)}`);
  seenCount(fn, (imageSize / patchSize) ** 2, full.maskRatio);
  return full;
}

/**
 * A masked vision transformer with fresh weights: Xavier-uniform matrices, zero biases, tokens normal with deviation 0.02. All float32.
 *
 * Queries, keys and values count as one matrix, as in the published code: alone, their numbers would be larger by $\sqrt 2$, the scores by 2, and the attention
 * of the untrained model four times as diverse, of which contrastive training keeps a part.
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
export function createMaskedAutoencoder(
  key: RngKey,
  config: MaskedTransformerConfig = {},
): MaskedTransformer {
  const full = fullConfig("createMaskedAutoencoder", config);
  return { config: full, params: freshParams(key, masked(full)) };
}

/** What a parameter is: its shape, and the law of its first numbers. */
type Parameter =
  | {
      readonly kind: "matrix";
      readonly shape: readonly [number, number];
      /** Greatest number at first. */ readonly limit: number;
    }
  | { readonly kind: "zeros" | "ones" | "token"; readonly shape: readonly [number] };

type Architecture = Readonly<Record<string, Parameter>>;

/** `outputs`: width that the matrix has together with others, which counts in the law. */
function dense(name: string, from: number, to: number, outputs = to): Architecture {
  return {
    [`${name}.weight`]: {
      kind: "matrix",
      shape: [from, to],
      limit: Math.sqrt(6 / (from + outputs)),
    },
    [`${name}.bias`]: { kind: "zeros", shape: [to] },
  };
}

function norm(name: string, width: number): Architecture {
  return {
    [`${name}.scale`]: { kind: "ones", shape: [width] },
    [`${name}.shift`]: { kind: "zeros", shape: [width] },
  };
}

function blocks(name: string, depth: number, width: number, hidden: number): Architecture {
  return Object.assign(
    {},
    ...Array.from({ length: depth }, (_, i) => {
      const at = (part: string): string => `${name}.${i}.${part}`;
      return {
        ...norm(at("norm1"), width),
        // one matrix [d, 3 d] in the reference, which makes queries and keys smaller than three matrices would
        ...dense(at("query"), width, width, 3 * width),
        ...dense(at("key"), width, width, 3 * width),
        ...dense(at("value"), width, width, 3 * width),
        ...dense(at("project"), width, width),
        ...norm(at("norm2"), width),
        ...dense(at("expand"), width, hidden),
        ...dense(at("contract"), hidden, width),
      };
    }),
  ) as Architecture;
}

function encoder({
  patchSize,
  channels,
  dim,
  depth,
  mlpRatio,
  classToken,
}: FullConfig): Architecture {
  return {
    ...dense("embed", patchSize * patchSize * channels, dim),
    ...blocks("encoder", depth, dim, mlpRatio * dim),
    ...norm("encoder.norm", dim),
    ...(classToken && { classToken: { kind: "token", shape: [dim] } }),
  };
}

/** The encoder, and what predicts masked patches. */
function masked(config: FullConfig): Architecture {
  const { kind, patchSize, channels, dim, mlpRatio, decoderDim, decoderDepth } = config;
  const pixels = patchSize * patchSize * channels;
  if (kind === "simmim")
    return {
      ...encoder(config),
      maskToken: { kind: "token", shape: [dim] },
      ...dense("head", dim, pixels),
    };
  return {
    ...encoder(config),
    maskToken: { kind: "token", shape: [decoderDim] },
    ...dense("decoder.embed", dim, decoderDim),
    ...blocks("decoder", decoderDepth, decoderDim, mlpRatio * decoderDim),
    ...norm("decoder.norm", decoderDim),
    ...dense("head", decoderDim, pixels),
  };
}

/** Width of the space in which images are told apart. */
const PROJECTION = 32;

/** The encoder, and a head of two layers. */
export function contrastive(config: FullConfig): Architecture {
  return {
    ...encoder(config),
    ...dense("projector.0", config.dim, config.dim),
    ...dense("projector.1", config.dim, PROJECTION),
  };
}

/** First weights, each by its own key. */
export function freshParams(key: RngKey, architecture: Architecture): TransformerParams {
  return Object.fromEntries(
    Object.entries(architecture).map(([name, parameter]) => [
      name,
      fresh(foldIn(key, name), parameter),
    ]),
  );
}

function fresh(key: RngKey, parameter: Parameter): NdArray {
  const shape = [...parameter.shape];
  switch (parameter.kind) {
    case "matrix":
      return uniform(key, shape, { low: -parameter.limit, high: parameter.limit });
    case "token":
      return normal(key, shape, { std: 0.02 });
    default:
      return full(shape, parameter.kind === "ones" ? 1 : 0, { dtype: "float32" });
  }
}

/** Whether `model` has the parameters of its configuration, as a masked transformer or as a contrastive one. */
export function checkTransformer(fn: string, model: MaskedTransformer): MaskedTransformer {
  const { config, params } = check(fn, "model", model, shape);
  const whole = fullConfig(fn, config);
  const architecture =
    params["projector.0.weight"] === undefined ? masked(whole) : contrastive(whole);
  for (const name of Object.keys(params))
    if (!Object.hasOwn(architecture, name))
      throw new ShapeError(
        `${fn}: model.params["${name}"] is no parameter of a model with this config`,
      );
  for (const [name, { shape: wanted }] of Object.entries(architecture)) {
    const found = params[name];
    if (
      !isNdArray(found) ||
      found.shape.length !== wanted.length ||
      found.shape.some((extent, i) => extent !== wanted[i])
    )
      throw new ShapeError(
        `${fn}: model.params["${name}"] must be an array of shape [${wanted.join(", ")}], got ${show(found)}`,
      );
  }
  return model;
}

const shape = recordWith({ config: recordWith(), params: recordWith() });
