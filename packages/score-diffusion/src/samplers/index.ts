/**
 * The samplers of practice, which come with an order of convergence and no theorem: what people run published networks with.
 *
 * @packageDocumentation
 */
export { ddim, type DdimRow } from "./ddim.js";
export { ddpmAncestral, type AncestralRow } from "./ddpm-ancestral.js";
export {
  dpmSolver2,
  dpmSolverPlusPlus2M,
  dpmSolverPlusPlus2S,
  dpmSolverSde2M,
  type DpmRow,
  type MultistepOptions,
} from "./dpm-solver.js";
export {
  euler,
  eulerAncestral,
  heun,
  type ChurnOptions,
  type EdmRow,
  type EulerAncestralRow,
} from "./edm.js";
export { dpmSolverPlusPlus2SAncestral, type Ancestral2SRow } from "./ancestral-2s.js";
export { deis, type DeisRow } from "./deis.js";
export { pndm, type PndmRow } from "./pndm.js";
export { uniPC, type UniPcFormula, type UniPcOptions, type UniPcRow } from "./uni-pc.js";
export { flowEuler, flowHeun } from "./flow-matching.js";
export { withCorrector, type CorrectedRow, type CorrectorOptions } from "./corrector.js";
export { repaint, type RepaintOptions, type RepaintRow } from "./repaint.js";
export { ddimInversion } from "./ddim-inversion.js";
export {
  schedulerFromConfig,
  type Scheduler,
  type SchedulerOptions,
} from "./diffusers/scheduler.js";
export type { SchedulerClass } from "./diffusers/config.js";
export type { TableCall, TableFormula, TableRow } from "./table/rows.js";
export { fromDiffusers, type FromDiffusersOptions, type Pipeline } from "./diffusers/pipeline.js";
export type { PipelineFiles } from "./diffusers/files.js";
