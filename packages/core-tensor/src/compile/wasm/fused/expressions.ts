/** What each elementwise primitive is on vectors: the table of the WASM executor. */
import type { Micro, Opcode, Ref, TileKernel } from "./micro.js";

/** Steps for the primitive on given steps. */
export type Expression = (m: Micro, args: readonly [Ref, Ref, Ref]) => Ref;

const op =
  (name: Opcode, arity: 1 | 2): Expression =>
  (m, [a, b]) =>
    arity === 1 ? m.op(name, a) : m.op(name, a, b);

const kernel =
  (name: TileKernel): Expression =>
  (m, [x]) =>
    m.kernel(name, x);

/** x as a truth value. */
const truth = (m: Micro, x: Ref): Ref => m.convert(x, "mask");

/** Comparison; masks are compared as 0 and 1. */
const compare =
  (name: Opcode): Expression =>
  (m, [a, b]) =>
    m.op(name, number(m, a), number(m, b));

const number = (m: Micro, x: Ref): Ref => (x.type === "mask" ? m.convert(x, "i32") : x);

/**
 * x^y of 32-bit floats, as e^(y log |x|) in 64-bit arithmetic, whose error of some 10⁻¹⁴ is far below the last place of the result.
 * Signs and special values are those of IEEE 754.
 */
function powerInDoubles(m: Micro, base: Ref, exponent: Ref): Ref {
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

/** Constant exponents that are products. */
export const POWERS: ReadonlySet<number> = new Set([-2, -1, 1, 2, 3, 4]);

/** x to the power of y, where y may be known to be one of {@link POWERS}. */
export function power(m: Micro, x: Ref, y: Ref, known: number | undefined): Ref {
  return known !== undefined && POWERS.has(known)
    ? wholePower(m, x, known)
    : powerInDoubles(m, x, y);
}

function wholePower(m: Micro, x: Ref, exponent: number): Ref {
  // the reciprocal first: a square that overflows would lose a result that does not
  if (exponent < 0) return wholePower(m, m.op("div", m.constant(1, x.type), x), -exponent);
  if (exponent === 1) return x;
  const square = m.op("mul", x, x);
  return exponent === 2 ? square : m.op("mul", square, exponent === 3 ? x : square);
}

/** Expression of every elementwise primitive that has one, by name. */
export const EXPRESSIONS: Readonly<Record<string, Expression>> = {
  add: op("add", 2),
  sub: op("sub", 2),
  mul: op("mul", 2),
  div: op("div", 2),
  neg: op("neg", 1),
  abs: op("abs", 1),
  square: (m, [x]) => m.op("mul", x, x),
  sqrt: op("sqrt", 1),
  rsqrt: (m, [x]) => m.op("div", m.constant(1, x.type), m.op("sqrt", x)),
  reciprocal: (m, [x]) => m.op("div", m.constant(1, x.type), x),
  // zeros and NaN stay as they are
  sign: (m, [x]) => m.select(m.op("gt", x, 0), 1, m.select(m.op("lt", x, 0), -1, x)),
  maximum: op("max", 2),
  minimum: op("min", 2),
  floor: (m, [x]) => (x.type === "i32" ? x : m.op("floor", x)),
  ceil: (m, [x]) => (x.type === "i32" ? x : m.op("ceil", x)),
  trunc: (m, [x]) => (x.type === "i32" ? x : m.op("trunc", x)),
  round: (m, [x]) => (x.type === "i32" ? x : m.op("nearest", x)),
  relu: (m, [x]) => m.select(m.op("le", x, 0), 0, x),
  equal: compare("eq"),
  notEqual: compare("ne"),
  less: compare("lt"),
  lessEqual: compare("le"),
  greater: compare("gt"),
  greaterEqual: compare("ge"),
  logicalAnd: (m, [a, b]) => m.op("and", truth(m, a), truth(m, b)),
  logicalOr: (m, [a, b]) => m.op("or", truth(m, a), truth(m, b)),
  logicalNot: (m, [x]) => m.op("not", truth(m, x)),
  isNan: (m, [x]) => m.op("ne", number(m, x), number(m, x)),
  isFinite: (m, [x]) => {
    const a = number(m, x);
    // x − x is 0 for finite numbers only
    return m.op("eq", m.op("sub", a, a), 0);
  },
  where: (m, [condition, a, b]) => m.select(truth(m, condition), a, b),
  sin: kernel("sin"),
  cos: kernel("cos"),
  exp: kernel("exp"),
  expm1: kernel("expm1"),
  log: kernel("log"),
  log1p: kernel("log1p"),
  tanh: kernel("tanh"),
  sigmoid: kernel("sigmoid"),
  silu: kernel("silu"),
  softplus: kernel("softplus"),
  erf: kernel("erf"),
  erfc: kernel("erfc"),
  gelu: kernel("gelu"),
  ndtr: kernel("ndtr"),
  geluTanh: kernel("geluTanh"),
  logSigmoid: (m, [x]) => m.op("neg", m.kernel("softplus", m.op("neg", x))),
  mish: (m, [x]) => m.op("mul", x, m.kernel("tanh", m.kernel("softplus", x))),
  logAddExp: (m, [a, b]) => {
    const top = m.op("max", a, b);
    const rest = m.kernel("softplus", m.op("neg", m.op("abs", m.op("sub", a, b))));
    // an infinite maximum is the answer, and ∞ − ∞ beside it is no number
    return m.select(m.op("lt", m.op("abs", top), Infinity), m.op("add", top, rest), top);
  },
};

/** Why the other primitives run in JavaScript, on views of the arena. */
export const WITHOUT_EXPRESSION: Readonly<Record<string, string>> = {
  // except float32, and small whole exponents
  pow: "a power by logarithms would lose digits",
  mod: "the quotient's rounding would decide the remainder",
  fmod: "the quotient's rounding would decide the remainder",
  hypot: "squares could overflow",
  ...Object.fromEntries(
    ["tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh"].map(
      (name) => [name, "no SIMD kernel yet"],
    ),
  ),
  ...Object.fromEntries(
    ["erfinv", "ndtri", "lgamma", "digamma", "trigamma", "tetragamma"].map((name) => [
      name,
      "no SIMD kernel yet",
    ]),
  ),
};
