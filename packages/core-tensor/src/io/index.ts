/**
 * Arrays in files: `safetensors` and `npy`, from bytes and to bytes.
 *
 * @packageDocumentation
 */

export { decodeSafetensors, encodeSafetensors, type Safetensors } from "./safetensors.js";
export { decodeNpy, encodeNpy } from "./npy.js";
