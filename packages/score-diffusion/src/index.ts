/**
 * Score-based diffusion with theorems: noise schedules, exact scores, samplers, and certificates of their order of convergence.
 *
 * @packageDocumentation
 */

// noise schedules
export {
  addNoise,
  lambdaOf,
  levelOf,
  levelOfLambda,
  levelOfSigma,
  type NoiseLevel,
} from "./schedule/level.js";
export {
  flowSchedule,
  lambdaGrid,
  levelAt,
  theorySchedule,
  scheduleOf,
  scheduleOfAlphaBar,
  scheduleOfSigmas,
  type TheoryScheduleOptions,
  type Schedule,
} from "./schedule/schedule.js";
export {
  truncateSchedule,
  rescaleZeroTerminalSnr,
  respace,
  timesteps,
  type Spacing,
} from "./schedule/respace.js";
export {
  cosineBetas,
  linearBetas,
  scaledLinearBetas,
  sigmoidBetas,
  type BetaRange,
} from "./schedule/betas.js";
export { exponentialSigmas, karrasSigmas, type SigmaRange } from "./schedule/sigmas.js";

// scores
export {
  convertPrediction,
  type AsyncModel,
  type Model,
  type Prediction,
} from "./score/prediction.js";
export {
  gaussianMixture,
  mixtureJacobian,
  mixtureLogDensity,
  mixtureResponsibilities,
  mixtureScore,
  type GaussianMixture,
  type GaussianMixtureInput,
} from "./score/gaussian-mixture.js";
export {
  empiricalDenoiser,
  empiricalDistribution,
  empiricalLogDensity,
  empiricalScore,
  type EmpiricalDistribution,
  type EmpiricalOptions,
} from "./score/empirical.js";
export { gaussian, gaussianScore } from "./score/gaussian.js";
export { linearSubspace, productModel, type Factor } from "./score/product.js";
export { perturbScore, type ScoreError } from "./score/perturb-score.js";
export {
  clippedModel,
  clippedModelAsync,
  guide,
  guidedModel,
  guidedModelAsync,
  type RescaleOptions,
} from "./score/guidance.js";
export { edmModel, edmModelAsync, edmPrecondition, vpToVe, type EdmFactors } from "./score/edm.js";
export { flowMatchingModel, flowMatchingModelAsync } from "./score/flow-matching.js";
export { denoised, type Denoised } from "./score/denoiser.js";
export {
  mixtureCovariances,
  mixtureMoments,
  mixturePosterior,
  mixtureSamples,
} from "./score/mixture-posterior.js";

// samplers
export {
  defineSampler,
  type Sampler,
  type SamplerState,
  type TableOptions,
} from "./sampler/sampler.js";
export {
  sample,
  sampleAsync,
  type SampleOptions,
  type SampleProgress,
  type SampleResult,
} from "./sampler/sample.js";
export type { Query } from "./sampler/drive.js";
export { stepRows, transitions, type StepRow, type Transition } from "./sampler/steps.js";
export { pfOde } from "./sampler/pf-ode.js";
export { ddpm } from "./sampler/ddpm.js";
export {
  acceleratedOde,
  acceleratedOdeMultistep,
  acceleratedOdeExtended,
  type AcceleratedRow,
  type MultistepRow,
} from "./sampler/accelerated-ode.js";
export { acceleratedSde } from "./sampler/accelerated-sde.js";
export {
  sampleAdaptive,
  sampleAdaptiveAsync,
  type AdaptiveOptions,
  type AdaptiveResult,
} from "./sampler/adaptive.js";
export { probabilityFlow } from "./flow.js";
export {
  logLikelihood,
  type Divergence,
  type LikelihoodOptions,
  type LikelihoodResult,
} from "./likelihood.js";

// certificates
export {
  certifyOrder,
  convergence,
  type Convergence,
  type ConvergenceOptions,
} from "./certify/order.js";
export { pathKl1d } from "./certify/path-kl.js";
export { marginalTv1d } from "./certify/marginal-tv.js";
export {
  certifyErrorBound,
  scoreErrors,
  type ScoreErrorOptions,
  type ScoreErrors,
} from "./certify/score-error.js";

// networks and their training
export { stepOfLevel, type Training } from "./schedule/training.js";
export { stepModel, stepModelAsync, type StepModelOptions } from "./network/step-model.js";
export { networkModel, type BatchLevels, type Network } from "./network/network.js";
export { imageModel } from "./network/image-model.js";
export {
  imageNetwork,
  type ImageNetwork,
  type ImageNetworkConfig,
} from "./network/image-network.js";
export {
  scoreNetwork,
  type ScoreNetwork,
  type ScoreNetworkConfig,
  type ScoreNetworkParams,
} from "./network/score-network.js";
export {
  cosineLevel,
  denoisingLoss,
  lossWeight,
  type DenoisingLossOptions,
  type LossWeight,
  type LossWeightOptions,
} from "./train/loss.js";
export {
  trainScore,
  type TrainScoreOptions,
  type TrainScoreResult,
  type TrainingState,
} from "./train/train.js";

// networks from elsewhere
export { loadOnnxModel, onnxModel, type LoadOnnxOptions } from "./onnx/onnx-model.js";
export type { OnnxGuidance, OnnxModelOptions } from "./onnx/options.js";
export { onnxVae, type OnnxVae, type OnnxVaeParts } from "./onnx/vae.js";
export type { OnnxFeed } from "./onnx/feeds.js";
export type { OnnxRuntime, OnnxSession, OnnxTensor, OnnxValueMetadata } from "./onnx/runtime.js";

// images
export { decodePng, encodePng } from "./image/png.js";
export { imageGrid, type GridOptions } from "./image/grid.js";

// metrics
export { totalVariationDistance } from "./metrics/total-variation.js";
export { randomDirections, slicedWasserstein, wasserstein1d } from "./metrics/wasserstein.js";
export {
  klGaussian,
  sampleMoments,
  wasserstein2Gaussian,
  type Moments,
} from "./metrics/gaussian.js";
export { energyDistance } from "./metrics/energy-distance.js";
export { mmd2, type MmdOptions } from "./metrics/mmd.js";
export { psnr, ssim, type ImageQualityOptions } from "./metrics/image-quality.js";
export { gradientSimilarityDeviation } from "./metrics/gradient-similarity.js";
export { frechetDistance, type FrechetOptions } from "./metrics/frechet.js";
export { precisionRecall, type PrecisionRecall } from "./metrics/precision-recall.js";

// forward models
export {
  compressedSensing,
  identityOperator,
  linearOperator,
  matrixOperator,
  operatorNorm,
  type LinearOperator,
  type Operator,
} from "./forward/operator.js";
export { inpainting } from "./forward/inpainting.js";
export { blur, gaussianKernel, motionKernel, type BlurOptions } from "./forward/blur.js";
export { superResolution, type SuperResolutionOptions } from "./forward/super-resolution.js";
export { mosaic, type MosaicOptions } from "./forward/mosaic.js";
export { radon, type RadonOptions } from "./forward/radon.js";
export { mri, type MriOptions } from "./forward/mri.js";
export { saturation, type SaturationOptions } from "./forward/saturation.js";
export { perChannel } from "./forward/per-channel.js";
export {
  blockOperators,
  composeOperators,
  scaleOperator,
  stackOperators,
} from "./forward/algebra.js";
export { codedPhaseRetrieval, type PhaseRetrievalOptions } from "./forward/phase-retrieval.js";
export {
  forwardModel,
  gaussianNoise,
  type ForwardModel,
  type Likelihood,
} from "./forward/forward-model.js";
export { quantizedSensing } from "./forward/quantized-sensing.js";
export { roundedSensing } from "./forward/rounded-sensing.js";
export { jpeg } from "./forward/jpeg.js";
export { poissonNoise } from "./forward/poisson-noise.js";
export { laplaceNoise } from "./forward/laplace-noise.js";

// posterior sampling
export { annealing, type AnnealingOptions } from "./posterior/annealing.js";
export { pcsGaussian, type PcsGaussianOptions } from "./posterior/pcs-gaussian.js";
export { pcsMala, type PcsMalaOptions, type PcsMalaResult } from "./posterior/pcs-mala.js";
export {
  ddsDdim,
  ddsDdpm,
  denoise,
  denoiseAsync,
  type DdsDdimOptions,
  type DdsDdpmOptions,
  type DenoisingSampler,
} from "./posterior/dds.js";
export { dpnp, dpnpAsync } from "./posterior/dpnp.js";
export type { DpnpOptions, DpnpResult, DpnpState } from "./posterior/dpnp-setup.js";
export { posteriorByRejection, type RejectionOptions } from "./posterior/rejection.js";
export { effectiveSampleSize, splitRHat } from "./posterior/diagnostics.js";

// certificates of posteriors
export {
  sbcRanks,
  certifyCalibration,
  type CalibrationOptions,
  type SbcOptions,
  type PosteriorSampler,
} from "./certify/calibration.js";
export { certifyScore, certifyScoreAsync, type CertifyScoreOptions } from "./certify/score.js";
export { certifyPosterior, type PosteriorDistanceOptions } from "./certify/posterior-distance.js";
export {
  certifyPosteriorPredictive,
  type PosteriorPredictiveOptions,
} from "./certify/posterior-predictive.js";
