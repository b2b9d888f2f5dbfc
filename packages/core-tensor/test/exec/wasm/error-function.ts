/** Reference values of the Gaussian integral: the Taylor series in fixed point with 320 binary digits, exact to float64. */

const BITS = 320n;
const ONE = 1n << BITS;

/** Integer square root by Newton's iteration, which falls from any start above it. */
function squareRoot(square: bigint): bigint {
  let root = 8n * ONE;
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** arctan(1 / n). */
function arctanInverse(n: bigint): bigint {
  let power = ONE / n;
  let sum = power;
  for (let k = 3n; power !== 0n; k += 2n) {
    power /= -(n * n);
    sum += power / k;
  }
  return sum;
}

/** π by Machin's formula. */
const PI = 4n * (4n * arctanInverse(5n) - arctanInverse(239n));
const ROOT_PI = squareRoot(PI << BITS);
const ROOT_TWO_PI = squareRoot((2n * PI) << BITS);

/** The float `x` with |x| ≥ 1e-9 as a fixed-point number. */
function fixed(x: number): bigint {
  return BigInt(x * 2 ** 90) << (BITS - 90n);
}

/** Nearest float. */
function float(x: bigint): number {
  const size = x < 0n ? -x : x;
  const excess = BigInt(Math.max(0, size.toString(2).length - 64));
  return Number(x >> excess) * 2 ** (Number(excess) - Number(BITS));
}

/** $\int_0^x e^{-t^2 / d} dt = \sum_n (-1 / d)^n x^{2n+1} / (n! (2n + 1))$. */
function integral(x: bigint, d: bigint): bigint {
  let power = x;
  let sum = x;
  for (let n = 1n; power !== 0n && power !== -1n; n += 1n) {
    power = -((((power * x) >> BITS) * x) >> BITS) / (n * d);
    sum += power / (2n * n + 1n);
  }
  return sum;
}

/** Error function. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) < 1e-9) return (2 / Math.sqrt(Math.PI)) * x;
  if (Math.abs(x) > 7) return Math.sign(x);
  return float(((2n * integral(fixed(x), 1n)) << BITS) / ROOT_PI);
}

/** Standard normal distribution function, relatively accurate in its left tail. */
export function normalMass(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) < 1e-9) return 0.5 + x / Math.sqrt(2 * Math.PI);
  if (x > 9) return 1;
  if (x > -9) return float((ONE >> 1n) + (integral(fixed(x), 2n) << BITS) / ROOT_TWO_PI);
  // The continued fraction of Mills' ratio, from the far end; the square is split so that its rounding does not enter.
  let tail = -x;
  for (let n = 60; n >= 1; n--) tail = n / tail - x;
  const high = Math.fround(x);
  return x < -40
    ? 0
    : (Math.exp((-high * high) / 2) * Math.exp(((high - x) * (x + high)) / 2)) /
        tail /
        Math.sqrt(2 * Math.PI);
}

/** 1 − erf x, relatively accurate in its right tail. */
export function erfc(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) < 1e-9) return 1 - (2 / Math.sqrt(Math.PI)) * x;
  if (x < -7) return 2;
  if (x < 9) return float(ONE - ((2n * integral(fixed(x), 1n)) << BITS) / ROOT_PI);
  let tail = x;
  for (let n = 60; n >= 1; n--) tail = n / 2 / tail + x;
  const high = Math.fround(x);
  return x > 28
    ? 0
    : (Math.exp(-high * high) * Math.exp((high - x) * (x + high))) / tail / Math.sqrt(Math.PI);
}
