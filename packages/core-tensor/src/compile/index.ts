/**
 * Compiled functions: traced once for each kind of arguments, planned, and run as fused SIMD loops in memory of their own.
 *
 * @packageDocumentation
 */
export { compile, explain, type CompileOptions } from "./compile.js";
export { free, pin } from "./resident.js";
