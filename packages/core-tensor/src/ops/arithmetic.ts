/** Sums, products, signs and remainders, element by element. */
import type { NdArray } from "../array/ndarray.js";
import { FMOD, MOD } from "../forms/device/remainder.js";
import { applyBinary, applyUnary, elementwise } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { round } from "./rounding.js";

export const addPrimitive = /* @__PURE__ */ elementwise({
  name: "add",
  arity: 2,
  js: (a, b) => a + b,
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = a[p]! + b[q]!;
  },
  vector: { op: "add" },
  device: { cheap: (a, b) => `(${a} + ${b})`, leavesRange: true },
  partials: [(t) => t, (t) => t],
});

/**
 * The sum $a + b$, element by element, with broadcasting.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape, of the type in which the two meet
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { add, array, toNested } from "@provably/core-tensor";
 *
 * toNested(add(array([[1], [2]]), [10, 20])); // => [[11, 21], [12, 22]]
 * ```
 * @category Arithmetic
 */
export function add(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(addPrimitive, a, b);
}

export const subPrimitive = /* @__PURE__ */ elementwise({
  name: "sub",
  arity: 2,
  refusesBool: "a and b must be numbers, got two bool arrays; use notEqual, or asType first",
  js: (a, b) => a - b,
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = a[p]! - b[q]!;
  },
  vector: { op: "sub" },
  device: { cheap: (a, b) => `(${a} - ${b})`, leavesRange: true },
  partials: [(t) => t, (t) => neg(t)],
});

/**
 * The difference $a - b$, element by element, with broadcasting.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape, of the type in which the two meet
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { sub, toNested } from "@provably/core-tensor";
 *
 * toNested(sub([3, 4], 1)); // => [2, 3]
 * ```
 * @category Arithmetic
 */
export function sub(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(subPrimitive, a, b);
}

export const mulPrimitive = /* @__PURE__ */ elementwise({
  name: "mul",
  arity: 2,
  js: (a, b) => a * b,
  loop(out, from, to, a, p, da, b, q, db) {
    // the low 32 bits of a product of two integers, which a double may not hold
    if (out instanceof Int32Array)
      for (let i = from; i < to; i++, p += da, q += db) out[i] = Math.imul(a[p]!, b[q]!);
    else for (let i = from; i < to; i++, p += da, q += db) out[i] = a[p]! * b[q]!;
  },
  vector: { op: "mul" },
  device: { cheap: (a, b) => `(${a} * ${b})`, leavesRange: true },
  partials: [(t, [, b]) => mul(t, b!), (t, [a]) => mul(t, a!)],
});

/**
 * The product $a \cdot b$, element by element, with broadcasting. For the matrix product see {@link matmul}.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape, of the type in which the two meet
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { mul, toNested } from "@provably/core-tensor";
 *
 * toNested(mul([1, 2, 3], [4, 5, 6])); // => [4, 10, 18]
 * ```
 * @category Arithmetic
 */
export function mul(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(mulPrimitive, a, b);
}

const divPrimitive = /* @__PURE__ */ elementwise({
  name: "div",
  arity: 2,
  result: "float",
  js: (a, b) => a / b,
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = a[p]! / b[q]!;
  },
  vector: { op: "div" },
  device: { expression: (a, b) => `(${a} / ${b})` },
  partials: [(t, [, b]) => div(t, b!), (t, [, b], y) => neg(mul(t, div(y, b!)))],
});

/**
 * The quotient $a / b$, element by element, with broadcasting; integers give float32.
 *
 * Division by zero gives ±Infinity or NaN, as in IEEE 754.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns float array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { div, toNested } from "@provably/core-tensor";
 *
 * toNested(div([1, 3], 2)); // => [0.5, 1.5]
 * ```
 * @category Arithmetic
 */
export function div(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(divPrimitive, a, b);
}

const negPrimitive = /* @__PURE__ */ elementwise({
  name: "neg",
  arity: 1,
  refusesBool: "x must be numbers, got bool; use logicalNot, or asType first",
  js: (x) => -x,
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = -a[p]!;
  },
  vector: { op: "neg" },
  device: { cheap: (x) => `(-${x})`, leavesRange: true },
  partials: [(t) => neg(t)],
});

/**
 * The negative $-x$ of each element.
 *
 * @param x - any shape
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { neg, toNested } from "@provably/core-tensor";
 *
 * toNested(neg([1, -2])); // => [-1, 2]
 * ```
 * @category Arithmetic
 */
export function neg(x: ArrayInput): NdArray {
  return applyUnary(negPrimitive, x);
}

const signPrimitive = /* @__PURE__ */ elementwise({
  name: "sign",
  arity: 1,
  js: Math.sign,
  vector: {
    // zeros and NaN stay as they are
    steps: (m, [x]) => m.select(m.op("gt", x, 0), 1, m.select(m.op("lt", x, 0), -1, x)),
    isExact: true,
  },
  device: { cheap: (x) => `(${x} > 0 ? 1 : (${x} < 0 ? -1 : 0))` },
});

/**
 * The sign of each element: −1, 0 or 1, NaN for NaN; its derivative is taken as zero.
 *
 * @param x - any shape
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { sign, toNested } from "@provably/core-tensor";
 *
 * toNested(sign([-3, 0, 2])); // => [-1, 0, 1]
 * ```
 * @category Arithmetic
 */
export function sign(x: ArrayInput): NdArray {
  return applyUnary(signPrimitive, x);
}

const absPrimitive = /* @__PURE__ */ elementwise({
  name: "abs",
  arity: 1,
  js: Math.abs,
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = Math.abs(a[p]!);
  },
  vector: { op: "abs" },
  device: { cheap: (x) => `Math.abs(${x})`, leavesRange: true },
  partials: [(t, [x]) => mul(t, sign(x!))],
});

/**
 * The absolute value $|x|$ of each element; the derivative at 0 is 0.
 *
 * @param x - any shape
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { abs, toNested } from "@provably/core-tensor";
 *
 * toNested(abs([-3, 2])); // => [3, 2]
 * ```
 * @category Arithmetic
 */
export function abs(x: ArrayInput): NdArray {
  return applyUnary(absPrimitive, x);
}

const squarePrimitive = /* @__PURE__ */ elementwise({
  name: "square",
  arity: 1,
  js: (x) => x * x,
  loop(out, from, to, a, p, da) {
    if (out instanceof Int32Array)
      for (let i = from; i < to; i++, p += da) out[i] = Math.imul(a[p]!, a[p]!);
    else for (let i = from; i < to; i++, p += da) out[i] = a[p]! * a[p]!;
  },
  vector: { steps: (m, [x]) => m.op("mul", x, x), isExact: true },
  device: { cheap: (x) => `(${x} * ${x})`, leavesRange: true },
  partials: [(t, [x]) => mul(mul(2, t), x!)],
});

/**
 * The square $x^2$ of each element.
 *
 * @param x - any shape
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { square, toNested } from "@provably/core-tensor";
 *
 * toNested(square([2, -3])); // => [4, 9]
 * ```
 * @category Arithmetic
 */
export function square(x: ArrayInput): NdArray {
  return applyUnary(squarePrimitive, x);
}

const reciprocalPrimitive = /* @__PURE__ */ elementwise({
  name: "reciprocal",
  arity: 1,
  result: "float",
  js: (x) => 1 / x,
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = 1 / a[p]!;
  },
  vector: { steps: (m, [x]) => m.op("div", m.constant(1, x.type), x), isExact: true },
  device: { expression: (x) => `(1 / ${x})` },
  partials: [(t, _, y) => neg(mul(t, square(y)))],
});

/**
 * The reciprocal $1/x$ of each element; integers give float32.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { reciprocal, toNested } from "@provably/core-tensor";
 *
 * toNested(reciprocal([2, 4])); // => [0.5, 0.25]
 * ```
 * @category Arithmetic
 */
export function reciprocal(x: ArrayInput): NdArray {
  return applyUnary(reciprocalPrimitive, x);
}

/** The exact remainder, rounded once where the divisor's sign is to be had. */
function modJs(a: number, b: number): number {
  const r = a % b;
  if (r === 0) return b < 0 ? -0 : 0;
  return r < 0 !== b < 0 ? r + b : r;
}

const modPrimitive = /* @__PURE__ */ elementwise({
  name: "mod",
  arity: 2,
  js: modJs,
  vector: { reason: "the quotient's rounding would decide the remainder" },
  device: { call: MOD },
  partials: [(t) => t, (t, [a, b], y) => neg(mul(t, round(div(sub(a!, y), b!))))],
});

/**
 * The remainder of $a / b$ with the sign of the divisor, $a - b\lfloor a/b \rfloor$, element by element; NaN for a divisor of 0 (integers give 0).
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { mod, toNested } from "@provably/core-tensor";
 *
 * toNested(mod([5, -5], 3)); // => [2, 1]
 * ```
 * @category Arithmetic
 */
export function mod(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(modPrimitive, a, b);
}

const fmodPrimitive = /* @__PURE__ */ elementwise({
  name: "fmod",
  arity: 2,
  js: (a, b) => a % b,
  vector: { reason: "the quotient's rounding would decide the remainder" },
  device: { call: FMOD },
  partials: [(t) => t, (t, [a, b], y) => neg(mul(t, round(div(sub(a!, y), b!))))],
});

/**
 * The remainder of $a / b$ with the sign of the dividend, element by element; NaN for a divisor of 0 (integers give 0).
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { fmod, toNested } from "@provably/core-tensor";
 *
 * toNested(fmod([5, -5], 3)); // => [2, -2]
 * ```
 * @category Arithmetic
 */
export function fmod(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(fmodPrimitive, a, b);
}
