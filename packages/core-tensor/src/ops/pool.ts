/** Shrinking and enlarging images. */
import { type Schema, check, checkOptions, show, wholeNumber, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { stack } from "./join.js";
import { max } from "./extremum.js";
import { mean } from "./moments.js";
import { reshape } from "./reshape.js";
import { slice } from "./slice.js";
import { broadcastTo } from "./broadcast.js";

/**
 * Options of pooling.
 * @category Networks
 */
export interface PoolOptions {
  /** Steps between neighbouring windows; default the window's side. */
  readonly stride?: number;
}

const POOL: Schema<PoolOptions> = { stride: wholeNumber() };

/** The windows of an image, each of its places one entry of the last axis: `[N, C, H', W', k²]`. */
function windows(fn: string, input: ArrayInput, kernel: number, options: PoolOptions): NdArray {
  const { stride = kernel } = checkOptions(fn, options, POOL);
  const x = toArray(fn, input);
  if (x.shape.length !== 4)
    throw new ShapeError(`${fn}: x must be [N, C, H, W], got ${formatShape(x.shape)}`);
  check(fn, "kernel", kernel, wholeNumber());
  const [height, width] = x.shape.slice(2) as [number, number];
  if (kernel > height || kernel > width)
    throw new ShapeError(
      `${fn}: windows of ${kernel} do not fit into images of ${height} by ${width}`,
    );
  const [rows, cols] = [height, width].map((n) => Math.floor((n - kernel) / stride) * stride) as [
    number,
    number,
  ];
  const parts: NdArray[] = [];
  for (let i = 0; i < kernel; i++)
    for (let j = 0; j < kernel; j++)
      parts.push(
        slice(x, [0, 0, i, j], [null, null, i + rows + 1, j + cols + 1], [1, 1, stride, stride]),
      );
  return stack(parts, { axis: -1 });
}

/**
 * The mean of each square window of the images.
 *
 * @param x - images, shape `[N, C, H, W]`
 * @param kernel - side of the window
 * @param options - see {@link PoolOptions}
 * @returns array of shape `[N, C, H', W']`
 * @throws {@link ShapeError} when the window does not fit
 * @example
 * ```ts
 * import { avgPool2d, toNested } from "@provably/core-tensor";
 *
 * toNested(avgPool2d([[[[1, 2], [3, 6]]]], 2)); // => [[[[3]]]]
 * ```
 * @category Networks
 */
export function avgPool2d(x: ArrayInput, kernel: number, options: PoolOptions = {}): NdArray {
  return mean(windows("avgPool2d", x, kernel, options), { axis: -1 });
}

/**
 * The greatest element of each square window of the images.
 *
 * @param x - images, shape `[N, C, H, W]`
 * @param kernel - side of the window
 * @param options - see {@link PoolOptions}
 * @returns array of shape `[N, C, H', W']`
 * @throws {@link ShapeError} when the window does not fit
 * @example
 * ```ts
 * import { maxPool2d, toNested } from "@provably/core-tensor";
 *
 * toNested(maxPool2d([[[[1, 2], [3, 6]]]], 2)); // => [[[[6]]]]
 * ```
 * @category Networks
 */
export function maxPool2d(x: ArrayInput, kernel: number, options: PoolOptions = {}): NdArray {
  return max(windows("maxPool2d", x, kernel, options), { axis: -1 });
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
