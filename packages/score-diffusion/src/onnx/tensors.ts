/** Numbers as onnxruntime wants them, and back. */
import { DomainError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { roundHalfToEven } from "../internal/numbers.js";

/** Types of numbers that a network's points may have. */
export const SAMPLE_TYPES = ["float32", "float64", "float16"] as const;
export type SampleType = (typeof SAMPLE_TYPES)[number];

/** Types of numbers that a network's time may have. */
export const TIME_TYPES = ["int64", "int32", "float32", "float64", "float16"] as const;
export type TimeType = (typeof TIME_TYPES)[number];

/** Types of numbers that other inputs may have. */
export const FEED_TYPES = [...TIME_TYPES, "bool", "uint8"] as const;
export type FeedType = (typeof FEED_TYPES)[number];

/** Numbers in the storage of a type; whole types take the nearest whole number, ties to even. */
export function encode(type: SampleType | FeedType, values: ArrayLike<number>): unknown {
  switch (type) {
    case "float32":
      return Float32Array.from(values);
    case "float64":
      return Float64Array.from(values);
    case "float16": {
      const bits = Uint16Array.from(values, numberToHalf);
      // runtimes take the type of the platform where there is one
      const Half = (globalThis as { Float16Array?: new (buffer: ArrayBuffer) => unknown })
        .Float16Array;
      return Half === undefined ? bits : new Half(bits.buffer);
    }
    case "int64":
      return BigInt64Array.from(Array.from(values, (v) => BigInt(roundHalfToEven(v))));
    case "int32":
      return Int32Array.from(values, roundHalfToEven);
    case "uint8":
      return Uint8Array.from(values, roundHalfToEven);
    case "bool":
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
  }
}

/** The numbers of an output, or an error that names it. */
export function decode(fn: string, name: string, data: unknown): Float32Array | Float64Array {
  if (ArrayBuffer.isView(data)) {
    const kind = (data as unknown as { [Symbol.toStringTag]: string })[Symbol.toStringTag];
    if (kind === "Float32Array") return data as Float32Array;
    if (kind === "Float64Array") return data as Float64Array;
    if (kind === "Float16Array") return Float32Array.from(data as unknown as ArrayLike<number>);
    if (kind === "Uint16Array") return Float32Array.from(data as Uint16Array, halfToNumber);
  }
  throw new DomainError(
    `${fn}: output ${name} must hold float32, float64 or float16 numbers, got ${show(data)}`,
  );
}

/** The number that 16 bits of IEEE half precision stand for. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The 16 bits of the nearest number of half precision. */
function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  // spacing of the numbers around this one; the least numbers share theirs
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const units = roundHalfToEven(size / 2 ** (exponent - 10));
  const bits = ((exponent + 14) << 10) + units;
  return sign | (size === Infinity || bits >= 0x7c00 ? 0x7c00 : bits);
}
