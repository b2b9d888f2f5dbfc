/** Taking rectangular parts, and their transpose: putting an array into a larger one. */
import { anyList, check, show } from "../check/index.js";
import { type DType, allocate } from "../array/dtype.js";
import { DenseArray, type NdArray, dense } from "../array/ndarray.js";
import {
  type Axis,
  checkShape,
  formatShape,
  normalizeAxes,
  rowMajorStrides,
  sizeOf,
} from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { scatterStrided } from "../exec/js/scatter.js";
import { bindOne } from "../trace/bind.js";
import { type ArrayInput, scalar, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { where } from "./comparison.js";

interface Window {
  /** First index of each axis. */
  readonly start: readonly number[];
  /** Step of each axis, not 0. */
  readonly step: readonly number[];
  /** How many indices of each axis. */
  readonly count: readonly number[];
}

const slicePrimitive: Primitive<Window> = {
  name: "slice",
  shape: ([x], { count }) => [{ shape: count, dtype: x!.dtype }],
  evaluate([x], { start, step, count }) {
    const size = sizeOf(count);
    const offset =
      size === 0 ? x!.offset : start.reduce((at, s, i) => at + s * x!.stride[i]!, x!.offset);
    return [
      new DenseArray<DType>(
        x!.storage,
        x!.dtype,
        count,
        x!.stride.map((s, i) => s * step[i]!),
        offset,
        size,
      ),
    ];
  },
  derivative: {
    kind: "linear",
    transpose: [(ct, [x], window) => embed(ct, { ...window, shape: x!.shape })],
  },
  batching: {
    kind: "rule",
    rule: ([x], _batched, window, batchSize) => [
      bindOne(slicePrimitive, [x!], withBatch(window, batchSize)),
    ],
  },
};

/** Zeros of `shape` with `x` in the places of the window: the transpose of slicing. */
const embedPrimitive: Primitive<Window & { readonly shape: readonly number[] }> = {
  name: "embed",
  shape: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  evaluate([x], { start, step, shape }) {
    const data = allocate(x!.dtype, sizeOf(shape));
    const stride = rowMajorStrides(shape);
    const offset = start.reduce((at, s, i) => at + s * stride[i]!, 0);
    scatterStrided(
      x!,
      data,
      stride.map((s, i) => s * step[i]!),
      offset,
    );
    return [dense<DType>(data, x!.dtype, shape)];
  },
  derivative: {
    kind: "linear",
    transpose: [(ct, _inputs, window) => bindOne(slicePrimitive, [ct], window)],
  },
  batching: {
    kind: "rule",
    rule: ([x], _batched, attrs, batchSize) => [
      embed(x!, { ...withBatch(attrs, batchSize), shape: [batchSize, ...attrs.shape] }),
    ],
  },
};

function embed(x: NdArray, attrs: Window & { readonly shape: readonly number[] }): NdArray {
  return bindOne(embedPrimitive, [x], attrs);
}

function withBatch({ start, step, count }: Window, batchSize: number): Window {
  return { start: [0, ...start], step: [1, ...step], count: [batchSize, ...count] };
}

/**
 * A view of every `step`-th index from `start` up to, not including, `stop`, along each axis.
 *
 * Negative indices count from the end; indices beyond the ends are clipped; `null` means as far as it goes. Axes left out are taken whole.
 * With a negative step the view runs backwards.
 *
 * @param x - any array
 * @param start - first index of each axis; default the beginning (the end, for negative steps)
 * @param stop - end of each axis, not included; default as far as it goes
 * @param step - step of each axis, a non-zero integer; default 1
 * @returns view of `x`
 * @throws {@link ShapeError} when more axes are named than there are
 * @throws {@link DomainError} for a step of 0 or indices that are not integers
 * @example
 * ```ts
 * import { slice, toNested } from "@provably/core-tensor";
 *
 * toNested(slice([0, 1, 2, 3, 4], [1], [4])); // => [1, 2, 3]
 * toNested(slice([0, 1, 2, 3, 4], [4], [null], [-2])); // => [4, 2, 0]
 * ```
 * @category Indexing
 */
export function slice(
  x: ArrayInput,
  start: readonly (number | null)[],
  stop: readonly (number | null)[] = [],
  step: readonly number[] = [],
): NdArray {
  const a = toArray("slice", x);
  check("slice", "start", start, anyList);
  check("slice", "stop", stop, anyList);
  check("slice", "step", step, anyList);
  const rank = a.shape.length;
  if (Math.max(start.length, stop.length, step.length) > rank)
    throw new ShapeError(
      `slice: ${Math.max(start.length, stop.length, step.length)} axes are named, but x has shape ${formatShape(a.shape)}`,
    );
  const window = {
    start: new Array<number>(rank),
    step: new Array<number>(rank),
    count: new Array<number>(rank),
  };
  a.shape.forEach((extent, i) => {
    const by = step[i] ?? 1;
    if (!Number.isInteger(by) || by === 0)
      throw new DomainError(
        `slice: step must be a non-zero integer, got ${show(by)} for axis ${i}`,
      );
    const [low, high] = by > 0 ? [0, extent] : [-1, extent - 1];
    const bound = (index: number | null | undefined, fallback: number): number => {
      if (index === null || index === undefined) return fallback;
      if (!Number.isInteger(index))
        throw new DomainError(`slice: indices must be integers, got ${show(index)} for axis ${i}`);
      return Math.min(Math.max(index < 0 ? index + extent : index, low), high);
    };
    const from = bound(start[i], by > 0 ? low : high);
    const to = bound(stop[i], by > 0 ? high : low);
    window.start[i] = from;
    window.step[i] = by;
    window.count[i] = Math.max(0, Math.ceil((to - from) / by));
  });
  const whole = a.shape.every((extent, i) => window.count[i] === extent && window.step[i] === 1);
  return whole ? a : bindOne(slicePrimitive, [a], window);
}

/** The part of one axis from `from` up to `to`. */
export function sliceAxis(x: NdArray, axis: number, from: number, to: number): NdArray {
  return slice(
    x,
    x.shape.map((_, i) => (i === axis ? from : 0)),
    x.shape.map((extent, i) => (i === axis ? to : extent)),
  );
}

/**
 * A view with the order along some axes reversed.
 *
 * @param x - any array
 * @param axis - the axes to reverse; default all
 * @returns view of the shape of `x`
 * @throws {@link AxisError} when an axis is out of range
 * @example
 * ```ts
 * import { flip, toNested } from "@provably/core-tensor";
 *
 * toNested(flip([1, 2, 3])); // => [3, 2, 1]
 * ```
 * @category Indexing
 */
export function flip(x: ArrayInput, axis?: Axis): NdArray {
  const a = toArray("flip", x);
  const axes = normalizeAxes("flip", axis, a.shape.length);
  return slice(
    a,
    [],
    [],
    a.shape.map((_, i) => (axes.includes(i) ? -1 : 1)),
  );
}

/**
 * The array with a border of a constant around it.
 *
 * @param x - any array
 * @param pads - for each axis how many elements to add before and after, integers ≥ 0
 * @param value - the constant; default 0
 * @returns larger array
 * @throws {@link ShapeError} when `pads` does not name every axis
 * @throws {@link DomainError} when a pad is not an integer ≥ 0
 * @example
 * ```ts
 * import { pad, toNested } from "@provably/core-tensor";
 *
 * toNested(pad([1, 2], [[1, 2]])); // => [0, 1, 2, 0, 0]
 * ```
 * @category Indexing
 */
export function pad(
  x: ArrayInput,
  pads: readonly (readonly [number, number])[],
  value = 0,
): NdArray {
  const a = toArray("pad", x);
  check("pad", "pads", pads, anyList);
  if (pads.length !== a.shape.length)
    throw new ShapeError(
      `pad: pads must name each of the ${a.shape.length} axes of ${formatShape(a.shape)}, got ${pads.length}`,
    );
  for (const entry of pads)
    if (
      !Array.isArray(entry) ||
      entry.length !== 2 ||
      !entry.every((n) => Number.isInteger(n) && n >= 0)
    )
      throw new DomainError(`pad: pads must be pairs of integers ≥ 0, got ${show(entry)}`);
  const shape = a.shape.map((extent, i) => extent + pads[i]![0] + pads[i]![1]);
  checkShape("pad", shape);
  if (typeof value !== "number")
    throw new DomainError(`pad: value must be a number, got ${show(value)}`);
  const window = {
    start: pads.map(([before]) => before),
    step: a.shape.map(() => 1),
    count: a.shape,
  };
  const inside = embed(a, { ...window, shape });
  if (value === 0) return inside;
  const filled = dense<DType>(new Uint8Array(a.size).fill(1), "bool", a.shape);
  // 0 and 1 are truth values among such
  const filler = a.dtype === "bool" && value === 1 ? scalar(1, "bool") : value;
  return where(embed(filled, { ...window, shape }), inside, filler);
}
