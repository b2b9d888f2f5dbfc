/** Circular and hyperbolic functions and their inverses; angles in radians. */
import type { NdArray } from "../array/ndarray.js";
import { unary } from "../exec/wasm/index.js";
import { ACOSH, ASINH, ATANH, COSH, SINH, TANH } from "../forms/device/hyperbolic.js";
import { ACOS, ASIN, ATAN, ATAN2, COS, SIN } from "../forms/device/trigonometric.js";
import { applyBinary, applyUnary, elementwise } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { add, div, mul, neg, square, sub } from "./arithmetic.js";
import { rsqrt } from "./exponential.js";

const sinPrimitive = /* @__PURE__ */ elementwise({
  name: "sin",
  arity: 1,
  result: "float",
  js: Math.sin,
  vector: { kernel: "sin" },
  device: { call: SIN },
  partials: [(t, [x]) => mul(t, cos(x!))],
});

/**
 * The sine of each element, in radians.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { sin, toNested } from "@provably/core-tensor";
 *
 * toNested(sin(0)); // => 0
 * ```
 * @category Trigonometry
 */
export function sin(x: ArrayInput): NdArray {
  return applyUnary(sinPrimitive, x);
}

const cosPrimitive = /* @__PURE__ */ elementwise({
  name: "cos",
  arity: 1,
  result: "float",
  js: Math.cos,
  vector: { kernel: "cos" },
  device: { call: COS },
  partials: [(t, [x]) => neg(mul(t, sin(x!)))],
});

/**
 * The cosine of each element, in radians.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { cos, toNested } from "@provably/core-tensor";
 *
 * toNested(cos(0)); // => 1
 * ```
 * @category Trigonometry
 */
export function cos(x: ArrayInput): NdArray {
  return applyUnary(cosPrimitive, x);
}

const tanPrimitive = /* @__PURE__ */ elementwise({
  name: "tan",
  arity: 1,
  result: "float",
  js: Math.tan,
  vector: { reason: "no SIMD kernel yet" },
  device: { expression: (x) => `(f_sin(${x}) / f_cos(${x}))`, functions: [SIN, COS] },
  partials: [(t, _, y) => mul(t, add(1, square(y)))],
});

/**
 * The tangent of each element, in radians.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { tan, toNested } from "@provably/core-tensor";
 *
 * toNested(tan(0)); // => 0
 * ```
 * @category Trigonometry
 */
export function tan(x: ArrayInput): NdArray {
  return applyUnary(tanPrimitive, x);
}

const asinPrimitive = /* @__PURE__ */ elementwise({
  name: "asin",
  arity: 1,
  result: "float",
  js: Math.asin,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: ASIN },
  partials: [(t, [x]) => mul(t, rsqrt(mul(sub(1, x!), add(1, x!))))],
});

/**
 * The angle in $[-\pi/2, \pi/2]$ with the given sine; NaN outside $[-1, 1]$.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { asin, toNested } from "@provably/core-tensor";
 *
 * toNested(asin(0)); // => 0
 * ```
 * @category Trigonometry
 */
export function asin(x: ArrayInput): NdArray {
  return applyUnary(asinPrimitive, x);
}

const acosPrimitive = /* @__PURE__ */ elementwise({
  name: "acos",
  arity: 1,
  result: "float",
  js: Math.acos,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: ACOS },
  partials: [(t, [x]) => neg(mul(t, rsqrt(mul(sub(1, x!), add(1, x!)))))],
});

/**
 * The angle in $[0, \pi]$ with the given cosine; NaN outside $[-1, 1]$.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { acos, toNested } from "@provably/core-tensor";
 *
 * toNested(acos(1)); // => 0
 * ```
 * @category Trigonometry
 */
export function acos(x: ArrayInput): NdArray {
  return applyUnary(acosPrimitive, x);
}

const atanPrimitive = /* @__PURE__ */ elementwise({
  name: "atan",
  arity: 1,
  result: "float",
  js: Math.atan,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: ATAN },
  partials: [(t, [x]) => div(t, add(1, square(x!)))],
});

/**
 * The angle in $(-\pi/2, \pi/2)$ with the given tangent.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { atan, toNested } from "@provably/core-tensor";
 *
 * toNested(atan(0)); // => 0
 * ```
 * @category Trigonometry
 */
export function atan(x: ArrayInput): NdArray {
  return applyUnary(atanPrimitive, x);
}

const atan2Primitive = /* @__PURE__ */ elementwise({
  name: "atan2",
  arity: 2,
  result: "float",
  js: Math.atan2,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: ATAN2 },
  partials: [
    (t, [a, b]) => mul(t, div(b!, add(square(a!), square(b!)))),
    (t, [a, b]) => neg(mul(t, div(a!, add(square(a!), square(b!))))),
  ],
});

/**
 * The angle in $(-\pi, \pi]$ of the point with ordinate $a$ and abscissa $b$.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns float array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { atan2, toNested } from "@provably/core-tensor";
 *
 * toNested(atan2(0, 1)); // => 0
 * ```
 * @category Trigonometry
 */
export function atan2(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(atan2Primitive, a, b);
}

const sinhPrimitive = /* @__PURE__ */ elementwise({
  name: "sinh",
  arity: 1,
  result: "float",
  js: Math.sinh,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: SINH },
  partials: [(t, [x]) => mul(t, cosh(x!))],
});

/**
 * The hyperbolic sine of each element.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { sinh, toNested } from "@provably/core-tensor";
 *
 * toNested(sinh(0)); // => 0
 * ```
 * @category Trigonometry
 */
export function sinh(x: ArrayInput): NdArray {
  return applyUnary(sinhPrimitive, x);
}

const coshPrimitive = /* @__PURE__ */ elementwise({
  name: "cosh",
  arity: 1,
  result: "float",
  js: Math.cosh,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: COSH },
  partials: [(t, [x]) => mul(t, sinh(x!))],
});

/**
 * The hyperbolic cosine of each element.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { cosh, toNested } from "@provably/core-tensor";
 *
 * toNested(cosh(0)); // => 1
 * ```
 * @category Trigonometry
 */
export function cosh(x: ArrayInput): NdArray {
  return applyUnary(coshPrimitive, x);
}

const tanhPrimitive = /* @__PURE__ */ elementwise({
  name: "tanh",
  arity: 1,
  result: "float",
  js: Math.tanh,
  simd: (x) => unary("tanh", x),
  vector: { kernel: "tanh" },
  device: { call: TANH },
  partials: [(t, _, y) => mul(t, mul(sub(1, y), add(1, y)))],
});

/**
 * The hyperbolic tangent of each element.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { tanh, toNested } from "@provably/core-tensor";
 *
 * toNested(tanh([0, 100])); // => [0, 1]
 * ```
 * @category Trigonometry
 */
export function tanh(x: ArrayInput): NdArray {
  return applyUnary(tanhPrimitive, x);
}

const asinhPrimitive = /* @__PURE__ */ elementwise({
  name: "asinh",
  arity: 1,
  result: "float",
  js: Math.asinh,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: ASINH },
  partials: [(t, [x]) => mul(t, rsqrt(add(1, square(x!))))],
});

/**
 * The inverse hyperbolic sine of each element.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { asinh, toNested } from "@provably/core-tensor";
 *
 * toNested(asinh(0)); // => 0
 * ```
 * @category Trigonometry
 */
export function asinh(x: ArrayInput): NdArray {
  return applyUnary(asinhPrimitive, x);
}

const acoshPrimitive = /* @__PURE__ */ elementwise({
  name: "acosh",
  arity: 1,
  result: "float",
  js: Math.acosh,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: ACOSH },
  partials: [(t, [x]) => mul(t, rsqrt(mul(sub(x!, 1), add(x!, 1))))],
});

/**
 * The inverse hyperbolic cosine of each element; NaN below 1.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { acosh, toNested } from "@provably/core-tensor";
 *
 * toNested(acosh(1)); // => 0
 * ```
 * @category Trigonometry
 */
export function acosh(x: ArrayInput): NdArray {
  return applyUnary(acoshPrimitive, x);
}

const atanhPrimitive = /* @__PURE__ */ elementwise({
  name: "atanh",
  arity: 1,
  result: "float",
  js: Math.atanh,
  vector: { reason: "no SIMD kernel yet" },
  device: { call: ATANH },
  partials: [(t, [x]) => div(t, mul(sub(1, x!), add(1, x!)))],
});

/**
 * The inverse hyperbolic tangent of each element; ±Infinity at ±1, NaN beyond.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { atanh, toNested } from "@provably/core-tensor";
 *
 * toNested(atanh(0)); // => 0
 * ```
 * @category Trigonometry
 */
export function atanh(x: ArrayInput): NdArray {
  return applyUnary(atanhPrimitive, x);
}
