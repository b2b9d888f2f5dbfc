/**
 * Planning and learning that hold when the model is wrong: worst-case expectations, robust Markov decision processes, robust Markov games, offline
 * learning, each with a certificate.
 *
 * @packageDocumentation
 */

// uncertainty sets
export {
  chiSquare,
  contamination,
  cvar,
  interval,
  kullbackLeibler,
  l1Ball,
  l2Ball,
  lInfBall,
  totalVariation,
  wasserstein,
  type Support,
  type SupportOptions,
  type UncertaintySet,
} from "./uncertainty/set.js";
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
export { mdp, type Mdp, type SparseTransitions } from "./mdp/model.js";
export { sRectangularL1, type SRectangularSet } from "./mdp/s-rectangular.js";
export { robustBellman, worstCaseKernel, type RectangularSet } from "./mdp/bellman.js";
export {
  partialPolicyIteration,
  policyIteration,
  robustModifiedPolicyIteration,
  robustPolicyIteration,
  robustValueIteration,
  valueIteration,
  type DiscountedOptions,
  type FiniteHorizonOptions,
  type RobustPlan,
} from "./mdp/planning.js";
export {
  evaluatePolicy,
  robustPolicyEvaluation,
  robustnessProfile,
  type EvaluationOptions,
  type RobustEvaluation,
} from "./mdp/evaluation.js";
export { certifyValues } from "./mdp/certificate.js";
export { linearProgrammingMdp, occupancyMeasure } from "./mdp/linear-program.js";
export { simulate, weissmanRadius } from "./mdp/simulate.js";

// environments
export {
  gridWorld,
  inventory,
  machineReplacement,
  riverSwim,
  type InventoryOptions,
} from "./environments/classic.js";
export { gridPicture } from "./environments/picture.js";
export { garnet, randomLinearMdp } from "./environments/random.js";
export { americanPut, priceGrid, type AmericanPutOptions } from "./environments/american-put.js";

// equilibria of games in normal form
export { bimatrixNash, type NashEquilibrium, type NashMethod } from "./stage/bimatrix.js";
export { nashEquilibria, pureNash, type MixedEquilibrium } from "./stage/nash.js";
export { zeroSumEquilibrium, type ZeroSumEquilibrium } from "./stage/zero-sum.js";
export {
  coarseCorrelatedEquilibrium,
  correlatedEquilibrium,
  type CorrelatedEquilibrium,
  type EquilibriumObjective,
} from "./stage/correlated.js";
export { regret } from "./stage/payoffs.js";

// Markov games
export { markovGame, type MarkovGame } from "./game/model.js";
export {
  drNvi,
  sampleComplexity,
  type DrNviOptions,
  type DrNviResult,
  type DrNviState,
} from "./game/dr-nvi.js";
export {
  robustGameValues,
  robustGap,
  type EquilibriumNotion,
  type GameOptions,
  type RobustGap,
} from "./game/gaps.js";
export { empiricalGame, empiricalKernel, sampleCounts } from "./game/sampling.js";
export { commonsGame, randomMarkovGame } from "./environments/games.js";

// offline learning
export {
  linearMdp,
  linearRobustEvaluation,
  linearRobustValueIteration,
  type LinearMdp,
  type LinearValues,
} from "./offline/model.js";
export {
  collectOfflineData,
  trimmedCount,
  twoFoldSubsampling,
  type OfflineData,
} from "./offline/data.js";
export { drop, drpvi } from "./offline/drop.js";
export type { DropOptions, DropResult, Pessimism } from "./offline/result.js";
export { dropV, type DropVOptions } from "./offline/drop-v.js";
export { certifyOffline } from "./offline/certificate.js";
