/**
 * Planning and learning that hold when the model is wrong: worst-case expectations, robust Markov decision processes, robust Markov games, offline
 * learning, each with a certificate.
 *
 * @packageDocumentation
 */

// uncertainty sets
export {
  l1Ball,
  l2Ball,
  lInfBall,
  totalVariation,
  type L1BallOptions,
} from "./uncertainty/balls.js";
export { chiSquare, contamination, cvar, kullbackLeibler } from "./uncertainty/reweighting.js";
export { interval, wasserstein, type WassersteinOptions } from "./uncertainty/tables.js";
export type { Support } from "./uncertainty/support.js";
export type { SupportOptions, UncertaintySet } from "./uncertainty/set.js";
export type { Nature, SortedValues, WorstCase } from "./uncertainty/mass.js";
export type { RowBounds, RowOfWorth, SureRange, Witness } from "./uncertainty/bounds.js";
export {
  bestCaseExpectation,
  normalize,
  worstCaseBatch,
  worstCaseExpectation,
  type WorstCaseExpectation,
} from "./uncertainty/worst-case.js";

// linear programs
export {
  solveLinearProgram,
  type LinearProgram,
  type LinearProgramSolution,
} from "./lp/program.js";
export { SolverError } from "./lp/error.js";
export { solveLinearProgramHighs } from "./lp/highs.js";

// decision processes and planning
export { mdp } from "./mdp/model.js";
export type { Mdp, MdpParts, RewardAxes, SparseRewards } from "./mdp/process.js";
export type { SparseLists, SparseTransitions } from "./mdp/sparse.js";
export {
  sRectangularL1,
  type SRectangularOptions,
  type SRectangularSet,
} from "./mdp/s-rectangular.js";
export { robustBellman, worstCaseKernel, type OperatorOptions } from "./mdp/bellman.js";
export type { RectangularSet } from "./mdp/problem.js";
export {
  partialPolicyIteration,
  policyIteration,
  robustModifiedPolicyIteration,
  robustPlan,
  robustPolicyIteration,
  robustValueIteration,
  valueIteration,
  type DiscountedOptions,
  type FiniteHorizonOptions,
  type ModifiedOptions,
  type RobustPlan,
} from "./mdp/planning.js";
export { robustShortestPath, shortestPath, type ShortestPathOptions } from "./mdp/shortest-path.js";
export {
  averageReward,
  robustAverageReward,
  type AverageRewardOptions,
  type AveragePlan,
} from "./mdp/average-reward.js";
export {
  evaluatePolicy,
  robustPolicyEvaluation,
  robustnessProfile,
  type EvaluationOptions,
  type ProfileOptions,
  type RobustEvaluation,
} from "./mdp/evaluation.js";
export {
  certifyPlan,
  certifyValues,
  type CertifyPlanOptions,
  type CertifyValuesOptions,
} from "./mdp/certificate.js";
export { linearProgrammingMdp, occupancyMeasure, type FromStart } from "./mdp/linear-program.js";
export { simulate, weissmanRadius, type SimulateOptions } from "./mdp/simulate.js";

// logs and tables
export { transitionLog, type LogColumns, type LogOptions, type TransitionLog } from "./logs/log.js";
export { logFromCsv, logFromJsonl, type LogNames, type LogTextOptions } from "./logs/log-text.js";
export { logFromArrays, type FlatLog } from "./logs/log-arrays.js";
export { planFromLog, type LogPlan, type PlanFromLogOptions } from "./logs/plan-from-log.js";
export { mdpFromGymnasium } from "./logs/gymnasium.js";

// environments
export {
  gridWorld,
  inventory,
  machineReplacement,
  riverSwim,
  type GridWorldOptions,
  type InventoryOptions,
} from "./environments/classic.js";
export { gridPicture, type GridPictureOptions } from "./environments/picture.js";
export {
  garnet,
  randomLinearMdp,
  type GarnetOptions,
  type RandomLinearOptions,
} from "./environments/random.js";
export { americanPut, priceGrid, type AmericanPutOptions } from "./environments/american-put.js";

// equilibria of games in normal form
export {
  bimatrixNash,
  type BimatrixEquilibria,
  type BimatrixOptions,
  type NashEquilibrium,
  type NashMethod,
} from "./stage/bimatrix.js";
export { nashEquilibria, pureNash, type MixedEquilibrium, type NashOptions } from "./stage/nash.js";
export { zeroSumEquilibrium, type ZeroSumEquilibrium } from "./stage/zero-sum.js";
export {
  coarseCorrelatedEquilibrium,
  correlatedEquilibrium,
  type CorrelatedEquilibrium,
  type CorrelatedOptions,
  type EquilibriumObjective,
} from "./stage/correlated.js";
export { certifyNash, type CertifyNashOptions } from "./stage/certificate.js";
export { regret } from "./stage/payoffs.js";

// games in files
export { readNfg, writeNfg, type NfgNames, type NormalFormGame } from "./files/nfg.js";
export { readEfg, type ExtensiveGame, type GameNode, type InformationSet } from "./files/efg.js";
export {
  behaviourStrategy,
  reducedNormalForm,
  type ReducedNormalForm,
} from "./files/normal-form.js";

// Markov games
export { markovGame, type MarkovGame, type MarkovGameParts } from "./game/model.js";
export {
  drNvi,
  sampleComplexity,
  type DrNviOptions,
  type DrNviResult,
  type DrNviState,
  type SampleComplexityOptions,
} from "./game/dr-nvi.js";
export {
  robustGameValues,
  robustGap,
  type GameOptions,
  type GapOptions,
  type RobustGap,
  type SolutionConcept,
} from "./game/gaps.js";
export {
  empiricalGame,
  empiricalKernel,
  sampleCounts,
  type EmpiricalKernelOptions,
} from "./game/sampling.js";
export { commonsGame, randomMarkovGame, type RandomGameOptions } from "./environments/games.js";

// offline learning
export {
  linearMdp,
  linearRobustEvaluation,
  linearRobustValueIteration,
  type LinearMdp,
  type LinearMdpParts,
  type LinearValues,
} from "./offline/model.js";
export {
  collectOfflineData,
  trimmedCount,
  twoFoldSubsampling,
  type CollectOptions,
  type OfflineData,
  type SubsamplingOptions,
  type TrimOptions,
} from "./offline/data.js";
export { drop, drpvi } from "./offline/drop.js";
export type { DropOptions, DropResult, Pessimism } from "./offline/result.js";
export { dropV, type DropVOptions } from "./offline/drop-v.js";
export { certifyOffline, type CertifyOfflineOptions } from "./offline/certificate.js";
