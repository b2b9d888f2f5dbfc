/**
 * Compiled functions: traced once for each kind of arguments, planned, and run as fused SIMD loops in memory of their own.
 *
 * @packageDocumentation
 */
export {
  compile,
  explain,
  type CompileOptions,
  type DeviceCompileOptions,
  type NamedDeviceCompileOptions,
} from "./compile.js";
export { formatGraph } from "../graph/format.js";
export { free, pin } from "./wasm/resident.js";
export type { Device } from "../graph/device.js";

// control flow
export { checkpoint } from "../graph/control/checkpoint.js";
export { cond } from "../graph/control/cond.js";
export { scan, type ScanOptions } from "../graph/control/scan.js";
export { whileLoop, type WhileOptions } from "../graph/control/while-loop.js";
