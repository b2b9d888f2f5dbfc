/** Weights in few bits: whole numbers with one scale for each group of neighbours. */
import {
  type Schema,
  anything,
  check,
  checkOptions,
  oneOf,
  recordWith,
  show,
  wholeNumber,
} from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { abs, div, mul } from "./arithmetic.js";
import { clip } from "./bounds.js";
import { equal, where } from "./comparison.js";
import { asType } from "./create.js";
import { matmulOf, matrixTranspose } from "./matmul.js";
import { max } from "./extremum.js";
import { expandDims, reshape } from "./reshape.js";
import { round } from "./rounding.js";

/**
 * A quantised matrix: entry (i, j) is `values[i, j] · scales[i, ⌊j / groupSize⌋]`.
 * @category Networks
 */
export interface Quantized {
  /** Whole numbers, int8 `[n, m]`. */
  readonly values: NdArray;
  /** One factor for each group of a row, `[n, m / groupSize]`. */
  readonly scales: NdArray;
}

const QUANTIZE: Schema<{ readonly bits?: 4 | 8; readonly groupSize?: number }> = {
  bits: /* @__PURE__ */ oneOf(4, 8),
  groupSize: /* @__PURE__ */ wholeNumber(),
};

/**
 * The matrix rounded to whole numbers of `bits` bits, with the greatest magnitude of each group mapped to the end of the range.
 *
 * @param x - shape `[n, m]`
 * @param options - `bits`: 8 (the default) or 4; `groupSize`: a divisor of `m`, default 32
 * @returns values and scales; the error of an entry is at most half its group's scale
 * @throws {@link DomainError} for other bits, or a group size that does not divide `m`
 * @example
 * ```ts
 * import { quantize, toNested } from "@provably/core-tensor";
 *
 * toNested(quantize([[127, -63.6]], { groupSize: 2 }).values); // => [[127, -64]]
 * ```
 * @category Networks
 */
export function quantize(
  x: ArrayInput,
  options: { readonly bits?: 4 | 8; readonly groupSize?: number } = {},
): Quantized {
  const { bits = 8, groupSize = 32 } = checkOptions("quantize", options, QUANTIZE);
  const a = toArray("quantize", x);
  if (a.shape.length !== 2)
    throw new ShapeError(`quantize: x must be a matrix, got ${formatShape(a.shape)}`);
  const [n, m] = a.shape as [number, number];
  if (m % groupSize !== 0)
    throw new DomainError(`quantize: groupSize must divide ${m}, got ${show(groupSize)}`);
  const top = 2 ** (bits - 1) - 1;
  const grouped = reshape(a, [n, m / groupSize, groupSize]);
  const scales = div(max(abs(grouped), { axis: -1 }), top);
  const steps = expandDims(where(equal(scales, 0), 1, scales), -1);
  const values = clip(round(div(grouped, steps)), -top, top);
  return { values: asType(reshape(values, [n, m]), "int8"), scales };
}

const quantized = /* @__PURE__ */ recordWith<{
  readonly values: ArrayInput;
  readonly scales: ArrayInput;
}>({
  values: anything,
  scales: anything,
});

/**
 * The product of a quantised matrix with vectors, $y_i = \sum_j s_{i,\lfloor j/g\rfloor}\, q_{ij}\, x_j$.
 *
 * @param weights - see {@link Quantized}, `n` by `m`
 * @param x - shape `[m]`, or `[k, m]` for several vectors
 * @returns array of shape `[n]`, or `[k, n]`
 * @throws {@link ShapeError} when the extents differ
 * @example
 * ```ts
 * import { quantizedMatvec, toNested } from "@provably/core-tensor";
 *
 * toNested(quantizedMatvec({ values: [[1, 2]], scales: [[0.5]] }, [2, 2])); // => [3]
 * ```
 * @category Networks
 */
export function quantizedMatvec(
  weights: { readonly values: ArrayInput; readonly scales: ArrayInput },
  x: ArrayInput,
): NdArray {
  check("quantizedMatvec", "weights", weights, quantized);
  const vectors = toArray("quantizedMatvec", x, "x");
  const scales = toArray("quantizedMatvec", weights.scales, "weights.scales");
  const values = toArray("quantizedMatvec", weights.values, "weights.values");
  const [n, m] = values.shape as [number, number];
  const groups = scales.shape[1] ?? 0;
  if (
    values.shape.length !== 2 ||
    scales.shape.length !== 2 ||
    scales.shape[0] !== n ||
    m % groups !== 0
  )
    throw new ShapeError(
      `quantizedMatvec: values must be [n, m] and scales [n, m / groupSize], got ${formatShape(values.shape)} and ${formatShape(scales.shape)}`,
    );
  const full = reshape(mul(reshape(values, [n, groups, m / groups]), expandDims(scales, -1)), [
    n,
    m,
  ]);
  return matmulOf("quantizedMatvec", vectors, matrixTranspose(full), ["x", "weights transposed"]);
}
