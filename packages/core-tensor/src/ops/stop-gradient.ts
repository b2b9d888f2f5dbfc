/** Cutting the derivative. */
import type { NdArray } from "../array/ndarray.js";
import { bindOne } from "../trace/bind.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";

const stopGradientPrimitive: Primitive = {
  name: "stopGradient",
  shape: ([x]) => [x!],
  evaluate: ([x]) => [x!],
  derivative: { kind: "none" },
  batching: { kind: "elementwise" },
};

/**
 * The same values as a constant: derivatives do not flow through.
 *
 * @param x - any array
 * @returns `x`, with derivative zero
 * @example
 * ```ts
 * import { grad, item, mul, stopGradient } from "@provably/core-tensor";
 *
 * item(grad((x) => mul(x, stopGradient(x)))(3)); // => 3
 * ```
 * @category Transforms
 */
export function stopGradient(x: ArrayInput): NdArray {
  return bindOne(stopGradientPrimitive, [toArray("stopGradient", x)], undefined);
}
