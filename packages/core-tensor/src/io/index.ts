/**
 * Arrays in files: `safetensors` and `npy`, from bytes and to bytes.
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
export { decodeNpy, encodeNpy } from "./npy.js";
