/** Exponentials, logarithms and powers. */
import type { NdArray } from "../array/ndarray.js";
import { unary } from "../exec/wasm/index.js";
import { EXP, EXPM1, LOG, LOG1P, LOG_ADD_EXP } from "../forms/device/exponential.js";
import { applyBinary, applyUnary, elementwise } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { add, div, mul, sub } from "./arithmetic.js";
import { equal, where } from "./comparison.js";

const expPrimitive = /* @__PURE__ */ elementwise({
  name: "exp",
  arity: 1,
  result: "float",
  js: Math.exp,
  simd: (x) => unary("exp", x),
  vector: { kernel: "exp" },
  device: { call: EXP },
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

const expm1Primitive = /* @__PURE__ */ elementwise({
  name: "expm1",
  arity: 1,
  result: "float",
  js: Math.expm1,
  simd: (x) => unary("expm1", x),
  vector: { kernel: "expm1" },
  device: { call: EXPM1 },
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

const logPrimitive = /* @__PURE__ */ elementwise({
  name: "log",
  arity: 1,
  result: "float",
  js: Math.log,
  simd: (x) => unary("log", x),
  vector: { kernel: "log" },
  device: { call: LOG },
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

const log1pPrimitive = /* @__PURE__ */ elementwise({
  name: "log1p",
  arity: 1,
  result: "float",
  js: Math.log1p,
  simd: (x) => unary("log1p", x),
  vector: { kernel: "log1p" },
  device: { call: LOG1P },
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

const sqrtPrimitive = /* @__PURE__ */ elementwise({
  name: "sqrt",
  arity: 1,
  result: "float",
  js: Math.sqrt,
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = Math.sqrt(a[p]!);
  },
  vector: { op: "sqrt" },
  device: { expression: (x) => `Math.sqrt(${x})` },
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

const rsqrtPrimitive = /* @__PURE__ */ elementwise({
  name: "rsqrt",
  arity: 1,
  result: "float",
  js: (x) => 1 / Math.sqrt(x),
  vector: { steps: (m, [x]) => m.op("div", m.constant(1, x.type), m.op("sqrt", x)) },
  device: { expression: (x) => `(1 / Math.sqrt(${x}))` },
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

const logAddExpPrimitive = /* @__PURE__ */ elementwise({
  name: "logAddExp",
  arity: 2,
  result: "float",
  js: logAddExpJs,
  vector: {
    steps(m, [a, b]) {
      const top = m.op("max", a, b);
      const rest = m.kernel("softplus", m.op("neg", m.op("abs", m.op("sub", a, b))));
      // an infinite maximum is the answer, and ∞ − ∞ beside it is no number
      return m.select(m.op("lt", m.op("abs", top), Infinity), m.op("add", top, rest), top);
    },
  },
  device: { call: LOG_ADD_EXP },
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
