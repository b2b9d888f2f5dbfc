/**
 * The methods that people compare VPO with: losses of pairs, of single responses, and without a reference. All take the batches of `@provably/rlhf-vpo` and
 * return what `vpoLoss` returns.
 *
 * @packageDocumentation
 */

// of the margin
export {
  discopopLoss,
  exoPairLoss,
  hingeLoss,
  ipoLoss,
  robustDpoLoss,
  type IpoOptions,
} from "./margin.js";
// of both log-ratios
export {
  apoDownLoss,
  apoZeroLoss,
  bcoPairLoss,
  dpopLoss,
  ncaPairLoss,
  sppoHardLoss,
} from "./ratio.js";
// DPO with one more term
export { rpoLoss, selmLoss, xpoLoss } from "./dpo-plus.js";
// without a reference
export { cpoLoss, orpoLoss, simpoLoss, slicLoss } from "./reference-free.js";
// of single responses
export { bcoLoss, type BcoShift } from "./bco.js";
export { ktoLoss, type KtoOptions, type UnpairedBatch } from "./kto.js";
// in the conventions of TRL
export { trlDpoLoss, type TrlDivergence, type TrlDpoName, type TrlDpoOptions } from "./trl/dpo.js";
export { trlCpoLoss, trlOrpoLoss, trlXpoLoss, type TrlCpoOptions } from "./trl/others.js";
export { logCollision, type ReferencedTokens, type TokenPairs } from "./trl/tokens.js";
