/** The cube root. */
import type { NdArray } from "../array/ndarray.js";
import type { DeviceFunction } from "../forms/device.js";
import { EXP, LOG } from "../forms/device/exponential.js";
import type { Ref, Steps } from "../forms/vector.js";
import { applyUnary, elementwise } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { div, mul, square } from "./arithmetic.js";

/** e^(log |x| / 3) in 64-bit arithmetic, far below the last place of a 32-bit result, with the sign of x. */
function steps(m: Steps, [x]: readonly Ref[]): Ref {
  const wide = m.convert(x!, "f64");
  const size = m.kernel("exp", m.op("mul", m.kernel("log", m.op("abs", wide)), 1 / 3));
  const signed = m.select(m.op("lt", wide, 0), m.op("neg", size), size);
  // minus zero stays minus zero
  return m.convert(m.select(m.op("eq", wide, 0), wide, signed), x!.type);
}

/** The same in 32-bit arithmetic, with a step of Newton's method. */
const CBRT: DeviceFunction = {
  name: "f_cbrt",
  parameters: ["v_x"],
  calls: [EXP, LOG],
  body: () => `
  const v_a = Math.abs(v_x);
  if (v_a === 0) {
    return v_x;
  }
  const v_g = f_exp(f_log(v_a) * ${1 / 3});
  const v_y = v_g - (v_g - v_a / (v_g * v_g)) * ${1 / 3};
  return v_x < 0 ? -v_y : v_y;`,
};

const cbrtPrimitive = /* @__PURE__ */ elementwise({
  name: "cbrt",
  arity: 1,
  result: "float",
  js: Math.cbrt,
  vector: {
    steps,
    takes: (dtype) => dtype === "float32",
    isWide: () => true,
    reason: "a root by logarithms would lose digits",
  },
  device: { call: CBRT },
  partials: [(t, _, y) => div(t, mul(3, square(y)))],
});

/**
 * The cube root $\sqrt[3]{x}$ of each element, with the sign of `x`. The derivative at 0 is Infinity.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { cbrt, toNested } from "@provably/core-tensor";
 *
 * toNested(cbrt([8, -27])); // => [2, -3]
 * ```
 * @category Exponentials and powers
 */
export function cbrt(x: ArrayInput): NdArray {
  return applyUnary(cbrtPrimitive, x);
}
