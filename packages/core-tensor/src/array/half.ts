/** IEEE half precision. */

/** The number that 16 bits stand for. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The 16 bits of the half nearest to a number, ties to even; beyond the largest half an infinity. */
export function numberToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const x = Math.abs(value);
  if (Number.isNaN(x)) return 0x7e00;
  if (x >= 65520) return sign | 0x7c00;
  const exponent = x < 2 ** -14 ? -14 : Math.floor(Math.log2(x));
  // the logarithm may be rounded up at the next power of two
  const power = x < 2 ** exponent && exponent > -14 ? exponent - 1 : exponent;
  const steps = x / 2 ** (power - 10);
  const low = Math.floor(steps);
  const up = steps - low > 0.5 || (steps - low === 0.5 && low % 2 === 1) ? low + 1 : low;
  // a carry out of the fraction raises the exponent by itself
  return sign | (x < 2 ** -14 ? up : ((power + 15) << 10) + up - 1024);
}
