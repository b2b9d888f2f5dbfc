/**
 * Identifiable counterfactual generation: a variational model that separates content from style across domains.
 *
 * @packageDocumentation
 */

// flows
export type { FlowValue, ScalarFlow } from "./flow/family.js";
export { scalarFlow, type FlowConfig } from "./flow/scalar-flow.js";
export { rationalLinearSpline } from "./flow/rational-linear.js";
export { rationalQuadraticSpline } from "./flow/rational-quadratic.js";
export { denseSigmoidalFlow, type SigmoidalOptions } from "./flow/dense-sigmoidal.js";
export type { SplineOptions } from "./flow/bins.js";

// networks
export { lstmSequence } from "./network/lstm.js";
export type { FlowMlpParams, LayerParams } from "./network/mlp.js";
export type { LstmParams, TextNetworkParams } from "./network/text.js";
export type { VectorNetworkParams } from "./network/vectors.js";
export type { ConditionalFlowParams } from "./flow/conditional.js";

// the model
export {
  matteConfig,
  type MatteConfig,
  type MatteOptions,
  type MatteWeights,
  type TextObservation,
  type VectorObservation,
} from "./model/config.js";
export { initMatte, type Matte, type MatteParams } from "./model/params.js";
export { mixNoise, inferNoise, type Latents, type Noise } from "./model/noise.js";

// the objective
export {
  klFlow,
  matteLoss,
  type LossFactors,
  type MatteBatch,
  type MatteParts,
} from "./model/loss.js";
export { jacobianSparsity } from "./model/sparsity.js";

// training
export {
  trainMatte,
  type MatteData,
  type MatteState,
  type TrainMatteOptions,
  type TrainedMatte,
} from "./model/train.js";
export { TrainingDivergedError } from "./errors.js";

// sentences
export {
  decodeSentences,
  encodeSentences,
  readLabelledText,
  vocabularyOf,
  type Vocabulary,
} from "./text/vocabulary.js";
export { reviewLexicon, type DomainWords, type Lexicon } from "./text/lexicon.js";
export {
  makeReviewCorpus,
  reviewSentence,
  reviewStyleProbability,
  type ReviewContent,
  type ReviewCorpus,
  type ReviewCorpusOptions,
} from "./text/review-corpus.js";

// counterfactuals
export { decodeLatents, encodeLatents, samplePrior, type Posterior } from "./model/generate.js";
export {
  counterfactual,
  stylePoles,
  type Counterfactual,
  type StyleFlip,
  type StylePoles,
} from "./model/counterfactual.js";

// evaluation
export { corpusBleu, gScore, type BleuOptions } from "./evaluate/bleu.js";
export { blockR2, linearR2, mcc, type BlockR2Options } from "./evaluate/identifiability.js";

// synthetic models with known latents
export { makeVectors, type MakeVectorsOptions, type VectorData } from "./vectors/make-vectors.js";
export {
  linearGaussianMatte,
  type LinearGaussianMatte,
  type LinearGaussianParams,
} from "./vectors/linear-gaussian.js";
export { sparsestInSpan } from "./vectors/sparsest.js";
export {
  classifyStyle,
  lexiconPolarity,
  styleAccuracy,
  trainStyleClassifier,
  type StyleClassifier,
} from "./evaluate/style.js";
export {
  contentPreservation,
  distinctN,
  exactCounterfactualRate,
  wordDominance,
} from "./evaluate/content.js";
export {
  ngramPerplexity,
  trainLanguageModel,
  type Followers,
  type NgramModel,
} from "./evaluate/fluency.js";
export { antonymBaseline } from "./text/antonym.js";
export { loadMatte, saveMatte, type SaveOptions } from "./model/save.js";

// certificates
export {
  certifyCounterfactual,
  meanInterval,
  sentenceJudge,
  wilsonInterval,
  type CertifiedEstimate,
  type CertifyCounterfactualOptions,
  type CounterfactualJudge,
  type Estimate,
} from "./certify.js";

// experiments
export {
  identifiabilityExperiment,
  identifiabilitySettings,
  type IdentifiabilityOptions,
  type IdentifiabilityRow,
  type IdentifiabilitySetting,
} from "./experiments.js";
