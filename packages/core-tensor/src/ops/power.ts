/** Powers, and lengths in the plane. */
import type { NdArray } from "../array/ndarray.js";
import { type Known, type Source } from "../forms/device.js";
import { HYPOT, POW } from "../forms/device/power.js";
import type { Ref, Steps } from "../forms/vector.js";
import { applyBinary, elementwise } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { div, mul, sub } from "./arithmetic.js";
import { equal, where } from "./comparison.js";
import { log } from "./exponential.js";

/** The language gives NaN for 1^NaN, 1^±∞ and (−1)^±∞, which IEEE 754 and the other libraries have as 1. */
function powJs(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
}

const powPrimitive = /* @__PURE__ */ elementwise({
  name: "pow",
  arity: 2,
  result: "float",
  js: powJs,
  vector: {
    steps: powerSteps,
    takes: (dtype, known) => isProduct(known) || dtype === "float32",
    isWide: (known) => !isProduct(known),
    reason: "a power by logarithms would lose digits",
  },
  device: { call: POW, whenKnown: powerSource },
  partials: [
    (t, [a, b]) =>
      mul(t, where(equal(b!, 0), 0, mul(b!, pow(a!, where(equal(b!, 0), 1, sub(b!, 1)))))),
    (t, [a], y) => mul(t, where(equal(a!, 0), 0, mul(y, log(where(equal(a!, 0), 1, a!))))),
  ],
});

/**
 * The power $a^b$, element by element, with broadcasting; NaN for a negative number to a power that is not an integer.
 *
 * The derivative in $b$ is $a^b \ln a$, taken as 0 where $a = 0$ and $b > 0$; that in $a$ is $b\,a^{b-1}$, taken as 0 where $b = 0$.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns float array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { pow, toNested } from "@provably/core-tensor";
 *
 * toNested(pow([2, 3], 2)); // => [4, 9]
 * ```
 * @category Exponentials and powers
 */
export function pow(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(powPrimitive, a, b);
}

const hypotPrimitive = /* @__PURE__ */ elementwise({
  name: "hypot",
  arity: 2,
  result: "float",
  js: (a, b) => Math.hypot(a, b),
  vector: { reason: "squares could overflow" },
  device: { call: HYPOT },
  partials: [(t, [a], y) => mul(t, direction(a!, y)), (t, [, b], y) => mul(t, direction(b!, y))],
});

/**
 * The length $\sqrt{a^2 + b^2}$, element by element, without overflow; the derivative at the origin is 0.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns float array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { hypot, toNested } from "@provably/core-tensor";
 *
 * toNested(hypot(3, 4)); // => 5
 * ```
 * @category Exponentials and powers
 */
export function hypot(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(hypotPrimitive, a, b);
}

/** a / y, with 0 at the origin. */
function direction(a: NdArray, y: NdArray): NdArray {
  const atOrigin = equal(y, 0);
  return where(atOrigin, 0, div(a, where(atOrigin, 1, y)));
}

/** Constant exponents that are products on vectors. */
const PRODUCTS: ReadonlySet<number> = new Set([-2, -1, 1, 2, 3, 4]);

function isProduct([, exponent]: Known): boolean {
  return exponent !== undefined && PRODUCTS.has(exponent);
}

/** x to the power of y, where y may be known to be one of {@link PRODUCTS}. */
function powerSteps(m: Steps, [x, y]: readonly Ref[], known: Known): Ref {
  return isProduct(known) ? wholePower(m, x!, known[1]!) : powerInDoubles(m, x!, y!);
}

function wholePower(m: Steps, x: Ref, exponent: number): Ref {
  // the reciprocal first: a square that overflows would lose a result that does not
  if (exponent < 0) return wholePower(m, m.op("div", m.constant(1, x.type), x), -exponent);
  if (exponent === 1) return x;
  const square = m.op("mul", x, x);
  return exponent === 2 ? square : m.op("mul", square, exponent === 3 ? x : square);
}

/**
 * x^y of 32-bit floats, as e^(y log |x|) in 64-bit arithmetic, whose error of some 10⁻¹⁴ is far below the last place of the result.
 * Signs and special values are those of IEEE 754.
 */
function powerInDoubles(m: Steps, base: Ref, exponent: Ref): Ref {
  const [x, y] = [m.convert(base, "f64"), m.convert(exponent, "f64")];
  const a = m.op("abs", x);
  // powers of one are one, infinite ones too
  const size = m.select(m.op("eq", a, 1), 1, m.kernel("exp", m.op("mul", y, m.kernel("log", a))));
  const half = m.op("mul", y, 0.5);
  const isWhole = m.op("eq", m.op("floor", y), y);
  const isOdd = m.op("and", isWhole, m.op("ne", m.op("floor", half), half));
  // minus zero too, whose reciprocal tells it from zero
  const isNegative = m.op(
    "or",
    m.op("lt", x, 0),
    m.op("lt", m.op("div", m.constant(1, "f64"), x), 0),
  );
  const signed = m.select(m.op("and", isNegative, isOdd), m.op("neg", size), size);
  // negative numbers, but not −∞, have whole powers only
  const isDefined = m.op("or", isWhole, m.op("or", m.op("ge", x, 0), m.op("eq", x, -Infinity)));
  const real = m.select(isDefined, signed, NaN);
  return m.convert(m.select(m.op("eq", y, 0), 1, real), base.type);
}

/** xⁿ as products: shaders take powers through logarithms, and lose the sign of a negative base. */
function powerSource([, n]: Known): Source | undefined {
  if (n === undefined || !Number.isInteger(n) || Math.abs(n) > 16) return undefined;
  if (n === 0) return () => "1";
  const square = (y: string): string => `(${y}) * (${y})`;
  const power = (x: string, k: number): string => {
    if (k === 1) return x;
    return k % 2 === 0 ? square(power(x, k / 2)) : `${x} * ${power(x, k - 1)}`;
  };
  return (x) => (n < 0 ? `(1 / (${power(x, -n)}))` : `(${power(x, n)})`);
}
