/** Softmax, its logarithm, and the logarithm of a sum of exponentials. */
import { NONE } from "../check/index.js";
import { type DType, type TypedArray, allocate, floatDType } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { axisOf, sizeOf } from "../array/shape.js";
import * as js from "../exec/js/softmax.js";
import * as wasm from "../exec/wasm/index.js";
import { bindOne } from "../trace/bind.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Derivative, Primitive } from "../trace/primitive.js";
import { mul, sub } from "./arithmetic.js";
import { isFinite, where } from "./comparison.js";
import { exp } from "./exponential.js";
import { type ReduceOptions, reduceWith, sum } from "./reduce.js";
import { expandDims, moveAxis, reshape, transpose } from "./reshape.js";

type RowKernel = (x: TypedArray, rows: number, cols: number, out: TypedArray) => void;
type SimdKernel = <T extends Float32Array | Float64Array>(
  x: T,
  rows: number,
  cols: number,
) => T | undefined;

/** A primitive over the last axis, whatever axes lead. */
function overRows(
  name: string,
  keepsAxis: boolean,
  kernel: RowKernel,
  simd: SimdKernel,
  derivative: Derivative<undefined>,
): Primitive {
  return {
    name,
    shape: ([x]) => [{ shape: keepsAxis ? x!.shape : x!.shape.slice(0, -1), dtype: x!.dtype }],
    wasm([x], _attrs, [out]) {
      const cols = x!.shape[x!.shape.length - 1]!;
      const data = simd(rowMajorData(x!) as Float32Array, cols === 0 ? 0 : x!.size / cols, cols);
      return data && [dense<DType>(data, out!.dtype, out!.shape)];
    },
    evaluate([x], _attrs, [out]) {
      const rows = sizeOf(x!.shape.slice(0, -1));
      const data = allocate(out!.dtype, sizeOf(out!.shape));
      kernel(rowMajorData(x!), rows, x!.shape[x!.shape.length - 1]!, data);
      return [dense<DType>(data, out!.dtype, out!.shape)];
    },
    derivative,
    batching: { kind: "leading" },
  };
}

const LAST = { axis: -1, keepDims: true } as const;

const softmaxPrimitive = /* @__PURE__ */ overRows(
  "softmax",
  true,
  js.softmaxRows,
  wasm.softmaxRows,
  {
    kind: "rules",
    jvp: ({ outputs: [y], tangents: [t] }) => [t && mul(y!, sub(t, sum(mul(t, y!), LAST)))],
    vjp: ({ outputs: [y], cotangents: [ct] }) => [ct && mul(y!, sub(ct, sum(mul(ct, y!), LAST)))],
  },
);

const logSoftmaxPrimitive = /* @__PURE__ */ overRows(
  "logSoftmax",
  true,
  js.logSoftmaxRows,
  wasm.logSoftmaxRows,
  {
    kind: "rules",
    jvp: ({ outputs: [y], tangents: [t] }) => [t && sub(t, sum(mul(t, exp(y!)), LAST))],
    vjp: ({ outputs: [y], cotangents: [ct] }) => [ct && sub(ct, mul(exp(y!), sum(ct, LAST)))],
  },
);

const logSumExpPrimitive = /* @__PURE__ */ overRows(
  "logSumExp",
  false,
  js.logSumExpRows,
  wasm.logSumExpRows,
  {
    kind: "rules",
    jvp: ({ inputs: [x], outputs: [y], tangents: [t] }) => [
      t && sum(mul(t, weights(x!, y!)), { axis: -1 }),
    ],
    vjp: ({ inputs: [x], outputs: [y], cotangents: [ct] }) => [
      ct && mul(expandDims(ct, -1), weights(x!, y!)),
    ],
  },
);

/** exp(x − y), the softmax; 0 in a row of −∞. */
function weights(x: NdArray, y: NdArray): NdArray {
  return exp(sub(x, expandDims(where(isFinite(y), y, 0), -1)));
}

/**
 * Options of {@link softmax} and {@link logSoftmax}.
 * @category Reductions
 */
export interface SoftmaxOptions {
  /** The axis to normalise along; default the last. */
  readonly axis?: number;
}

function alongAxis(primitive: Primitive, input: ArrayInput, options: SoftmaxOptions): NdArray {
  const x = toArray(primitive.name, input);
  const a = convert(x, floatDType(x.dtype));
  const at = axisOf(primitive.name, options, -1, a.shape.length);
  return moveAxis(bindOne(primitive, [moveAxis(a, at, -1)], undefined), -1, at);
}

/**
 * The softmax $e^{x_i} / \sum_j e^{x_j}$ along an axis, without overflow.
 *
 * @param x - any shape with at least one axis
 * @param options - see {@link SoftmaxOptions}
 * @returns float array of the shape of `x`; positive, summing to 1 along the axis; NaN along a line of −∞
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { softmax, toNested } from "@provably/core-tensor";
 *
 * toNested(softmax([0, 0])); // => [0.5, 0.5]
 * ```
 * @category Reductions
 */
export function softmax(x: ArrayInput, options: SoftmaxOptions = NONE): NdArray {
  return alongAxis(softmaxPrimitive, x, options);
}

/**
 * The logarithm $x_i - \ln\sum_j e^{x_j}$ of the softmax along an axis, exact also where the softmax underflows.
 *
 * @param x - any shape with at least one axis
 * @param options - see {@link SoftmaxOptions}
 * @returns float array of the shape of `x`
 * @throws {@link AxisError} when the axis is out of range
 * @example
 * ```ts
 * import { logSoftmax, toNested } from "@provably/core-tensor";
 *
 * toNested(logSoftmax([0, -1000])); // => [0, -1000]
 * ```
 * @category Reductions
 */
export function logSoftmax(x: ArrayInput, options: SoftmaxOptions = NONE): NdArray {
  return alongAxis(logSoftmaxPrimitive, x, options);
}

/**
 * The logarithm $\ln\sum_i e^{x_i}$ of the sum of exponentials over the given axes, without overflow.
 *
 * Shifting by the greatest element keeps every exponent at or below zero. All −∞ gives −∞, as does an empty axis; any +∞ gives +∞.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns float array without the reduced axes
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { array, item, logSumExp } from "@provably/core-tensor";
 *
 * item(logSumExp(array([1000, 1000], { dtype: "float64" }))); // => 1000.6931471805599
 * ```
 * @see Blanchard, Higham, Higham (2021), "Accurately computing the log-sum-exp and softmax functions"
 * @category Reductions
 */
export function logSumExp(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("logSumExp", x, options, (input, axes) => {
    const a = convert(input, floatDType(input.dtype));
    const kept = a.shape.map((_, i) => i).filter((i) => !axes.includes(i));
    const rows = transpose(a, [...kept, ...axes]);
    const leading = kept.map((i) => a.shape[i]!);
    const width = axes.reduce((n, axis) => n * a.shape[axis]!, 1);
    return bindOne(logSumExpPrimitive, [reshape(rows, [...leading, width])], undefined);
  });
}
