/** Exponentials, logarithms and powers. */
import type { NdArray } from "../array/ndarray.js";
import { unary } from "../exec/wasm/index.js";
import { applyBinary, applyUnary, elementwise } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { add, div, mul, sub } from "./arithmetic.js";
import { equal, where } from "./comparison.js";

const expPrimitive = elementwise({
  name: "exp",
  arity: 1,
  result: "float",
  js: Math.exp,
  simd: (x) => unary("exp", x),
  partials: [(t, _, y) => mul(t, y)],
});

/**
 * The exponential $e^x$ of each element.
 *
 * Overflows to Infinity above 88.7 in float32 and 709.8 in float64.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { exp, toNested } from "@provably/core-tensor";
 *
 * toNested(exp([0, 1])); // => [1, 2.7182817459106445]
 * ```
 * @category Exponentials and powers
 */
export function exp(x: ArrayInput): NdArray {
  return applyUnary(expPrimitive, x);
}

const expm1Primitive = elementwise({
  name: "expm1",
  arity: 1,
  result: "float",
  js: Math.expm1,
  simd: (x) => unary("expm1", x),
  partials: [(t, _, y) => mul(t, add(y, 1))],
});

/**
 * The difference $e^x - 1$ of each element, without cancellation near 0.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { expm1, toNested } from "@provably/core-tensor";
 *
 * toNested(expm1(0)); // => 0
 * ```
 * @category Exponentials and powers
 */
export function expm1(x: ArrayInput): NdArray {
  return applyUnary(expm1Primitive, x);
}

const logPrimitive = elementwise({
  name: "log",
  arity: 1,
  result: "float",
  js: Math.log,
  simd: (x) => unary("log", x),
  partials: [(t, [x]) => div(t, x!)],
});

/**
 * The natural logarithm $\ln x$ of each element; −Infinity at 0, NaN below.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { log, toNested } from "@provably/core-tensor";
 *
 * toNested(log([1, 0])); // => [0, -Infinity]
 * ```
 * @category Exponentials and powers
 */
export function log(x: ArrayInput): NdArray {
  return applyUnary(logPrimitive, x);
}

const log1pPrimitive = elementwise({
  name: "log1p",
  arity: 1,
  result: "float",
  js: Math.log1p,
  simd: (x) => unary("log1p", x),
  partials: [(t, [x]) => div(t, add(x!, 1))],
});

/**
 * The logarithm $\ln(1 + x)$ of each element, without cancellation near 0; −Infinity at −1, NaN below.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { log1p, toNested } from "@provably/core-tensor";
 *
 * toNested(log1p(0)); // => 0
 * ```
 * @category Exponentials and powers
 */
export function log1p(x: ArrayInput): NdArray {
  return applyUnary(log1pPrimitive, x);
}

const sqrtPrimitive = elementwise({
  name: "sqrt",
  arity: 1,
  result: "float",
  js: Math.sqrt,
  partials: [(t, _, y) => div(mul(t, 0.5), y)],
});

/**
 * The square root $\sqrt x$ of each element; NaN below 0. The derivative at 0 is Infinity.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { sqrt, toNested } from "@provably/core-tensor";
 *
 * toNested(sqrt([4, 9])); // => [2, 3]
 * ```
 * @category Exponentials and powers
 */
export function sqrt(x: ArrayInput): NdArray {
  return applyUnary(sqrtPrimitive, x);
}

const rsqrtPrimitive = elementwise({
  name: "rsqrt",
  arity: 1,
  result: "float",
  js: (x) => 1 / Math.sqrt(x),
  partials: [(t, [x], y) => mul(t, mul(-0.5, div(y, x!)))],
});

/**
 * The inverse square root $1/\sqrt x$ of each element; Infinity at 0, NaN below.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { rsqrt, toNested } from "@provably/core-tensor";
 *
 * toNested(rsqrt([4, 16])); // => [0.5, 0.25]
 * ```
 * @category Exponentials and powers
 */
export function rsqrt(x: ArrayInput): NdArray {
  return applyUnary(rsqrtPrimitive, x);
}

/** The language gives NaN for 1^NaN, 1^±∞ and (−1)^±∞, which IEEE 754 and the other libraries have as 1. */
function powJs(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
}

const powPrimitive = elementwise({
  name: "pow",
  arity: 2,
  result: "float",
  js: powJs,
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

const hypotPrimitive = elementwise({
  name: "hypot",
  arity: 2,
  result: "float",
  js: (a, b) => Math.hypot(a, b),
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

const logAddExpPrimitive = elementwise({
  name: "logAddExp",
  arity: 2,
  result: "float",
  js: logAddExpJs,
  partials: [
    (t, [a], y) => mul(t, exp(sub(a!, finite(y)))),
    (t, [, b], y) => mul(t, exp(sub(b!, finite(y)))),
  ],
});

/**
 * The logarithm $\ln(e^a + e^b)$, element by element, without overflow.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns float array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { logAddExp, toNested } from "@provably/core-tensor";
 *
 * toNested(logAddExp([0, -1000], [0, -Infinity])); // => [0.6931471824645996, -1000]
 * ```
 * @category Exponentials and powers
 */
export function logAddExp(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(logAddExpPrimitive, a, b);
}

/** Keeps −∞ − (−∞) from turning into NaN in the weights of logAddExp. */
function finite(y: NdArray): NdArray {
  return where(equal(y, -Infinity), 0, y);
}

function logAddExpJs(a: number, b: number): number {
  const m = Math.max(a, b);
  if (!Number.isFinite(m)) return m;
  return m + Math.log1p(Math.exp(-Math.abs(a - b)));
}
