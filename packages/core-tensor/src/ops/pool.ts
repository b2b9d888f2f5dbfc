/** Shrinking images and volumes by windows, and enlarging images. */
import {
  type Schema,
  anything,
  checkOptions,
  show,
  trueOrFalse,
  within,
  extended,
} from "../check/index.js";
import type { DType } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { type Shape, formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { div, mul } from "./arithmetic.js";
import { array } from "./create.js";
import { stack } from "./join.js";
import { max } from "./extremum.js";
import { mean } from "./moments.js";
import { sum } from "./reduce.js";
import { reshape } from "./reshape.js";
import { pad, slice } from "./slice.js";
import { broadcastTo } from "./broadcast.js";

/**
 * Options of pooling.
 * @category Networks
 */
export interface PoolOptions {
  /** Steps between neighbouring windows, one number or one an axis; default the sides of the window. */
  readonly stride?: number | readonly number[];
  /** Places on each side of the images, one number or one an axis, at most half a window; no maximum is taken there. Default 0. */
  readonly padding?: number | readonly number[];
}

/**
 * Options of pooling by means.
 * @category Networks
 */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether the padding counts as zeros, so that every window has as many numbers, as in PyTorch; `false` takes the mean of what is there. Default true. */
  readonly countPadding?: boolean;
}

const POOL: Schema<PoolOptions> = { stride: anything, padding: anything };
const AVG_POOL: Schema<AvgPoolOptions> = /* @__PURE__ */ extended(POOL, {
  countPadding: trueOrFalse,
});

/** One integer an axis. */
function sides(
  fn: string,
  argument: string,
  value: number | readonly number[],
  axes: number,
  least: number,
): readonly number[] {
  const list = typeof value === "number" ? Array<number>(axes).fill(value) : value;
  if (
    !Array.isArray(list) ||
    list.length !== axes ||
    !list.every((n) => Number.isSafeInteger(n) && n >= least)
  )
    throw new DomainError(
      `${fn}: ${argument} must be an integer ≥ ${least}, or ${axes} of them, got ${show(value)}`,
    );
  return list as readonly number[];
}

/** Where the windows of an image lie. */
interface Windows {
  readonly x: NdArray;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  /** Windows along each axis. */
  readonly counts: readonly number[];
}

function windowsOf(
  fn: string,
  input: ArrayInput,
  side: number | readonly number[],
  options: PoolOptions,
  axes: number,
): Windows {
  const x = toArray(fn, input);
  const names = ["D", "H", "W"].slice(3 - axes).join(", ");
  if (x.shape.length !== axes + 2)
    throw new ShapeError(`${fn}: x must be [N, C, ${names}], got ${formatShape(x.shape)}`);
  const kernel = sides(fn, "kernel", side, axes, 1);
  const stride = sides(fn, "stride", options.stride ?? kernel, axes, 1);
  const padding = sides(fn, "padding", options.padding ?? 0, axes, 0);
  const extents = x.shape.slice(2);
  padding.forEach((p, i) => {
    if (2 * p > kernel[i]!)
      throw new DomainError(
        `${fn}: padding must be at most half the window of ${kernel.join(" by ")}, got ${show(options.padding)}`,
      );
  });
  const counts = extents.map((n, i) => {
    const room = n + 2 * padding[i]! - kernel[i]!;
    if (room < 0 || n === 0)
      throw new ShapeError(
        `${fn}: windows of ${kernel.join(" by ")} do not fit into images of ${extents.join(" by ")}`,
      );
    return Math.floor(room / stride[i]!) + 1;
  });
  return { x, kernel, stride, padding, counts };
}

/** The windows, each of its places one entry of the last axis: `[N, C, …, places]`; the padding holds `fill`. */
function entries({ x, kernel, stride, padding, counts }: Windows, fill: number): NdArray {
  const bare = padding.every((p) => p === 0);
  const wide = bare ? x : pad(x, [[0, 0], [0, 0], ...padding.map((p) => [p, p] as const)], fill);
  const parts: NdArray[] = [];
  const walk = (at: readonly number[]): void => {
    const axis = at.length;
    if (axis < kernel.length) for (let i = 0; i < kernel[axis]!; i++) walk([...at, i]);
    else {
      const ends = at.map((i, a) => i + (counts[a]! - 1) * stride[a]! + 1);
      parts.push(slice(wide, [0, 0, ...at], [null, null, ...ends], [1, 1, ...stride]));
    }
  };
  walk([]);
  return stack(parts, { axis: -1 });
}

/** How many places of each window are not padding. */
function placesInside({ x, kernel, stride, padding, counts }: Windows): NdArray {
  const rank = kernel.length;
  return kernel
    .map((side, axis) => {
      const inside = Array.from({ length: counts[axis]! }, (_, i) => {
        const from = i * stride[axis]! - padding[axis]!;
        return Math.min(x.shape[axis + 2]!, from + side) - Math.max(0, from);
      });
      const shape: Shape = Array.from({ length: rank }, (_, a) => (a === axis ? inside.length : 1));
      return reshape(array(inside, { dtype: "float64" }), shape);
    })
    .reduce((a, b) => mul(a, b));
}

function avgPool(
  fn: string,
  x: ArrayInput,
  kernel: number | readonly number[],
  options: AvgPoolOptions,
  axes: number,
): NdArray {
  const { countPadding = true } = checkOptions(fn, options, AVG_POOL);
  const windows = windowsOf(fn, x, kernel, options, axes);
  return within(fn, () => {
    const all = entries(windows, 0);
    if (countPadding || windows.padding.every((p) => p === 0)) return mean(all, { axis: -1 });
    const total = sum(all, { axis: -1 });
    const inside = placesInside(windows);
    return div(total, array(inside, { dtype: total.dtype === "float64" ? "float64" : "float32" }));
  });
}

/** What is no greater than any number of a type. */
const LEAST: Readonly<Record<DType, number>> = {
  float32: -Infinity,
  float64: -Infinity,
  int32: -2147483648,
  int8: -128,
  uint8: 0,
  bool: 0,
};

function maxPool(
  fn: string,
  x: ArrayInput,
  kernel: number | readonly number[],
  options: PoolOptions,
  axes: number,
): NdArray {
  checkOptions(fn, options, POOL);
  const windows = windowsOf(fn, x, kernel, options, axes);
  return within(fn, () => max(entries(windows, LEAST[windows.x.dtype]), { axis: -1 }));
}

/**
 * The mean of each window of the images.
 *
 * @param x - images, shape `[N, C, H, W]`
 * @param kernel - side of the window, or its height and width
 * @param options - see {@link AvgPoolOptions}
 * @returns array of shape `[N, C, H', W']`, where $H' = \lfloor (H + 2p - k)/s \rfloor + 1$
 * @throws {@link ShapeError} when the window does not fit
 * @throws {@link DomainError} for sides, strides or paddings that are not integers in range
 * @example
 * ```ts
 * import { avgPool2d, toNested } from "@provably/core-tensor";
 *
 * toNested(avgPool2d([[[[1, 2], [3, 6]]]], 2)); // => [[[[3]]]]
 * toNested(avgPool2d([[[[4]]]], [1, 2], { padding: [0, 1], stride: 1, countPadding: false })); // => [[[[4, 4]]]]
 * ```
 * @category Networks
 */
export function avgPool2d(
  x: ArrayInput,
  kernel: number | readonly [number, number],
  options: AvgPoolOptions = {},
): NdArray {
  return avgPool("avgPool2d", x, kernel, options, 2);
}

/**
 * The greatest element of each window of the images.
 *
 * @param x - images, shape `[N, C, H, W]`
 * @param kernel - side of the window, or its height and width
 * @param options - see {@link PoolOptions}
 * @returns array of shape `[N, C, H', W']`, where $H' = \lfloor (H + 2p - k)/s \rfloor + 1$
 * @throws {@link ShapeError} when the window does not fit
 * @throws {@link DomainError} for sides, strides or paddings that are not integers in range
 * @example
 * ```ts
 * import { maxPool2d, toNested } from "@provably/core-tensor";
 *
 * toNested(maxPool2d([[[[1, 2], [3, 6]]]], 2)); // => [[[[6]]]]
 * ```
 * @category Networks
 */
export function maxPool2d(
  x: ArrayInput,
  kernel: number | readonly [number, number],
  options: PoolOptions = {},
): NdArray {
  return maxPool("maxPool2d", x, kernel, options, 2);
}

/**
 * The mean of each window of the volumes.
 *
 * @param x - volumes, shape `[N, C, D, H, W]`
 * @param kernel - side of the window, or its depth, height and width
 * @param options - see {@link AvgPoolOptions}
 * @returns array of shape `[N, C, D', H', W']`
 * @throws {@link ShapeError} when the window does not fit
 * @throws {@link DomainError} for sides, strides or paddings that are not integers in range
 * @example
 * ```ts
 * import { avgPool3d, ones } from "@provably/core-tensor";
 *
 * avgPool3d(ones([1, 2, 4, 4, 4]), [2, 2, 4]).shape; // => [1, 2, 2, 2, 1]
 * ```
 * @category Networks
 */
export function avgPool3d(
  x: ArrayInput,
  kernel: number | readonly [number, number, number],
  options: AvgPoolOptions = {},
): NdArray {
  return avgPool("avgPool3d", x, kernel, options, 3);
}

/**
 * The greatest element of each window of the volumes.
 *
 * @param x - volumes, shape `[N, C, D, H, W]`
 * @param kernel - side of the window, or its depth, height and width
 * @param options - see {@link PoolOptions}
 * @returns array of shape `[N, C, D', H', W']`
 * @throws {@link ShapeError} when the window does not fit
 * @throws {@link DomainError} for sides, strides or paddings that are not integers in range
 * @example
 * ```ts
 * import { maxPool3d, ones } from "@provably/core-tensor";
 *
 * maxPool3d(ones([1, 2, 4, 4, 4]), 2).shape; // => [1, 2, 2, 2, 2]
 * ```
 * @category Networks
 */
export function maxPool3d(
  x: ArrayInput,
  kernel: number | readonly [number, number, number],
  options: PoolOptions = {},
): NdArray {
  return maxPool("maxPool3d", x, kernel, options, 3);
}

/**
 * The images with every pixel repeated in a square.
 *
 * @param x - images, shape `[N, C, H, W]`
 * @param scale - side of the square, an integer ≥ 1
 * @returns array of shape `[N, C, H · scale, W · scale]`
 * @throws {@link ShapeError} when `x` has another number of axes
 * @throws {@link DomainError} when `scale` is not an integer ≥ 1
 * @example
 * ```ts
 * import { ones, upsampleNearest2d } from "@provably/core-tensor";
 *
 * upsampleNearest2d(ones([1, 1, 2, 3]), 2).shape; // => [1, 1, 4, 6]
 * ```
 * @category Networks
 */
export function upsampleNearest2d(x: ArrayInput, scale: number): NdArray {
  const a = toArray("upsampleNearest2d", x);
  if (a.shape.length !== 4)
    throw new ShapeError(`upsampleNearest2d: x must be [N, C, H, W], got ${formatShape(a.shape)}`);
  if (!Number.isInteger(scale) || scale < 1)
    throw new DomainError(`upsampleNearest2d: scale must be an integer ≥ 1, got ${show(scale)}`);
  const [n, c, h, w] = a.shape as [number, number, number, number];
  return within("upsampleNearest2d", () => {
    const spread = broadcastTo(reshape(a, [n, c, h, 1, w, 1]), [n, c, h, scale, w, scale]);
    return reshape(spread, [n, c, h * scale, w * scale]);
  });
}
