/** Rounding to integers; the derivatives are zero. */
import type { NdArray } from "../array/ndarray.js";
import { ROUND, TRUNC } from "../forms/device/rounding.js";
import { applyUnary, elementwise } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";

const floorPrimitive = /* @__PURE__ */ elementwise({
  name: "floor",
  arity: 1,
  js: Math.floor,
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = Math.floor(a[p]!);
  },
  vector: { rounding: "floor" },
  device: { cheap: (x) => `Math.floor(${x})` },
});

/**
 * The greatest integer $\lfloor x \rfloor$ not above each element.
 *
 * @param x - any shape
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { floor, toNested } from "@provably/core-tensor";
 *
 * toNested(floor([1.5, -1.5])); // => [1, -2]
 * ```
 * @category Rounding
 */
export function floor(x: ArrayInput): NdArray {
  return applyUnary(floorPrimitive, x);
}

const ceilPrimitive = /* @__PURE__ */ elementwise({
  name: "ceil",
  arity: 1,
  js: Math.ceil,
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = Math.ceil(a[p]!);
  },
  vector: { rounding: "ceil" },
  device: { cheap: (x) => `Math.ceil(${x})` },
});

/**
 * The least integer $\lceil x \rceil$ not below each element.
 *
 * @param x - any shape
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { ceil, toNested } from "@provably/core-tensor";
 *
 * toNested(ceil([1.5, -1.2])); // => [2, -1]
 * ```
 * @category Rounding
 */
export function ceil(x: ArrayInput): NdArray {
  return applyUnary(ceilPrimitive, x);
}

const truncPrimitive = /* @__PURE__ */ elementwise({
  name: "trunc",
  arity: 1,
  js: Math.trunc,
  loop(out, from, to, a, p, da) {
    for (let i = from; i < to; i++, p += da) out[i] = Math.trunc(a[p]!);
  },
  vector: { rounding: "trunc" },
  device: { call: TRUNC },
});

/**
 * The integer part of each element, rounded towards zero.
 *
 * @param x - any shape
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { toNested, trunc } from "@provably/core-tensor";
 *
 * toNested(trunc([1.5, -1.5])); // => [1, -1]
 * ```
 * @category Rounding
 */
export function trunc(x: ArrayInput): NdArray {
  return applyUnary(truncPrimitive, x);
}

const roundPrimitive = /* @__PURE__ */ elementwise({
  name: "round",
  arity: 1,
  js: roundHalfEven,
  vector: { rounding: "nearest" },
  device: { call: ROUND },
});

/**
 * The nearest integer to each element; halves go to the even neighbour, as in IEEE 754.
 *
 * @param x - any shape
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { round, toNested } from "@provably/core-tensor";
 *
 * toNested(round([0.5, 1.5, 2.4])); // => [0, 2, 2]
 * ```
 * @category Rounding
 */
export function round(x: ArrayInput): NdArray {
  return applyUnary(roundPrimitive, x);
}

function roundHalfEven(x: number): number {
  const r = Math.round(x);
  // Math.round sends halves up; an odd result of a half belongs one lower
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : Object.is(r, 0) && x < 0 ? -0 : r;
}
