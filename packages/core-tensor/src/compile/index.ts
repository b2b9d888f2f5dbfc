/**
 * Compiled functions: traced once for each kind of arguments, planned, and run as fused SIMD loops in memory of their own.
 *
 * @packageDocumentation
 */
export { compile, explain, type CompileOptions, type DeviceCompileOptions, type NamedDeviceCompileOptions } from "./compile.js";
export { free, pin } from "./resident.js";
export type { Device } from "./device.js";

// control flow
export { checkpoint } from "./control/checkpoint.js";
export { cond } from "./control/cond.js";
export { scan, type ScanOptions } from "./control/scan.js";
export { whileLoop, type WhileOptions } from "./control/while-loop.js";
