/**
 * Score-based diffusion with theorems: noise schedules, exact scores, samplers, and certificates of their order of convergence.
 *
 * @packageDocumentation
 */

// noise schedules
export { levelOf, levelOfLambda, type NoiseLevel } from "./schedule/level.js";
export { paperSchedule, scheduleOf, type PaperScheduleOptions, type Schedule } from "./schedule/schedule.js";
export { cosineBetas, linearBetas, scaledLinearBetas, sigmoidBetas, type BetaRange } from "./schedule/betas.js";
export { exponentialSigmas, karrasSigmas, type SigmaRange } from "./schedule/sigmas.js";

// scores
export { convertPrediction, type AsyncModel, type Model, type Prediction } from "./score/prediction.js";
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

// samplers
export {
  sample,
  sampleAsync,
  type Query,
  type SampleOptions,
  type SampleProgress,
  type SampleResult,
  type Sampler,
  type SamplerState,
  type TableOptions,
} from "./sampler/sampler.js";
export type { StepRow } from "./sampler/steps.js";
export { pfOde } from "./sampler/pf-ode.js";
export { ddpm } from "./sampler/ddpm.js";
export { acceleratedOde, acceleratedOdeCached, acceleratedOdeExtended, type AcceleratedRow, type CachedRow } from "./sampler/accelerated-ode.js";
export { acceleratedSde } from "./sampler/accelerated-sde.js";
export { ddim, type DdimRow } from "./sampler/ddim.js";
export { probabilityFlow } from "./flow.js";

// certificates
export { certifyOrder, convergence, type Convergence, type ConvergenceOptions } from "./certify/order.js";
export { pathKl1d } from "./certify/path-kl.js";

// networks and their training
export { networkModel, type BatchLevels, type Network } from "./network/network.js";
export { scoreNetwork, type ScoreNetwork, type ScoreNetworkConfig, type ScoreNetworkParams } from "./network/score-network.js";
export { cosineLevel, denoisingLoss, lossWeight, type DenoisingLossOptions, type LossWeight, type LossWeightOptions } from "./train/loss.js";
export { trainScore, type TrainScoreOptions, type TrainScoreResult, type TrainingState } from "./train/train.js";
