/**
 * Arrays in files: `safetensors`, `npy` and `npz`, from bytes and to bytes.
 *
 * @packageDocumentation
 */

export {
  decodeSafetensor,
  decodeSafetensors,
  encodeSafetensors,
  safetensorsHeadSize,
  safetensorsTable,
  type Safetensors,
  type SafetensorsEntry,
  type SafetensorsTable,
} from "./safetensors.js";
export { decodeNpy, decodeNpyBigInt, decodeNpyComplex, type BigIntArray } from "./npy-read.js";
export { encodeNpy, encodeNpyBigInt, type NpyOptions } from "./npy-write.js";
export { decodeNpz, encodeNpz, type NpzOptions } from "./npz.js";
