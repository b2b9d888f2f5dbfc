/** The greater and the smaller of two numbers, and numbers held within bounds. */
import { show } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { DomainError } from "../errors.js";
import { applyBinary, convert, elementwise } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add, mul } from "./arithmetic.js";
import { greater, greaterEqual, less, where } from "./comparison.js";

const maximumPrimitive = /* @__PURE__ */ elementwise({
  name: "maximum",
  arity: 2,
  js: (a, b) => Math.max(a, b),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Math.max(a[p]!, b[q]!);
  },
  vector: { op: "max" },
  device: { cheap: (a, b) => `Math.max(${a}, ${b})` },
  partials: [(t, [a, b]) => mul(t, share(a!, b!)), (t, [a, b]) => mul(t, share(b!, a!))],
});

/**
 * The greater of $a$ and $b$, element by element, with broadcasting; NaN wins, and a tie shares the derivative.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { maximum, toNested } from "@provably/core-tensor";
 *
 * toNested(maximum([1, 5], 3)); // => [3, 5]
 * ```
 * @category Arithmetic
 */
export function maximum(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(maximumPrimitive, a, b);
}

const minimumPrimitive = /* @__PURE__ */ elementwise({
  name: "minimum",
  arity: 2,
  js: (a, b) => Math.min(a, b),
  loop(out, from, to, a, p, da, b, q, db) {
    for (let i = from; i < to; i++, p += da, q += db) out[i] = Math.min(a[p]!, b[q]!);
  },
  vector: { op: "min" },
  device: { cheap: (a, b) => `Math.min(${a}, ${b})` },
  partials: [(t, [a, b]) => mul(t, share(b!, a!)), (t, [a, b]) => mul(t, share(a!, b!))],
});

/**
 * The smaller of $a$ and $b$, element by element, with broadcasting; NaN wins, and a tie shares the derivative.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { minimum, toNested } from "@provably/core-tensor";
 *
 * toNested(minimum([1, 5], 3)); // => [1, 3]
 * ```
 * @category Arithmetic
 */
export function minimum(a: ArrayInput, b: ArrayInput): NdArray {
  return applyBinary(minimumPrimitive, a, b);
}

/** 1 where a > b, ½ where they tie, else 0, in the type of the operands. */
function share(a: NdArray, b: NdArray): NdArray {
  return add(
    mul(0.5, convert(greater(a, b), a.dtype)),
    mul(0.5, convert(greaterEqual(a, b), a.dtype)),
  );
}

/**
 * Each element brought into $[\text{min}, \text{max}]$; NaN stays. The derivative is 1 inside and on the bounds, 0 outside.
 *
 * @param x - any shape
 * @param min - lower bound; −Infinity for none
 * @param max - upper bound; Infinity for none
 * @returns array of the shape of `x`
 * @throws {@link DomainError} when `min` exceeds `max` or a bound is NaN
 * @example
 * ```ts
 * import { clip, toNested } from "@provably/core-tensor";
 *
 * toNested(clip([-2, 0.5, 9], 0, 1)); // => [0, 0.5, 1]
 * ```
 * @category Arithmetic
 */
export function clip(x: ArrayInput, min: number, max: number): NdArray {
  if (!(typeof min === "number" && typeof max === "number" && min <= max))
    throw new DomainError(`clip: min must not exceed max, got ${show(min)} and ${show(max)}`);
  const a = toArray("clip", x);
  const lifted = min === -Infinity ? a : where(less(a, min), min, a);
  return max === Infinity ? lifted : where(greater(lifted, max), max, lifted);
}
