/**
 * Value-incentivised preference optimisation (VPO), online and offline; exact tools for finite problems, and certificates. The losses that people compare it
 * with are in `@provably/rlhf-vpo/baselines`.
 *
 * @packageDocumentation
 */

// losses
export {
  alphaFromSum,
  vpoLoss,
  type Attitude,
  type Calibration,
  type VpoOptions,
} from "./losses/vpo.js";
export { dpoLoss, type DpoOptions, type SmoothingOptions } from "./losses/dpo.js";
export { differentiable, type Differentiable } from "./losses/differentiable.js";
export type {
  BetaOptions,
  Convention,
  PairLossOptions,
  LossResult,
  PreferenceBatch,
  ReferenceOptions,
  ResponseLengths,
  ResponsePairs,
  SingleOptions,
} from "./losses/batch.js";

// finite problems, exactly
export {
  calibrateReward,
  implicitReward,
  policyDivergence,
  optimalLogPolicy,
  optimalValue,
  policyValue,
  suboptimality,
  winRate,
  type CalibrateOptions,
  type ValueOptions,
} from "./exact/values.js";
export type { PreferenceProblem } from "./exact/problem.js";
export {
  rankFromVotes,
  type RankedItem,
  type Vote,
  type VoteOptions,
  type VoteRanking,
} from "./exact/votes.js";
export {
  chooseCalibration,
  coverageOf,
  type CalibrationChoice,
  type CalibrationChoiceOptions,
  type CalibrationScore,
  type Coverage,
} from "./exact/calibration.js";
export {
  bradleyTerryLoss,
  bradleyTerryProbability,
  fitRewardModel,
  plackettLuceLoss,
  type RewardFitOptions,
  type RewardModel,
} from "./exact/reward-model.js";

// training
export {
  solveVpo,
  trainVpo,
  vpoObjective,
  type SolveOptions,
  type TrainOptions,
  type TrainingResult,
  type VpoHyperparameters,
} from "./train/offline.js";
export {
  trainPolicy,
  type Evaluation,
  type PolicyState,
  type PolicyTraining,
  type TrainPolicyOptions,
} from "./train/policy.js";
export { mlpPolicy, type MlpParams } from "./train/mlp.js";
export type { FinitePolicy } from "./train/model.js";
export { solveBoundedVpo, type BoundedOptions, type BoundedSolution } from "./train/bounded.js";
export {
  startOnline,
  type OnlineConversation,
  type PairQuery,
  type QueryAnswer,
} from "./train/conversation.js";
export {
  JudgeError,
  onlineVpo,
  onlineVpoAsync,
  type JudgeOptions,
  type OnlineResult,
} from "./train/online.js";
export type {
  ConversationOptions,
  OnlineOptions,
  OnlineState,
  OpenQuery,
  RewardBound,
  SecondResponse,
} from "./train/online-options.js";
export { onlineCosts, type OnlineCosts } from "./train/costs.js";
export { bradleyTerryOracle, type PreferenceJudge, type PreferenceOracle } from "./train/oracle.js";
export { theoreticalAlpha } from "./train/theory.js";
export type { OptimizerName, OptimizerState } from "./train/optimizer.js";

// certificates
export { certifyLeader, type LeaderCertificates, type LeaderOptions } from "./certify/leader.js";
export {
  certifyPessimism,
  certifyRewardCalibration,
  certifySuboptimality,
  type PessimismCertificates,
} from "./certify/saddle.js";

// sequences
export {
  responseMask,
  scoreSequences,
  sequenceLogProbs,
  type SequenceLogProbs,
  type SequenceOptions,
} from "./sequence/log-probs.js";

// language models
export {
  padPairs,
  type PaddedPairs,
  type PaddingOptions,
  type TokenPair,
} from "./language/pairs.js";
export { tokenizePairs, type TokenizeOptions, type TokenizedPairs } from "./language/tokenize.js";
export {
  scorePairs,
  type PairScores,
  type ScorePairsOptions,
  type SequenceModel,
} from "./language/score.js";
export { trainPreferences } from "./language/train.js";
export type {
  LossBatch,
  PairEvaluation,
  PairMetrics,
  PreferenceTraining,
  TrainPreferencesOptions,
  TrainingStep,
} from "./language/train-options.js";
export {
  decodeCheckpoint,
  encodeCheckpoint,
  type PreferenceTrainingState,
} from "./language/checkpoint.js";
export {
  lora,
  type Lora,
  type LoraAdapters,
  type LoraOptions,
  type MergedLora,
} from "./language/lora.js";

// data
export {
  loadPreferences,
  readPreferences,
  type FoundPreference,
  type PreferenceSummary,
  type ReadOptions,
} from "./data/read.js";
export type { ChunkSource, PreferenceFormat } from "./data/source.js";
export { parsePreferences } from "./data/layouts.js";
export {
  PreferenceFormatError,
  type Content,
  type Message,
  type Preference,
  type PreferenceErrorCode,
  type PreferenceRecord,
  type ScoredRecord,
  type TieRecord,
  type UnpairedRecord,
} from "./data/record.js";
export {
  batches,
  flipLabels,
  pairsFromRanking,
  pairsFromScores,
  toUnpaired,
} from "./data/tools.js";

// metrics
export { klEstimates, preferenceMetrics, type PreferenceMetrics } from "./metrics.js";
