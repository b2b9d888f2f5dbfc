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
export {
  decodeNpy,
  decodeNpyBigInt,
  decodeNpyComplex,
  encodeNpy,
  encodeNpyBigInt,
  type BigIntArray,
  type NpyOptions,
} from "./npy.js";
export { decodeNpz, encodeNpz, type NpzOptions } from "./npz.js";
