/** Repeating an array along axes, and its transpose: summing over axes. */
import { type DType, allocate, countDType } from "../array/dtype.js";
import { DenseArray, type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import {
  type Shape,
  broadcastStrides,
  checkShape,
  formatShape,
  isRowMajor,
  normalizeAxes,
  sameShape,
  sizeOf,
} from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { reduceAxes, sumMiddle, sumReducer } from "../exec/js/reduce.js";
import { reduceSum } from "../exec/wasm/index.js";
import { bindOne } from "../trace/bind.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { reshape } from "./reshape.js";

const broadcastPrimitive: Primitive<{ readonly shape: Shape }> = {
  name: "broadcastTo",
  shape([x], { shape }) {
    const from = x!.shape;
    const pad = shape.length - from.length;
    if (pad < 0 || from.some((extent, i) => extent !== 1 && extent !== shape[pad + i]))
      throw new ShapeError(
        `broadcastTo: shape ${formatShape(from)} does not broadcast to ${formatShape(shape)}`,
      );
    return [{ shape, dtype: x!.dtype }];
  },
  evaluate([x], { shape }) {
    return [
      new DenseArray<DType>(
        x!.storage,
        x!.dtype,
        shape,
        broadcastStrides(x!.shape, x!.stride, shape),
        x!.offset,
        sizeOf(shape),
      ),
    ];
  },
  derivative: { kind: "linear", transpose: [(ct, [x]) => sumTo(ct, x!.shape)] },
  batching: {
    kind: "rule",
    rule([x], _batched, { shape }, batchSize) {
      const inner = x!.shape.slice(1);
      const lined = [
        batchSize,
        ...new Array<number>(shape.length - inner.length).fill(1),
        ...inner,
      ];
      return [broadcastTo(reshape(x!, lined), [batchSize, ...shape])];
    },
  },
};

/**
 * A view of `x` repeated to the given shape; repeated axes have stride 0, so nothing is copied.
 *
 * @param x - any array
 * @param shape - extents; each must equal that of `x`, lined up at the end, where `x` has not 1
 * @returns view of shape `shape`
 * @throws {@link ShapeError} when `x` does not broadcast to `shape`
 * @example
 * ```ts
 * import { broadcastTo, toNested } from "@provably/core-tensor";
 *
 * toNested(broadcastTo([[1], [2]], [2, 3])); // => [[1, 1, 1], [2, 2, 2]]
 * ```
 * @category Shape
 */
export function broadcastTo(x: ArrayInput, shape: Shape): NdArray {
  checkShape("broadcastTo", shape);
  const a = toArray("broadcastTo", x);
  return sameShape(a.shape, shape) ? a : bindOne(broadcastPrimitive, [a], { shape: [...shape] });
}

const sumPrimitive: Primitive<{ readonly axes: readonly number[] }> = {
  name: "sum",
  shape([x], { axes }) {
    return [{ shape: x!.shape.filter((_, i) => !axes.includes(i)), dtype: countDType(x!.dtype) }];
  },
  wasm([x], { axes }, [out]) {
    if (!isRowMajor(x!.shape, x!.stride)) return undefined;
    const sums = reduceSum(rowMajorData(x!), x!.shape, axes);
    return sums && [dense<DType>(sums, out!.dtype, out!.shape)];
  },
  evaluate([x], { axes }, [out]) {
    const data = allocate(out!.dtype, sizeOf(out!.shape));
    const { shape } = x!;
    const [first, last] = [axes[0] ?? 0, axes[axes.length - 1] ?? -1];
    const middle =
      last < shape.length - 1 && last - first + 1 === axes.length && isRowMajor(shape, x!.stride);
    if (middle)
      sumMiddle(
        rowMajorData(x!),
        sizeOf(shape.slice(0, first)),
        sizeOf(shape.slice(first, last + 1)),
        sizeOf(shape.slice(last + 1)),
        data,
      );
    else reduceAxes(x!, axes, data, sumReducer);
    return [dense<DType>(data, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "linear",
    transpose: [
      (ct, [x], { axes }) => {
        const kept = x!.shape.map((extent, i) => (axes.includes(i) ? 1 : extent));
        return broadcastTo(reshape(ct, kept), x!.shape);
      },
    ],
  },
  batching: {
    kind: "rule",
    rule: ([x], _batched, { axes }) => [
      sumOver(
        x!,
        axes.map((a) => a + 1),
      ),
    ],
  },
};

/** Sum over the given distinct, non-negative, sorted axes, which are dropped. */
export function sumOver(x: NdArray, axes: readonly number[]): NdArray {
  return axes.length === 0 && countDType(x.dtype) === x.dtype
    ? x
    : bindOne(sumPrimitive, [x], { axes });
}

/** Sums `x` down to `shape`, which broadcasts to that of `x`: the transpose of broadcasting. */
export function sumTo(x: NdArray, shape: Shape): NdArray {
  if (sameShape(x.shape, shape)) return x;
  const pad = x.shape.length - shape.length;
  const axes = normalizeAxes(
    "sum",
    x.shape.map((_, i) => i).filter((i) => i < pad || (shape[i - pad] === 1 && x.shape[i] !== 1)),
    x.shape.length,
  );
  return reshape(sumOver(x, axes), shape);
}
