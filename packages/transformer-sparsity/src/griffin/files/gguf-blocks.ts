/** Element types of GGUF tensors: plain ones, and blocks of 32 weights with a common factor. */
import { decodeSafetensor } from "@provably/core-tensor/io";

export interface GgufType {
  readonly name: string;
  /** Weights of a block, and its bytes. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /** All weights as 32-bit floats. */
  read(bytes: Uint8Array): Float32Array;
}

/** Element types that safetensors files have too. */
function plain(name: "F32" | "F16" | "BF16", width: number): GgufType {
  const read = (bytes: Uint8Array): Float32Array =>
    // all three become arrays of 32-bit floats
    decodeSafetensor({ type: name, shape: [bytes.length / width], range: [0, bytes.length] }, bytes)
      .data as Float32Array;
  return { name, blockSize: 1, blockBytes: width, read };
}

const F16 = plain("F16", 2);

/** Blocks of 32: a 16-bit factor, then `blockBytes − 2` bytes that `unpack` turns into 32 whole numbers. */
function blocks(
  name: string,
  blockBytes: number,
  unpack: (bytes: Uint8Array, from: number, to: Float32Array, at: number, factor: number) => void,
): GgufType {
  return {
    name,
    blockSize: 32,
    blockBytes,
    read(bytes) {
      const count = bytes.length / blockBytes;
      const halves = new Uint8Array(2 * count);
      for (let b = 0; b < count; b++)
        halves.set(bytes.subarray(b * blockBytes, b * blockBytes + 2), 2 * b);
      const factors = F16.read(halves);
      const out = new Float32Array(32 * count);
      for (let b = 0; b < count; b++) unpack(bytes, b * blockBytes + 2, out, 32 * b, factors[b]!);
      return out;
    },
  };
}

/** Names of all types by their numbers, those that are not decoded included. */
const NAMES: Readonly<Record<number, string>> = {
  0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K",
  14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS",
  24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}; // prettier-ignore

/** The name of a type, or its number where it has none here. */
export function ggufTypeName(type: number): string {
  return NAMES[type] ?? String(type);
}

/** By type number. */
export const GGUF_TYPES: Readonly<Record<number, GgufType>> = {
  0: plain("F32", 4),
  1: F16,
  30: plain("BF16", 2),
  8: blocks("Q8_0", 34, (bytes, from, to, at, factor) => {
    for (let i = 0; i < 32; i++) to[at + i] = ((bytes[from + i]! << 24) >> 24) * factor;
  }),
  // low halves of the bytes are weights 0 … 15, high halves 16 … 31
  2: blocks("Q4_0", 18, (bytes, from, to, at, factor) => {
    for (let i = 0; i < 16; i++) {
      to[at + i] = ((bytes[from + i]! & 15) - 8) * factor;
      to[at + 16 + i] = ((bytes[from + i]! >> 4) - 8) * factor;
    }
  }),
};
