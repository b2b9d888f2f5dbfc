/** Element types of GGUF tensors: plain ones, and blocks of weights that share their factors. */
import { decodeSafetensor } from "@provably/core-tensor/io";
import { type Unpack, half, signed } from "./gguf-bits.js";
import { SUPERBLOCKS } from "./gguf-superblocks.js";

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

/** Blocks of `blockSize` weights in `blockBytes`. */
function blocks(name: string, blockSize: number, blockBytes: number, unpack: Unpack): GgufType {
  return {
    name,
    blockSize,
    blockBytes,
    read(bytes) {
      const count = Math.floor(bytes.length / blockBytes);
      const out = new Float32Array(blockSize * count);
      for (let b = 0; b < count; b++) unpack(bytes, b * blockBytes, out, b * blockSize);
      return out;
    },
  };
}

/** Blocks of 32: low halves of 16 bytes are weights 0 … 15, high halves 16 … 31. */
function nibbles(
  bytes: Uint8Array,
  from: number,
  to: Float32Array,
  at: number,
  value: (nibble: number) => number,
): void {
  for (let i = 0; i < 16; i++) {
    to[at + i] = value(bytes[from + i]! & 15);
    to[at + 16 + i] = value(bytes[from + i]! >> 4);
  }
}

/** The same with a fifth bit each, packed in the four bytes before. */
function fiveBits(
  bytes: Uint8Array,
  from: number,
  to: Float32Array,
  at: number,
  value: (bits: number) => number,
): void {
  const high = (i: number): number => ((bytes[from + (i >> 3)]! >> (i & 7)) & 1) << 4;
  for (let i = 0; i < 16; i++) {
    to[at + i] = value((bytes[from + 4 + i]! & 15) | high(i));
    to[at + 16 + i] = value((bytes[from + 4 + i]! >> 4) | high(i + 16));
  }
}

/** What the sixteen codes of IQ4_NL and IQ4_XS stand for. */
export const IQ4_LEVELS = [
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
] as const;

/** Twice the numbers of four bits with two bits of exponent and one of fraction. */
const MXFP4_LEVELS = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12] as const;

/** By type number. */
export const GGUF_TYPES: Readonly<Record<number, GgufType>> = {
  0: plain("F32", 4),
  1: plain("F16", 2),
  2: blocks("Q4_0", 32, 18, (bytes, from, to, at) => {
    const d = half(bytes, from);
    nibbles(bytes, from + 2, to, at, (q) => d * (q - 8));
  }),
  3: blocks("Q4_1", 32, 20, (bytes, from, to, at) => {
    const [d, m] = [half(bytes, from), half(bytes, from + 2)];
    nibbles(bytes, from + 4, to, at, (q) => d * q + m);
  }),
  6: blocks("Q5_0", 32, 22, (bytes, from, to, at) => {
    const d = half(bytes, from);
    fiveBits(bytes, from + 2, to, at, (q) => d * (q - 16));
  }),
  7: blocks("Q5_1", 32, 24, (bytes, from, to, at) => {
    const [d, m] = [half(bytes, from), half(bytes, from + 2)];
    fiveBits(bytes, from + 4, to, at, (q) => d * q + m);
  }),
  8: blocks("Q8_0", 32, 34, (bytes, from, to, at) => {
    const d = half(bytes, from);
    for (let i = 0; i < 32; i++) to[at + i] = d * signed(bytes[from + 2 + i]!);
  }),
  10: blocks("Q2_K", 256, 84, SUPERBLOCKS.Q2_K),
  11: blocks("Q3_K", 256, 110, SUPERBLOCKS.Q3_K),
  12: blocks("Q4_K", 256, 144, SUPERBLOCKS.Q4_K),
  13: blocks("Q5_K", 256, 176, SUPERBLOCKS.Q5_K),
  14: blocks("Q6_K", 256, 210, SUPERBLOCKS.Q6_K),
  20: blocks("IQ4_NL", 32, 18, (bytes, from, to, at) => {
    const d = half(bytes, from);
    nibbles(bytes, from + 2, to, at, (q) => d * IQ4_LEVELS[q]!);
  }),
  23: blocks("IQ4_XS", 256, 136, (bytes, from, to, at) => {
    const d = half(bytes, from);
    for (let part = 0; part < 8; part++) {
      const low = (bytes[from + 4 + (part >> 1)]! >> (4 * (part & 1))) & 15;
      const high = (bytes[from + 2 + (part >> 2)]! >> (2 * (part & 3))) & 3;
      const scale = d * ((low | (high << 4)) - 32);
      nibbles(bytes, from + 8 + 16 * part, to, at + 32 * part, (q) => scale * IQ4_LEVELS[q]!);
    }
  }),
  30: plain("BF16", 2),
  // the factor is a power of two, half of it because the levels are doubled
  39: blocks("MXFP4", 32, 17, (bytes, from, to, at) => {
    const d = 2 ** (bytes[from]! - 128);
    nibbles(bytes, from + 1, to, at, (q) => d * MXFP4_LEVELS[q]!);
  }),
};

/** Names of all types by their numbers, those that are not decoded included. */
const NAMES: Readonly<Record<number, string>> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  4: "Q4_2",
  5: "Q4_3",
  6: "Q5_0",
  7: "Q5_1",
  8: "Q8_0",
  9: "Q8_1",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  20: "IQ4_NL",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  24: "I8",
  25: "I16",
  26: "I32",
  27: "I64",
  28: "F64",
  29: "IQ1_M",
  30: "BF16",
  31: "Q4_0_4_4",
  32: "Q4_0_4_8",
  33: "Q4_0_8_8",
  34: "TQ1_0",
  35: "TQ2_0",
  36: "IQ4_NL_4_4",
  37: "IQ4_NL_4_8",
  38: "IQ4_NL_8_8",
  39: "MXFP4",
  40: "NVFP4",
  41: "Q1_0",
};

/** The name of a type, or its number where it has none here. */
export function ggufTypeName(type: number): string {
  return NAMES[type] ?? String(type);
}
