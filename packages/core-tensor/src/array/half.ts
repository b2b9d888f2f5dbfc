/** IEEE half precision: bits to numbers and back. */

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** The number that 16 bits stand for. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The 16 bits nearest to a number, ties to even; beyond the largest, that one. */
export function numberToHalf(value: number): number {
  FLOAT[0] = value;
  const x = BITS[0]!;
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude >= 0x477ff000) return sign | 0x7bff; // rounds beyond 65504
  if (magnitude < 0x38800000) return sign | roundEven(Math.abs(value) * 2 ** 24); // subnormal
  const low = magnitude & 0x1fff;
  const cut = (magnitude - 0x38000000) >>> 13;
  return sign | (cut + Number(low > 0x1000 || (low === 0x1000 && (cut & 1) === 1)));
}

function roundEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
