/** Error and gamma functions, and the normal distribution function. */
import type { NdArray } from "../array/ndarray.js";
import * as js from "../exec/js/special.js";
import { unary } from "../exec/wasm/index.js";
import { ERF, ERFC, ERFINV, NDTRI, WEIGHED } from "../forms/device/error.js";
import { DIGAMMA, LGAMMA, TETRAGAMMA, TRIGAMMA } from "../forms/device/gamma.js";
import { applyUnary, elementwise } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { mul, neg, square } from "./arithmetic.js";
import { exp } from "./exponential.js";

/** 2/√π; constants are written out, as a bundler cannot know that a computed one is unused. */
const TWO_OVER_SQRT_PI = 1.1283791670955126;
/** √(2π) */
const SQRT_2PI = 2.5066282746310002;

const erfPrimitive = /* @__PURE__ */ elementwise({
  name: "erf",
  arity: 1,
  result: "float",
  js: js.erf,
  simd: (x) => unary("erf", x),
  vector: { kernel: "erf" },
  device: { call: ERF },
  partials: [(t, [x]) => mul(t, mul(TWO_OVER_SQRT_PI, exp(neg(square(x!)))))],
});

/**
 * The error function $\operatorname{erf} x = \frac{2}{\sqrt\pi}\int_0^x e^{-t^2}\,dt$ of each element.
 *
 * Relative error below 1e-15 in float64.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { erf, toNested } from "@provably/core-tensor";
 *
 * toNested(erf([0, 10])); // => [0, 1]
 * ```
 * @see Cody (1969), "Rational Chebyshev approximations for the error function"
 * @category Special functions
 */
export function erf(x: ArrayInput): NdArray {
  return applyUnary(erfPrimitive, x);
}

const erfcPrimitive = /* @__PURE__ */ elementwise({
  name: "erfc",
  arity: 1,
  result: "float",
  js: js.erfc,
  simd: (x) => unary("erfc", x),
  vector: { kernel: "erfc" },
  device: { call: ERFC },
  partials: [(t, [x]) => neg(mul(t, mul(TWO_OVER_SQRT_PI, exp(neg(square(x!))))))],
});

/**
 * The complement $1 - \operatorname{erf} x$ of each element, accurate in the far tail.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { erfc, toNested } from "@provably/core-tensor";
 *
 * toNested(erfc(0)); // => 1
 * ```
 * @see Cody (1969), "Rational Chebyshev approximations for the error function"
 * @category Special functions
 */
export function erfc(x: ArrayInput): NdArray {
  return applyUnary(erfcPrimitive, x);
}

const erfinvPrimitive = /* @__PURE__ */ elementwise({
  name: "erfinv",
  arity: 1,
  result: "float",
  js: js.erfinv,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: ERFINV },
  partials: [(t, _, y) => mul(t, mul(1 / TWO_OVER_SQRT_PI, exp(square(y))))],
});

/**
 * The number whose error function is the given one; ±Infinity at ±1, NaN beyond.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { erfinv, toNested } from "@provably/core-tensor";
 *
 * toNested(erfinv([0, 1])); // => [0, Infinity]
 * ```
 * @category Special functions
 */
export function erfinv(x: ArrayInput): NdArray {
  return applyUnary(erfinvPrimitive, x);
}

const ndtrPrimitive = /* @__PURE__ */ elementwise({
  name: "ndtr",
  arity: 1,
  result: "float",
  js: js.ndtr,
  simd: (x) => unary("ndtr", x),
  vector: { kernel: "ndtr" },
  device: { expression: (x) => `f_weighed(${x} * ${-Math.SQRT1_2}, 0.5)`, functions: [WEIGHED] },
  partials: [(t, [x]) => mul(t, mul(1 / SQRT_2PI, exp(mul(-0.5, square(x!)))))],
});

/**
 * The standard normal distribution function $\Phi(x)$ of each element.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { ndtr, toNested } from "@provably/core-tensor";
 *
 * toNested(ndtr(0)); // => 0.5
 * ```
 * @category Special functions
 */
export function ndtr(x: ArrayInput): NdArray {
  return applyUnary(ndtrPrimitive, x);
}

const ndtriPrimitive = /* @__PURE__ */ elementwise({
  name: "ndtri",
  arity: 1,
  result: "float",
  js: js.ndtri,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: NDTRI },
  partials: [(t, _, y) => mul(t, mul(SQRT_2PI, exp(mul(0.5, square(y)))))],
});

/**
 * The standard normal quantile $\Phi^{-1}(p)$ of each element; ±Infinity at 1 and 0, NaN outside $[0, 1]$.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { ndtri, toNested } from "@provably/core-tensor";
 *
 * toNested(ndtri(0.5)); // => 0
 * ```
 * @category Special functions
 */
export function ndtri(x: ArrayInput): NdArray {
  return applyUnary(ndtriPrimitive, x);
}

const lgammaPrimitive = /* @__PURE__ */ elementwise({
  name: "lgamma",
  arity: 1,
  result: "float",
  js: js.lgamma,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: LGAMMA },
  partials: [(t, [x]) => mul(t, digamma(x!))],
});

/**
 * The logarithm $\ln |\Gamma(x)|$ of the gamma function of each element; Infinity at 0, −1, −2, ….
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { lgamma, toNested } from "@provably/core-tensor";
 *
 * toNested(lgamma([1, 2])); // => [0, 0]
 * ```
 * @see Lanczos (1964), "A precision approximation of the gamma function"
 * @category Special functions
 */
export function lgamma(x: ArrayInput): NdArray {
  return applyUnary(lgammaPrimitive, x);
}

const digammaPrimitive = /* @__PURE__ */ elementwise({
  name: "digamma",
  arity: 1,
  result: "float",
  js: js.digamma,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: DIGAMMA },
  partials: [(t, [x]) => mul(t, trigamma(x!))],
});

/**
 * The derivative $\psi(x) = \frac{d}{dx}\ln\Gamma(x)$ of each element; NaN at the poles 0, −1, −2, ….
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { digamma, toNested } from "@provably/core-tensor";
 *
 * toNested(digamma(1)); // => -0.5772156715393066
 * ```
 * @see Abramowitz, Stegun (1964), "Handbook of Mathematical Functions", 6.3
 * @category Special functions
 */
export function digamma(x: ArrayInput): NdArray {
  return applyUnary(digammaPrimitive, x);
}

const trigammaPrimitive = /* @__PURE__ */ elementwise({
  name: "trigamma",
  arity: 1,
  result: "float",
  js: js.trigamma,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: TRIGAMMA },
  partials: [(t, [x]) => mul(t, tetragamma(x!))],
});

/**
 * The second derivative $\psi_1(x)$ of $\ln\Gamma$ of each element.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { toNested, trigamma } from "@provably/core-tensor";
 *
 * toNested(trigamma(1)); // => 1.6449340581893921
 * ```
 * @see Abramowitz, Stegun (1964), "Handbook of Mathematical Functions", 6.4
 * @category Special functions
 */
export function trigamma(x: ArrayInput): NdArray {
  return applyUnary(trigammaPrimitive, x);
}

const tetragammaPrimitive = /* @__PURE__ */ elementwise({
  name: "tetragamma",
  arity: 1,
  result: "float",
  js: js.tetragamma,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: TETRAGAMMA },
});

/**
 * The third derivative $\psi_2(x)$ of $\ln\Gamma$ of each element, NaN at the poles 0, −1, −2, …; its own derivative is not provided and counts as zero.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { tetragamma, toNested } from "@provably/core-tensor";
 *
 * toNested(tetragamma(1)); // => -2.4041137695
 * ```
 * @category Special functions
 */
export function tetragamma(x: ArrayInput): NdArray {
  return applyUnary(tetragammaPrimitive, x);
}
