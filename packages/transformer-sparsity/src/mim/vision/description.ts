/** What distinguishes one vision transformer from another: one table of choices. Everything after the readers of configs looks at the choices, not at the family's name. */
import { DomainError } from "@provably/core-tensor";
import {
  anyString,
  byKind,
  check,
  finiteNumber,
  listOf,
  nullable,
  numberIn,
  oneOf,
  positiveNumber,
  recordOf,
  satisfying,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type Activation, activationNames, isActivation } from "../../griffin/model/activation.js";

/**
 * Vision transformers that can be run, by the `model_type` of their config.
 * @category Vision models
 */
export type VisionFamily =
  | "vit"
  | "deit"
  | "vit_mae"
  | "dinov2"
  | "dinov2_with_registers"
  | "dinov3_vit"
  | "clip_vision_model"
  | "siglip_vision_model"
  | "beit";

export const VISION_FAMILIES: readonly VisionFamily[] = [
  "vit",
  "deit",
  "vit_mae",
  "dinov2",
  "dinov2_with_registers",
  "dinov3_vit",
  "clip_vision_model",
  "siglip_vision_model",
  "beit",
];

/**
 * The decoder of a masked autoencoder.
 * @category Vision models
 */
export interface VisionDecoderConfig {
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly ffSize: number;
  /** Share of the patches that is hidden. */
  readonly maskRatio: number;
  /** Whether targets are patches less their mean, over their deviation. */
  readonly normalizeTargets: boolean;
}

/**
 * The choices that make a vision transformer.
 * @category Vision models
 */
export interface VisionConfig {
  readonly family: VisionFamily;
  /** Height and width of the images it was trained on. */
  readonly imageSize: readonly [number, number];
  /** Height and width of a patch. */
  readonly patchSize: readonly [number, number];
  readonly channels: number;
  /** Width $d$ of the residual stream. */
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly headDim: number;
  /** Number $D$ of neurons of a feed-forward block. */
  readonly ffSize: number;
  readonly activation: Activation;
  /** Whether the activation of one projection multiplies another projection. */
  readonly gated: boolean;
  /** Of norms. */
  readonly epsilon: number;
  /** Tokens before the patches, in this order; `registers` counts tokens of no meaning of their own. */
  readonly specialTokens: {
    readonly classToken: boolean;
    readonly distillation: boolean;
    readonly registers: number;
  };
  /**
   * A table of learned vectors, which for other grids is resampled bicubically, narrowing kernels widened or not (`antialias`), if the model takes other sizes without being asked
   * (`anySize`) or is asked to; or queries and keys of patches rotated by their place in the image, of which $\theta$ is the `base`; or neither.
   */
  readonly positions:
    | { readonly kind: "table"; readonly antialias: boolean; readonly anySize: boolean }
    | { readonly kind: "rope"; readonly base: number }
    | { readonly kind: "none" };
  /** A bias of the scores by how far query and key are apart: one table for each layer, one for all, both, or none. */
  readonly relativeBias: { readonly layers: boolean; readonly shared: boolean };
  /** Whether what blocks add is multiplied feature by feature. */
  readonly layerScale: boolean;
  readonly biases: {
    readonly patches: boolean;
    readonly query: boolean;
    readonly key: boolean;
    readonly value: boolean;
    readonly output: boolean;
    readonly feedForward: boolean;
  };
  /** Whether embeddings are normalised. */
  readonly embeddingNorm: boolean;
  /** Whether there is a norm after the last block, of all tokens. */
  readonly finalNorm: boolean;
  /**
   * The one vector of an image: the class token (`class`), normalised (`classNorm`), or through a dense layer (`dense`); the mean of the patches, normalised (`meanNorm`);
   * what a query of its own gathers from all tokens (`attention`); or none.
   */
  readonly pooling: "class" | "classNorm" | "dense" | "meanNorm" | "attention" | "none";
  /** Width of a dense pooling, and its nonlinearity. */
  readonly poolerSize: number;
  readonly poolerActivation: Activation | "tanh";
  /** What class logits are a linear function of: the class token, it and the mean of the patches, the mean of the patches or of all tokens, or the pooled vector. */
  readonly classifies: "class" | "classAndMean" | "patchMean" | "mean" | "pooled";
  /** Names of the classes. */
  readonly labels: readonly string[];
  /** Width of the projection of the pooled vector; null where the family has none. */
  readonly projectionSize: number | null;
  readonly decoder: VisionDecoderConfig | null;
}

/** Tokens before the patches. */
export function numSpecial({ specialTokens }: VisionConfig): number {
  const { classToken, distillation, registers } = specialTokens;
  return Number(classToken) + Number(distillation) + registers;
}

/** Patches down and across of images of the config's size. */
export function ownGrid({ imageSize, patchSize }: VisionConfig): [number, number] {
  return [Math.floor(imageSize[0] / patchSize[0]), Math.floor(imageSize[1] / patchSize[1])];
}

const count = wholeNumber(1, 2 ** 24);
const pair = listOf(count, 2);
const activation = satisfying<Activation>(`one of ${activationNames.join(", ")}`, isActivation);
const shape = recordOf({
  family: oneOf(...VISION_FAMILIES),
  imageSize: pair,
  patchSize: pair,
  channels: count,
  hiddenSize: count,
  numLayers: count,
  numHeads: count,
  headDim: count,
  ffSize: count,
  activation,
  gated: trueOrFalse,
  epsilon: numberIn(0, 1),
  specialTokens: recordOf({
    classToken: trueOrFalse,
    distillation: trueOrFalse,
    registers: wholeNumber(0, 2 ** 16),
  }),
  positions: byKind("kind", {
    table: recordOf({ kind: oneOf("table"), antialias: trueOrFalse, anySize: trueOrFalse }),
    rope: recordOf({ kind: oneOf("rope"), base: positiveNumber }),
    none: recordOf({ kind: oneOf("none") }),
  }),
  relativeBias: recordOf({ layers: trueOrFalse, shared: trueOrFalse }),
  layerScale: trueOrFalse,
  biases: recordOf({
    patches: trueOrFalse,
    query: trueOrFalse,
    key: trueOrFalse,
    value: trueOrFalse,
    output: trueOrFalse,
    feedForward: trueOrFalse,
  }),
  embeddingNorm: trueOrFalse,
  finalNorm: trueOrFalse,
  pooling: oneOf("class", "classNorm", "dense", "meanNorm", "attention", "none"),
  poolerSize: count,
  poolerActivation: satisfying("tanh or an activation", (x) => x === "tanh" || isActivation(x)),
  classifies: oneOf("class", "classAndMean", "patchMean", "mean", "pooled"),
  labels: listOf(anyString),
  projectionSize: nullable(count),
  decoder: nullable(
    recordOf({
      hiddenSize: count,
      numLayers: count,
      numHeads: count,
      ffSize: count,
      maskRatio: finiteNumber,
      normalizeTargets: trueOrFalse,
    }),
  ),
});

/** Whether `config` is complete, of the right types, and of extents that fit together. */
export function checkVisionConfig(fn: string, config: VisionConfig): VisionConfig {
  check(fn, "config", config, shape);
  checkVisionExtents(fn, config);
  return config;
}

/** Whether the extents of a config fit together. */
function checkVisionExtents(fn: string, config: VisionConfig): void {
  const { imageSize, patchSize, positions, headDim, decoder, specialTokens, classifies } = config;
  const fail = (message: string): never => {
    throw new DomainError(`${fn}: ${message}`);
  };
  if (imageSize[0] < patchSize[0] || imageSize[1] < patchSize[1])
    fail(`image_size ${imageSize.join(" × ")} holds no patch of ${patchSize.join(" × ")}`);
  if (!Number.isInteger(headDim))
    fail(`hidden_size ${config.hiddenSize} is not a multiple of ${config.numHeads} heads`);
  if (positions.kind === "rope" && headDim % 4 !== 0)
    fail(`positions are of two axes and need heads of a multiple of 4, got ${headDim}`);
  if (!specialTokens.classToken && (classifies === "class" || classifies === "classAndMean"))
    fail("classes are read from a class token, and there is none");
  if (decoder && decoder.hiddenSize % decoder.numHeads !== 0)
    fail(
      `decoder_hidden_size ${decoder.hiddenSize} is not a multiple of ${decoder.numHeads} heads`,
    );
  if (decoder && !(decoder.maskRatio >= 0 && decoder.maskRatio < 1))
    fail(`mask_ratio must be in [0, 1), got ${decoder.maskRatio}`);
}
