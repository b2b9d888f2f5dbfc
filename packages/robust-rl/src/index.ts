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
export { bestCaseExpectation, normalize, worstCaseBatch, worstCaseExpectation, type WorstCaseExpectation } from "./uncertainty/worst-case.js";

// linear programs
export { solveLinearProgram, type LinearProgram, type LinearProgramSolution } from "./lp/program.js";
export { SolverError, solveLinearProgramHighs } from "./lp/highs.js";
