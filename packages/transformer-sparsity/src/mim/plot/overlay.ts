/** Heat maps over images. */
import { type NdArray, DomainError, ShapeError, toTypedArray } from "@provably/core-tensor";
import {
  anyString,
  check,
  checkOptions,
  numberIn,
  positiveNumber,
  tensor,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { encode } from "fast-png";
import { type PixelImage, readImage } from "../images/process.js";
import { viridis } from "../internal/colour.js";
import { drawing, label, picture, rectangle } from "../internal/svg.js";

/**
 * Options of {@link plotHeatOverImage}.
 * @category Pictures
 */
export interface HeatOverImageOptions {
  /** Width of the picture; default 240. */
  readonly width?: number;
  /** How much of the image the largest number hides, from 0 to 1; default 0.85. */
  readonly opacity?: number;
  /** The number that gets the last colour; default the largest. */
  readonly high?: number;
  /** Colours run into each other; default false, where patches are squares. */
  readonly smooth?: boolean;
  /** A patch to outline, by its number row by row; default none. */
  readonly query?: number;
  readonly title?: string;
}

const OVER = {
  width: positiveNumber,
  opacity: numberIn(0, 1),
  high: positiveNumber,
  smooth: trueOrFalse,
  query: wholeNumber(0),
  title: anyString,
};

/**
 * Numbers over the grid of patches as a heat map over the image: the larger, the brighter and the more of the image it hides.
 *
 * @param image - what the model saw, see {@link seenImage}
 * @param heat - numbers from 0 on, `[rows, columns]`, such as {@link patchAttention} gives them
 * @param options - see {@link HeatOverImageOptions}
 * @returns an SVG document
 * @throws `ShapeError` when `heat` is not a matrix; `DomainError` for negative numbers, or a query outside the grid
 * @example
 * ```ts
 * import { eye } from "@provably/core-tensor";
 * import { plotHeatOverImage } from "@provably/transformer-sparsity/mim";
 *
 * const image = { height: 8, width: 8, data: new Uint8Array(64) };
 * plotHeatOverImage(image, eye(4), { title: "a diagonal" }).startsWith("<svg"); // => true
 * ```
 * @category Pictures
 */
export function plotHeatOverImage(
  image: PixelImage,
  heat: NdArray,
  options: HeatOverImageOptions = {},
): string {
  const fn = "plotHeatOverImage";
  const given = checkOptions<HeatOverImageOptions>(fn, options, OVER);
  const { width = 240, opacity = 0.85, smooth = false, query, title = "" } = given;
  const bytes = readImage(fn, image, true);
  const values = toTypedArray(check(fn, "heat", heat, tensor));
  const [rows, columns] = heat.shape as readonly [number, number];
  if (heat.shape.length !== 2 || heat.size === 0)
    throw new ShapeError(
      `${fn}: heat must be [rows, columns] and not empty, got [${heat.shape.join(", ")}]`,
    );
  let top = 0;
  values.forEach((value, i) => {
    if (!(value >= 0 && value < Infinity))
      throw new DomainError(`${fn}: heat must be finite and ≥ 0, element ${i} is ${value}`);
    top = Math.max(top, value);
  });
  if (query !== undefined && query >= rows * columns)
    throw new DomainError(`${fn}: query must be one of 0 … ${rows * columns - 1}, got ${query}`);
  const { high = top } = given;
  const height = (width * image.height) / image.width;
  const head = title === "" ? 0 : 24;
  const base = encode({
    width: image.width,
    height: image.height,
    data: bytes.data,
    channels: 3,
    depth: 8,
  });
  const shades = new Uint8Array(4 * values.length);
  values.forEach((value, i) => {
    const share = high > 0 ? Math.min(1, value / high) : 0;
    shades.set([...viridis(share), Math.round(255 * opacity * share)], 4 * i);
  });
  const over = encode({ width: columns, height: rows, data: shades, channels: 4, depth: 8 });
  const [wide, tall] = [width / columns, height / rows];
  const outline =
    query === undefined
      ? ""
      : rectangle(
          (query % columns) * wide + 1,
          head + Math.floor(query / columns) * tall + 1,
          wide - 2,
          tall - 2,
          'fill="none" stroke="#ff4d3d" stroke-width="2.5"',
        );
  const body =
    (title === "" ? "" : label(0, 15, title)) +
    picture(0, head, width, height, base) +
    picture(0, head, width, height, over, smooth) +
    outline;
  return drawing(width, head + height, title, body);
}
