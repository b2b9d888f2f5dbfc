/** Affine maps and the gated feed-forward block. */
import type { NdArray } from "../array/ndarray.js";
import { within } from "../check/index.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { silu } from "./activation.js";
import { add, mul } from "./arithmetic.js";
import { matmulOf } from "./matmul.js";

/**
 * The affine map $xW + b$.
 *
 * @param x - shape `[…, in]`
 * @param weights - shape `[in, out]`
 * @param bias - shape `[out]`; default none
 * @returns array of shape `[…, out]`
 * @throws {@link ShapeError} when the extents differ
 * @example
 * ```ts
 * import { linear, toNested } from "@provably/core-tensor";
 *
 * toNested(linear([1, 2], [[1, 0], [0, 1]], [10, 20])); // => [11, 22]
 * ```
 * @category Networks
 */
export function linear(x: ArrayInput, weights: ArrayInput, bias?: ArrayInput): NdArray {
  const y = matmulOf("linear", x, weights, ["x", "weights"]);
  if (bias === undefined) return y;
  const b = toArray("linear", bias, "bias");
  return within("linear", () => add(y, b));
}

/**
 * The gated feed-forward block $\left(\operatorname{silu}(xG) \odot xU\right) D$.
 *
 * @param x - shape `[…, d]`
 * @param gate - $G$, shape `[d, h]`
 * @param up - $U$, shape `[d, h]`
 * @param down - $D$, shape `[h, d]`
 * @returns array of shape `[…, d]`
 * @throws {@link ShapeError} when the extents differ
 * @example
 * ```ts
 * import { ones, swiglu } from "@provably/core-tensor";
 *
 * swiglu(ones([2, 4]), ones([4, 6]), ones([4, 6]), ones([6, 4])).shape; // => [2, 4]
 * ```
 * @see Shazeer (2020), "GLU variants improve Transformer"
 * @category Networks
 */
export function swiglu(x: ArrayInput, gate: ArrayInput, up: ArrayInput, down: ArrayInput): NdArray {
  const opened = matmulOf("swiglu", x, gate, ["x", "gate"]);
  const raised = matmulOf("swiglu", x, up, ["x", "up"]);
  const hidden = within("swiglu", () => mul(silu(opened), raised));
  return matmulOf("swiglu", hidden, down, ["silu(x · gate) ⊙ (x · up)", "down"]);
}
