/**
 * Hierarchies of discrete latent concepts, recovered from data by tests of rank.
 *
 * @packageDocumentation
 */

// graphs
export { conceptGraph, type ConceptGraph } from "./graph/graph.js";
export {
  presetGraph,
  presetNames,
  randomHierarchy,
  type PresetName,
  type RandomHierarchyOptions,
} from "./graph/presets.js";
export { graphRank, isDSeparated, minimalSeparator, tSeparationRank } from "./graph/separation.js";
export { checkIdentifiability, type Violation } from "./graph/identifiability.js";
export { toEquivalenceClass, type ClassEdge } from "./graph/equivalence.js";

// models
export { randomCpts, type Cpts, type RandomCptsOptions } from "./model/cpts.js";
export { exactJoint, sampleHierarchy, type HierarchySample } from "./model/joint.js";
export { fitHierarchy, type FitOptions, type FittedHierarchy } from "./model/fit.js";
export { inferConcepts, type InferredConcepts } from "./model/infer.js";
export { compareHierarchies, conceptLevels, intervene } from "./model/intervene.js";

// rank tests
export {
  rankTest,
  type RankTestMethod,
  type RankTestOptions,
  type RankTestResult,
} from "./rank/rank-test.js";
export {
  estimateRank,
  nonnegativeRank,
  rankProfile,
  type NonnegativeRank,
  type NonnegativeRankOptions,
} from "./rank/estimate.js";
export { chiSquareTail } from "./rank/chi-square.js";

// data
export { recodeLabels, type JointData, type LabelData } from "./data/labels.js";
export { collapseStates, type CollapsedData } from "./data/collapse.js";

// concepts from continuous data
export {
  conceptObservations,
  type ObservationOptions,
  type Observations,
} from "./concepts/observations.js";
export { learnConcepts, type LearnOptions, type LearnedConcepts } from "./concepts/learn.js";
export { factorStates } from "./concepts/factorise.js";
export { noiseLevelCurve, representationSparsity } from "./concepts/noise-levels.js";
export type { CovarianceKind } from "./concepts/mixture.js";

// search
export { discoverHierarchy } from "./search/discover.js";
export type { BackgroundKnowledge, DiscoverOptions } from "./search/settings.js";
export type { Alternative } from "./search/settle.js";
export type { FoundEdge, FoundLatent, HierarchyResult } from "./search/result.js";
export type { Decision } from "./search/clusters.js";
export {
  covarianceOracle,
  dataOracle,
  graphOracle,
  jointOracle,
  type RankAnswer,
  type RankOracle,
  type RankSide,
  type DataOracleOptions,
} from "./search/oracle.js";
export {
  bootstrapHierarchy,
  type BootstrapOptions,
  type BootstrapResult,
} from "./search/bootstrap.js";

// surveys
export {
  discoverGroups,
  type GroupItem,
  type GroupsResult,
  type ItemGroup,
} from "./survey/discover-groups.js";
export type { GroupOptions, ItemOptions } from "./survey/options.js";
export type { SetAside } from "./survey/item.js";
export type { FitOfGroups } from "./survey/fit-of-groups.js";
export { itemCorrelations } from "./survey/survey.js";
export {
  factorAnalysis,
  type FactorAnalysis,
  type FactorOptions,
} from "./survey/factor-analysis.js";
export { scoreGroups } from "./survey/score.js";
export { describeGroups, toLavaan } from "./survey/words.js";
export { certifyGroups, type CertifyGroupsOptions } from "./survey/certificate.js";

// certificates
export { certifyFit, type CertifyFitOptions } from "./model/certificate.js";
export { certifyHierarchy, type CertifyOptions } from "./search/certificate.js";

// pictures and exchange
export { hierarchyPicture, type PictureOptions } from "./graph/picture.js";
export {
  fromAdjacency,
  toAdjacency,
  toDagitty,
  toDot,
  toGraphml,
  toJsonGraph,
  toMermaid,
} from "./graph/exchange.js";
export { toBif } from "./model/bif.js";

// metrics
export {
  matchLatents,
  structureMetrics,
  type Edge,
  type LatentMatching,
  type StructureMetrics,
} from "./metrics/structure.js";
export {
  adjustedRandIndex,
  labelAccuracy,
  normalizedMutualInformation,
  purity,
} from "./metrics/labels.js";

// errors
export { GraphError, InvalidDataError, NotFactorisableError, TableSizeError } from "./errors.js";
