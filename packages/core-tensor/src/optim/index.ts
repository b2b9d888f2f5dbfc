/**
 * Optimisers and step-size schedules, as pure functions on trees of arrays, and the minimisation of
 * functions of a few hundred numbers.
 *
 * @packageDocumentation
 */

// optimisers
export {
  adam,
  adamw,
  applyUpdates,
  clipByGlobalNorm,
  rmsprop,
  sgd,
  type AdamOptions,
  type AdamState,
  type LearningRate,
  type Optimizer,
  type RmspropState,
  type SgdState,
} from "./optimizer.js";
// step sizes
export { cosineDecay, warmup, type LearningRateSchedule } from "./schedule.js";
export type { StepCount } from "./step-count.js";
// minimisation
export { minimize, type MinimizeOptions, type Minimum, type Objective } from "./minimize.js";
