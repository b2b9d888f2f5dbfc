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
