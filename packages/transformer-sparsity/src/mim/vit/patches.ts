/** Images as sequences of patches, and where a patch is. */
import { type NdArray, ShapeError, array, reshape, transpose } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  checkOptions,
  type Guard,
  listOf,
  tensor,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { checkInteger } from "../internal/check.js";

/**
 * The patches of images: row by row, and inside a patch row by row with the channels last.
 *
 * @param images - shape `[N, H, W]` or `[N, C, H, W]`
 * @param patchSize - side $p$ of a patch, dividing `H` and `W`
 * @returns array of shape `[N, L, p · p · C]` with $L = HW/p^2$
 * @throws `ShapeError` when the patches do not fit
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { patchify } from "@provably/transformer-sparsity/mim";
 *
 * patchify(array([[[1, 2], [3, 4]]]), 1); // => [[[1], [2], [3], [4]]]
 * ```
 * @see He et al. (2022), "Masked autoencoders are scalable vision learners", section 3
 * @category Vision transformers
 */
export function patchify(images: NdArray, patchSize: number): NdArray {
  check("patchify", "images", images, tensor);
  checkInteger("patchify", "patchSize", patchSize, 1);
  const shape =
    images.shape.length === 3 ? [images.shape[0]!, 1, ...images.shape.slice(1)] : images.shape;
  const [n, channels, height, width] = shape;
  if (shape.length !== 4 || height! % patchSize !== 0 || width! % patchSize !== 0)
    throw new ShapeError(
      `patchify: images must be [N, H, W] or [N, C, H, W] with H and W divisible by patchSize ${patchSize}, got [${images.shape.join(", ")}]`,
    );
  const [rows, columns] = [height! / patchSize, width! / patchSize];
  const split = reshape(images, [n!, channels!, rows, patchSize, columns, patchSize]);
  return reshape(transpose(split, [0, 2, 4, 3, 5, 1]), [
    n!,
    rows * columns,
    patchSize * patchSize * channels!,
  ]);
}

/**
 * Options of {@link unpatchify}.
 * @category Vision transformers
 */
export interface UnpatchOptions {
  readonly channels?: number;
  readonly grid?: readonly [number, number];
}
const UNPATCH = {
  channels: wholeNumber(),
  grid: listOf(anyNumber, 2) as Guard<readonly [number, number]>,
};

/**
 * The images of patches: the inverse of {@link patchify}.
 *
 * @param patches - shape `[N, L, p · p · C]`
 * @param options - `channels`: C, default 1; `grid`: rows and columns of patches, default a square
 * @returns array of shape `[N, C, H, W]`
 * @throws `ShapeError` when the extents do not fit
 * @example
 * ```ts
 * import { arange, reshape } from "@provably/core-tensor";
 * import { patchify, unpatchify } from "@provably/transformer-sparsity/mim";
 *
 * const image = reshape(arange(16), [1, 1, 4, 4]);
 * unpatchify(patchify(image, 2)).get(0, 0, 3, 1); // => 13
 * ```
 * @category Vision transformers
 */
export function unpatchify(patches: NdArray, options: UnpatchOptions = {}): NdArray {
  check("unpatchify", "patches", patches, tensor);
  const { channels = 1, grid } = checkOptions<UnpatchOptions>("unpatchify", options, UNPATCH);
  const [n, length, size] = patches.shape;
  const side = Math.sqrt((size ?? 0) / channels);
  const [rows, columns] = grid ?? [Math.sqrt(length ?? 0), Math.sqrt(length ?? 0)];
  if (
    patches.shape.length !== 3 ||
    !Number.isInteger(side) ||
    rows * columns !== length ||
    !Number.isInteger(rows)
  )
    throw new ShapeError(
      `unpatchify: patches must be [N, L, p · p · ${channels}] on a grid of L, got [${patches.shape.join(", ")}] on ${rows} × ${columns}`,
    );
  const split = reshape(patches, [n!, rows, columns, side, side, channels]);
  return reshape(transpose(split, [0, 5, 1, 3, 2, 4]), [n!, channels, rows * side, columns * side]);
}

/**
 * The fixed position embedding of masked autoencoders: sines and cosines of the column, then of the row,
 * $[\sin(c\,\omega), \cos(c\,\omega), \sin(r\,\omega), \cos(r\,\omega)]$ with $\omega_i = 10000^{-i/(d/4)}$.
 *
 * @param dim - $d$, a multiple of 4
 * @param grid - rows and columns of patches
 * @returns array of shape `[rows · columns, d]`, float64
 * @throws `DomainError` when an extent is not positive; `ShapeError` when `dim` is not a multiple of 4
 * @example
 * ```ts
 * import { sinCosPositionEmbedding2d } from "@provably/transformer-sparsity/mim";
 *
 * sinCosPositionEmbedding2d(4, [1, 1]); // => [[0, 1, 0, 1]]
 * ```
 * @see He et al. (2022), "Masked autoencoders are scalable vision learners", appendix A
 * @category Vision transformers
 */
export function sinCosPositionEmbedding2d(dim: number, grid: readonly [number, number]): NdArray {
  const [rows, columns] = check("sinCosPositionEmbedding2d", "grid", grid, listOf(anyNumber, 2));
  for (const [name, value] of Object.entries({ dim, rows, columns }))
    checkInteger("sinCosPositionEmbedding2d", name, value, 1);
  if (rows * columns * dim > 2 ** 31)
    throw new ShapeError(
      `sinCosPositionEmbedding2d: dim must leave fewer than 2^31 numbers, got ${dim}`,
    );
  if (dim % 4 !== 0)
    throw new ShapeError(`sinCosPositionEmbedding2d: dim must be a multiple of 4, got ${dim}`);
  const quarter = dim / 4;
  const data = new Float64Array(rows * columns * dim);
  for (let p = 0; p < rows * columns; p++)
    for (let i = 0; i < quarter; i++) {
      const omega = 10000 ** (-i / quarter);
      const [across, down] = [(p % columns) * omega, Math.floor(p / columns) * omega];
      data[p * dim + i] = Math.sin(across);
      data[p * dim + quarter + i] = Math.cos(across);
      data[p * dim + 2 * quarter + i] = Math.sin(down);
      data[p * dim + 3 * quarter + i] = Math.cos(down);
    }
  return array(data, { shape: [rows * columns, dim], copy: false });
}
