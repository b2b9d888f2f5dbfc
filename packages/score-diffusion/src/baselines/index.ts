/**
 * Other reconstructions, to measure posterior samplers against: most draw something near the posterior, none has a theorem.
 *
 * @packageDocumentation
 */
export { dps, type GuidanceOptions } from "./dps.js";
export { lgdMc, type LgdMcOptions } from "./lgd-mc.js";
export { piGdm, type PiGdmOptions } from "./pi-gdm.js";
export { mcg } from "./mcg.js";
export { ddrm, ddrmAsync, type SpectralOptions } from "./ddrm.js";
export { ddnm, ddnmAsync } from "./ddnm.js";
export { redDiff, redDiffAsync, type RedDiffOptions } from "./red-diff.js";
export { diffPir, diffPirAsync, type DiffPirOptions } from "./diff-pir.js";
export { daps, dapsAsync, type DapsOptions } from "./daps.js";
export { pnpDm, pnpDmAsync, type PnpDmOptions } from "./pnp-dm.js";
export type {
  Reconstruction,
  ReconstructionOptions,
  ReconstructionState,
  ScheduledOptions,
} from "./reconstruction.js";
