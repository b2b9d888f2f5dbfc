/**
 * Value-incentivised preference optimisation (VPO), online and offline, and the losses that people compare it with; exact tools for finite problems, and
 * certificates.
 *
 * @packageDocumentation
 */

// losses
export { alphaFromSum, vpoLoss, type Calibration, type VpoOptions } from "./losses/vpo.js";
export { discopopLoss, dpoLoss, exoPairLoss, hingeLoss, ipoLoss, robustDpoLoss, type BetaOptions } from "./losses/margin.js";
export { apoDownLoss, apoZeroLoss, bcoPairLoss, dpopLoss, ncaPairLoss, sppoHardLoss } from "./losses/ratio.js";
export { rpoLoss, selmLoss, xpoLoss } from "./losses/dpo-plus.js";
export { cpoLoss, orpoLoss, simpoLoss, slicLoss } from "./losses/reference-free.js";
export { ktoLoss, type UnpairedBatch } from "./losses/kto.js";
export { differentiable } from "./losses/differentiable.js";
export type { LossOptions, LossResult, PreferenceBatch } from "./losses/batch.js";
