/** Running sums, products and log-sums along an axis. */
import { NONE } from "../check/index.js";
import { type DType, allocate, countDType, floatDType } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { axisOf, sizeOf } from "../array/shape.js";
import { bindOne } from "../trace/bind.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { mul } from "./arithmetic.js";
import { productDType } from "./reduce.js";
import { logAddExp } from "./exponential.js";
import type { AxisOptions } from "./join.js";
import { flip, pad, sliceAxis } from "./slice.js";

const cumsumPrimitive: Primitive<{ readonly axis: number }> = {
  name: "cumsum",
  shape: ([x]) => [x!],
  evaluate([x], { axis }, [out]) {
    const source = rowMajorData(x!);
    const data = allocate(out!.dtype, source.length);
    const inner = sizeOf(out!.shape.slice(axis + 1));
    const n = out!.shape[axis]!;
    const total = new Float64Array(inner);
    for (let at = 0; at < data.length;) {
      total.fill(0);
      for (let i = 0; i < n; i++)
        for (let j = 0; j < inner; j++, at++) data[at] = total[j]! += source[at]!;
    }
    return [dense<DType>(data, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "linear",
    transpose: [
      (ct, _inputs, { axis }) => flip(bindOne(cumsumPrimitive, [flip(ct, axis)], { axis }), axis),
    ],
  },
  batching: {
    kind: "rule",
    rule: ([x], _batched, { axis }) => [bindOne(cumsumPrimitive, [x!], { axis: axis + 1 })],
  },
};

/**
 * The running sums $\sum_{j \le i} x_j$ along an axis.
 *
 * @param x - any shape with at least one axis
 * @param options - see {@link AxisOptions}
 * @returns array of the shape of `x`
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { cumsum, toNested } from "@provably/core-tensor";
 *
 * toNested(cumsum([1, 2, 3])); // => [1, 3, 6]
 * ```
 * @category Reductions
 */
export function cumsum(x: ArrayInput, options: AxisOptions = NONE): NdArray {
  const a = toArray("cumsum", x);
  const axis = axisOf("cumsum", options, 0, a.shape.length);
  return bindOne(cumsumPrimitive, [convert(a, countDType(a.dtype))], { axis });
}

/** Inclusive scan by doubling: after step s each place has combined the 2^s places up to it. O(n log n), and differentiable like its parts. */
function scan(
  x: NdArray,
  axis: number,
  neutral: number,
  combine: (a: NdArray, b: NdArray) => NdArray,
): NdArray {
  const n = x.shape[axis]!;
  let y = x;
  for (let shift = 1; shift < n; shift *= 2) {
    const earlier = pad(
      sliceAxis(y, axis, 0, n - shift),
      y.shape.map((_, i) => (i === axis ? [shift, 0] : [0, 0])),
      neutral,
    );
    y = combine(y, earlier);
  }
  return y;
}

/**
 * The running products $\prod_{j \le i} x_j$ along an axis; the derivative is right also where elements are zero. Booleans and bytes
 * are counted in int32.
 *
 * @param x - any shape with at least one axis
 * @param options - see {@link AxisOptions}
 * @returns array of the shape of `x`
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { cumprod, toNested } from "@provably/core-tensor";
 *
 * toNested(cumprod([1, 2, 3])); // => [1, 2, 6]
 * ```
 * @category Reductions
 */
export function cumprod(x: ArrayInput, options: AxisOptions = NONE): NdArray {
  const a = toArray("cumprod", x);
  const axis = axisOf("cumprod", options, 0, a.shape.length);
  return convert(scan(convert(a, productDType(a.dtype)), axis, 1, mul), countDType(a.dtype));
}

/**
 * The running logarithms $\ln\sum_{j \le i} e^{x_j}$ along an axis, without overflow.
 *
 * @param x - any shape with at least one axis
 * @param options - see {@link AxisOptions}
 * @returns float array of the shape of `x`
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { logCumsumExp, toNested } from "@provably/core-tensor";
 *
 * toNested(logCumsumExp([0, 0])); // => [0, 0.6931471824645996]
 * ```
 * @category Reductions
 */
export function logCumsumExp(x: ArrayInput, options: AxisOptions = NONE): NdArray {
  const a = toArray("logCumsumExp", x);
  const axis = axisOf("logCumsumExp", options, 0, a.shape.length);
  return scan(convert(a, floatDType(a.dtype)), axis, -Infinity, logAddExp);
}
