/** The kernels written beforehand, in AssemblyScript, that programs call on their memory. */
import { exponentialF32, exponentialF64 } from "../../exec/wasm/binaries/exponential.js";
import { gaussianF32, gaussianF64 } from "../../exec/wasm/binaries/gaussian.js";
import { gemmF32, gemmF64 } from "../../exec/wasm/binaries/gemm.js";
import { logarithmF32, logarithmF64 } from "../../exec/wasm/binaries/logarithm.js";
import { placesKernel } from "../../exec/wasm/binaries/places.js";
import { reduceF32, reduceF64 } from "../../exec/wasm/binaries/reduce.js";
import { softmaxF32, softmaxF64 } from "../../exec/wasm/binaries/softmax.js";
import { trigonometricF32, trigonometricF64 } from "../../exec/wasm/binaries/trigonometric.js";
import { vecmatF32, vecmatF64 } from "../../exec/wasm/binaries/vecmat.js";
import type { KernelBinary } from "../../exec/wasm/runtime.js";

export type FloatType = "float32" | "float64";

/** The functions of a kernel module: addresses and counts in, nothing or a number out. */
export type Kernel = Readonly<Record<string, (...args: number[]) => number>>;

/** Kernel modules by name and element type. */
export const FAMILIES = {
  exponential: { float32: exponentialF32, float64: exponentialF64 },
  logarithm: { float32: logarithmF32, float64: logarithmF64 },
  gaussian: { float32: gaussianF32, float64: gaussianF64 },
  trigonometric: { float32: trigonometricF32, float64: trigonometricF64 },
  gemm: { float32: gemmF32, float64: gemmF64 },
  vecmat: { float32: vecmatF32, float64: vecmatF64 },
  softmax: { float32: softmaxF32, float64: softmaxF64 },
  reduce: { float32: reduceF32, float64: reduceF64 },
  // one module for all types
  places: { float32: placesKernel, float64: placesKernel },
} satisfies Record<string, Record<FloatType, KernelBinary>>;

export type Family = keyof typeof FAMILIES;
