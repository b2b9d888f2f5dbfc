/**
 * The theory of masked pretraining of attention made executable, measures of attention maps, and masked pretraining of a small vision transformer.
 *
 * @packageDocumentation
 */

// data
export {
  createAreaPartition,
  createSpatialDistribution,
  type AreaPartition,
  type AreaPartitionOptions,
  type SpatialDistribution,
  type DistributionOptions,
} from "./data/distribution.js";
export type { Latent } from "./data/latent.js";
export {
  enumerateImages,
  maskedCount,
  renderImage,
  sampleImage,
  sampleMask,
  sampleMaskedImages,
  type MaskedImage,
  type SpatialImage,
  type MaskOptions,
  type RenderOptions,
  type EnumerateOptions,
} from "./data/sampling.js";
export {
  decouplingAtZero,
  informationGap,
  powerLawAreaSizes,
  type AreaSetting,
  type PowerLaw,
} from "./data/information-gap.js";

// the one-layer attention model
export {
  fromDenseQ,
  toDenseQ,
  zeroCorrelations,
  type Correlations,
  type BasisOptions,
} from "./theory/correlations.js";
export {
  areaAttentionScores,
  attentionScores,
  maskedAttention,
  reconstruct,
} from "./theory/attention.js";

// objectives
export {
  maeLossAndGradient,
  type LossAndGradient,
  type MaeLossOptions,
} from "./theory/masked-reconstruction.js";
export {
  contrastiveLossAndGradient,
  type ContrastiveLossOptions,
  type ContrastiveTuple,
} from "./theory/contrastive.js";
export {
  summarizeTokenAttention,
  tokenContrastiveLoss,
  trainTokenContrastive,
  type TokenContrastiveOptions,
  type TokenSummary,
  type TemperatureOptions,
} from "./theory/contrastive-tokens.js";
export { optimalReconstructionLoss, reconstructionLossAtZero } from "./theory/closed-forms.js";

// training and its phases
export {
  trainContrastive,
  trainMaskedReconstruction,
  type ContrastiveOptions,
  type MaskedReconstructionOptions,
} from "./theory/train.js";
export type { CorrelationState, DescentOptions, DescentResult } from "./theory/descent.js";
export type { DescentHistory, TrackedQuery } from "./theory/descent-history.js";
export { summarizeAreas, type AreaSummary } from "./theory/area-summary.js";
export type { QueryHistory } from "./theory/history.js";
export {
  simulateMeanField,
  type MeanFieldHistory,
  type MeanFieldOptions,
} from "./theory/mean-field.js";
export { detectPhases, type PhaseOptions, type Phases } from "./theory/phases.js";
export {
  certifyAreaAttention,
  certifyPhases,
  certifyReconstruction,
  type CertifyReconstructionOptions,
  type AreaCertificateOptions,
  type PhaseCertificateOptions,
} from "./theory/certificates.js";

// attention maps of any model
export { attentionFromQK, attentionFromTensor, type ScaleOptions } from "./attention/input.js";
export type { AttentionInput } from "./attention/tensor.js";
export {
  areaAttention,
  dropTokens,
  heavyHitters,
  receivedAttention,
  type AreaOptions,
  type DropTokensOptions,
} from "./attention/received.js";
export { attentionRollout, topKAttention } from "./attention/rollout.js";
// metrics of attention maps
export {
  attentionEntropy,
  attentionGini,
  attentionHoyer,
  attentionPerplexity,
  coverageCount,
  participationRatio,
  topKMass,
  type EntropyOptions,
} from "./attention/spread.js";
export { attentionDistance, type AttentionDistanceOptions } from "./attention/distance.js";
export {
  attentionDiversity,
  headDiversity,
  attentionMutualInformation,
  queryStd,
  type AttentionDistance,
  type DiversityOptions,
} from "./attention/diversity.js";
export {
  summarizeAttention,
  type BatchStatistic,
  type HeadSummary,
  type SummarizeOptions,
} from "./attention/summary.js";

// errors
export { DivergenceError } from "./errors.js";

// a small vision transformer and its masked pretraining
export {
  patchify,
  sinCosPositionEmbedding2d,
  unpatchify,
  type UnpatchOptions,
} from "./vit/patches.js";
export {
  maskingFromOrder,
  randomMasking,
  type Masking,
  type MaskingOptions,
  type OrderOptions,
} from "./vit/masking.js";
export {
  createMaskedAutoencoder,
  type FullConfig,
  type MaskedTransformer,
  type MaskedTransformerConfig,
  type TransformerParams,
} from "./vit/config.js";
export { maeForward, type MaskedForward } from "./vit/forward.js";
export {
  digitRecipes,
  pretrain,
  type PretrainingOptions,
  type PretrainingResult,
  type PretrainingState,
} from "./vit/pretrain.js";
export { decodePretrainingState, encodePretrainingState } from "./vit/state.js";
export {
  augmentImages,
  createContrastive,
  pretrainContrastive,
  type AugmentOptions,
  type ContrastivePretrainingOptions,
} from "./vit/contrastive.js";
// what it learnt
export {
  encode,
  imageFeatures,
  type Encoded,
  type EncodeOptions,
  type FeatureOptions,
} from "./vit/encode.js";
export {
  knnProbe,
  logisticProbe,
  ridgeProbe,
  type LabelledFeatures,
  type ProbeResult,
  type RidgeOptions,
  type LogisticOptions,
  type KnnOptions,
} from "./vit/probes.js";
export {
  certifyPretraining,
  maskedError,
  meanPatchError,
  reconstructImages,
  type MaskedError,
  type PretrainingCertificateOptions,
} from "./vit/evaluate.js";

// images as models take them
export { imageProcessor, type ImageProcessor } from "./images/config.js";
export { processImage, seenImage, type PixelImage } from "./images/process.js";

// published vision transformers
export {
  type VisionConfig,
  type VisionDecoderConfig,
  type VisionFamily,
} from "./vision/description.js";
export { visionConfig } from "./vision/config.js";
export { visionModel, type VisionModel } from "./vision/model.js";
export { loadVisionModel, type LoadVisionOptions } from "./vision/load.js";
export { encodeImages, type EncodedImages, type EncodeImagesOptions } from "./vision/run.js";
export { patchAttention, type PatchAttentionOptions } from "./vision/patch-attention.js";
export { reconstructPixels, type ReconstructedPixels } from "./vision/masked.js";
export { visionFiles } from "./vision/export.js";

// pictures: SVG text and PNG bytes, without a browser
export {
  plotAreaAttention,
  plotCorrelations,
  plotLayerMetric,
  plotLoss,
  type AreaCurveOptions,
  type PlotLossOptions,
} from "./plot/curves.js";
export {
  plotAttentionGrid,
  plotAttentionMap,
  plotPartition,
  plotReconstruction,
  type MapOptions,
  type CellOptions,
  type PixelOptions,
  type PlotGridOptions,
} from "./plot/maps.js";
export {
  heatmapPng,
  imageGridPng,
  type HeatmapOptions,
  type ImageGridOptions,
} from "./plot/png.js";
export { plotHeatOverImage, type HeatOverImageOptions } from "./plot/overlay.js";
