/** The non-linearities of neural networks. */
import { anyNumber, check } from "../check/index.js";
import { floatDType } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { ndtr as ndtrJs } from "../exec/js/special.js";
import { unary } from "../exec/wasm/index.js";
import { WEIGHED } from "../forms/device/error.js";
import { GATED, SIGMOID, SOFTPLUS } from "../forms/device/exponential.js";
import { MISH } from "../forms/device/hyperbolic.js";
import { applyUnary, convert, elementwise } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add, mul, neg, square, sub } from "./arithmetic.js";
import { maximum } from "./bounds.js";
import { greater, where } from "./comparison.js";
import { exp, expm1 } from "./exponential.js";
import { ndtr } from "./special.js";
import { tanh } from "./trigonometric.js";

const sigmoidPrimitive = /* @__PURE__ */ elementwise({
  name: "sigmoid",
  arity: 1,
  result: "float",
  js: sigmoidJs,
  simd: (x) => unary("sigmoid", x),
  vector: { kernel: "sigmoid" },
  device: { call: SIGMOID },
  partials: [(t, _, y) => mul(t, mul(y, sub(1, y)))],
});

/**
 * The logistic function $1/(1 + e^{-x})$ of each element, without overflow.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { sigmoid, toNested } from "@provably/core-tensor";
 *
 * toNested(sigmoid(0)); // => 0.5
 * ```
 * @category Activations
 */
export function sigmoid(x: ArrayInput): NdArray {
  return applyUnary(sigmoidPrimitive, x);
}

const logSigmoidPrimitive = /* @__PURE__ */ elementwise({
  name: "logSigmoid",
  arity: 1,
  result: "float",
  js: (x) => -softplusJs(-x),
  vector: { steps: (m, [x]) => m.op("neg", m.kernel("softplus", m.op("neg", x))) },
  device: { expression: (x) => `(-f_softplus(-${x}))`, functions: [SOFTPLUS] },
  partials: [(t, [x]) => mul(t, sigmoid(neg(x!)))],
});

/**
 * The logarithm $-\ln(1 + e^{-x})$ of the logistic function, exact in both tails.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { logSigmoid, toNested } from "@provably/core-tensor";
 *
 * toNested(logSigmoid(0)); // => -0.6931471824645996
 * ```
 * @category Activations
 */
export function logSigmoid(x: ArrayInput): NdArray {
  return applyUnary(logSigmoidPrimitive, x);
}

const softplusPrimitive = /* @__PURE__ */ elementwise({
  name: "softplus",
  arity: 1,
  result: "float",
  simd: (x) => unary("softplus", x),
  js: softplusJs,
  vector: { kernel: "softplus" },
  device: { call: SOFTPLUS },
  partials: [(t, [x]) => mul(t, sigmoid(x!))],
});

/**
 * The smooth ramp $\ln(1 + e^x)$ of each element, without overflow.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { softplus, toNested } from "@provably/core-tensor";
 *
 * toNested(softplus(0)); // => 0.6931471824645996
 * ```
 * @category Activations
 */
export function softplus(x: ArrayInput): NdArray {
  return applyUnary(softplusPrimitive, x);
}

const reluPrimitive = /* @__PURE__ */ elementwise({
  name: "relu",
  arity: 1,
  js: (x) => (x > 0 || Number.isNaN(x) ? x : 0),
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) {
      const x = a[p]!;
      // not greater than 0, and not NaN
      out[i] = x <= 0 ? 0 : x;
    }
  },
  vector: { steps: (m, [x]) => m.select(m.op("le", x, 0), 0, x), isExact: true },
  device: { cheap: (x) => `Math.max(${x}, 0)` },
  partials: [(t, [x]) => where(greater(x!, 0), t, 0)],
});

/**
 * The ramp $\max(x, 0)$ of each element; the derivative at 0 is 0.
 *
 * @param x - any shape
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { relu, toNested } from "@provably/core-tensor";
 *
 * toNested(relu([-1, 2])); // => [0, 2]
 * ```
 * @category Activations
 */
export function relu(x: ArrayInput): NdArray {
  return applyUnary(reluPrimitive, x);
}

const siluPrimitive = /* @__PURE__ */ elementwise({
  name: "silu",
  arity: 1,
  result: "float",
  simd: (x) => unary("silu", x),
  js: (x) => x * sigmoidJs(x),
  vector: { kernel: "silu" },
  device: { expression: (x) => `f_gated(${x}, ${x})`, functions: [GATED] },
  partials: [(t, [x]) => mul(t, slope(x!, sigmoid(x!)))],
});

/**
 * The product $x \cdot \sigma(x)$ of each element with its logistic function, also called swish.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { silu, toNested } from "@provably/core-tensor";
 *
 * toNested(silu(0)); // => 0
 * ```
 * @category Activations
 */
export function silu(x: ArrayInput): NdArray {
  return applyUnary(siluPrimitive, x);
}

/** Derivative of x·σ(x). */
function slope(x: NdArray, s: NdArray): NdArray {
  return mul(s, add(1, mul(x, sub(1, s))));
}

const geluPrimitive = /* @__PURE__ */ elementwise({
  name: "gelu",
  arity: 1,
  result: "float",
  js: (x) => x * ndtrJs(x),
  simd: (x) => unary("gelu", x),
  vector: { kernel: "gelu" },
  device: {
    expression: (x) => `f_weighed(${x} * ${-Math.SQRT1_2}, 0.5 * ${x})`,
    functions: [WEIGHED],
  },
  partials: [(t, [x]) => mul(t, add(ndtr(x!), mul(x!, density(x!))))],
});

/**
 * The Gaussian error linear unit $x\,\Phi(x)$ of each element, in its exact form.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { gelu, toNested } from "@provably/core-tensor";
 *
 * toNested(gelu(0)); // => 0
 * ```
 * @see Hendrycks, Gimpel (2016), "Gaussian error linear units"
 * @category Activations
 */
export function gelu(x: ArrayInput): NdArray {
  return applyUnary(geluPrimitive, x);
}

/** Standard normal density. */
function density(x: NdArray): NdArray {
  return mul(1 / Math.sqrt(2 * Math.PI), exp(mul(-0.5, square(x))));
}

/** √(2/π) */
const TANH_SCALE = 0.7978845608028654;
const TANH_CUBE = 0.044715;

// 2u = a·x + b·x³ in heads of 24 bits and rests
// A is twice the scale, B that times the cube
const A = 1.5957691216057308;
const B = 0.07135481627260025;
const A_HEAD = /* @__PURE__ */ Math.fround(A);
const B_HEAD = /* @__PURE__ */ Math.fround(B);

/**
 * x σ(2u), since ½(1 + tanh u) = σ(2u), which keeps the digits of the tail. There e^{2u} is formed from parts of 2u that carry no
 * rounding and a small rest, because the exponential would magnify it.
 */
function geluTanhJs(x: number): number {
  if (!(x < 0 && x > -16)) return x * sigmoidJs(A * x + B * x * x * x);
  const head = Math.trunc(x * 16) / 16;
  const cube = head * head * head;
  const slope = A + B * (x * x + x * head + head * head);
  const rest = (A - A_HEAD) * head + (B - B_HEAD) * cube + (x - head) * slope;
  const e = Math.exp(A_HEAD * head) * Math.exp(B_HEAD * cube) * Math.exp(rest);
  return (x * e) / (1 + e);
}

const geluTanhPrimitive = /* @__PURE__ */ elementwise({
  name: "geluTanh",
  arity: 1,
  result: "float",
  js: geluTanhJs,
  simd: (x) => unary("geluTanh", x),
  vector: { kernel: "geluTanh" },
  device: {
    expression: (x) =>
      `f_gated(${x}, ${2 * TANH_SCALE} * (${x} + ${TANH_CUBE} * ${x} * ${x} * ${x}))`,
    functions: [GATED],
  },
  partials: [(t, [x]) => mul(t, geluTanhSlope(x!))],
});

/**
 * The Gaussian error linear unit in its tanh form, $\frac x2\left(1 + \tanh\left(\sqrt{2/\pi}\,(x + 0.044715\,x^3)\right)\right)$.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { geluTanh, toNested } from "@provably/core-tensor";
 *
 * toNested(geluTanh(0)); // => 0
 * ```
 * @see Hendrycks, Gimpel (2016), "Gaussian error linear units"
 * @category Activations
 */
export function geluTanh(x: ArrayInput): NdArray {
  return applyUnary(geluTanhPrimitive, x);
}

function geluTanhSlope(x: NdArray): NdArray {
  const x2 = square(x);
  const y = tanh(mul(TANH_SCALE, mul(x, add(1, mul(TANH_CUBE, x2)))));
  const inner = mul(TANH_SCALE, add(1, mul(3 * TANH_CUBE, x2)));
  return mul(0.5, add(add(1, y), mul(mul(x, inner), mul(sub(1, y), add(1, y)))));
}

const mishPrimitive = /* @__PURE__ */ elementwise({
  name: "mish",
  arity: 1,
  result: "float",
  js: (x) => x * Math.tanh(softplusJs(x)),
  vector: { steps: (m, [x]) => m.op("mul", x, m.kernel("tanh", m.kernel("softplus", x))) },
  device: { call: MISH },
  partials: [(t, [x]) => mul(t, mishSlope(x!))],
});

/**
 * The product $x \tanh(\ln(1 + e^x))$ of each element.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { mish, toNested } from "@provably/core-tensor";
 *
 * toNested(mish(0)); // => 0
 * ```
 * @see Misra (2019), "Mish: a self regularized non-monotonic activation function"
 * @category Activations
 */
export function mish(x: ArrayInput): NdArray {
  return applyUnary(mishPrimitive, x);
}

function mishSlope(x: NdArray): NdArray {
  const y = tanh(softplus(x));
  return add(y, mul(mul(x, sigmoid(x)), mul(sub(1, y), add(1, y))));
}

/**
 * The ramp with slope `slope` below zero.
 *
 * @param x - any shape
 * @param slope - slope for negative elements; default 0.01
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { leakyRelu, toNested } from "@provably/core-tensor";
 *
 * toNested(leakyRelu([-2, 3], 0.5)); // => [-1, 3]
 * ```
 * @category Activations
 */
export function leakyRelu(x: ArrayInput, slope = 0.01): NdArray {
  const given = toArray("leakyRelu", x);
  const a = convert(given, floatDType(given.dtype));
  check("leakyRelu", "slope", slope, anyNumber);
  return where(greater(a, 0), a, mul(a, slope));
}

/**
 * The exponential linear unit: $x$ above zero, $\\alpha(e^x - 1)$ below.
 *
 * @param x - any shape
 * @param alpha - limit of $-\\text{elu}(x)$ far below zero; default 1
 * @returns array of the shape of `x`
 * @example
 * ```ts
 * import { elu, toNested } from "@provably/core-tensor";
 *
 * toNested(elu([0, 3])); // => [0, 3]
 * ```
 * @see Clevert, Unterthiner, Hochreiter (2015), "Fast and accurate deep network learning by exponential linear units"
 * @category Activations
 */
export function elu(x: ArrayInput, alpha = 1): NdArray {
  const given = toArray("elu", x);
  const a = convert(given, floatDType(given.dtype));
  check("elu", "alpha", alpha, anyNumber);
  // the exponential sees only negative numbers, so the side not taken cannot overflow
  const below = mul(alpha, expm1(neg(maximum(neg(a), 0))));
  return where(greater(a, 0), a, below);
}

function sigmoidJs(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

function softplusJs(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
