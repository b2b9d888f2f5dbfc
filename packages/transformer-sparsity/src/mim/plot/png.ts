/** Pictures of numbers as PNG files, without a canvas. */
import { DomainError, type NdArray, ShapeError, toTypedArray } from "@provably/core-tensor";
import {
  check,
  checkOptions,
  listOf,
  nonNegativeNumber,
  tensor,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { encode } from "fast-png";
import { viridis } from "../internal/colour.js";

/**
 * Options of {@link heatmapPng}.
 * @category Pictures
 */
export interface HeatmapOptions {
  /** The number that gets the last colour; default the largest. */
  readonly high?: number;
  /** Side of a cell in pixels; default 1. */
  readonly scale?: number;
}

const HEATMAP = { high: nonNegativeNumber, scale: wholeNumber() };

/**
 * A matrix of numbers from 0 on as a coloured picture, dark for 0 and yellow for the largest.
 *
 * @param matrix - shape `[rows, columns]`
 * @param options - see {@link HeatmapOptions}
 * @returns the bytes of a PNG
 * @throws `ShapeError` when `matrix` is not a matrix
 * @example
 * ```ts
 * import { eye } from "@provably/core-tensor";
 * import { heatmapPng } from "@provably/transformer-sparsity/mim";
 *
 * [...heatmapPng(eye(4)).slice(1, 4)]; // => [80, 78, 71]
 * ```
 * @category Pictures
 */
export function heatmapPng(matrix: NdArray, options: HeatmapOptions = {}): Uint8Array {
  check("heatmapPng", "matrix", matrix, tensor);
  const { scale = 1 } = checkOptions<HeatmapOptions>("heatmapPng", options, HEATMAP);
  const [rows, columns] = matrix.shape;
  if (matrix.shape.length !== 2 || rows! * columns! === 0)
    throw new ShapeError(
      `heatmapPng: matrix must be [rows, columns] and not empty, got [${matrix.shape.join(", ")}]`,
    );
  const values = Float64Array.from(toTypedArray(matrix));
  const { high = values.reduce((a, b) => Math.max(a, b), 0) } = options;
  const [width, height] = [columns! * scale, rows! * scale];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const value = values[Math.floor(y / scale) * columns! + Math.floor(x / scale)]!;
      data.set(viridis(high > 0 ? value / high : 0), 3 * (y * width + x));
    }
  return encode({ width, height, data, channels: 3, depth: 8 });
}

/**
 * Options of {@link imageGridPng}.
 * @category Pictures
 */
export interface ImageGridOptions {
  readonly scale?: number;
  readonly gap?: number;
}
const IMAGES = { scale: wholeNumber(), gap: wholeNumber(0) };

/**
 * Rows of grey images side by side, white on black for values from 0 to 1.
 *
 * @param rows - each a stack of images `[N, H, W]` or `[N, 1, H, W]`, all of one size
 * @param options - `scale`: side of a pixel, default 2; `gap`: pixels between images, default 2
 * @returns the bytes of a PNG
 * @throws `ShapeError` when images differ in size, `DomainError` when there are none
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { imageGridPng } from "@provably/transformer-sparsity/mim";
 *
 * imageGridPng([zeros([3, 8, 8]), zeros([3, 8, 8])]).length > 0; // => true
 * ```
 * @category Pictures
 */
export function imageGridPng(rows: readonly NdArray[], options: ImageGridOptions = {}): Uint8Array {
  check("imageGridPng", "rows", rows, listOf(tensor));
  const { scale = 2, gap = 2 } = checkOptions<ImageGridOptions>("imageGridPng", options, IMAGES);
  const [h, w] = (rows[0]?.shape.slice(-2) ?? []) as [number, number];
  if (h === undefined || rows.every((row) => row.size === 0))
    throw new DomainError("imageGridPng: rows must hold at least one image");
  rows.forEach((row, r) => {
    const [rh, rw] = row.shape.slice(-2);
    const channels = row.shape.length === 4 ? row.shape[1] : 1;
    if (
      (row.shape.length !== 3 && row.shape.length !== 4) ||
      channels !== 1 ||
      rh !== h ||
      rw !== w
    )
      throw new ShapeError(
        `imageGridPng: rows[${r}] must be [N, ${h}, ${w}] or [N, 1, ${h}, ${w}], got [${row.shape.join(", ")}]`,
      );
  });
  const columns = Math.max(...rows.map((row) => row.shape[0]!));
  const [width, height] = [
    columns * (w * scale + gap) + gap,
    rows.length * (h * scale + gap) + gap,
  ];
  const data = new Uint8Array(width * height).fill(255);
  rows.forEach((row, r) => {
    const pixels = toTypedArray(row);
    for (let n = 0; n < row.shape[0]!; n++)
      for (let y = 0; y < h * scale; y++)
        for (let x = 0; x < w * scale; x++) {
          const value = pixels[(n * h + Math.floor(y / scale)) * w + Math.floor(x / scale)]!;
          data[(gap + r * (h * scale + gap) + y) * width + gap + n * (w * scale + gap) + x] =
            Math.round(255 * Math.min(1, Math.max(0, value)));
        }
  });
  return encode({ width, height, data, channels: 1, depth: 8 });
}
