/** Numbers in the bytes of a block. */

/** Turns the block at `from` into weights that begin at `at`. */
export type Unpack = (bytes: Uint8Array, from: number, to: Float32Array, at: number) => void;

/** The 16-bit floating-point number at `at`. */
export function half(bytes: Uint8Array, at: number): number {
  const bits = bytes[at]! | (bytes[at + 1]! << 8);
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** A byte as a number in −128 … 127. */
export function signed(byte: number): number {
  return (byte << 24) >> 24;
}
