/** Doubles as the exact numbers that they are. */

const double = new Float64Array(1);
const bits = new BigUint64Array(double.buffer);

/** A finite double as mantissa · 2^exponent. */
function parts(x: number): { readonly mantissa: bigint; readonly exponent: number } {
  double[0] = Math.abs(x);
  const exponent = Number(bits[0]! >> 52n);
  const fraction = bits[0]! & ((1n << 52n) - 1n);
  const mantissa = exponent === 0 ? fraction : fraction | (1n << 52n);
  return { mantissa: x < 0 ? -mantissa : mantissa, exponent: Math.max(exponent, 1) - 1075 };
}

/** Finite doubles times one power of two that makes them integers. */
export function integers(values: ArrayLike<number>): bigint[] {
  const all = Array.from(values, parts);
  const least = all.reduce(
    (m, { mantissa, exponent }) => (mantissa === 0n ? m : Math.min(m, exponent)),
    Infinity,
  );
  return all.map(({ mantissa, exponent }) =>
    mantissa === 0n ? 0n : mantissa << BigInt(exponent - least),
  );
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** Payoffs as integers from 0 on: less the smallest, over what divides all. Neither changes an equilibrium. */
export function levels(payoffs: ArrayLike<number>): bigint[] {
  const exact = integers(payoffs);
  const low = exact.reduce((m, x) => (x < m ? x : m));
  const raised = exact.map((x) => x - low);
  const unit = raised.reduce(gcd, 0n);
  return unit > 1n ? raised.map((x) => x / unit) : raised;
}

const length = (a: bigint): number => a.toString(16).length * 4;

/** a / b to the nearest double but one, a ≥ 0 and b > 0. */
export function ratio(a: bigint, b: bigint): number {
  if (a === 0n) return 0;
  const shift = length(b) - length(a) + 64;
  const quotient = Number(shift >= 0 ? (a << BigInt(shift)) / b : a / (b << BigInt(-shift)));
  // in two steps: 2^-shift alone may be below the least double
  const half = Math.trunc(shift / 2);
  return quotient * 2 ** -half * 2 ** (half - shift);
}
