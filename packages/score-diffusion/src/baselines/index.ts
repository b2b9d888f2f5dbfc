/**
 * Other reconstructions, to measure posterior samplers against: most draw something near the posterior, none has a theorem.
 *
 * @packageDocumentation
 */
export { dps, type GuidanceOptions } from "./dps.js";
export { lgdMc, type LgdMcOptions } from "./lgd-mc.js";
export { piGdm, type PiGdmOptions } from "./pi-gdm.js";
export { mcg } from "./mcg.js";
export { ddrm, type SpectralOptions } from "./ddrm.js";
export { ddnm } from "./ddnm.js";
export { redDiff, type RedDiffOptions } from "./red-diff.js";
export { diffPir, type DiffPirOptions } from "./diff-pir.js";
export { daps, type DapsOptions } from "./daps.js";
export { pnpDm, type PnpDmOptions } from "./pnp-dm.js";
export type {
  Reconstruction,
  ReconstructionOptions,
  ReconstructionState,
  ScheduledOptions,
} from "./reconstruction.js";
