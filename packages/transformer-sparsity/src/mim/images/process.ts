/** Images as a model takes them. */
import { DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  check,
  finiteNumber,
  listOf,
  nullable,
  oneOf,
  recordOf,
  recordWith,
  satisfying,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { ImageProcessor } from "./config.js";
import { type Bytes, cropBytes, resizeBytes } from "./resample.js";

/**
 * An image of bytes, row by row, the channels of a pixel together: one (grey), three, or four of which the last (opacity) is left out. `ImageData` of browsers is one.
 * @category Vision models
 */
export interface PixelImage {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** More pixels than this in a prepared image are refused. */
const MAX_PIXELS = 2 ** 26;

const edges = recordOf({ height: wholeNumber(), width: wholeNumber() });
const PROCESSOR = recordWith<ImageProcessor>({
  size: nullable(
    satisfying<NonNullable<ImageProcessor["size"]>>("a size as imageProcessor gives it", isSize),
  ),
  resample: oneOf("bilinear", "bicubic"),
  crop: nullable(edges) as never,
  rescaleFactor: finiteNumber,
  mean: nullable(listOf(finiteNumber)),
  std: nullable(listOf(finiteNumber)),
  convertRgb: trueOrFalse,
});
const IMAGE = recordWith<PixelImage>({
  height: wholeNumber(1, 2 ** 16),
  width: wholeNumber(1, 2 ** 16),
  data: satisfying(
    "a Uint8Array or a Uint8ClampedArray",
    (x) => x instanceof Uint8Array || x instanceof Uint8ClampedArray,
  ),
});

function isSize(x: unknown): boolean {
  const { shortestEdge, height, width } = (x ?? {}) as Record<string, unknown>;
  const edge = (n: unknown): boolean => Number.isInteger(n) && (n as number) > 0;
  return edge(shortestEdge) || (edge(height) && edge(width));
}

/**
 * The pixel values of an image as a model takes them, $(\text{factor} \cdot x - \text{mean}) / \text{std}$ of the resized and cropped image.
 *
 * Resizing is Pillow's, to the byte: filters widen when images shrink, rows come before columns, each rounded to bytes. A crop that is larger than the image puts zeros around it. What torchvision
 * computes differs by at most one grey level.
 *
 * @param processor - see {@link imageProcessor}
 * @param image - see {@link PixelImage}
 * @returns `[1, channels, height, width]`, float32
 * @throws `DomainError` when `image.data` does not fit its size, or the image has another number of channels than the processor; or when the result were too large
 * @example
 * ```ts
 * import { imageProcessor, processImage } from "@provably/transformer-sparsity/mim";
 *
 * const processor = imageProcessor({
 *   image_processor_type: "ViTImageProcessor", size: 1, resample: 2, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5],
 * });
 * const image = { height: 1, width: 2, data: Uint8Array.of(0, 255, 0, 0, 255, 0) };
 * processImage(processor, image); // => [[[[-1]], [[1]], [[-1]]]]
 * ```
 * @category Vision models
 */
export function processImage(processor: ImageProcessor, image: PixelImage): NdArray {
  const fn = "processImage";
  const { mean, std, rescaleFactor } = check(fn, "processor", processor, PROCESSOR);
  const { height, width, channels, data } = seenBytes(fn, processor, image);
  const of = (list: readonly number[] | null, name: string, none: number) => {
    if (list !== null && list.length !== 1 && list.length !== channels)
      throw new DomainError(
        `${fn}: the image has ${channels} channels, and ${name} of the processor ${list.length}`,
      );
    return (channel: number): number =>
      list === null ? none : list.length === 1 ? list[0]! : list[channel]!;
  };
  const [shift, divisor] = [of(mean, "mean", 0), of(std, "std", 1)];
  const size = height * width;
  const out = new Float32Array(channels * size);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < size; i++)
      out[c * size + i] = (data[i * channels + c]! * rescaleFactor - shift(c)) / divisor(c);
  return array(out, { shape: [1, channels, height, width], copy: false });
}

/**
 * The part of an image that a model sees, in bytes: resized and cropped as {@link processImage} does it, before anything else happens to it. What heat maps are drawn over.
 *
 * @param processor - see {@link imageProcessor}
 * @param image - see {@link PixelImage}
 * @returns image of one or three channels
 * @throws `DomainError` when `image.data` does not fit its size, or the result were too large
 * @example
 * ```ts
 * import { imageProcessor, seenImage } from "@provably/transformer-sparsity/mim";
 *
 * const processor = imageProcessor({ image_processor_type: "ViTImageProcessor", size: 1, resample: 2, do_normalize: false });
 * seenImage(processor, { height: 1, width: 2, data: Uint8Array.of(0, 100) }).data; // => Uint8Array.of(50)
 * ```
 * @category Vision models
 */
export function seenImage(processor: ImageProcessor, image: PixelImage): PixelImage {
  const fn = "seenImage";
  check(fn, "processor", processor, PROCESSOR);
  const { height, width, data } = seenBytes(fn, processor, image);
  return { height, width, data };
}

/** The image resized and cropped. */
function seenBytes(fn: string, processor: ImageProcessor, image: PixelImage): Bytes {
  const { size, crop, resample, convertRgb } = processor;
  const bytes = readImage(fn, image, convertRgb);
  const target =
    size === null ? bytes : "shortestEdge" in size ? keptRatio(bytes, size.shortestEdge) : size;
  for (const { height, width } of crop ? [target, crop] : [target])
    if (height * width > MAX_PIXELS)
      throw new DomainError(
        `${fn}: an image of ${height} × ${width} pixels would be made, more than ${MAX_PIXELS} in all`,
      );
  const resized = resizeBytes(bytes, target.height, target.width, resample === "bilinear" ? 2 : 3);
  return crop ? cropBytes(resized, crop.height, crop.width) : resized;
}

/** The image without opacity, in three channels where asked for. */
export function readImage(fn: string, image: PixelImage, rgb: boolean): Bytes {
  const { height, width, data } = check<PixelImage, PixelImage>(fn, "image", image, IMAGE);
  const channels = data.length / (height * width);
  if (![1, 3, 4].includes(channels))
    throw new DomainError(
      `${fn}: image.data must hold 1, 3 or 4 bytes a pixel of ${height} × ${width}, got ${data.length}`,
    );
  const kept = channels === 1 && !rgb ? 1 : 3;
  const out = new Uint8Array(height * width * kept);
  for (let i = 0; i < height * width; i++)
    for (let c = 0; c < kept; c++)
      out[i * kept + c] = data[i * channels + (channels === 1 ? 0 : c)]!;
  return { height, width, channels: kept, data: out };
}

/** The shorter edge as asked for, the longer one in its ratio, cut to whole pixels. */
function keptRatio({ height, width }: Bytes, edge: number): { height: number; width: number } {
  const long = Math.trunc((edge * Math.max(height, width)) / Math.min(height, width));
  return width <= height ? { height: long, width: edge } : { height: edge, width: long };
}
