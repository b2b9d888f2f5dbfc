/**
 * The K types: 256 weights in parts of 16 or 32, each with a scale of few bits (and a minimum), which count in units of the block's own factors.
 *
 * Products of a factor, a scale and a code are exact in double precision and rounded once, as the reference implementation's are.
 */
import { type Unpack, half, signed } from "./gguf-bits.js";

/** Scale and minimum of part `i` of 8, six bits each, in twelve bytes: Q4_K and Q5_K. */
function sixBitPair(bytes: Uint8Array, from: number, i: number): [scale: number, minimum: number] {
  const at = from + i;
  if (i < 4) return [bytes[at]! & 63, bytes[at + 4]! & 63];
  return [
    (bytes[at + 4]! & 15) | ((bytes[at - 4]! >> 6) << 4),
    (bytes[at + 4]! >> 4) | ((bytes[at]! >> 6) << 4),
  ];
}

/** Scale of part `i` of 16, six bits in twelve bytes, less 32: Q3_K. */
function sixBitScale(bytes: Uint8Array, from: number, i: number): number {
  const low = (bytes[from + (i & 7)]! >> (i < 8 ? 0 : 4)) & 15;
  const high = (bytes[from + 8 + (i & 3)]! >> (2 * (i >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

/** Scales 16, codes of two bits 64, factor, factor of the minima. */
const Q2_K: Unpack = (bytes, from, to, at) => {
  const [d, m] = [half(bytes, from + 80), half(bytes, from + 82)];
  for (let part = 0; part < 16; part++) {
    const scales = bytes[from + part]!;
    const [scale, minimum] = [d * (scales & 15), m * (scales >> 4)];
    const codes = from + 16 + 32 * (part >> 3) + 16 * (part & 1);
    const shift = 2 * ((part >> 1) & 3);
    for (let i = 0; i < 16; i++)
      to[at + 16 * part + i] = scale * ((bytes[codes + i]! >> shift) & 3) - minimum;
  }
};

/** High bits 32, codes of two bits 64, scales 12, factor. */
const Q3_K: Unpack = (bytes, from, to, at) => {
  const d = half(bytes, from + 108);
  for (let part = 0; part < 16; part++) {
    const scale = d * sixBitScale(bytes, from + 96, part);
    const high = from + 16 * (part & 1);
    const codes = from + 32 + 32 * (part >> 3) + 16 * (part & 1);
    const shift = 2 * ((part >> 1) & 3);
    for (let i = 0; i < 16; i++) {
      const offset = (bytes[high + i]! >> (part >> 1)) & 1 ? 0 : 4;
      to[at + 16 * part + i] = scale * (((bytes[codes + i]! >> shift) & 3) - offset);
    }
  }
};

/** Factors, scales and minima 12, codes of four bits 128. */
const Q4_K: Unpack = (bytes, from, to, at) => {
  const [d, m] = [half(bytes, from), half(bytes, from + 2)];
  for (let part = 0; part < 8; part++) {
    const [scale, minimum] = scaled(sixBitPair(bytes, from + 4, part), d, m);
    const codes = from + 16 + 32 * (part >> 1);
    const shift = 4 * (part & 1);
    for (let i = 0; i < 32; i++)
      to[at + 32 * part + i] = scale * ((bytes[codes + i]! >> shift) & 15) - minimum;
  }
};

/** Factors, scales and minima 12, fifth bits 32, codes of four bits 128. */
const Q5_K: Unpack = (bytes, from, to, at) => {
  const [d, m] = [half(bytes, from), half(bytes, from + 2)];
  for (let part = 0; part < 8; part++) {
    const [scale, minimum] = scaled(sixBitPair(bytes, from + 4, part), d, m);
    const high = from + 16;
    const codes = from + 48 + 32 * (part >> 1);
    const shift = 4 * (part & 1);
    for (let i = 0; i < 32; i++) {
      const code = ((bytes[codes + i]! >> shift) & 15) | (((bytes[high + i]! >> part) & 1) << 4);
      to[at + 32 * part + i] = scale * code - minimum;
    }
  }
};

/** Low halves 128, high pairs of bits 64, scales 16, factor. */
const Q6_K: Unpack = (bytes, from, to, at) => {
  const d = half(bytes, from + 208);
  for (let part = 0; part < 8; part++) {
    const [half_, quarter] = [part >> 2, part & 3];
    const low = from + 64 * half_ + 32 * (quarter & 1);
    const high = from + 128 + 32 * half_;
    const scales = from + 192 + 8 * half_ + 2 * quarter;
    for (let i = 0; i < 32; i++) {
      const code =
        ((bytes[low + i]! >> (4 * (quarter >> 1))) & 15) |
        (((bytes[high + i]! >> (2 * quarter)) & 3) << 4);
      to[at + 32 * part + i] = d * signed(bytes[scales + (i >> 4)]!) * (code - 32);
    }
  }
};

function scaled([scale, minimum]: [number, number], d: number, m: number): [number, number] {
  return [d * scale, m * minimum];
}

export const SUPERBLOCKS = { Q2_K, Q3_K, Q4_K, Q5_K, Q6_K };
