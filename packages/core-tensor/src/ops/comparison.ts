/** Comparisons, logic and choice, element by element. Results of comparisons are `bool` and have no derivative. */
import type { NdArray } from "../array/ndarray.js";
import { bindOne } from "../trace/bind.js";
import { INFINITE, type Known, type Source } from "../forms/device.js";
import { asMask, asNumber } from "../forms/vector.js";
import { applyBinary, applyUnary, elementwise, promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";

export const equalPrimitive = /* @__PURE__ */ elementwise({
  name: "equal",
  arity: 2,
  result: "bool",
  js: (a, b) => Number(a === b),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Number(a[p]! === b[q]!);
  },
  vector: { comparison: "eq" },
  device: {
    condition: (a, b) => `${a} === ${b}`,
    whenKnown: (known) => equalsInfinity(known, "1", "0"),
  },
});

/**
 * Whether $a = b$, element by element; NaN is equal to nothing.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { equal, toNested } from "@provably/core-tensor";
 *
 * toNested(equal([1, 2], [1, 3])); // => [1, 0]
 * ```
 * @category Comparison
 */
export function equal(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(equalPrimitive, a, b);
}

const notEqualPrimitive = /* @__PURE__ */ elementwise({
  name: "notEqual",
  arity: 2,
  result: "bool",
  js: (a, b) => Number(a !== b),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Number(a[p]! !== b[q]!);
  },
  vector: { comparison: "ne" },
  device: {
    condition: (a, b) => `${a} !== ${b}`,
    whenKnown: (known) => equalsInfinity(known, "0", "1"),
  },
});

/**
 * Whether $a \neq b$, element by element; NaN is unequal to everything.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { notEqual, toNested } from "@provably/core-tensor";
 *
 * toNested(notEqual([1, 2], [1, 3])); // => [0, 1]
 * ```
 * @category Comparison
 */
export function notEqual(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(notEqualPrimitive, a, b);
}

const lessPrimitive = /* @__PURE__ */ elementwise({
  name: "less",
  arity: 2,
  result: "bool",
  js: (a, b) => Number(a < b),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Number(a[p]! < b[q]!);
  },
  vector: { comparison: "lt" },
  device: { condition: (a, b) => `${a} < ${b}` },
});

/**
 * Whether $a < b$, element by element; false wherever NaN is involved.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { less, toNested } from "@provably/core-tensor";
 *
 * toNested(less([1, 2], 2)); // => [1, 0]
 * ```
 * @category Comparison
 */
export function less(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(lessPrimitive, a, b);
}

const lessEqualPrimitive = /* @__PURE__ */ elementwise({
  name: "lessEqual",
  arity: 2,
  result: "bool",
  js: (a, b) => Number(a <= b),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Number(a[p]! <= b[q]!);
  },
  vector: { comparison: "le" },
  device: { condition: (a, b) => `${a} <= ${b}` },
});

/**
 * Whether $a \le b$, element by element; false wherever NaN is involved.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { lessEqual, toNested } from "@provably/core-tensor";
 *
 * toNested(lessEqual([1, 2, 3], 2)); // => [1, 1, 0]
 * ```
 * @category Comparison
 */
export function lessEqual(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(lessEqualPrimitive, a, b);
}

const greaterPrimitive = /* @__PURE__ */ elementwise({
  name: "greater",
  arity: 2,
  result: "bool",
  js: (a, b) => Number(a > b),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Number(a[p]! > b[q]!);
  },
  vector: { comparison: "gt" },
  device: { condition: (a, b) => `${a} > ${b}` },
});

/**
 * Whether $a > b$, element by element; false wherever NaN is involved.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { greater, toNested } from "@provably/core-tensor";
 *
 * toNested(greater([1, 3], 2)); // => [0, 1]
 * ```
 * @category Comparison
 */
export function greater(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(greaterPrimitive, a, b);
}

const greaterEqualPrimitive = /* @__PURE__ */ elementwise({
  name: "greaterEqual",
  arity: 2,
  result: "bool",
  js: (a, b) => Number(a >= b),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Number(a[p]! >= b[q]!);
  },
  vector: { comparison: "ge" },
  device: { condition: (a, b) => `${a} >= ${b}` },
});

/**
 * Whether $a \ge b$, element by element; false wherever NaN is involved.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { greaterEqual, toNested } from "@provably/core-tensor";
 *
 * toNested(greaterEqual([1, 2, 3], 2)); // => [0, 1, 1]
 * ```
 * @category Comparison
 */
export function greaterEqual(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(greaterEqualPrimitive, a, b);
}

const logicalAndPrimitive = /* @__PURE__ */ elementwise({
  name: "logicalAnd",
  arity: 2,
  result: "bool",
  js: (a, b) => Number(a !== 0 && b !== 0),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Number(a[p]! !== 0 && b[q]! !== 0);
  },
  vector: {
    steps: (m, [a, b]) => m.op("and", asMask(m, a), asMask(m, b)),
    takesBool: true,
    isExact: true,
  },
  device: { condition: (a, b) => `${a} !== 0 && ${b} !== 0` },
});

/**
 * Whether both $a$ and $b$ are non-zero, element by element.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { logicalAnd, toNested } from "@provably/core-tensor";
 *
 * toNested(logicalAnd([0, 1, 2], [1, 1, 0])); // => [0, 1, 0]
 * ```
 * @category Comparison
 */
export function logicalAnd(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(logicalAndPrimitive, a, b);
}

const logicalOrPrimitive = /* @__PURE__ */ elementwise({
  name: "logicalOr",
  arity: 2,
  result: "bool",
  js: (a, b) => Number(a !== 0 || b !== 0),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Number(a[p]! !== 0 || b[q]! !== 0);
  },
  vector: {
    steps: (m, [a, b]) => m.op("or", asMask(m, a), asMask(m, b)),
    takesBool: true,
    isExact: true,
  },
  device: { condition: (a, b) => `${a} !== 0 || ${b} !== 0` },
});

/**
 * Whether $a$ or $b$ is non-zero, element by element.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { logicalOr, toNested } from "@provably/core-tensor";
 *
 * toNested(logicalOr([0, 1, 0], [1, 1, 0])); // => [1, 1, 0]
 * ```
 * @category Comparison
 */
export function logicalOr(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(logicalOrPrimitive, a, b);
}

const logicalNotPrimitive = /* @__PURE__ */ elementwise({
  name: "logicalNot",
  arity: 1,
  result: "bool",
  js: (x) => Number(x === 0),
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = Number(a[p]! === 0);
  },
  vector: { steps: (m, [x]) => m.op("not", asMask(m, x)), takesBool: true, isExact: true },
  device: { condition: (x) => `${x} === 0` },
});

/**
 * Whether $x$ is zero, element by element.
 *
 * @param x - any shape
 * @returns bool array of the shape of `x`
 * @example
 * ```ts
 * import { logicalNot, toNested } from "@provably/core-tensor";
 *
 * toNested(logicalNot([0, 2])); // => [1, 0]
 * ```
 * @category Comparison
 */
export function logicalNot(x: ArrayInput): NdArray {
  return applyUnary(logicalNotPrimitive, x);
}

const isNanPrimitive = /* @__PURE__ */ elementwise({
  name: "isNan",
  arity: 1,
  result: "bool",
  js: (x) => Number(Number.isNaN(x)),
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = Number(Number.isNaN(a[p]!));
  },
  vector: { steps: (m, [x]) => m.op("ne", asNumber(m, x), asNumber(m, x)), isExact: true },
  device: { condition: (x) => `${x} !== ${x}` },
});

/**
 * Whether each element is NaN.
 *
 * @param x - any shape
 * @returns bool array of the shape of `x`
 * @example
 * ```ts
 * import { isNan, toNested } from "@provably/core-tensor";
 *
 * toNested(isNan([1, NaN])); // => [0, 1]
 * ```
 * @category Comparison
 */
export function isNan(x: ArrayInput): NdArray {
  return applyUnary(isNanPrimitive, x);
}

const isFinitePrimitive = /* @__PURE__ */ elementwise({
  name: "isFinite",
  arity: 1,
  result: "bool",
  js: (x) => Number(Number.isFinite(x)),
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = Number(Number.isFinite(a[p]!));
  },
  vector: {
    // x − x is 0 for finite numbers only
    steps: (m, [x]) => m.op("eq", m.op("sub", asNumber(m, x), asNumber(m, x)), 0),
    isExact: true,
  },
  device: { condition: (x) => `Math.abs(${x}) < ${INFINITE}` },
});

/**
 * Whether each element is neither NaN nor infinite.
 *
 * @param x - any shape
 * @returns bool array of the shape of `x`
 * @example
 * ```ts
 * import { isFinite, toNested } from "@provably/core-tensor";
 *
 * toNested(isFinite([1, Infinity, NaN])); // => [1, 0, 0]
 * ```
 * @category Comparison
 */
export function isFinite(x: ArrayInput): NdArray {
  return applyUnary(isFinitePrimitive, x);
}

export const wherePrimitive = /* @__PURE__ */ elementwise({
  name: "where",
  arity: 3,
  js: (condition, a, b) => (condition !== 0 ? a : b),
  loop(out, from, to, a, p, da, b, q, db, c, r, dc) {
    for (let i = from; i < to; i++, p += da, q += db, r += dc) out[i] = a[p]! !== 0 ? b[q]! : c[r]!;
  },
  vector: { steps: (m, [c, a, b]) => m.select(asMask(m, c), a, b), takesBool: true, isExact: true },
  device: { cheap: (c, a, b) => `(${c} !== 0 ? ${a} : ${b})` },
  partials: [
    null,
    (t, [condition]) => where(condition!, t, 0),
    (t, [condition]) => where(condition!, 0, t),
  ],
});

/**
 * Elements of `a` where `condition` is non-zero, of `b` elsewhere, with broadcasting.
 *
 * The derivative reaches only the side that was taken. A side that produced NaN by an operation outside its domain
 * still sends NaN back through that operation; guard its input with a `where` of its own.
 *
 * @param condition - any shape, usually `bool`
 * @param a - any shape that broadcasts with the others
 * @param b - any shape that broadcasts with the others
 * @returns array of the broadcast shape, of the type in which `a` and `b` meet
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { greater, toNested, where } from "@provably/core-tensor";
 *
 * toNested(where(greater([1, -2], 0), 10, 20)); // => [10, 20]
 * ```
 * @category Comparison
 */
export function where(condition: ArrayInput, a: ArrayInput, b: ArrayInput): NdArray {
  const [x, y] = promote("where", a, b);
  return bindOne(wherePrimitive, [toArray("where", condition, "condition"), x, y], undefined);
}

/** A comparison with a bound of the range stands for one with infinity on devices. */
function equalsInfinity(known: Known, yes: string, no: string): Source | undefined {
  const at = known.findIndex((v) => v !== undefined && Math.abs(v) >= INFINITE);
  if (at < 0) return undefined;
  const test = known[at]! > 0 ? `>= ${INFINITE}` : `<= ${-INFINITE}`;
  return (...operands) => `(${operands[1 - at]!} ${test} ? ${yes} : ${no})`;
}
