/** Many images in one. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  array,
  asType,
  toTypedArray,
} from "@provably/core-tensor";
import { anyNumber, checkOptions, wholeNumber } from "@provably/core-tensor/internal";

const OPTIONS = {
  columns: wholeNumber(1),
  gap: wholeNumber(0),
  background: anyNumber,
  scale: wholeNumber(1),
};

/**
 * Options of {@link imageGrid}.
 * @category Images
 */
export interface GridOptions {
  /** Images in a row; default as many as make the grid square. */
  readonly columns?: number;
  /** Pixels between and around images; default 1. */
  readonly gap?: number;
  /** Value between images and where one is missing; default 1. */
  readonly background?: number;
  /** Side of the square that each pixel becomes; default 1. */
  readonly scale?: number;
}

/**
 * Equally large images side by side, row by row, as one image.
 *
 * @param images - shape `[n, height, width]` or `[n, channels, height, width]`
 * @param options - see {@link GridOptions}
 * @returns float32 image `[height, width]` or `[channels, height, width]`
 * @throws `ShapeError` for another shape
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { imageGrid } from "@provably/score-diffusion";
 *
 * imageGrid(zeros([6, 28, 28]), { columns: 3 }).shape; // => [59, 88]
 * ```
 * @category Images
 */
export function imageGrid(images: ArrayInput, options: GridOptions = {}): NdArray {
  const x = asType(images, "float32");
  const grey = x.shape.length === 3;
  const [n, channels, height, width] = (
    grey ? [x.shape[0], 1, x.shape[1], x.shape[2]] : x.shape
  ) as [number, number, number, number];
  if ((!grey && x.shape.length !== 4) || x.size === 0)
    throw new ShapeError(
      `imageGrid: images must be [n, height, width] or [n, channels, height, width], not empty, got [${x.shape.join(", ")}]`,
    );
  const {
    columns = Math.ceil(Math.sqrt(n)),
    gap = 1,
    background = 1,
    scale = 1,
  } = checkOptions("imageGrid", options, OPTIONS);
  const [down, across] = [height * scale + gap, width * scale + gap];
  const [tall, wide] = [Math.ceil(n / columns) * down + gap, columns * across + gap];
  const data = toTypedArray<"float32">(x);
  const out = new Float32Array(channels * tall * wide).fill(background);
  for (let i = 0; i < n; i++) {
    const [top, left] = [gap + Math.floor(i / columns) * down, gap + (i % columns) * across];
    for (let c = 0; c < channels; c++)
      for (let row = 0; row < height * scale; row++)
        for (let column = 0; column < width * scale; column++)
          out[(c * tall + top + row) * wide + left + column] =
            data[
              ((i * channels + c) * height + Math.floor(row / scale)) * width +
                Math.floor(column / scale)
            ]!;
  }
  return array(out, { shape: grey ? [tall, wide] : [channels, tall, wide] });
}
